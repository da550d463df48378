"""Calls of RudderStack and Segment as rows, in every form that they come in."""

from typing import Any

import pytest

from destination_activecampaign.calls import Call

EMAIL = "ann@example.com"
PATH = ("context", "traits", "email")


@pytest.mark.parametrize(
    "row",
    [
        {"context": {"traits": {"email": EMAIL}}},
        {"context": '{"traits": {"email": "ann@example.com"}}'},
        {"context": {"traits": '{"email": "ann@example.com"}'}},
        {"context_traits": {"email": EMAIL}},
        {"CONTEXT_TRAITS": '{"Email": "ann@example.com"}'},
        {"context_traits_email": EMAIL},
        {"Context_Traits_Email": EMAIL},
        {"context": None, "context_traits_email": EMAIL},
        {"context": {"traits": None}, "context_traits_email": EMAIL},
    ],
)
def test_a_value_is_found_nested_as_json_and_flat(row: dict[str, Any]) -> None:
    assert Call(row).get(*PATH) == EMAIL
    assert Call({**row, "traits": {"email": "other@example.com"}}).get(*PATH) == EMAIL


@pytest.mark.parametrize("row", [{}, {"context": "x"}, {"context": [1]}, {"context": {"traits": []}}, {"email": EMAIL}])
def test_what_is_not_there_is_none(row: dict[str, Any]) -> None:
    assert Call(row).get(*PATH) is None


@pytest.mark.parametrize("name", ["fieldInfo", "field_info", "fieldinfo", "FIELDINFO"])
def test_names_match_whatever_was_made_of_them(name: str) -> None:
    assert Call({"traits": {name: {"Plan": "gold"}}}).object("traits", "fieldInfo") == {"Plan": "gold"}
    assert Call({f"traits_{name.lower()}_plan": "gold"}).object("traits", "fieldInfo") == {"plan": "gold"}


def test_an_object_is_all_that_stands_at_its_place_or_begins_with_it() -> None:
    row = {"properties": {"price": 3, "note": None}, "properties_price": 4, "properties_currency": "EUR", "price": 5}
    assert Call(row).object("properties") == {"price": 3, "note": None, "currency": "EUR"}
    assert Call({"properties": "none", "property_a": 1}).object("properties") == {}


def test_a_column_may_be_named_and_left_out() -> None:
    fields = {"Mail address": "email", "event": ""}
    call = Call({"mail_address": EMAIL, "email": "other@example.com", "event": "bought"}, fields)
    assert (call.get("email"), call.get("event"), call.has("event")) == (EMAIL, None, False)


def test_what_is_left_is_what_is_neither_known_nor_airbytes_nor_empty() -> None:
    row = {"ID": "1", "receivedAt": "now", "context_ip": "::1", "price": 3, "note": None, "_airbyte_raw_id": "x"}
    assert Call(row).rest({"id", "received_at"}, {"context"}) == {"price": 3}
