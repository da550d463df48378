"""The values of rows: every known field, in the forms in which the API was seen to send it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest

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
