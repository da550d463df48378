"""Contacts enter, change and leave company accounts, through the console script."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from emulator import Account, Emulator
from integration_tests.destination.connector import Destination, Process, configured, record, state
from integration_tests.destination.contacts import QUICK, World

STREAM = "account_contacts"
ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(Account.empty(), **QUICK) as running:
        yield running


@pytest.fixture
def world(emulator: Emulator) -> World:
    """Ann is the CEO of Acme, Bob is nobody of Other."""
    world = World(emulator)
    for name in ("Acme", "Other"):
        world.account.insert("accounts", name=name)
    for email, account, title in ((ANN, "1", "CEO"), (BOB, "2", "")):
        contact = world.add(email)
        world.account.insert("accountContacts", contact=contact, account=account, jobTitle=title)
    return world


def write(destination: Destination, *rows: dict[str, Any], sync_mode: str = "append_dedup") -> Process:
    lines = [*(record(STREAM, **row) for row in rows), state(STREAM)]
    done = destination.write(configured(STREAM, sync_mode=sync_mode), lines)
    assert done.exit_code == 0, done.text
    return done


def outcomes(done: Process) -> dict[str, int]:
    [stream] = done.summary["streams"]
    return {**stream["outcomes"], **stream["codes"]}


def associations(world: World) -> dict[str, tuple[str, str]]:
    """The account and the title of each contact that has one."""
    names = {row["id"]: row["name"] for row in world.account.rows("accounts")}
    emails = {row["id"]: row["email"] for row in world.account.rows("contacts")}
    links = world.account.rows("accountContacts")
    return {emails[str(one["contact"])]: (names[str(one["account"])], one["jobTitle"] or "") for one in links}


@pytest.mark.parametrize("changes", ["applied", "ignored"])
def test_given_associations_when_written_then_they_are_as_the_rows_say_and_the_same_again_changes_nothing(
    configure: Callable[..., Destination], world: World, changes: str
) -> None:
    world.emulator.settings.patch({"account_changes": changes})
    rows = [
        {"email": ANN, "account": "ACME", "jobTitle": "CTO"},
        {"email": BOB.upper(), "account": "Acme", "jobTitle": "Clerk"},
        {"email": EVE, "account": "New", "jobTitle": "Owner"},
        {"email": "new@example.com", "account": "Other"},
    ]
    destination = configure(create_missing=["accounts"])
    assert outcomes(write(destination, *rows)) == {"updated": 2, "created": 2}
    assert associations(world) == {
        ANN: ("Acme", "CTO"),
        BOB: ("Acme", "Clerk"),
        EVE: ("New", "Owner"),
        "new@example.com": ("Other", ""),
    }
    assert sorted(row["name"] for row in world.account.rows("accounts")) == ["Acme", "New", "Other"]

    world.emulator.requests.clear()
    assert outcomes(write(destination, *rows)) == {"unchanged": 4}
    assert world.writes == []


def test_given_a_title_alone_when_written_then_one_request_changes_it(
    configure: Callable[..., Destination], world: World
) -> None:
    write(configure(), {"email": ANN, "account": "Acme", "job_title": ""})
    assert associations(world)[ANN] == ("Acme", "")
    assert world.writes == ["PUT accountContacts/1"]
    body = world.emulator.requests[-1].body
    assert orjson.loads(body) == {"accountContact": {"contact": 1, "account": 1, "jobTitle": ""}}


@pytest.mark.parametrize(("null_values", "title"), [("ignore", "CEO"), ("clear", "")])
def test_given_a_null_title_when_written_then_it_is_emptied_only_where_that_is_asked_for(
    configure: Callable[..., Destination], world: World, null_values: str, title: str
) -> None:
    catalog = configured(STREAM)
    catalog["streams"][0]["stream"]["json_schema"]["properties"]["jobTitle"] = {"type": ["null", "string"]}
    lines = [record(STREAM, email=ANN, account="Acme", jobTitle=None)]
    assert configure(null_values=null_values).write(catalog, lines).exit_code == 0
    assert associations(world)[ANN] == ("Acme", title)


def test_given_deletions_when_written_then_only_the_association_that_is_named_ends(
    configure: Callable[..., Destination], world: World
) -> None:
    rows = [
        {"email": ANN, "account": "acme"},
        {"email": BOB, "account": "Acme"},
        {"email": EVE, "account": "Acme"},
        {"email": ANN, "account": "Nowhere"},
    ]
    done = write(configure(deletions="delete"), *rows, sync_mode="soft_delete")
    # Both rows of Ann are one change.
    assert outcomes(done) == {"updated": 2, "unchanged": 2}
    assert associations(world) == {BOB: ("Other", "")}
    assert set(world.contacts()) == {ANN, BOB}

    refused = write(configure(), {"email": BOB, "account": "Other"}, sync_mode="soft_delete")
    assert outcomes(refused) == {"rejected": 1, "deletion_refused": 1}
    assert associations(world) == {BOB: ("Other", "")}


def test_given_rows_that_enter_and_leave_when_written_together_then_the_last_one_holds(
    configure: Callable[..., Destination], world: World
) -> None:
    catalog = configured(STREAM)
    catalog["streams"] += configured("left", sync_mode="soft_delete")["streams"]
    destination = configure(deletions="delete", streams=[{"stream": "left", "object": STREAM}])
    lines = [
        record(STREAM, email=ANN, account="Other"),
        record("left", email=ANN, account="Other"),
        record("left", email=BOB, account="Other"),
        record(STREAM, email=BOB, account="Other", jobTitle="Clerk"),
    ]
    assert destination.write(catalog, lines).exit_code == 0
    assert associations(world) == {BOB: ("Other", "Clerk")}


def test_given_rows_that_cannot_be_written_then_each_is_rejected_and_the_others_are_written(
    configure: Callable[..., Destination], world: World, tmp_path: Path
) -> None:
    rows = [
        {"account": "Acme"},
        {"email": "bob", "account": "Acme"},
        {"email": BOB, "account": " "},
        {"email": BOB, "account": "Nowhere"},
        {"email": BOB, "account": "Acme", "jobTitle": ["Clerk"]},
        {"email": EVE, "account": "Acme"},
    ]
    write(configure(rejected_records=str(tmp_path / "rejected")), *rows)
    kept = [orjson.loads(line) for line in (tmp_path / "rejected" / "rejected.jsonl").read_bytes().splitlines()]
    codes = ["email_missing", "email_invalid", "account_missing", "unknown_account", "value_invalid"]
    assert [(one["object"], one["code"], one["row"]) for one in kept] == [
        (STREAM, code, row) for code, row in zip(codes, rows, strict=False)
    ]
    assert kept[3]["key"] == {"email": BOB, "account": "Nowhere"}
    assert associations(world) == {ANN: ("Acme", "CEO"), BOB: ("Other", ""), EVE: ("Acme", "")}
