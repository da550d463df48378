"""The protocol's lines: what comes on stdin, and the states that go back.

A line goes past the models of the CDK and PyAirbyte, which end a sync at a type they do not know or at an `emitted_at`
with a fraction, and drop what they do not know from a state. Only a record and a state mean something here.
https://docs.airbyte.com/platform/understanding-airbyte/airbyte-protocol
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from activecampaign_client import exact_json

# A stream by its name and namespace.
StreamName = tuple[str, str | None]


class Record(NamedTuple):
    """A row of a stream."""

    stream: StreamName
    data: Mapping[str, Any]


class State(NamedTuple):
    """A state as it came. It covers one stream, or all of them where `stream` is None.

    One of a shape that the protocol does not have `is_known` not: it is passed on as it is.
    """

    line: str
    stream: StreamName | None
    is_known: bool


class Other(NamedTuple):
    """A message that means nothing to a destination, by its type: LOG, TRACE, CONTROL, or one that is not known."""

    type: str


class Unreadable(NamedTuple):
    """A line that is no message; `of` is the type that it has all the same, as where it was cut off, or is empty."""

    line: str
    of: str


def read(line: bytes) -> Record | State | Other | Unreadable:
    r"""What a line is.

    >>> read(b'{"type":"RECORD","record":{"stream":"people","data":{"id":1},"emitted_at":1.5,"namespace":null}}')
    Record(stream=('people', None), data={'id': 1})
    >>> read(b'{"type":"LOG","log":{"level":"INFO","message":"reading"}}')
    Other(type='LOG')
    >>> read(b'{"type":"RECORD","record":{"stream":"peo').of
    'RECORD'
    """
    try:
        message = exact_json.loads(line)
    except ValueError:
        begin = _TYPE.match(line)
        return Unreadable(_text(line), begin[1].decode() if begin else "")
    if not isinstance(message, dict):
        return Unreadable(_text(line), "")
    kind = message.get("type")
    if kind == "RECORD":
        # Of bytes that are no UTF-8 nobody knows which characters were meant.
        record = _record(message.get("record")) if _is_utf8(line) else None
        return record or Unreadable(_text(line), "RECORD")
    if kind == "STATE":
        return _state(message.get("state"), _text(line))
    return Other(kind) if isinstance(kind, str) else Unreadable(_text(line), "")


_TYPE = re.compile(rb'\s*\{\s*"type"\s*:\s*"(RECORD|STATE)"')


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape").rstrip("\r\n")


def _record(record: Any) -> Record | None:
    if not isinstance(record, dict):
        return None
    name, data = record.get("stream"), record.get("data")
    if not isinstance(name, str) or not isinstance(data, dict):
        return None
    return Record((name, _namespace(record)), data)


def _namespace(described: Mapping[str, Any]) -> str | None:
    namespace = described.get("namespace")
    return namespace if isinstance(namespace, str) and namespace else None


def _state(state: Any, line: str) -> State:
    if not isinstance(state, dict):
        return State(line, None, False)
    stream, kind = state.get("stream"), state.get("type")
    if isinstance(stream, dict) and kind in ("STREAM", None):
        described = stream.get("stream_descriptor")
        if isinstance(described, dict) and isinstance(name := described.get("name"), str):
            return State(line, (name, _namespace(described)), True)
    is_global = kind == "GLOBAL" and any(isinstance(state.get(name), dict) for name in ("global", "global_"))
    return State(line, None, is_global or (kind in ("LEGACY", None) and state.get("data") is not None))


def with_stats(line: str, records: int, rejected: int) -> str:
    """The line of a state with the `destinationStats` of so many records; nothing else of it changes, not a digit.

    PyAirbyte's `global_`, which Airbyte would not find, leaves as `global`.

    >>> with_stats('{"type":"STATE","state":{"type":"STREAM","stream":{"at":1.50}}}', 3, 1)
    '{"type":"STATE","state":{"type":"STREAM","stream":{"at":1.50},"destinationStats":{"recordCount":3.0,\
"rejectedRecordCount":1.0}}}'
    """
    stats = f'{{"recordCount":{records}.0,"rejectedRecordCount":{rejected}.0}}'
    begin, end = _members(line, _after_space(line, 0))["state"].value
    members = _members(line, begin)
    edits = []
    if "destinationStats" in members:
        edits.append((members["destinationStats"].value, stats))
    else:
        edits.append(((end - 1, end - 1), f'{"," if members else ""}"destinationStats":{stats}'))
    if (misnamed := members.get("global_")) and line[slice(*misnamed.value)] != "null":
        if present := members.get("global"):
            edits.append((present.value, line[slice(*misnamed.value)]))
        else:
            edits.append((misnamed.name, '"global"'))
    for (first, last), text in sorted(edits, reverse=True):
        line = line[:first] + text + line[last:]
    return line


class _Member(NamedTuple):
    """Where the name and the value of a member of an object stand in a text."""

    name: tuple[int, int]
    value: tuple[int, int]


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)
_SPACE = re.compile(r"[ \t\r\n\ufeff]*")


def _members(text: str, begin: int) -> dict[str, _Member]:
    return dict(_each_member(text, begin))


def _each_member(text: str, begin: int) -> Iterator[tuple[str, _Member]]:
    """The members of the JSON object that begins at a place of a text."""
    at = _after_space(text, begin + 1)
    while text[at] != "}":
        name, after_name = _DECODER.raw_decode(text, at)
        value = _after_space(text, _after_space(text, after_name) + 1)
        _, after_value = _DECODER.raw_decode(text, value)
        yield name, _Member((at, after_name), (value, after_value))
        at = _after_space(text, after_value)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def _after_space(text: str, begin: int) -> int:
    match = _SPACE.match(text, begin)
    return match.end() if match else begin


def analytics(kind: str, value: Mapping[str, Any]) -> str:
    """The line of the protocol's message for figures about a sync, of a type of ours."""
    text = orjson.dumps(value).decode()
    trace = {"type": "ANALYTICS", "emitted_at": time.time() * 1000, "analytics": {"type": kind, "value": text}}
    return orjson.dumps({"type": "TRACE", "trace": trace}).decode()
