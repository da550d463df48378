"""From the API's values to the types that the schemas declare.

The API sends most numbers and flags as strings, times in Chicago's offset or in none, zero dates, and `[]`
for an empty object (recorded answers; https://developers.activecampaign.com/reference/overview). Each
function here takes one value and returns it in its type, or raises ValueError where it does not fit.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timezone
from typing import Any

Convert = Callable[[Any], Any]

_ZERO_DATE = "0000-00-00"
_INTEGER = re.compile(r"[+-]?\d+(\.0*)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FLAGS: Mapping[Any, bool | None] = {"0": False, "1": True, "false": False, "true": True, "": None}
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)([T ]00:00(:00(\.0+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_NAIVE = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d?:\d\d)(:\d\d)?(\.\d+)?")
_OFFSET = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d?:\d\d)(:\d\d)?(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)")


def to_string(value: Any) -> Any:
    """An id or text. Numbers become strings, so that ids join whichever way the API sent them.

    >>> to_string(40)
    '40'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    return str(value)


def to_integer(value: Any) -> Any:
    """
    >>> to_integer("12"), to_integer("12.00"), to_integer("")
    (12, 12, None)
    """
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _INTEGER.fullmatch(text):
            return int(text.partition(".")[0])
    raise ValueError


def to_number(value: Any) -> Any:
    """
    >>> to_number("100.99"), to_number("7"), to_number("")
    (100.99, 7, None)
    """
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _NUMBER.fullmatch(text):
            number = int(text) if text.lstrip("+-").isdigit() else float(text)
            if math.isfinite(number):
                return number
    raise ValueError


def to_boolean(value: Any) -> Any:
    """
    >>> to_boolean("1"), to_boolean(0), to_boolean("")
    (True, False, None)
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in _FLAGS:
        return _FLAGS[value.lower()]
    raise ValueError


def to_date(value: Any) -> Any:
    """
    >>> to_date("2018-12-31 00:00:00"), to_date("0000-00-00")
    ('2018-12-31', None)
    """
    if _is_no_date(value):
        return None
    if match := _DATE.fullmatch(_text(value)):
        return date.fromisoformat(match[1]).isoformat()
    raise ValueError


def to_utc(value: Any) -> Any:
    """A timestamp with an offset, in UTC; fractions of a second are kept, to the microsecond.

    >>> to_utc("2019-09-06T11:29:48-05:00"), to_utc("2021-04-16T16:12:22.222685095Z")
    ('2019-09-06T16:29:48Z', '2021-04-16T16:12:22.222685Z')
    """
    if _is_no_date(value):
        return None
    match = _OFFSET.fullmatch(_text(value))
    if not match:
        raise ValueError
    day, minutes, seconds, fraction, offset, _ = match.groups()
    if offset == "Z":
        offset = "+00:00"
    elif len(offset) == 3:
        offset += ":00"
    elif len(offset) == 5:
        offset = f"{offset[:3]}:{offset[3:]}"
    try:
        moment = datetime.fromisoformat(f"{day}T{minutes:0>5}{seconds or ':00'}{offset}").astimezone(timezone.utc)
    except OverflowError:
        raise ValueError from None
    digits = ((fraction or "")[:7]).rstrip("0").rstrip(".")
    return f"{moment.isoformat()[:19]}{digits}Z"


def naive_as_utc(value: Any) -> Any:
    """Like `to_utc`, and a timestamp without an offset is UTC already.

    >>> naive_as_utc("2018-11-06 02:26:07")
    '2018-11-06T02:26:07Z'
    """
    try:
        return to_utc(value)
    except ValueError:
        return f"{to_wall_clock(value)}Z"


def to_wall_clock(value: Any) -> Any:
    """A timestamp without an offset keeps its wall-clock value; the API does not say which zone it is in.

    >>> to_wall_clock("2019-11-22 14:15:37"), to_wall_clock("0000-00-00 00:00:00")
    ('2019-11-22T14:15:37', None)
    """
    if _is_no_date(value):
        return None
    match = _NAIVE.fullmatch(_text(value))
    if not match:
        raise ValueError
    day, minutes, seconds, fraction = match.groups()
    datetime.fromisoformat(f"{day}T{minutes:0>5}{seconds or ':00'}")
    return f"{day}T{minutes:0>5}{seconds or ':00'}{(fraction or '')[:7]}"


def _is_no_date(value: Any) -> bool:
    return isinstance(value, str) and (not value.strip() or value.startswith(_ZERO_DATE))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value.strip()


def converter(schema: Mapping[str, Any]) -> Convert | None:
    """What brings a value to a schema's type; None where any JSON value is as good as it came."""
    types = [kind for kind in _as_list(schema.get("type")) if kind != "null"]
    if len(types) != 1:
        return None
    kind = types[0]
    if kind == "object":
        return _object_converter(schema)
    if kind == "array":
        return _array_converter(schema)
    if kind == "string":
        if schema.get("format") == "date":
            return to_date
        if schema.get("format") == "date-time":
            naive = schema.get("airbyte_type") == "timestamp_without_timezone"
            return to_wall_clock if naive else naive_as_utc if schema.get("x-naive-zone") == "UTC" else to_utc
        return to_string
    return {"integer": to_integer, "number": to_number, "boolean": to_boolean}.get(kind)


def _as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def _object_converter(schema: Mapping[str, Any]) -> Convert:
    fields = field_converters(schema)

    def to_object(value: Any) -> Any:
        if value in ([], ""):
            return None
        if not isinstance(value, dict):
            raise ValueError
        return {key: _convert_or_keep(fields.get(key), item) for key, item in value.items()} if fields else value

    return to_object


def _array_converter(schema: Mapping[str, Any]) -> Convert:
    convert = converter(schema.get("items") or {})

    def to_array(value: Any) -> Any:
        if value == "":
            return None
        if value == {}:
            return []
        if not isinstance(value, list):
            raise ValueError
        return [_convert_or_keep(convert, item) for item in value] if convert else value

    return to_array


def _convert_or_keep(convert: Convert | None, value: Any) -> Any:
    if convert is None or value is None:
        return value
    try:
        return convert(value)
    except ValueError:
        return value


def field_converters(schema: Mapping[str, Any]) -> dict[str, Convert]:
    """The converters of a schema's properties, by name."""
    found = {name: converter(field) for name, field in (schema.get("properties") or {}).items()}
    return {name: convert for name, convert in found.items() if convert}
