"""Custom objects: what their columns are called, what their records become, and how they are written."""

import doctest
import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import custom_objects
from activecampaign_client.column_names import replaced
from activecampaign_client.custom_fields import UnknownOption
from activecampaign_client.custom_objects import (
    STANDARD,
    ObjectPlan,
    columns_of,
    flatten_record,
    properties_of,
    typed_record,
    unflatten_record,
)

SCHEMA: dict[str, Any] = {
    "id": "5c0ffee5",
    "slug": "visit",
    "fields": [
        {"id": "title", "type": "text", "labels": {"singular": "Title"}},
        {"id": "shoe-size", "type": "number", "labels": {"singular": "Shoe size"}},
        {"id": "weight", "type": "decimal"},
        {"id": "cost", "type": "currency", "defaultCurrency": "USD"},
        {
            "id": "kind",
            "type": "dropdown",
            "options": [{"id": "a", "value": "Express"}, {"id": "b", "value": "Standard"}],
        },
        {
            "id": "topics",
            "type": "multiselect",
            "options": [{"id": "a", "value": "News"}, {"id": "b", "value": "Offers"}],
        },
        {"id": "due", "type": "date"},
        {"id": "seen", "type": "datetime"},
        {"id": "odd", "type": "boolean"},
    ],
    "relationships": [
        {"id": "primary-contact", "labels": {"singular": "Contact"}, "namespace": "contacts", "hasMany": False},
        {"id": "account", "namespace": "accounts"},
    ],
}
PLAN = ObjectPlan.of(SCHEMA)
RECORD: dict[str, Any] = {
    "id": "1fba439a",
    "externalId": "visit-1",
    "schemaId": "5c0ffee5",
    "fields": [
        {"id": "title", "value": "First"},
        {"id": "shoe-size", "value": "42"},
        {"id": "cost", "value": 1250},
        {"id": "topics", "value": ["News"]},
        {"id": "due", "value": "2026-05-21"},
        {"id": "seen", "value": "2026-05-21T08:00:00.123456789-05:00"},
    ],
    "relationships": {"primary-contact": [14], "account": []},
    "createdTimestamp": "2021-04-16T16:12:22.222685095Z",
    "updatedTimestamp": "2021-04-16T16:13:12Z",
}
ROW: dict[str, Any] = {
    "id": "1fba439a",
    "externalId": "visit-1",
    "schemaId": "5c0ffee5",
    "title": "First",
    "shoe_size": 42,
    "cost": 1250,
    "topics": ["News"],
    "due": "2026-05-21",
    "seen": "2026-05-21T13:00:00.123456Z",
    "primary_contact": ["14"],
    "account": [],
    "createdTimestamp": "2021-04-16T16:12:22.222685Z",
    "updatedTimestamp": "2021-04-16T16:13:12Z",
}


def schema(*fields: str, relationships: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"fields": [{"id": one} for one in fields], "relationships": [{"id": one} for one in relationships]}


def nothing(what: str, which: str) -> None:
    raise AssertionError((what, which))


# ---- names


@pytest.mark.parametrize(
    ("one", "names"),
    [
        ({}, []),
        ({"fields": None, "relationships": None}, []),
        (schema("shoe-size", "Größe", relationships=("primary-contact",)), ["shoe_size", "grosse", "primary_contact"]),
        (schema("!", relationships=("?",)), ["field", "relationship"]),
        # Two with the same name, and one with the name of a standard column.
        (schema("owner", relationships=("owner",)), ["field_owner", "relationship_owner"]),
        (schema("id", "name"), ["field_id", "name"]),
        (schema("shoe-size", relationships=("Shoe size",)), ["field_shoe-size", "relationship_Shoe size"]),
        # Two Japanese names that differ in length, and one alone.
        (schema("年齢", "名前の"), ["年齢", "名前の"]),
        (schema("a" * 63), ["a" * 63]),
    ],
)
def test_columns_of(one, names):
    assert list(columns_of(one).values()) == names


def ends_in_digest(name: str, start: str) -> bool:
    head, _, digest = name.rpartition("_")
    return head == start and len(digest) == 8 and set(digest) <= set("0123456789abcdef")


def test_names_that_a_destination_would_not_keep_apart_end_in_a_digest_of_the_id():
    names = columns_of(schema("年齢", "名前", "a" * 64, "externalid", relationships=("b" * 70,)))
    assert ends_in_digest(names["field", "年齢"], "年齢")
    assert ends_in_digest(names["field", "名前"], "名前")
    assert ends_in_digest(names["field", "a" * 64], "a" * 54)
    assert ends_in_digest(names["field", "externalid"], "externalid")
    assert ends_in_digest(names["relationship", "b" * 70], "b" * 54)


def test_two_ids_that_differ_in_punctuation_alone_stay_apart():
    names = columns_of(schema("a-b", "a_b"))
    assert ends_in_digest(names["field", "a-b"], "field_a-b")
    assert ends_in_digest(names["field", "a_b"], "field_a_b")


def test_the_digest_of_an_id_is_always_the_same():
    assert columns_of(schema("a" * 64)) == {("field", "a" * 64): "a" * 54 + "_36825d1b"}


IDS = st.text(st.sampled_from("ab-_ 年é1"), max_size=5) | st.sampled_from(
    ["id", "externalid", "a" * 60, "年" * 30, "b" * 70]
)
SCHEMAS = st.builds(
    lambda fields, relationships: schema(*fields, relationships=tuple(relationships)),
    st.lists(IDS, unique=True, max_size=6),
    st.lists(IDS, unique=True, max_size=4),
)


@given(SCHEMAS, st.randoms())
def test_no_two_columns_are_one_to_a_destination_and_no_name_depends_on_the_order(one, random):
    names = columns_of(one)
    forms = [replaced(name) for name in [*STANDARD, *names.values()]]
    assert len(forms) == len(set(forms))
    assert all(len(name.encode()) <= 63 for name in names.values())
    mixed = {key: random.sample(value, len(value)) for key, value in one.items()}
    assert columns_of(mixed) == names


# ---- reading


def test_properties_of():
    properties = properties_of(SCHEMA)
    assert list(properties) == [
        *STANDARD,
        *("title", "shoe_size", "weight", "cost", "kind", "topics", "due", "seen", "odd", "primary_contact", "account"),
    ]
    types = {name: one["type"][1] + "/" + one.get("format", "") for name, one in properties.items()}
    assert types["title"] == types["kind"] == types["odd"] == "string/"
    assert types["shoe_size"] == types["weight"] == types["cost"] == "number/"
    assert types["topics"] == types["primary_contact"] == "array/"
    assert (types["due"], types["seen"]) == ("string/date", "string/date-time")
    assert properties["shoe_size"]["description"] == "Shoe size."
    assert properties["cost"]["description"] == "cost, in USD unless the record says otherwise."
    assert properties["kind"]["description"] == "kind. Options: Express, Standard."
    assert properties["primary_contact"]["description"] == "Ids of the related contacts."


def test_a_record_becomes_a_row():
    row = typed_record(RECORD, PLAN, nothing)
    assert row == ROW
    jsonschema.validate(row, {"properties": properties_of(SCHEMA), "additionalProperties": False})


def test_what_the_schema_does_not_have_keeps_its_id_as_the_name():
    record = {"fields": [{"id": "new-one", "value": 1}], "relationships": {"deal": ["2"], "one": 3, "none": None}}
    assert flatten_record(record, {}) == {
        "field_new-one": 1,
        "relationship_deal": ["2"],
        "relationship_one": ["3"],
        "relationship_none": [],
    }


def test_a_misfit_is_passed_on_as_it_came_and_reported():
    said = []
    record = {"id": "1", "fields": [{"id": "shoe-size", "value": "a few"}, {"id": "due", "value": None}]}
    row = typed_record(record, PLAN, lambda what, which: said.append((what, which)))
    assert row == {"id": "1", "shoe_size": "a few", "due": None}
    assert said == [("misfit", "shoe_size")]


# ---- writing


def test_a_row_becomes_a_record():
    assert unflatten_record(ROW, PLAN) == {
        "id": "1fba439a",
        "externalId": "visit-1",
        "fields": [
            {"id": "title", "value": "First"},
            {"id": "shoe-size", "value": 42},
            {"id": "cost", "value": 1250},
            {"id": "topics", "value": ["News"]},
            {"id": "due", "value": "2026-05-21"},
            {"id": "seen", "value": "2026-05-21T13:00:00.123456+00:00"},
        ],
        "relationships": {"primary-contact": ["14"], "account": []},
    }


@pytest.mark.parametrize(
    ("column", "value", "written"),
    [
        ("title", 7, "7"),
        ("title", True, "true"),
        ("odd", True, "true"),
        ("shoe_size", Decimal("42.5"), 42.5),
        ("weight", "0.25", 0.25),
        ("cost", 12.5, 12.5),
        ("kind", "express", "Express"),
        ("topics", '["News", "offers"]', ["News", "Offers"]),
        ("due", date(2026, 5, 21), "2026-05-21"),
        ("seen", datetime(2026, 5, 21, 8, tzinfo=timezone.utc), "2026-05-21T08:00:00+00:00"),
    ],
)
def test_what_says_the_same_is_written_the_same(column, value, written):
    [entry] = unflatten_record({column: value}, PLAN)["fields"]
    assert entry["value"] == written
    assert type(entry["value"]) is type(written)


@pytest.mark.parametrize("value", ["14", 14, ["14"], [14], '["14"]', ("14",)])
def test_related_ids_are_a_list_of_strings(value):
    assert unflatten_record({"primary_contact": value}, PLAN)["relationships"] == {"primary-contact": ["14"]}


@pytest.mark.parametrize("empty", [None, "", []])
def test_what_is_empty_is_left_out_and_a_relationship_emptied(empty):
    row = {"id": empty, "externalId": empty, "title": empty, "topics": empty, "primary_contact": empty}
    assert unflatten_record(row, PLAN) == {"fields": [], "relationships": {"primary-contact": []}}


def test_what_is_no_column_of_the_schema_is_left_out():
    row = {"schemaId": "x", "createdTimestamp": "2021-04-16T16:12:22Z", "fields": [1], "relationships": 1, "size": 1}
    assert unflatten_record(row, PLAN) == {"fields": [], "relationships": {}}


def test_an_external_id_is_a_string():
    assert unflatten_record({"externalId": 42}, PLAN)["externalId"] == "42"


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"shoe_size": "jane@example.com"}, 'The custom field "Shoe size" (shoe-size) takes a number'),
        ({"weight": "jane@example.com"}, 'The custom field "weight" (weight) takes a number'),
        ({"seen": "jane@example.com"}, 'The custom field "seen" (seen) takes a date and time'),
        ({"primary_contact": [["jane@example.com"]]}, 'The custom field "Contact" (primary-contact) takes a list'),
        ({"externalId": ["jane@example.com"]}, 'The custom field "externalId" takes a text'),
    ],
)
def test_given_a_value_that_does_not_fit_when_written_then_a_sentence_names_the_field(row, named):
    with pytest.raises(ValueError, match="takes") as error:
        unflatten_record(row, PLAN)
    assert str(error.value).startswith(named)
    assert "jane" not in str(error.value)


@pytest.mark.parametrize("row", [{"kind": "Slow"}, {"topics": ["News", "Slow"]}])
def test_given_what_a_field_does_not_offer_when_written_then_unknown_option(row):
    with pytest.raises(UnknownOption) as error:
        unflatten_record(row, PLAN)
    assert error.value.choices == ("Slow",)


def test_given_an_existing_record_when_some_columns_are_written_then_all_else_stays():
    existing = {
        **RECORD,
        "fields": [
            {"id": "shoe-size", "value": "a few"},
            {"id": "newer-than-the-schema", "value": 1},
            {"id": "title", "value": "Old"},
            {"id": "cost", "value": "5"},
        ],
    }
    before = json.dumps(existing)
    assert unflatten_record(
        {"externalId": "visit-1", "title": "New", "cost": None, "account": [3]}, PLAN, existing
    ) == {
        "id": "1fba439a",
        "externalId": "visit-1",
        "fields": [
            {"id": "shoe-size", "value": "a few"},
            {"id": "newer-than-the-schema", "value": 1},
            {"id": "title", "value": "New"},
        ],
        "relationships": {"primary-contact": [14], "account": ["3"]},
    }
    assert json.dumps(existing) == before


def test_given_an_existing_record_when_nothing_is_written_then_it_stays_as_it_is():
    assert unflatten_record({}, PLAN, RECORD) == {
        key: RECORD[key] for key in ("id", "externalId", "fields", "relationships")
    }


NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = {
    "title": st.text(max_size=8) | st.integers(),
    "shoe-size": NUMBERS | NUMBERS.map(str),
    "weight": NUMBERS | NUMBERS.map(str),
    "cost": NUMBERS | NUMBERS.map(str),
    "kind": st.sampled_from(["Express", "Standard", ""]),
    "topics": st.lists(st.sampled_from(["News", "Offers"]), max_size=3),
    "due": st.dates().map(str) | st.dates().map("{} 00:00:00".format),
    "seen": st.datetimes().map("{}Z".format),
    "odd": st.text(max_size=3),
}
RECORDS = st.fixed_dictionaries(
    {"id": st.uuids().map(str), "externalId": st.text(min_size=1, max_size=9)},
    optional={
        "fields": st.fixed_dictionaries({}, optional={key: st.none() | value for key, value in VALUES.items()}).map(
            lambda found: [{"id": key, "value": value} for key, value in found.items()]
        ),
        "relationships": st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                ("primary-contact", "account"), st.lists(st.integers(1, 99) | st.just("7"), max_size=2)
            ),
        ),
    },
)


@given(RECORDS)
def test_what_was_read_reads_the_same_once_it_is_written(record):
    row = typed_record(record, PLAN, nothing)
    written = unflatten_record(row, PLAN)
    related = {"primary_contact", "account"}
    kept = {name: value for name, value in row.items() if name in related or value not in (None, "", [])}
    assert typed_record(written, PLAN, nothing) == kept
    json.dumps(written, allow_nan=False)
    # What is written over a record that says the same changes nothing.
    assert typed_record(unflatten_record(row, PLAN, written), PLAN, nothing) == kept


def test_the_examples_are_true():
    assert doctest.testmod(custom_objects).failed == 0
