"""What rows of deals make of an account, by the console script."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.destination.records import Stream, World

KEY = ["custom_deal_contract"]
WHOLE = {
    "custom_deal_contract": "C-1",
    "title": "Roof",
    "description": "New roof",
    "value": "45600.000000000",
    "currency": "EUR",
    "contact": "Ann@example.com",
    "account": "acme",
    "group": "sales",
    "stage": "closing",
    "status": "won",
    "percent": 50,
    "custom_deal_fee": 100,
    "custom_deal_fee_currency": "usd",
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Emulator(Account.empty(), rate_limit_window="off") as emulator:
        account = emulator.account
        account.add_deal_field("Contract")
        account.add_deal_field("Fee", "currency")
        account.add_pipeline("Sales", ["Open", "Closing"])
        account.add_pipeline("Renewals", ["Open", "Done"], autoassign="1")
        account.insert("contacts", email="ann@example.com")
        account.insert("accounts", name="Acme", owner="1")
        yield World(emulator, tmp_path)


def add(world: World, title: str, contract: str = "", **columns: Any) -> str:
    """Put a deal there, not through the API."""
    account = world.account
    usual = {"contact": "1", "account": None, "organization": None, "group": "1", "stage": "1", "value": "5"}
    given = {**usual, "currency": "usd", "status": "0", "owner": "1", "description": "", **columns}
    deal = account.insert("deals", title=title, **given)
    if contract:
        account.insert("dealCustomFieldData", dealId=int(deal), customFieldId=1, fieldValue=contract)
    return deal


@pytest.mark.parametrize("shape", ["new", "old", "absent"])
def test_given_a_whole_deal_when_written_twice_then_it_is_there_and_the_second_time_nothing_is_written(world, shape):
    world.emulator.settings.deal_custom_field_shape = shape
    owner = world.account.rows("users")[1]
    row = {**WHOLE, "owner": owner["username"]}
    first = world.write(Stream("deals", [row], key=KEY))
    assert (first.outcomes, first.writes) == ({"created": 1}, ["POST deals"])
    assert world.deals() == {
        "Roof": {
            "description": "New roof",
            "contact": "1",
            "account": "1",
            "value": "45600",
            "currency": "eur",
            "owner": owner["id"],
            "status": "1",
            "percent": "50",
            "group": "Sales",
            "stage": "Closing",
            "Contract": "C-1",
            "Fee": 100,
            "Fee currency": "USD",
        }
    }
    again = world.write(Stream("deals", [row], key=KEY))
    assert (again.outcomes, again.writes) == ({"unchanged": 1}, [])


def test_given_each_mode_then_it_does_what_it_says(world):
    roof, wall = add(world, "Roof", "C-1"), add(world, "Wall")
    new = {"title": "Door", "value": 1, "currency": "usd", "contact": "1", "group": "2", "owner": "1"}
    written = world.write(
        Stream("deals", [{**new, KEY[0]: "C-2"}, {KEY[0]: "C-1", "value": 7}], key=KEY, sync_mode="overwrite"),
        Stream("deals", [{"id": wall, "status": "lost"}, {"id": 99, "value": 1}], key=["id"]),
        Stream("deals", [{KEY[0]: "C-1", "title": "Roof 2"}, {KEY[0]: "C-9", "title": "x"}], "update", key=KEY),
        Stream("deals", [{**new, KEY[0]: "C-1"}, {**new, KEY[0]: "C-3", "title": "Gate"}], "insert", key=KEY),
    )
    assert written.outcomes == {"created": 2, "updated": 3, "rejected": 2, "skipped": 1}
    assert sorted(written.codes) == ["exists", "no_match"]
    has = world.deals()
    assert {title: (one["value"], one["status"], one["group"]) for title, one in has.items()} == {
        "Roof 2": ("7", "0", "Sales"),
        "Wall": ("5", "2", "Sales"),
        "Door": ("1", "0", "Renewals"),
        "Gate": ("1", "0", "Renewals"),
    }
    assert has["Door"]["stage"] == "Open"
    assert roof


def test_given_rows_that_cannot_be_written_then_each_is_rejected_and_no_other(world):
    for title in ("One", "Two"):
        add(world, title, "twice")
    hidden = add(world, "Hidden", group="9", stage="9")
    new = {"title": "New", "value": 1, "currency": "usd", "contact": "1", "group": "1", "owner": "1"}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("value_invalid", {"value": "12.5"}),
        ("value_invalid", {"value": -1}),
        ("value_invalid", {"status": "maybe"}),
        ("value_invalid", {"percent": "half"}),
        ("value_invalid", {"currency": "euro"}),
        ("unknown_contact", {"contact": "nobody@example.com"}),
        ("unknown_account", {"account": "Nobody"}),
        ("unknown_pipeline", {"group": "Nowhere"}),
        ("unknown_stage", {"stage": "Nowhere"}),
        ("unknown_stage", {"stage": "Done"}),
        ("unknown_stage", {"group": None, "stage": "Open"}),
        ("unknown_owner", {"owner": "nobody"}),
        ("api_refused", {"contact": None}),
        ("api_refused", {"title": None}),
        ("ambiguous_key", {KEY[0]: "twice"}),
        ("key_missing", {KEY[0]: None}),
    ]
    rows = [{**new, KEY[0]: f"R-{number}", **change} for number, (_, change) in enumerate(cases)]
    written = world.write(Stream("deals", rows, key=KEY), Stream("deals", [{"id": hidden, "value": 1}], key=["id"]))
    assert sorted(written.codes) == sorted([*(code for code, _ in cases), "deal_hidden"])
    by_key = {one["row"].get(KEY[0]): one["code"] for one in written.rejected}
    assert {key: by_key[key] for key in by_key if key} == {
        row[KEY[0]]: code for row, (code, _) in zip(rows, cases, strict=True) if row[KEY[0]]
    }
    assert [row["title"] for row in world.account.rows("deals", key=None)] == ["One", "Two", "Hidden"]


@pytest.mark.parametrize("kind", ["drop_after", "drop", "503", "empty"])
def test_given_a_post_whose_end_is_not_known_then_there_is_one_deal(world, kind):
    fault = {
        "kind": kind,
        "path": "/deals",
        "method": "POST",
        "times": 1,
        **({"done": True} if kind == "empty" else {}),
    }
    world.emulator.settings.patch({"faults": [fault]})
    written = world.write(Stream("deals", [WHOLE | {"owner": "1"}], key=KEY))
    assert written.outcomes == {"created": 1}
    assert [row["title"] for row in world.account.rows("deals")] == ["Roof"]
    assert world.deals()["Roof"]["Contract"] == "C-1"


def test_given_custom_fields_that_were_not_saved_then_they_are_written_by_themselves(world):
    world.emulator.settings.custom_field_save_status = "error"
    written = world.write(Stream("deals", [WHOLE | {"owner": "1"}], key=KEY))
    assert written.outcomes == {"created": 1}
    assert written.writes == ["POST deals", "POST dealCustomFieldData", "POST dealCustomFieldData"]
    assert world.deals()["Roof"]["Fee"] == 100
    fault = {"kind": "422", "path": "/dealCustomFieldData", "method": "POST"}
    world.emulator.settings.patch({"faults": [fault]})
    # Without its key it would be made again with every sync.
    written = world.write(Stream("deals", [{**WHOLE, "owner": "1", "title": "Lost", KEY[0]: "C-2"}], key=KEY))
    assert written.codes == ["not_written"]
    assert set(world.deals()) == {"Roof"}


def test_given_no_custom_field_as_the_key_then_the_sync_ends_with_a_sentence(world):
    written = world.write(Stream("deals", [{"title": "x"}], key=["title"]), exit_code=1)
    assert "has to be id or a custom field" in written.process.errors_traced[0]["message"]
    written = world.write(Stream("deals", [{"plan": "x"}], key=["plan"]), exit_code=1)
    assert "plan, tells no deals apart" in written.process.errors_traced[0]["message"]
    assert world.deals() == {}
