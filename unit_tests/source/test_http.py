"""How requests leave, what comes back, and what the user is told when it is not what was asked for."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from source_activecampaign.account import Account, retry_after
from source_activecampaign.http import ApiSession, body_of
from unit_tests.source.conftest import API, KEY, catalog, check, config, errors, ids, page, read, rows, sent, warnings

TAGS = page("tags", [{"id": "1", "tag": "vip"}], "1")


class VirtualTime:
    """A clock for several threads that moves when all of them sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self._changed = threading.Condition()
        self._until: list[float] = []
        self._running = 0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            until = self.now + seconds
            self._until.append(until)
            self._running -= 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.now >= until, timeout=10)

    def run(self, *works: Callable[[], None]) -> None:
        def run_one(work: Callable[[], None]) -> None:
            work()
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

        self._running = len(works)
        threads = [threading.Thread(target=run_one, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        while True:
            with self._changed:
                assert self._changed.wait_for(lambda: self._running == 0, timeout=10)
                if not self._until:
                    break
                self.now = min(self._until)
                awake = [until for until in self._until if until <= self.now]
                self._until = [until for until in self._until if until > self.now]
                self._running += len(awake)
                self._changed.notify_all()


def most_in_a_second(departures: list[float]) -> int:
    times = sorted(departures)
    return max(sum(start <= time < start + 1 for time in times) for start in times)


def throttled(seconds: str | None) -> requests.Response:
    response = requests.Response()
    response.status_code = 429
    if seconds is not None:
        response.headers["Retry-After"] = seconds
    return response


# ---- the budget


@pytest.mark.parametrize("rate", [1, 3, 5, 10, 0.5, 2.5])
def test_no_second_has_more_requests_than_allowed(rate):
    time = VirtualTime()
    account, departures = Account(rate, time, time.sleep), []

    def work() -> None:
        for _ in range(100):
            account.acquire_call(None)
            departures.append(time())

    time.run(work)
    assert len(departures) == 100
    # Of 2.5 per second, 3 would be in some seconds.
    whole = math.floor(rate) or rate
    assert most_in_a_second(departures) <= math.ceil(whole)
    # and not much slower than that
    assert departures[-1] <= 100 / whole * 1.1


def test_the_budget_is_shared_by_threads():
    time = VirtualTime()
    account, departures = Account(5, time, time.sleep), []

    def work() -> None:
        for _ in range(10):
            account.acquire_call(None)
            departures.append(time())

    time.run(*[work] * 8)
    assert len(departures) == 80
    assert most_in_a_second(departures) <= 5


def test_requests_that_come_late_do_not_make_up_for_it():
    time = VirtualTime()
    account, departures = Account(5, time, time.sleep), []

    def work() -> None:
        for _ in range(3):
            time.sleep(30)
            for _ in range(7):
                account.acquire_call(None)
                departures.append(time())

    time.run(work)
    assert most_in_a_second(departures) <= 5


def test_retry_after_pauses_everyone():
    time = VirtualTime()
    account, departures = Account(5, time, time.sleep), []

    def work() -> None:
        account.acquire_call(None)
        departures.append(time())

    def server() -> None:
        account.update_from_response(None, throttled("30"))

    time.run(server)
    time.run(*[work] * 4)
    assert min(departures) == pytest.approx(30)
    assert most_in_a_second(departures) <= 5


def test_no_second_has_more_requests_than_allowed_after_a_pause():
    time = VirtualTime()
    account, departures = Account(5, time, time.sleep), []

    def work() -> None:
        account.acquire_call(None)
        departures.append(time())

    def server() -> None:
        time.sleep(0.1)
        account.update_from_response(None, throttled("10"))

    time.run(server, *[work] * 16)
    assert len(departures) == 16
    assert [moment for moment in departures if 0.1 < moment < 10] == []
    assert most_in_a_second([moment for moment in departures if moment >= 10]) <= 5


def test_a_shorter_pause_does_not_end_a_longer_one():
    time = VirtualTime()
    account = Account(5, time, time.sleep)
    account.update_from_response(None, throttled("30"))
    account.update_from_response(None, throttled("1"))
    time.run(lambda: account.acquire_call(None))
    assert time() == pytest.approx(30)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("-5", 0.0),
        (None, 1.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0),
        ("", 1.0),
    ],
)
def test_retry_after(header, seconds):
    assert retry_after(throttled(header)) == seconds


@pytest.mark.parametrize("status", [200, 403, 503])
def test_other_answers_pause_nobody(status):
    time = VirtualTime()
    account = Account(5, time, time.sleep)
    response = throttled("30")
    response.status_code = status
    account.update_from_response(None, response)
    time.run(lambda: account.acquire_call(None))
    assert time() == 0


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="greater than 0"):
        Account(0)


# ---- once


def test_once_reads_once_however_many_threads_ask():
    account, calls, results = Account(5), [], []
    together = threading.Barrier(8)

    def read_it() -> str:
        calls.append(1)
        return "value"

    def ask() -> None:
        together.wait(5)
        results.append(account.once("key", read_it))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert results == ["value"] * 8
    assert calls == [1]


def test_once_keeps_keys_apart_and_may_be_nested():
    account = Account(5)
    assert account.once("a", lambda: account.once("b", lambda: 1) + 1) == 2
    assert account.once("b", lambda: 9) == 1


def test_once_raises_to_everyone_what_was_raised():
    account = Account(5)

    def fail() -> None:
        raise KeyError("first")

    for attempt in (fail, lambda: "not asked any more"):
        with pytest.raises(KeyError, match="first"):
            account.once("key", attempt)


# ---- the session


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server on this machine: its address and the headers of the requests that it got."""
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.append(dict(self.headers.items()))
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}", received
    finally:
        running.shutdown()
        thread.join(5)
        running.server_close()


def answering(status: int = 200, body: str = "{}", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return answer


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_given_a_redirect_when_read_then_config_error_and_the_key_stays_here(status, pauses):
    with server(answering()) as (elsewhere, theirs):
        with server(answering(status, Location=f"{elsewhere}/login")) as (here, ours):
            output = read("tags", config(api_url=here))
        [(kind, sentence)] = errors(output)
        assert kind == "config_error"
        assert sentence.startswith(f"The API URL {here} redirects to another address")
        assert len(ours) == 1
        assert ours[0]["Api-Token"] == KEY
        assert theirs == []


def test_cookies_are_not_kept():
    with server(answering(Set_Cookie="PHPSESSID=1; path=/")) as (here, received):
        session = ApiSession("tags", Account(1000))
        for _ in range(2):
            session.get(here)
    assert len(received) == 2
    assert "Cookie" not in received[1]


def test_a_request_has_what_the_api_wants(api):
    api.get(f"{API}/tags", json=TAGS)
    read("tags")
    headers = api.last_request.headers
    assert headers["Api-Token"] == KEY
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"]
    assert KEY not in api.last_request.url
    assert api.last_request.timeout not in (None, (None, None))


# ---- the body


def response_with(content: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = 200, content
    return response


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "an empty body"),
        (b" \n", "an empty body"),
        (b'{"tags": [{"id": "1"', "a body that is not complete JSON"),
        (b"<!doctype html><html>", "an HTML page"),
        (b"\n <html>", "an HTML page"),
        (b"OK", "a body that is not complete JSON"),
    ],
)
def test_what_was_there_instead_of_json(content, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        body_of(response_with(content))


def test_a_body_is_parsed_once():
    response = response_with(b'{"tags": []}')
    assert body_of(response) is body_of(response)


# ---- what the user is told


TAGS_URL = f"{API}/tags"
FAULTS = {
    "500": {"status_code": 500, "json": {"message": "Internal Server Error"}},
    "502": {"status_code": 502, "text": "<html>Bad Gateway</html>"},
    "503": {"status_code": 503, "text": ""},
    "504": {"status_code": 504, "text": ""},
    "520": {"status_code": 520, "text": "<html>Cloudflare</html>"},
    "408": {"status_code": 408, "text": ""},
    "empty": {"text": ""},
    "truncated": {"text": '{"tags": [{"id": "1", "ta'},
    "html": {"text": "<html>Maintenance</html>"},
    "read timeout": {"exc": requests.ReadTimeout("slow")},
    "connect timeout": {"exc": requests.ConnectTimeout("slow")},
    "connection": {"exc": requests.ConnectionError("Connection aborted.")},
    "unknown host": {"exc": requests.ConnectionError("Failed to resolve 'acme.api-us1.com'")},
    "certificate": {"exc": requests.exceptions.SSLError("certificate verify failed")},
    "chunk": {"exc": requests.exceptions.ChunkedEncodingError("Connection broken")},
}
SENTENCES = {
    "empty": f"{TAGS_URL} answered with an empty body (HTTP 200).",
    "truncated": f"{TAGS_URL} answered with a body that is not complete JSON (HTTP 200).",
    "html": f"{TAGS_URL} answered with an HTML page (HTTP 200).",
    "read timeout": f"{TAGS_URL} did not answer in time.",
    "connect timeout": f"{TAGS_URL} did not answer in time.",
    "connection": f"The connection to {TAGS_URL} failed (ConnectionError).",
    "unknown host": f"The host of {TAGS_URL} is unknown. Check the API URL",
    "certificate": f"The TLS certificate of {TAGS_URL} could not be verified. Check the API URL.",
    "chunk": f"The connection to {TAGS_URL} failed (ChunkedEncodingError).",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_given_a_passing_fault_when_read_then_nothing_is_lost(fault, api, pauses):
    api.get(TAGS_URL, [FAULTS[fault], FAULTS[fault], {"json": TAGS}])
    output = read("tags")
    assert ids(output) == ["1"]
    assert errors(output) == []
    assert len(pauses) == 2
    assert min(pauses) > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_given_a_lasting_fault_when_read_then_transient_error(fault, api, pauses):
    api.get(TAGS_URL, **FAULTS[fault])
    output = read("tags")
    [(kind, sentence)] = errors(output)
    assert kind == "transient_error"
    assert sentence.startswith(SENTENCES.get(fault, ""))
    assert sentence.endswith("It was tried 6 times.")
    assert "Exception" not in sentence
    assert "Traceback" not in sentence
    assert len(sent(api, "tags")) == 6


def test_given_a_passing_403_when_read_then_nothing_is_lost(api, pauses):
    api.get(TAGS_URL, [{"status_code": 403, "json": {"message": "Forbidden"}}, {"json": TAGS}])
    output = read("tags")
    assert ids(output) == ["1"]
    assert errors(output) == []


def test_given_a_lasting_403_when_read_then_config_error_naming_permission_and_endpoint(api, pauses):
    api.get(f"{API}/deals", status_code=403, json={"message": "Upgrade your account to enable the CRM"})
    output = read("deals")
    [(kind, sentence)] = errors(output)
    assert kind == "config_error"
    assert "GET /api/3/deals" in sentence
    assert "the Deals permission" in sentence
    assert "Settings > Users and groups" in sentence
    assert len(sent(api, "deals")) == 3
    assert sum(pauses) <= 30


def test_given_429s_and_then_a_passing_403_when_read_then_nothing_is_lost(api, pauses, no_pacing):
    busy = {"status_code": 429, "headers": {"Retry-After": "1"}}
    api.get(TAGS_URL, [busy, busy, {"status_code": 403, "json": {}}, {"json": TAGS}])
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == ["1"]


def test_given_many_429s_and_then_a_passing_503_when_read_then_nothing_is_lost(api, pauses, no_pacing):
    busy = {"status_code": 429, "headers": {"Retry-After": "1"}}
    api.get(TAGS_URL, [*[busy] * 6, {"status_code": 503}, {"json": TAGS}])
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == ["1"]


def test_given_429_when_read_then_it_waits_as_long_as_it_was_told(api, pauses, no_pacing):
    api.get(TAGS_URL, [{"status_code": 429, "headers": {"Retry-After": "30"}}, {"json": TAGS}])
    output = read("tags")
    assert ids(output) == ["1"]
    assert 30 <= sum(pauses) <= 32
    assert output.is_in_logs(r"asked for a pause of 30 s \(HTTP 429\)")


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, {"Retry-After": "soon"}])
def test_given_429_that_does_not_say_how_long_when_read_then_it_waits_anyway(headers, api, pauses, no_pacing):
    api.get(TAGS_URL, [{"status_code": 429, "headers": headers}, {"json": TAGS}])
    output = read("tags")
    assert ids(output) == ["1"]
    assert 1 <= sum(pauses) <= 60


def test_given_429_forever_when_read_then_transient_error(api, pauses, no_pacing):
    api.get(TAGS_URL, status_code=429, headers={"Retry-After": "1"})
    [(kind, sentence)] = errors(read("tags"))
    assert kind == "transient_error"
    assert "limit" in sentence
    assert len(sent(api, "tags")) <= 40


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (401, "config_error", "does not let this API key read tags"),
        (402, "config_error", "ActiveCampaign has suspended this account's API for an unpaid invoice (HTTP 402)."),
        (404, "config_error", "ActiveCampaign has nothing at GET /api/3/tags for this account (HTTP 404)"),
        (400, "system_error", ""),
    ],
)
def test_given_an_answer_that_is_final_when_read_then_its_sentence(status, kind, sentence, api, pauses):
    api.get(TAGS_URL, status_code=status, json={"message": "No"})
    [(failure, message)] = errors(read("tags"))
    assert failure == kind
    assert sentence in message
    assert len(sent(api, "tags")) <= 3


def test_given_a_stream_that_fails_when_read_then_the_others_complete(api, pauses):
    api.get(TAGS_URL, json=TAGS)
    api.get(f"{API}/lists", status_code=403, json={})
    output = read(catalog("lists", "tags"))
    assert [record.record.stream for record in output.records] == ["tags"]
    assert [status.value for status in output.get_stream_statuses("tags")] == ["STARTED", "RUNNING", "COMPLETE"]
    assert [status.value for status in output.get_stream_statuses("lists")] == ["STARTED", "INCOMPLETE"]
    [(kind, sentence)] = errors(output)
    assert kind == "config_error"
    assert "/api/3/lists" in sentence


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"status_code": 403, "json": {"message": "Forbidden"}}, "API key"),
        ({"status_code": 401, "json": {}}, "API key"),
        ({"status_code": 404, "text": "<html>"}, "API URL"),
        ({"status_code": 302, "headers": {"Location": "https://www.activecampaign.com/login"}}, "API URL"),
        ({"exc": requests.ConnectionError("Failed to resolve 'acme.api-us1.com'")}, "API URL"),
        ({"exc": requests.ConnectTimeout("slow")}, "API URL"),
        ({"exc": requests.exceptions.SSLError("certificate verify failed")}, "API URL"),
        ({"text": "<html>A shop</html>"}, "API URL"),
        ({"status_code": 402, "json": {}}, "unpaid"),
    ],
)
def test_given_wrong_key_or_url_when_checked_then_failed_with_a_sentence(answer, sentence, api, pauses):
    api.get(f"{API}/users/me", **answer)
    status, message = check()
    assert status == "FAILED"
    assert sentence in message
    assert "Traceback" not in message
    assert KEY not in message
    if sentence == "API key":
        assert "Settings > Developer" in message


def test_given_a_valid_key_when_checked_then_succeeded_with_one_request(api):
    api.get(f"{API}/users/me", json={"user": {"id": "1", "username": "a"}})
    assert check() == ("SUCCEEDED", "")
    assert api.call_count == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 403, "json": {"message": f"Key {KEY} is not known"}},
        {"status_code": 500, "text": f"<html>{KEY}</html>"},
        {"status_code": 302, "headers": {"Location": f"https://evil.example/?api_key={KEY}"}},
        {"status_code": 400, "json": {"errors": [{"title": KEY}]}},
        {"text": f"not JSON, {KEY}"},
        {"json": {KEY: []}},
        {"exc": requests.ConnectionError(f"headers were Api-Token: {KEY}")},
    ],
)
def test_given_a_server_that_echoes_the_key_when_read_then_it_is_nowhere_in_the_output(answer, api, pauses):
    api.get(TAGS_URL, **answer)
    output = read("tags")
    assert len(errors(output)) == 1
    messages = [str(message) for message in output.get_message_iterator() if message.trace or message.log]
    assert [message for message in messages if KEY in message] == []


def test_given_a_healthy_read_when_all_is_well_then_the_key_is_nowhere_in_the_output(api):
    api.get(TAGS_URL, json=TAGS)
    output = read("tags")
    assert rows(output) == [{"id": "1", "tag": "vip"}]
    assert [message for message in warnings(output) if message.startswith("Stream")] == []
    assert KEY not in json.dumps([str(message) for message in output.get_message_iterator()])
