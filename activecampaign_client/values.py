"""From the API's values to the types that the schemas declare, and back.

The API sends most numbers and flags as strings, times in Chicago's offset or in none, zero dates, and `[]`
for an empty object (recorded answers; https://developers.activecampaign.com/reference/overview). Each
function here takes one value and returns it in its type, or raises ValueError where it does not fit: `to_...` what the
API sent, `write_...` what it is to be sent.

Numbers reach the output exactly. A JSON number is given only where a 64-bit integer or a double prints the same
decimal value: `"100.10"` is `100.1`, and `0.1` stays. Any other number does not fit its type, and is passed on as its
text: an integer over 64 bits, a decimal that a double would round, one that is not finite. A text loses nothing
on the way, and a JSON number would, although it could be written: PyAirbyte reads it as a double (of
12345678901234567890.12 DuckDB then stores ...8227.58, of the same as text every digit), and Airbyte's destinations make
a number of a text where their column has room for it. Ids are texts, so they keep any number of digits.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from activecampaign_client.exact_json import Digits, fits_64_bits, has_half_character, json_number

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
    if type(value) is str:
        return value
    if isinstance(value, str):
        return as_it_came(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    return str(value)


def to_integer(value: Any) -> Any:
    """An integer of at most 64 bits, as destinations have them.

    >>> to_integer("12"), to_integer("12.00"), to_integer("")
    (12, 12, None)
    """
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _INTEGER.fullmatch(text):
            return _of_64_bits(int(text.partition(".")[0]))
    elif isinstance(value, int):
        if not isinstance(value, bool):
            return _of_64_bits(value)
    elif isinstance(value, float) and value.is_integer():
        return _of_64_bits(int(value))
    raise ValueError


def _of_64_bits(whole: int) -> int:
    if fits_64_bits(whole):
        return whole
    raise ValueError


def to_number(value: Any) -> Any:
    """A number of the same decimal value.

    >>> to_number("100.99"), to_number("7"), to_number("")
    (100.99, 7, None)
    """
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _NUMBER.fullmatch(text):
            return json_number(text)
    elif isinstance(value, int):
        if not isinstance(value, bool):
            return _of_64_bits(value)
    elif isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError


def as_it_came(value: Any) -> Any:
    """A value that does not fit its type, for a record: a number that is kept as its text is a text like any other."""
    return str(value) if isinstance(value, Digits) else value


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


# ---- what the API is sent ---------------------------------------------------------------------------------------

# No float has more digits before or after its point. A decimal may claim any number of them, in a few bytes.
_MOST_DIGITS = 324


def write_text(value: Any) -> str:
    """A text as it is; numbers without an exponent, flags as `true` and `false`, dates and times as ISO.

    A text with half a surrogate pair in it raises ValueError: something else would be written than was meant.

    >>> write_text("007"), write_text(12.0), write_text(True), write_text(date(2018, 12, 31))
    ('007', '12', 'true', '2018-12-31')
    """
    if isinstance(value, str):
        if has_half_character(value):
            raise ValueError
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    return _digits(_decimal(value))


def write_number(value: Any) -> str | None:
    """A number as the string that the API takes, with all its digits; None where it is empty.

    >>> write_number(100.99), write_number(Decimal("1E+3")), write_number("7"), write_number(" ")
    ('100.99', '1000', '7', None)
    """
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        if not _NUMBER.fullmatch(value):
            raise ValueError
    return _digits(_decimal(value))


def write_cents(value: Any) -> int | None:
    """Money as an integer; a part of a cent does not fit.

    >>> write_cents(9999), write_cents("9999.00"), write_cents("")
    (9999, 9999, None)
    """
    digits = write_number(value)
    if digits is None:
        return None
    if not _INTEGER.fullmatch(digits):
        raise ValueError
    return int(digits.partition(".")[0])


def write_date(value: Any) -> str | None:
    """A date as YYYY-MM-DD; a time of day other than midnight does not fit.

    >>> write_date(date(2018, 12, 31)), write_date("2018-12-31 00:00:00")
    ('2018-12-31', '2018-12-31')
    """
    day: str | None = to_date(value.isoformat() if isinstance(value, date) else value)
    return day


def write_moment(value: Any) -> str | None:
    """A timestamp in UTC, as ISO 8601 with its offset; one without an offset does not fit, as its zone is unknown.

    >>> write_moment("2020-05-19T02:45:00-05:00"), write_moment(datetime(2020, 5, 19, 7, 45, tzinfo=timezone.utc))
    ('2020-05-19T07:45:00+00:00', '2020-05-19T07:45:00+00:00')
    """
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError
        try:
            # Offsets can have seconds, which `to_utc` does not know, as the API has none.
            value = value.astimezone(timezone.utc).isoformat()
        except OverflowError:
            raise ValueError from None
    moment: str | None = to_utc(value)
    return moment and f"{moment.removesuffix('Z')}+00:00"


def _decimal(value: Any) -> Decimal:
    """A number as it is; a float that is no integer of 64 bits as what it is printed as, which reads as the same."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        raise ValueError
    try:
        if isinstance(value, float):
            whole = value.is_integer() and fits_64_bits(int(value))
            number = Decimal(int(value) if whole else repr(value))
        else:
            number = Decimal(value.strip() if isinstance(value, str) else value)
    except ArithmeticError:
        raise ValueError from None
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError
    return number


def _digits(number: Decimal) -> str:
    digits = f"{number:f}"
    if not math.isfinite(float(digits)):
        raise ValueError
    return digits
