"""The example responses of the published API reference, through the streams that read those endpoints.

The emulator knows the API as its authors understood it; these examples are the vendor's own words. Each is served to
the stream that reads its endpoint, and every record has to be exactly what the stream's schema says.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
import requests_mock
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream

from source_activecampaign.schemas import resource
from source_activecampaign.source import SourceActiveCampaign, declared_streams, load_manifest

API = "https://example.api-us1.com/api/3"
CONFIG = {"api_url": "https://example.api-us1.com", "api_key": "x", "requests_per_second": 100, "custom_fields": "off"}
STREAMS = declared_streams(load_manifest())
EXAMPLES: dict[str, Any] = json.loads(Path(__file__).with_name("official_examples.json").read_bytes())
# The reference has a page about these, without an example of their rows.
WITHOUT_EXAMPLE = {"contact_tags"}
# The examples of these are left out of the fixture, for the reason that it gives.
LEFT_OUT = {stream: one["reason"] for one in EXAMPLES["left_out"] for stream in one["streams"]}
# The endpoints of these have an example, in which their rows are an empty list.
WITHOUT_ROWS = {"contact_custom_field_options"}

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_WALL_CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Example(NamedTuple):
    """One example response, and the stream that reads it."""

    stream: str
    path: str
    body: dict[str, Any]

    @property
    def key(self) -> str:
        """The key of the body that the stream's rows are under."""
        return str(STREAMS[self.stream]["$parameters"]["record_key"])

    @property
    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.body[self.key]
        return rows


CASES = [Example(stream, one["path"], one["body"]) for one in EXAMPLES["examples"] for stream in one["streams"]]
CUSTOM_OBJECT = next(one for one in CASES if one.stream == "custom_object_schemas")


def paged(body: dict[str, Any]) -> Any:
    """Answers with a body, page by page: the lists in it, from the offset asked for."""

    def answer(request: Any, _context: Any) -> dict[str, Any]:
        start = int(request.qs.get("offset", ["0"])[0])
        return {key: value[start:] if isinstance(value, list) else value for key, value in body.items()}

    return answer


def serve(mocker: requests_mock.Mocker, example: Example) -> None:
    """Serve an example where its stream asks; where that is below a contact, there is one contact."""
    endpoint = STREAMS[example.stream]["$parameters"]["endpoint"]
    if STREAMS[example.stream]["$ref"].startswith("#/definitions/per_contact"):
        contact = {"id": "1", "cdate": "2024-01-01T00:00:00-06:00", "udate": "2024-01-01T00:00:00-06:00"}
        mocker.get(f"{API}/contacts", json=paged({"contacts": [contact], "meta": {"total": "1"}}))
        endpoint = f"contacts/1/{endpoint}"
    # What stands beside a single contact is at the contact itself, with or without a slash.
    mocker.get(re.compile(re.escape(f"{API}/{endpoint}".rstrip("/")) + r"/?(\?|$)"), json=paged(example.body))


class Streams:
    """All streams of a source, each given away once: a stream remembers what it has read and warned about."""

    def __init__(self) -> None:
        self._left: dict[str, AbstractStream] = {}

    def take(self, name: str) -> AbstractStream:
        """A stream that nothing was read from yet."""
        if name not in self._left:
            with requests_mock.Mocker() as mocker:
                mocker.get(f"{API}/customObjects/schemas", json=paged(CUSTOM_OBJECT.body))
                self._left = {stream.name: stream for stream in SourceActiveCampaign().streams(CONFIG)}
        return self._left.pop(name)


@pytest.fixture(scope="module")
def streams() -> Streams:
    return Streams()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the connector logs; its logger does not pass it on."""
    logger = logging.getLogger("airbyte")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def read(stream: AbstractStream) -> list[dict[str, Any]]:
    return [dict(record.data) for partition in stream.generate_partitions() for record in partition.read()]


def faults(schema: Mapping[str, Any], value: Any, where: str = "") -> Iterator[str]:
    """What JSON Schema alone does not see, at any depth: undeclared fields and the forms of dates and times."""
    if isinstance(value, dict):
        properties = schema.get("properties")
        for key, item in value.items():
            if properties is None:
                continue
            if key in properties:
                yield from faults(properties[key], item, f"{where}.{key}")
            else:
                yield f"{where}.{key} is not declared"
    elif isinstance(value, list):
        for item in value:
            yield from faults(schema.get("items", {}), item, f"{where}[]")
    elif isinstance(value, str) and "format" in schema:
        naive = schema.get("airbyte_type") == "timestamp_without_timezone"
        form = _DATE if schema["format"] == "date" else _WALL_CLOCK if naive else _TIMESTAMP
        if not form.fullmatch(value):
            yield f"{where} has {value!r}, which is not in the form {form.pattern}"


def lost(row: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """The fields of a row that have a value, and none any more in the record made of it."""
    empty = [key for key, value in row.items() if value in (None, "", []) or str(value).startswith("0000-00-00")]
    return [key for key in row if key not in empty and record.get(key) is None]


def check(stream: AbstractStream, records: list[dict[str, Any]], log: pytest.LogCaptureFixture) -> None:
    """Every record is exactly what the schema of the stream says, and nothing was found not to fit it."""
    schema = stream.get_json_schema()
    validator = jsonschema.Draft7Validator(schema)
    for record in records:
        assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(record)] == []
        assert list(faults(schema, record)) == []
    assert [line for line in log.messages if "does not fit" in line] == []


@pytest.mark.parametrize(
    "example",
    [pytest.param(one, id=f"{one.stream}-{one.path}") for one in CASES]
    + [pytest.param(None, id=name, marks=pytest.mark.skip(reason=f"{name}: {why}")) for name, why in LEFT_OUT.items()],
)
def test_given_an_official_example_when_read_then_every_row_arrives_as_the_schema_says(
    example: Example, streams: Streams, requests_mock: requests_mock.Mocker, log: pytest.LogCaptureFixture
) -> None:
    stream = streams.take(example.stream)
    serve(requests_mock, example)

    records = read(stream)

    assert [str(one.get("id")) for one in records] == [str(row.get("id")) for row in example.rows]
    assert [lost(row, record) for row, record in zip(example.rows, records, strict=True) if lost(row, record)] == []
    check(stream, records, log)


def test_given_the_official_custom_object_when_read_then_its_records_fit_the_schema_made_from_it(
    streams: Streams, requests_mock: requests_mock.Mocker, log: pytest.LogCaptureFixture
) -> None:
    [schema], records = CUSTOM_OBJECT.rows, EXAMPLES["custom_object"]["body"]
    stream = streams.take(f"custom_object_{schema['slug']}")
    requests_mock.get(f"{API}/customObjects/schemas", json=paged(CUSTOM_OBJECT.body))
    requests_mock.get(f"{API}/customObjects/records/{schema['id']}", json=paged(records))

    [record] = read(stream)

    assert record["id"] == records["records"][0]["id"]
    check(stream, [record], log)


def documented() -> set[str]:
    """The streams above whose entries the manifest has the address of a page."""
    found, page = set(), False
    for line in resource("manifest.yaml").read_text().split("\nstreams:\n")[1].splitlines():
        if line.startswith(("  # https://", "  # no page")):
            page = "https://" in line
        elif name := re.search(r"\bname: (\w+)", line):
            found |= {name[1]} if page else set()
    return found & STREAMS.keys()


def test_given_the_streams_when_compared_with_the_examples_then_a_documented_one_has_an_example() -> None:
    with_example = {one.stream for one in CASES}
    assert with_example <= STREAMS.keys()
    assert with_example.isdisjoint(LEFT_OUT)
    assert documented() - with_example - LEFT_OUT.keys() == WITHOUT_EXAMPLE
    assert with_example - {one.stream for one in CASES if one.rows} == WITHOUT_ROWS
