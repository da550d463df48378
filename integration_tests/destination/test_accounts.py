"""What rows of company accounts make of an account, by the console script."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.destination.connector import Destination, record, state
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


def test_given_few_columns_then_only_what_differs_is_sent_and_the_rest_stays(world):
    add(world, "Acme", Region="North", Size="3", Note="old")
    rows = [{"name": "acme", "custom_acct_region": "North", "custom_acct_size": 4}]
    written = world.write(Stream("accounts", rows))
    assert written.outcomes == {"updated": 1}
    [request] = [one for one in world.emulator.requests if one.method == "PUT"]
    assert json.loads(request.body) == {"account": {"fields": [{"customFieldId": 3, "fieldValue": "4"}]}}
    assert world.accounts() == {"Acme": {"url": "", "owner": "1", "Region": "North", "Size": "4", "Note": "old"}}
    row = {"name": "Acme", "custom_acct_fee": 5, "custom_acct_fee_currency": "gbp"}
    amount = world.write(Stream("accounts", [row]))
    changed = world.write(Stream("accounts", [{"name": "Acme", "custom_acct_fee": 6}]))
    assert (amount.outcomes, changed.outcomes) == ({"updated": 1}, {"updated": 1})
    assert (world.accounts()["Acme"]["Fee"], world.accounts()["Acme"]["Fee currency"]) == (6, "GBP")


def test_given_names_that_differ_in_more_than_letter_case_then_they_are_two_accounts(world):
    add(world, "Gross AG")
    written = world.write(Stream("accounts", [{"name": "Groß AG", "accountUrl": "x"}, {"name": "GROSS AG"}]))
    assert written.outcomes == {"created": 1, "unchanged": 1}
    assert set(world.accounts()) == {"Gross AG", "Groß AG"}


def test_given_half_a_character_then_the_row_is_rejected_by_its_column(world):
    written = world.write(Stream("accounts", [{"name": "Acme", "accountUrl": "x\ud83d"}]))
    assert (written.codes, written.writes) == (["value_invalid"], [])
    assert written.rejected[0]["message"].startswith("The column accountUrl has half a character in it")


@pytest.mark.parametrize("null_values", ["ignore", "clear"])
def test_given_nulls_then_they_empty_fields_only_where_that_is_asked_for(world, null_values):
    add(world, "Acme", Region="North", Note="old", Size="3")
    row = {"name": "Acme", "owner": None, "accountUrl": None, "custom_acct_region": None, "custom_acct_note": ""}
    written = world.write(Stream("accounts", [row]), null_values=null_values)
    assert written.outcomes == {"updated": 1}
    kept = {} if null_values == "clear" else {"Region": "North"}
    assert world.accounts() == {"Acme": {"url": "", "owner": "1", "Size": "3", **kept}}
    again = world.write(Stream("accounts", [row]), null_values=null_values)
    assert (again.outcomes, again.writes) == ({"unchanged": 1}, [])


def test_given_each_mode_then_it_does_what_it_says(world):
    acme, beta = add(world, "Acme"), add(world, "Beta", Note="stays")
    note = "custom_acct_note"
    written = world.write(
        Stream("accounts", [{"name": "acme", note: "u"}, {"name": "Nobody", note: "u"}], "update"),
        Stream("accounts", [{"name": "ACME", note: "i"}, {"name": "New", note: "i"}], "insert"),
        Stream("accounts", [{"id": beta, "name": "Gamma"}, {"id": "99", "name": "x"}], key=["id"]),
        Stream("accounts", [{"name": "Over", note: "o"}], sync_mode="overwrite"),
        Stream("accounts", [{"name": "Appended", note: "a"}], sync_mode="append"),
    )
    assert written.outcomes == {"updated": 2, "skipped": 1, "created": 3, "rejected": 2}
    assert sorted(written.codes) == ["exists", "no_match"]
    plain = {"url": "", "owner": "1"}
    assert world.accounts() == {
        "Acme": {**plain, "Note": "u"},
        "Gamma": {**plain, "Note": "stays"},
        "New": {**plain, "Note": "i"},
        "Over": {**plain, "Note": "o"},
        "Appended": {**plain, "Note": "a"},
    }
    deleted = world.write(
        Stream("accounts", [{"name": "ACME"}, {"name": "Nobody"}], "soft_delete"),
        Stream("accounts", [{"id": beta}], "soft_delete", key=["id"]),
        deletions="delete",
    )
    assert deleted.outcomes == {"updated": 2, "unchanged": 1}
    assert set(world.accounts()) == {"New", "Over", "Appended"}
    assert acme


def test_given_rows_that_cannot_be_written_then_each_is_rejected_and_no_other(world):
    beta = add(world, "Beta")
    add(world, "Taken")
    rows = [
        {"name": " ", "custom_acct_note": "no name"},
        {"name": "A", "owner": "nobody@example.com"},
        {"name": "B", "custom_acct_region": "East"},
        {"name": "C", "custom_acct_fee": "12.5"},
        {"name": "D", "custom_acct_fee": 1, "custom_acct_fee_currency": "euro"},
        {"name": "E", "custom_acct_note": {"not": "a text"}},
        {"name": "Fine", "custom_acct_note": "x"},
    ]
    written = world.write(
        Stream("accounts", rows),
        Stream("accounts", [{"id": beta, "name": "taken"}, {"id": None, "name": "x"}], key=["id"]),
        Stream("accounts", [{"name": "Beta"}], "soft_delete"),
        deletions="unsubscribe",
        create_missing=["tags", "options", "accounts"],
    )
    assert sorted(written.codes) == [
        "deletion_refused",
        "exists",
        "key_missing",
        "key_missing",
        "unknown_option",
        "unknown_owner",
        "value_invalid",
        "value_invalid",
        "value_invalid",
    ]
    assert "choose delete" in next(one["message"] for one in written.rejected if one["code"] == "deletion_refused")
    assert set(world.accounts()) == {"Beta", "Taken", "Fine"}
    refused = world.write(Stream("accounts", [{"name": "Beta"}, {"name": "Fine"}], "soft_delete"))
    assert (refused.codes, refused.writes) == (["deletion_refused"] * 2, [])
    assert "choose otherwise under Deletions" in refused.rejected[0]["message"]
    assert set(world.accounts()) == {"Beta", "Taken", "Fine"}


def test_given_custom_fields_that_were_not_saved_then_they_are_written_by_themselves(world):
    add(world, "Beta", Note="old")
    world.emulator.settings.custom_field_save_status = "error"
    rows = [{"name": name, "custom_acct_note": "new"} for name in ("Acme", "Beta")]
    written = world.write(Stream("accounts", rows))
    assert written.outcomes == {"created": 1, "updated": 1}
    assert {name: one["Note"] for name, one in world.accounts().items()} == {"Acme": "new", "Beta": "new"}
    rows = [{"name": "Gamma", "custom_acct_note": "new"}]
    world.emulator.settings.patch({"faults": [{"kind": "422", "path": "/accountCustomFieldData", "method": "POST"}]})
    assert world.write(Stream("accounts", rows)).codes == ["not_written"]


def test_given_values_that_do_not_come_beside_accounts_then_they_are_read_from_their_own_listing(world):
    add(world, "Acme", Note="same")
    world.emulator.settings.ignored_includes = ["accountCustomFieldData"]
    written = world.write(Stream("accounts", [{"name": "Acme", "custom_acct_note": "same"}]))
    assert (written.outcomes, written.writes) == ({"unchanged": 1}, [])
    assert "GET accountCustomFieldData" in written.requests


@pytest.mark.parametrize("kind", ["drop_after", "503", "html"])
def test_given_an_answer_that_is_lost_then_there_is_one_account(world, kind):
    fault = {"kind": kind, "path": "/accounts", "method": "POST", "times": 1, "done": True}
    world.emulator.settings.patch({"faults": [fault]})
    written = world.write(Stream("accounts", [WHOLE]))
    assert written.outcomes == {"created": 1}
    assert (list(world.accounts()), world.accounts()["Acme"]["Size"]) == (["Acme"], "7.50")


def test_given_an_account_that_is_made_and_one_that_is_deleted_meanwhile_then_both_are_written(world):
    acme = add(world, "Acme", Note="old")
    account = world.account
    stream = Stream("accounts", [{"name": "", "custom_acct_note": ""}])
    destination = Destination(world.folder, world.config([stream]))
    process = destination.start("write", catalog={"streams": [stream.configured()]})
    process.send(record(stream.called, name="First", custom_acct_note="1"), state(stream.called, n=1))
    # All accounts have been read by now.
    process.until(lambda one: one.echoed)
    account.delete("accounts", acme)
    add(world, "Theirs")
    rows = [{"name": "Acme", "custom_acct_note": "new"}, {"name": "theirs", "custom_acct_note": "n"}]
    process.send(*(record(stream.called, **row) for row in rows))
    assert process.end().exit_code == 0, process.text
    notes = {name: one.get("Note") for name, one in world.accounts().items()}
    assert notes == {"First": "1", "Acme": "new", "Theirs": "n"}


def test_given_contacts_that_name_accounts_of_other_rows_then_accounts_are_read_once_and_written_first(world):
    written = world.write(
        Stream("contacts", [{"email": "ann@example.com", "account": "Acme"}]),
        Stream("accounts", [{"name": "Acme", "custom_acct_note": "x"}]),
    )
    assert (written.outcomes, written.rejected) == ({"created": 2}, [])
    assert written.requests.count("GET accounts") == 1
    [link] = world.account.rows("accountContacts")
    assert link["account"] == world.account.rows("accounts")[0]["id"]


def test_given_five_thousand_accounts_of_which_a_hundred_changed_then_few_requests_are_sent(world):
    for number in range(5000):
        add(world, f"Company {number}", Size=str(number))
    rows = [{"name": f"Company {number}", "custom_acct_size": number} for number in range(5000)]
    same = world.write(Stream("accounts", rows))
    assert (same.outcomes, same.writes) == ({"unchanged": 5000}, [])
    for row in rows[::50]:
        row["custom_acct_size"] = -1
    written = world.write(Stream("accounts", rows))
    assert written.outcomes == {"updated": 100, "unchanged": 4900}
    assert len(written.writes) == 100
    assert len(written.requests) <= 160
    assert sum(one["Size"] == "-1" for one in world.accounts().values()) == 100


def test_given_what_the_source_reads_of_accounts_when_written_back_then_nothing_changes(tmp_path, emulator):
    world = World(emulator, tmp_path)
    rows = world.account.rows("accounts")
    values = world.values_of("accountCustomFieldData", "accountId")
    notes = [
        {**row, "custom_acct_contract_reference": values.get(row["id"], {}).get("Contract reference")} for row in rows
    ]
    written = world.write(Stream("accounts", notes, key=["id"]))
    assert (written.outcomes, written.writes) == ({"unchanged": len(rows)}, [])
