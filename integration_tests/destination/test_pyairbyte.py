"""What is in one account is read and written into another through PyAirbyte: contacts both ways that it has, and with
them company accounts and records of a custom object."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.destination import records
from integration_tests.destination.connector import ROOT
from integration_tests.destination.contacts import QUICK, Has, World
from integration_tests.make import environment

PYTHON = ROOT / ".venv-sync" / "bin" / "python"
PATIENCE = 120
CONTACTS = 60
LONG_AGO = 1_700_000_000
NAMES = [("Ann", "Lee"), ("Zoë", "O'Brien"), ("李", "小龙"), ("", "Only"), ('Quo"te', "Back\\slash"), ("", "")]
PLANS = ["gold", "two\nlines", "7", "0012", "true", '["no", "list"]', "||", "null"]
SIZES = ["0", "-1.5", "42", "123456789012345", "0.000001"]


class Sync:
    """Two accounts that define the same, the first of which has contacts; nothing else is in both."""

    def __init__(self, source: World, target: World, folder: Path) -> None:
        self.source = source
        self.target = target
        self.folder = folder

    def run(self, path: str) -> int:
        """Run PyAirbyte as a user does; how many rows it says it has written."""
        job = {
            "source": self._connector("source_activecampaign", self.source.emulator, lookback_hours=0),
            "destination": self._connector(
                "destination_activecampaign",
                self.target.emulator,
                rejected_records=str(self.folder / "rejected"),
            ),
            "folder": str(self.folder),
            "path": path,
        }
        self.target.emulator.requests.clear()
        done = subprocess.run(
            [PYTHON, ROOT / "integration_tests" / "destination" / "with_pyairbyte.py", json.dumps(job)],
            cwd=self.folder,
            env={
                **environment(),
                "AIRBYTE_OFFLINE_MODE": "1",
                "AIRBYTE_LOGGING_ROOT": str(self.folder / "logs"),
                "AIRBYTE_PROJECT_DIR": str(self.folder),
                "NO_LIVE_PROGRESS": "1",
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.logs
        written: int = json.loads(done.stdout.splitlines()[-1])["written"]
        return written

    @property
    def logs(self) -> str:
        return "".join(file.read_text() for file in self.folder.glob("logs/**/*.log"))

    @property
    def writes(self) -> list[str]:
        """What changed the target in the last run, as `POST import/bulk_import`."""
        return self.target.writes

    @property
    def imported(self) -> set[str]:
        """The email addresses of the contacts that the last run wrote; nothing else was."""
        sent = [one for one in self.target.emulator.requests if one.method != "GET"]
        return {contact["email"] for one in sent for contact in json.loads(one.body)["contacts"]}

    def _connector(self, module: str, emulator: Emulator, **config: Any) -> dict[str, Any]:
        executable = self.folder / module
        # From this directory, so that what is tested is the code beside this test.
        executable.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m {module} "$@"\n')
        executable.chmod(0o700)
        account = {"api_url": emulator.url, "api_key": emulator.api_key, "requests_per_second": 100}
        return {"executable": str(executable), "config": {**account, **config}}


def fill(world: World) -> None:
    """Contacts of all kinds: with and without names, values of each type, tags and lists."""
    choices = [["chess"], ["chess", "rowing"], []]
    for number in range(CONTACTS):
        first, last = NAMES[number % len(NAMES)]
        every = {
            "plan": PLANS[number % len(PLANS)],
            "size": SIZES[number % len(SIZES)],
            "born": f"19{number + 10}-02-{number % 28 + 1:02}",
            "seen": f"2024-{number % 12 + 1:02}-15T{number % 24:02}:30:00-05:00",
            "colour": ["red", "blue"][number % 2],
            "sports": "".join(f"||{one}" for one in choices[number % 3]) + "||" * bool(choices[number % 3]),
        }
        contact = world.add(
            f"person{number}@example.com",
            firstName=first,
            lastName=last,
            phone=f"+1 555 01{number:02}" if number % 4 else "",
            # Each has a value more, or less, than the one before.
            values=dict(list(every.items())[: number % (len(every) + 1)]),
            tags=["vip", "lead", "old"][: number % 4],
            lists=[{}, {"News": "1"}, {"Offers": "2"}, {"News": "2", "Offers": "1"}][number % 4],
        )
        world.account.update("contacts", contact, _updated=LONG_AGO + number * 3600)


def change(world: World) -> None:
    world.add("added@example.com", firstName="Added", values={"size": "1"})
    [person] = [row["id"] for row in world.account.rows("contacts") if row["email"] == "person7@example.com"]
    world.account.update("contacts", person, lastName="Changed")


@pytest.fixture
def sync(tmp_path: Path) -> Iterator[Sync]:
    with Emulator(Account.empty(seed=1)) as one, Emulator(Account.empty(seed=2)) as other:
        # So that ids which mean something in the one account mean something else in the other.
        other.account.add_list("Somebody else's")
        other.account.add_tag("somebody else's")
        other.account.add_field("Something else")
        for emulator in (one, other):
            emulator.settings.patch(QUICK)
        source, target = World(one), World(other)
        fill(source)
        yield Sync(source, target, tmp_path)


def contacts(world: World) -> dict[str, Has]:
    """The contacts of an account; the API is free to give a moment with any offset."""
    return {
        email: has._replace(values=dict(map(as_instant, has.values.items()))) for email, has in world.contacts().items()
    }


def as_instant(value: tuple[str, str]) -> tuple[str, str]:
    field, text = value
    return (field, str(datetime.fromisoformat(text).astimezone(timezone.utc))) if field == "seen" else value


def test_contacts_go_from_one_account_into_another_directly(sync: Sync) -> None:
    def of_contacts_alone(world: World) -> dict[str, Has]:
        # What the stream `contacts` carries.
        return {email: has._replace(tags=frozenset(), lists={}) for email, has in contacts(world).items()}

    assert sync.run("direct") == CONTACTS
    assert len(sync.target.contacts()) == CONTACTS
    assert contacts(sync.target) == of_contacts_alone(sync.source)
    assert sync.writes == ["POST import/bulk_import"]

    change(sync.source)
    assert 2 <= sync.run("direct") < 10, "from where the last run ended"
    assert contacts(sync.target) == of_contacts_alone(sync.source)
    assert sync.imported == {"added@example.com", "person7@example.com"}


def test_contacts_with_tags_and_lists_go_from_one_account_into_another_through_a_cache(sync: Sync) -> None:
    assert sync.run("cache") == CONTACTS
    assert len(sync.target.contacts()) == CONTACTS
    assert contacts(sync.target) == contacts(sync.source)

    change(sync.source)
    person, old = sync.source.account.rows("contacts")[0], sync.source.account.rows("tags")[2]
    sync.source.account.insert("contactTags", contact=person["id"], tag=old["id"])
    assert sync.run("cache") == CONTACTS + 1, "everything that is in the cache"
    assert contacts(sync.target) == contacts(sync.source)
    assert sync.imported == {"added@example.com", "person7@example.com", "person0@example.com"}


COMPANIES = 12
VISITS = 30


def define(account: Account, *, reverse: bool) -> None:
    """Fields of company accounts and a custom object; ids of what is defined in reverse are others."""
    fields: list[tuple[str, str, tuple[str, ...]]] = [
        ("Note", "text", ()),
        ("Seats", "number", ()),
        ("Since", "date", ()),
        ("Region", "dropdown", ("North", "South")),
        ("Modules", "multiselect", ("Base", "Mobile")),
        ("Fee", "currency", ()),
    ]
    for label, kind, options in reversed(fields) if reverse else fields:
        account.add_account_field(label, kind, options=options)
    visit = {"title": "text", "visits": "number", "cost": "currency", "kind": ["Standard", "Express"], "due": "date"}
    account.add_schema("visit", visit, {"guests": "contacts"})


def fill_companies(account: Account) -> None:
    """Company accounts of all kinds, contacts who belong to some of them, and visits of some."""
    users, people = ([row["id"] for row in account.rows(name)] for name in ("users", "contacts"))
    fields = {row["fieldLabel"]: int(row["id"]) for row in account.rows("accountCustomFieldMeta")}
    for number in range(COMPANIES):
        company = account.insert(
            "accounts",
            name=["Acme", "Zoë & Söhne", 'The "Best"', "李氏"][number % 4] + f" {number}",
            accountUrl=f"https://www{number}.example.com" if number % 3 else "",
            owner=users[number % len(users)],
        )
        every: dict[str, Any] = {
            "Note": PLANS[number % len(PLANS)],
            "Seats": SIZES[number % len(SIZES)],
            "Since": f"2020-02-{number + 1:02}",
            "Region": ["North", "South"][number % 2],
            "Modules": [["Base"], ["Base", "Mobile"]][number % 2],
            "Fee": number * 1250,
        }
        for label, value in list(every.items())[number % 3 :: 1 + number % 2]:
            more = {"fieldCurrency": ["EUR", "USD", "JPY"][number % 3]} if label == "Fee" else {}
            account.insert(
                "accountCustomFieldData",
                accountId=int(company),
                customFieldId=fields[label],
                fieldValue=value,
                **more,
            )
        account.insert(
            "accountContacts",
            account=company,
            contact=people[number],
            jobTitle=["", "CEO", "Chef de cuisine"][number % 3],
        )
    [schema] = account.ids("customObjectSchemas")
    for number in range(VISITS):
        every = {
            "title": NAMES[number % len(NAMES)][1] or "none",
            "visits": number,
            "cost": number + 0.25,
            "kind": ["Standard", "Express"][number % 2],
            "due": f"2026-01-{number % 28 + 1:02}",
        }
        values = [{"id": name, "value": value} for name, value in list(every.items())[: 1 + number % len(every)]]
        related = {"guests": people[number : number + 1]} if number % 3 else {}
        account.insert(
            "customObjectRecords",
            schemaId=schema,
            externalId=f"V-{number}",
            fields=values,
            relationships=related,
        )


def everything(world: World, folder: Path) -> dict[str, Any]:
    """All that an account has and the API lets one write, by names instead of the ids, which every account has its own.

    The times at which contacts may have been seen are instants.
    """
    account, others = world.account, records.World(world.emulator, folder)
    emails = {row["id"]: row["email"] for row in account.rows("contacts")}
    users = {row["id"]: row["email"] for row in account.rows("users")}
    names = {row["id"]: row["name"] for row in account.rows("accounts")}
    return {
        "contacts": contacts(world),
        "accounts": {name: {**row, "owner": users[row["owner"]]} for name, row in others.accounts().items()},
        "account_contacts": {
            emails[str(row["contact"])]: (names[str(row["account"])], row["jobTitle"] or "")
            for row in account.rows("accountContacts")
        },
        "visits": {
            key: {**row, "guests": [emails[str(one)] for one in row.get("guests", ())]}
            for key, row in others.records().items()
        },
    }


def test_company_accounts_custom_objects_and_contacts_go_from_one_account_into_another(sync: Sync) -> None:
    source, target = sync.source.account, sync.target.account
    for mine, others in zip(source.rows("users"), reversed(target.rows("users")), strict=True):
        target.update("users", others["id"], email=mine["email"])
    # So that contacts and company accounts have other ids in the one account than in the other.
    for contact in source.rows("contacts")[:3]:
        source.delete("contacts", contact["id"])
    source.delete("accounts", source.insert("accounts", name="gone"))
    define(source, reverse=False)
    define(target, reverse=True)
    fill_companies(source)
    had = everything(sync.source, sync.folder)
    assert [len(had[name]) for name in had] == [CONTACTS - 3, COMPANIES, COMPANIES, VISITS]

    sync.run("account")
    assert not (sync.folder / "rejected").exists() or not list((sync.folder / "rejected").iterdir())
    has = everything(sync.target, sync.folder)
    for name, rows in had.items():
        assert has[name] == rows
    assert {"Fee", "Fee currency"} <= has["accounts"]["Acme 0"].keys()
    for name, column in {"contacts": "email", "accounts": "name", "users": "email"}.items():
        ids = [{row[column]: row["id"] for row in account.rows(name)} for account in (source, target)]
        assert not set(ids[0].items()) & set(ids[1].items()), "an id that stands for something else there"

    sync.run("account")
    assert sync.writes == []
    assert everything(sync.target, sync.folder) == has
