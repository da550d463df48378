"""What holds for every stream, and the spec as users see it."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import requests_mock
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from hypothesis import given

from activecampaign_client.address import api_root
from activecampaign_client.pasted import trimmed
from source_activecampaign import SourceActiveCampaign
from source_activecampaign.schemas import resource, stream_schema
from source_activecampaign.source import declared_streams, load_manifest
from unit_tests.client.test_address import URLS
from unit_tests.source.conftest import API, config, discover

MANIFEST = load_manifest()
STREAMS = sorted(declared_streams(MANIFEST))
SCHEMAS = sorted(path.stem for path in resource("schemas").glob("*.json"))
GOLDEN_SPEC = Path(__file__).parent / "golden" / "spec.json"
AIRBYTES_NAMES = {"campaigns", "contacts", "lists", "deals", "segments", "forms", "accounts"}


@pytest.fixture(scope="module")
def discovered():
    """The streams of an account without custom fields and custom objects."""
    with requests_mock.Mocker() as mocker:
        mocker.get(f"{API}/customObjects/schemas", status_code=404, json={})
        mocker.get(f"{API}/users/me", json={"user": {"id": "1"}})
        return discover(config(deals_access="full"))


def test_airbytes_names_are_kept(discovered):
    assert set(discovered) >= AIRBYTES_NAMES


def test_names_are_snake_case(discovered):
    assert [name for name in discovered if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)] == []


def test_the_stream_of_the_check_is_not_in_the_catalog(discovered):
    assert "me" not in discovered


def test_every_stream_has_a_primary_key_that_its_schema_has(discovered):
    without = {
        name: stream.source_defined_primary_key
        for name, stream in discovered.items()
        if not stream.source_defined_primary_key
        or any(key[0] not in stream.json_schema["properties"] for key in stream.source_defined_primary_key)
    }
    assert without == {}


def test_every_incremental_stream_has_a_cursor_that_its_schema_has(discovered):
    for name, stream in discovered.items():
        if "incremental" in [mode.value for mode in stream.supported_sync_modes]:
            [field] = stream.default_cursor_field
            assert stream.json_schema["properties"][field].get("format") == "date-time", name
            assert stream.source_defined_cursor is True, name


def test_every_date_by_which_rows_count_as_changed_is_in_the_schema():
    """Else its values would not be brought to one form. That outcomes of tasks have it is not documented."""
    unknown = {
        (name, date)
        for name, stream in declared_streams(MANIFEST).items()
        for date in stream["$parameters"].get("other_dates", [])
        if stream_schema(name)["properties"].get(date, {}).get("format") != "date-time"
    }
    assert unknown == {("task_outcomes", "udate")}


def test_every_stream_has_a_schema_file_with_a_description(discovered):
    assert [name for name in discovered if name not in SCHEMAS] == []
    assert [name for name in discovered if not stream_schema(name).get("description")] == []


def test_every_schema_file_has_its_stream(discovered):
    assert [name for name in SCHEMAS if name not in discovered] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema(name):
    schema = stream_schema(name)
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is True
    assert schema["description"].endswith(".")
    assert "x-references" not in json.dumps(schema)
    for path, field in walk(schema):
        kinds = field["type"]
        assert isinstance(kinds, list), path
        assert kinds.count("null") == 1, path
        assert len(kinds) > 1, path
        if path.endswith(("/id", "_id")):
            assert "string" in kinds, path
        if field.get("format") == "date-time":
            assert field["airbyte_type"] in {"timestamp_with_timezone", "timestamp_without_timezone"}, path
        if "array" in kinds:
            assert "items" in field, path


def walk(schema, path=""):
    """Every property of a schema, nested ones and the items of arrays included."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}/{name}", field
        yield from walk(field, f"{path}/{name}")
        if isinstance(field.get("items"), dict) and field["items"]:
            yield f"{path}/{name}[]", field["items"]
            yield from walk(field["items"], f"{path}/{name}[]")


def test_references_point_to_streams():
    for path in resource("schemas").glob("*.json"):
        for name, field in json.loads(path.read_text())["properties"].items():
            if "x-references" in field:
                assert field["x-references"] in SCHEMAS, f"{path.stem}.{name}"
                assert "string" in field["type"] or "array" in field["type"], f"{path.stem}.{name}"


def test_every_stream_is_preceded_by_the_page_it_is_documented_on():
    page, without = None, []
    for line in (
        resource("manifest.yaml").read_text().split("\nstreams:\n")[1].split("\ndynamic_streams:\n")[0].splitlines()
    ):
        if line.startswith(("  # https://developers.activecampaign.com/reference/", "  # no page")):
            page = line
        elif line.startswith("  - "):
            without += [line] if page is None else []
            page = None if "ConditionalStreams" not in line else page
    assert without == []


def test_nothing_deprecated_is_used():
    source = ConcurrentDeclarativeSource(
        catalog=None, config=config(), state=None, source_config=load_manifest(), migrate_manifest=False
    )
    assert source.deprecation_warnings() == []


def test_the_manifest_says_what_it_must():
    requester = json.dumps(MANIFEST["definitions"]["requester"])
    assert "Retry-After" in requester
    assert json.dumps(MANIFEST["definitions"]["paginator"]).count('"page_size": 100') == 1


def spec() -> dict:
    found = SourceActiveCampaign().spec(None)
    return {"documentationUrl": found.documentationUrl, "connectionSpecification": found.connectionSpecification}


def test_the_spec_is_the_one_that_was_agreed_on():
    """To change the spec deliberately, write `spec()` to golden/spec.json."""
    assert spec() == json.loads(GOLDEN_SPEC.read_text())


@given(URLS)
def test_the_form_accepts_every_url_that_the_connector_accepts(text):
    try:
        root = api_root(text)
    except ValueError:
        return
    pattern = spec()["connectionSpecification"]["properties"]["api_url"]["pattern"]
    assert re.search(pattern, trimmed(text))
    assert re.search(pattern, root)


def test_the_form_reads_the_bounds_of_every_number():
    """Airbyte's web form knows minimum and maximum, and no other bound."""
    numbers = [
        one for one in spec()["connectionSpecification"]["properties"].values() if one["type"] in ("integer", "number")
    ]
    assert len(numbers) >= 3
    assert [one for one in numbers if "minimum" not in one or "exclusiveMinimum" in one] == []


def test_the_spec_has_the_keys_of_the_contract():
    connection = spec()["connectionSpecification"]
    assert connection["required"] == ["api_url", "api_key"]
    assert connection["properties"]["api_key"]["airbyte_secret"] is True
    # Whatever else there is stands in golden/spec.json.
    assert {name: one.get("default") for name, one in connection["properties"].items()}.items() >= {
        "api_url": None,
        "api_key": None,
        "start_date": None,
        "custom_fields": "columns",
        "deals_access": "auto",
        "requests_per_second": 5,
        "lookback_hours": 24,
        "num_workers": 8,
    }.items()
    assert connection["properties"]["custom_fields"]["enum"] == ["columns", "object", "off"]
    assert connection["properties"]["deals_access"]["enum"] == ["auto", "full", "partial"]
    orders = [one["order"] for one in connection["properties"].values()]
    assert orders == sorted(set(orders))


@pytest.mark.parametrize(
    ("settings", "fits"),
    [
        ({"api_url": "acme", "api_key": "k"}, True),
        ({"account_username": "acme", "api_key": "k"}, False),
        ({"api_url": "acme", "api_key": "k", "start_date": "2024-01-01"}, True),
        ({"api_url": "acme", "api_key": "k", "start_date": "2024-01-01T00:00:00.000+0100"}, True),
        ({"api_url": "acme", "api_key": "k", "start_date": "tomorrow"}, False),
        ({"api_url": "acme", "api_key": "k", "requests_per_second": 0}, False),
        ({"api_url": "acme", "api_key": "k", "requests_per_second": 0.5}, True),
        ({"api_url": "acme", "api_key": "k", "lookback_hours": -1}, False),
        ({"api_url": "acme", "api_key": "k", "custom_fields": "json"}, False),
        ({"api_key": "k"}, False),
        ({"api_url": "acme", "api_key": "k", "requests_per_second": 0.05}, False),
        ({"api_url": " https://acme.api-us1.com/api/3/ ", "api_key": "k"}, True),
        ({"api_url": "https://acme.api-us1.com/app/settings", "api_key": "k"}, False),
        ({"api_url": "https://user@acme.api-us1.com", "api_key": "k"}, False),
        ({"api_url": "my account", "api_key": "k"}, False),
    ],
)
def test_what_fits_the_spec(settings, fits):
    assert jsonschema.Draft7Validator(spec()["connectionSpecification"]).is_valid(settings) is fits
