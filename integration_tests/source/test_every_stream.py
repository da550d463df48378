"""Every stream of the catalog against the emulator: declared, valid, complete, each row once, and incremental."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from emulator import Account, Emulator
from integration_tests.source.account_rows import (
    ENTRIES,
    KEYS,
    SHARED,
    STREAMS,
    is_per_contact,
    owner_of,
    resource_of,
    rows_of,
)
from integration_tests.source.connector import Connector, Output, configured

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_WALL_CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def keys_of(stream: str, rows: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    key = KEYS[stream]
    fields = [key] if isinstance(key, str) else key
    return Counter(tuple(str(row.get(field)) for field in fields) for row in rows)


@dataclass
class Reads:
    """One account, read three times: at first, when nothing had changed, and when a row of each had."""

    emulator: Emulator
    discovered: Output
    first: Output
    second: Output
    third: Output
    before: dict[str, list[dict[str, Any]]]
    changed: dict[str, str]


def change(account: Account, stream: str, cursor: str) -> str:
    """Change a row so that its cursor moves, or add one where rows never change; its id."""
    resource = resource_of(stream)
    # A masked deal has no cursor, and stays masked.
    place, row = next((place, row) for place, row in enumerate(account.rows(resource)) if len(row) > 3)
    if is_per_contact(stream):
        row = rows_of(account, stream)[0]
        account.update("contacts", owner_of(stream, row))
        return str(row["id"])
    account.update(resource, row["id"])
    if account.rows(resource)[place][cursor] != row[cursor]:
        return str(row["id"])
    return str(account.insert(resource))


# How the account looks, and what it leaves out.
ACCOUNTS: dict[str, tuple[Callable[..., Account], dict[str, Any]]] = {
    "demo": (Account.demo, {}),
    "unflattering": (Account.unflattering, {"empty_sideloads": "left out"}),
}


@pytest.fixture(scope="module", params=ACCOUNTS)
def reads(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reads]:
    make, settings = ACCOUNTS[request.param]
    with Emulator(make(seed=1, contacts=120)) as emulator:
        emulator.settings.patch({"rate_limit_window": "off", **settings})
        config = {
            "api_url": emulator.url,
            "api_key": emulator.api_key,
            "lookback_hours": 0,
            "requests_per_second": 100,
            "custom_fields": "off",
        }
        connector = Connector(Path(tmp_path_factory.mktemp("every_stream")), config)
        discovered = connector.discover()
        assert discovered.exit_code == 0, discovered.text
        catalog = configured(discovered.catalog)
        before = {stream: rows_of(emulator.account, stream) for stream in STREAMS}
        first = connector.read(catalog)
        second = connector.read(catalog, first.state)
        changed = {}
        for stream, parameters in STREAMS.items():
            if "cursor_field" in parameters:
                changed[stream] = change(emulator.account, stream, parameters["cursor_field"])
        third = connector.read(catalog, second.state)
        yield Reads(emulator, discovered, first, second, third, before, changed)


def check_value(schema: dict[str, Any], value: Any) -> str | None:
    """What is wrong with the form of a date or time, as JSON Schema alone does not look at it."""
    if value is None or "format" not in schema:
        return None
    if schema["format"] == "date":
        pattern = _DATE
    else:
        pattern = _WALL_CLOCK if schema.get("airbyte_type") == "timestamp_without_timezone" else _TIMESTAMP
    return None if pattern.fullmatch(value) else f"{value!r} is not in the form {pattern.pattern}"


def test_given_the_manifest_when_counted_then_there_are_eighty_streams_and_custom_objects(reads: Reads) -> None:
    names = [stream["name"] for stream in reads.discovered.catalog]
    assert len(STREAMS) >= 80
    assert set(STREAMS) <= set(names)
    assert {"custom_object_service-visit", "custom_object_warranty"} <= set(names)


@pytest.mark.parametrize("stream", STREAMS)
def test_given_a_stream_when_read_then_each_row_of_the_account_arrives_once(reads: Reads, stream: str) -> None:
    arrived = keys_of(stream, reads.first.records[stream])
    if stream in SHARED:
        assert {key[-1] for key in arrived} <= {str(row["id"]) for row in reads.before[stream]}
        assert arrived
        assert set(arrived.values()) == {1}
    elif KEYS[stream] == ["contact", "id"]:
        assert sum(arrived.values()) == len(arrived) == len(reads.before[stream])
    else:
        assert arrived == keys_of(stream, reads.before[stream])


@pytest.mark.parametrize("stream", STREAMS)
def test_given_a_stream_when_read_then_its_records_are_valid(reads: Reads, stream: str) -> None:
    schema = reads.discovered.stream(stream)["json_schema"]
    validator = jsonschema.Draft7Validator(schema)
    records = reads.first.records[stream]
    assert records
    for record in records:
        assert not [error.message for error in validator.iter_errors(record)]
        assert set(record) <= set(schema["properties"]), "a field that the schema does not declare"
        wrong = {key: check_value(schema["properties"][key], value) for key, value in record.items()}
        assert not {key: what for key, what in wrong.items() if what}


@pytest.mark.parametrize("stream", STREAMS)
def test_given_a_stream_when_discovered_then_its_modes_fit_its_cursor(reads: Reads, stream: str) -> None:
    declared = reads.discovered.stream(stream)
    key = KEYS[stream]
    assert declared["source_defined_primary_key"] == [[field] for field in ([key] if isinstance(key, str) else key)]
    cursor = STREAMS[stream].get("cursor_field")
    if cursor or "untimed" in ENTRIES[stream]["$ref"]:
        assert declared["supported_sync_modes"] == ["full_refresh", "incremental"]
        assert declared["default_cursor_field"] == [cursor or "contact_udate"]
        assert declared["default_cursor_field"][0] in declared["json_schema"]["properties"]
    else:
        assert declared["supported_sync_modes"] == ["full_refresh"]


@pytest.mark.parametrize("stream", [name for name, one in STREAMS.items() if one.get("cursor_field")])
def test_given_a_state_when_read_again_then_only_what_changed_arrives(reads: Reads, stream: str) -> None:
    cursor, fallback = STREAMS[stream]["cursor_field"], STREAMS[stream].get("cursor_fallback", "")

    def when(record: dict[str, Any]) -> str:
        return str(record.get(cursor) or record.get(fallback) or "")

    newest = max(record.get(cursor) or "" for record in reads.first.records[stream])[:19]
    # A date of the other form is compared with as much room as time zones can be apart.
    a_day_before = (datetime.fromisoformat(newest) - timedelta(days=1)).isoformat()

    def may_be_new(record: dict[str, Any]) -> bool:
        others = [record[date] for date in STREAMS[stream].get("other_dates", ()) if record.get(date)]
        return not when(record) or when(record)[:19] >= newest or any(date[:19] >= a_day_before for date in others)

    unchanged = reads.second.records[stream]
    if ENTRIES[stream]["$ref"] != "#/definitions/per_contact":
        assert all(may_be_new(record) for record in unchanged)
    assert len(unchanged) < len(reads.first.records[stream]) or len(unchanged) <= 3
    assert reads.changed[stream] in {record["id"] for record in reads.third.records[stream]}


def test_given_every_stream_when_read_then_no_value_misses_its_type(reads: Reads) -> None:
    assert reads.first.exit_code == 0, reads.first.errors
    assert [line for line in reads.first.logs.splitlines() if "does not fit" in line] == []


def test_given_cookies_in_every_answer_when_every_stream_is_read_then_none_is_sent_back(reads: Reads) -> None:
    assert len(reads.emulator.requests) > 100
    assert [request.path for request in reads.emulator.requests if "Cookie" in request.headers] == []


@pytest.mark.parametrize("stream", ["custom_object_service-visit", "custom_object_warranty"])
def test_given_a_custom_object_when_read_then_each_record_arrives_once_with_typed_columns(
    reads: Reads, stream: str
) -> None:
    schema = reads.discovered.stream(stream)["json_schema"]
    records = reads.first.records[stream]
    assert len({record["id"] for record in records}) == len(records) > 10
    for record in records:
        assert not [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(record)]
        assert set(record) <= set(schema["properties"])
        assert _TIMESTAMP.fullmatch(record["createdTimestamp"])
    assert len(reads.second.records[stream]) < len(records) / 10
