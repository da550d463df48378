"""Custom fields: what a column is called, what its values are, how they find their owner, and how they are written."""

import doctest
import json
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import jsonschema
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from activecampaign_client import custom_fields
from activecampaign_client.column_names import replaced
from activecampaign_client.custom_fields import (
    MULTIPLE,
    SINGLE,
    Definition,
    Plan,
    UnknownOption,
    Value,
    by_owner,
    definition_of,
    definitions_in,
    entry_of,
    flatten,
    parse,
    render,
    slug,
    tags,
    value_of,
)


def field(identifier: str, tag: str = "", title: str = "", kind: str = "text") -> Definition:
    return Definition(identifier, title, kind, tag)


class Remember:
    """A `warn` that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def __call__(self, what: str, which: str) -> None:
        self.said.append((what, which))


# ---- names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SHOE_SIZE", "shoe_size"),
        ("%FAVOURITE-COLOUR%", "favourite_colour"),
        ("  Shoe   size (cm) ", "shoe_size_cm"),
        ("__a__b__", "a_b"),
        ("Größe", "grosse"),
        ("Crème brûlée", "creme_brulee"),
        ("Ångström", "angstrom"),
        ("İstanbul", "istanbul"),
        ("年齢", "年齢"),
        ("Возраст", "возраст"),
        ("ガラス", "ガラス"),
        ("2nd address", "2nd_address"),
        ("№ 5", "no_5"),
        ("!?", ""),
        ("", ""),
    ],
)
def test_slug(text, name):
    assert slug(text) == name


@given(st.text(max_size=20))
def test_slug_of_a_slug_is_the_slug(text):
    name = slug(text)
    assert slug(name) == name
    assert name == name.strip("_").lower()
    assert not set(name) & set(" -%.|\"'`")


@pytest.mark.parametrize(
    ("definitions", "names"),
    [
        ([field("1", "COLOUR", "Colour of the car")], {"1": "colour"}),
        ([field("1", "", "Colour of the car")], {"1": "colour_of_the_car"}),
        ([field("1", "!!", "Colour")], {"1": "colour"}),
        ([field("1")], {"1": "field"}),
        ([field("1"), field("2", "", "?")], {"1": "field_1", "2": "field_2"}),
        ([field("1", "2ND")], {"1": "2nd"}),
        # both of a pair, also where only the case, the accents or the punctuation differ
        ([field("3", "SIZE"), field("4", "size!")], {"3": "size_3", "4": "size_4"}),
        ([field("3", "SIZE"), field("4", "", "Size")], {"3": "size_3", "4": "size_4"}),
        ([field("3", "", "Größe"), field("4", "", "Grosse")], {"3": "grosse_3", "4": "grosse_4"}),
        # a third one has the name that one of the pair would get
        (
            [field("3", "SIZE"), field("4", "SIZE"), field("5", "SIZE_3")],
            {"3": "size_3", "4": "size_4", "5": "size_3_5"},
        ),
        (
            [field("1", "A"), field("2", "A"), field("3", "A_1"), field("4", "A_1_3"), field("5", "B")],
            {"1": "a_1", "2": "a_2", "3": "a_1_3", "4": "a_1_3_4", "5": "b"},
        ),
        # the column of a currency
        ([field("1", "FEE", kind="currency")], {"1": "fee"}),
        (
            [field("1", "FEE", kind="currency"), field("2", "FEE_CURRENCY")],
            {"1": "fee_1", "2": "fee_currency_2"},
        ),
        ([field("1", "FEE"), field("2", "FEE_CURRENCY")], {"1": "fee", "2": "fee_currency"}),
    ],
)
def test_tags(definitions, names):
    assert tags(definitions) == names
    assert tags(reversed(definitions)) == names


def test_a_taken_name_gets_the_id():
    assert tags([field("1", "SIZE"), field("2", "AGE")], taken=["size"]) == {"1": "size_1", "2": "age"}


def test_a_column_never_replaces_one_of_the_stream():
    plan = Plan.of("columns", [field("7", "SCORE")], taken=["id", "custom_score"])
    assert plan.names == {"7": "custom_score_7"}


KINDS = ["text", "textarea", "hidden", "radio", "dropdown", "number", "date", "datetime", "currency", "checkbox"]
KINDS += ["listbox", "multiselect", "NULL", ""]
LABELS = st.sampled_from(["", "A", "a!", "A_1", "A_2", "A_CURRENCY", "a_1_currency", "2", "é", "E", "年齢"])
DEFINITIONS = st.lists(
    st.builds(
        Definition,
        id=st.integers(1, 9).map(str),
        title=LABELS,
        type=st.sampled_from(KINDS),
        tag=LABELS,
    ),
    unique_by=lambda one: one.id,
    max_size=7,
)


@given(DEFINITIONS)
def test_no_two_columns_have_the_same_name(definitions):
    columns = []
    for one in definitions:
        name = tags(definitions)[one.id]
        columns += [name, f"{name}_currency"] if one.type == "currency" else [name]
    assert len(columns) == len(set(columns))
    assert "" not in columns


@given(DEFINITIONS, st.randoms())
def test_names_do_not_depend_on_the_order(definitions, random):
    shuffled = list(definitions)
    random.shuffle(shuffled)
    assert tags(shuffled) == tags(definitions)


@pytest.mark.parametrize(
    ("definitions", "names"),
    [
        # What the limit counts is bytes, and the prefix and the currency with them.
        ([field("1", "A" * 56)], {"1": "custom_" + "a" * 56}),
        ([field("1", "A" * 57)], {"1": "custom_" + "a" * 54 + "_1"}),
        ([field("12345", "A" * 57)], {"12345": "custom_" + "a" * 50 + "_12345"}),
        ([field("1", "A" * 47, kind="currency")], {"1": "custom_" + "a" * 47}),
        ([field("1", "A" * 48, kind="currency")], {"1": "custom_" + "a" * 45 + "_1"}),
        ([field("1", "", "年" * 18)], {"1": "custom_" + "年" * 18}),
        ([field("1", "", "年" * 19)], {"1": "custom_" + "年" * 18 + "_1"}),
        # A word is not left with the underscore at its end.
        ([field("1", "A" * 53 + "_" + "B" * 9)], {"1": "custom_" + "a" * 53 + "_1"}),
        # Two that are long and alike, and one that is what is left of them.
        (
            [field("1", "A" * 70), field("2", "A" * 71), field("3", "A" * 54 + "_1")],
            {"1": "custom_" + "a" * 52 + "_1_1", "2": "custom_" + "a" * 54 + "_2", "3": "custom_" + "a" * 54 + "_1"},
        ),
        # Alone it is no one's double; two of the same length are one name to PostgreSQL.
        ([field("1", "", "年齢")], {"1": "custom_年齢"}),
        ([field("1", "", "年齢"), field("2", "", "名前")], {"1": "custom_年齢_1", "2": "custom_名前_2"}),
        ([field("1", "", "年齢"), field("2", "", "名前の")], {"1": "custom_年齢", "2": "custom_名前の"}),
        ([field("1", "A_B"), field("2", "", "a年b")], {"1": "custom_a_b_1", "2": "custom_a年b_2"}),
        (
            [field("1", "", "年齢"), field("2", "", "名前", kind="currency"), field("3", "A")],
            {"1": "custom_年齢_1", "2": "custom_名前_2", "3": "custom_a"},
        ),
    ],
)
def test_names_that_a_destination_would_not_keep_apart_get_the_id(definitions, names):
    assert tags(definitions, prefix="custom_") == names
    assert tags(reversed(definitions), prefix="custom_") == names


def test_a_name_that_the_stream_has_already_is_avoided_however_it_is_spelled():
    taken = ["custom_SIZE", "custom_size_1", "custom_fee_currency"]
    names = tags([field("1", "SIZE"), field("2", "FEE", kind="currency")], taken, "custom_")
    assert names == {"1": "custom_size_1_1", "2": "custom_fee_2"}


def test_in_an_object_the_limit_counts_without_the_prefix():
    assert Plan.of("object", [field("1", "A" * 60)]).names == {"1": "a" * 60}
    assert Plan.of("columns", [field("1", "A" * 60)]).names == {"1": "custom_" + "a" * 54 + "_1"}


WORDS = st.text(st.sampled_from("ab_1年é!"), max_size=6) | st.sampled_from(["a", "b", "年", "é"]).flatmap(
    lambda word: st.integers(15, 70).map(lambda times: word * times)
)
ANY_DEFINITIONS = st.lists(
    st.builds(
        Definition,
        id=st.integers(1, 30).map(str),
        title=WORDS | LABELS,
        type=st.sampled_from(["text", "currency"]),
        tag=WORDS | LABELS,
    ),
    unique_by=lambda one: one.id,
    max_size=9,
)
PREFIXES = st.sampled_from(["", "custom_"])


def columns_by_field(definitions: list[Definition], names: dict[str, str]) -> dict[str, list[str]]:
    return {
        one.id: [names[one.id], f"{names[one.id]}_currency"] if one.type == "currency" else [names[one.id]]
        for one in definitions
    }


@given(ANY_DEFINITIONS, PREFIXES, st.lists(WORDS, max_size=3))
def test_no_two_columns_are_one_to_a_destination(definitions, prefix, taken):
    names = tags(definitions, [prefix + name for name in taken], prefix)
    columns = [column for each in columns_by_field(definitions, names).values() for column in each]
    assert all(column.startswith(prefix) and len(column.encode()) <= 63 for column in columns)
    cut = [replaced(column).encode()[:63] for column in columns]
    assert len(cut) == len(set(cut))
    assert not set(cut) & {replaced(prefix + name).encode() for name in taken}


@given(ANY_DEFINITIONS, PREFIXES, st.randoms())
def test_no_name_depends_on_the_order(definitions, prefix, random):
    shuffled = list(definitions)
    random.shuffle(shuffled)
    assert tags(shuffled, prefix=prefix) == tags(definitions, prefix=prefix) == tags(definitions, prefix=prefix)


def unlimited(definitions: list[Definition]) -> dict[str, str]:
    """The names as they would be if destinations took every name as it is."""
    plain = {one.id: slug(one.tag) or slug(one.title) or "field" for one in definitions}
    names = dict(plain)
    while True:
        count = Counter(column for each in columns_by_field(definitions, names).values() for column in each)
        twice = [
            key
            for key, columns in columns_by_field(definitions, names).items()
            if names[key] == plain[key] and any(count[column] > 1 for column in columns)
        ]
        if not twice:
            return names
        names.update({key: f"{plain[key]}_{key}" for key in twice})


@given(ANY_DEFINITIONS, PREFIXES)
def test_a_name_that_is_good_as_it_is_stays(definitions, prefix):
    wanted = {key: prefix + name for key, name in unlimited(definitions).items()}
    columns = columns_by_field(definitions, wanted)
    count = Counter(replaced(column) for each in columns.values() for column in each)
    names = tags(definitions, prefix=prefix)
    for key, each in columns.items():
        good = all(count[replaced(column)] == 1 and len(column.encode()) <= 63 for column in each)
        assert (names[key] == wanted[key]) == good


# ---- values


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        *((kind, "Cricket", "Cricket") for kind in ("text", "textarea", "hidden", "radio", "dropdown", "NULL", "")),
        ("text", 7, "7"),
        ("text", "a||b", "a||b"),
        ("number", "100.99", 100.99),
        ("number", "42", 42),
        ("number", 0, 0),
        ("number", "0", 0),
        ("date", "2018-12-31", "2018-12-31"),
        ("date", "2018-12-31 00:00:00", "2018-12-31"),
        ("datetime", "2020-05-19T02:45:00-05:00", "2020-05-19T07:45:00Z"),
        ("currency", "12345", 12345),
        ("currency", 12345, 12345),
        *((kind, "||Cricket||Tennis||", ["Cricket", "Tennis"]) for kind in ("checkbox", "listbox", "multiselect")),
        ("checkbox", "||Cricket||", ["Cricket"]),
        ("checkbox", "Cricket", ["Cricket"]),
        ("checkbox", "Cricket, Tennis", ["Cricket, Tennis"]),
        ("checkbox", '["Cricket", "Tennis"]', ["Cricket", "Tennis"]),
        ("checkbox", ["Cricket", "Tennis"], ["Cricket", "Tennis"]),
        ("checkbox", [1, 2], ["1", "2"]),
        ("checkbox", "[not JSON", ["[not JSON"]),
        ("checkbox", "||[a]||b||", ["[a]", "b"]),
    ],
)
def test_parse(kind, raw, value):
    parsed = parse(kind, raw)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raw", [None, ""])
def test_what_is_empty_is_null(kind, raw):
    assert parse(kind, raw) is None


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("checkbox", "||"),
        ("checkbox", "||||"),
        ("listbox", []),
        ("multiselect", [""]),
        ("date", "0000-00-00"),
        ("datetime", "0000-00-00 00:00:00"),
    ],
)
def test_what_is_empty_for_its_type_is_null(kind, raw):
    assert parse(kind, raw) is None


def test_an_empty_json_array_is_null():
    assert parse("multiselect", "[]") is None


@pytest.mark.parametrize("raw", ["0000-00-00 is not a date here", "0000-00-0017", "||"])
def test_text_that_looks_like_nothing_is_kept(raw):
    assert parse("text", raw) == raw


def test_a_choice_that_looks_like_a_zero_date_is_kept():
    assert parse("checkbox", "||0000-00-00 none||b||") == ["0000-00-00 none", "b"]


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("number", "a few"),
        ("number", True),
        ("date", "soon"),
        ("datetime", "2020-05-19T25:00:00-05:00"),
        ("currency", "12.34"),
        ("checkbox", 5),
        ("checkbox", [["a"]]),
        ("text", ["a"]),
        ("text", {"a": 1}),
    ],
)
def test_what_does_not_fit_its_type(kind, raw):
    with pytest.raises(ValueError):  # noqa: PT011
        parse(kind, raw)


OLD = {"deal_id": "40", "custom_field_id": "33", "id": "8"}
OLD |= {f"custom_field_{kind}": None for kind in ("text_value", "text_blob", "date_value", "datetime_value")}
OLD |= {"custom_field_number_value": None, "custom_field_currency_value": None, "custom_field_currency_type": None}


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"contact": "1", "field": "3", "value": "42", "id": "9"}, Value("1", "3", "42")),
        ({"contact": "1", "field": "3", "value": None}, Value("1", "3", None)),
        ({"dealId": 40, "customFieldId": 33, "fieldValue": "bogus"}, Value("40", "33", "bogus")),
        (
            {"dealId": 40, "customFieldId": 33, "fieldValue": "100", "fieldCurrency": "usd"},
            Value("40", "33", "100", "USD"),
        ),
        ({"accountId": 4, "customFieldId": 3, "fieldValue": ["a", "b"]}, Value("4", "3", ["a", "b"])),
        ({**OLD, "custom_field_text_value": "bogus"}, Value("40", "33", "bogus")),
        ({**OLD, "custom_field_text_value": "", "custom_field_text_blob": "long"}, Value("40", "33", "long")),
        ({**OLD, "custom_field_number_value": "0"}, Value("40", "33", "0")),
        ({**OLD, "custom_field_number_value": 0}, Value("40", "33", 0)),
        (
            {**OLD, "custom_field_date_value": "0000-00-00", "custom_field_datetime_value": "2020-05-19 02:45:00"},
            Value("40", "33", "2020-05-19 02:45:00"),
        ),
        (
            {**OLD, "custom_field_currency_value": "500", "custom_field_currency_type": "eur"},
            Value("40", "33", "500", "EUR"),
        ),
        (OLD, Value("40", "33", None)),
        (
            {"customer_account_id": "4", "custom_field_id": 3, "custom_field_text_value": "x"},
            Value("4", "3", "x"),
        ),
    ],
)
def test_value_of_each_shape(row, value):
    assert value_of(row) == value


def test_values_are_joined_to_their_owner_whatever_type_the_ids_have():
    found = by_owner([{"dealId": 1, "customFieldId": 2, "fieldValue": "a"}, {**OLD, "deal_id": "1"}])
    assert found == {"1": [Value("1", "2", "a"), Value("1", "33", None)]}


@pytest.mark.parametrize(
    ("row", "options", "definition"),
    [
        (
            {"id": "3", "title": "Shoe size", "type": "number", "perstag": "SHOE_SIZE", "options": ["7"]},
            ("a",),
            Definition("3", "Shoe size", "number", "SHOE_SIZE", ("a",)),
        ),
        (
            {"id": 3, "fieldLabel": "Rank", "fieldType": "Dropdown", "fieldOptions": ["a", 1], "personalization": "R"},
            (),
            Definition("3", "Rank", "dropdown", "R", ("a", "1")),
        ),
        ({"id": "3", "title": None, "type": None, "perstag": None, "fieldOptions": None}, (), field("3")),
    ],
)
def test_definition_of(row, options, definition):
    assert definition_of(row, options) == definition


class Page(NamedTuple):
    rows: list[dict[str, Any]]
    body: dict[str, Any]


def test_definitions_have_the_options_of_their_own_page():
    size = {"id": 3, "title": "Size", "type": "radio", "perstag": "SIZE"}
    colour = {"id": "4", "title": "Colour", "type": "dropdown", "perstag": "COLOUR"}
    options = [
        {"field": "3", "label": "Small", "value": "s"},
        {"field": 3, "label": "", "value": "m"},
        {"field": "9", "label": "of no field here", "value": "x"},
    ]
    pages = [Page([size], {"fieldOptions": options}), Page([colour], {"fieldOptions": None}), Page([], {})]
    assert list(definitions_in(pages)) == [
        Definition("3", "Size", "radio", "SIZE", ("Small", "m")),
        Definition("4", "Colour", "dropdown", "COLOUR"),
    ]


def test_definitions_of_deals_have_the_options_of_their_row():
    row = {"id": "5", "fieldLabel": "Rank", "fieldType": "dropdown", "fieldOptions": ["a", "b"], "personalization": "R"}
    assert list(definitions_in([Page([row], {})])) == [Definition("5", "Rank", "dropdown", "R", ("a", "b"))]


def test_definitions_are_given_as_their_pages_come():
    def pages():
        yield Page([{"id": "1", "title": "A", "type": "text"}], {})
        raise RuntimeError

    found = definitions_in(pages())
    assert next(found) == field("1", title="A")
    with pytest.raises(RuntimeError):
        next(found)


# ---- flatten


FIELDS = [field("3", "SPORTS", kind="checkbox"), field("4", "FEE", kind="currency"), field("5", "SIZE", kind="number")]


def test_values_become_columns():
    warn = Remember()
    values = [Value("1", "3", "||Cricket||"), Value("1", "4", "500", "EUR"), Value("1", "5", "")]
    assert flatten(values, Plan.of("columns", FIELDS), warn) == {
        "custom_sports": ["Cricket"],
        "custom_fee": 500,
        "custom_fee_currency": "EUR",
        "custom_size": None,
    }
    assert warn.said == []


def test_values_become_one_object():
    values = [Value("1", "3", "||Cricket||"), Value("1", "4", "500", "EUR")]
    assert flatten(values, Plan.of("object", FIELDS), Remember()) == {
        "customFields": {"sports": ["Cricket"], "fee": 500, "fee_currency": "EUR"}
    }


def test_values_of_a_field_that_is_gone_are_left_out_and_reported():
    warn = Remember()
    assert flatten([Value("1", "99", "x")], Plan.of("columns", FIELDS), warn) == {}
    assert warn.said == [("gone", "99")]


def test_a_misfit_is_passed_on_as_it_came_and_reported():
    warn = Remember()
    assert flatten([Value("1", "5", "a few")], Plan.of("columns", FIELDS), warn) == {"custom_size": "a few"}
    assert warn.said == [("misfit", "custom_size")]


FITTING = {
    "number": st.sampled_from(["1", "1.5", 2, "", None]),
    "currency": st.sampled_from(["100", 100, "", None]),
    "date": st.sampled_from(["2018-12-31", "2018-12-31 00:00:00", "0000-00-00", ""]),
    "datetime": st.sampled_from(["2020-05-19T02:45:00-05:00", ""]),
    **{
        kind: st.sampled_from(["||a||b||", "||", "a", '["a"]', '["a", 1]', ["a", 1], [], "", None])
        for kind in ("checkbox", "listbox", "multiselect")
    },
}


@given(st.data(), DEFINITIONS, st.sampled_from(["columns", "object"]))
def test_records_match_the_schema_of_the_plan(data, definitions, mode):
    plan = Plan.of(mode, definitions)
    values = [Value("1", one.id, data.draw(FITTING.get(one.type, st.text(max_size=5))), "USD") for one in definitions]
    warn = Remember()
    record = flatten(values, plan, warn)
    assert warn.said == []
    schema = {"type": "object", "properties": plan.properties(), "additionalProperties": False}
    jsonschema.validate(record, schema)


def test_every_property_of_the_plan_is_nullable_and_described():
    for prop in Plan.of("columns", FIELDS).properties().values():
        assert prop["type"][0] == "null"
        assert prop["description"].endswith(".")


# ---- writing

OWNERS = ["contact", "deal", "account", "record"]
ENTITIES = ["deal", "account", "record"]
CHOICES = ("Cricket", "Tennis", "Rowing || sailing", "yes", "Yes", "[x]")


def of_kind(kind: str, options: tuple[str, ...] = ()) -> Definition:
    return Definition("7", "Shoe size", kind, "SHOE_SIZE", options)


@pytest.mark.parametrize(
    ("kind", "value", "contact", "deal"),
    [
        *((kind, "Cricket", "Cricket", "Cricket") for kind in ("text", "textarea", "hidden", "radio", "NULL", "")),
        ("text", " a||b ", " a||b ", " a||b "),
        ("text", 7, "7", "7"),
        ("text", 12.0, "12", "12"),
        ("text", Decimal("12.50"), "12.50", "12.50"),
        ("text", True, "true", "true"),
        ("text", date(2018, 12, 31), "2018-12-31", "2018-12-31"),
        ("text", datetime(2018, 12, 31, 13, 30), "2018-12-31T13:30:00", "2018-12-31T13:30:00"),
        ("dropdown", "Cricket", "Cricket", "Cricket"),
        ("dropdown", "tennis", "Tennis", "Tennis"),
        ("dropdown", "yes", "yes", "yes"),
        ("number", 42, "42", "42"),
        ("number", "42", "42", "42"),
        ("number", 100.99, "100.99", "100.99"),
        ("number", 1e-7, "0.0000001", "0.0000001"),
        ("number", 1e22, "1" + "0" * 22, "1" + "0" * 22),
        ("number", Decimal("0.10"), "0.10", "0.10"),
        ("number", Decimal("1E+3"), "1000", "1000"),
        ("number", "1e3", "1000", "1000"),
        ("number", 0, "0", "0"),
        ("currency", 9999, "9999", 9999),
        ("currency", 9999.0, "9999", 9999),
        ("currency", "9999.00", "9999", 9999),
        ("currency", Decimal("9999.00"), "9999", 9999),
        ("currency", 0, "0", 0),
        ("date", "2018-12-31", "2018-12-31", "2018-12-31"),
        ("date", "2018-12-31T00:00:00Z", "2018-12-31", "2018-12-31"),
        ("date", date(2018, 12, 31), "2018-12-31", "2018-12-31"),
        ("date", datetime(2018, 12, 31), "2018-12-31", "2018-12-31"),
        ("datetime", "2020-05-19T07:45:00Z", "2020-05-19T07:45:00+00:00", "2020-05-19T07:45:00+00:00"),
        ("datetime", "2020-05-19 02:45:00-05:00", "2020-05-19T07:45:00+00:00", "2020-05-19T07:45:00+00:00"),
        (
            "datetime",
            datetime(2020, 5, 19, 9, 45, 0, 500_000, timezone(timedelta(hours=2))),
            "2020-05-19T07:45:00.5+00:00",
            "2020-05-19T07:45:00.5+00:00",
        ),
        ("checkbox", ["Cricket", "Tennis"], "||Cricket||Tennis||", ["Cricket", "Tennis"]),
        ("listbox", ["Cricket"], "||Cricket||", ["Cricket"]),
        ("multiselect", ("Cricket",), "||Cricket||", ["Cricket"]),
        ("multiselect", "Cricket", "||Cricket||", ["Cricket"]),
        ("multiselect", "||Cricket||TENNIS||", "||Cricket||Tennis||", ["Cricket", "Tennis"]),
        ("multiselect", '["Cricket", "Tennis"]', "||Cricket||Tennis||", ["Cricket", "Tennis"]),
        ("checkbox", ["Cricket", None, ""], "||Cricket||", ["Cricket"]),
        ("checkbox", ["[x]"], "||[x]||", ["[x]"]),
        ("checkbox", ["Rowing || sailing", "yes"], "||Rowing || sailing||yes||", ["Rowing || sailing", "yes"]),
    ],
)
def test_render(kind, value, contact, deal):
    one = of_kind(kind, CHOICES if kind in MULTIPLE | {"dropdown"} else ())
    assert render(one, value) == render(one, value, "contact") == contact
    for entity in ("deal", "account"):
        rendered = render(one, value, entity)
        assert rendered == deal
        assert type(rendered) is type(deal)


@pytest.mark.parametrize(
    ("value", "number"), [(42, 42), ("42", 42), (1.5, 1.5), ("100.99", 100.99), (Decimal("2.50"), 2.5)]
)
def test_in_a_record_of_a_custom_object_a_number_is_a_number(value, number):
    rendered = render(of_kind("number"), value, "record")
    assert rendered == number
    assert type(rendered) is type(number)


def test_a_field_without_known_options_takes_any():
    assert render(of_kind("dropdown"), "anything") == "anything"
    assert render(of_kind("checkbox"), ["any", 1, True]) == "||any||1||true||"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("empty", [None, "", []])
def test_what_is_empty_empties_the_field(kind, empty):
    assert render(of_kind(kind, CHOICES), empty) == ""
    assert [render(of_kind(kind, CHOICES), empty, of) for of in ENTITIES] == [None, None, None]


@pytest.mark.parametrize(
    ("kind", "empty"),
    [
        ("number", " "),
        ("currency", " "),
        ("date", "0000-00-00"),
        ("datetime", " "),
        ("listbox", "||"),
        ("listbox", [""]),
    ],
)
def test_what_is_empty_for_its_type_empties_the_field(kind, empty):
    assert render(of_kind(kind), empty) == ""
    assert render(of_kind(kind), empty, "deal") is None


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        *(("number", value, "a number") for value in ("a few", "1,5", True, [1], {"a": 1}, float("nan"), "1_000")),
        *(
            ("number", value, "a number")
            for value in (Decimal("NaN"), float("inf"), "1e999", "1e-99999999999999999999")
        ),
        *(("number", value, "a number") for value in (Decimal("1E+999999999"), Decimal("1E-999999999"), 10**400)),
        *(("currency", value, "a whole number of cents") for value in (12.34, "12.34", Decimal("0.5"), True, "EUR 5")),
        *(("date", value, "a date such as") for value in ("soon", "31.12.2018", "2018-02-30", 20181231, True)),
        ("date", datetime(2018, 12, 31, 13), "a date such as"),
        *(("datetime", value, "a date and time with its offset") for value in ("2020-05-19", "2020-05-19 02:45:00", 0)),
        ("datetime", date(2020, 5, 19), "a date and time with its offset"),
        ("datetime", datetime(2020, 5, 19, 2, 45), "a date and time with its offset"),
        ("datetime", datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "a date and time with its offset"),
        *(("text", value, "a text") for value in ({"a": 1}, ["a"], b"a", float("nan"))),
        *(("radio", value, "a text") for value in ({"a": 1}, ["a"])),
        *(("checkbox", value, "a list of texts") for value in ({"a": 1}, [["a"]], [{"a": 1}], [b"a"])),
    ],
)
@pytest.mark.parametrize("of", OWNERS)
def test_given_a_value_that_does_not_fit_when_rendered_then_a_sentence_names_the_field(kind, value, wanted, of):
    with pytest.raises(
        ValueError, match=f'^The custom field "Shoe size" \\(SHOE_SIZE\\) takes {wanted}.* is not.$'
    ) as error:
        render(of_kind(kind), value, of)
    assert not isinstance(error.value, UnknownOption)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "jane@example.com"),
        ("currency", "jane@example.com"),
        ("date", "jane@example.com"),
        ("datetime", "jane@example.com"),
        ("dropdown", "jane@example.com"),
        ("checkbox", ["Cricket", "jane@example.com"]),
        ("text", {"jane@example.com": 1}),
    ],
)
@pytest.mark.parametrize("of", OWNERS)
def test_the_value_is_not_in_the_sentence(kind, value, of):
    with pytest.raises(ValueError, match="Shoe size") as error:
        render(of_kind(kind, CHOICES), value, of)
    assert "jane" not in str(error.value)


@pytest.mark.parametrize("of", OWNERS)
def test_given_what_a_field_does_not_offer_when_rendered_then_unknown_option(of):
    with pytest.raises(UnknownOption, match=r"\(SHOE_SIZE\) does not offer the value as one of its options.$") as error:
        render(of_kind("radio", CHOICES), "Chess", of)
    assert error.value.choices == ("Chess",)
    with pytest.raises(UnknownOption) as error:
        render(of_kind("listbox", CHOICES), ["Chess", "tennis", "Go"], of)
    assert error.value.choices == ("Chess", "Go")


def test_given_a_value_that_differs_in_more_than_letter_case_when_rendered_then_unknown_option():
    assert render(of_kind("radio", ("Straße",)), "STRAßE") == "Straße"
    with pytest.raises(UnknownOption):
        render(of_kind("radio", ("Straße",)), "Strasse")


@pytest.mark.parametrize("value", ["YES", ["Cricket", "YES"]])
def test_given_a_value_that_can_mean_two_options_when_rendered_then_refused(value):
    kind = "radio" if isinstance(value, str) else "checkbox"
    with pytest.raises(ValueError, match="letter case only") as error:
        render(of_kind(kind, CHOICES), value)
    assert not isinstance(error.value, UnknownOption)


@pytest.mark.parametrize("choices", [["a||b"], ["a|", "b"], ["||"], ["Rowing ", " sailing"]])
def test_given_choices_that_would_read_as_others_when_rendered_for_a_contact_then_refused(choices):
    options = ("Rowing || sailing", *choices) if choices[0] == "Rowing " else ()
    with pytest.raises(ValueError, match=r"\|\| between choices"):
        render(of_kind("checkbox", options), choices)
    assert render(of_kind("checkbox", options), choices, "deal") == choices


@pytest.mark.parametrize(
    ("title", "tag", "named"),
    [
        ("Size", "SIZE", 'The custom field "Size" (SIZE) '),
        ("Size", "", 'The custom field "Size" '),
        ("", "SIZE", 'The custom field "SIZE" '),
        ("", "", "The custom field with the id 7 "),
    ],
)
def test_a_field_is_named_by_what_it_has(title, tag, named):
    with pytest.raises(ValueError, match="takes a number") as error:
        render(Definition("7", title, "number", tag), "x")
    assert str(error.value).startswith(named)


TEXTS = st.text(st.sampled_from('ab|[]", é1'), min_size=1, max_size=5) | st.text(max_size=8)
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
RAW = {
    "number": NUMBERS | NUMBERS.map(str) | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    "currency": st.integers() | st.integers().map(str) | st.integers().map("{}.00".format),
    "date": st.dates().map(str) | st.dates().map("{} 00:00:00".format),
    "datetime": st.datetimes(timezones=OFFSETS).map(datetime.isoformat) | st.datetimes().map("{}Z".format),
}


def raw_choices(choices: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    several = st.lists(choices, max_size=4)
    return choices | several | several.map(json.dumps) | several.map(lambda found: f"||{'||'.join(found)}||")


@pytest.mark.parametrize("of", OWNERS)
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_what_was_read_reads_the_same_once_it_is_written(kind, of, data):
    options = data.draw(st.lists(TEXTS, max_size=4).map(tuple)) if kind in MULTIPLE | SINGLE else ()
    choices = st.sampled_from(options) if options else TEXTS
    raw = data.draw(
        raw_choices(choices) if kind in MULTIPLE else RAW.get(kind, choices if options else choices | NUMBERS)
    )
    try:
        value = parse(kind, raw, options)
    except ValueError:
        assume(False)
    one = of_kind(kind, options)
    if kind in MULTIPLE and value:
        # Text that reads as a list may have been a single option, and what is between `||` a part of one.
        assume(not options or set(value) <= set(options))
        if of == "contact" and parse(kind, f"||{'||'.join(value)}||", options) != value:
            with pytest.raises(ValueError, match="could not be told apart"):
                render(one, value, of)
            return
    written = render(one, value, of)
    assert parse(kind, written, options) == value
    assert isinstance(written, str) or of != "contact"
    json.dumps(written, allow_nan=False)
    assert render(one, written, of) == written


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.floats() | st.integers())
@example(Decimal("sNaN"))
def test_a_number_is_written_exactly_or_refused(number):
    try:
        written = render(of_kind("number"), number)
    except ValueError:
        # What JSON's numbers, as most read them, cannot tell from infinity or from zero.
        as_decimal = Decimal(number)
        assert not as_decimal.is_finite() or abs(as_decimal.adjusted()) >= 308
        return
    assert "e" not in written.lower()
    assert float(written) == float(number)
    assert Decimal(written) == number or isinstance(number, float)


@pytest.mark.parametrize(
    ("of", "entry"),
    [
        ("contact", {"field": "7", "value": "||Tennis||"}),
        ("deal", {"customFieldId": 7, "fieldValue": ["Tennis"]}),
        ("account", {"customFieldId": 7, "fieldValue": ["Tennis"]}),
    ],
)
def test_an_entry_of_choices(of, entry):
    assert entry_of(of_kind("checkbox", CHOICES), ["Tennis"], of) == entry


@pytest.mark.parametrize(
    ("kind", "value", "currency", "more"),
    [
        ("currency", 9999, "cad", {"fieldCurrency": "CAD"}),
        ("currency", 0, "EUR", {"fieldCurrency": "EUR"}),
        ("currency", 9999, None, {}),
        ("currency", 9999, "", {}),
        ("currency", None, "EUR", {}),
        ("text", "Tennis", "EUR", {}),
    ],
)
def test_an_entry_has_its_currency_beside_it(kind, value, currency, more):
    entry = entry_of(of_kind(kind), value, "deal", currency)
    assert entry == {"customFieldId": 7, "fieldValue": value, **more}


@pytest.mark.parametrize("currency", ["euro", "€", "ZZ", "E1R", "EUR "])
def test_given_what_is_no_currency_when_rendered_then_refused(currency):
    with pytest.raises(ValueError, match=r"\(SHOE_SIZE\) takes a currency by its ISO code") as error:
        entry_of(of_kind("currency"), 9999, "account", currency)
    assert currency not in str(error.value)


@given(
    st.sampled_from(["contact", "deal", "account"]), st.integers(-(2**63), 2**63 - 1), st.sampled_from([None, "EUR"])
)
def test_an_entry_is_what_is_read_of_it(of, cents, currency):
    one = of_kind("currency")
    found = value_of(entry_of(one, cents, of, currency))
    assert (found.field, parse(one.type, found.raw)) == ("7", cents)
    assert found.currency == (currency if of != "contact" else None)


def test_the_examples_are_true():
    assert doctest.testmod(custom_fields).failed == 0
