"""Pages of lists: limit, offset, totals, what stands beside the rows, and their order."""

from __future__ import annotations

import pytest

from emulator import Account, Emulator
from emulator.table import resources

from .client import Client, ids


def test_limit_is_20_and_clamped_to_100_without_a_word(client: Client) -> None:
    assert len(client.json("contacts")["contacts"]) == 20
    assert len(client.json("contacts", limit=1000)["contacts"]) == 100
    assert len(client.json("contacts", limit="many")["contacts"]) == 20
    assert client.json("contacts", limit=7)["meta"]["page_input"]["limit"] == 7


def test_a_page_past_the_end_is_empty(client: Client) -> None:
    page = client.json("contacts", offset=250)
    assert page["contacts"] == []
    assert page["meta"]["total"] == "250"


def test_offset_pages_give_every_row_once(client: Client) -> None:
    assert sorted(ids(client.all("contacts"))) == sorted(ids(client.emulator.account.rows("contacts")))
    assert client.all("tags") == client.emulator.account.rows("tags")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("contacts", str), ("lists", str), ("deals", int), ("dealCustomFieldData", int), ("lists/exclusions", int)]
    + [
        (p, type(None)) for p in ("dealCustomFieldMeta", "accountCustomFieldMeta", "ecomOrderProducts", "contactEmails")
    ],
)
def test_total_is_a_string_an_integer_or_absent(client: Client, path: str, kind: type) -> None:
    assert type(client.json(path).get("meta", {}).get("total")) is kind


def test_documented_siblings(client: Client) -> None:
    assert list(client.json("contacts", offset=9999)) == ["scoreValues", "contacts", "meta"]
    fields = client.json("fields")
    by_id = {o["id"]: o for o in fields["fieldOptions"]}
    drop = next(f for f in fields["fields"] if f["type"] == "dropdown")
    assert {by_id[i]["field"] for i in drop["options"]} == {drop["id"]}
    assert [r["relid"] for r in fields["fieldRels"]]
    assert fields["meta"] == {"selected": None, "total": "12"}
    assert list(client.json(f"fields/{drop['id']}")) == ["fieldOptions", "fieldRels", "field"]
    groups = client.json("dealGroups")
    assert {s for g in groups["dealGroups"] for s in g["stages"]} == set(ids(groups["dealStages"]))


def test_currencies_is_an_object_and_an_empty_array(client: Client) -> None:
    currencies = client.json("deals")["meta"]["currencies"]
    assert sum(int(c["total"]) for c in currencies.values()) == 130
    for code, one in currencies.items():
        assert (list(one), one["currency"]) == (["total", "value", "currency", "isDisabled"], code)
        assert one["isDisabled"] is False
    with Emulator(Account("bare", contacts=0, rows={"deals": 0}), rate_limit_window="off") as emulator:
        bare = Client(emulator)
        assert bare.json("deals") == {"deals": [], "meta": {"currencies": [], "total": 0}}
        assert bare.json("accounts") == {"accounts": [], "meta": {"total": "0"}}
        for resource in resources().values():
            if resource.path and resource.total is not None:
                assert bare.get(resource.path).status_code == 200


def test_deals_come_in_an_odd_order(client: Client) -> None:
    found = ids(client.all("deals"))
    assert found == ids(client.all("deals"))
    assert found != sorted(found, key=int)
    assert [int(i) for i in ids(client.json("contacts")["contacts"])] == sorted(
        int(i) for i in ids(client.json("contacts")["contacts"])
    )
