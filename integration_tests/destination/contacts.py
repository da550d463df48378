"""An account that rows of contacts are written to, what it has afterwards, and what became of each row."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from activecampaign_client.account import Account as Client
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.config import Config
from destination_activecampaign.contacts.importer import Durations
from destination_activecampaign.contacts.pipeline import ContactsWriter
from destination_activecampaign.directory import Directory
from destination_activecampaign.objects import Objects
from destination_activecampaign.rejections import Rejection
from destination_activecampaign.writer import Outcome, Row, Settle
from emulator import Account, Emulator

JsonObject = dict[str, Any]
# What takes the importer no time in a test that is not about it.
QUICK = {
    "rate_limit_window": "off",
    "import_false_seconds": 0,
    "import_delay": 0,
    "import_contacts_per_second": 0,
    "import_order": "parallel",
}


class Has(NamedTuple):
    """What an account has of a contact: values by the tag of their field, lists by name with their status."""

    names: tuple[str, str, str]
    values: Mapping[str, str]
    tags: frozenset[str]
    lists: Mapping[str, str]
    account: str | None


# The resources that say what an account has of its contacts.
TABLES = (
    *("contacts", "fieldValues", "contactTags", "contactLists", "accountContacts"),
    *("fields", "tags", "lists", "accounts"),
)


def contacts_in(rows: Callable[[str], Iterable[JsonObject]]) -> dict[str, Has]:
    """Every contact of an account by its email address; `rows` gives those of a resource."""
    fields = {row["id"]: row["perstag"].lower() for row in rows("fields")}
    tags = {row["id"]: row["tag"] for row in rows("tags")}
    lists = {row["id"]: row["name"] for row in rows("lists")}
    names = {row["id"]: row["name"] for row in rows("accounts")}

    below: dict[tuple[str, str], list[JsonObject]] = defaultdict(list)
    for resource in ("fieldValues", "contactTags", "contactLists", "accountContacts"):
        for row in rows(resource):
            below[resource, str(row["contact"])].append(row)
    found = {}
    for row in rows("contacts"):
        contact = row["id"]
        links = below["accountContacts", contact]
        found[row["email"]] = Has(
            (row["firstName"], row["lastName"], row["phone"]),
            {fields[one["field"]]: one["value"] for one in below["fieldValues", contact] if one["value"]},
            frozenset(tags[str(one["tag"])] for one in below["contactTags", contact]),
            {lists[str(one["list"])]: str(one["status"]) for one in below["contactLists", contact]},
            names[str(links[0]["account"])] if links else None,
        )
    return found


class World:
    """An emulated account with a field of each type, two lists and three tags, and the destination's writer for it."""

    # Seconds after which a batch counts as failed.
    longest_batch = 60.0

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.account: Account = emulator.account
        self.fields = {
            "plan": self.account.add_field("Plan"),
            "size": self.account.add_field("Size", "number"),
            "born": self.account.add_field("Born", "date"),
            "seen": self.account.add_field("Seen", "datetime"),
            "colour": self.account.add_field("Colour", "dropdown", options=["red", "blue"]),
            "sports": self.account.add_field("Sports", "checkbox", options=["chess", "rowing"]),
        }
        self.lists = {name: self.account.add_list(name) for name in ("News", "Offers")}
        for tag in ("vip", "lead", "old"):
            self.account.add_tag(tag)

    # ---- what it has

    def contacts(self) -> dict[str, Has]:
        """Every contact by its email address."""
        return contacts_in(self.account.rows)

    def has(self, email: str) -> Has:
        return self.contacts()[email]

    def add(
        self,
        email: str,
        *,
        values: Mapping[str, str] | None = None,
        tags: Iterable[str] = (),
        lists: Mapping[str, str] | None = None,
        **columns: Any,
    ) -> str:
        """Put a contact there, not through the API."""
        account = self.account
        given = {"firstName": "", "lastName": "", "phone": "", "bounced_hard": "0", **columns}
        contact = account.insert("contacts", email=email, **given)
        by_name = {row["tag"]: row["id"] for row in account.rows("tags")}
        for name, value in (values or {}).items():
            account.insert("fieldValues", contact=contact, field=self.fields[name], value=value)
        for tag in tags:
            account.insert("contactTags", contact=contact, tag=by_name[tag])
        for name, status in (lists or {}).items():
            account.insert("contactLists", contact=contact, list=self.lists[name], status=status)
        return contact

    # ---- what is written

    def write(
        self,
        rows: Sequence[Mapping[str, Any]],
        object_: str = "contacts",
        mode: Mode = Mode.UPSERT,
        *,
        key: Sequence[str] = (),
        columns: Sequence[str] | None = None,
        **config: Any,
    ) -> list[str]:
        """Write rows and say what became of each: an outcome, or the code of a rejection."""
        return self.sync([(target_of(rows, object_, mode, key, columns), row) for row in rows], **config).codes

    def sync(self, *parts: Sequence[tuple[Target, Mapping[str, Any]]], **config: Any) -> "Written":
        """One sync of rows of any streams, in this order; those of each part are written before the next begins."""
        self.emulator.requests.clear()
        rows = [one for part in parts for one in part]
        written = Written([None] * len(rows))
        with self.writer(dict.fromkeys(target for target, _ in rows), written.settle, **config) as writer:
            numbers = count()
            for part in parts:
                for target, data in part:
                    writer.take(target, Row(next(numbers), data))
                writer.flush()
        return written

    @contextmanager
    def writer(self, targets: Iterable[Target], settle: Settle, **config: Any) -> Iterator[ContactsWriter]:
        client = Client(self.emulator.url, self.emulator.api_key, 1000)
        settings = Config(
            self.emulator.url,
            self.emulator.api_key,
            **{
                "create_missing": frozenset(config.pop("create_missing", {"tags"})),
                **config,
            },
        )
        writer = ContactsWriter(
            list(targets),
            client,
            settings,
            settle,
            Directory(client),
            lambda: None,
            durations=Durations(0.05, shortest=0.02),
            longest_batch=self.longest_batch,
        )
        try:
            yield writer
        finally:
            writer.close()

    def asked(self, method: str | None = None) -> list[str]:
        """The requests of the last sync, as `POST contact/sync`."""
        return [
            f"{one.method} {one.path.removeprefix('/api/3/')}"
            for one in self.emulator.requests
            if method in (None, one.method)
        ]

    @property
    def writes(self) -> list[str]:
        return [one for one in self.asked() if not one.startswith("GET")]


@dataclass
class Written:
    """What became of each row, by its number."""

    results: list[Outcome | Rejection | None]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settle(self, target: Target, row: Row, result: Outcome | Rejection) -> None:
        with self.lock:
            assert self.results[row.number] is None, "a row was settled twice"
            self.results[row.number] = result

    @property
    def codes(self) -> list[str]:
        assert None not in self.results, "a row was not settled"
        return [one.code if isinstance(one, Rejection) else one.value for one in self.results if one]


def target_of(
    rows: Sequence[Mapping[str, Any]],
    object_: str = "contacts",
    mode: Mode = Mode.UPSERT,
    key: Sequence[str] = (),
    columns: Sequence[str] | None = None,
) -> Target:
    names = dict.fromkeys(name for row in rows for name in row) if columns is None else columns
    kind = Objects().named(object_)
    assert kind
    mode = mode if kind.keys else Mode.APPEND
    return Target(f"{object_} {mode.value}", None, object_, mode, tuple(key) or next(iter(kind.keys), ()), tuple(names))
