"""The host of tracking: what is sent to it, and what its answers mean."""

import json
import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

import pytest

from activecampaign_client.errors import ApiError
from activecampaign_client.progress import Progress
from activecampaign_client.tracking import ATTEMPTS, PATIENCE, Refused, TrackingHost, is_off
from unit_tests.servers import answering, server

KEY = "0123456789abcdef0123456789abcdef01234567"
SPAWNED = '{"success":1,"message":"Event spawned"}'
EMAIL = "ann@example.com"


class Script:
    """Answers one after the other, the last one for ever; `asked` are method, path and body of what came."""

    def __init__(self, *answers: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, str]] = []
        self.lock = threading.Lock()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()
        with self.lock:
            self.asked.append((handler.command, handler.path, body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer(handler)


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def host(url: str, clock: Clock | None = None, **more: object) -> TrackingHost:
    time = clock or Clock()
    return TrackingHost(url, "25123456", KEY, 1000, clock=time, sleep=time.sleep, **more)  # type: ignore[arg-type]


def test_an_event_is_a_form_with_the_contact_as_json_and_no_other_key() -> None:
    script, progress = Script(answering(200, SPAWNED)), Progress()
    with server(script) as (url, received):
        assert host(url, progress=progress).event('a"b@example.com', "bought", '{"price":3}') is None
        assert host(url).event(EMAIL, "left") is None
    (method, path, body), (_, _, without_data) = script.asked
    sent = dict(parse_qsl(body, strict_parsing=True))
    assert (method, path) == ("POST", "/event")
    assert json.loads(sent.pop("visit")) == {"email": 'a"b@example.com'}
    assert sent == {"actid": "25123456", "key": KEY, "event": "bought", "eventdata": '{"price":3}'}
    assert "eventdata" not in without_data
    assert received[0]["Content-Type"] == "application/x-www-form-urlencoded"
    assert {"Api-Token", "Authorization", "Cookie"}.isdisjoint(received[0])
    assert progress.requests() == 1


def test_a_visit_is_what_the_snippet_for_pages_sends() -> None:
    script = Script(answering(200, "/* visit */", Content_Type="text/javascript"))
    with server(script) as (url, _):
        assert host(url).visit(EMAIL, "https://www.example.com/a?b=c&d", "https://www.example.org/") is None
    [(method, path, _)] = script.asked
    assert (method, urlsplit(path).path) == ("GET", "/visit")
    assert dict(parse_qsl(urlsplit(path).query)) == {
        "actid": "25123456",
        "e": EMAIL,
        "r": "https://www.example.org/",
        "u": "https://www.example.com/a?b=c&d",
    }
    assert KEY not in path


@pytest.mark.parametrize(
    "unclear",
    [
        answering(503, "busy"),
        answering(500, '{"success":0,"message":"down"}'),
        answering(200, "<html>Log in</html>"),
        answering(200, ""),
        answering(200, "{}"),
        answering(200, "[1]"),
        answering(403, "<html>Forbidden</html>"),
        answering(302, "", Location="https://elsewhere.example"),
        answering(200, '{"success":0,"message":"Rate limit exceeded."}'),
        answering(404, "not here"),
    ],
)
def test_what_acknowledges_nothing_is_sent_again(unclear: Callable[[BaseHTTPRequestHandler], None]) -> None:
    script, clock = Script(unclear, unclear, answering(200, SPAWNED)), Clock()
    with server(script) as (url, _):
        assert host(url, clock).event(EMAIL, "bought") is None
    assert len(script.asked) == 3
    assert [seconds for seconds in clock.slept if seconds >= 1] == [1.0, 2.0]


def test_429_holds_everything_for_as_long_as_it_says() -> None:
    script, clock = Script(answering(429, "", Retry_After="7"), answering(200, SPAWNED)), Clock()
    with server(script) as (url, _):
        assert host(url, clock).event(EMAIL, "bought") is None
    assert clock.now >= 7


@pytest.mark.parametrize("status", [200, 400, 422])
def test_an_event_that_is_refused_is_no_error_and_its_words_have_nothing_of_it(status: int) -> None:
    answer = {"success": 0, "message": f"The event bought of {EMAIL} is not valid: {KEY}"}
    with server(Script(answering(status, json.dumps(answer)))) as (url, _):
        refused = host(url).event(EMAIL, "bought")
    assert refused == Refused(status, "The event [...] of [...] is not valid: ****")


def test_a_documented_refusal_without_words_is_one() -> None:
    with server(Script(answering(400, "{}"))) as (url, _):
        assert host(url).event(EMAIL, "bought") == Refused(400, "")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"success": 0, "message": "An account ID must be provided."}),
        (200, {"success": 0, "message": f"{KEY} is no key."}),
        (400, {"success": 0, "message": "Event tracking is not enabled."}),
        (401, {}),
    ],
)
def test_what_is_about_the_keys_ends_the_sync_without_printing_them(status: int, body: dict[str, object]) -> None:
    with server(Script(answering(status, json.dumps(body)))) as (url, _), pytest.raises(ApiError) as failed:
        host(url).event(EMAIL, "bought")
    assert failed.value.kind == "config"
    assert str(failed.value).startswith("ActiveCampaign's tracking does not take events with these keys (HTTP ")
    assert KEY not in str(failed.value)


def test_the_name_of_an_event_is_not_taken_for_what_is_said_of_keys() -> None:
    body = json.dumps({"success": 0, "message": "The event account opened is odd."})
    with server(Script(answering(200, body))) as (url, _):
        assert host(url).event(EMAIL, "account opened") == Refused(200, "The event [...] is odd")


@pytest.mark.parametrize(("answer", "refused"), [(answering(204, ""), None), (answering(410, ""), Refused(410, ""))])
def test_a_visit_is_acknowledged_by_its_status(
    answer: Callable[[BaseHTTPRequestHandler], None], refused: Refused | None
) -> None:
    script = Script(answering(200, "<html>Log in</html>"), answering(502, ""), answer)
    with server(script) as (url, _):
        assert host(url).visit(EMAIL, "https://www.example.com") == refused
    assert len(script.asked) == 3


def test_a_host_that_never_answered_is_given_up_soon() -> None:
    with server(Script(answering())) as (url, _):
        pass
    clock = Clock()
    with pytest.raises(ApiError, match=rf"\(ConnectionError\)\. It was tried {ATTEMPTS} times\.") as failed:
        host(url, clock).event(EMAIL, "bought")
    assert failed.value.kind == "transient"
    assert clock.now < 60


def test_a_host_that_answers_nothing_any_more_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with caplog.at_level(logging.INFO), server(Script(answering(200, SPAWNED), answering(503, KEY))) as (url, _):
        one = host(url, clock)
        one.event(EMAIL, "bought")
        with pytest.raises(ApiError, match="ActiveCampaign has answered nothing for") as failed:
            one.event(EMAIL, "bought")
    assert failed.value.kind == "transient"
    assert PATIENCE - 60 <= clock.now <= PATIENCE
    assert KEY not in caplog.text + str(failed.value)


@pytest.mark.parametrize(
    ("body", "off"),
    [
        ({"siteTracking": {"enabled": False}}, True),
        ({"siteTracking": {"enabled": "0"}}, True),
        ({"siteTracking": {"enabled": True}}, False),
        ({"siteTracking": {}}, False),
        ({"eventTracking": {"enabled": False}}, False),
        ([], False),
    ],
)
def test_only_an_account_that_says_so_tracks_nothing(body: object, off: bool) -> None:
    assert is_off(body, "siteTracking") is off
