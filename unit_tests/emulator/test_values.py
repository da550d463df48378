"""The values of rows: every known field, in the forms in which the API was seen to send it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest

from emulator import Account
from emulator.table import resources

from .client import CHICAGO, ROOT, Client, instant

KNOWN_FIELDS = ROOT / "emulator" / "known_fields.txt"
TYPES = {str: "s", int: "i", bool: "b", list: "a", dict: "o", type(None): "n", float: "f"}


def test_times_are_chicago_with_daylight_saving(client: Client) -> None:
    rows = client.emulator.account.rows("contacts")
    assert {r["cdate"][-6:] for r in rows} == {"-05:00", "-06:00"}
    for row in rows:
        local = datetime.fromisoformat(row["udate"])
        assert local.utcoffset() == local.astimezone(CHICAGO).utcoffset()
        naive = local.replace(tzinfo=None).isoformat(" ")
        assert row["updated_timestamp"] == row["updated_utc_timestamp"] == naive
        assert instant(row["cdate"]) <= instant(row["udate"])


def test_nothing_is_where_php_leaves_nothing(client: Client) -> None:
    account = client.emulator.account
    contacts = account.rows("contacts")
    assert {r["bounced_date"] for r in contacts} == {None, "0000-00-00", "0000-00-00 00:00:00"}
    assert {r["phone"] == "" for r in contacts} == {True, False}
    assert account.rows("scores")[0]["links"] == []
    assert isinstance(contacts[0]["links"], dict)
    assert {type(r["cfields"]) for r in account.rows("forms")} == {list, dict}
    assert {type(r["code"]) for r in account.rows("bounceLogs")} == {int, str}
    assert account.rows("dealTasktypes")[0]["cdate"] is None


def test_custom_field_values_of_all_kinds(client: Client) -> None:
    account = client.emulator.account
    kinds = {f["id"]: f["type"] for f in account.rows("fields")}
    values: dict[str, list[Any]] = {}
    for row in account.rows("fieldValues"):
        values.setdefault(kinds.get(row["field"], "gone"), []).append(row["value"])
    several = values["listbox"] + values["checkbox"]
    assert any(v and v.startswith("||") and v.count("||") > 2 for v in several)
    assert any(v and "||" not in v for v in several)
    flat = [v for found in values.values() for v in found]
    assert None in flat
    assert "" in flat
    assert any(v and not v.isascii() for v in flat)
    assert values["gone"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", v) for v in values["date"] if v)
    assert len({r["contact"] + "/" + str(r["field"]) for r in account.rows("fieldValues")}) == len(
        account.rows("fieldValues")
    )
    data = account.rows("dealCustomFieldData")
    assert {type(r["fieldValue"]) for r in data} == {str, int, list, type(None)}
    assert all(isinstance(r["fieldCurrency"], str) for r in data if "fieldCurrency" in r)


def known_fields() -> list[Any]:
    found: list[tuple[str, str, dict[str, str]]] = []
    for line in KNOWN_FIELDS.read_text().splitlines():
        if line.startswith("  "):
            found[-1][2].update(dict(part.split(":") for part in line.split()))
        elif not line.startswith("#"):
            path, key = line.split(" ")
            found.append((path, key, {}))
    return [pytest.param(*entry, id=f"{entry[0]} {entry[1]}") for entry in found]


@pytest.mark.parametrize(("path", "key", "fields"), known_fields())
def test_every_known_field_is_sent(client: Client, path: str, key: str, fields: dict[str, str]) -> None:
    account = client.emulator.account
    parents = {"{id}": {"contacts": "contacts", "ecomOrders": "ecomOrders", "geoIps": "geoIps"}, "{schemaId}": {}}
    query: dict[str, Any] = {"limit": 100}
    if path == "contacts":
        query["include"] = "fieldValues,contactTags,contactLists,contactAutomations,deals,geoIps"
    if path.startswith("dealGroup/"):
        query = {"userId": "3", "dealIds[]": "1"}
    paths = [path]
    if "{id}" in path:
        owner = parents["{id}"][path.partition("/")[0]]
        paths = [path.replace("{id}", row["id"]) for row in account.rows(owner)[:60]]
    elif "{schemaId}" in path:
        paths = [path.replace("{schemaId}", row["id"]) for row in account.rows("customObjectSchemas")]
    rows: list[dict[str, Any]] = []
    for one in paths:
        found = client.json(one, **query)[key]
        rows += found if isinstance(found, list) else [found] if found else []
    rows = [r for r in rows if r.get("isDisabled") is not True]
    assert rows
    assert [sorted(set(fields) - set(row)) for row in rows if set(fields) - set(row)] == []
    for name, kinds in fields.items():
        seen = {TYPES[type(row[name])] for row in rows}
        assert "?" in kinds or seen & set(kinds), f"{name}: {seen} instead of {kinds}"


# Only the published example of GET fieldValues/{id} has no owner; that of accounts has a list with keys, which is no
# JSON.
NEVER_SENT = {("fieldValues", "owner", "n"), ("accounts", "links", "a")}


def test_given_the_known_types_of_a_field_then_each_is_sent_by_an_account() -> None:
    accounts = [Account.demo(seed=1), Account.unflattering(seed=1)]
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for resource in resources().values():
        if resource.view_of is None:
            rows_of.setdefault(resource.key, []).extend(row for one in accounts for row in one.rows(resource.name))
    masked = {("deals", "isDisabled", "i")}  # Settings.masked_flag
    missing = set()
    for _, key, fields in (entry.values for entry in known_fields()):
        for name, kinds in fields.items():
            seen = {TYPES[type(row[name])] for row in rows_of.get(key, []) if name in row}
            missing |= {(key, name, kind) for kind in set(kinds) - seen - {"?"} if seen}
    assert missing == NEVER_SENT | masked


def recorded_links() -> list[Any]:
    """Names of `links`, of recordings or, marked with *, of published examples only."""
    return [
        pytest.param(resource, set(names.replace("*", "").split()), id=resource)
        for resource, names in {
            "accounts": "notes accountCustomFieldData accountContacts emailActivities contactEmails owner",
            "accountContacts": "account contact",
            "addresses": "addressGroup addressList forms",
            "campaigns": "*user *automation *campaignMessage *campaignMessages *links *aggregateRevenues "
            "*campaignLists",
            "contacts": "bounceLogs contactAutomations contactData contactGoals contactLists contactLogs contactTags "
            "contactDeals deals fieldValues geoIps notes organization plusAppend trackingLogs scoreValues "
            "accountContacts automationEntryCounts",
            "contactTags": "tag contact",
            "deals": "*activities dealActivities contact contactDeals group nextTask notes account customerAccount "
            "organization owner scoreValues stage tasks dealCustomFieldData",
            "dealGroups": "stages dealGroupUsers dealGroupGroups winProbabilityFeatures",
            "dealStages": "group",
            "dealTasktypes": "dealTasks tasktypeOutcomeRels",
            "emailActivities": "contact deal user reference account",
            "fields": "options relations",
            "fieldValues": "owner field",
            "groups": "userGroups groupLimit dealGroupGroups listGroups addressGroups automationGroups",
            "lists": "contactGoalLists user addressLists",
            "listGroups": "list group",
            "tags": "contactGoalTags",
            "templates": "templateLists",
            "users": "lists userGroup dealGroupTotals dealGroupUsers configs dealConnection seatUser "
            "userConversationsPermission",
        }.items()
    ]


@pytest.mark.parametrize(("resource", "names"), recorded_links())
def test_given_a_row_then_its_links_have_the_names_that_were_seen(
    client: Client, resource: str, names: set[str]
) -> None:
    found = [row["links"] for row in client.emulator.account.rows(resource) if row.get("links")]
    assert {frozenset(links) for links in found} == {frozenset(names)}


def test_given_links_then_they_come_in_the_forms_that_were_seen(client: Client) -> None:
    contact = client.json("contacts/1")["contact"]["links"]
    here = "https://demo.api-us1.test/api/3/contacts/1/"
    assert contact["contactAutomations"] == f"{here}contactAutomations?limit=1000&orders%5Blastdate%5D=DESC"
    assert contact["contactTags"] == f"{here}contactTags"
    assert client.json("connections/1")["connection"]["links"] == {"customers": "/api/3/connections/1/customers"}
    for resource in ("templates", "dealTasktypes"):
        links = [row["links"] for row in client.emulator.account.rows(resource)]
        assert [] in links
        assert any(isinstance(one, dict) for one in links)


def test_given_an_email_activity_then_it_carries_its_text_and_says_where_it_is_filed(client: Client) -> None:
    account = client.emulator.account
    rows = account.rows("emailActivities")
    assert all(" " in row["message"] for row in rows)
    filed = {"SubscriberEmail": ("contact-email", "contactEmails"), "Log": ("log", "logs")}
    assert {row["reltype"] for row in rows} == set(filed)
    for row in rows:
        kind, resource = filed[row["reltype"]]
        assert row["reference"] == {"type": kind, "id": row["relid"]}
        assert row["relid"] in account.ids(resource)


def test_every_row_of_the_table_is_served_as_it_is(client: Client) -> None:
    account = client.emulator.account
    for name, resource in resources().items():
        rows = account.rows(name)
        assert rows, name
        if resource.path is None or resource.style != "list":
            continue
        assert {json.dumps(r, sort_keys=True) for r in client.all(resource.path, resource.key)} == {
            json.dumps(r, sort_keys=True) for r in rows
        }, name
        if resource.single and "deals" not in name:
            row_id = account.store(name).id_of(account.store(name).alive[-1])
            single = client.json(f"{resource.path}/{row_id}")[resource.single]
            assert rows[-1].items() <= single.items(), name


def test_references_lead_to_rows_that_exist(client: Client) -> None:
    account = client.emulator.account
    checked = 0
    for name, resource in resources().items():
        for field, expression in resource.fields.items():
            targets = re.findall(r"(?:^|\| |% |THEN |ELSE )ref(?:num)? (\w+)", expression)
            for target in targets:
                known = account.ids(target) | {"", "0", "None"}
                values = {str(row.get(field)) for row in account.rows(name, key=None)}
                if not any(other in expression for other in ("words", "sentence", "int ", '"contact"')):
                    assert values <= known, (name, field)
                checked += 1
    assert checked > 80
    stages = {s["id"]: s["group"] for s in account.rows("dealStages")}
    deals = account.rows("deals", key=None)
    assert all(stages.get(d["stage"], d["group"]) == d["group"] for d in deals)
