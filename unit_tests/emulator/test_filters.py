"""Filters and orders: what is documented works, all else is ignored."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from .client import CHICAGO, Client, ids, instant


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


def test_given_both_bounds_when_paged_up_or_down_then_they_cut_at_the_ids(client: Client) -> None:
    inside = [i for i in ids(client.emulator.account.rows("contacts")) if 20 < int(i) < 60]
    for query in ({}, {"orders[email]": "ASC"}, {"filters[created_after]": "2020-01-01"}):
        bounds = {"id_greater": "20", "id_less": "60", "limit": 100, **query}
        assert sorted(ids(client.json("contacts", **bounds)["contacts"]), key=int) == inside
    for direction, expected in (("ASC", inside), ("DESC", inside[::-1])):
        page = client.json("contacts", **{"id_greater": "20", "id_less": "60", "orders[id]": direction, "limit": 100})
        assert ids(page["contacts"]) == expected
        assert page["meta"]["total"] == str(len(inside))
    assert client.json("contacts", id_greater="60", id_less="20")["contacts"] == []


def test_given_a_default_order_when_somebody_pages_by_id_then_it_stays_for_others(client: Client) -> None:
    client.emulator.settings.default_order = {"contacts": "updated desc"}
    by_id = ids(client.json("contacts", id_greater="0")["contacts"])
    others = client.json("contacts")["contacts"]
    assert by_id == sorted(by_id, key=int)
    assert [row["udate"] for row in others] == sorted((row["udate"] for row in others), key=instant, reverse=True)


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
