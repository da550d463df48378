"""What identify calls say."""

import logging
from typing import Any

import pytest

from activecampaign_client.account import Account
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.config import Config
from destination_activecampaign.contacts.change import Change
from destination_activecampaign.contacts.identify import IdentifyReader
from destination_activecampaign.contacts.rows import Meaning
from destination_activecampaign.directory import Directory
from destination_activecampaign.rejections import Rejection
from unit_tests.client.transport import ROOT, Transport
from unit_tests.destination.contacts.test_rows import ANSWERS, FIELDS

EMAIL = "ann@example.com"
TWICE = [{"id": one, "title": "Twice", "type": "text", "perstag": f"TAG_{one}"} for one in ("6", "7")]


def reader(
    row: dict[str, Any], fields: dict[str, str] | None = None, twice: bool = False, **config: Any
) -> IdentifyReader:
    account = Account(ROOT, "key", 1000)
    answers = {**ANSWERS, "fields": (200, {**FIELDS, "fields": [*FIELDS["fields"], *TWICE]})}
    Transport(account, lambda: 0.0, lambda moment, path: answers[path])
    target = Target("calls", None, "identify", Mode.APPEND, (), tuple(row), fields or {})
    return IdentifyReader(target, Config(ROOT, "key", **config), Directory(account))


def read(row: dict[str, Any], fields: dict[str, str] | None = None, **config: Any) -> Meaning | Rejection:
    return reader(row, fields, **config).read(row)


def change(traits: dict[str, Any], **more: Any) -> Change:
    found = read({"userId": "u", "traits": {"email": EMAIL, **traits}}, **more)
    assert isinstance(found, Meaning), found
    return found.change


def test_a_whole_call_is_one_change() -> None:
    found = change(
        {
            "name": "John Doe",
            "phone": "2364556",
            "tags": ["Returning User", "Coupon Used"],
            "fieldInfo": {"Plan": "gold", "SIZE": 7.5, "4": ["chess", "rowing"]},
            "lists": [{"id": 7, "status": "subscribe"}, {"id": 8, "status": "unsubscribe"}],
        }
    )
    assert found == Change(
        EMAIL,
        standard={"firstName": "John", "lastName": "Doe", "phone": "2364556"},
        values={"1": "gold", "2": "7.5", "4": "||chess||rowing||"},
        add_tags={"returning user": "Returning User", "coupon used": "Coupon Used"},
        lists={"7": True, "8": False},
    )


@pytest.mark.parametrize(
    ("traits", "standard"),
    [
        ({"name": "Ann"}, {"firstName": "Ann"}),
        ({"name": " Ann  van Lee "}, {"firstName": "Ann", "lastName": "van Lee"}),
        ({"name": "Ann Lee", "firstName": "Anna"}, {"firstName": "Anna", "lastName": "Lee"}),
        ({"name": "Ann Lee", "last_name": "Le"}, {"firstName": "Ann", "lastName": "Le"}),
        ({"name": "Ann Lee", "firstname": "", "lastname": None}, {"firstName": "", "lastName": "Lee"}),
        ({"name": "", "phone": 555}, {"phone": "555"}),
    ],
)
def test_the_whole_name_fills_what_is_not_given(traits: dict[str, Any], standard: dict[str, str]) -> None:
    assert change(traits).standard == standard


@pytest.mark.parametrize(
    "row",
    [
        {"context": {"traits": {"email": EMAIL, "fieldInfo": {"Plan": "gold"}, "tags": ["VIP"]}}},
        {"traits": '{"email": "ann@example.com", "fieldInfo": {"Plan": "gold"}, "tags": ["VIP"]}'},
        {"email": EMAIL, "fieldInfo": '{"Plan": "gold"}', "tags": '["VIP"]'},
        {"email": EMAIL, "fieldinfo": {"Plan": "gold"}, "tags": "VIP"},
        {"context_traits_email": EMAIL, "traits_field_info_plan": "gold", "traits_tags": ["VIP"]},
        {"traits": {"email": ""}, "email": EMAIL, "field_info_plan": "gold", "tags": ["VIP"]},
    ],
)
def test_traits_are_found_in_whichever_form_they_come(row: dict[str, Any]) -> None:
    found = read(row)
    assert isinstance(found, Meaning)
    assert found.change == Change(EMAIL, values={"1": "gold"}, add_tags={"vip": "VIP"})


def test_a_column_may_be_named() -> None:
    found = read({"mail": EMAIL, "phone": "1"}, {"mail": "email", "phone": ""})
    assert isinstance(found, Meaning)
    assert found.change == Change(EMAIL)


def test_traits_that_are_no_fields_are_written_through_field_info_alone() -> None:
    assert change({"plan": "gold", "Size": 3, "fieldInfo": {"Plan": None}}).is_empty


def test_tags_replace_where_that_is_asked_for_and_are_there() -> None:
    assert change({"tags": []}, tags="replace").whole_tags == {}
    assert change({"tags": None}, tags="replace").whole_tags is None


def test_an_entry_without_a_field_is_said_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    one = reader({})
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            found = one.read({"traits": {"email": EMAIL, "fieldInfo": {"Hobby": "x", "Plan": "gold"}}})
            assert isinstance(found, Meaning)
            assert found.change.values == {"1": "gold"}
        one.report()
        one.report()
    assert [record.getMessage() for record in caplog.records] == [
        "Stream calls: the entry Hobby of fieldInfo is left out, as no custom field has this name. Create the field in "
        "ActiveCampaign, or correct the name.",
        "Stream calls: entries of fieldInfo were left out, as no custom field has their names: Hobby (3).",
    ]


@pytest.mark.parametrize(
    ("traits", "code"),
    [
        ({"email": None}, "email_missing"),
        ({"email": "ann"}, "email_invalid"),
        ({"fieldInfo": {"Colour": "green"}}, "unknown_option"),
        ({"fieldInfo": {"Size": "large"}}, "value_invalid"),
        ({"fieldInfo": {"twice": "gold"}}, "ambiguous_field"),
        ({"lists": [{"id": 99, "status": "subscribe"}]}, "unknown_list"),
        ({"lists": [{"status": "subscribe"}]}, "list_missing"),
        ({"lists": [{"id": 7, "status": "paused"}]}, "value_invalid"),
        ({"name": {"first": "Ann"}}, "value_invalid"),
    ],
)
def test_what_cannot_be_written_is_rejected(traits: dict[str, Any], code: str) -> None:
    row = {"traits": {"email": EMAIL, **traits}}
    found = read(row)
    assert isinstance(found, Rejection)
    assert found.code == code


def test_tags_and_options_that_are_missing_are_created_only_where_that_is_allowed() -> None:
    row = {"traits": {"email": EMAIL, "tags": ["new"], "fieldInfo": {"Sports": ["golf"]}}}
    refused = read(row, create_missing=frozenset({"options"}))
    assert isinstance(refused, Rejection)
    assert refused.code == "unknown_tag"
    found = read(row, create_missing=frozenset({"tags", "options"}))
    assert isinstance(found, Meaning)
    assert found.new_options == (("4", "golf"),)
