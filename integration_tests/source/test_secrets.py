"""The API key in nothing that a process prints, in debug mode, of a server that repeats it everywhere."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from integration_tests.source.connector import configured
from unit_tests.servers import answering, server

ROOT = Path(__file__).resolve().parents[2]
KEY = "0f1e2d3c4b5a6978" * 4 + "/+=a"
PASTED = f"\u200b {KEY}\n"
FORMS = [
    form
    for key in (KEY, PASTED)
    for form in (
        key,
        key[::-1],
        key.upper(),
        repr(key)[1:-1],
        json.dumps(key)[1:-1],
        quote(key),
        quote(key, safe=""),
        b64encode(key.encode()).decode(),
        b64encode(key.encode()).decode().rstrip("="),
        key.encode().hex(),
    )
]


def repeating(handler: BaseHTTPRequestHandler) -> None:
    """An account in which the key is everywhere: in names, values, dates, headers, refusals and redirects."""
    key = handler.headers["Api-Token"]
    path = urlsplit(handler.path).path.removeprefix("/api/3/")
    forms = {"text": key, "upper": key.upper(), "base64": b64encode(key.encode()).decode(), key: key, "url": quote(key)}
    row = {"id": key, "updated_timestamp": key, "links": {key: key}, **forms}
    bodies: dict[str, Any] = {
        "tags": {"tags": [{**row, "tag": key}], "meta": {"total": "1"}},
        "fields": {"fields": [{**row, "id": "1", "title": key, "type": key, "perstag": key}]},
        "dealCustomFieldMeta": {"dealCustomFieldMeta": [{"id": "1", "fieldLabel": key, "fieldType": key}]},
        "accountCustomFieldMeta": {"accountCustomFieldMeta": []},
        "customObjects/schemas": {"schemas": [{"id": "1", "slug": key.lower(), "description": key, "fields": []}]},
        "users": {"message": key, key: [key]},
        "deals": {"deals": [], "meta": {"total": key}},
        "lists": {},
    }
    refusal = {"message": f"Odd {key}", "errors": [{"title": key, "detail": repr(key)}]}
    status = 302 if path == "lists" else 200 if path in bodies else 400
    headers = {"X-Key": key, "RateLimit-Limit": key, "Location": f"https://elsewhere.example/?key={quote(key)}"}
    answering(status, json.dumps(bodies.get(path, refusal)), **headers)(handler)


@pytest.fixture
def repeater() -> Iterator[str]:
    with server(repeating) as (url, _):
        yield url


def printed(folder: Path, command: str, *, environment: dict[str, str] | None = None, **files: Any) -> str:
    """Everything that a command prints, of whatever kind."""
    arguments = [sys.executable, "-m", "source_activecampaign", command, "--debug"]
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
        arguments += [f"--{name}", str(folder / f"{name}.json")]
    done = subprocess.run(
        arguments,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    return done.stdout + done.stderr


def found_in(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


@pytest.mark.parametrize("environment", [{}, {"LOG_LEVEL": "debug"}])
def test_given_a_server_that_repeats_the_key_when_used_then_no_output_has_it(
    tmp_path: Path, repeater: str, environment: dict[str, str]
) -> None:
    config = {"api_url": repeater, "api_key": PASTED, "requests_per_second": 100}
    check = printed(tmp_path, "check", environment=environment, config=config)
    assert '"FAILED"' in check
    assert "Odd ****" in check
    assert found_in(check) == []

    discovered = printed(tmp_path, "discover", environment=environment, config=config)
    assert found_in(discovered) == []
    [line] = [line for line in discovered.splitlines() if '"type":"CATALOG"' in line]
    streams = json.loads(line)["catalog"]["streams"]

    catalog = configured(streams, "tags", "lists", "users", "contact_custom_fields", "forms")
    read = printed(tmp_path, "read", environment=environment, config=config, catalog=catalog)
    assert '"tag":"****"' in read
    assert "Odd ****" in read
    assert "redirects to another address" in read
    assert found_in(read) == []


def test_given_a_state_with_the_key_when_read_then_not_in_the_new_one(tmp_path: Path, repeater: str) -> None:
    config = {"api_url": repeater, "api_key": PASTED, "requests_per_second": 100}
    stream = {"name": "tags", "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
    catalog = {"streams": [{"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append"}]}
    kept = {"updated_timestamp": "2024-01-01T00:00:00", KEY: KEY}
    state = [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "tags"}, "stream_state": kept}}]
    assert found_in(printed(tmp_path, "read", config=config, catalog=catalog, state=state)) == []


@pytest.mark.parametrize("inside", ["\n", "\u00e9", "\ud800", "ключ"])
@pytest.mark.parametrize("command", ["check", "discover"])
def test_given_a_key_that_no_header_carries_when_used_then_it_is_not_printed(
    tmp_path: Path, repeater: str, command: str, inside: str
) -> None:
    text = printed(tmp_path, command, config={"api_url": repeater, "api_key": f"{KEY}{inside}{KEY}"})
    assert "The API Key has characters that no key has" in text
    assert found_in(text) == []


def test_given_a_configuration_of_airbytes_connector_then_only_the_control_message_has_the_key(
    tmp_path: Path, repeater: str
) -> None:
    text = printed(tmp_path, "check", config={"account_username": repeater, "api_key": PASTED})
    [control] = [line for line in text.splitlines() if '"type":"CONTROL"' in line]
    assert json.loads(control)["control"]["connectorConfig"]["config"] == {"api_url": repeater, "api_key": PASTED}
    assert found_in(text.replace(control, "")) == []
