"""A new account: nothing in it, until somebody defines or writes something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulator import Account, Emulator
from emulator.overlay import Overlay
from emulator.table import resources

from .client import Client, ids

TYPES = ["text", "textarea", "date", "datetime", "dropdown", "listbox", "radio", "checkbox", "hidden", "number"]
KEPT = {"users", "groups"}


@pytest.fixture
def blank() -> Iterator[Client]:
    """An emulator with an empty account."""
    with Emulator(Account.empty(), rate_limit_window="off") as emulator:
        yield Client(emulator)


def test_given_a_new_account_when_listed_then_it_has_users_and_nothing_else(blank: Client) -> None:
    account = blank.emulator.account
    assert {name for name in resources() if account.rows(name)} == KEPT
    asked = 0
    for name, resource in resources().items():
        if resource.path and resource.style == "list":
            assert bool(blank.json(resource.path)[resource.key]) is (name in KEPT), name
            asked += 1
    assert asked > 40
    assert blank.json("users/me")["user"]["id"] == "1"
    assert blank.json("deals")["meta"]["currencies"] == []


def test_given_a_size_when_made_then_the_rest_is_empty() -> None:
    account = Account.empty(contacts=3, rows={"tags": 2})
    sizes = {name: len(account.rows(name)) for name in resources() if name not in KEPT}
    assert {name: size for name, size in sizes.items() if size} == {"contacts": 3, "tags": 2}


def test_given_definitions_when_added_then_they_are_served(blank: Client) -> None:
    account = blank.emulator.account
    options = {"dropdown", "listbox", "radio", "checkbox"}
    for kind in TYPES:
        account.add_field(f"A {kind}!", kind, options=["x", "y"] if kind in options else ())
    account.add_field("Tagged", tag="OWN", descript="why")
    shown = blank.json("fields")
    assert [row["type"] for row in shown["fields"]] == [*TYPES, "text"]
    assert [row["perstag"] for row in shown["fields"]][-2:] == ["A_NUMBER", "OWN"]
    assert shown["fields"][-1]["descript"] == "why"
    assert [len(row["options"]) for row in shown["fields"]] == [2 * (kind in options) for kind in [*TYPES, "text"]]
    assert [(row["value"], row["orderid"]) for row in shown["fieldOptions"][:2]] == [("x", "1"), ("y", "2")]
    assert {row["relid"] for row in shown["fieldRels"]} == {"0"}
    assert ids(shown["fieldRels"]) == [rel for row in shown["fields"] for rel in row["relations"]]
    account.add_list("Big News", sender_url="https://example.com")
    account.add_list("Other", "other-list")
    assert [row["stringid"] for row in blank.json("lists")["lists"]] == ["big-news", "other-list"]
    account.add_tag("red")
    account.add_tag("red", "template")
    assert [(row["tag"], row["tagType"]) for row in blank.json("tags")["tags"]] == [
        ("red", "contact"),
        ("red", "template"),
    ]
    account.add_account_field("Region", "dropdown", options=["North"])
    (meta,) = blank.json("accountCustomFieldMeta")["accountCustomFieldMeta"]
    assert (meta["fieldLabel"], meta["fieldType"], meta["fieldOptions"]) == ("Region", "dropdown", ["North"])


def test_given_rows_that_change_owners_when_listed_then_each_owner_has_its_own() -> None:
    account = Account.demo(contacts=20)
    moved = account.rows("contactTags")[0]
    old = moved["contact"]
    links = account.store("contacts").resource.relations["contactTags"]

    def of(contact: str) -> set[str]:
        store = account.store("contactTags")
        return {store.id_of(i) for i in account.store("contacts").children(contact, links)}

    new = next(contact for contact in sorted(account.ids("contacts")) if contact != old)
    for owner, other in ((new, old), (old, new), (new, old)):
        account.update("contactTags", moved["id"], contact=owner)
        assert moved["id"] in of(owner)
        assert moved["id"] not in of(other)
    account.delete("contactTags", moved["id"])
    assert moved["id"] not in of(new) | of(old)


def test_given_texts_when_looked_up_in_whatever_case_then_the_rows_of_now_are_found() -> None:
    account = Account.empty()
    store = account.store("tags")
    red = account.add_tag("Red")
    assert (store.rows_with("tag", "rED", folded=True), store.rows_with("tag", "rED")) == ([0], [])
    account.update("tags", red, tag="ÉTÉ")
    assert (store.rows_with("tag", "red", folded=True), store.rows_with("tag", "été", folded=True)) == ([], [0])
    account.update("tags", red, tag="Straße")
    assert (store.rows_with("tag", "STRASSE", folded=True), store.rows_with("tag", "STRAßE", folded=True)) == ([], [0])
    assert store.rows_with("created_by", "") == [0]


def test_given_rows_of_several_shapes_when_written_then_each_keeps_its_fields() -> None:
    overlay = Overlay()
    assert not overlay
    overlay.put(1, {"a": 1})
    overlay.put(2, {"b": 2, "a": None})
    overlay.put(1, {"c": 3})
    assert overlay.of(1) == {"a": 1, "c": 3}
    assert (overlay.field(2, "a", "unwritten"), overlay.field(2, "c", "unwritten")) == (None, "unwritten")
    assert overlay
