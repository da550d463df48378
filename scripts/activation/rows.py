"""Rows of DuckDB as lines of the Airbyte protocol: every value with its type, and with all of its digits.

https://docs.airbyte.com/platform/understanding-airbyte/airbyte-protocol
"""

import base64
import json
import math
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timezone
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any

import orjson

_INTEGERS = "tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint uhugeint"
_WALL_CLOCK = {"format": "date-time", "airbyte_type": "timestamp_without_timezone"}
# What DuckDB's types are in JSON, by what its Python calls them; every other one is a string.
_TYPES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    **{kind: ("integer", {}) for kind in _INTEGERS.split()},
    **{kind: ("number", {}) for kind in ("float", "double", "decimal")},
    **{kind: ("array", {}) for kind in ("list", "array")},
    **{kind: ("object", {}) for kind in ("struct", "map")},
    **dict.fromkeys(("timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"), ("string", _WALL_CLOCK)),
    "timestamp with time zone": ("string", {"format": "date-time", "airbyte_type": "timestamp_with_timezone"}),
    "date": ("string", {"format": "date"}),
    "boolean": ("boolean", {}),
}


def schema_of(types: Mapping[str, str]) -> dict[str, Any]:
    """The JSON schema of rows, given the types of their columns.

    >>> schema_of({"plan": "varchar", "seats": "bigint"})["properties"]
    {'plan': {'type': ['null', 'string']}, 'seats': {'type': ['null', 'integer']}}
    """
    described = {name: _TYPES.get(kind, ("string", {})) for name, kind in types.items()}
    properties = {name: {"type": ["null", kind], **more} for name, (kind, more) in described.items()}
    return {"type": "object", "properties": properties}


def record(stream: str, columns: Sequence[str], values: Sequence[Any]) -> bytes:
    r"""The line of a row; a column that is null is in it, too.

    >>> record("contacts", ["email", "plan"], ["ann@example.com", None]).split(b', "emitted_at"')[0][:79]
    b'{"type":"RECORD","record":{"stream":"contacts","data":{"email":"ann@example.com'
    """
    data = {name: plain(value) for name, value in zip(columns, values, strict=True)}
    return _line("RECORD", record={"stream": stream, "data": data, "emitted_at": int(time.time() * 1000)})


def state(stream: str, rows: int) -> bytes:
    """The line of a state that covers so many rows of a stream."""
    described = {"stream_descriptor": {"name": stream}, "stream_state": {"rows": rows}}
    return _line("STATE", state={"type": "STREAM", "stream": described})


def _line(kind: str, **message: Any) -> bytes:
    return orjson.dumps({"type": kind, **message}, option=orjson.OPT_APPEND_NEWLINE)


def plain(value: Any) -> Any:
    """A value as JSON has it. What JSON has not becomes a text: of a NaN, too, so that it does not pass for null.

    A DECIMAL has no more digits than its value needs: whoever wants 1.50 in a text makes a text of it in the query.

    >>> plain([date(2026, 11, 24), {"since": None}, float("nan"), b"x"])
    ['2026-11-24', {'since': None}, 'nan', 'eA==']
    >>> plain(datetime(2026, 11, 24, 12, 30))
    '2026-11-24T12:30:00'
    """
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else orjson.Fragment(str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return orjson.Fragment(_digits(value)) if value.is_finite() else str(value)
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(timezone.utc).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, (date, time_of_day)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def _digits(number: Decimal) -> str:
    digits = f"{number:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def reading_of(kind: Any) -> Callable[[Any], Any] | None:
    """What makes of values of a type what they say, where DuckDB's Python does not; None where it does.

    `kind` is the type as DuckDB describes a column. JSON comes as a text, and a FLOAT, which has 32 bits, as a number
    of 64 with more digits than it had; both may be in lists and structs.
    """
    if str(kind) == "JSON":
        return parsed
    if kind.id == "float":
        return shortest
    if kind.id in ("list", "array"):
        read = reading_of(dict(kind.children)["child"])
        return read and (lambda value: value and [read(one) for one in value])
    if kind.id == "struct" and (members := {name: read for name, one in kind.children if (read := reading_of(one))}):
        return lambda value: value and {**value, **{name: read(value[name]) for name, read in members.items()}}
    return None


def shortest(number: float | None) -> float | None:
    """A number of 32 bits with no more digits than tell it from all others of 32 bits.

    >>> shortest(0.10000000149011612), shortest(16777216.0), shortest(3.4028234663852886e38)
    (0.1, 16777216.0, 3.4028235e+38)
    """
    if number is None or not math.isfinite(number):
        return number
    # 9 digits are always enough.
    texts = (f"{number:.{digits}g}" for digits in range(1, 10))
    return next(float(text) for text in texts if struct.unpack("f", struct.pack("f", float(text)))[0] == number)


def parsed(text: str | None) -> Any:
    """The value of a JSON column, with the digits of its numbers as they are written.

    >>> parsed('{"price": 1.10}')
    {'price': Decimal('1.10')}
    """
    try:
        return None if text is None else json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return text
