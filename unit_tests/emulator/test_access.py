"""Who may see what: keys, masked deals, forbidden paths, ids that do not exist."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from .client import Client, ids


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_wrong_key_is_403_not_401(client: Client, key: str) -> None:
    response = requests.get(f"{client.emulator.url}/api/3/users/me", headers={"Api-Token": key}, timeout=5)
    assert (response.status_code, response.headers["Content-Type"]) == (403, "application/json")
    assert response.json()


def test_users_me_tells_the_user_of_the_key(client: Client) -> None:
    names = {key: Client(client.emulator, key).json("users/me")["user"]["id"] for key in ("full", "partial")}
    assert names["full"] != names["partial"]


def test_masked_deals_have_three_keys_and_count(client: Client) -> None:
    rows = {key: Client(client.emulator, key).all("deals") for key in ("full", "partial", "none")}
    masked = {key: [r for r in found if r["isDisabled"] is True] for key, found in rows.items()}
    assert all(set(row) == {"id", "title", "isDisabled"} for found in masked.values() for row in found)
    assert 0 < len(masked["full"]) < 5, "deals whose pipeline is gone"
    assert len(masked["full"]) < len(masked["partial"]) < len(rows["partial"])
    assert len(masked["none"]) == len(rows["none"]) == 130
    assert client.json("deals")["meta"]["total"] == 130
    closed = client.emulator.account.rows("deals", key=None)
    last = str(client.emulator.account.store("dealGroups").base)
    assert set(ids(masked["partial"])) == {r["id"] for r in closed if r["group"] in {last, "97"}}
    assert client.emulator.account.rows("deals", key="partial") == sorted(rows["partial"], key=lambda r: int(r["id"]))


def test_masking_follows_the_settings(client: Client) -> None:
    client.emulator.settings.closed_pipelines = {"full": ["*"]}
    client.emulator.settings.masked_flag = 1
    assert {json.dumps(r["isDisabled"]) for r in client.json("deals")["deals"]} == {"1"}
    deal = client.json("deals/1")["deal"]
    assert set(deal) == {"id", "title", "isDisabled"}


def test_without_the_crm_everything_of_deals_is_403(client: Client) -> None:
    without = Client(client.emulator, "nocrm")
    for path in ("deals", "deals/1", "dealGroups", "dealStages", "dealTasks", "dealCustomFieldData"):
        response = without.get(path)
        assert response.status_code == 403
        assert "Upgrade your account to enable the CRM" in response.text
    assert without.json("contacts")["contacts"]


def test_any_path_can_be_forbidden(client: Client) -> None:
    client.emulator.settings.forbidden = ["/lists"]
    response = client.get("lists")
    assert response.status_code == 403
    assert response.json()["errors"] == [
        {"status": 403, "title": "Forbidden", "detail": "You do not have permission to view lists."}
    ]
    assert client.get("lists/1").status_code == 403
    assert client.get("listGroups").status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("contacts/8", 404, {"message": "No Result found for Subscriber with id 8"}),
        ("contacts/x", 404, {"message": "No Result found for Subscriber with id x"}),
        ("lists/99", 404, {"message": "No Result found for _List with id 99"}),
        ("forms/99", 403, {"message": "No Result found for Form with id 99"}),
        ("dealCustomFieldMeta/99", 404, {"errors": [{"status": 404, "title": "Not Found"}]}),
        ("customObjects/schemas/x", 404, {"message": "Not Found"}),
        ("groupMembers/99", 404, {"errors": [{"status": 404, "title": "Not Found"}]}),
        ("lists/exclusions/422", 404, {"message": "Exclusion not found [id=422]"}),
        # The models of the recorded answers.
        ("accounts/9999", 404, {"message": "No Result found for CustomerAccount with id 9999"}),
        ("accountContacts/9999", 404, {"message": "No Result found for CustomerAccountSubscriber with id 9999"}),
        ("contactTags/9999", 404, {"message": "No Result found for SubscriberTag with id 9999"}),
        ("tags/9999", 404, {"message": "No Result found for Tag with id 9999"}),
        ("fields/9999", 404, {"message": "No Result found for Field with id 9999"}),
        ("fieldRels/9999", 404, {"message": "No Result found for FieldRel with id 9999"}),
        ("fieldValues/9999", 404, {"message": "No Result found for FieldValue with id 9999"}),
        ("dealGroups/9999", 404, {"message": "No Result found for DealGroup with id 9999"}),
        ("dealStages/9999", 404, {"message": "No Result found for DealStage with id 9999"}),
        ("groups/9999", 404, {"message": "No Result found for Group with id 9999"}),
        ("users/9999", 404, {"message": "No Result found for User with id 9999"}),
        ("nothing", 404, None),
    ],
)
def test_unknown_ids(client: Client, path: str, status: int, body: Any) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert body is None or response.json() == body


@pytest.mark.parametrize("resource", ["fieldValues", "forms", "groups"])
@pytest.mark.parametrize("answer", ["recorded", "published", "forbidden"])
def test_given_facts_that_differ_when_a_row_is_missing_then_the_setting_says_which(
    client: Client, resource: str, answer: str
) -> None:
    client.emulator.settings.missing_rows = answer
    response = client.get(f"{resource}/9999")
    model = {"fieldValues": "FieldValue", "forms": "Form", "groups": "Group"}[resource]
    message = "Forbidden" if answer == "forbidden" else f"No Result found for {model} with id 9999"
    assert response.json() == {"message": message}
    assert response.status_code == (404 if answer == "recorded" and resource != "forms" else 403)
    assert client.get("tags/9999").status_code == 404
