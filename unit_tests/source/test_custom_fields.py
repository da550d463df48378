"""Custom fields: what a column is called, what its values are, and how they find their owner."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import account
from source_activecampaign.custom_fields import (
    Definition,
    Plan,
    Value,
    Warn,
    by_owner,
    definition_of,
    flatten,
    parse,
    slug,
    tags,
    value_of,
)
from unit_tests.source.conftest import (
    API,
    catalog,
    config,
    discover,
    errors,
    ids,
    listing,
    page,
    read,
    rows,
    sent,
    warnings,
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


def test_a_warning_is_given_once_per_field(caplog):
    warn = Warn("contacts")
    with caplog.at_level(logging.WARNING, logger="airbyte"):
        for _ in range(3):
            warn("misfit", "custom_size")
            warn("misfit", "custom_age")
            warn("gone", "7")
    assert [message.split(":")[0] for message in caplog.messages] == ["Stream contacts"] * 3
    assert sorted(
        part for message in caplog.messages for part in message.split() if part in {"custom_size", "custom_age", "7"}
    ) == [
        "7",
        "custom_age",
        "custom_size",
    ]


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


# ---- contacts


FIELDS_BODY = {
    "fields": [
        {"id": "3", "title": "Sports", "type": "checkbox", "perstag": "SPORTS"},
        {"id": "5", "title": "Size", "type": "number", "perstag": "SIZE"},
    ],
    "fieldOptions": [{"id": "1", "field": "3", "value": "Cricket", "label": "Cricket"}],
    "meta": {"total": "2"},
}
VALUES = [
    {"contact": "1", "field": "3", "value": "||Cricket||"},
    {"contact": "1", "field": "5", "value": "a few"},
    {"contact": "2", "field": "5", "value": "9"},
    {"contact": "2", "field": "88", "value": "old"},
    {"contact": "3", "field": "88", "value": "old"},
    {"contact": "77", "field": "5", "value": "of nobody on this page"},
]
CONTACTS = [{"id": "1", "email": "a@b.c"}, {"id": 2, "email": "d@e.f"}, {"id": "3", "email": "g@h.i"}]


def test_given_custom_fields_when_contacts_read_then_columns(api):
    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS, "3", fieldValues=VALUES))
    output = read("contacts", config(custom_fields="columns"))
    assert rows(output) == [
        {"id": "1", "email": "a@b.c", "custom_sports": ["Cricket"], "custom_size": "a few"},
        {"id": "2", "email": "d@e.f", "custom_size": 9},
        {"id": "3", "email": "g@h.i"},
    ]
    said = [message for message in warnings(output) if message.startswith("Stream contacts:")]
    assert len([message for message in said if " id 88 " in message]) == 1
    assert len([message for message in said if "custom_size" in message]) == 1
    assert len(said) == 2
    assert [params.get("include") for params in sent(api, "contacts")] == [["fieldvalues"]]


def test_given_custom_fields_when_contacts_read_as_object_then_one_object(api):
    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS[:1], "1", fieldValues=VALUES[:1]))
    output = read("contacts", config(custom_fields="object"))
    assert rows(output) == [{"id": "1", "email": "a@b.c", "customFields": {"sports": ["Cricket"]}}]


def test_given_custom_fields_off_when_contacts_read_then_no_request_for_them(api):
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS[:1], "1"))
    output = read("contacts", config(custom_fields="off"))
    assert rows(output) == [{"id": "1", "email": "a@b.c"}]
    assert sent(api, "fields") == []
    assert ["include" in params for params in sent(api, "contacts")] == [False]


def test_given_custom_fields_when_discovered_then_contacts_have_their_columns(api):
    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/dealCustomFieldMeta", json={"dealCustomFieldMeta": []})
    api.get(f"{API}/accountCustomFieldMeta", json={"accountCustomFieldMeta": []})
    properties = discover(config(custom_fields="columns", deals_access="full"), ["contacts"])["contacts"].json_schema[
        "properties"
    ]
    assert properties["custom_sports"] == {
        "type": ["null", "array"],
        "items": {"type": ["null", "string"]},
        "description": "Sports. Options: Cricket.",
    }
    assert properties["custom_size"]["type"] == ["null", "number"]


def test_given_definitions_that_never_come_when_read_then_only_the_stream_with_custom_fields_fails(api, pauses):
    api.get(f"{API}/fields", status_code=503, json={"message": "busy"})
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS[:1], "1", fieldValues=VALUES[:1]))
    api.get(f"{API}/tags", json=listing("tags", [{"id": str(number)} for number in range(250)]))
    output = read(catalog("contacts", "tags"), config(custom_fields="columns"))
    assert len(rows(output)) == 250
    assert [status.value for status in output.get_stream_statuses("tags")][-1] == "COMPLETE"
    assert [status.value for status in output.get_stream_statuses("contacts")][-1] == "INCOMPLETE"
    [(kind, sentence)] = errors(output)
    assert kind == "transient_error"
    assert "/fields" in sentence
    assert "503" in sentence


def test_given_no_values_beside_a_later_page_when_contacts_read_then_no_thread_waits_for_another(api, monkeypatch):
    """The listing that is read instead has pages of its own; threads that wait for it could be all there are."""

    class OneLevel(ThreadPoolExecutor):
        def submit(self, *work, **arguments):
            assert not threading.current_thread().name.startswith(self._thread_name_prefix), "work that waits for work"
            return super().submit(*work, **arguments)

    monkeypatch.setattr(account, "ThreadPoolExecutor", OneLevel)
    contacts = listing("contacts", [{"id": str(number)} for number in range(250)])
    values = [{"id": str(number), "contact": str(number), "field": "5", "value": "9"} for number in range(250)]

    def answer(request, context):
        body = contacts(request, context)
        return body if request.qs.get("offset") else {**body, "fieldValues": values[:100]}

    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/contacts", json=answer)
    api.get(f"{API}/fieldValues", json=listing("fieldValues", values))
    output = read("contacts", config(custom_fields="columns"))
    assert rows(output) == [{"id": str(number), "custom_size": 9} for number in range(250)]
    assert len(sent(api, "fieldValues")) == 3


def test_given_contacts_that_have_no_values_when_read_then_the_listing_of_all_values_is_not(api):
    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/contacts", json=page("contacts", [{"id": "1", "fieldValues": []}, {"id": "2", "fieldValues": []}]))
    output = read("contacts", config(custom_fields="columns"))
    assert ids(output) == ["1", "2"]
    assert sent(api, "fieldValues") == []


def test_given_definitions_that_are_forbidden_when_contacts_read_then_a_warning_and_no_columns(api, pauses):
    api.get(f"{API}/fields", status_code=403, json={"message": "Forbidden"})
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS[:1], "1", fieldValues=VALUES[:1]))
    output = read("contacts", config(custom_fields="columns"))
    assert rows(output) == [{"id": "1", "email": "a@b.c"}]
    assert any("No custom fields are read" in message for message in warnings(output))
    assert any("fields" in message and "403" in message for message in warnings(output))
