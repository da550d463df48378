"""What answers carry beside their bodies: as recorded, and with cookies that a careless client would send back."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from emulator import Fault

from .client import Client


def cookies_of(response: requests.Response) -> list[str]:
    """Each Set-Cookie header on its own; `requests` joins them."""
    found: list[str] = response.raw.headers.getlist("Set-Cookie")
    return found


def test_given_an_answer_then_its_headers_are_those_that_were_recorded(client: Client) -> None:
    headers = client.get("tags").headers
    assert headers["Cache-Control"] in {"no-store, no-cache, must-revalidate", "no-store, max-age=0, must-revalidate"}
    expected = {"Server": "cloudflare", "Pragma": "no-cache", "Cf-Cache-Status": "DYNAMIC"}
    assert {name: headers[name] for name in expected} == expected
    assert headers["Expires"] == "Thu, 19 Nov 1981 08:52:00 GMT"
    assert re.fullmatch(r"[0-9a-f]{16}-[A-Z]{3}", headers["Cf-Ray"])


def test_given_many_answers_then_the_rarer_cache_control_is_among_them(client: Client) -> None:
    kept = [client.get("tags", limit=1).headers["Cache-Control"] for _ in range(600)]
    assert 0 < kept.count("no-store, max-age=0, must-revalidate") < 30


def test_given_an_answer_then_it_sets_the_recorded_cookies(client: Client) -> None:
    cookies = cookies_of(client.get("tags"))
    names = [cookie.partition("=")[0] for cookie in cookies]
    assert names[:3] == ["PHPSESSID", "__cfduid", "em_acp_globalauth_cookie"]
    assert set(names[3:]) == {"em_acp_globalauth_cookie"}
    assert len(names) in {5, 6}
    assert all("=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0;" in cookie for cookie in cookies[3:])
    assert re.fullmatch(r"PHPSESSID=[0-9a-f]{32}; path=/; HttpOnly", cookies[0])
    assert "domain=.demo.api-us1.test; secure; httponly" in cookies[2]


def test_given_two_answers_then_no_cookie_has_the_same_value_twice(client: Client) -> None:
    one, two = (set(cookies_of(client.get("tags"))[:3]) for _ in range(2))
    assert len(one) == len(two) == 3
    assert not one & two


@pytest.mark.parametrize(
    ("path", "settings", "status"),
    [
        ("nothing", {}, 404),
        ("tags", {"faults": [Fault("503")]}, 503),
        ("tags", {"faults": [Fault("html")]}, 200),
        ("tags", {"forbidden": ["/tags"]}, 403),
    ],
)
def test_given_an_answer_of_any_status_then_it_sets_cookies(
    client: Client, path: str, settings: dict[str, Any], status: int
) -> None:
    client.emulator.settings.patch(settings)
    response = client.get(path)
    assert response.status_code == status
    assert len(cookies_of(response)) >= 5


def test_given_a_client_that_keeps_cookies_when_it_asks_again_then_it_sends_one_back(client: Client) -> None:
    first, _ = client.get("tags"), client.get("tags")
    assert client.emulator.requests[-1].headers["Cookie"] == cookies_of(first)[0].partition(";")[0]


def test_given_what_is_no_answer_of_the_api_then_it_sets_none(client: Client) -> None:
    pages = [f"{client.emulator.url}{path}" for path in ("/", "/_emulator/settings")]
    assert [cookies_of(requests.get(page, timeout=5)) for page in pages] == [[], []]
