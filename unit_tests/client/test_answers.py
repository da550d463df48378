"""What the API says about an error, in whatever form, reaches whoever can act on it."""

import json
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client.answers import Action, Answer, Attempts, Request, asked_pause, judge, said_by

ROOT = "https://acme.api-us1.com"


def answer(status: int, body: Any, request: Request | None = None) -> Answer:
    response = requests.Response()
    response.status_code = status
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(request or Request("tags"), response)


def judged(status: int, body: Any, request: Request):
    attempts, came = Attempts(), answer(status, body, request)
    attempts.add(came)
    return judge(came, attempts, request, ROOT)


# The bodies that the API was documented or seen to refuse with, and what a person should read of them.
BODIES = [
    (
        {"errors": [{"status": 400, "title": "Bad Request", "detail": "Contact email must be provided for sync"}]},
        "Bad Request: Contact email must be provided for sync",
    ),
    (
        {
            "success": 0,
            "message": "JSON payload did not pass validation",
            "failureReasons": [{"contact": 1, "failureReason": "Field 'email' not found"}],
        },
        "JSON payload did not pass validation; Field 'email' not found",
    ),
    (
        {"success": 0, "message": "Rate limit exceeded.", "failureReasons": ["Up to 100 imports per minute"]},
        "Rate limit exceeded; Up to 100 imports per minute",
    ),
    ({"message": "Forbidden"}, "Forbidden"),
    ({"message": "No Result found for <Model> with id N"}, "No Result found for <Model> with id N"),
    (
        {
            "errors": [
                {
                    "title": "Email address already exists in the system",
                    "detail": "",
                    "code": "duplicate",
                    "source": {"pointer": "/data/attributes/email"},
                }
            ]
        },
        "Email address already exists in the system",
    ),
    (
        {"errors": [{"title": "Contact Email Address is not valid.", "code": "email_invalid", "error": "must_be"}]},
        "Contact Email Address is not valid",
    ),
    ({"errors": [{"code": "field_missing", "source": {"type": "pointer", "value": "/data"}}]}, "field_missing"),
    ({"errors": [{"detail": "The value `abc` could not be saved."}]}, "The value `abc` could not be saved"),
    ({"errors": "Bulk operation failed. Request must contain an array"}, None),
    ({"errors": ["first", "second", "first"]}, "first; second"),
    ({"errors": {"title": "One", "detail": "alone"}}, "One: alone"),
    (
        {"message": "Could not process request", "error": "Duplicate entry 'contact-TEST' for key 'typetag'"},
        "Could not process request; Duplicate entry 'contact-TEST' for key 'typetag'",
    ),
    ({"error": {"title": "No tag", "code": "x"}}, "No tag"),
    ([{"title": "In a list"}], "In a list"),
    ("just a text", "just a text"),
    ({"message": "two\n  lines\tof text"}, "two lines of text"),
    (b"<html><title>Bad Request</title></html>", ""),
    (b"", ""),
    (b'{"errors": [', ""),
    (b"\xff\xfe", ""),
    (17, ""),
    (None, ""),
    ({"message": None, "errors": [None, 5, [], {}], "error": True}, ""),
    ({"contacts": []}, ""),
]


@pytest.mark.parametrize(("body", "sentence"), BODIES)
@pytest.mark.parametrize("status", [400, 405, 409, 410, 422])
def test_a_refusal_is_said_once_with_its_place_and_what_the_api_says(status, body, sentence):
    verdict = judged(status, body, Request("contacts/12/trackingLogs"))
    assert (verdict.action, verdict.kind) == (Action.FAIL, "system")
    assert verdict.sentence.startswith(
        f"ActiveCampaign did not accept GET /api/3/contacts/12/trackingLogs (HTTP {status})"
    )
    said = "Bulk operation failed. Request must contain an array" if sentence is None else sentence
    assert said_by(answer(status, body)) == said
    assert (f": {said}." if said else f"(HTTP {status}).") in verdict.sentence
    assert "maintainers" in verdict.sentence


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_is_written_and_refused_is_for_the_user_to_mend(method):
    verdict = judged(422, {"errors": [{"title": "No tag id provided"}]}, Request("contactTags", method=method))
    assert (verdict.action, verdict.kind) == (Action.FAIL, "config")
    assert (
        verdict.sentence == f"ActiveCampaign did not accept {method} /api/3/contactTags (HTTP 422): No tag id provided."
    )


@pytest.mark.parametrize("status", [401, 403])
def test_what_is_forbidden_is_named_as_it_was_asked_for(status):
    request = Request("contacts/12/trackingLogs", stream="contact_tracking_logs")
    sentence = judged(status, {"message": "Forbidden"}, request).sentence
    assert f"read contacts/12/trackingLogs (HTTP {status} at GET /api/3/contacts/12/trackingLogs)" in sentence


TEXTS = st.text(max_size=40)
WORDS = st.text("abcdefghij ", min_size=1, max_size=40).filter(str.strip)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ERROR = st.fixed_dictionaries(
    {"title": WORDS}, optional={"detail": ANYTHING, "code": ANYTHING, "source": ANYTHING, "status": ANYTHING}
)
SAYING = st.one_of(
    st.builds(lambda error: ({"errors": [error]}, error["title"]), ERROR),
    st.builds(lambda error: ({"errors": error}, error["title"]), ERROR),
    st.builds(lambda text: ({"errors": text}, text), WORDS),
    st.builds(lambda text: ({"message": text, "success": 0}, text), WORDS),
    st.builds(lambda text: ({"error": text}, text), WORDS),
    st.builds(lambda text: ({"failureReasons": [text]}, text), WORDS),
    st.builds(lambda text: ({"failureReasons": [{"contact": 1, "failureReason": text}]}, text), WORDS),
)


@given(SAYING)
def test_what_the_api_says_is_passed_on_whatever_else_is_there(saying):
    body, words = saying
    assert " ".join(words.split()) in said_by(answer(422, body))


@given(ANYTHING | st.dictionaries(st.sampled_from(["message", "error", "errors", "failureReasons"]), ANYTHING))
def test_no_body_is_too_odd(body):
    said = said_by(answer(422, body))
    assert isinstance(said, str)
    assert "\n" not in said
    assert judged(422, body, Request("tags")).action is Action.FAIL


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(content):
    assert isinstance(said_by(answer(400, content)), str)


@pytest.mark.parametrize(
    "body", [{"message": "x" * 100_000}, {"errors": [{"title": "y" * 60}] * 1, "message": "z" * 9999}]
)
def test_a_huge_text_is_cut(body):
    sentence = judged(400, body, Request("tags")).sentence
    assert len(sentence) < 800
    assert "[...]" in sentence


# ---- Retry-After


def asked(**headers: str) -> float | None:
    response = requests.Response()
    response.status_code = 429
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return asked_pause(Answer(Request("tags"), response))


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        # The three forms of a date: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
        ("Sun, 06 Nov 1994 08:49:37 GMT", 37.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 37.0),
        ("Sun Nov  6 08:49:37 1994", 37.0),
        ("Sun, 06 Nov 1994 08:49:00 GMT", None),
        ("Sun, 06 Nov 1994 08:48:00 GMT", None),
        ("Sun, 06 Nov 99999 08:48:00 GMT", None),
        ("Sun, 36 Nov 1994 08:48:00 GMT", None),
    ],
)
def test_a_date_is_compared_with_that_of_the_answer(retry_after, seconds):
    assert asked(Retry_After=retry_after, Date="Sun, 06 Nov 1994 08:49:00 GMT") == seconds


def test_a_date_is_compared_with_our_clock_where_the_answer_has_none():
    assert asked(Retry_After="Sun, 06 Nov 2094 08:49:37 GMT") > 1e9
    assert asked(Retry_After="Sun, 06 Nov 1994 08:49:37 GMT", Date="yesterday") is None


@given(st.text(max_size=20))
def test_no_header_is_too_odd(text):
    seconds = asked(Retry_After=text)
    assert seconds is None or 0 <= seconds < 1e16
