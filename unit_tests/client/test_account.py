"""How requests leave and what comes back: the budget, what is read once, the session, the body."""

import json
import math
import threading

import pytest
import requests

from activecampaign_client.account import Account
from activecampaign_client.answers import Answer, Request, retry_after
from activecampaign_client.errors import ApiError
from unit_tests.client.virtual_time import VirtualTime
from unit_tests.servers import answering, server

ROOT = "https://acme.api-us1.com"


def most_in_a_second(departures: list[float]) -> int:
    times = sorted(departures)
    return max(sum(start <= time < start + 1 for time in times) for start in times)


def answered(status: int, seconds: str | None) -> Answer:
    response = requests.Response()
    response.status_code = status
    if seconds is not None:
        response.headers["Retry-After"] = seconds
    return Answer(Request("tags"), response)


def throttled(seconds: str | None) -> Answer:
    return answered(429, seconds)


def account_at(time: VirtualTime, rate: float = 5) -> Account:
    return Account(ROOT, "key", rate, clock=time, sleep=time.sleep)


# ---- the budget


@pytest.mark.parametrize("rate", [1, 3, 5, 10, 0.5, 2.5])
def test_no_second_has_more_requests_than_allowed(rate):
    time = VirtualTime()
    account, departures = account_at(time, rate), []

    def work() -> None:
        for _ in range(100):
            account.pace.wait()
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
    account, departures = account_at(time), []

    def work() -> None:
        for _ in range(10):
            account.pace.wait()
            departures.append(time())

    time.run(*[work] * 8)
    assert len(departures) == 80
    assert most_in_a_second(departures) <= 5


def test_requests_that_come_late_do_not_make_up_for_it():
    time = VirtualTime()
    account, departures = account_at(time), []

    def work() -> None:
        for _ in range(3):
            time.sleep(30)
            for _ in range(7):
                account.pace.wait()
                departures.append(time())

    time.run(work)
    assert most_in_a_second(departures) <= 5


def test_retry_after_pauses_everyone():
    time = VirtualTime()
    account, departures = account_at(time), []

    def work() -> None:
        account.pace.wait()
        departures.append(time())

    def server() -> None:
        account.learn(0.0, throttled("30"))

    time.run(server)
    time.run(*[work] * 4)
    assert min(departures) == pytest.approx(30)
    assert most_in_a_second(departures) <= 5


def test_no_second_has_more_requests_than_allowed_after_a_pause():
    time = VirtualTime()
    account, departures = account_at(time), []

    def work() -> None:
        account.pace.wait()
        departures.append(time())

    def server() -> None:
        time.sleep(0.1)
        account.learn(0.0, throttled("10"))

    time.run(server, *[work] * 16)
    assert len(departures) == 16
    assert [moment for moment in departures if 0.1 < moment < 10] == []
    assert most_in_a_second([moment for moment in departures if moment >= 10]) <= 5


def test_a_shorter_pause_does_not_end_a_longer_one():
    time = VirtualTime()
    account = account_at(time)
    account.learn(0.0, throttled("30"))
    account.learn(0.0, throttled("1"))
    time.run(account.pace.wait)
    assert time() == pytest.approx(30)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("900", 900.0),
        (" 7 ", 7.0),
        # A quarter of an hour at once is enough; whoever wants more says so again.
        ("3600", 900.0),
        ("9" * 15, 900.0),
        # Nonsense counts as absent.
        *(
            (nonsense, 1.0)
            for nonsense in ("-5", "+5", "nan", "inf", "-inf", "1e3", "1_0", "٣", "5s", "0x5", "9" * 400)
        ),
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
    account = account_at(time)
    account.learn(0.0, answered(status, "30"))
    time.run(account.pace.wait)
    assert time() == 0


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="greater than 0"):
        Account(ROOT, "key", 0)


# ---- once


def test_once_reads_once_however_many_threads_ask():
    account, calls, results = Account(ROOT, "key"), [], []
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
    account = Account(ROOT, "key")
    assert account.once("a", lambda: account.once("b", lambda: 1) + 1) == 2
    assert account.once("b", lambda: 9) == 1


def test_once_raises_to_everyone_what_was_raised():
    account = Account(ROOT, "key")

    def fail() -> None:
        raise KeyError("first")

    for attempt in (fail, lambda: "not asked any more"):
        with pytest.raises(KeyError, match="first"):
            account.once("key", attempt)


# ---- the session


def test_cookies_are_not_kept():
    with server(answering(Set_Cookie="PHPSESSID=1; path=/")) as (here, received):
        account = Account(here, "key", 1000)
        for _ in range(2):
            account.send(Request("tags"))
    assert len(received) == 2
    assert "Cookie" not in received[1]


# ---- the body


def answer_with(content: bytes) -> Answer:
    response = requests.Response()
    response.status_code, response._content = 200, content
    return Answer(Request("tags"), response)


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
        _ = answer_with(content).body


def test_a_body_is_parsed_once():
    answer = answer_with(b'{"tags": []}')
    assert answer.body is answer.body


KEY = "0123456789abcdef" * 4


def test_given_a_server_that_repeats_the_key_when_asked_then_it_is_in_nothing_that_came(caplog):
    body = f'{{"{KEY}": "my {KEY}", "day": "día", "url": "https:\\/\\/x\\/?k={KEY.upper()}"}}'
    with server(answering(200, body, X_Echo=f"header {KEY}")) as (root, received):
        account = Account(root, KEY, 100)
        for _ in range(2):
            answer = account.send(Request("tags"))
            assert answer.body == {"****": "my ****", "day": "día", "url": "https://x/?k=****"}
            assert answer.response.headers["X-Echo"] == "header ****"
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [
        "The account's own data has the API key in it, which is replaced by ****. Delete it there, where others can "
        "read it, and take a new key."
    ]
    assert [headers["Api-Token"] for headers in received] == [KEY, KEY]


def test_given_a_refusal_that_repeats_the_key_when_asked_then_its_sentence_does_not():
    body = json.dumps({"message": f"{'x' * 470} the token {KEY} is odd"})
    with server(answering(400, body)) as (root, _), pytest.raises(ApiError) as refused:
        Account(root, KEY, 100).send(Request("tags"))
    assert "the token ****" in str(refused.value)
    assert KEY[:8] not in str(refused.value)


def test_given_a_redirect_with_the_key_when_asked_then_its_sentence_is_without():
    location = f"https://elsewhere.example/?key={KEY}"
    with server(answering(302, Location=location)) as (root, _), pytest.raises(ApiError, match="redirects") as refused:
        Account(root, KEY, 100).send(Request("tags"))
    assert KEY not in str(refused.value)


def test_given_a_key_like_an_id_when_asked_then_the_data_stays_as_it_is():
    with server(answering(200, '{"id": 12345678, "name": "12345678"}')) as (root, _):
        assert Account(root, "12345678", 100).send(Request("tags")).body == {"id": 12345678, "name": "12345678"}
