"""Contacts of one account are read and written into another through PyAirbyte, both ways that it has."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
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
