"""What rows of events and calls say."""

import json
import logging
import re
from typing import Any

import pytest

from activecampaign_client import exact_json
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.cells import HALF_CHARACTER
from destination_activecampaign.events.rows import Event, EventReader, Visit
from destination_activecampaign.rejections import Rejection

EMAIL = "ann@example.com"
CONTEXT = {"context": {"traits": {"email": EMAIL}}}


def read(object_: str, row: dict[str, Any], **fields: str) -> Event | Visit | Rejection:
    return EventReader(Target("s", None, object_, Mode.APPEND, (), tuple(row), fields)).read(row)


def code(object_: str, row: dict[str, Any]) -> str:
    found = read(object_, row)
    assert isinstance(found, Rejection), found
    return found.code


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("a book", "a book"),
        (None, ""),
        ({"price": 3.5, "name": 'the "cube"'}, '{"price":3.5,"name":"the \\"cube\\""}'),
        ([1, "a"], '[1,"a"]'),
        (12.0, "12"),
        (True, "true"),
    ],
)
def test_an_event_has_its_data_as_a_text(data: Any, text: str) -> None:
    row = {"Email": EMAIL, "event": " bought ", "eventdata": data, "event_id": 7}
    assert read("events", row) == Event(EMAIL, "bought", text, "7")


def test_columns_of_events_may_be_named_and_what_matches_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        row = {"mail": EMAIL, "event": "bought", "price": 3}
        assert read("events", row, mail="email") == Event(EMAIL, "bought", "", "")
    assert "as no field has their name: price." in caplog.text


@pytest.mark.parametrize(
    ("object_", "row", "name", "data"),
    [
        (
            "track",
            {"event": "Product Purchased", "properties": {"name": "Cube"}},
            "Product Purchased",
            {"name": "Cube"},
        ),
        ("track", {"event": "bought", "properties": '{"price": 3}'}, "bought", {"price": 3}),
        ("track", {"event": "bought", "properties": None, "other": 1}, "bought", None),
        ("track", {"event": "bought", "properties_price": 3}, "bought", {"price": 3}),
        # The table of one event, as both write it into a warehouse.
        (
            "track",
            {"id": "1", "event": "product_purchased", "event_text": "Product Purchased", "name": "Cube", "price": None}
            | {"received_at": "2024-01-01T00:00:00Z", "user_id": "u", "context_ip": "::1"},
            "Product Purchased",
            {"name": "Cube"},
        ),
        ("screen", {"event": "Screen Viewed", "name": "Home", "properties": {"a": 1}}, "Screen Viewed", {"a": 1}),
        ("screen", {"name": "Home", "properties": {"a": 1}}, "Home", {"a": 1}),
        ("screen", {"properties": {"name": "Home"}}, "Home", {"name": "Home"}),
        ("screen", {"name": "Home", "category": "start"}, "Home", {"category": "start"}),
    ],
)
def test_a_call_is_an_event_with_its_properties(object_: str, row: dict[str, Any], name: str, data: Any) -> None:
    found = read(object_, {**row, **CONTEXT, "messageId": "m1"} if "id" not in row else {**row, **CONTEXT})
    assert isinstance(found, Event)
    assert (found.email, found.name, json.loads(found.data) if found.data else None) == (EMAIL, name, data)
    assert found.id == ("" if "id" in row else "m1")


@pytest.mark.parametrize(
    "row",
    [
        CONTEXT,
        {"context_traits_email": EMAIL},
        {"traits": {"email": EMAIL}},
        {"traits": '{"email": "ann@example.com"}'},
        {"traits_email": EMAIL},
        {"email": EMAIL},
        {"email": "", "userId": f" {EMAIL} "},
        {**CONTEXT, "traits": {"email": "other@example.com"}, "email": "other@example.com"},
    ],
)
@pytest.mark.parametrize("object_", ["track", "screen", "page"])
def test_the_contact_of_a_call_stands_in_many_places(object_: str, row: dict[str, Any]) -> None:
    found = read(object_, {"event": "bought", "url": "https://www.example.com", "properties": {}, **row})
    assert isinstance(found, (Event, Visit))
    assert found.email == EMAIL


@pytest.mark.parametrize("object_", ["events", "track", "screen"])
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"event": "bought"}, "email_missing"),
        ({"event": "bought", "email": ""}, "email_missing"),
        ({"event": "bought", "email": "ann"}, "email_invalid"),
        ({"event": "bought", "email": ["ann@example.com"]}, "value_invalid"),
        ({"email": EMAIL}, "event_missing"),
        ({"email": EMAIL, "event": " "}, "event_missing"),
        ({"email": EMAIL, "event": {"a": 1}}, "value_invalid"),
        ({"email": EMAIL, "event": "x" * 33}, "event_name_too_long"),
    ],
)
def test_what_is_no_event_is_rejected(object_: str, row: dict[str, Any], reason: str) -> None:
    assert code(object_, row) == reason


@pytest.mark.parametrize(
    ("object_", "half"),
    [
        ("events", r'"eventdata": {"pages": [{"title": "\ud800"}]}'),
        ("events", r'"eventdata": ["\udc00"]'),
        ("events", r'"eventdata": {"\ud800": 1}'),
        ("events", r'"eventdata": "\ud800"'),
        ("track", r'"properties": {"title": "\ud800"}'),
        ("track", r'"properties": "{\"title\": \"\\ud800\"}"'),
        ("track", r'"properties": "{\"title\": \"\ud800\"}"'),
        ("track", r'"properties_title": "\ud800"'),
        ("screen", r'"title": "\ud800"'),
    ],
)
def test_given_half_a_character_in_the_data_then_the_row_is_rejected_instead_of_sent_as_another(
    object_: str, half: str
) -> None:
    def row(text: str) -> dict[str, Any]:
        found: dict[str, Any] = exact_json.loads(f'{{"email": "{EMAIL}", "event": "e", {text}}}'.encode())
        return found

    assert read(object_, row(half)) == HALF_CHARACTER
    assert isinstance(read(object_, row(re.sub(r"\\+ud[8c]00", "é", half))), Event)


def test_given_half_a_character_in_what_is_not_sent_then_the_row_is_sent() -> None:
    row = exact_json.loads(
        rf'{{"email": "{EMAIL}", "event": "e", "properties": {{"a": "\ufffd"}}, "x": "\ud800"}}'.encode()
    )
    assert read("track", row) == Event(EMAIL, "e", '{"a":"\ufffd"}', "")


def test_data_that_is_nested_deeply_is_sent_whole() -> None:
    data: Any = "in"
    for _ in range(500):
        data = [data]
    found = read("events", {"email": EMAIL, "event": "e", "eventdata": data})
    assert isinstance(found, Event)
    assert json.loads(found.data) == data


def test_a_user_id_that_is_no_address_is_none() -> None:
    assert code("track", {"event": "bought", "userId": "u-17"}) == "email_missing"


def test_a_name_may_have_32_characters() -> None:
    found = read("track", {"event": "ü" * 32, "email": EMAIL})
    assert isinstance(found, Event)


@pytest.mark.parametrize(
    ("row", "url", "referrer", "site"),
    [
        (
            {"properties": {"url": "https://www.Example.com/a?b", "referrer": "https://example.org"}},
            "https://www.Example.com/a?b",
            "https://example.org",
            "www.example.com",
        ),
        ({"properties_url": "http://example.com:8080/"}, "http://example.com:8080/", "", "example.com"),
        (
            {"context": {"page": {"url": "https://example.com", "referrer": "r"}}},
            "https://example.com",
            "r",
            "example.com",
        ),
        ({"url": "www.example.com", "referrer": "r"}, "https://www.example.com", "r", "www.example.com"),
    ],
)
def test_a_page_is_a_visit(row: dict[str, Any], url: str, referrer: str, site: str) -> None:
    assert read("page", {"email": EMAIL, **row}) == Visit(EMAIL, url, referrer, site, "")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "url_missing"),
        ("", "url_missing"),
        ("url", "value_invalid"),
        ("file:///a.b/c", "value_invalid"),
        ("https://[::1", "value_invalid"),
        ("https://exa mple.com", "value_invalid"),
        ({"a": 1}, "value_invalid"),
    ],
)
def test_what_is_no_page_of_a_website_is_rejected(url: Any, reason: str) -> None:
    assert code("page", {"email": EMAIL, "url": url}) == reason
