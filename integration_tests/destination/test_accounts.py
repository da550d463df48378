"""What rows of company accounts make of an account, by the console script."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.destination.records import Stream, World

WHOLE = {
    "name": "Acme",
    "accountUrl": "https://acme.example.com",
    "custom_acct_region": "north",
    "custom_acct_fee": 1250,
    "custom_acct_fee_currency": "eur",
    "custom_acct_size": "7.50",
    "custom_acct_since": "2020-01-02",
    "custom_acct_live": "2024-05-06T07:08:09Z",
    "custom_acct_modules": ["Base", "mobile"],
    "custom_acct_note": "x",
}
FIELDS: dict[str, Any] = {
    "Region": ("dropdown", ["North", "South"]),
    "Fee": ("currency", ()),
    "Size": ("number", ()),
    "Since": ("date", ()),
    "Live": ("datetime", ()),
    "Modules": ("multiselect", ["Base", "Mobile"]),
    "Note": ("text", ()),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Emulator(Account.empty(), rate_limit_window="off") as emulator:
        for label, (kind, options) in FIELDS.items():
            emulator.account.add_account_field(label, kind, options=options)
        yield World(emulator, tmp_path)


def add(world: World, name: str, **values: Any) -> str:
    """Put an account there, not through the API."""
    account = world.account
    identifier = account.insert("accounts", name=name, accountUrl="", owner="1")
    ids = {row["fieldLabel"]: row["id"] for row in account.rows("accountCustomFieldMeta")}
    for label, value in values.items():
        account.insert(
            "accountCustomFieldData", accountId=int(identifier), customFieldId=int(ids[label]), fieldValue=value
        )
    return identifier


def test_given_a_whole_account_when_written_twice_then_it_is_there_and_the_second_time_nothing_is_written(world):
    owner = world.account.rows("users")[1]
    row = {**WHOLE, "owner": owner["email"].upper()}
    first = world.write(Stream("accounts", [row]))
    assert (first.outcomes, first.writes) == ({"created": 1}, ["POST accounts"])
    has = world.accounts()["Acme"]
    assert has.pop("Live").startswith("2024-05-06T0")
    assert has == {
        "url": "https://acme.example.com",
        "owner": owner["id"],
        "Region": "North",
        "Fee": 1250,
        "Fee currency": "EUR",
        "Size": "7.50",
        "Since": "2020-01-02",
        "Modules": ["Base", "Mobile"],
        "Note": "x",
    }
    again = world.write(Stream("accounts", [{**row, "name": "ACME", "custom_acct_size": 7.5}]))
    assert (again.outcomes, again.writes) == ({"unchanged": 1}, [])
