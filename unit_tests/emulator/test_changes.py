"""Rows that change while the emulator runs."""

from __future__ import annotations

import random

import pytest

from emulator import Account, Emulator
from emulator.mutate import Mutator

from .client import Client, ids, until


def test_rows_change_while_it_runs(own: Client) -> None:
    account = own.emulator.account
    new = account.insert("contacts", email="new@example.com")
    assert own.json(f"contacts/{new}")["contact"]["email"] == "new@example.com"
    assert own.json("contacts")["meta"]["total"] == "41"
    assert ids(own.json("contacts", **{"filters[updated_after]": "2026-10-02"})["contacts"]) == [new]
    account.update("contacts", "4", firstName="Changed", _updated="2026-10-05T00:00:00Z")
    row = own.json("contacts/4")["contact"]
    assert (row["firstName"], row["udate"]) == ("Changed", "2026-10-04T19:00:00-05:00")
    account.delete("contacts", "4")
    assert own.get("contacts/4").status_code == 404
    assert "4" not in {r["contact"] for r in own.all("fieldValues")}
    assert "4" not in ids(own.all("contacts"))
    with pytest.raises(KeyError):
        account.delete("contacts", "4")
    with pytest.raises(ValueError, match="no field mail"):
        account.insert("contacts", mail="x")


def test_what_moves_a_contacts_modification_time(own: Client) -> None:
    account = own.emulator.account

    def udate() -> str:
        return str(own.json("contacts/1")["contact"]["udate"])

    before = udate()
    account.insert("contactLists", contact="1", list="2")
    assert udate() == before
    account.insert("fieldValues", contact="1", field="1", value="x", _updated="2026-10-10T12:00:00Z")
    assert udate() == "2026-10-10T07:00:00-05:00"
    account.insert("contactTags", contact="1", tag="2", _updated="2026-10-11T12:00:00Z")
    assert udate() == "2026-10-11T07:00:00-05:00"
    values = own.json("contacts", include="fieldValues")["fieldValues"]
    new = next(v for v in values if v["contact"] == "1" and v["value"] == "x")
    account.update("fieldValues", new["id"], value="y", _updated="2026-10-12T12:00:00Z")
    assert udate() == "2026-10-12T07:00:00-05:00"
    assert own.json("contacts/1/fieldValues")["fieldValues"][-1]["value"] == "y"


def test_changes_show_in_every_shape(own: Client) -> None:
    account = own.emulator.account
    value = next(r for r in account.rows("dealCustomFieldData") if r["customFieldId"] == 1)
    own.emulator.settings.deal_custom_field_shape = "old"
    own.json("deals", include="dealCustomFieldData")
    account.update("dealCustomFieldData", value["id"], fieldValue="other")
    page = own.json("deals", include="dealCustomFieldData", limit=100)
    (shown,) = [r for r in page["dealCustomFieldData"] if r["id"] == value["id"]]
    assert shown["custom_field_text_value"] == "other"
    account.delete("dealGroups", "1")
    assert {d["isDisabled"] for d in own.all("deals") if "group" not in d} == {True}
    assert "1" not in {d.get("group") for d in own.all("deals")}
    # Its stages outlive it, but are no longer beside a pipeline (recorded).
    assert "1" in {s["group"] for s in own.all("dealStages")}
    assert "1" not in {s["group"] for s in own.json("dealGroups", limit=100)["dealStages"]}


def test_rows_change_from_another_process_too(own: Client) -> None:
    new = own.control("POST", "rows/tags", {"tag": "fresh"})["id"]
    assert own.json(f"tags/{new}")["tag"]["tag"] == "fresh"
    own.control("PATCH", f"rows/tags/{new}", {"tag": "stale"})
    assert own.control("GET", "rows/tags")[-1]["tag"] == "stale"
    own.control("DELETE", f"rows/tags/{new}")
    assert own.get(f"tags/{new}").status_code == 404
    missing = own.session.delete(f"{own.emulator.url}/_emulator/rows/tags/{new}", timeout=5)
    assert missing.status_code == 404
    listed = {r["resource"]: r for r in own.control("GET", "resources")}
    assert listed["contacts"]["rows"] == 40


def test_a_plan_of_changes_keeps_books(own: Client) -> None:
    before = set(ids(own.all("contacts")))
    plan = {"inserts_per_second": 40, "updates_per_second": 40, "deletes_per_second": 40, "resources": ["contacts"]}
    assert own.control("POST", "mutate", {**plan, "seed": 3})["running"] is True
    until(lambda: own.control("GET", "mutate?ids=false")["steps"] >= 30)
    report = own.control("DELETE", "mutate")
    assert report["running"] is False
    contacts = report["resources"]["contacts"]
    after = set(ids(own.all("contacts")))
    assert contacts["inserted"]
    assert contacts["updated"]
    assert contacts["deleted"]
    assert set(contacts["throughout"]) == before - set(contacts["deleted"])
    assert after == set(contacts["throughout"]) | (set(contacts["inserted"]) - set(contacts["deleted"]))
    steps = own.control("GET", "mutate?ids=false")
    assert steps["resources"]["contacts"]["throughout"] == len(contacts["throughout"])


def test_the_same_plan_changes_the_same_rows() -> None:
    books = []
    for _ in range(2):
        account = Account.demo(contacts=60)
        account.watch(["contacts", "deals"])
        mutator, chosen = Mutator(account), random.Random(9)
        for step in range(60):
            mutator.step(("insert", "update", "delete")[step % 3], chosen, ["contacts", "deals"])
        books.append(mutator.report())
    assert books[0] == books[1]
    assert books[0]["resources"]["contacts"]["deleted"]


def test_children_of_a_contact_deleted_before_they_were_looked_at() -> None:
    early, late = Account.demo(contacts=30), Account.demo(contacts=30)
    contact = early.rows("contactTags")[5]["contact"]
    for account in (early, late):
        account.delete("contacts", contact)
    assert early.rows("contactTags") == late.rows("contactTags")
    assert contact not in {r["contact"] for r in late.rows("contactTags")}


def test_rows_outlive_owners_that_were_gone_before() -> None:
    account = Account("old", contacts=50, rows={"contactTags": 200}, gone={"contacts": 10})
    owners = {row["contact"] for row in account.rows("contactTags")}
    assert len(account.rows("contacts")) == 40
    assert owners - account.ids("contacts"), "none of them belongs to a contact that is gone"
    living = next(iter(owners & account.ids("contacts")))
    account.delete("contacts", living)
    assert living not in {row["contact"] for row in account.rows("contactTags")}


def test_a_date_that_was_null_is_there_after_a_change() -> None:
    account = Account("old", contacts=50, nulls=True)
    undated = next(row for row in account.rows("contacts") if row["udate"] is None)
    account.update("contacts", undated["id"], firstName="Ada")
    assert next(row for row in account.rows("contacts") if row["id"] == undated["id"])["udate"]


def test_rows_may_have_values_that_most_readers_of_json_refuse() -> None:
    rows_of_each = {"deals": 200, "notes": 200}
    account = Account("old", contacts=40, rows=rows_of_each, odd_values=True)
    with Emulator(account, rate_limit_window="off") as emulator:
        texts = [Client(emulator).get(path, limit=100).text for path in ("deals", "notes")]
    for literal in (":NaN", ":-Infinity", ":1e400", ":12345678901234567890123", ":0.1234567890123456789", "\\ud83d"):
        assert any(literal in text for text in texts), literal
    rows = account.rows("notes")
    assert len(rows) == 200
    assert account.rows("notes") == rows
    odd = next(row for row in rows if "\ud83d" in str(row["note"]))
    account.update("notes", odd["id"], note="plain")
    assert next(row for row in account.rows("notes") if row["id"] == odd["id"])["note"] == "plain"
    plain = {row["id"]: row for row in Account("old", contacts=40, rows=rows_of_each).rows("notes")}
    for row in rows:
        assert len([name for name in row if row[name] != plain[row["id"]][name]]) <= 1


def test_an_empty_sideload_may_be_left_out(own: Client) -> None:
    for row in own.emulator.account.rows("scoreValues"):
        own.emulator.account.delete("scoreValues", row["id"])
    assert own.json("contacts")["scoreValues"] == []
    own.emulator.settings.patch({"empty_sideloads": "left out"})
    assert "scoreValues" not in own.json("contacts")
