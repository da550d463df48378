"""Airbyte's tools that work on the manifest alone: the CDK's manifest server, and the Connector Builder's back end."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from airbyte_cdk.connector_builder.connector_builder_handler import create_source, get_limits, read_stream
from airbyte_cdk.manifest_server.app import app
from airbyte_cdk.models import AirbyteMessage, ConfiguredAirbyteCatalogSerializer
from fastapi.testclient import TestClient

from emulator import Emulator
from source_activecampaign.source import declared_streams, load_manifest

MANIFEST = load_manifest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    # As Airbyte's own deployment does for manifests with components.
    monkeypatch.setenv("AIRBYTE_ENABLE_UNSAFE_CODE", "true")
    return TestClient(app)


@pytest.fixture
def config(emulator: Emulator) -> dict[str, Any]:
    return {"api_url": emulator.url, "api_key": emulator.api_key, "requests_per_second": 100}


def asked(server: TestClient, command: str, **body: Any) -> dict[str, Any]:
    response = server.post(f"/v1/manifest/{command}", json={"manifest": MANIFEST, **body})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_given_the_manifest_when_resolved_then_every_stream_is_there(server: TestClient) -> None:
    resolved = asked(server, "resolve")["manifest"]
    assert declared_streams(resolved).keys() == declared_streams(MANIFEST).keys()


def test_given_a_configuration_when_checked_then_the_key_decides(server: TestClient, config: dict[str, Any]) -> None:
    assert asked(server, "check", config=config)["success"] is True
    refused = asked(server, "check", config={**config, "api_key": "another key"})
    assert refused["success"] is False
    assert "API key" in refused["message"]


def test_given_a_configuration_when_discovered_then_custom_fields_and_objects_are_columns(
    server: TestClient, config: dict[str, Any]
) -> None:
    streams = {stream["name"]: stream for stream in asked(server, "discover", config=config)["catalog"]["streams"]}
    assert streams.keys() > declared_streams(MANIFEST).keys()
    assert [name for name in streams if name.startswith("custom_object_") and name != "custom_object_schemas"]
    assert [column for column in streams["contacts"]["json_schema"]["properties"] if column.startswith("custom_")]


def test_given_custom_objects_when_fully_resolved_then_they_are_streams(
    server: TestClient, config: dict[str, Any]
) -> None:
    streams = asked(server, "full_resolve", config=config, stream_limit=3)["manifest"]["streams"]
    assert [stream for stream in streams if str(stream.get("name")).startswith("custom_object_")]


@pytest.mark.parametrize(
    ("stream", "pages", "rows"),
    [("contacts", 1, [[100]]), ("contacts", 2, [[100, 99]]), ("contacts", 5, [[100, 99, 51]]), ("tags", 5, [[24]])],
)
def test_given_a_page_limit_when_test_read_then_so_many_pages_and_their_answers(
    server: TestClient, config: dict[str, Any], stream: str, pages: int, rows: list[list[int]]
) -> None:
    read = asked(
        server,
        "test_read",
        config=config,
        stream_name=stream,
        state=[],
        record_limit=1000,
        page_limit=pages,
        slice_limit=5,
    )
    assert [[len(page["records"]) for page in slice_["pages"]] for slice_ in read["slices"]] == rows
    for page in read["slices"][0]["pages"]:
        assert page["response"]["status"] == 200
        assert f"/api/3/{stream}" in page["request"]["url"]
    assert config["api_key"] not in json.dumps(read)


def test_given_a_pasted_key_when_test_read_then_it_is_used_and_not_shown(
    server: TestClient, config: dict[str, Any]
) -> None:
    limits = {"record_limit": 5, "page_limit": 1, "slice_limit": 1}
    pasted = {**config, "api_key": f"\u200b{config['api_key']}\n"}
    read = asked(server, "test_read", config=pasted, stream_name="tags", state=[], **limits)
    [page] = read["slices"][0]["pages"]
    assert page["request"]["headers"]["Api-Token"] == "****"
    assert config["api_key"] not in json.dumps(read)


@pytest.mark.parametrize("command", ["check", "discover", "full_resolve"])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"requests_per_second": 0}, "The Requests per Second setting has to be a number from 0.1 to 100, not 0."),
        ({"num_workers": "many"}, "The Number of Concurrent Workers setting has to be a whole number from 2 to 32"),
        ({"api_url": "https://a..b"}, "The API URL has a host name that is empty between two dots, or too long."),
        ({"api_key": "\n"}, "The API Key is missing."),
    ],
)
def test_given_a_wrong_value_when_used_then_the_connectors_sentence(
    server: TestClient, config: dict[str, Any], command: str, change: dict[str, Any], sentence: str
) -> None:
    response = server.post(f"/v1/manifest/{command}", json={"manifest": MANIFEST, "config": {**config, **change}})
    assert sentence in response.text


def test_given_a_slice_limit_when_a_stream_below_contacts_is_test_read_then_so_many_contacts(
    server: TestClient, config: dict[str, Any]
) -> None:
    read = asked(
        server,
        "test_read",
        config=config,
        stream_name="contact_notes",
        state=[],
        record_limit=9,
        page_limit=2,
        slice_limit=3,
    )
    assert len(read["slices"]) == 3


def messages(config: dict[str, Any], stream: str, **limits: int) -> Iterator[AirbyteMessage]:
    """What the Builder's back end answers to a test read with these limits."""
    given = {
        **config,
        "__injected_declarative_manifest": deepcopy(MANIFEST),
        "__test_read_config": limits,
        "__command": "test_read",
    }
    stream_config = {"name": stream, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
    catalog = ConfiguredAirbyteCatalogSerializer.load(
        {
            "streams": [
                {"stream": stream_config, "sync_mode": "incremental", "destination_sync_mode": "overwrite"},
            ]
        }
    )
    source = create_source(config=given, limits=get_limits(given), catalog=catalog, state=[])
    yield read_stream(source, given, catalog, [], get_limits(given))


@pytest.mark.parametrize(
    ("limits", "rows"),
    [({"max_records": 10}, 10), ({"max_records": 150}, 150), ({"max_records": 500, "max_pages_per_slice": 2}, 199)],
)
def test_given_the_builders_limits_when_test_read_then_no_more_records(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], limits: dict[str, int], rows: int
) -> None:
    monkeypatch.setenv("AIRBYTE_ENABLE_UNSAFE_CODE", "true")
    [message] = messages(config, "contacts", **limits)
    slices = message.record.data["slices"]
    assert sum(len(page["records"]) for one in slices for page in one["pages"]) == rows
