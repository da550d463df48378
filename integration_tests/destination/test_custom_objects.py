"""What rows of custom objects make of an account, by the console script."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.destination.records import Stream, World

VISIT = "custom_object_visit"
WHOLE = {
    "externalId": "V-1",
    "title": "First",
    "visits": "7",
    "cost": 12.5,
    "kind": "express",
    "due": "2026-01-02",
    "primary_contact": "Ann@example.com",
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Emulator(Account.empty(), rate_limit_window="off") as emulator:
        fields = {
            "title": "text",
            "visits": "number",
            "cost": "currency",
            "kind": ["Standard", "Express"],
            "due": "date",
        }
        emulator.account.add_schema("visit", fields, {"primary-contact": "contacts"})
        emulator.account.insert("contacts", email="ann@example.com")
        yield World(emulator, tmp_path)


def add(world: World, external: str, **fields: Any) -> str:
    """Put a record there, not through the API."""
    [schema] = world.account.ids("customObjectSchemas")
    values = [{"id": name, "value": value} for name, value in fields.items()]
    return world.account.insert(
        "customObjectRecords", schemaId=schema, externalId=external, fields=values, relationships={}
    )


@pytest.mark.parametrize("ids", ["absent", "there"])
def test_given_a_whole_record_when_written_twice_then_it_is_there_and_the_second_time_nothing_is_written(world, ids):
    world.emulator.settings.new_record_ids = ids
    [ann] = world.account.ids("contacts")
    first = world.write(Stream(VISIT, [WHOLE]))
    assert (first.outcomes, len(first.writes)) == ({"created": 1}, 1)
    assert world.records() == {
        "V-1": {
            "title": "First",
            "visits": 7,
            "cost": 12.5,
            "kind": "Express",
            "due": "2026-01-02",
            "primary-contact": [ann],
        }
    }
    again = world.write(Stream(VISIT, [{**WHOLE, "visits": 7.0, "cost": "12.50", "primary_contact": [int(ann)]}]))
    assert (again.outcomes, again.writes) == ({"unchanged": 1}, [])


@pytest.mark.parametrize("delay", [0, 60], ids=["in lists", "missing from lists"])
def test_given_a_row_with_some_of_the_fields_then_the_others_stay(world, delay):
    world.emulator.settings.new_record_delay = delay
    for number in range(30):
        add(world, f"other {number}")
    world.write(Stream(VISIT, [WHOLE]))
    rows = [{"externalId": "V-1", "visits": 8}, *({"externalId": f"other {n}", "visits": n} for n in range(30))]
    written = world.write(Stream(VISIT, rows), compare="always")
    assert (written.outcomes, written.rejected) == ({"updated": 31}, [])
    [ann] = world.account.ids("contacts")
    has = world.records()
    assert has["V-1"] == {
        "title": "First",
        "visits": 8,
        "cost": 12.5,
        "kind": "Express",
        "due": "2026-01-02",
        "primary-contact": [ann],
    }
    assert has["other 7"] == {"visits": 7}
    cleared = world.write(Stream(VISIT, [{"externalId": "V-1", "visits": None, "due": None}]), null_values="clear")
    assert cleared.outcomes == {"updated": 1}
    assert {"visits", "due"}.isdisjoint(world.records()["V-1"])
    assert world.records()["V-1"]["title"] == "First"


def test_given_each_mode_then_it_does_what_it_says(world):
    here, there = add(world, "here", title="Here"), add(world, "there", title="There", visits=3)
    written = world.write(
        Stream(VISIT, [{"externalId": "here", "title": "Changed"}, {"externalId": "new", "title": "N"}], "update"),
        Stream(VISIT, [{"externalId": "here", "title": "Other"}, {"externalId": "fresh", "title": "F"}], "insert"),
        Stream(VISIT, [{"id": there, "title": "By id"}, {"id": "no such", "title": "x"}], key=["id"]),
        Stream(VISIT, [{"externalId": "over", "title": "O"}], sync_mode="overwrite"),
    )
    assert written.outcomes == {"updated": 2, "skipped": 1, "rejected": 2, "created": 2}
    assert sorted(written.codes) == ["exists", "no_match"]
    assert world.records() == {
        "here": {"title": "Changed"},
        "there": {"title": "By id", "visits": 3},
        "fresh": {"title": "F"},
        "over": {"title": "O"},
    }
    deleted = world.write(
        Stream(VISIT, [{"externalId": "here"}, {"externalId": "gone"}], "soft_delete"),
        Stream(VISIT, [{"id": there}], "soft_delete", key=["id"]),
        deletions="delete",
    )
    assert deleted.outcomes == {"updated": 2, "unchanged": 1}
    assert set(world.records()) == {"fresh", "over"}
    assert here


def test_given_rows_that_cannot_be_written_then_each_is_rejected_and_no_other(world):
    rows = [
        {"externalId": "", "title": "no key"},
        {"externalId": "a", "kind": "Slow"},
        {"externalId": "b", "visits": "many"},
        {"externalId": "c", "primary_contact": "nobody@example.com"},
        {"externalId": "d", "title": {"not": "a text"}},
        {"externalId": "e", "title": "fine"},
    ]
    written = world.write(
        Stream(VISIT, rows),
        Stream(VISIT, [{"externalId": "e"}], "soft_delete"),
        deletions="unsubscribe",
    )
    assert sorted(written.codes) == sorted(
        ["key_missing", "unknown_option", "value_invalid", "unknown_contact", "value_invalid", "deletion_refused"]
    )
    assert world.records() == {"e": {"title": "fine"}}
    refused = world.write(Stream(VISIT, [{"externalId": "e"}], "soft_delete"))
    assert refused.codes == ["deletion_refused"]
    assert world.records() == {"e": {"title": "fine"}}


def test_given_a_key_that_may_not_list_records_then_they_are_asked_for_one_by_one(world):
    for number in range(300):
        add(world, f"other {number}", title="T")
    rows = [{"externalId": f"other {number}", "title": "T"} for number in range(20)]
    [schema] = world.account.ids("customObjectSchemas")
    world.emulator.settings.patch(
        {"faults": [{"kind": "403", "path": f"/customObjects/records/{schema}"}]},
    )
    written = world.write(Stream(VISIT, rows), compare="always")
    assert (written.outcomes, written.writes) == ({"unchanged": 20}, [])


def test_given_rows_of_one_record_then_they_are_merged_and_the_last_value_of_each_column_wins(world):
    rows = [{"externalId": "a", "title": "1", "visits": 1}, {"externalId": "a", "title": "2"}, {"externalId": "b"}]
    written = world.write(Stream(VISIT, rows))
    assert (written.outcomes, len(written.writes)) == ({"created": 3}, 2)
    assert world.records() == {"a": {"title": "2", "visits": 1}, "b": {}}


def test_given_a_refused_value_among_rows_of_one_record_then_only_its_row_is_rejected(world):
    [schema] = world.account.ids("customObjectSchemas")
    body = '{"errors":[{"title":"Invalid value for field \\"title\\"","source":{"type":"pointer","value":"/x"}}]}'
    fault = {"kind": "422", "path": f"/customObjects/records/{schema}", "method": "POST", "times": 2, "body": body}
    world.emulator.settings.patch({"faults": [fault]})
    written = world.write(Stream(VISIT, [{"externalId": "a", "title": "1"}, {"externalId": "a", "visits": 2}]))
    assert written.codes == ["api_refused"]
    assert written.outcomes == {"rejected": 1, "created": 1}
    assert world.records() == {"a": {"visits": 2}}


def test_given_an_unknown_custom_object_then_the_sync_ends_with_a_sentence(world):
    written = world.write(Stream("custom_object_car", [{"externalId": "a"}]), exit_code=1)
    assert "custom_object_car, which is no object" in written.process.errors_traced[0]["message"]
    assert VISIT in written.process.errors_traced[0]["message"]
