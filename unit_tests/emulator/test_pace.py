"""The rate limit, what is recorded of requests, and latency."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from emulator import Settings
from emulator.pace import RateLimiter

from .client import Client, until


def admitted(settings: Settings, times: list[float]) -> list[float]:
    limiter = RateLimiter(settings)
    return [t for t in times if limiter.admit(t)[0]]


def test_the_window_slides() -> None:
    steps = [1000 + i / 20 for i in range(200)]
    served = admitted(Settings(), steps)
    assert all(sum(t - 1.0 < s <= t for s in served) <= 5 for t in served)
    assert len(served) >= 49
    # At a change of the second, a fixed window lets twice as many through.
    burst = [1000.9] * 6 + [1001.1] * 6
    assert len(admitted(Settings(rate_limit_window="fixed"), burst)) == 10
    assert len(admitted(Settings(), burst)) == 5
    bucket = [1000.0] * 7 + [1000.5] * 7
    assert len(admitted(Settings(rate_limit_window="bucket"), bucket)) == 7
    assert len(admitted(Settings(rate_limit_window="off"), burst)) == 12


def test_others_spend_from_the_same_budget() -> None:
    steps = [1000 + i / 100 for i in range(1000)]
    assert 18 <= len(admitted(Settings(other_consumer_per_second=3), steps)) <= 32


def test_a_refused_request_does_not_count() -> None:
    limiter = RateLimiter(Settings())
    assert [limiter.admit(10.0)[1] for _ in range(5)] == [4, 3, 2, 1, 0]
    assert not any(limiter.admit(10 + i / 100)[0] for i in range(1, 100))
    assert limiter.admit(11.0)[0]


def test_headers_count_when_the_request_came_or_when_the_answer_goes() -> None:
    for window, at_the_answer in (("sliding", "3"), ("fixed", "3"), ("bucket", "4"), ("off", "5")):
        settings = Settings(rate_limit_window=window)
        limiter = RateLimiter(settings)
        _, remaining = limiter.admit(10.0)
        limiter.admit(10.1)
        arrival = limiter.headers(remaining, 10.3)
        settings.rate_limit_headers = "answer"
        answer = limiter.headers(remaining, 10.3)
        assert arrival == {"RateLimit-Limit": "5", "RateLimit-Remaining": "5" if window == "off" else "4"}
        assert answer == {"RateLimit-Limit": "5", "RateLimit-Remaining": at_the_answer}
        assert limiter.headers(remaining, 12.5)["RateLimit-Remaining"] == "5"


def test_headers_that_say_nothing(client: Client) -> None:
    def said(how: str) -> list[tuple[str | None, str | None]]:
        client.emulator.settings.rate_limit_headers = how
        answers = [client.get("tags") for _ in range(7)]
        return [(one.headers.get("RateLimit-Limit"), one.headers.get("RateLimit-Remaining")) for one in answers]

    assert set(said("absent")) == {(None, None)}
    assert set(said("zero")) == {("5", "0")}
    assert len(set(said("nonsense"))) == 7


def test_too_many_requests(client: Client) -> None:
    settings = client.emulator.settings
    settings.patch({"rate_limit_window": "sliding", "requests_per_second": 2, "retry_after": 7})
    until(lambda: client.get("tags").status_code == 200)
    client.emulator.requests.clear()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: Client(client.emulator).get("tags"), range(30)))
    refused = [a for a in answers if a.status_code == 429]
    assert len(refused) >= 10
    assert {a.headers["Retry-After"] for a in refused} == {"7"}
    assert {a.text for a in refused} == {'{"message":"Too Many Requests"}'}
    assert {a.headers["RateLimit-Limit"] for a in answers} == {"2"}
    counts = client.control("GET", "requests?log=false")
    assert counts["total"] == 30
    assert counts["throttled"] == len(refused)
    assert counts["max_served_per_second"] <= 2
    settings.retry_after = None
    settings.requests_per_second = 0
    assert "Retry-After" not in client.get("tags").headers


def test_requests_are_recorded_but_not_the_control(client: Client) -> None:
    client.get("contacts", limit=5)
    client.control("GET", "rows/tags")
    (request,) = client.emulator.requests
    assert (request.path, request.query, request.status) == ("/api/3/contacts", {"limit": "5"}, 200)
    assert request.headers["Api-Token"] == client.emulator.api_key
    assert "python-requests" in request.headers["User-Agent"]
    log = client.control("GET", "requests")
    assert log["requests"][0]["path"] == "/api/3/contacts"
    client.control("DELETE", "requests")
    assert client.emulator.requests == []


def test_many_requests_wait_at_once(client: Client) -> None:
    client.emulator.settings.patch({"latency_ms": 200, "latency_jitter": 0.1, "arrival_jitter_ms": 5})
    started = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        assert {r.status_code for r in pool.map(lambda _: Client(client.emulator).get("tags"), range(10))} == {200}
    assert 0.18 < time.monotonic() - started < 1.5
    client.emulator.settings.patch({"latency_ms": 0, "latency_ms_per_1000_offset": 100})
    started = time.monotonic()
    client.get("tags", offset=2000)
    assert time.monotonic() - started >= 0.2
