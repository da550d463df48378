"""Sync an ActiveCampaign account, or the demo account, into a local DuckDB file through PyAirbyte: `make sync`.

PyAirbyte runs the connector, keeps its state in the DuckDB file and appends what it reads; this script picks the
account, shows the progress, and leaves one row per key in every table. The environment can name other places:
CONFIG (secrets/config.json), DUCKDB (activecampaign.duckdb) and CACHE (.cache).
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
from accounts import DEMO, DEMO_REQUESTS_PER_SECOND, Account, account_of_demo, account_of_file, demo_emulator
from terminal import ROOT, SIGNALS, Problem, Screen, counted, place, shown

CONNECTOR = ROOT / ".venv" / "bin" / "source-activecampaign"
# What the file holds is written into it, so that two accounts never mix in one file.
OWNER = "_synced_account"
# What the connector logs when it is through with a stream.
STATISTICS = re.compile(r"Stream (?P<name>\S+): \d+ records in (?P<requests>\d+) requests?, [\d.]+ s")
TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?")


@dataclass
class Progress:
    """What is known of one stream while it is read."""

    rows: int = 0
    requests: int | None = None
    began: float | None = None
    ended: float | None = None
    complete: bool = False
    error: str = ""

    @property
    def running(self) -> bool:
        return self.began is not None and self.ended is None

    @property
    def seconds(self) -> float | None:
        """How long it took so far; None before it began."""
        return None if self.began is None else (self.ended or time.monotonic()) - self.began


class SyncScreen(Screen):
    """A line per finished stream, and on a terminal a live view of the running ones."""

    def __init__(self, streams: Mapping[str, Progress]) -> None:
        # What is shown, from the very beginning.
        self._streams = streams
        super().__init__()

    def ended(self, name: str) -> None:
        one = self._streams[name]
        outcome = "" if one.complete else "  did not finish"
        self.say(f"  {name}: {counted(one.rows, 'row')}, {one.seconds or 0:.1f} s{outcome}")

    def summary(self) -> str:
        done = sum(one.ended is not None for one in self._streams.values())
        rows = sum(one.rows for one in self._streams.values())
        counts = f"{done} of {len(self._streams)} streams, {counted(rows, 'row')}, " if self._streams else ""
        return f"{counts}{super().summary()}"

    def view(self) -> str:
        running = [(name, one) for name, one in self._streams.items() if one.running]
        lines = [f"  {name}: {one.rows:,} rows ..." for name, one in running[: self.console.height - 3]]
        ended = self._streams and all(one.ended is not None for one in self._streams.values())
        return "\n".join([*lines, f"{'Storing' if ended else self.phase_name}: {self.summary()}"])


def fits_timestamp(value: Any) -> bool:
    with contextlib.suppress(ValueError):
        match = TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
        return match is not None and bool(datetime.fromisoformat(match[1]))
    return False


def fits_date(value: Any) -> bool:
    with contextlib.suppress(ValueError):
        return isinstance(value, str) and len(value) == 10 and bool(date.fromisoformat(value))
    return False


def fits_integer(value: Any) -> bool:
    return isinstance(value, int) and abs(value) < 2**63


def fits_number(value: Any) -> bool:
    # PyAirbyte stores them with 29 digits before the decimal point
    return isinstance(value, (int, float)) and abs(value) < 10**29


def fits_boolean(value: Any) -> bool:
    return isinstance(value, bool)


FITS: Mapping[str, Callable[[Any], bool]] = {
    "date-time": fits_timestamp,
    "date": fits_date,
    "integer": fits_integer,
    "number": fits_number,
    "boolean": fits_boolean,
}


def typed_columns(json_schema: Mapping[str, Any]) -> dict[str, Callable[[Any], bool]]:
    """For each column that DuckDB is strict about, whether a value that is not null fits it."""
    found = {}
    for name, column in json_schema.get("properties", {}).items():
        kinds = [column.get("type")] if isinstance(column.get("type"), str) else column.get("type", [])
        kinds = [kind for kind in kinds if kind != "null"]
        kind = column.get("format") if kinds == ["string"] else kinds[0] if len(kinds) == 1 else None
        if kind in FITS:
            found[name] = FITS[kind]
    return found


@dataclass
class Observer:
    """Reads along what the connector tells PyAirbyte."""

    streams: dict[str, Progress] = field(default_factory=dict)
    columns: dict[str, dict[str, Callable[[Any], bool]]] = field(default_factory=dict)
    misfits: Counter[str] = field(default_factory=Counter)
    refusal: str = ""
    errors: list[str] = field(default_factory=list)
    exit_status: int = 0
    interrupted: bool = False
    screen: SyncScreen = field(init=False)

    def __post_init__(self) -> None:
        self.screen = SyncScreen(self.streams)

    def attach(self, source: Any) -> None:
        """Get to see every line of the connector, and keep the exit status of its reads from PyAirbyte.

        PyAirbyte stores nothing at all when the connector's exit status is not 0, though that only says that one
        of the streams failed, or that the user interrupted it. What came until then is good, and its state
        covers no more than that. So PyAirbyte may store it, and the failed streams are reported by us.
        """
        from airbyte.exceptions import AirbyteSubprocessFailedError  # noqa: PLC0415

        run = source.executor.execute

        def execute(arguments: list[str], **options: Any) -> Iterator[str]:
            lines = run(arguments, **{**options, "suppress_stderr": True})
            try:
                for line in lines:
                    yield self._observe(line)
                    if self.interrupted:
                        break
                lines.close()
            except AirbyteSubprocessFailedError as error:
                self.exit_status = error.exit_code or 1
                if arguments[0] != "read":
                    raise

        source.executor.execute = execute

    @contextlib.contextmanager
    def keeping_what_came(self) -> Iterator[None]:
        """Let an interrupt end the read at its next message; a second one stops everything."""

        def interrupt(number: int, _frame: object) -> None:
            self.interrupted = True
            signal.signal(number, signal.default_int_handler)

        before = {number: signal.signal(number, interrupt) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _observe(self, line: str) -> str:
        """The line for PyAirbyte: as it came, but for values that DuckDB would refuse."""
        self.screen.beat()
        try:
            message = json.loads(line)
            kind = message["type"]
        except (ValueError, TypeError, KeyError):
            return line
        if kind == "RECORD":
            record = message["record"]
            self._stream(record["stream"]).rows += 1
            if self._without_misfits(record["stream"], record["data"]):
                return json.dumps(message) + "\n"
        elif kind == "LOG" and (match := STATISTICS.search(message["log"]["message"])):
            self._stream(match["name"]).requests = int(match["requests"])
        elif kind == "CONNECTION_STATUS" and message["connectionStatus"]["status"] == "FAILED":
            self.refusal = message["connectionStatus"].get("message") or "The check failed."
        elif kind == "TRACE" and message["trace"]["type"] == "STREAM_STATUS":
            status = message["trace"]["stream_status"]
            self._status(status["stream_descriptor"]["name"], status["status"])
        elif kind == "TRACE" and message["trace"]["type"] == "ERROR":
            error = message["trace"]["error"]
            name = (error.get("stream_descriptor") or {}).get("name")
            if name:
                self._stream(name).error = error["message"]
            else:
                self.errors.append(error["message"])
        return line

    def _without_misfits(self, stream: str, data: dict[str, Any]) -> bool:
        """Whether a value had to become null, as Airbyte's own destinations do it.

        One value that does not fit its column would otherwise keep PyAirbyte from storing anything.
        """
        found = False
        for name, fits in self.columns.get(stream, {}).items():
            value = data.get(name)
            if value is not None and not fits(value):
                data[name] = None
                self.misfits[f"{stream}.{name}"] += 1
                found = True
        return found

    def _status(self, name: str, status: str) -> None:
        one = self._stream(name)
        if status == "STARTED":
            one.began = one.began or time.monotonic()
        elif status in ("COMPLETE", "INCOMPLETE") and one.ended is None:
            one.ended = time.monotonic()
            one.complete = status == "COMPLETE"
            self.screen.ended(name)

    def _stream(self, name: str) -> Progress:
        return self.streams.setdefault(name, Progress())


def prepare(duckdb_file: Path, account: Account, screen: Screen) -> None:
    """Make the file ready for the account's data. Raises Problem when it is taken."""
    if duckdb_file.stem == "main" or not re.fullmatch(r"[^.]+\.\w+", duckdb_file.name):
        raise Problem(f"{duckdb_file.name} cannot be the file's name; activecampaign.duckdb is a good one.")
    duckdb_file.parent.mkdir(parents=True, exist_ok=True)
    owner = owner_of(duckdb_file)
    if owner == DEMO != account.owner:
        screen.say(f"{shown(duckdb_file)} held the demo account: it begins anew.")
        duckdb_file.unlink()
    elif owner not in (None, account.owner):
        raise Problem(
            f"{shown(duckdb_file)} holds the data of {owner}, not of {account.owner}. Move it away, or name "
            "another file with: make sync DUCKDB=other.duckdb"
        )
    with duckdb.connect(str(duckdb_file)) as database:
        database.execute(f"CREATE OR REPLACE TABLE {OWNER} AS SELECT ? AS owner", [account.owner])


def owner_of(duckdb_file: Path) -> str | None:
    """Whose data the file holds; None when there is none. Raises Problem when it is not a file of ours."""
    if not duckdb_file.exists():
        return None
    try:
        with duckdb.connect(str(duckdb_file)) as database:
            if not database.execute("SHOW TABLES").fetchall():
                return None
            [(owner,)] = database.execute(f"FROM {OWNER}").fetchall()
            return str(owner)
    except duckdb.CatalogException:
        raise Problem(f"{shown(duckdb_file)} is a database that `make sync` did not make.") from None
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise Problem(f"{shown(duckdb_file)} is open in another program. Close it, and try again.") from None
        raise Problem(f"{shown(duckdb_file)} cannot be opened as a DuckDB file.") from None


@dataclass(frozen=True)
class Outcome:
    """What a sync did: rows per table, and which streams went on where the last sync had ended."""

    tables: Mapping[str, str]
    counts: Mapping[str, int]
    continued: frozenset[str]


def sync(account: Account, wanted: list[str], duckdb_file: Path, batches: Path, observer: Observer) -> Outcome:
    """Check, discover, read and store. Raises Problem, or PyAirbyte's errors."""
    import airbyte  # noqa: PLC0415
    from airbyte.caches import DuckDBCache  # noqa: PLC0415

    screen = observer.screen
    source = airbyte.get_source("source-activecampaign", config=dict(account.config), local_executable=CONNECTOR)
    observer.attach(source)
    with screen.phase("Checking the connection"):
        source.check()
    with screen.phase("Looking at the account"):
        catalog = {stream.name: stream for stream in source.discovered_catalog.streams}
    unknown = [name for name in wanted if name not in catalog]
    if unknown:
        raise Problem(f"There is no stream {', '.join(unknown)}. The streams are: {', '.join(catalog)}.")
    prepare(duckdb_file, account, screen)

    names = [name for name in catalog if not wanted or name in wanted]
    for name in names:
        observer.streams[name] = Progress()
        observer.columns[name] = typed_columns(catalog[name].json_schema)
    source.select_streams(names)
    # Nothing else may be written to the terminal while the live view is on it.
    with DuckDBCache(db_path=duckdb_file, cache_dir=batches) as cache, screen.phase("Reading"):
        known = cache.get_state_provider(source.name).known_stream_names
        incremental = {name for name in names if "incremental" in map(_value, catalog[name].supported_sync_modes)}
        # With more threads, the many small queries that PyAirbyte sends per table take twice as long.
        cache.execute_sql("SET threads = 1")
        began = datetime.now(timezone.utc)
        # The connector validates its configuration itself, and does not quote it in its errors.
        with observer.keeping_what_came():
            source.read(cache, write_strategy="append", skip_validation=True)
        tables = {name: cache.processor.get_sql_table_name(name) for name in names}
        for name, table in tables.items():
            whole = observer.streams[name].complete and name not in incremental
            key = [part for path in catalog[name].source_defined_primary_key or [] for part in path]
            cache.execute_sql(cleaning(table, key, began if whole else None))
            columns = f"SELECT column_name, data_type FROM duckdb_columns WHERE table_name = '{table}'"  # noqa: S608
            found = cache.run_sql_query(columns)
            types = {row["column_name"]: row["data_type"] for row in found}
            cache.execute_sql(lists(table, catalog[name].json_schema, types))
        cache.execute_sql("CHECKPOINT")
        counts = {
            name: cache.run_sql_query(f'SELECT count(*) AS n FROM "{table}"')[0]["n"]  # noqa: S608
            for name, table in tables.items()
        }
    return Outcome(tables, counts, frozenset(incremental & known))


def _value(mode: Any) -> str:
    return str(getattr(mode, "value", mode))


def cleaning(table: str, key: list[str], read_whole_since: datetime | None) -> list[str]:
    """The statements that leave the newest row per key, and after a whole read no row that was not in it.

    PyAirbyte's own merge stores a row twice that was read twice, as happens to rows that change during a sync,
    and never deletes one.
    """
    statements = []
    if read_whole_since:
        moment = read_whole_since.isoformat()
        statements.append(
            f"DELETE FROM \"{table}\" WHERE _airbyte_extracted_at < TIMESTAMPTZ '{moment}'"  # noqa: S608
        )
    if key:
        columns = ", ".join(f'"{column.lower()}"' for column in key)
        statements.append(
            f'DELETE FROM "{table}" WHERE rowid IN (SELECT rowid FROM "{table}" QUALIFY row_number() '  # noqa: S608
            f"OVER (PARTITION BY {columns} ORDER BY _airbyte_extracted_at DESC, rowid DESC) > 1)"
        )
    return statements


def lists(table: str, json_schema: Mapping[str, Any], types: Mapping[str, str]) -> list[str]:
    """The statements that make columns of several choices real lists, for `list_contains` and the like.

    PyAirbyte stores every array as JSON; what it adds to such a column later is converted by DuckDB.
    """
    return [
        f'ALTER TABLE "{table}" ALTER COLUMN "{column.lower()}" TYPE VARCHAR[]'
        for column, schema in json_schema["properties"].items()
        if types.get(column.lower()) == "JSON" and "string" in ((schema.get("items") or {}).get("type") or ())
    ]


def report(outcome: Outcome, observer: Observer, duckdb_file: Path) -> int:
    """Print what was done, and return the exit status."""
    say, streams = observer.screen.say, observer.streams
    print_table(outcome, streams, say)
    again, whole = outcome.continued, [name for name in outcome.tables if name not in outcome.continued]
    if again:
        rows = counted(sum(streams[name].rows for name in again), "row")
        say(f"Incremental: {counted(len(again), 'stream')} went on where the last sync ended: {rows} read.")
    if again and whole:
        rows = counted(sum(streams[name].rows for name in whole), "row")
        say(f"Read as a whole: {counted(len(whole), 'stream')}, {rows}.")
    say(f"The data is in {shown(duckdb_file)}. Query it with any DuckDB client, or:")
    query = f"SELECT * FROM {outcome.tables.get('contacts') or next(iter(outcome.tables.values()))} LIMIT 5"  # noqa: S608
    say(
        f"  {shown(Path(sys.executable))} -c "
        f"\"import duckdb; db = duckdb.connect('{shown(duckdb_file)}'); db.sql('{query}').show()\""
    )
    if observer.misfits:
        places = ", ".join(f"{name} ({count:,})" for name, count in observer.misfits.items())
        say(f"\nValues that do not fit their column's type are NULL: {places}")
    failed = {name: streams[name] for name in outcome.tables if not streams[name].complete}
    if not failed:
        return 0
    sentence = f"{counted(len(failed), 'stream')} did not finish"
    if observer.interrupted:
        say(f"\nInterrupted: {sentence}. The next `make sync` goes on from here.")
        return 130
    say(f"\n{sentence}:")
    otherwise = " ".join(observer.errors) or f"The connector ended early, with status {observer.exit_status}."
    for name, one in failed.items():
        say(f"  {name}: {one.error or otherwise}")
    return 1


def print_table(outcome: Outcome, streams: Mapping[str, Progress], say: Callable[[str], None]) -> None:
    """One line per stream; a figure that is not known is a dash."""
    width = max(map(len, outcome.tables))
    say(f"\n{'stream':{width}}  rows read  rows in table  requests  seconds")
    for name in outcome.tables:
        one = streams[name]
        requests = "-" if one.requests is None else f"{one.requests:,}"
        seconds = "-" if one.seconds is None else f"{one.seconds:.1f}"
        line = f"{name:{width}}  {one.rows:9,}  {outcome.counts[name]:13,}  {requests:>8}  {seconds:>7}"
        say(line if one.complete else f"{line}  did not finish")
    say("")


def parse_arguments() -> list[str]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("streams", nargs="*", metavar="STREAM", help="a stream to sync; all when none is named")
    streams: list[str] = parser.parse_args().streams
    return streams


def main() -> int:
    """Sync, and return the exit status: 0 only when every stream that was asked for is complete."""
    wanted = parse_arguments()
    config_file, duckdb_file = (
        place("CONFIG", "secrets/config.json"),
        place("DUCKDB", "activecampaign.duckdb"),
    )
    cache_folder = place("CACHE", ".cache") / "sync"
    logs, batches = cache_folder / "logs", cache_folder / "batches"
    for folder in (logs, batches):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    observer = Observer()
    say = observer.screen.say
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)

    with contextlib.ExitStack() as stack:
        # PyAirbyte hands the configuration over in a file that everyone may read: it gets a folder of its own.
        private = stack.enter_context(tempfile.TemporaryDirectory())
        stack.callback(shutil.rmtree, batches, ignore_errors=True)
        log = stack.enter_context((logs / "sync.log").open("w"))
        os.environ.update(
            AIRBYTE_OFFLINE_MODE="1",
            DO_NOT_TRACK="1",
            NO_LIVE_PROGRESS="1",
            AIRBYTE_PROJECT_DIR=str(cache_folder),
            AIRBYTE_CACHE_ROOT=str(cache_folder),
            AIRBYTE_LOGGING_ROOT=str(logs),
            AIRBYTE_TEMP_DIR=private,
        )
        try:
            emulator = None
            if "CONFIG" in os.environ or config_file.exists():
                account = account_of_file(config_file)
                say(f"Syncing {account.owner} into {shown(duckdb_file)}")
            else:
                emulator = stack.enter_context(demo_emulator(log))
                say(f"There is no {shown(config_file)}: syncing the demo account into {shown(duckdb_file)}")
                say(f"(at {DEMO_REQUESTS_PER_SECOND} requests per second; ActiveCampaign allows 5)")
            # From here on, what PyAirbyte prints goes to the log.
            stack.enter_context(contextlib.redirect_stdout(log))
            stack.enter_context(contextlib.redirect_stderr(log))
            with observer.screen.phase("Starting PyAirbyte"):
                import airbyte.exceptions  # noqa: F401, PLC0415

                if emulator:
                    account = account_of_demo(emulator)
            return report(sync(account, wanted, duckdb_file, batches, observer), observer, duckdb_file)
        except Problem as problem:
            say(str(problem))
        except KeyboardInterrupt:
            say("Interrupted.")
            return 130
        except Exception as error:
            traceback.print_exc(file=log)
            if observer.refusal:
                say(observer.refusal)
            else:
                say(" ".join(observer.errors) or f"The sync stopped: {core_of(error)}")
                say(f"The details are in {shown(logs)}.")
        return 1


def core_of(error: Exception) -> str:
    """What DuckDB said where it refused something; the first line of any other error."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return next((line for line in lines if "(_duckdb." in line), lines[0])


if __name__ == "__main__":
    sys.exit(main())
