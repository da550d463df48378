"""Write the rows of a DuckDB query into an account, or the examples into the demo account: `make activate`.

The environment says what to do: QUERY, OBJECT (such as contacts or contact_tags) and MODE (upsert, update,
insert or delete; without it, upsert or what the configuration says). It can name other places, too: CONFIG
(secrets/destination.json), DUCKDB (activecampaign.duckdb, which queries can read) and CACHE (.cache).
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from accounts import DEMO_REQUESTS_PER_SECOND, account_of_demo, account_of_file, demo_emulator
from activation import query
from activation.destination import MODES, Activation, WritingScreen, catalog_of, with_mode, write
from activation.report import report
from activation.rows import schema_of
from terminal import ROOT, SIGNALS, Problem, counted, place, shown

USAGE = """make activate QUERY="SELECT email, first_name FROM 'customers.csv'" OBJECT=contacts"""
# What is written where nothing is asked for: object and query.
EXAMPLES = {
    "contacts": "SELECT * REPLACE (string_split(tags, ';') AS tags, string_split(lists, ';') AS lists, "
    "string_split(interests, ';') AS interests) FROM 'examples/contacts.csv'",
    "contact_tags": "FROM 'examples/contact_tags.csv'",
    "contact_lists": "FROM 'examples/contact_lists.csv'",
    "accounts": "SELECT * REPLACE (string_split(modules, ';') AS modules) FROM 'examples/accounts.csv'",
    "events": "FROM 'examples/events.csv'",
}


@dataclass(frozen=True)
class Places:
    """Where a call leaves things: `private` is gone in the end, `kept` stays where somebody may want to look at it."""

    private: Path
    kept: Path
    log: IO[str]


def asked_for(environment: Mapping[str, str]) -> tuple[str, str, str]:
    """QUERY, OBJECT and MODE; all empty where nothing is asked for. Raises Problem where one is missing or wrong."""
    text, name, mode = (environment.get(variable, "").strip() for variable in ("QUERY", "OBJECT", "MODE"))
    if mode and mode not in MODES:
        raise Problem(f"There is no MODE {mode}. The modes are: {', '.join(MODES)}.")
    if text and not name:
        raise Problem(f"OBJECT has to say what the rows of QUERY are: {USAGE}")
    if not text and (name or mode):
        raise Problem(f"QUERY has to say which rows are written: {USAGE}")
    return text, name, mode


def activate(
    text: str, name: str, config: Mapping[str, Any], places: Places, screen: WritingScreen, database: Any
) -> Activation | None:
    """Run a query, and write its rows to an object; None where it has none. Raises Problem.

    Nothing is written before the query is through, so that one that fails in the middle writes nothing at all.
    """
    with tempfile.TemporaryFile(dir=places.private) as lines:
        with screen.phase("Running the query"):
            result = query.run(database, text, name)
            for _ in result.write(lines):
                screen.beat()
        if not result.written:
            screen.say(f"The query has no rows: there is nothing to write to {name}.")
            return None
        screen.say(f"  {name}: {counted(result.written, 'row')} ...")
        lines.seek(0)
        one = Activation(name, result.written)
        with screen.phase(f"Writing {name}"):
            write(one, lines, config, catalog_of(name, schema_of(result.types)), places.private, places.log, screen)
        return one


def ended(activations: list[Activation], places: Places, screen: WritingScreen) -> int:
    """Say what was done, and return the exit status: 0 only when every row was written or rejected."""
    if not activations:
        return 0
    last = activations[-1]
    if any(one.summary for one in activations):
        report(activations, screen.say)
    if last.is_complete:
        return 0
    acknowledged = f"{last.acknowledged:,} of {counted(last.rows, 'row')} are acknowledged as written"
    again = "It is safe to run the same again: what is there already stays as it is."
    if last.interrupted:
        screen.say(f"Interrupted: {acknowledged}, and further ones may be. {again}")
        return 130
    otherwise = f"The destination ended early, with status {last.exit_status}."
    screen.say(" ".join(dict.fromkeys(last.errors)) or otherwise)
    if last.summary:
        screen.say(f"{acknowledged}. {again} The log is {shown(Path(places.log.name))}.")
    return 1


def write_examples(config: Mapping[str, Any], places: Places, screen: WritingScreen, database: Any) -> int:
    """Write the examples twice, to show what the second time does. Raises Problem."""
    os.chdir(ROOT)
    for number in range(2):
        if number:
            screen.say("The same again:")
        activations = []
        for name, text in EXAMPLES.items():
            if not number:
                screen.say(f'make activate OBJECT={name} QUERY="{text}"')
            if one := activate(text, name, config, places, screen, database):
                activations.append(one)
            if not one or not one.is_complete:
                break
        if status := ended(activations, places, screen):
            return status
    return 0


def run(screen: WritingScreen, stack: contextlib.ExitStack, places: Places) -> int:
    """Write what is asked for, and return the exit status. Raises Problem."""
    text, name, mode = asked_for(os.environ)
    config_file = place("CONFIG", "secrets/destination.json")
    is_demo = "CONFIG" not in os.environ and not config_file.exists()
    if not text and not is_demo:
        raise Problem(f"QUERY has to say which rows are written into the account: {USAGE}")
    database, problem = stack.enter_context(query.opened(place("DUCKDB", "activecampaign.duckdb"), places.private))
    if problem:
        screen.say(problem)
    if is_demo:
        screen.say(f"There is no {shown(config_file)}: writing into the demo account, which is new each time")
        screen.say(f"(at {DEMO_REQUESTS_PER_SECOND} requests per second; ActiveCampaign allows 5)")
        with screen.phase("Starting the emulator"):
            account = account_of_demo(stack.enter_context(demo_emulator(places.log)))
        config = {**account.config, **account.tracking, "compare": "always"}
    else:
        account = account_of_file(config_file)
        screen.say(f"Writing into {account.owner}")
        config = dict(account.config)
    config["rejected_records"] = config.get("rejected_records") or str(places.kept)
    if not text:
        return write_examples(config, places, screen, database)
    one = activate(text, name, with_mode(config, name, mode), places, screen, database)
    return ended([one] if one else [], places, screen)


def main() -> int:
    """Write, and return the exit status: 0 only when every row was written, or rejected by a rule."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    screen = WritingScreen()
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    folder = place("CACHE", ".cache") / "activate"
    folder.mkdir(parents=True, exist_ok=True)
    kept = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=folder))
    log_file, status = kept / "activate.log", 1
    with contextlib.ExitStack() as stack:
        private = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        log = stack.enter_context(log_file.open("w"))
        try:
            status = run(screen, stack, Places(private, kept, log))
        except Problem as problem:
            screen.say(str(problem))
        except KeyboardInterrupt:
            screen.say("Interrupted.")
            status = 130
        except Exception as error:
            traceback.print_exc(file=log)
            screen.say(f"It stopped: {str(error).strip().partition(chr(10))[0] or type(error).__name__}")
            screen.say(f"The details are in {shown(log_file)}.")
    if not status or not log_file.stat().st_size:
        log_file.unlink()
    with contextlib.suppress(OSError):  # what was rejected stays
        kept.rmdir()
    return status


if __name__ == "__main__":
    sys.exit(main())
