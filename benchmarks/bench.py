"""Measures the connectors against an emulated account, and writes docs/performance.md.

usage: python -m benchmarks.bench [--scenario NAME ...] [--only TEXT] [--runs 3] [--quick] [--full]
                                  [--against NAME=COMMAND ...] [--out docs/performance.md]

Each measurement has a fresh emulator and a fresh process of the connector, one after the other. The table of a scenario
is printed; with --out it also replaces the one between that scenario's markers in the file. Every other connector
named with --against is a command that takes `discover --config FILE` and `read --config FILE --catalog FILE`: see
run_manifest.py and run_singer.py.
"""

import argparse
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks import activation as activations
from benchmarks.chaos import HEADER as CHAOS
from benchmarks.chaos import run_seeds, table_rows
from benchmarks.measure import Run, Server, account, listings, requests_needed, run
from integration_tests.source.connector import SCRIPT, JsonObject, configured
from unit_tests.listed_messages import unlisted

LIMIT = 5
CONTACTS = {"contacts": 20_000}
TYPICAL = {**CONTACTS, "deals": 5_000, "campaigns": 300, "lists": 40}
TYPICAL_STREAMS = ("contacts", "deals", "campaigns", "lists")
BESIDE_CONTACTS = ("contact_custom_field_values", "contact_tags", "contact_lists", "contact_score_values")
# Where the API itself can leave out what has not changed.
FILTERED = ("contacts", "deals", "activities")
# The network and the server of an ordinary account: deep pages take longer.
ORDINARY: Mapping[str, Any] = {"latency_ms": 300, "latency_jitter": 0.3, "latency_ms_per_1000_offset": 10}
EMPTY_STREAM = "forms"

COLUMNS = ("", "x minimum", "requests over", "429", "missing", "records", "requests", "wall s", "CPU s", "peak MB")

Row = tuple[str, ...]


@dataclass
class Reading:
    """One read, and what it would have taken at least."""

    run: Run
    start_up: float
    needed: int
    requests: int
    throttled: int
    missing: int | None  # None where it cannot be told
    per_second: float = LIMIT
    log: list[JsonObject] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Wall time over that of the fewest possible requests at the allowed rate, start-up included on both sides."""
        return self.run.seconds / (self.needed / self.per_second + self.start_up)


@dataclass
class Bench:
    """What is measured, and how much of it."""

    connectors: dict[str, str]
    runs: int = 3
    quick: bool = False
    full: bool = False
    only: str = ""
    _start_ups: dict[str, float] = field(default_factory=dict)

    @property
    def ours(self) -> str:
        return next(iter(self.connectors))

    @cached_property
    def catalog(self) -> list[JsonObject]:
        """The streams as discovered, before anything is measured."""
        with Server({}, {"rate_limit_window": "off"}) as server:
            return run(self.connectors[self.ours], "discover", {"config": self.config(server)}).catalog

    def streams(self, name: str) -> set[str]:
        """The names of the streams that a connector has."""
        with Server({}, {"rate_limit_window": "off"}) as server:
            catalog = run(self.connectors[name], "discover", {"config": self.config(server)}).catalog
        return {stream["name"] for stream in catalog}

    def config(self, server: Server, **more: Any) -> JsonObject:
        return {"api_url": server.url, "api_key": server.api_key, "custom_fields": "off", **more}

    def scaled(self, rows: Mapping[str, int]) -> dict[str, int]:
        return {name: max(1, count // 10) for name, count in rows.items()} if self.quick else dict(rows)

    def cells(self, labels: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The rows of a table that are wanted; with --quick only the first and the last."""
        wanted = [(label, what) for label, what in labels.items() if self.only in label]
        yield from wanted[:: max(1, len(wanted) - 1)] if self.quick else wanted

    def times(self) -> range:
        return range(self.runs)

    def start_up(self, name: str, settings: Mapping[str, Any]) -> float:
        """How long it takes to read a stream that is empty, at the same latency."""
        latency = {key: value for key, value in settings.items() if key.startswith("latency")}
        key = f"{name} {sorted(latency.items())}"
        if key not in self._start_ups:
            with Server({"contacts": 1, EMPTY_STREAM: 0}, latency) as server:
                files = {"config": self.config(server), "catalog": configured(self.catalog, EMPTY_STREAM)}
                reads = [run(self.connectors[name], "read", files).seconds for _ in self.times()]
            self._start_ups[key] = statistics.median(reads)
        return self._start_ups[key]

    def read(
        self,
        server: Server,
        rows: Mapping[str, int],
        settings: Mapping[str, Any],
        streams: Sequence[str],
        *,
        name: str = "",
        filtered: Sequence[str] = (),
        per_second: float = LIMIT,
        state: Any = None,
        **more: Any,
    ) -> Reading:
        """Read these streams from a server that has just been started with these rows and settings."""
        name = name or self.ours
        start_up = self.start_up(name, settings)
        server.control("requests", "DELETE")
        files = {"config": self.config(server), "catalog": configured(self.catalog, *streams)}
        done = run(self.connectors[name], "read", {**files, **({"state": state} if state else {})}, **more)
        asked = server.control("requests")
        print(f"{name}: {done.seconds:.1f} s, {asked['total']} requests, {asked['throttled']} 429", file=sys.stderr)
        return Reading(
            done,
            start_up,
            requests_needed(streams, rows, filtered),
            asked["total"],
            asked["throttled"],
            None if state else sum(missing(done, stream, rows) for stream in streams),
            per_second,
            asked["requests"],
        )

    def fresh(
        self, rows: Mapping[str, int], settings: Mapping[str, Any], streams: Sequence[str], **more: Any
    ) -> list[Reading]:
        """As many readings as there are to be runs, each from a server of its own."""
        readings = []
        for _ in self.times():
            with Server(rows, settings) as server:
                readings.append(self.read(server, rows, settings, streams, **more))
        return readings


def missing(done: Run, stream: str, rows: Mapping[str, int]) -> int:
    """Rows of a stream that did not arrive."""
    listing = listings()[stream]
    if listing.by_id:
        return len(account(rows).ids(listing.resource) - done.ids[stream])
    return max(0, len(account(rows).ids(listing.resource)) - done.records[stream])


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def row(label: str, readings: Sequence[Reading]) -> Row:
    """A line of the common table: medians, but the worst of what is missing."""
    return (
        label,
        f"**{median([one.ratio for one in readings]):.2f}**",
        f"**{median([100 * (one.requests / one.needed - 1) for one in readings]):+.1f}%**",
        f"**{median([one.throttled for one in readings]):g}**",
        "-" if any(one.missing is None for one in readings) else f"**{max(one.missing or 0 for one in readings)}**",
        f"{median([one.run.records.total() for one in readings]):,.0f}",
        f"{median([one.requests for one in readings]):,.0f} of {median([one.needed for one in readings]):,.0f}",
        f"{median([one.run.seconds for one in readings]):.1f}",
        f"{median([one.run.cpu_seconds for one in readings]):.1f}",
        f"{median([one.run.peak_megabytes for one in readings]):.0f}",
    )


@dataclass(frozen=True)
class Table:
    header: Sequence[str]
    rows: Sequence[Row]


def one_big_stream(bench: Bench) -> Table:
    """20,000 contacts and nothing else, so that no other stream can fill the gaps; by latency, and by how much the
    network shifts the requests against each other."""
    rows = bench.scaled(CONTACTS)
    grid = {
        f"{latency} ms, jitter {jitter} ms": {"latency_ms": latency, "arrival_jitter_ms": jitter}
        for latency, jitter in ((300, 0), (500, 0), (1500, 0), (300, 20), (300, 100))
    }
    return Table(COLUMNS, [row(label, bench.fresh(rows, how, ["contacts"])) for label, how in bench.cells(grid)])


def typical(bench: Bench) -> Table:
    """Every stream of an account of 20,000 contacts, 5,000 deals, 300 campaigns and 40 lists at 300 ms plus 1 ms per
    100 rows of offset, 30% more or less; without those that are read contact by contact, and custom objects."""
    rows, streams = bench.scaled(TYPICAL), tuple(listings())
    return Table(COLUMNS, [row(f"{len(streams)} streams", bench.fresh(rows, ORDINARY, streams))])


def nothing_new(bench: Bench) -> Table:
    """The typical account, read, and read again with the state of the first read while nothing changed. The minimum
    is one request where the API can leave out what did not change (contacts, deals), and all pages elsewhere; the
    second read also has the rows within the lookback of 24 hours."""
    rows = bench.scaled(TYPICAL)
    first: list[Reading] = []
    second: list[Reading] = []
    for _ in bench.times():
        with Server(rows, ORDINARY) as server:
            first.append(bench.read(server, rows, ORDINARY, TYPICAL_STREAMS))
            time.sleep(1)
            state = list(first[-1].run.states.values())
            second.append(bench.read(server, rows, ORDINARY, TYPICAL_STREAMS, state=state, filtered=FILTERED))
    return Table(COLUMNS, [row("first read", first), row("second read", second)])


def latency(bench: Bench) -> Table:
    """Contacts, deals, campaigns and lists of the typical account by the latency of the API."""
    rows = bench.scaled(TYPICAL)
    grid = {f"{one} ms": {**ORDINARY, "latency_ms": one} for one in (100, 300, 500, 1500)}
    return Table(COLUMNS, [row(label, bench.fresh(rows, how, TYPICAL_STREAMS)) for label, how in bench.cells(grid)])


def sideloads(bench: Bench) -> Table:
    """Contacts alone, and with what belongs to them: custom field values, tags, lists and scores. The minimum is
    that of the contacts alone, for the API can send all of this beside them."""
    rows = bench.scaled({"contacts": 5_000})
    grid = {
        f"{label}, {latency} ms": (streams, {**ORDINARY, "latency_ms": latency})
        for latency in (300, 1500)
        for label, streams in (
            ("contacts", ("contacts",)),
            ("contacts and what belongs to them", ("contacts", *BESIDE_CONTACTS)),
        )
    }
    return Table(COLUMNS, [row(label, bench.fresh(rows, how, streams)) for label, (streams, how) in bench.cells(grid)])


def busy_account(bench: Bench) -> Table:
    """20,000 contacts while something else takes 2 of the account's 5 requests per second, so that 3 are the minimum's
    rate. *Repeated early*: answers 429 whose request came again before Retry-After (1 s) was over. *Sent in a
    pause*: requests of any kind that arrived later than 0.1 s after a 429 and before its Retry-After was over."""
    rows = bench.scaled(CONTACTS)
    settings = {**ORDINARY, "other_consumer_per_second": 2, "retry_after": 1}
    readings = bench.fresh(rows, settings, ["contacts"], per_second=LIMIT - 2)
    worst = [max(values) for values in zip(*(impatience(one.log) for one in readings), strict=True)]
    share = median([100 * one.throttled / one.requests for one in readings])
    common = row("2 of 5 taken", readings)
    return Table(
        (*COLUMNS[:4], "answered 429", "repeated early", "sent in a pause", *COLUMNS[4:]),
        [(*common[:4], f"**{share:.1f}%**", *(f"**{one}**" for one in worst), *common[4:])],
    )


def impatience(log: Sequence[JsonObject], retry_after: float = 1, grace: float = 0.1) -> tuple[int, int]:
    """How many throttled requests came again too early, and how many of all requests arrived during a pause."""

    def what(request: JsonObject) -> tuple[Any, ...]:
        return request["path"], sorted(request["query"].items())

    repeated, during = 0, set()
    for first in (one for one in log if one["throttled"]):
        begin, end = first["time"], first["time"] + retry_after
        inside = [one for one in log if begin < one["time"] < end]
        repeated += any(what(one) == what(first) for one in inside)
        during |= {one["time"] for one in inside if one["time"] > begin + grace}
    return repeated, len(during)


def million(bench: Bench) -> Table:
    """1,000,000 contacts from a server without a limit, as memory and not time is the question; once with a reader of
    stdout that takes 4 MB per second only. *Growth* is from the first quarter of the records to the last."""
    rows = {"contacts": 20_000 if bench.quick else 1_000_000}
    settings = {"rate_limit_window": "off"}
    found = []
    for label, pace in bench.cells({"fast reader": None, "slow reader": 4e6}):
        with Server(rows, settings) as server:
            files = {
                "config": bench.config(server, requests_per_second=100),
                "catalog": configured(bench.catalog, "contacts"),
            }
            done = run(bench.connectors[bench.ours], "read", files, bytes_per_second=pace)
        records = done.records.total()
        quarters = [
            max(
                (one.megabytes for one in done.samples if records * low <= one.records <= records * (low + 0.25)),
                default=0,
            )
            for low in (0, 0.25, 0.5, 0.75)
        ]
        found.append(
            (
                label,
                f"**{done.peak_megabytes:.0f}**",
                f"**{quarters[-1] - quarters[0]:+.0f}**",
                " / ".join(f"{one:.0f}" for one in quarters),
                f"**{missing(done, 'contacts', rows)}**",
                f"{records:,}",
                f"{done.seconds:.0f}",
                f"{done.cpu_seconds:.0f}",
                f"{records / done.cpu_seconds:,.0f}",
            )
        )
    header = ("", "peak MB", "growth MB", "MB by quarter", "missing", "records", "wall s", "CPU s", "records per CPU s")
    return Table(header, found)


def changing(bench: Bench) -> Table:
    """Contacts, deals, campaigns and lists of the typical account while 2 rows per second each are inserted, updated
    and deleted among its contacts and deals. *Lost* are rows that were there from the beginning to the end and did
    not arrive."""
    rows, settings = bench.scaled(TYPICAL), ORDINARY
    watched = ("contacts", "deals")
    seeds = range(1, (50 if bench.full else 1 if bench.quick else 3) + 1)
    found = []
    for name in bench.connectors:
        readings, lost = [], []
        for seed in seeds:
            with Server(rows, settings) as server:
                bench.start_up(name, settings)
                paces = dict.fromkeys(("inserts_per_second", "updates_per_second", "deletes_per_second"), 2)
                server.control("mutate", "POST", {**paces, "resources": list(watched), "seed": seed})
                readings.append(bench.read(server, rows, settings, TYPICAL_STREAMS, name=name))
                throughout = server.control("mutate", "DELETE")["resources"]
            lost.append([len(set(throughout[one]["throughout"]) - readings[-1].run.ids[one]) for one in watched])
        common = row(name, readings)
        contacts, deals = (sum(column) for column in zip(*lost, strict=True))
        found.append(
            (
                *(name, f"{len(seeds)}", f"**{contacts}**", f"**{deals}**", f"**{max(map(sum, lost))}**"),
                *(common[1], common[2], common[3], *common[5:]),
            )
        )
    return Table(("", "seeds", "contacts lost", "deals lost", "most in a read", *COLUMNS[1:4], *COLUMNS[5:]), found)


def startup(bench: Bench) -> Table:
    """The commands that read nothing, on an account that answers at once, and reading an empty stream. *Imports*: the
    share of the process's time that Python spent importing, by its own account, which slows it down itself."""
    command, rows = bench.connectors[bench.ours], []
    with Server({EMPTY_STREAM: 0}, {"rate_limit_window": "off"}) as server:
        config = {"config": bench.config(server)}
        reading = {**config, "catalog": configured(bench.catalog, EMPTY_STREAM)}
        commands: Mapping[str, JsonObject] = {"spec": {}, "check": config, "discover": config, "read": reading}
        for what, files in bench.cells(commands):
            runs = [run(command, what, files) for _ in bench.times()]
            profiled = run(command, what, files, environment={"PYTHONPROFILEIMPORTTIME": "1"})
            imports = sum(map(int, re.findall(r"^import time: +(\d+) \|", profiled.stderr, re.M))) / 1e6
            rows.append(
                (
                    what,
                    f"**{100 * imports / profiled.seconds:.0f}%**",
                    f"{median([one.seconds for one in runs]):.2f}",
                    f"{median([one.cpu_seconds for one in runs]):.2f}",
                    f"{median([one.peak_megabytes for one in runs]):.0f}",
                )
            )
    return Table(("", "imports", "wall s", "CPU s", "peak MB"), rows)


def comparison(bench: Bench) -> Table:
    """Every other connector and this one in turns, on the streams of the typical account that both have; without those
    that this one reads contact by contact. *Times ours* is its wall time over that of this connector."""
    rows, found = bench.scaled(TYPICAL), []
    for name in dict(bench.cells(dict.fromkeys(list(bench.connectors)[1:]))):
        theirs_too = bench.streams(name)
        streams = [one for one in listings() if one in theirs_too]
        ours: list[Reading] = []
        theirs: list[Reading] = []
        for _ in bench.times():
            for connector, readings in ((bench.ours, ours), (name, theirs)):
                with Server(rows, ORDINARY) as server:
                    readings.append(bench.read(server, rows, ORDINARY, streams, name=connector))
        times = median([one.run.seconds for one in theirs]) / median([one.run.seconds for one in ours])
        for label, ratio, readings in ((bench.ours, 1.0, ours), (name, times, theirs)):
            first, *others = row(f"{label}, {len(streams)} streams", readings)
            found.append((first, f"**{ratio:.1f}**", *others))
    return Table((COLUMNS[0], "times ours", *COLUMNS[1:]), found)


def chaos(bench: Bench) -> Table:
    """Small accounts, one for each seed, of which some streams of every family are read while much goes wrong at once,
    at random by the seed: over the seeds every stream is read, and meets every trouble. Where the read is killed or
    streams fail, it goes on from the last state. *Lost* are rows that were there from the beginning to the end and
    are not in what a destination has; *invented* are rows that never were there, and values that rows which did not
    change never had. *Unknown sentences* are those that the list of messages lacks. *Ends that disagree*: exit
    codes, statuses and errors of which one says that something failed and another does not, and streams that fail
    when nothing goes wrong any more. *Hung*: not done after 180 s. A seed has several troubles, and is in the line of
    each. `--only "seed 17"` repeats one seed, and keeps all that the connector was given and said."""
    seeds = [one for one in range(1, (8 if bench.quick else 100) + 1) if bench.only in ("", f"seed {one}")]
    results = run_seeds(seeds, bench.connectors[bench.ours], unlisted, keep=bool(bench.only))
    return Table(CHAOS, table_rows(results) if results else [])


def activation(bench: Bench) -> Table:
    """The destination: contacts with ten custom fields of as many types, three tags and two lists each, into an
    account with a latency of 300 ms, 5 requests per second, whatever they are, and 100 imports per minute. After each
    line all that the account has of its contacts is compared with the rows, and the scenario fails where one value,
    tag or list differs; so it does where rows that did not change are written. *Allowed*: the seconds in which the two
    budgets allow the fewest possible requests, which is the larger of requests / 5 and of a minute for every hundred
    imports but the first. The fewest are 5 (the key, the fields, the lists, the number of contacts, and the tags or
    the exclusions), one per 100 contacts that the account has before, and two per 250 contacts that are new or changed
    (the import, and the question whether it has ended). *x allowed*: the wall time over that; the time of a sync
    without rows, measured in the same run, counts on both sides. *Refused imports* are those that came too fast for
    the importer. How fast ActiveCampaign's importer works is not known: that a batch is done 1.25 s after it came,
    whatever else waits, is an assumption of the emulator, which only a real account can show to be right or wrong.
    Beside it, on an account of its own at the same time: the calls that RudderStack's destination makes, in the order
    of its published code, for the first of the same rows, as every contact takes as many. It has no budget of its own;
    here its calls leave evenly at the account's limit. *Times RudderStack's*: contacts per second over those of its
    calls."""
    sizes = bench.scaled({"large": 50_000, "few": 10_000, "rudderstack": 100})
    found = activations.measure(sizes["large"], sizes["few"], sizes["rudderstack"], runs=bench.runs, quick=bench.quick)
    return Table(activations.HEADER, [one for one in activations.table_rows(*found) if bench.only in one[0]])


SCENARIOS: Mapping[str, Callable[[Bench], Table]] = {
    "one-big-stream": one_big_stream,
    "typical": typical,
    "latency": latency,
    "nothing-new": nothing_new,
    "sideloads": sideloads,
    "busy-account": busy_account,
    "changing": changing,
    "comparison": comparison,
    "activation": activation,
    "startup": startup,
    "million": million,
    "chaos": chaos,
}
# Those that are only run when they are named, or with --full or --quick.
LONG = frozenset({"million", "chaos"})


def text(name: str, bench: Bench, table: Table) -> str:
    """What the file says between a scenario's markers."""
    explanation = re.sub(r"\s+", " ", SCENARIOS[name].__doc__ or "")
    only = f' --only "{bench.only}"' if bench.only else ""
    options = only + (" --full" if bench.full else "") + (" --quick" if bench.quick else "")
    others = "".join(f" --against {one}=..." for one in list(bench.connectors)[1:])
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    seeds = "seeds" in table.header
    runs = "one run per seed" if seeds else "one run" if bench.runs == 1 else f"medians of {bench.runs} runs"
    runs = "one run" if name == "million" else runs
    runs += ", a tenth of the rows" if bench.quick and name != "chaos" else ""
    lines = [
        table.header,
        ["---"] + ["---:"] * (len(table.header) - 1),
        *table.rows,
    ]
    return "\n".join(
        [
            f"## {name}",
            explanation,
            "",
            *(f"| {' | '.join(line)} |" for line in lines),
            "",
            f"`python -m benchmarks.bench --scenario {name}{options}{others}`: {runs}, {when}, "
            f"{os.cpu_count()} cores, Python {platform.python_version()}.",
        ]
    )


def write(page: Path, name: str, content: str) -> None:
    """Put a scenario's section between its markers, or at the end of the page."""
    before, after = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    old = page.read_text() if page.exists() else "# Performance\n"
    section = f"{before}{content}{after}"
    pattern = re.compile(f"{re.escape(before)}.*?{re.escape(after)}", re.S)
    page.write_text(pattern.sub(lambda _: section, old) if pattern.search(old) else f"{old.rstrip()}\n\n{section}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scenario", nargs="+", choices=list(SCENARIOS), metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--only", default="", help="only rows of the tables whose label has this text")
    parser.add_argument("--runs", type=int, help="measurements of each row; 3, or 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows and one run, to see that it works")
    parser.add_argument("--full", action="store_true", help="also what takes hours: 1,000,000 contacts, 50 seeds")
    parser.add_argument("--command", default=str(SCRIPT), help="the connector's own command")
    parser.add_argument("--against", nargs="+", action="extend", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--out", type=Path, help="the page whose tables are replaced")
    given = parser.parse_args(arguments)
    others = dict(one.split("=", 1) for one in given.against)
    runs = given.runs or (1 if given.quick else 3)
    if os.getloadavg()[0] > (os.cpu_count() or 1) / 2:
        print(f"This machine is busy (load {os.getloadavg()[0]:.1f}): times will be too long.", file=sys.stderr)
    bench = Bench({"this connector": given.command, **others}, runs, given.quick, given.full, given.only)
    for name in given.scenario or [one for one in SCENARIOS if given.full or given.quick or one not in LONG]:
        table = SCENARIOS[name](bench)
        if not table.rows:
            continue
        content = text(name, bench, table)
        print(content, end="\n\n", flush=True)
        if given.out:
            write(given.out, name, content)


if __name__ == "__main__":
    main()
