"""Faults: each strikes when it should, and does what it says."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests

from emulator import Fault
from emulator.settings import FAULT_KINDS

from .client import Client, until


def outcome(client: Client, **query: Any) -> Any:
    try:
        response = client.get("tags", **query)
    except requests.ConnectionError:
        return "connection"
    except requests.exceptions.ChunkedEncodingError:
        return "broken off"
    if response.status_code != 200:
        return response.status_code
    try:
        body = response.json()
    except ValueError:
        return response.text[:9]
    return len(body["tags"]) if "tags" in body else sorted(body)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("500", 500),
        ("502", 502),
        ("503", 503),
        ("403", 403),
        ("429", 429),
        ("empty", ""),
        ("truncated", '{"tags":['),
        ("html", "<!DOCTYPE"),
        ("drop", "connection"),
        ("drop_midway", "broken off"),
        ("drop_after", "connection"),
        ("redirect", 302),
        ("envelope", ["meta", "tags_renamed"]),
        ("hang", 20),
    ],
)
def test_faults_strike_when_they_should(client: Client, kind: str, expected: Any) -> None:
    fault = Fault(kind=kind, path="/tags", times=2, after=1, url="https://elsewhere.test/", seconds=0.05)
    client.emulator.settings.faults = [fault]
    assert client.get("lists").status_code == 200
    assert [outcome(client) for _ in range(4)] == [20, expected, expected, 20]
    assert [r.fault for r in client.emulator.requests[-4:]] == [None, kind, kind, None]


def test_an_answer_can_be_called_a_web_page_though_it_is_none(client: Client) -> None:
    client.emulator.settings.faults = [Fault("as_html", path="/tags", times=1)]
    types = [(one.headers["Content-Type"], len(one.json()["tags"])) for one in (client.get("tags"), client.get("tags"))]
    assert types == [("text/html; charset=UTF-8", 20), ("application/json", 20)]


def test_a_redirect_says_where_to(client: Client) -> None:
    client.control("POST", "settings", {"faults": [{"kind": "redirect", "url": "https://elsewhere.test/login"}]})
    assert client.get("tags").headers["Location"] == "https://elsewhere.test/login"


def test_a_status_comes_with_the_body_and_the_headers_that_a_test_wants(client: Client) -> None:
    silent = Fault("429", path="/tags", times=1, headers={})
    odd = Fault("429", path="/tags", times=1, headers={"Retry-After": "-5"})
    lying = Fault("200", path="/tags", times=1, body='{"message": "Try again"}')
    client.emulator.settings.faults = [silent, odd, lying, Fault("429", path="/tags", times=1)]
    answers = [client.get("tags") for _ in range(5)]
    assert [one.status_code for one in answers] == [429, 429, 200, 429, 200]
    assert [one.headers.get("Retry-After") for one in answers] == [None, "-5", None, "1", None]
    assert answers[2].json() == {"message": "Try again"}


def test_an_outage_is_a_fault_that_lasts_for_seconds_from_its_first_hit(client: Client) -> None:
    client.emulator.settings.faults = [Fault("503", after=1, lasts=0.3)]
    assert client.get("tags").status_code == 200
    began = time.monotonic()
    assert [client.get(path).status_code for path in ("tags", "lists")] == [503, 503]
    until(lambda: client.get("lists").status_code == 200)
    assert time.monotonic() - began >= 0.3
    assert client.get("tags").status_code == 200


def arrivals(client: Client) -> tuple[list[float], bytes]:
    """When the pieces of an answer came, in seconds since it was asked for, and all of them together."""
    began, times, body = time.monotonic(), [], b""
    headers = {"Accept-Encoding": "identity"}
    with client.session.get(f"{client.emulator.url}/api/3/tags", headers=headers, stream=True, timeout=5) as response:
        while piece := response.raw.read1(1 << 16):
            times.append(time.monotonic() - began)
            body += piece
    return times, body


@pytest.mark.parametrize(("kind", "pieces"), [("stall", range(2, 4)), ("drip", range(6, 30))])
def test_an_answer_that_begins_in_time_may_take_long_to_end(client: Client, kind: str, pieces: range) -> None:
    client.emulator.settings.faults = [Fault(kind, seconds=0.4)]
    times, body = arrivals(client)
    assert len(json.loads(body)["tags"]) == 20
    assert times[0] < 0.3
    assert times[-1] >= 0.4
    assert len(times) in pieces


def test_rows_come_as_a_map(client: Client) -> None:
    client.emulator.settings.faults = [Fault("map", path="/tags")]
    plain = client.json("tags", limit=2, offset=1)["tags"]
    client.emulator.settings.faults = []
    assert list(plain) == ["1", "2"]
    assert list(plain.values()) == client.json("tags", limit=2, offset=1)["tags"]
    client.emulator.settings.faults = [Fault("map", path="/tags")]
    assert client.json("tags", offset=1000)["tags"] == []  # PHP's empty array is one, whatever its keys would be


@pytest.mark.parametrize(("kind", "total"), [("total_small", "12"), ("total_large", "55"), ("total_absent", None)])
def test_total_lies(client: Client, kind: str, total: str | None) -> None:
    client.emulator.settings.faults = [Fault(kind=kind, path="/tags")]
    page = client.json("tags", limit=100)
    assert page["meta"].get("total") == total
    assert len(page["tags"]) == 24


def test_servers_that_cannot_page(client: Client) -> None:
    client.emulator.settings.faults = [Fault(kind="ignore_offset", path="/contacts")]
    assert client.json("contacts", offset=100)["contacts"] == client.json("contacts")["contacts"]
    client.emulator.settings.faults = [Fault(kind="limit_50", path="/contacts", query={"offset": "100"})]
    assert [len(client.json("contacts", limit=100, offset=o)["contacts"]) for o in (0, 100)] == [100, 50]
    client.emulator.settings.faults = [Fault(kind="503", path="/contacts/*", every=3)]
    assert [client.get("contacts/1").status_code for _ in range(6)] == [200, 200, 503, 200, 200, 503]
    assert client.get("contacts").status_code == 200
    with pytest.raises(ValueError, match="unknown fault"):
        Fault(kind="5O3")
    assert "drop" in FAULT_KINDS


def test_a_setting_that_does_not_exist_is_refused(client: Client) -> None:
    response = client.session.post(f"{client.emulator.url}/_emulator/settings", json={"latencyms": 5}, timeout=5)
    assert response.status_code == 422
    assert "latencyms" in response.text
    assert client.control("GET", "settings")["latency_ms"] == 0
