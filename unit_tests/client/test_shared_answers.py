"""Answers that several streams want, each fetched once."""

import threading

import pytest
import requests

from activecampaign_client import shared_answers
from activecampaign_client.answers import Answer, Request
from activecampaign_client.shared_answers import SharedAnswers

TAGS = Request("tags")
FINE = '{"tags": []}'


def answer(text: str, status: int = 200) -> Answer:
    response = requests.Response()
    response.status_code, response._content = status, text.encode()
    response.headers["RateLimit-Remaining"] = "3"
    return Answer(TAGS, response)


def test_an_answer_is_fetched_once_for_all_who_ask() -> None:
    answers, fetched, got = SharedAnswers(), [], []
    gate = threading.Event()

    def fetch() -> Answer:
        fetched.append(1)
        gate.wait(10)
        return answer('{"tags": []}')

    def ask() -> None:
        got.append(answers.get("u", TAGS, fetch))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(10)
    assert len(fetched) == 1
    kept = [one.response for one in got if one.known_good]
    assert [(one.content, one.status_code, one.url) for one in kept] == [(b'{"tags": []}', 200, "u")] * 7


def test_an_answer_that_is_no_good_is_not_kept() -> None:
    answers, script = SharedAnswers(), iter([answer("busy", 503), answer(FINE)])
    assert answers.get("u", TAGS, lambda: next(script)).status == 503
    assert answers.get("u", TAGS, lambda: next(script)).response.content == FINE.encode()
    assert answers.get("u", TAGS, lambda: next(script)).response.content == FINE.encode()


def test_a_fetch_that_raises_is_tried_by_the_next_who_asks() -> None:
    answers = SharedAnswers()

    def fail() -> Answer:
        raise requests.ConnectionError("gone")

    with pytest.raises(requests.ConnectionError):
        answers.get("u", TAGS, fail)
    assert answers.get("u", TAGS, lambda: answer(FINE)).response.content == FINE.encode()


def test_large_answers_come_back_whole() -> None:
    answers = SharedAnswers()
    texts = {f"u{number}": f'"{str(number) * 200_000}"' for number in range(5)}
    for url, text in texts.items():
        answers.get(url, TAGS, lambda text=text: answer(text))
    for url, text in reversed(texts.items()):
        assert answers.get(url, TAGS, lambda: answer("[]")).response.text == text


def test_given_no_room_on_the_disk_when_asked_then_everybody_fetches_and_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shared_answers.tempfile, "TemporaryFile", full)
    answers, fetched = SharedAnswers(), []

    def fetch() -> Answer:
        fetched.append(1)
        return answer(FINE)

    assert [answers.get("u", TAGS, fetch).response.text for _ in range(3)] == [FINE] * 3
    assert len(fetched) == 3
    [sentence] = [record.getMessage() for record in caplog.records]
    assert "cannot be kept in" in sentence
    assert "No space left on device" in sentence
