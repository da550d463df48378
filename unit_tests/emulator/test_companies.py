"""Accounts and their contacts, written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulator import Account, Emulator

from .client import Client, ids


@pytest.fixture
def blank() -> Iterator[Client]:
    """An emulator with an empty account."""
    with Emulator(Account.empty(), rate_limit_window="off") as emulator:
        yield Client(emulator)


def new(client: Client, name: str, **more: Any) -> str:
    return str(client.send("POST", "accounts", {"account": {"name": name, **more}}).json()["account"]["id"])


def test_given_an_account_with_fields_when_created_then_they_ride_along(blank: Client) -> None:
    region = blank.emulator.account.add_account_field("Region")
    fee = blank.emulator.account.add_account_field("Fee", "currency")
    fields = [
        {"customFieldId": int(region), "fieldValue": "North"},
        {"customFieldId": int(fee), "fieldValue": 1234, "fieldCurrency": "GBP"},
        {"customFieldId": 99, "fieldValue": "unknown"},
    ]
    body = {"account": {"name": "Acme", "accountUrl": "https://acme.example.com", "owner": 1, "fields": fields}}
    response = blank.send("POST", "accounts", body)
    assert response.status_code == 201
    echo = response.json()["account"]
    assert (echo["name"], echo["links"], echo["customFieldSaveStatus"]) == ("Acme", [], {"status": "success"})
    assert echo["fields"][1] == {**fields[1], "accountId": echo["id"]}
    (row,) = blank.json("accounts")["accounts"]
    assert (row["name"], row["accountUrl"], row["owner"]) == ("Acme", "https://acme.example.com", "1")
    stored = blank.json("accountCustomFieldData")["accountCustomFieldData"]
    assert [(v["accountId"], v["customFieldId"], v["fieldValue"], v.get("fieldCurrency")) for v in stored] == [
        (1, int(region), "North", None),
        (1, int(fee), 1234, "GBP"),
    ]
    beside = blank.json("accounts", include="accountCustomFieldData")["customerAccountCustomFieldData"]
    assert [(v["custom_field_text_value"], v["custom_field_currency_value"]) for v in beside] == [
        ("North", None),
        (None, "1234"),
    ]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_given_an_account_when_updated_then_only_what_is_sent_changes(blank: Client, method: str) -> None:
    region = blank.emulator.account.add_account_field("Region")
    acme = new(blank, "Acme", accountUrl="https://a.example.com", fields=[{"customFieldId": 1, "fieldValue": "North"}])
    response = blank.send(
        method, f"accounts/{acme}", {"account": {"fields": [{"customFieldId": 1, "fieldValue": "x"}]}}
    )
    assert (response.status_code, response.json()["account"]["name"]) == (200, "Acme")
    renamed = blank.send(method, f"accounts/{acme}", {"account": {"name": "Beta", "unknown": "ignored"}}).json()
    assert (renamed["account"]["name"], renamed["account"]["accountUrl"]) == ("Beta", "https://a.example.com")
    (value,) = blank.json("accountCustomFieldData")["accountCustomFieldData"]
    assert (str(value["customFieldId"]), value["fieldValue"]) == (region, "x")
    wrong = blank.send(method, f"accounts/{acme}", {"accounts": {"name": "Gamma"}})
    assert (wrong.status_code, wrong.json()["account"]["name"]) == (200, "Beta")


def test_given_names_when_missing_or_taken_then_422(blank: Client) -> None:
    acme, beta = new(blank, "Acme"), new(blank, "Beta")
    answers = [
        blank.send("POST", "accounts", {"account": {}}),
        blank.send("POST", "accounts", {"account": {"name": "ACME"}}),
        blank.send("PUT", f"accounts/{beta}", {"account": {"name": "acme"}}),
        blank.send("PUT", f"accounts/{acme}", {"account": {"name": "ACME"}}),
        blank.send("PUT", "accounts/99", {"account": {"name": "ACME"}}),
    ]
    assert [a.status_code for a in answers] == [422, 422, 422, 200, 404]
    assert [a.json()["errors"][0]["code"] for a in answers[:3]] == ["field_missing", "duplicate", "duplicate"]
    assert answers[4].json() == {"message": "No Result found for CustomerAccount with id 99"}
    assert [row["name"] for row in blank.all("accounts")] == ["ACME", "Beta"]


def test_given_a_save_that_fails_then_the_status_says_so_and_nothing_is_saved(blank: Client) -> None:
    blank.emulator.account.add_account_field("Region")
    blank.emulator.settings.custom_field_save_status = "error"
    body = {"account": {"name": "Acme", "fields": [{"customFieldId": 1, "fieldValue": "North"}]}}
    assert blank.send("POST", "accounts", body).json()["account"]["customFieldSaveStatus"] == {"status": "error"}
    assert blank.json("accountCustomFieldData")["accountCustomFieldData"] == []


def test_given_a_contact_then_it_has_one_account_and_loses_it_with_that(blank: Client) -> None:
    acme, beta = new(blank, "Acme"), new(blank, "Beta")
    ann = blank.send("POST", "contact/sync", {"contact": {"email": "ann@example.com"}}).json()["contact"]["id"]

    def link(**sent: Any) -> Any:
        return blank.send("POST", "accountContacts", {"accountContact": sent})

    first = link(contact=int(ann), account=int(acme), jobTitle="CEO")
    echo = first.json()["accountContact"]
    assert (first.status_code, echo["contact"], echo["account"], echo["jobTitle"]) == (201, int(ann), int(acme), "CEO")
    second = link(contact=ann, account=beta)
    assert second.status_code == 422
    assert "already associated with an account" in second.json()["errors"][0]["title"]
    codes = [link(contact=ann), link(contact=ann, account=99), link(account=acme)]
    assert [a.json()["errors"][0]["code"] for a in codes] == ["field_missing", "field_invalid", "field_missing"]
    assert blank.json(f"contacts/{ann}")["contact"]["accountContacts"] == [echo["id"]]
    assert ids(blank.json("accountContacts", **{"filters[contact]": ann})["accountContacts"]) == [echo["id"]]
    assert blank.send("DELETE", f"accounts/{acme}").status_code == 200
    gone = blank.send("DELETE", f"accountContacts/{echo['id']}")
    assert gone.status_code == 404
    assert gone.json() == {"message": f"No Result found for CustomerAccountSubscriber with id {echo['id']}"}
    assert link(contact=ann, account=beta).status_code == 201


@pytest.mark.parametrize("setting", ["applied", "ignored"])
def test_given_another_account_when_an_association_is_updated_then_a_setting_says_whether_it_moves(
    blank: Client, setting: str
) -> None:
    blank.emulator.settings.account_changes = setting
    acme, beta = new(blank, "Acme"), new(blank, "Beta")
    ann = blank.emulator.account.insert("contacts", email="ann@example.com")
    link = blank.send("POST", "accountContacts", {"accountContact": {"contact": ann, "account": acme}}).json()
    path = f"accountContacts/{link['accountContact']['id']}"
    changed = blank.send("PUT", path, {"accountContact": {"account": int(beta), "jobTitle": "CEO"}})
    expected = beta if setting == "applied" else acme
    assert (changed.status_code, changed.json()["accountContact"]["account"]) == (200, expected)
    row = blank.json(path)["accountContact"]
    assert (row["account"], row["jobTitle"], row["contact"]) == (expected, "CEO", ann)
    counts = {row["id"]: row["contactCount"] for row in blank.json("accounts", count_deals="true")["accounts"]}
    assert counts == {acme: str(int(expected == acme)), beta: str(int(expected == beta))}
    assert blank.send("DELETE", path).status_code == 200
    assert blank.all("accountContacts") == []
