"""What a row says."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from activecampaign_client.account import Account
from destination_activecampaign import messages
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.config import Config
from destination_activecampaign.contacts.change import Change, Ending
from destination_activecampaign.contacts.rows import Meaning, RowReader
from destination_activecampaign.directory import Directory
from destination_activecampaign.rejections import Rejection
from unit_tests.client.transport import ROOT, Said, Transport

FIELDS = {
    "fields": [
        {"id": "1", "title": "Plan", "type": "text", "perstag": "PLAN"},
        {"id": "2", "title": "Size", "type": "number", "perstag": "SIZE"},
        {"id": "3", "title": "Colour", "type": "dropdown", "perstag": "COLOUR"},
        {"id": "4", "title": "Sports", "type": "listbox", "perstag": "SPORTS"},
        {"id": "5", "title": "Seen", "type": "datetime", "perstag": "SEEN"},
    ],
    "fieldOptions": [
        {"field": "3", "label": "red", "value": "red"},
        {"field": "4", "label": "chess", "value": "chess"},
        {"field": "4", "label": "rowing", "value": "rowing"},
    ],
}
LISTS = {
    "lists": [
        {"id": "7", "stringid": "news", "name": "The News"},
        {"id": "8", "stringid": "7", "name": "Seven"},
        {"id": "9", "stringid": "a", "name": "Twice"},
        {"id": "10", "stringid": "b", "name": "twice"},
    ]
}
TAGS = {"tags": [{"id": "1", "tag": "VIP", "tagType": "contact"}, {"id": "2", "tag": "letter", "tagType": "template"}]}
ANSWERS: dict[str, Said] = {
    "fields": (200, FIELDS),
    "lists": (200, LISTS),
    "tags": (200, TAGS),
    "accounts": (200, {"accounts": [{"id": "3", "name": "Acme"}]}),
}


def read(
    row: Mapping[str, Any],
    object_: str = "contacts",
    mode: Mode = Mode.UPSERT,
    key: tuple[str, ...] = ("email",),
    columns: tuple[str, ...] = (),
    moments: frozenset[str] = frozenset(),
    numbers: frozenset[str] = frozenset(),
    **config: Any,
) -> Meaning | Rejection:
    account = Account(ROOT, "key", 1000)
    Transport(account, lambda: 0.0, lambda moment, path: ANSWERS[path])
    target = Target("s", None, object_, mode, key, columns or tuple(row), moments=moments, numbers=numbers)
    return RowReader(target, Config(ROOT, "key", **config), Directory(account)).read(row)


def change(row: dict[str, Any], *args: Any, **more: Any) -> Change:
    found = read({"email": "ann@example.com", **row}, *args, **more)
    assert isinstance(found, Meaning), found
    return found.change


def code(row: dict[str, Any], *args: Any, **more: Any) -> str:
    found = read({"email": "ann@example.com", **row}, *args, **more)
    assert isinstance(found, Rejection), found
    return found.code


@pytest.mark.parametrize(
    ("value", "lists"),
    [
        (["7"], {"7": True}),
        ([7, "NEWS", "the news"], {"7": True}),
        ("[7, 8]", {"7": True, "8": True}),
        ("News", {"7": True}),
        (7.0, {"7": True}),
        ("7.000000000", {"7": True}),
        ({"id": 7, "status": "unsubscribe"}, {"7": False}),
        ([{"name": "Seven", "status": 2}, {"listid": "7"}], {"8": False, "7": True}),
        ('[{"id": "7", "status": false}]', {"7": False}),
        ([], {}),
        (None, {}),
        ([None, ""], {}),
    ],
)
def test_lists(value, lists):
    assert change({"lists": value}).lists == lists


@pytest.mark.parametrize(("value", "why"), [(["twice"], "unknown_list"), ([{"status": 1}], "list_missing")])
def test_lists_that_are_none(value, why):
    assert code({"lists": value}) == why


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (["a", "A", " b "], {"a": "a", "b": "b"}),
        ('["a", "b"]', {"a": "a", "b": "b"}),
        ("a", {"a": "a"}),
        ("[a", {"[a": "[a"}),
        (7, {"7": "7"}),
        ([], {}),
    ],
)
def test_tags(value, tags):
    assert change({"tags": value}).add_tags == tags
    assert change({"tags": value}, tags="replace").whole_tags == tags


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ("a", {"a": "a"}),
        (["a", "A", " B "], {"a": "a", "b": "B"}),
        ('["a", "B"]', {"a": "a", "b": "B"}),
        ("[a", {"[a": "[a"}),
        (7, {"7": "7"}),
    ],
)
def test_the_tags_of_a_row_of_contact_tags(value, tags):
    assert change({"tag": value}, "contact_tags").add_tags == tags
    assert change({"tag": value}, "contact_tags", Mode.SOFT_DELETE).remove_tags == tags.keys()


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "tag_missing"),
        (" ", "tag_missing"),
        ([], "tag_missing"),
        ("[]", "tag_missing"),
        ([["a"]], "value_invalid"),
        (["vip", "new"], "unknown_tag"),
    ],
)
def test_a_row_of_contact_tags_without_tags_that_there_may_be(value, why):
    assert code({"tag": value}, "contact_tags", create_missing=frozenset()) == why


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ('{"email": "m\\ud83dller@example.com"}', "email_invalid"),
        ('{"email": "m\ufffdller@example.com"}', "email_invalid"),
        ('{"email": "\\ud83d@example.com", "firstName": "\\ud83d"}', "email_invalid"),
        *(
            (f'{{"email": "ann@example.com", "plan": "x", "{column}": {value}}}', column)
            for column, value in [
                ("firstName", '"\\ud800x"'),
                ("custom_plan", '"gold \\udfff"'),
                ("custom_size", '"7\\ud83d"'),
                ("custom_sports", '["chess", "\\ud83d"]'),
                ("custom_sports", '"||chess||\\ud83d||"'),
                ("tags", '["a", "b\\ud800"]'),
                ("lists", '[{"id": "\\ud800"}]'),
                ("account", '"\\ud800"'),
            ]
        ),
    ],
)
def test_half_a_character_is_not_replaced_by_something_else(row, why):
    message = messages.read(f'{{"type": "RECORD", "record": {{"stream": "s", "data": {row}}}}}'.encode())
    assert isinstance(message, messages.Record)
    options = frozenset({"tags", "options", "accounts"})
    found = read(message.data, create_missing=options)
    assert isinstance(found, Rejection), found
    if why == "email_invalid":
        assert found.code == why
    else:
        sentence = f"The column {why} has half a character in it: a surrogate without the other one of its pair."
        assert found == Rejection("value_invalid", sentence)


@pytest.mark.parametrize("column", ["tags", "lists", "custom_sports"])
def test_nor_is_it_within_a_list_that_is_json_text(column):
    row = {"email": "ann@example.com", column: r'["\ud83d", "chess"]'}
    found = read(row, create_missing=frozenset({"tags", "options"}))
    assert isinstance(found, Rejection)
    assert found.code == "value_invalid"


def test_half_a_character_in_a_column_that_is_written_nowhere_does_no_harm():
    message = messages.read(
        b'{"type":"RECORD","record":{"stream":"s","data":{"email":"ann@example.com","junk":"\\ud800","phone":"\\ufffd"}}}'
    )
    assert isinstance(message, messages.Record)
    found = read(message.data)
    assert isinstance(found, Meaning)
    assert found.change.standard == {"phone": "\ufffd"}


def test_a_tag_of_a_template_is_no_tag_of_a_contact():
    assert code({"tags": ["letter"]}, create_missing=frozenset()) == "unknown_tag"
    assert change({"tags": ["vip"]}, create_missing=frozenset()).add_tags == {"vip": "vip"}


@pytest.mark.parametrize(
    ("column", "value", "written"),
    [
        ("custom_size", "1.500000000", {"2": "1.5"}),
        ("custom_size", "-10.000000000", {"2": "-10"}),
        ("custom_size", "0E-9", {"2": "0"}),
        ("custom_size", "1.00E-7", {"2": "0.0000001"}),
        ("size", 3, {"2": "3"}),
        ("Colour", "RED", {"3": "red"}),
        ("4", ["chess", "rowing"], {"4": "||chess||rowing||"}),
        ("4", '["chess"]', {"4": "||chess||"}),
        ("4", [], {"4": ""}),
        ("custom_plan", "", {"1": ""}),
        ("custom_plan", None, {}),
        ("custom_plan", True, {"1": "true"}),
        ("custom_seen", "2024-05-06T07:08:09Z", {"5": "2024-05-06T07:08:09+00:00"}),
    ],
)
def test_custom_fields(column, value, written):
    assert change({column: value}).values == written


def test_a_number_gives_a_text_no_zeros_of_pyairbytes_cache():
    row = {"custom_plan": "1.500000000", "phone": "7.000000000", "lastname": "Lee"}
    found = change(row, numbers=frozenset({"Custom_Plan", "phone", "lastName"}))
    assert (found.values, found.standard) == ({"1": "1.5"}, {"phone": "7", "lastName": "Lee"})
    # What the source calls a text is one.
    assert change(row).values == {"1": "1.500000000"}


def test_a_time_whose_offset_pyairbytes_cache_dropped_is_in_utc(caplog):
    caplog.set_level(logging.INFO)
    given = {"custom_seen": "2024-05-06T07:08:09", "custom_plan": "2024-05-06T07:08:09"}
    cached = {**given, "_airbyte_extracted_at": "2026-11-24T20:00:02.402000"}
    seen = frozenset({"Custom_Seen"})
    assert change(cached, moments=seen).values == {"5": "2024-05-06T07:08:09+00:00", "1": "2024-05-06T07:08:09"}
    assert [one.message for one in caplog.records if "UTC" in one.message] == [
        "Stream s: PyAirbyte's cache keeps times without their offsets, so they are taken for UTC. Where the source "
        "sends others, write with cache=False."
    ]
    whole = {**cached, "custom_seen": "2024-05-06T07:08:09+02:00"}
    assert change(whole, moments=seen).values["5"] == "2024-05-06T05:08:09+00:00"


@pytest.mark.parametrize(
    ("more", "moments"),
    [
        ({}, {"custom_seen"}),
        ({"_airbyte_extracted_at": "2026-11-24T20:00:02Z"}, {"custom_seen"}),
        ({"_airbyte_extracted_at": "2026-11-24T20:00:02.402000"}, set()),
    ],
    ids=["not from a cache", "from one that keeps offsets", "a wall clock's time in the schema"],
)
def test_any_other_time_without_an_offset_is_rejected(more, moments):
    row = {"custom_seen": "2024-05-06T07:08:09", **more}
    assert code(row, moments=frozenset(moments)) == "value_invalid"


def test_null_and_absent_columns_of_the_schema_clear_where_that_is_asked_for():
    columns = ("email", "firstName", "phone", "custom_plan", "custom_size", "tags", "account", "lists")
    found = change({"firstName": None, "custom_size": 3}, columns=columns, null_values="clear", tags="replace")
    assert (found.standard, found.values) == ({"firstName": "", "phone": ""}, {"1": "", "2": "3"})
    assert (found.whole_tags, found.account, found.lists) == ({}, "", {})


def test_new_options_are_named_before_they_are_there():
    row = {"email": "ann@example.com", "custom_sports": ["golf", "chess"]}
    found = read(row, create_missing=frozenset({"options"}))
    assert isinstance(found, Meaning)
    assert (found.change.values, found.new_options) == ({"4": "||golf||chess||"}, (("4", "golf"),))
    assert code({"custom_sports": ["golf"]}) == "unknown_option"


def test_no_sentence_has_a_value_of_the_row():
    for row in ({"email": "secret"}, {"lists": ["secret"]}, {"custom_size": "secret"}, {"custom_colour": "secret"}):
        found = read({"email": "ann@example.com", **row})
        assert isinstance(found, Rejection)
        assert "secret" not in found.sentence


@pytest.mark.parametrize(
    ("email", "why"),
    [
        ("", "email_missing"),
        (None, "email_missing"),
        ("ann", "email_invalid"),
        ("ann@example", "email_invalid"),
        ("ann@ex ample.com", "email_invalid"),
        ("ann@@example.com", "email_invalid"),
        ("ann@example..com", "email_invalid"),
        ("a" * 250 + "@example.com", "email_invalid"),
    ],
)
def test_email_addresses_that_are_none(email, why):
    assert code({"email": email}) == why


@pytest.mark.parametrize(
    "email", ["ann@example.com", "o'brien+x@sub.example.co", "zoë@exämple.test", " ann@example.com "]
)
def test_email_addresses(email):
    assert change({"email": email}).email == email.strip()


def test_rows_that_delete():
    found = change({"firstName": "x"}, mode=Mode.SOFT_DELETE, deletions="delete")
    assert (found.ending, found.standard) == (Ending.DELETE, {})
    found = change({"tag": "VIP"}, "contact_tags", Mode.SOFT_DELETE, key=("email", "tag"))
    assert (found.remove_tags, found.ending) == ({"vip"}, None)
    found = change({"list": "7"}, "contact_lists", Mode.SOFT_DELETE, key=("email", "list"))
    assert (found.lists, found.ending) == ({"7": False}, Ending.UNSUBSCRIBE)


def test_rows_with_ids():
    found = read({"id": "7.000000000", "email": None}, key=("id",))
    assert isinstance(found, Meaning)
    assert (found.change.id, found.change.email) == ("7", "")
    assert code({"id": ""}, key=("id",)) == "id_missing"
    # The id of somebody else's table is no key.
    assert change({"id": "12"}).id == ""
