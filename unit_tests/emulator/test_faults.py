"""Faults: each strikes when it should, and does what it says."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from emulator import Fault
from emulator.settings import FAULT_KINDS

from .client import Client


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


def test_a_redirect_says_where_to(client: Client) -> None:
    client.control("POST", "settings", {"faults": [{"kind": "redirect", "url": "https://elsewhere.test/login"}]})
    assert client.get("tags").headers["Location"] == "https://elsewhere.test/login"


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
