"""Whoever kills a sync of accounts, deals or custom objects, and goes on, has the same account."""

from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.destination.connector import Destination, record, state
from integration_tests.destination.records import Stream, World

ROWS = 120
DEAL = {"value": 1, "currency": "usd", "contact": "1", "group": "1", "owner": "1"}


@pytest.mark.parametrize(
    ("object_", "key", "resource", "more"),
    [
        ("accounts", "name", "accounts", {}),
        ("custom_object_visit", "externalId", "customObjectRecords", {}),
        ("deals", "custom_deal_contract", "deals", DEAL),
    ],
)
def test_given_a_kill_when_going_on_from_the_last_state_then_nothing_is_lost_or_there_twice(
    tmp_path: Path, object_: str, key: str, resource: str, more: dict[str, Any]
) -> None:
    title = "custom_acct_title" if object_ == "accounts" else "title"
    with Emulator(Account.empty(), rate_limit_window="off") as emulator:
        account = emulator.account
        account.add_account_field("Title")
        account.add_deal_field("Contract")
        account.add_pipeline("Sales")
        account.add_schema("visit", {"title": "text", "size": "number"})
        account.insert("contacts", email="ann@example.com")
        world = World(emulator, tmp_path)
        rows = [{key: f"key {number}", title: f"title {number}", **more} for number in range(ROWS)]
        stream = Stream(object_, rows, key=[key])

        destination = Destination(tmp_path, {**world.config([stream]), "requests_per_second": 40})
        process = destination.start("write", catalog={"streams": [stream.configured()]})
        for number, row in enumerate(rows):
            process.send(record(stream.called, **row), state(stream.called, n=number))
        process.until(lambda one: len(account.ids(resource)) > ROWS / 3)
        process.kill()
        assert len(account.ids(resource)) < ROWS

        # The source goes on behind the last state that came back.
        written = world.write(stream._replace(rows=rows[len(process.echoed) :]))
        assert written.rejected == []
        has = {
            "accounts": lambda: {name: one["Title"] for name, one in world.accounts().items()},
            "deals": lambda: {one["Contract"]: name for name, one in world.deals().items()},
            "customObjectRecords": lambda: {name: one["title"] for name, one in world.records().items()},
        }[resource]()
        assert has == {row[key]: row[title] for row in rows}
        assert len(account.ids(resource)) == ROWS
