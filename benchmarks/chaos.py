"""The scenario `chaos`: many small accounts, each read while much of what can go wrong does.

One seed is one account and all that is done with it: chaos_plan says what, this module does it, and chaos_judge says
what is wrong with what came out.
"""

import multiprocessing
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from statistics import median
from tempfile import mkdtemp
from typing import Any

import orjson
import requests

from benchmarks.chaos_judge import Witness, disagreements, kept, states_after
from benchmarks.chaos_plan import BAD_STATE, BROKEN, CHANGES, KILLED, PACE, TROUBLES, Plan, family_of, path_of, plan_of
from benchmarks.measure import Server, lines, run
from emulator import Account, Emulator, Fault
from integration_tests.source.account_rows import STREAMS, is_per_contact
from integration_tests.source.connector import JsonObject, Output, configured

# Seconds after which a seed counts as hung: a contact that fails for good takes 50 of them in each read.
LIMIT = 180
SEEDS_AT_A_TIME = 2


UnknownSentences = Callable[[Sequence[JsonObject]], list[str]]
"""The sentences of a connector's messages that users find explained nowhere."""


@dataclass
class Stream:
    """What became of one stream of a seed."""

    name: str
    rows: int
    complete: bool
    lost: list[str]
    invented: list[str]


@dataclass
class Result:
    """What became of one seed; `met` counts how often each trouble was met."""

    seed: int
    troubles: list[str]
    streams: list[Stream] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    wrong_ends: list[str] = field(default_factory=list)
    hung: bool = False
    seconds: float = 0.0

    def findings(self) -> list[str]:
        """Everything that should not be, a line each."""
        return [
            *(["it hung"] if self.hung else []),
            *(f"lost: {_some(stream.lost)}" for stream in self.streams if stream.lost),
            *(f"invented: {_some(stream.invented)}" for stream in self.streams if stream.invented),
            *(f"ended wrongly: {one}" for one in self.wrong_ends),
            *(f"unknown sentence: {one}" for one in self.unknown),
        ]


def _some(found: Sequence[str], most: int = 5) -> str:
    """The first of them, and how many more there are."""
    more = f"; and {len(found) - most} more" if len(found) > most else ""
    return "; ".join(found[:most]) + more


# ---- one read -------------------------------------------------------------------------------------------------------


@dataclass
class Read:
    """What one run of the connector's command `read` said, and how it was ended, where it did not end by itself."""

    output: Output
    killed: bool
    hung: bool


def read(
    command: str,
    files: Mapping[str, Any],
    folder: Path,
    *,
    until: float,
    kill_after: int = 0,
    bytes_per_second: float | None = None,
) -> Read:
    """Read, kill -9 after so many messages (0: never), and at the latest `until`, a moment of the monotonic clock.

    The arguments, stdout and stderr are left in the folder.
    """
    arguments = [*shlex.split(command), "read"]
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_bytes(orjson.dumps(content))
        arguments += [f"--{name}", str(path)]
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=stderr, bufsize=0)  # noqa: S603
    assert process.stdout  # noqa: S101 - asked for above
    hung = threading.Event()

    def give_up() -> None:
        hung.set()
        process.kill()

    watchdog = threading.Timer(max(0.0, until - time.monotonic()), give_up)
    watchdog.start()
    said: list[bytes] = []
    for line in lines(process.stdout.fileno(), bytes_per_second):
        said.append(line)
        if len(said) == kill_after:
            process.kill()
    process.stdout.close()
    exit_code = process.wait()
    watchdog.cancel()
    (folder / "stdout").write_bytes(b"\n".join(said))
    killed = exit_code == -signal.SIGKILL
    messages, rest = _parsed(said[:-1] if killed else said)  # the last line may be half a one
    text = rest + (folder / "stderr").read_text(errors="replace")
    return Read(Output(exit_code, text, messages), killed, hung.is_set())


def _parsed(said: Sequence[bytes]) -> tuple[list[JsonObject], str]:
    """The messages, and what is none."""
    messages, rest = [], ""
    for line in said:
        try:
            messages.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            rest += line.decode(errors="replace") + "\n"
    return messages, rest


# ---- one seed -------------------------------------------------------------------------------------------------------


def run_seed(
    plan: Plan, command: str, catalog: Sequence[JsonObject], unknown_sentences: UnknownSentences, folder: Path
) -> Result:
    """Read the plan's account to the end, going on from the last state where a read was killed or streams failed."""
    result, began = Result(plan.seed, plan.troubles), time.monotonic()
    account = Account.unflattering(**plan.account) if plan.unflattering else Account("chaos", **plan.account)
    contacts = sorted(account.ids("contacts"))
    chosen = Random(plan.seed)
    broken = chosen.sample(contacts, min(plan.broken_contacts, len(contacts)))
    # The contact itself, or all that is listed below it.
    place = chosen.choice(["", "/*"])
    lasting = [*plan.lasting, *((BROKEN, Fault("500", f"/contacts/{one}{place}")) for one in broken)]
    with Emulator(account, **plan.settings) as emulator:
        partial = plan.config["deals_access"] == "partial"
        narrow = {"deals": ("id", "title")} if partial else {}
        witness = Witness(
            account, plan.streams, plan.right, broken=broken, narrow=narrow, rows_change=bool(plan.changes)
        )
        emulator.settings.faults = [fault for _, fault in (*plan.passing, *lasting)]
        files = {
            "config": {"api_url": emulator.url, "api_key": emulator.keys[plan.right], **plan.config},
            "catalog": configured(catalog, *plan.streams, full_refresh=plan.full_refresh),
        }
        outputs = []
        with _changes(emulator, plan, result):
            for output in _reads(plan, command, files, folder, result, began + LIMIT):
                outputs.append(output)
                if output.exit_code != -signal.SIGKILL:
                    # What passes has passed.
                    emulator.settings.faults = [fault for _, fault in lasting]
        witness.look_again()
        for trouble, fault in (*plan.passing, *lasting):
            result.met[trouble] += fault.hits
    if not result.hung:
        result.streams = [_judged(stream, outputs, witness, plan) for stream in plan.streams]
        result.unknown = unknown_sentences([message for output in outputs for message in output.messages])
    result.unknown += [output.text for output in outputs if output.text.strip()]
    result.seconds = time.monotonic() - began
    return result


@contextmanager
def _changes(emulator: Emulator, plan: Plan, result: Result) -> Iterator[None]:
    """Change rows meanwhile, where the plan says so."""
    if not plan.changes:
        yield
        return
    url = f"{emulator.url}/_emulator/mutate"
    requests.post(url, json=plan.changes, timeout=30).raise_for_status()
    yield
    report = requests.get(url, params={"ids": "false"}, timeout=30).json()
    if not report["running"]:
        raise RuntimeError(
            f"seed {plan.seed}: the emulator could not go on changing rows after {report['steps']} steps"
        )
    requests.delete(url, params={"ids": "false"}, timeout=30).raise_for_status()
    result.met[CHANGES] = report["steps"]


def _reads(plan: Plan, command: str, files: JsonObject, folder: Path, result: Result, until: float) -> Iterator[Output]:
    """What each read said: those that are killed, one that is not, and another one where streams failed in that."""
    states: dict[str, JsonObject] = {}
    if plan.bad_state:
        stream, state = plan.bad_state
        states[stream] = {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": stream}, "stream_state": state},
        }
        result.met[BAD_STATE] += 1
    for number, kill_after in enumerate([*plan.kills, 0, 0], 1):
        place = folder / f"read {number}"
        place.mkdir(parents=True)
        with_state = {"state": list(states.values())} if states else {}
        one = read(
            command,
            {**files, **with_state},
            place,
            until=until,
            kill_after=kill_after,
            bytes_per_second=plan.bytes_per_second,
        )
        result.hung = one.hung
        yield one.output
        if one.hung:
            return
        states = states_after(one.output, states)
        if one.killed:
            result.met[KILLED] += 1
            continue
        result.wrong_ends += disagreements(one.output, plan.streams)
        failed = [stream for stream in plan.streams if _fails_without_reason(stream, one.output, plan)]
        if not failed:
            return
    result.wrong_ends += [f"{stream} fails when nothing goes wrong any more" for stream in failed]


def _fails_without_reason(stream: str, output: Output, plan: Plan) -> bool:
    """Whether it does not end well, although everything that lasts lets it."""
    return output.statuses.get(stream) != "COMPLETE" and not (
        _is_forbidden(stream, output, plan) or _misses_contacts(stream, output, plan)
    )


def _is_forbidden(stream: str, output: Output, plan: Plan) -> bool:
    """Whether it may not be read, and says so."""
    hit = plan.forbidden and fnmatchcase(path_of(stream), path_of(plan.forbidden))
    only_for_administrators = stream not in STREAMS and plan.right != "full"
    return bool(hit or only_for_administrators) and any(
        error["stream"] == stream and error["failure_type"] == "config_error" for error in output.errors
    )


def _misses_contacts(stream: str, output: Output, plan: Plan) -> bool:
    """Whether the rows of single contacts cannot be read, and it says so."""
    if not plan.broken_contacts or stream not in STREAMS or not is_per_contact(stream):
        return False
    return any(error["stream"] == stream and error["message"].startswith("The rows of") for error in output.errors)


def _judged(stream: str, outputs: Sequence[Output], witness: Witness, plan: Plan) -> Stream:
    pairs = [kept(output, stream) for output in outputs]
    safe, others = ([row for pair in pairs for row in pair[place]] for place in (0, 1))
    findings = witness.findings(stream, safe, others)
    last = outputs[-1]
    is_complete = last.statuses.get(stream) == "COMPLETE"
    lost = [] if _is_forbidden(stream, last, plan) else findings.lost
    return Stream(stream, len(safe) + len(others), is_complete, list(lost), list(findings.invented))


# ---- all seeds ------------------------------------------------------------------------------------------------------


def run_seeds(
    seeds: Sequence[int], command: str, unknown_sentences: UnknownSentences, *, keep: bool = False
) -> list[Result]:
    """What became of these seeds, two at a time. What is found is said on stderr as it comes.

    The arguments and the output of every read are kept where something was found, or everywhere with `keep`.
    """
    plans = [plan_of(seed) for seed in seeds]
    catalogs = {kind: discovered(command, *kind) for kind in dict.fromkeys(map(_kind_of_catalog, plans))}
    folder = Path(mkdtemp(prefix="chaos-"))
    results = []
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(SEEDS_AT_A_TIME, mp_context=spawning) as executor:
        under_way = {
            executor.submit(
                _run_planned,
                plan.seed,
                command,
                catalogs[_kind_of_catalog(plan)],
                unknown_sentences,
                folder / f"seed {plan.seed}",
            )
            for plan in plans
        }
        for done in as_completed(under_way):
            result = done.result()
            results.append(result)
            _say(result, folder)
            if not (keep or result.findings()):
                shutil.rmtree(folder / f"seed {result.seed}")
    with suppress(OSError):
        folder.rmdir()
    return sorted(results, key=lambda one: one.seed)


def _run_planned(
    seed: int, command: str, catalog: list[JsonObject], unknown_sentences: UnknownSentences, folder: Path
) -> Result:
    # Planned again where it is done: what dates say of the next seconds is to be true.
    return run_seed(plan_of(seed), command, catalog, unknown_sentences, folder)


def _kind_of_catalog(plan: Plan) -> tuple[str, str]:
    return plan.config["custom_fields"], plan.config["deals_access"]


def discovered(command: str, custom_fields: str, deals_access: str) -> list[JsonObject]:
    """The catalog with these settings; it is the same for every account here."""
    with Server({}, {"rate_limit_window": "off"}) as server:
        config = {"api_url": server.url, "api_key": server.api_key, "requests_per_second": PACE}
        config |= {"custom_fields": custom_fields, "deals_access": deals_access}
        return run(command, "discover", {"config": config}).catalog


def _say(result: Result, folder: Path) -> None:
    rows = sum(stream.rows for stream in result.streams)
    what = f"seed {result.seed}: {len(result.streams)} streams, {rows} rows, {result.seconds:.1f} s"
    print(f"{what}, {', '.join(result.troubles)}", file=sys.stderr, flush=True)
    for finding in result.findings():
        print(f"  {finding} ({folder / f'seed {result.seed}'})", file=sys.stderr, flush=True)


# ---- the table ------------------------------------------------------------------------------------------------------

HEADER = (
    *("", "seeds", "streams read", "ended with an error", "faults met", "rows", "rows lost", "rows invented"),
    *("unknown sentences", "ends that disagree", "hung", "median s", "longest s"),
)


def table_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """A line for all seeds, one for those of each trouble, and one for the streams of each family."""
    troubles = [one for one in TROUBLES if any(one in result.troubles for result in results)]
    families = dict.fromkeys(family_of(stream.name) for result in results for stream in result.streams)
    return [
        _line("everything", results, sum(result.met.total() for result in results)),
        *(_line_of_trouble(trouble, results) for trouble in troubles),
        *(_line_of_family(family, results) for family in families),
    ]


def _line_of_trouble(trouble: str, results: Sequence[Result]) -> tuple[str, ...]:
    mixed_in = [result for result in results if trouble in result.troubles]
    return _line(trouble, mixed_in, sum(result.met[trouble] for result in mixed_in))


def _line(label: str, results: Sequence[Result], met: int) -> tuple[str, ...]:
    streams = [stream for result in results for stream in result.streams]
    seconds = [result.seconds for result in results]
    return (
        label,
        f"{len(results)}",
        *_of_streams(streams, f"{met:,}" if met else "-"),
        f"**{sum(len(result.unknown) for result in results)}**",
        f"**{sum(len(result.wrong_ends) for result in results)}**",
        f"**{sum(result.hung for result in results)}**",
        f"{median(seconds):.0f}",
        f"{max(seconds):.0f}",
    )


def _line_of_family(family: str, results: Sequence[Result]) -> tuple[str, ...]:
    found = {
        result.seed: streams
        for result in results
        if (streams := [one for one in result.streams if family_of(one.name) == family])
    }
    streams = [stream for streams in found.values() for stream in streams]
    return (f"streams: {family}", f"{len(found)}", *_of_streams(streams, "-"), *("-",) * 5)


def _of_streams(streams: Sequence[Stream], met: str) -> tuple[str, ...]:
    return (
        f"{len(streams)}",
        f"{sum(not stream.complete for stream in streams)}",
        met,
        f"{sum(stream.rows for stream in streams):,}",
        f"**{sum(len(stream.lost) for stream in streams)}**",
        f"**{sum(len(stream.invented) for stream in streams)}**",
    )
