"""The API key in no output of the connector, whatever it looks like and whoever repeats it."""

import json
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import quote

import pytest
from airbyte_cdk.models import AirbyteMessageSerializer
from airbyte_cdk.test import entrypoint_wrapper
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from activecampaign_client.pasted import trimmed
from unit_tests.servers import answering, server
from unit_tests.source.conftest import KEY, config, source

VISIBLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8)
AROUND = st.text("\n\t\r \u00a0\u200b\ufeff", max_size=3)


def written(key: str) -> list[str]:
    """The key as a careless server may write it."""
    code = key.encode("latin-1")
    return [
        key,
        key[::-1],
        key.upper(),
        quote(key),
        quote(key, safe=""),
        repr(key),
        b64encode(code).decode(),
        code.hex(),
    ]


def repeating(handler: BaseHTTPRequestHandler) -> None:
    """Refuse a request and tell its own key back, in the body, as a name in it, and in headers."""
    key = handler.headers["Api-Token"]
    body = json.dumps({"message": " ".join(written(key)[:5]), "errors": written(key), "error": json.dumps({key: key})})
    headers = {"X-Key": key, "Location": f"https://elsewhere.example/?key={quote(key)}"}
    answering(400, body, **headers)(handler)


@pytest.fixture(scope="module")
def repeater() -> Iterator[str]:
    with server(repeating) as (url, _):
        yield url


@given(st.text() | VISIBLE | st.builds("{}{}{}".format, AROUND, VISIBLE, AROUND))
@example(f"\n {KEY}\n")
@example(f"{KEY}\u200b")
@example('0123"4567\\89/')
@example("k")
@example("ключ-ключ-ключ")
@example("error")
@settings(max_examples=150)
def test_given_any_text_as_key_when_check_then_it_is_not_in_the_output(repeater, tmp_path_factory, key):
    file = tmp_path_factory.getbasetemp() / "config_with_any_key.json"
    file.write_text(json.dumps(config(api_url=repeater, api_key=key)))
    output = entrypoint_wrapper._run_command(source([]), ["check", "--config", str(file)])

    [status] = output.connection_status_messages
    assert status.connectionStatus.status.value == "FAILED"
    assert output.errors == []
    texts = [
        text
        for message in output.get_message_iterator()
        for text in strings(AirbyteMessageSerializer.dump(message))
        if text
    ]
    # Shorter ones may be parts of any word, a word may be the name of a field, and the mask itself is no key.
    assume(len(trimmed(key)) >= 8 and "*" not in key and not trimmed(key).isalpha())
    for secret in {key, trimmed(key)}:
        forms = written(secret) if secret.isascii() else [secret, repr(secret)[1:-1], quote(secret, errors="replace")]
        assert [form for form in forms for text in texts if form in text] == []


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from (name, *strings(one))
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


@pytest.mark.parametrize("key", ["k", "the", "Check", "error", "status"])
def test_given_a_key_that_is_a_word_when_check_then_the_sentence_can_be_read(repeater, tmp_path, key):
    (tmp_path / "config.json").write_text(json.dumps(config(api_url=repeater, api_key=key)))
    output = entrypoint_wrapper._run_command(source([]), ["check", "--config", str(tmp_path / "config.json")])
    [status] = output.connection_status_messages
    assert status.connectionStatus.message.startswith("ActiveCampaign did not accept GET /api/3/users/me (HTTP 400): ")
    assert "Check failed" in [message.log.message for message in output.logs]
