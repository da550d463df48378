"""A sync that a seed makes up: what an account has, rows of four streams with states between them, and what it has
afterwards, as the documentation of the destination says it."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from emulator import Account, Emulator
from integration_tests.destination.connector import configured, line, record, state
from integration_tests.destination.contacts import Has, World

CONTACTS, TAGGED, UNTAGGED, LISTED = "contacts", "tagged", "untagged", "listed"
STREAMS: Mapping[str, Mapping[str, Any]] = {
    CONTACTS: {
        "object": "contacts",
        "mode": "upsert",
        "columns": ("firstName", "lastName", "custom_size", "custom_colour", "tags", "lists", "account"),
    },
    TAGGED: {"object": "contact_tags", "mode": "upsert", "columns": ("tag",)},
    UNTAGGED: {"object": "contact_tags", "mode": "soft_delete", "columns": ("tag",)},
    LISTED: {"object": "contact_lists", "mode": "upsert", "columns": ("list", "status")},
}
# The first three are there before, and so are the first two of the lists.
TAGS = ("vip", "lead", "old", "fresh", "brand new")
LISTS = ("News", "Offers")
COLOURS = ("red", "blue")
ACCOUNTS = ("Acme", "Other")
PEOPLE, ROWS, ROWS_PER_STATE = 120, 300, 25
BLOCKED = "@blocked.example.com"

# What is to be known of a contact: its email address, and what it is about, such as ("tag", "vip").
Fact = tuple[str, tuple[str, ...]]
Facts = dict[Fact, Any]


@dataclass(frozen=True)
class Given:
    """A line of the input: a row, with what it makes true or why it is rejected, or a state."""

    line: bytes
    stream: str | None
    row: Mapping[str, Any] | None = None
    facts: Facts = field(default_factory=dict)
    code: str | None = None

    @property
    def is_state(self) -> bool:
        return self.row is None


class Plan:
    """The whole of a seed. `is_global`: its states are about all streams, whose rows then contradict each other.

    With states of single streams a platform sends the rows of one stream again and not those of another; only where
    these are about different things does it not matter which of them came last.
    """

    def __init__(self, seed: int) -> None:
        self.chosen = random.Random(seed)
        pick = self.chosen.choice
        self.is_global = pick((False, True))
        self.replaces = pick((False, True))
        self.resubscribes = pick((False, True))
        self.config: dict[str, Any] = {
            "tags": "replace" if self.replaces else "add",
            "resubscribe": self.resubscribes,
            "run_automations": pick((False, True)),
            "compare": pick(("auto", "auto", "always", "never")),
            "create_missing": ["tags", "accounts"],
            "deletions": "unsubscribe",
            "requests_per_second": 100,
            "streams": [
                {"stream": name, "object": one["object"], "mode": one["mode"]} for name, one in STREAMS.items()
            ],
        }
        self.before = self._before()
        # Whoever may not be subscribed again is moved in one direction only: the rows of one contact may be written
        # together or not.
        self._directions = {
            (email, name): self.chosen.choice(("1", "2")) for email in map(address, range(PEOPLE)) for name in LISTS
        }
        self.given = list(self._lines())

    # ---- what is there before

    def _before(self) -> Facts:
        found: Facts = {}
        for number in range(0, PEOPLE, 2):
            email, pick = address(number), self.chosen.choice
            found |= {
                (email, ("there",)): True,
                (email, ("firstName",)): pick(("Ann", "Before")),
                (email, ("custom_size",)): pick(("1", "2", "")),
                (email, ("custom_colour",)): pick(COLOURS),
                **{(email, ("tag", tag)): pick((True, False)) for tag in TAGS[:3]},
                **{(email, ("list", name)): pick(("1", "2", None)) for name in LISTS},
            }
        return found

    @contextmanager
    def world(self, **settings: Any) -> Iterator[World]:
        """An account as it is before, in a fresh emulator."""
        with Emulator(Account.empty(), malformed_emails="refused", **settings) as emulator:
            world = World(emulator)
            emulator.account.add_exclusion(BLOCKED, "end")
            world.add("bounced@example.com", bounced_hard="1")
            for email in dict.fromkeys(email for email, _ in self.before):
                known = {what: value for (one, what), value in self.before.items() if one == email}
                values = {"size": known["custom_size",], "colour": known["custom_colour",]}
                world.add(
                    email,
                    firstName=known["firstName",],
                    values={name: value for name, value in values.items() if value},
                    tags=[tag for tag in TAGS[:3] if known["tag", tag]],
                    lists={name: known["list", name] for name in LISTS if known["list", name]},
                )
            yield world

    # ---- what comes

    @property
    def catalog(self) -> dict[str, Any]:
        found = configured(*STREAMS)
        for stream in found["streams"]:
            names = ("email", *STREAMS[stream["stream"]["name"]]["columns"])
            stream["stream"]["json_schema"] = {"type": "object", "properties": {name: {} for name in names}}
        return found

    def _lines(self) -> Iterator[Given]:
        for number in range(ROWS):
            yield self._row(number)
            if number % ROWS_PER_STATE == ROWS_PER_STATE - 1:
                yield from self._states(number)

    def _states(self, number: int) -> Iterator[Given]:
        if self.is_global:
            content = {"shared_state": {"at": number}, "stream_states": []}
            yield Given(line("STATE", state={"type": "GLOBAL", "global": content}), None)
        else:
            yield from (Given(state(name, at=number), name) for name in STREAMS)

    def _row(self, number: int) -> Given:
        if self.chosen.random() < 0.06:
            return self._bad_row(number)
        person = self.chosen.randrange(PEOPLE)
        stream = self.chosen.choices(tuple(STREAMS), (5, 2, 2, 2))[0]
        if not self.is_global:
            # Who has tags by one stream has none by another, and the same for lists.
            stream = {TAGGED: TAGGED, UNTAGGED: (UNTAGGED, TAGGED, CONTACTS)[person % 3]}.get(stream, stream)
            if stream == TAGGED and person % 3 != 1:
                person = (person // 3 * 3 + 1) % PEOPLE
            if stream == LISTED and person % 2:
                person -= 1
        return self._of_contact(person) if stream == CONTACTS else self._below_contact(stream, person)

    def _of_contact(self, person: int) -> Given:
        pick, email = self.chosen.choice, address(person)
        row: dict[str, Any] = {"email": email}
        facts: Facts = {(email, ("there",)): True}
        options: dict[str, Sequence[Any]] = {
            "firstName": ("Ann", "Bob", "Eve"),
            "lastName": ("Lee", "Poe"),
            "custom_size": (1, 2, 3),
            "custom_colour": COLOURS,
            "account": ACCOUNTS,
        }
        for column, values in options.items():
            if self.chosen.random() < (0.1 if column == "account" else 0.5):
                row[column] = pick(values)
                facts[email, (column,)] = str(row[column])
        if self.chosen.random() < 0.5 and (self.is_global or person % 3 == 0):
            row["tags"] = self.chosen.sample(TAGS, self.chosen.randrange(4))
            facts |= {(email, ("tag", tag)): tag in row["tags"] for tag in TAGS if self.replaces or tag in row["tags"]}
        code = None
        if self.chosen.random() < 0.4 and (self.is_global or person % 2):
            name = pick(LISTS)
            status = self._direction(email, name)
            row["lists"] = [{"id": name, "status": status}]
            code = self._list_fact(facts, email, name, status)
        return Given(record(CONTACTS, **row), CONTACTS, row, facts, code)

    def _below_contact(self, stream: str, person: int) -> Given:
        email = address(person)
        facts: Facts = {} if stream == UNTAGGED else {(email, ("there",)): True}
        code = None
        if stream == LISTED:
            name = self.chosen.choice(LISTS)
            row = {"email": email, "list": name, "status": self._direction(email, name)}
            code = self._list_fact(facts, email, name, row["status"])
        else:
            row = {"email": email, "tag": self.chosen.choice(TAGS)}
            facts[email, ("tag", row["tag"])] = stream == TAGGED
        return Given(record(stream, **row), stream, row, facts, code)

    def _direction(self, email: str, name: str) -> str:
        return self.chosen.choice(("1", "2")) if self.resubscribes else self._directions[email, name]

    def _list_fact(self, facts: Facts, email: str, name: str, status: str) -> str | None:
        """Note what a membership becomes; the code of a row that may not bring it about."""
        if status == "1" and not self.resubscribes and self.before.get((email, ("list", name))) == "2":
            return "resubscribe_refused"
        facts[email, ("list", name)] = status
        return None

    def _bad_row(self, number: int) -> Given:
        code, row = self.chosen.choice(
            (
                ("email_invalid", {"email": f"nobody{number}"}),
                # It refuses the whole import for it.
                ("email_invalid", {"email": f"refused{number}@example.com", "firstName": "Nobody"}),
                # The importer takes it, leaves it out later, and does not say why.
                ("email_invalid", {"email": f"o'brien{number}@example.com"}),
                ("excluded", {"email": f"person{number}{BLOCKED}"}),
                ("bounced", {"email": "bounced@example.com", "firstName": f"Ann {number}"}),
                ("unknown_list", {"email": address(number % PEOPLE), "firstName": "Nobody", "lists": ["Nowhere"]}),
                ("value_invalid", {"email": address(number % PEOPLE), "firstName": "Nobody", "custom_size": "few"}),
            )
        )
        return Given(record(CONTACTS, **row), CONTACTS, row, {}, code)

    # ---- what has to come of it

    @cached_property
    def states(self) -> list[Given]:
        return [one for one in self.given if one.is_state]

    @cached_property
    def after(self) -> dict[str, Has]:
        """The account when every row was written."""
        return contacts_of(facts_of(self.given, self.before))

    def rejected(self, given: Iterable[Given] | None = None) -> Counter[tuple[str, str, str]]:
        """Stream, code and row of what has to be rejected."""
        return Counter(
            (str(one.stream), one.code, json.dumps(one.row)) for one in (given or self.given) if one.row and one.code
        )


def address(number: int) -> str:
    return f"person{number}@example.com"


def facts_of(given: Iterable[Given], before: Mapping[Fact, Any]) -> Facts:
    found = dict(before)
    for one in given:
        found |= one.facts
    return found


def contacts_of(facts: Mapping[Fact, Any]) -> dict[str, Has]:
    """The contacts of which these facts are true, and the one that bounced."""
    found = {"bounced@example.com": Has(("", "", ""), {}, frozenset(), {}, None)}
    for email in dict.fromkeys(email for email, what in facts if what == ("there",)):
        known = {what: value for (one, what), value in facts.items() if one == email}
        values = {"size": known.get(("custom_size",)), "colour": known.get(("custom_colour",))}
        found[email] = Has(
            (known.get(("firstName",), ""), known.get(("lastName",), ""), ""),
            {name: value for name, value in values.items() if value},
            frozenset(tag for tag in TAGS if known.get(("tag", tag))),
            {name: status for name in LISTS if (status := known.get(("list", name)))},
            known.get(("account",)),
        )
    return found


def facts_in(contacts: Mapping[str, Has]) -> Facts:
    """What is true of contacts: the reverse of `contacts_of`, with what they do not have."""
    found: Facts = {}
    for email, has in contacts.items():
        found |= {
            (email, ("there",)): True,
            (email, ("firstName",)): has.names[0],
            (email, ("lastName",)): has.names[1],
            (email, ("custom_size",)): has.values.get("size"),
            (email, ("custom_colour",)): has.values.get("colour"),
            (email, ("account",)): has.account,
            **{(email, ("tag", tag)): tag in has.tags for tag in TAGS},
            **{(email, ("list", name)): has.lists.get(name) for name in LISTS},
        }
    return found


def written_twice(account: Account) -> list[tuple[str, Any]]:
    """Rows of which there is a second one that says the same."""
    keys = {
        "contacts": ("email",),
        "tags": ("tag",),
        "accounts": ("name",),
        "contactTags": ("contact", "tag"),
        "contactLists": ("contact", "list"),
        "accountContacts": ("contact",),
        "fieldValues": ("contact", "field"),
    }
    return [
        (resource, one)
        for resource, names in keys.items()
        for one, number in Counter(
            tuple(str(row[name]).lower() for name in names) for row in account.rows(resource)
        ).items()
        if number > 1
    ]
