"""A generated account: the same from the same seed, of the size that was asked for, and lazy."""

from __future__ import annotations

import random

import pytest

from emulator import Account, Emulator
from emulator.alive import Alive
from emulator.query import Part
from emulator.table import resources
from emulator.value_index import ValueIndex

from .client import Client


def test_the_same_seed_gives_the_same_account() -> None:
    one, two, other = (Account.demo(seed=seed) for seed in (5, 5, 6))
    for name in resources():
        assert one.rows(name) == two.rows(name)
    assert one.keys == two.keys
    assert one.rows("contacts") != other.rows("contacts")


def test_sizes_are_as_asked() -> None:
    account = Account("sized", contacts=3000, rows={"deals": 700, "fieldValues": 5000})
    for name, size in (("contacts", 3000), ("deals", 700), ("fieldValues", 5000)):
        assert len(account.rows(name)) == size
    with pytest.raises(ValueError, match="no such resources: contcts"):
        Account("typo", rows={"contcts": 1})


def test_no_list_of_a_large_account_is_made_in_advance() -> None:
    with Emulator(Account("large", contacts=100_000), rate_limit_window="off") as emulator:
        client = Client(emulator)
        last = client.json("contacts", limit=100, offset=99_950)["contacts"]
        assert len(last) == 50
        assert len(client.json("contacts", **{"orders[id]": "ASC", "id_greater": last[0]["id"]})["contacts"]) == 20


def test_the_sequence_of_existing_rows() -> None:
    alive, expected = Alive(50), list(range(50))
    for dead in (10, 11, 0, 49, 30, 12, 9, 1):
        alive.kill(dead)
        expected.remove(dead)
        assert list(alive) == expected
        assert [alive[i] for i in range(len(alive))] == expected
        assert alive[5:25] == expected[5:25]
        assert alive[::-1] == expected[::-1]
    alive.slots += 2
    assert alive[-1] == 51
    with pytest.raises(IndexError):
        alive[44]


# --- an account after years -----------------------------------------------------------------------------------


def test_given_ids_are_reused_when_a_pipeline_is_made_anew_then_it_owns_the_stages_that_were_left_over() -> None:
    with Emulator(Account.unflattering(), rate_limit_window="off") as emulator:
        client, account = Client(emulator), emulator.account
        last = max(account.ids("dealGroups"), key=int)
        left_over = [row for row in client.all("dealStages") if row["group"] == str(int(last) + 1)]
        assert left_over
        hidden = [row for row in client.all("deals") if row["isDisabled"]]
        assert account.insert("dealGroups", title="Anew") == str(int(last) + 1)
        anew = client.json(f"dealGroups/{int(last) + 1}")
        assert anew["dealGroup"]["title"] == "Anew"
        assert anew["dealGroup"]["stages"] == [row["id"] for row in left_over]
        assert anew["dealStages"] == left_over
        # Its deals can be read again (inferred: they are masked because their pipeline is gone).
        assert 0 < len([row for row in client.all("deals") if row["isDisabled"]]) < len(hidden)


def test_given_ids_are_reused_when_the_last_row_is_replaced_then_nothing_of_the_old_one_is_left() -> None:
    account = Account("reused", contacts=20, reuse_ids=True)
    account.store("contacts").time_array("updated")
    account.rows("contactTags")
    last = account.rows("contacts")[-1]
    account.update("contacts", last["id"], firstName="Changed", phone="1")
    account.watch(["contacts"])
    account.delete("contacts", last["id"])
    assert account.insert("contacts", lastName="New", _created="2026-11-01T00:00:00Z") == last["id"]
    row = account.rows("contacts")[-1]
    assert (row["id"], row["lastName"], row["cdate"]) == (last["id"], "New", "2026-10-31T19:00:00-05:00")
    assert row["email"] != last["email"]
    assert row["firstName"] != "Changed"
    assert [tag for tag in account.rows("contactTags") if tag["contact"] == last["id"]] == []
    # Resources that nobody asked for until now do not bring the old one's rows back, either.
    assert [one for one in account.rows("contactAutomations") if one["contact"] == last["id"]] == []
    assert last["id"] not in account.watches["contacts"].throughout
    assert account.watches["contacts"].counts() == {"throughout": 19, "inserted": 1, "updated": 0, "deleted": 1}


def test_given_ids_are_reused_when_a_child_is_replaced_then_it_belongs_to_its_new_parent() -> None:
    account = Account("reused", contacts=20, reuse_ids=True)
    last = account.rows("contactTags")[-1]
    other = next(row["id"] for row in account.rows("contacts") if row["id"] != last["contact"])
    account.delete("contactTags", last["id"])
    assert account.insert("contactTags", contact=other, _updated="2026-11-02T00:00:00Z") == last["id"]
    row = next(row for row in account.rows("contactTags") if row["id"] == last["id"])
    assert row["contact"] == other
    # Whose time it moves is who it belongs to.
    moved = [one["id"] for one in account.rows("contacts") if one["udate"].startswith("2026-11-01T")]
    assert moved == [other]


def test_given_ids_are_not_reused_when_the_last_row_is_replaced_then_the_new_one_has_an_id_of_its_own() -> None:
    account = Account("plain", contacts=20)
    last = max(account.ids("contacts"), key=int)
    account.delete("contacts", last)
    assert int(account.insert("contacts")) > int(last)


def test_given_the_unflattering_account_then_one_address_is_everybodys_and_children_are_out_of_proportion() -> None:
    account = Account.unflattering()
    contacts, geo_ips = account.ids("contacts"), account.rows("geoIps")
    assert {row["geoAddress"] for row in geo_ips} == account.ids("geoAddresses")
    assert len(account.ids("geoAddresses")) == 1
    assert len({row["contact"] for row in geo_ips}) > 100
    for few in ("contactLists", "scoreValues"):
        assert 0 < len(account.ids(few)) * 10 < len(contacts)
    for parent, many in (("contacts", "fieldValues"), ("deals", "contactDeals"), ("ecomOrders", "ecomOrderProducts")):
        assert len(account.ids(many)) > 5 * len(account.ids(parent))
    assert len(account.ids("dealActivities")) * 10 < len(account.ids("deals"))
    assert any(row["field"] is None for row in account.rows("fieldValues"))


def test_given_changes_when_an_index_of_values_is_asked_then_it_knows_what_a_search_would_find() -> None:
    chosen = random.Random(1)
    values = {row: chosen.choice("abc") for row in range(20)}
    index = ValueIndex(values.items())
    for _ in range(200):
        row = chosen.randrange(30)
        if chosen.random() < 0.3:
            values.pop(row, None)
            index.drop(row)
        else:
            values[row] = chosen.choice("abc")
            index.put(row, values[row])
        for value in "abcd":
            assert index.rows_with(value) == sorted(row for row, its in values.items() if its == value)


def test_given_a_part_of_a_sequence_when_sliced_then_it_is_as_a_copy_would_be() -> None:
    alive = Alive(50)
    for dead in (0, 20, 21, 49):
        alive.kill(dead)
    part, copy = Part(alive, 5, 40), list(alive)[5:40]
    assert list(part) == copy
    assert [part[i] for i in range(-len(part), len(part))] == copy + copy
    for piece in (slice(0, 10), slice(30, 90), slice(90, 99), slice(None, None, -1), slice(-3, None)):
        assert part[piece] == copy[piece]
    with pytest.raises(IndexError):
        part[35]
