"""From a method and a path to a handler."""

from __future__ import annotations

import pytest

from emulator.answers import Answer, Refusal
from emulator.calls import Call
from emulator.endpoints import all_routes
from emulator.routing import API, Routes, Site


def one(call: Call) -> Answer:
    return Answer(200, b"one")


def two(call: Call) -> Answer:
    return Answer(200, b"two")


def refused(routes: Routes, method: str, path: str) -> Answer:
    with pytest.raises(Refusal) as refusal:
        routes.find(method, path)
    return refusal.value.answer


def test_given_a_placeholder_when_found_then_it_stands_for_one_segment() -> None:
    routes = Routes()
    routes.add("GET", "records/{schema}/external/{id}", one)
    assert routes.find("GET", "records/7/external/{}") == (one, {"schema": "7", "id": "{}"})
    assert refused(routes, "GET", "records/7/external").status == 404
    assert refused(routes, "GET", "records/7/external/8/9").status == 404
    assert refused(routes, "GET", "/".join("records" * 60)).status == 404


def test_given_a_literal_and_a_placeholder_when_found_then_the_literal_goes_first() -> None:
    routes = Routes()
    routes.add("GET", "users/{id}", two)
    routes.add("GET", "users/me", one)
    routes.add("DELETE", "users/{id}", two)
    assert routes.find("GET", "users/me") == (one, {})
    assert routes.find("GET", "users/1") == (two, {"id": "1"})
    assert routes.find("DELETE", "users/me") == (two, {"id": "me"})


def test_given_other_methods_when_asked_then_it_is_405_and_says_which() -> None:
    routes = Routes()
    routes.add("GET", "users/me", one)
    routes.add("PUT", "users/{id}", one)
    answer = refused(routes, "POST", "users/me")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, PUT")
    assert b'POST /api/3/users/me\\": Method Not Allowed (Allow: GET, PUT)' in answer.body
    answer = refused(routes, "POST", "user/me")
    assert (answer.status, answer.headers) == (404, {})
    assert answer.body == b'{"message":"No route found for \\"POST /api/3/user/me\\""}'


def test_given_get_when_the_head_is_asked_for_then_get_answers() -> None:
    routes = Routes()
    routes.add("GET", "tags", one)
    assert routes.find("HEAD", "tags") == (one, {})


def test_given_two_handlers_for_one_place_then_it_is_refused() -> None:
    routes, other = Routes(), Routes()
    routes.add("GET", "tags/{id}", one)
    other.add("GET", "tags/{name}", two)
    with pytest.raises(ValueError, match=r"GET /api/3/tags/\{\} has a handler already"):
        routes.include(other)
    with pytest.raises(ValueError, match="has a handler already"):
        routes.add("GET", "tags/{id}", two)


def test_given_a_table_to_fall_back_on_then_what_is_there_stays() -> None:
    routes, table = Routes(), Routes()
    routes.add("GET", "tags/{id}", one)
    for method in ("GET", "PUT"):
        table.add(method, "tags/{id}", two)
    routes.fall_back_on(table)
    assert routes.find("GET", "tags/1")[0] is one
    assert routes.find("PUT", "tags/1")[0] is two


def test_given_the_endpoints_then_their_handlers_go_before_the_tables() -> None:
    (api,) = [routes for routes in all_routes() if routes.site == API]
    assert api.find("GET", "lists/exclusions")[0].__module__ == "emulator.endpoints.lists"
    assert api.find("DELETE", "tags/1")[0].__module__ == "emulator.endpoints.tags"
    assert api.find("GET", "tags/1")[1] == {"id": "1"}


def test_given_a_site_then_its_prefix_is_in_what_it_refuses() -> None:
    routes = Routes(Site("/other.test/", keyed=False))
    assert b"/other.test/event" in refused(routes, "POST", "event").body
