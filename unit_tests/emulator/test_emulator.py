"""The emulator behaves as the API is published and recorded to behave; all through real HTTP."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from emulator import Account, Emulator, Fault, Settings
from emulator.mutate import Mutator
from emulator.settings import FAULT_KINDS, RateLimiter
from emulator.store import Alive
from emulator.table import resources

ROOT = Path(__file__).resolve().parents[2]
KNOWN_FIELDS = ROOT / "emulator" / "known_fields.txt"
CHICAGO = ZoneInfo("America/Chicago")
TYPES = {str: "s", int: "i", bool: "b", list: "a", dict: "o", type(None): "n", float: "f"}


class Client:
    """Asks one emulator."""

    def __init__(self, emulator: Emulator, key: str = "full") -> None:
        self.emulator = emulator
        self.session = requests.Session()
        self.session.headers["Api-Token"] = emulator.keys[key]

    def get(self, path: str, **query: Any) -> requests.Response:
        url = f"{self.emulator.url}/api/3/{path}"
        return self.session.get(url, params=query or None, allow_redirects=False, timeout=10)

    def json(self, path: str, **query: Any) -> Any:
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    def all(self, path: str, key: str | None = None, **query: Any) -> list[dict[str, Any]]:
        """All rows by offset pages."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.json(path, limit=100, offset=len(found), **query)[key or path]
            found += page
            if len(page) < 100:
                return found

    def control(self, method: str, path: str, body: Any = None) -> Any:
        response = self.session.request(method, f"{self.emulator.url}/_emulator/{path}", json=body, timeout=10)
        assert response.status_code < 300, response.text
        return response.json()


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    """One emulator for tests that change nothing but settings."""
    with Emulator(Account.demo(seed=1)) as emulator:
        yield emulator


@pytest.fixture
def client(shared: Emulator) -> Client:
    shared.settings.patch({**vars(Settings()), "rate_limit_window": "off"})
    shared.requests.clear()
    return Client(shared)


@pytest.fixture
def own() -> Iterator[Client]:
    """An emulator of the test's own, small, to be changed."""
    with Emulator(Account.demo(contacts=40, rows={"deals": 20}), rate_limit_window="off") as emulator:
        yield Client(emulator)


def until(condition: Callable[[], Any], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [str(row["id"]) for row in rows]


def instant(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(timezone.utc)


# --- access -------------------------------------------------------------------------------------------------


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
        ("customObjects/schemas/x", 404, None),
        ("nothing", 404, None),
    ],
)
def test_unknown_ids(client: Client, path: str, status: int, body: Any) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert body is None or response.json() == body


# --- pages --------------------------------------------------------------------------------------------------


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
    groups = client.json("dealGroups")
    assert {s for g in groups["dealGroups"] for s in g["stages"]} == set(ids(groups["dealStages"]))


def test_currencies_is_an_object_and_an_empty_array(client: Client) -> None:
    currencies = client.json("deals")["meta"]["currencies"]
    assert sum(int(c["total"]) for c in currencies.values()) == 130
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


# --- filters and orders --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", [{"filters[nope]": "1"}, {"orders[udate]": "DESC"}, {"filters[updated_after]": "soon"}]
)
def test_what_is_not_documented_is_ignored(client: Client, query: dict[str, str]) -> None:
    assert client.json("contacts", **query)["contacts"] == client.json("contacts")["contacts"]


@pytest.mark.parametrize("path", ["contactLists", "contactTags", "accounts"])
def test_filters_measured_as_ignored(client: Client, path: str) -> None:
    query = {"filters[contact]": "4", "filters[tag]": "1", "filters[updated_after]": "2026-09-01"}
    assert client.json(path, **query)[path] == client.json(path)[path]


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago", "Pacific/Honolulu"])
@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+00:00"])
def test_the_digits_of_a_filter_are_read_in_the_zone_of_the_settings(client: Client, zone: str, form: str) -> None:
    client.emulator.settings.filter_zone = zone
    limit = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
    expected = {
        row["id"]
        for row in client.emulator.account.rows("contacts")
        if instant(row["udate"]) > limit.replace(tzinfo=ZoneInfo(zone))
    }
    assert set(ids(client.all("contacts", **{"filters[updated_after]": limit.strftime(form)}))) == expected
    client.emulator.settings.honour_offset = True
    if "%S+" in form:
        expected = {r["id"] for r in client.emulator.account.rows("contacts") if instant(r["udate"]) > limit}
        assert set(ids(client.all("contacts", **{"filters[updated_after]": limit.strftime(form)}))) == expected


def test_after_is_exclusive_for_contacts_and_inclusive_for_deals(client: Client) -> None:
    client.emulator.settings.filter_zone = "UTC"
    for path, column in (("contacts", "udate"), ("deals", "mdate")):
        rows = [r for r in client.emulator.account.rows(path) if column in r]
        row = rows[len(rows) // 2]
        moment = instant(row[column]).strftime("%Y-%m-%d %H:%M:%S")
        assert (row["id"] in ids(client.all(path, **{"filters[updated_after]": moment}))) is (path == "deals")
        assert row["id"] not in ids(client.all(path, **{"filters[updated_before]": moment}))
    client.emulator.settings.after_inclusive = True
    row = client.emulator.account.rows("contacts")[7]
    moment = instant(row["udate"]).strftime("%Y-%m-%d %H:%M:%S")
    assert row["id"] in ids(client.all("contacts", **{"filters[updated_after]": moment}))


def test_created_filters(client: Client) -> None:
    both = {"filters[created_after]": "2025-03-01", "filters[created_before]": "2025-04-01"}
    for path in ("contacts", "deals"):
        found = client.all(path, **both)
        assert found
        assert all(r["cdate"].startswith("2025-03") for r in found if r.get("isDisabled") is not True)


def test_id_greater_pages_through_everything(client: Client) -> None:
    for extra in ({}, {"filters[updated_after]": "2025-10-01"}, {"include": "contactTags"}):
        last, found = "0", []
        for _ in range(5):
            page = client.json("contacts", **{"orders[id]": "ASC", "id_greater": last, "limit": 100}, **extra)[
                "contacts"
            ]
            found += ids(page)
            last = found[-1]
        assert found == ids(client.all("contacts", **extra))
    downwards = client.json("contacts", **{"orders[id]": "DESC", "id_less": "10"})["contacts"]
    assert ids(downwards) == ["9", "7", "6", "5", "4", "3", "2", "1"]
    assert client.json("contacts", id_greater="270")["meta"]["total"] == "13"


def test_other_contact_filters(client: Client) -> None:
    row = client.emulator.account.rows("contacts")[3]
    assert ids(client.json("contacts", email=row["email"])["contacts"]) == [row["id"]]
    assert ids(client.all("contacts", **{"ids[]": ["1", "3", "8"]})) == ["1", "3"]
    on_list = {m["contact"] for m in client.emulator.account.rows("contactLists") if m["list"] == "2"}
    assert set(ids(client.all("contacts", listid="2"))) == on_list
    assert len(client.all("contacts", status="-1")) == 250
    emails = [r["email"] for r in client.all("contacts", **{"orders[email]": "DESC"})]
    assert emails == sorted(emails, reverse=True)


def test_activities_know_after_and_nothing_else(client: Client) -> None:
    everything = client.all("activities")
    assert [r["tstamp"] for r in everything] == sorted((r["tstamp"] for r in everything), key=instant)
    assert len(client.all("activities", **{"filters[tstamp][gt]": "2026-08-01"})) == len(everything)
    limit = datetime(2026, 8, 1, tzinfo=CHICAGO)
    recent = client.all("activities", after="2026-08-01T00:00:00")
    assert 0 < len(recent) == sum(instant(r["tstamp"]) > limit for r in everything)
    newest = client.json("activities", **{"orders[tstamp]": "DESC"})["activities"][0]
    assert newest["id"] == everything[-1]["id"]


def test_contact_automations_have_operators(client: Client) -> None:
    rows = client.all("contactAutomations")
    value = rows[50]["adddate"][:19]
    count = {
        op: len(client.all("contactAutomations", **{f"filters[adddate][{op}]": value}))
        for op in ("gt", "gte", "lt", "eq")
    }
    assert count["gte"] == count["gt"] + count["eq"]
    assert count["lt"] + count["gte"] == len(rows)
    assert count["eq"] >= 1
    assert len(client.all("contactAutomations", **{"filters[nonsense][gt]": value})) == len(rows)


def test_new_lists_refuse_unknown_filters(client: Client) -> None:
    response = client.get("lists/exclusions", **{"filters[nonExisting]": "1"})
    assert response.status_code == 422
    assert "Allowed fields are: matchPhrase, lists" in response.text
    assert client.json("lists/exclusions", **{"filters[lists]": "1"})["exclusions"] is not None


# --- sideloads ----------------------------------------------------------------------------------------------


def test_sideloads_of_contacts(client: Client) -> None:
    page = client.json(
        "contacts", include="fieldValues,contactTags.tag,contactLists,contactAutomations,nonsense", limit=50
    )
    assert next(iter(page)) == "scoreValues"
    for name in ("fieldValues", "contactTags", "contactLists", "contactAutomations"):
        assert {i for row in page["contacts"] for i in row[name]} == set(ids(page[name]))
        assert {r["contact"] for r in page[name]} <= set(ids(page["contacts"]))
    assert {r["tag"] for r in page["contactTags"]} == set(ids(page["tags"]))
    assert "fieldValues" not in client.json("contacts")["contacts"][0]
    assert isinstance(page["contacts"][0]["accountContacts"], list)


def test_a_single_contact_brings_its_relations(client: Client) -> None:
    single = client.json("contacts/4")
    for name in ("contactAutomations", "contactLists", "deals", "fieldValues", "geoIps", "geoAddresses", "contactData"):
        assert name in single
    assert single["contact"]["fieldValues"] == ids(single["fieldValues"])


def test_custom_field_data_of_deals_in_two_shapes(client: Client) -> None:
    settings = client.emulator.settings
    new = client.json("deals", include="dealCustomFieldData", limit=100)
    assert {"dealId", "customFieldId", "fieldValue"} <= set(new["dealCustomFieldData"][0])
    settings.deal_custom_field_shape = "old"
    old = client.json("deals", include="dealCustomFieldData", limit=100)
    assert {"deal_id", "custom_field_id", "custom_field_text_value"} <= set(old["dealCustomFieldData"][0])
    by_id = {r["id"]: r for r in old["dealCustomFieldData"]}
    for row in new["dealCustomFieldData"]:
        assert by_id[row["id"]]["custom_field_id"] == str(row["customFieldId"])
        if "fieldCurrency" in row and row["fieldValue"] is not None:
            assert by_id[row["id"]]["custom_field_currency_value"] == str(row["fieldValue"])
    settings.deal_custom_field_shape = "absent"
    assert "dealCustomFieldData" not in client.json("deals", include="dealCustomFieldData")


def test_custom_field_data_of_accounts_is_named_otherwise(client: Client) -> None:
    page = client.json("accounts", include="accountCustomFieldData")
    first = page["customerAccountCustomFieldData"][0]
    assert first["customer_account_id"] in ids(page["accounts"])
    assert "custom_field_date_value" in first
    account = first["customer_account_id"]
    alone = client.json(f"accounts/{account}/accountCustomFieldData")
    assert alone["customerAccountCustomFieldData"][0] == first
    assert "accountId" in client.json("accountCustomFieldData")["accountCustomFieldData"][0]


def test_sub_resources_have_no_meta(client: Client) -> None:
    owners = {r["contact"] for r in client.emulator.account.rows("trackingLogs")}
    for name in ("trackingLogs", "contactGoals", "geoIps", "scoreValues", "contactLogs", "fieldValues", "notes"):
        answers = [client.json(f"contacts/{owner}/{name}") for owner in sorted(owners)[:40]]
        assert all(list(a) == [name] for a in answers)
        assert any(a[name] for a in answers)
    owner = client.emulator.account.rows("contactData")[0]["contact"]
    assert client.json(f"contacts/{owner}/contactData")["contactDatum"]["contact"] == owner
    ip = client.emulator.account.rows("geoIps")[0]
    assert client.json(f"geoIps/{ip['id']}/geoAddress")["geoAddress"]["id"] == ip["geoAddress"]
    deal = client.emulator.account.rows("contactDeals")[0]
    assert set(client.json(f"contacts/{deal['contact']}/contactDeals")) == {"contacts", "deals", "contactDeals"}
    order = client.emulator.account.rows("ecomOrderProducts")[0]["orderid"]
    assert list(client.json(f"ecomOrders/{order}/orderProducts")) == ["ecomOrderProducts"]


# --- values -------------------------------------------------------------------------------------------------


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


# --- custom objects -------------------------------------------------------------------------------------------


def test_pages_of_custom_objects_overlap_unless_ordered(client: Client) -> None:
    schema = client.json("customObjects/schemas")["schemas"][0]
    path = f"customObjects/records/{schema['id']}"
    truth = {r["id"] for r in client.emulator.account.rows("customObjectRecords") if r["schemaId"] == schema["id"]}
    assert len(truth) > 40
    unordered = [client.json(path, offset=o) for o in range(0, len(truth), 20)]
    found = [i for page in unordered for i in ids(page["records"])]
    assert len(set(found)) < len(found)
    assert unordered[0]["meta"]["total"] > len(truth)
    ordered = [client.json(path, offset=o, **{"orders[createdTimestamp]": "ASC"}) for o in range(0, len(truth), 20)]
    assert [i for page in ordered for i in ids(page["records"])] == sorted(
        truth, key=lambda i: client.json(f"{path}/{i}")["record"]["createdTimestamp"]
    )
    assert ordered[0]["meta"] == {"total": len(truth), "count": 20, "limit": 20, "offset": 0}


def test_access_to_custom_objects(client: Client) -> None:
    schema = client.json("customObjects/schemas")["schemas"][0]
    path = f"customObjects/records/{schema['id']}"
    record = client.json(path)["records"][0]
    assert client.json(path, **{"filters[createdTimestamp][gt]": "2000-01-01T00:00:00.000Z"})["records"] == []
    assert ids(client.json(path, **{"filters[createdTimestamp]": record["createdTimestamp"]})["records"]) == [
        record["id"]
    ]
    assert client.get(path, **{"filters[nope]": "1"}).status_code == 400
    assert client.json(f"{path}/external/{record['externalId']}")["record"] == record
    contact = record["relationships"]["primary-contact"][0]
    limited = Client(client.emulator, "partial")
    assert limited.get(path).status_code == 403
    assert limited.json(path, **{"filters[relationships.primary-contact][eq]": contact})["records"]
    for status in (403, 404):
        client.emulator.settings.custom_objects = str(status)
        assert client.get("customObjects/schemas").status_code == status
        assert client.get(path).status_code == status


def test_odd_endpoints(client: Client) -> None:
    events = client.json("webhook/events")
    assert events["meta"] == {"total": len(events["webhookEvents"])}
    assert all(isinstance(e, str) for e in events["webhookEvents"])
    assert client.json("eventTracking") == {"eventTracking": {"enabled": True}}
    assert client.get("siteTracking/code").headers["Content-Type"].startswith("text/html")
    assert client.get("dealGroup/get_inaccessible_deal_groups").status_code == 422
    assert Client(client.emulator, "partial").get("settings/account").status_code == 403
    assert len(client.json("audiences", page=2, page_size=5)["data"]) == 2
    page = client.json("channel/whatsapp/inbox/conversation", page_size=2)
    assert (page["count"], len(page["results"])) == (5, 2)
    assert page["next"]
    user = client.emulator.account.rows("users")[1]
    assert client.json(f"users/email/{user['email']}")["user"]["id"] == user["id"]
    counted = client.json("accounts", count_deals="true")["accounts"]
    assert any(int(a["dealCount"]) for a in counted)
    assert {a["dealCount"] for a in client.json("accounts")["accounts"]} == {"0"}


# --- pace ---------------------------------------------------------------------------------------------------


def admitted(settings: Settings, times: list[float]) -> list[float]:
    limiter = RateLimiter(settings)
    return [t for t in times if limiter.admit(t)[0]]


def test_the_window_slides() -> None:
    steps = [1000 + i / 20 for i in range(200)]
    served = admitted(Settings(), steps)
    assert all(sum(t - 1.0 < s <= t for s in served) <= 5 for t in served)
    assert len(served) >= 49
    # At a change of the second, a fixed window lets twice as many through.
    burst = [1000.9] * 6 + [1001.1] * 6
    assert len(admitted(Settings(rate_limit_window="fixed"), burst)) == 10
    assert len(admitted(Settings(), burst)) == 5
    bucket = [1000.0] * 7 + [1000.5] * 7
    assert len(admitted(Settings(rate_limit_window="bucket"), bucket)) == 7
    assert len(admitted(Settings(rate_limit_window="off"), burst)) == 12


def test_others_spend_from_the_same_budget() -> None:
    steps = [1000 + i / 100 for i in range(1000)]
    assert 18 <= len(admitted(Settings(other_consumer_per_second=3), steps)) <= 32


def test_a_refused_request_does_not_count() -> None:
    limiter = RateLimiter(Settings())
    assert [limiter.admit(10.0)[1] for _ in range(5)] == [4, 3, 2, 1, 0]
    assert not any(limiter.admit(10 + i / 100)[0] for i in range(1, 100))
    assert limiter.admit(11.0)[0]


def test_too_many_requests(client: Client) -> None:
    settings = client.emulator.settings
    settings.patch({"rate_limit_window": "sliding", "requests_per_second": 2, "retry_after": 7})
    until(lambda: client.get("tags").status_code == 200)
    client.emulator.requests.clear()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: Client(client.emulator).get("tags"), range(30)))
    refused = [a for a in answers if a.status_code == 429]
    assert len(refused) >= 10
    assert {a.headers["Retry-After"] for a in refused} == {"7"}
    assert {a.text for a in refused} == {'{"message":"Too Many Requests"}'}
    assert {a.headers["RateLimit-Limit"] for a in answers} == {"2"}
    counts = client.control("GET", "requests?log=false")
    assert counts["total"] == 30
    assert counts["throttled"] == len(refused)
    assert counts["max_served_per_second"] <= 2
    settings.retry_after = None
    settings.requests_per_second = 0
    assert "Retry-After" not in client.get("tags").headers


def test_requests_are_recorded_but_not_the_control(client: Client) -> None:
    client.get("contacts", limit=5)
    client.control("GET", "rows/tags")
    (request,) = client.emulator.requests
    assert (request.path, request.query, request.status) == ("/api/3/contacts", {"limit": "5"}, 200)
    assert request.headers["Api-Token"] == client.emulator.api_key
    assert "python-requests" in request.headers["User-Agent"]
    log = client.control("GET", "requests")
    assert log["requests"][0]["path"] == "/api/3/contacts"
    client.control("DELETE", "requests")
    assert client.emulator.requests == []


def test_many_requests_wait_at_once(client: Client) -> None:
    client.emulator.settings.patch({"latency_ms": 200, "latency_jitter": 0.1, "arrival_jitter_ms": 5})
    started = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        assert {r.status_code for r in pool.map(lambda _: Client(client.emulator).get("tags"), range(10))} == {200}
    assert 0.18 < time.monotonic() - started < 1.5
    client.emulator.settings.patch({"latency_ms": 0, "latency_ms_per_1000_offset": 100})
    started = time.monotonic()
    client.get("tags", offset=2000)
    assert time.monotonic() - started >= 0.2


# --- faults -------------------------------------------------------------------------------------------------


def outcome(client: Client, **query: Any) -> Any:
    try:
        response = client.get("tags", **query)
    except requests.ConnectionError:
        return "connection"
    except requests.exceptions.ChunkedEncodingError:
        return "broken off"
    if response.status_code != 200:
        return response.status_code
    try:
        body = response.json()
    except ValueError:
        return response.text[:9]
    return len(body["tags"]) if "tags" in body else sorted(body)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("500", 500),
        ("502", 502),
        ("503", 503),
        ("403", 403),
        ("429", 429),
        ("empty", ""),
        ("truncated", '{"tags":['),
        ("html", "<!DOCTYPE"),
        ("drop", "connection"),
        ("drop_midway", "broken off"),
        ("redirect", 302),
        ("envelope", ["meta", "tags_renamed"]),
        ("hang", 20),
    ],
)
def test_faults_strike_when_they_should(client: Client, kind: str, expected: Any) -> None:
    fault = Fault(kind=kind, path="/tags", times=2, after=1, url="https://elsewhere.test/", seconds=0.05)
    client.emulator.settings.faults = [fault]
    assert client.get("lists").status_code == 200
    assert [outcome(client) for _ in range(4)] == [20, expected, expected, 20]
    assert [r.fault for r in client.emulator.requests[-4:]] == [None, kind, kind, None]


def test_a_redirect_says_where_to(client: Client) -> None:
    client.control("POST", "settings", {"faults": [{"kind": "redirect", "url": "https://elsewhere.test/login"}]})
    assert client.get("tags").headers["Location"] == "https://elsewhere.test/login"


@pytest.mark.parametrize(("kind", "total"), [("total_small", "12"), ("total_large", "55"), ("total_absent", None)])
def test_total_lies(client: Client, kind: str, total: str | None) -> None:
    client.emulator.settings.faults = [Fault(kind=kind, path="/tags")]
    page = client.json("tags", limit=100)
    assert page["meta"].get("total") == total
    assert len(page["tags"]) == 24


def test_servers_that_cannot_page(client: Client) -> None:
    client.emulator.settings.faults = [Fault(kind="ignore_offset", path="/contacts")]
    assert client.json("contacts", offset=100)["contacts"] == client.json("contacts")["contacts"]
    client.emulator.settings.faults = [Fault(kind="limit_50", path="/contacts", query={"offset": "100"})]
    assert [len(client.json("contacts", limit=100, offset=o)["contacts"]) for o in (0, 100)] == [100, 50]
    client.emulator.settings.faults = [Fault(kind="503", path="/contacts/*", every=3)]
    assert [client.get("contacts/1").status_code for _ in range(6)] == [200, 200, 503, 200, 200, 503]
    assert client.get("contacts").status_code == 200
    with pytest.raises(ValueError, match="unknown fault"):
        Fault(kind="5O3")
    assert "drop" in FAULT_KINDS


def test_a_setting_that_does_not_exist_is_refused(client: Client) -> None:
    response = client.session.post(f"{client.emulator.url}/_emulator/settings", json={"latencyms": 5}, timeout=5)
    assert response.status_code == 422
    assert "latencyms" in response.text
    assert client.control("GET", "settings")["latency_ms"] == 0


# --- changes ------------------------------------------------------------------------------------------------


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
    assert "1" not in {s["group"] for s in own.all("dealStages")} | {None}


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


# --- the process --------------------------------------------------------------------------------------------


def test_it_runs_as_a_process() -> None:
    command = [
        sys.executable,
        "-m",
        "emulator",
        "--rows",
        "contacts=33,deals=3",
        "--retry-after",
        "4",
        "--latency-jitter",
        "0.5",
    ]
    command += ["--settings", '{"faults": [{"kind": "503", "path": "/tags", "times": 1}]}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:  # noqa: S603 - our own command
        try:
            assert process.stdout is not None
            hello = json.loads(process.stdout.readline())
            session = requests.Session()
            session.headers["Api-Token"] = hello["api_key"]
            assert session.get(f"{hello['url']}/api/3/contacts", timeout=5).json()["meta"]["total"] == "33"
            assert [session.get(f"{hello['url']}/api/3/tags", timeout=5).status_code for _ in range(2)] == [503, 200]
            settings = session.get(f"{hello['url']}/_emulator/settings", timeout=5).json()
            assert (settings["retry_after"], settings["latency_jitter"]) == (4, 0.5)
            assert settings["rate_limit_window"] == "sliding"
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) in {0, -signal.SIGTERM}
