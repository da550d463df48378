"""The scenario `activation`: rows of contacts that the destination writes, and what the account must have afterwards.

Beside it the calls that RudderStack's destination makes for the same rows, see rudderstack.py. After every phase all
that the account has of its contacts is compared with the rows.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import Any

import orjson

from benchmarks.measure import PAGE_SIZE, JsonObject, Run, Server, run
from benchmarks.rudderstack import RudderStack
from integration_tests.destination.contacts import TABLES, Has, contacts_in

COMMAND = f"{sys.executable} -m destination_activecampaign"
STREAM = "people"
# Of the account, as documented: requests a second, imports a minute, contacts in an import.
REQUESTS_PER_SECOND, IMPORTS_PER_MINUTE, CONTACTS_PER_IMPORT = 5, 100, 250
# What a sync asks once: whether the key is good, the custom fields, the lists, how many contacts there are, and their
# tags or, where something is written, whom the account excludes.
ASKED_ONCE = 5
# How fast the importer works is not known. Here it is fast enough for the two budgets to be what limits a sync: each
# batch is done 1.25 s after it came, whatever else waits.
SETTINGS: Mapping[str, Any] = {"latency_ms": 300, "import_order": "parallel", "import_contacts_per_second": 1000}

_CHOICES = ("red", "blue", "green", "grey")
# One custom field of each type: its title, its type, and its value for a contact's number.
_FIELDS: Mapping[str, tuple[str, Callable[[int], Any]]] = {
    "Plan": ("text", lambda n: f"plan {n % 7}"),
    "About": ("textarea", lambda n: f"Came in by way {n % 11},\nstays for reason {n % 13}."),
    "Reference": ("hidden", lambda n: f"ref-{n:07d}"),
    "Orders": ("number", lambda n: n % 300 if n % 2 else round(n % 300 + 0.25, 2)),
    "Born": ("date", lambda n: f"{1950 + n % 50}-{1 + n % 12:02d}-{1 + n % 28:02d}"),
    "Last seen": ("datetime", lambda n: f"2026-{1 + n % 9:02d}-{1 + n % 28:02d}T{n % 24:02d}:15:00+00:00"),
    "Colour": ("dropdown", lambda n: _CHOICES[n % 4]),
    "Size": ("radio", lambda n: _CHOICES[n % 3]),
    "Likes": ("checkbox", lambda n: [_CHOICES[n % 4], _CHOICES[(n + 1) % 4]]),
    "Reads": ("listbox", lambda n: [_CHOICES[n % 3]]),
}
_KINDS = {title.lower().replace(" ", "_"): kind for title, (kind, _) in _FIELDS.items()}
_TAGS = tuple(f"tag {number}" for number in range(12))
_LISTS = ("News", "Offers", "Events")


@dataclass(frozen=True)
class Person:
    """One row: `values` are those of the custom fields by their title."""

    email: str
    first_name: str
    last_name: str
    phone: str
    values: Mapping[str, Any]
    tags: tuple[str, ...]
    lists: tuple[str, ...]

    @property
    def row(self) -> JsonObject:
        """The row as it comes from a source."""
        values = {f"custom_{_column_of(title)}": value for title, value in self.values.items()}
        own = {"email": self.email, "firstName": self.first_name, "lastName": self.last_name, "phone": self.phone}
        return {**own, **values, "tags": list(self.tags), "lists": list(self.lists)}

    def traits(self, lists: Mapping[str, str]) -> JsonObject:
        """The row as an identify call of RudderStack's; `lists` are the ids of the account's lists by name."""
        own = {"email": self.email, "firstName": self.first_name, "lastName": self.last_name, "phone": self.phone}
        subscribed = [{"id": lists[name], "status": "subscribe"} for name in self.lists]
        return {**own, "tags": list(self.tags), "fieldInfo": dict(self.values), "lists": subscribed}

    def is_in(self, has: Has) -> bool:
        """Whether this is what the account has of the contact, and nothing else."""
        stored = {tag: _plain(_KINDS[tag], text) for tag, text in has.values.items()}
        values = {_column_of(title): _plain(_FIELDS[title][0], value) for title, value in self.values.items()}
        others = Has((self.first_name, self.last_name, self.phone), {}, frozenset(self.tags), self._statuses, None)
        return stored == values and has._replace(values={}) == others

    @property
    def _statuses(self) -> dict[str, str]:
        return dict.fromkeys(self.lists, "1")


def person(number: int, *, version: int = 0) -> Person:
    """The contact with a number; another version differs in its last name and in two of its custom fields."""
    values = {title: of(number) for title, (_, of) in _FIELDS.items()}
    if version:
        values["Plan"], values["Orders"] = f"plan {version}.{number % 7}", 1000 + version
    return Person(
        f"contact{number}@example.com",
        f"First{number % 97}",
        f"Last{number}" + (f"-{version}" if version else ""),
        f"+1 555 {number:07d}",
        values,
        tuple(_TAGS[(number + step) % len(_TAGS)] for step in (0, 3, 7)),
        (_LISTS[number % 3], _LISTS[(number + 1) % 3]),
    )


def _tag_of(title: str) -> str:
    """The personalization tag of a custom field."""
    return title.upper().replace(" ", "_")


def _column_of(title: str) -> str:
    return _tag_of(title).lower()


def _plain(kind: str, value: Any) -> Any:
    """A value of a custom field so that two that say the same are equal, sent or stored: texts are what they are."""
    if kind == "number":
        return Decimal(str(value))
    if kind == "datetime":
        return datetime.fromisoformat(value)
    if kind in ("checkbox", "listbox"):
        return frozenset(value if isinstance(value, list) else value.strip("|").split("||"))
    return value


# ---- the account ----------------------------------------------------------------------------------------------------


def define(insert: Callable[..., str]) -> None:
    """Put the custom fields, the tags and the lists into an account; `insert` is as `Account.insert`."""
    for title, (kind, _) in _FIELDS.items():
        one = insert("fields", title=title, type=kind, perstag=_tag_of(title), isrequired="0")
        insert("fieldRels", field=one, relid="0")
        for choice in _CHOICES if kind in ("dropdown", "radio", "checkbox", "listbox") else ():
            insert("fieldOptions", field=one, value=choice, label=choice)
    for tag in _TAGS:
        insert("tags", tag=tag, tagType="contact", description="", deleted="0")
    for name in _LISTS:
        insert("lists", name=name, stringid=name.lower())


class World(Server):
    """A server with an account that has the custom fields, tags and lists, and no contact."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__({}, settings, account="empty")

    def __enter__(self) -> "World":
        super().__enter__()
        define(self._insert)
        self.lists = {row["name"]: row["id"] for row in self.control("rows/lists")}
        return self

    def _insert(self, resource: str, **fields: str) -> str:
        return str(self.control(f"rows/{resource}", "POST", fields)["id"])

    def differences(self, people: Iterable[Person]) -> "Differences":
        """What the account has otherwise than these rows say."""
        return differences(people, {name: self.control(f"rows/{name}") for name in TABLES})


@dataclass(frozen=True)
class Differences:
    """The email addresses of contacts that are not there, and of those that are not as their rows say.

    `others` is what the account has and no row says.
    """

    lost: list[str]
    wrong: list[str]
    others: list[str]

    @property
    def contacts(self) -> int:
        return len(self.lost) + len(self.wrong)

    def __bool__(self) -> bool:
        return bool(self.contacts or self.others)


def differences(people: Iterable[Person], tables: Mapping[str, Any]) -> Differences:
    """The same for the rows of an account, by resource."""
    found = contacts_in(tables.__getitem__)
    wanted = {one.email: one for one in people}
    others = [f"contact {email}" for email in found if email not in wanted]
    if len(found) != len(tables["contacts"]):
        others.append(f"{len(tables['contacts']) - len(found)} contacts more than email addresses")
    others += [f"tag {row['tag']}" for row in tables["tags"] if row["tag"] not in _TAGS]
    return Differences(
        [email for email in wanted if email not in found],
        [email for email, one in wanted.items() if email in found and not one.is_in(found[email])],
        others,
    )


# ---- one phase ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Phase:
    """Rows that are written at once, what is to become of them, and how many contacts the account has before."""

    label: str
    people: Sequence[Person]
    outcomes: Mapping[str, int]
    there: int

    @property
    def imports(self) -> int:
        """Imports that it takes at least."""
        written = sum(count for outcome, count in self.outcomes.items() if outcome != "unchanged")
        return -(-written // CONTACTS_PER_IMPORT)

    @property
    def requests(self) -> int:
        """Requests that it takes at least: what is asked once, the account's contacts, and each import and its end."""
        return ASKED_ONCE + -(-self.there // PAGE_SIZE) + 2 * self.imports


def seconds_allowed(requests: int, imports: int) -> float:
    """The seconds within which the budgets allow so many requests, so many of them imports.

    A hundred imports may leave at once, the next hundred a minute later.

    >>> seconds_allowed(405, 200), seconds_allowed(135, 40), seconds_allowed(5, 300)
    (81.0, 27.0, 120.0)
    """
    minutes = max(0, -(-imports // IMPORTS_PER_MINUTE) - 1)
    return max(requests / REQUESTS_PER_SECOND, 60.0 * minutes)


@dataclass(frozen=True)
class Written:
    """What writing the rows of a phase took; `given_up` are the contacts that were not written to their end."""

    seconds: float
    log: Sequence[JsonObject]
    found: Differences
    given_up: Sequence[str] = ()
    run: Run | None = None

    @property
    def imports(self) -> list[JsonObject]:
        return [one for one in self.log if one["path"].endswith("/import/bulk_import")]

    @property
    def throttled(self) -> int:
        return sum(one["throttled"] for one in self.log)

    @property
    def refused(self) -> int:
        """Imports that the importer did not take; its limit is answered 400."""
        return sum(one["status"] == 400 for one in self.imports)


def write(world: World, phase: Phase) -> Written:
    """Write the rows of a phase with the destination.

    Raises RuntimeError where the account has something else then, where it was written to though nothing changed, and
    where the destination says something else of the rows.
    """
    world.control("requests", "DELETE")
    done = run(COMMAND, "write", {"config": config_of(world), "catalog": CATALOG}, stdin=lines_of(phase.people))
    written = Written(done.seconds, world.control("requests")["requests"], world.differences(phase.people), run=done)
    if written.found:
        raise RuntimeError(f"{phase.label}: the account is not as the rows say: {written.found}")
    [stream] = done.summary["streams"]
    if stream["outcomes"] != phase.outcomes or STREAM not in done.states:
        raise RuntimeError(f"{phase.label}: the destination says of the rows {stream}, and echoed {done.states}")
    writes = [one["path"] for one in written.log if one["method"] != "GET"]
    if writes and not phase.imports:
        raise RuntimeError(f"{phase.label}: nothing changed, and yet this was sent: {writes}")
    return written


def write_as_rudderstack(world: World, people: Sequence[Person]) -> Written:
    """Write rows with RudderStack's calls; what is lost or wrong then is told."""
    world.control("requests", "DELETE")
    calls = RudderStack(world.url, world.api_key, REQUESTS_PER_SECOND)
    sent = calls.write([one.traits(world.lists) for one in people])
    return Written(sent.seconds, world.control("requests")["requests"], world.differences(people), sent.given_up)


def config_of(world: World, **more: Any) -> JsonObject:
    return {"api_url": world.url, "api_key": world.api_key, **more}


CATALOG: JsonObject = {
    "streams": [
        {
            "stream": {
                "name": STREAM,
                "json_schema": {"type": "object", "properties": {name: {} for name in person(0).row}},
                "supported_sync_modes": ["full_refresh", "incremental"],
            },
            "destination_object_name": "contacts",
            "primary_key": [["email"]],
            "sync_mode": "incremental",
            "destination_sync_mode": "append_dedup",
        }
    ]
}


def lines_of(people: Iterable[Person]) -> Iterator[bytes]:
    """The rows as messages of the protocol, and a state behind them."""
    for one in people:
        record = {"stream": STREAM, "data": one.row, "emitted_at": 1_700_000_000_000}
        yield orjson.dumps({"type": "RECORD", "record": record}, option=orjson.OPT_APPEND_NEWLINE)
    stream = {"stream_descriptor": {"name": STREAM}, "stream_state": {"at": "the end"}}
    state = {"type": "STREAM", "stream": stream}
    yield orjson.dumps({"type": "STATE", "state": state}, option=orjson.OPT_APPEND_NEWLINE)


# ---- all of it ------------------------------------------------------------------------------------------------------

HEADER = (
    *("", "contacts per second", "times RudderStack's", "requests per contact", "x allowed", "429", "refused imports"),
    *("lost or wrong", "requests", "imports", "wall s", "allowed s", "CPU s", "peak MB"),
)


def large(count: int, *, quick: bool = False) -> list[Phase]:
    """The phases of an account that is empty before them."""
    people = [person(number) for number in range(count)]
    changed = [person(number, version=int(number % 100 == 0)) for number in range(count)]
    few = sum(one != other for one, other in zip(people, changed, strict=True))
    unchanged = Phase(f"{count:,} unchanged", people, {"unchanged": count}, count)
    return [
        Phase(f"{count:,} new", people, {"created": count}, 0),
        *([] if quick else [unchanged]),
        Phase(f"{count:,}, 1 % changed", changed, {"unchanged": count - few, "updated": few}, count),
    ]


def mixed(count: int) -> list[Phase]:
    """The phases of an account that has half of the contacts, with other values, once the first of them is over."""
    half = count // 2
    before = [person(number, version=1) for number in range(half)]
    people = [person(number) for number in range(count)]
    return [
        Phase(f"{half:,} before", before, {"created": half}, 0),
        Phase(f"{count:,}, half of them new", people, {"created": count - half, "updated": half}, half),
        Phase(f"{count:,}, the same again", people, {"unchanged": count}, count),
    ]


Measured = dict[str, list[tuple[Phase, Written]]]
"""By the label of a line, what each run took."""


def measure(contacts: int, few: int, rudderstacks: int, *, runs: int, quick: bool) -> tuple[Measured, Measured, float]:
    """What the destination took, what RudderStack's calls took for so many of the same rows, and the start-up.

    RudderStack's calls have an account of their own, and are made at the same time: they wait most of it.
    """
    start_up = median([_start_up() for _ in range(runs)])
    ours: Measured = defaultdict(list)
    theirs: Measured = defaultdict(list)
    for _ in range(runs):
        phases = large(contacts, quick=quick)
        with ThreadPoolExecutor(1) as executor:
            beside = executor.submit(_rudderstack, phases, rudderstacks)
            for phase, written in [*_written(phases), *_written(mixed(few))[1:]]:
                ours[phase.label].append((phase, written))
            for phase, written in beside.result():
                theirs[phase.label].append((phase, written))
    return ours, theirs, start_up


def _start_up() -> float:
    """The seconds of a sync that has nothing to write."""
    with World(SETTINGS) as world:
        return run(COMMAND, "write", {"config": config_of(world), "catalog": CATALOG}, stdin=lines_of([])).seconds


def _written(phases: Sequence[Phase]) -> list[tuple[Phase, Written]]:
    with World(SETTINGS) as world:
        found = []
        for phase in phases:
            written = write(world, phase)
            print(f"{phase.label}: {written.seconds:.1f} s, {len(written.log)} requests", file=sys.stderr)
            found.append((phase, written))
        return found


def _rudderstack(phases: Sequence[Phase], count: int) -> list[tuple[Phase, Written]]:
    with World(SETTINGS) as world:
        parts = [replace(phase, people=phase.people[:count]) for phase in phases]
        return [(part, write_as_rudderstack(world, part.people)) for part in parts]


def table_rows(ours: Measured, theirs: Measured, start_up: float) -> list[tuple[str, ...]]:
    """The lines of the table."""
    lines = []
    for label, runs in ours.items():
        rate = _rate(runs)
        other = theirs.get(label)
        times = rate / _rate(other) if other else None
        lines.append(_line(label, runs, times, start_up))
        if other:
            count = len(other[0][0].people)
            lines.append(_line(f"RudderStack's calls for {count:,} of the {label}", other, 1.0, 0.0))
    return lines


def _rate(runs: Sequence[tuple[Phase, Written]]) -> float:
    return median([len(phase.people) / written.seconds for phase, written in runs])


def _line(label: str, runs: Sequence[tuple[Phase, Written]], times: float | None, start_up: float) -> tuple[str, ...]:
    """Medians, but the worst of what should not be."""
    phase, written = runs[0][0], [one for _, one in runs]
    requests, seconds = median([len(one.log) for one in written]), median([one.seconds for one in written])
    processes = [one.run for one in written if one.run]
    # RudderStack's calls are all that are needed for them.
    needed = phase.requests if processes else round(requests)
    allowed = seconds_allowed(needed, phase.imports if processes else 0)
    imports = f"{median([len(one.imports) for one in written]):,.0f} of {phase.imports:,}"
    return (
        label,
        f"**{_rate(runs):.3g}**",
        "-" if times is None else f"**{times:.3g}**",
        f"**{requests / len(phase.people):.4g}**",
        f"**{seconds / (allowed + start_up):.2f}**",
        f"**{max(one.throttled for one in written)}**",
        f"**{max(one.refused for one in written)}**" if processes else "-",
        f"**{max(one.found.contacts for one in written)}**",
        f"{requests:,.0f} of {needed:,.0f}" if processes else f"{requests:,.0f}",
        imports if processes else "-",
        f"{seconds:.1f}",
        f"{allowed:.1f}",
        f"{median([one.cpu_seconds for one in processes]):.1f}" if processes else "-",
        f"{median([one.peak_megabytes for one in processes]):.0f}" if processes else "-",
    )
