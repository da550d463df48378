"""Deals, records of custom objects, and custom field values of deals and accounts, written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulator import Account, Emulator

from .client import Client


@pytest.fixture
def blank() -> Iterator[Client]:
    """An emulator with a pipeline, a contact, a custom object, and a custom field of deals and of accounts."""
    with Emulator(Account.empty(), rate_limit_window="off") as emulator:
        account = emulator.account
        account.add_pipeline("Sales", ["Open", "Closing"])
        account.add_pipeline("Renewals", ["Again"], autoassign="1")
        account.insert("contacts", email="ann@example.com")
        account.add_deal_field("Contract")
        account.add_account_field("Region")
        account.add_schema("visit", {"title": "text", "kind": ["A", "B"]}, {"primary-contact": "contacts"})
        yield Client(emulator)


DEAL = {"title": "Roof", "contact": 1, "value": 10000, "currency": "eur", "group": 1, "owner": 1}


def posted(client: Client, **more: Any) -> Any:
    return client.send("POST", "deals", {"deal": {**DEAL, **more}})


def record(client: Client, **given: Any) -> Any:
    schema = client.json("customObjects/schemas")["schemas"][0]["id"]
    return client.send("POST", f"customObjects/records/{schema}", {"record": given})


# ---- deals


def test_given_a_deal_when_posted_twice_then_there_are_two_in_the_first_stage(blank: Client) -> None:
    fields = [{"customFieldId": 1, "fieldValue": "C-1"}]
    first, second = posted(blank, stage=None, fields=fields, unknown="ignored"), posted(blank, value=156.24)
    echo = first.json()["deal"]
    assert (first.status_code, second.status_code) == (201, 201)
    assert (echo["stage"], echo["value"], echo["customFieldSaveStatus"]) == (1, 10000, {"status": "success"})
    assert echo["fields"] == [{**fields[0], "dealId": echo["id"]}]
    assert second.json()["deal"]["value"] == 156.24
    rows = blank.emulator.account.rows("deals")
    assert [(row["value"], row["stage"], row["group"]) for row in rows] == [("10000", "1", "1"), ("156", "1", "1")]
    [value] = blank.json("dealCustomFieldData")["dealCustomFieldData"]
    assert (value["dealId"], value["fieldValue"]) == (1, "C-1")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_given_a_deal_when_updated_then_only_what_is_sent_changes(blank: Client, method: str) -> None:
    deal = posted(blank).json()["deal"]["id"]
    assert blank.send(method, f"deals/{deal}", {"deal": {"status": 1, "stage": "2"}}).status_code == 200
    moved = blank.send(method, f"deals/{deal}", {"deal": {"group": "2"}}).json()["deal"]
    [row] = blank.emulator.account.rows("deals")
    assert (row["title"], row["status"], row["group"], row["stage"]) == ("Roof", "1", "2", "3")
    assert moved["group"] == "2"
    wrong = blank.send(method, f"deals/{deal}", {"deals": {"title": "x"}})
    assert (wrong.status_code, wrong.json()["deal"]["title"]) == (200, "Roof")
    assert blank.send(method, "deals/99", {"deal": {}}).status_code == 404
    assert blank.send("DELETE", f"deals/{deal}").json() == {}
    assert blank.send("DELETE", f"deals/{deal}").status_code == 404


def test_given_a_deal_that_lacks_something_then_422(blank: Client) -> None:
    answers = [
        posted(blank, title=""),
        posted(blank, contact=None),
        posted(blank, currency=None),
        posted(blank, owner=None),
        posted(blank, contact=99),
        posted(blank, stage=3),
        posted(blank, value="much"),
    ]
    codes = [answer.json()["errors"][0]["code"] for answer in answers]
    assert codes == ["field_missing"] * 4 + ["field_invalid"] * 3
    assert posted(blank, group=2, owner=None).status_code == 201


# ---- their custom fields, and those of accounts


def test_given_custom_fields_that_are_not_saved_then_they_can_be_by_themselves(blank: Client) -> None:
    blank.emulator.settings.custom_field_save_status = "error"
    echo = posted(blank, fields=[{"customFieldId": 1, "fieldValue": "C-1"}]).json()["deal"]
    assert echo["customFieldSaveStatus"] == {"status": "error"}
    assert blank.json("dealCustomFieldData")["dealCustomFieldData"] == []
    datum = {"dealId": "1", "customFieldId": "1", "fieldValue": "x"}
    made = blank.send("POST", "dealCustomFieldData", {"dealCustomFieldDatum": datum})
    assert (made.status_code, made.json()["dealCustomFieldDatum"]["dealId"]) == (200, 1)
    path = f"dealCustomFieldData/{made.json()['dealCustomFieldDatum']['id']}"
    changed = blank.send("PUT", path, {"dealCustomFieldDatum": {"fieldValue": "y"}})
    assert changed.json()["dealCustomFieldDatum"]["fieldValue"] == "y"
    assert blank.send("DELETE", path).json() == {"message": "DealCustomFieldData deleted."}
    assert blank.send("DELETE", path).status_code == 404
    acme = blank.send("POST", "accounts", {"account": {"name": "Acme"}}).json()["account"]["id"]
    datum = {"customerAccountId": acme, "customFieldId": "1", "fieldValue": "North"}
    assert blank.send("POST", "accountCustomFieldData", {"accountCustomFieldDatum": datum}).status_code == 200
    beside = blank.json("accounts", include="accountCustomFieldData")["customerAccountCustomFieldData"]
    assert [value["custom_field_text_value"] for value in beside] == ["North"]
    unknown = blank.send("POST", "accountCustomFieldData", {"accountCustomFieldDatum": {**datum, "customFieldId": 9}})
    assert unknown.status_code == 422


# ---- custom objects


@pytest.mark.parametrize("ids", ["absent", "there"])
def test_given_a_record_when_posted_again_then_it_is_replaced_as_a_whole(blank: Client, ids: str) -> None:
    blank.emulator.settings.new_record_ids = ids
    both = [{"id": "title", "value": "x"}, {"id": "kind", "value": "A"}]
    first = record(blank, externalId="V-1", fields=both, relationships={"primary-contact": [1]})
    assert (first.status_code, "id" in first.json()["record"]) == (201, ids == "there")
    assert record(blank, externalId="V-1", fields=both[:1]).status_code == 201
    [row] = blank.emulator.account.rows("customObjectRecords")
    assert (row["externalId"], row["fields"], row["relationships"]) == ("V-1", both[:1], {})
    assert record(blank, id=row["id"], fields=both).status_code == 201
    assert blank.emulator.account.rows("customObjectRecords")[0]["fields"] == both
    kinds = [(write.kind, write.email) for write in blank.emulator.writes]
    assert kinds == [("record create", "V-1"), ("record update", "V-1"), ("record update", "V-1")]


def test_given_a_record_that_cannot_be_then_the_api_says_so_in_its_own_way(blank: Client) -> None:
    assert record(blank, fields=[]).status_code == 400
    assert record(blank, id="no such", fields=[]).status_code == 404
    refused = record(blank, externalId="a", fields=[{"id": "kind", "value": "C"}])
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["source"] == {"type": "pointer", "value": "/data/attributes/kind"}
    assert record(blank, externalId="a", fields=[{"id": "unknown", "value": "C"}]).status_code == 422
    schema = blank.json("customObjects/schemas")["schemas"][0]["id"]
    assert record(blank, externalId="a").status_code == 201
    [row] = blank.emulator.account.rows("customObjectRecords")
    for method in ("PUT", "PATCH"):
        assert blank.send(method, f"customObjects/records/{schema}/{row['id']}", {"record": {}}).status_code == 405


def test_given_a_new_record_then_lists_may_miss_it_for_a_while(blank: Client) -> None:
    schema = blank.json("customObjects/schemas")["schemas"][0]["id"]
    path = f"customObjects/records/{schema}"
    blank.emulator.settings.new_record_delay = 60
    record(blank, externalId="V-1")
    assert blank.json(path)["records"] == []
    assert blank.json(f"{path}/external/V-1")["record"]["externalId"] == "V-1"
    blank.emulator.settings.new_record_delay = 0
    [row] = blank.json(path)["records"]
    gone = blank.send("DELETE", f"{path}/external/V-1")
    assert (gone.status_code, gone.content) == (202, b"")
    assert blank.send("DELETE", f"{path}/{row['id']}").status_code == 404
