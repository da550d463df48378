"""Each converter, by tables: what fits, what is empty, what does not fit; from the API and back to it."""

import doctest
import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import values
from activecampaign_client.exact_json import Digits
from activecampaign_client.values import (
    converter,
    field_converters,
    to_boolean,
    to_date,
    to_integer,
    to_number,
    to_string,
    to_utc,
    to_wall_clock,
    write_cents,
    write_date,
    write_moment,
    write_number,
    write_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [("40", "40"), (40, "40"), (0, "0"), (-1, "-1"), ("", ""), ("007", "007"), (" a ", " a "), (1.5, "1.5")],
)
def test_to_string(value, text):
    assert to_string(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12", 12),
        (12, 12),
        (12.0, 12),
        ("12.00", 12),
        ("12.", 12),
        (" 12 ", 12),
        ("-3", -3),
        ("+3", 3),
        ("007", 7),
        ("9223372036854775807", 2**63 - 1),
        (-(2**63), -(2**63)),
        (1e18, 10**18),
        ("", None),
        ("  ", None),
    ],
)
def test_to_integer(value, number):
    converted = to_integer(value)
    assert converted == number
    assert type(converted) is type(number)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("100.99", 100.99),
        ("7", 7),
        (7, 7),
        (0.5, 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1e3", -1000.0),
        ("9223372036854775807", 2**63 - 1),
        ("100.10", 100.1),
        ("0.1", 0.1),
        ("1" + "0" * 30, 1e30),
        ("1234567890123.45", 1234567890123.45),
        ("", None),
        (" ", None),
    ],
)
def test_to_number(value, number):
    converted = to_number(value)
    assert converted == number
    assert type(converted) is type(number)


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        ("1", True),
        ("0", False),
        (1, True),
        (0, False),
        (True, True),
        (False, False),
        ("true", True),
        ("False", False),
        ("", None),
    ],
)
def test_to_boolean(value, flag):
    assert to_boolean(value) is flag


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("2018-12-31", "2018-12-31"),
        (" 2018-12-31 ", "2018-12-31"),
        ("2018-12-31 00:00:00", "2018-12-31"),
        ("2018-12-31T00:00:00-06:00", "2018-12-31"),
        ("2018-12-31T00:00:00.000Z", "2018-12-31"),
        ("2024-02-29", "2024-02-29"),
        ("0000-00-00", None),
        ("0000-00-00 00:00:00", None),
        ("", None),
    ],
)
def test_to_date(value, date):
    assert to_date(value) == date


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2019-09-06T11:29:48-05:00", "2019-09-06T16:29:48Z"),
        # Chicago's clocks: standard time, the two sides of the change in spring and of the one in autumn
        ("2020-01-15T18:30:00-06:00", "2020-01-16T00:30:00Z"),
        ("2020-03-08T01:59:59-06:00", "2020-03-08T07:59:59Z"),
        ("2020-03-08T03:00:00-05:00", "2020-03-08T08:00:00Z"),
        ("2020-11-01T01:30:00-05:00", "2020-11-01T06:30:00Z"),
        ("2020-11-01T01:30:00-06:00", "2020-11-01T07:30:00Z"),
        ("2020-12-31T23:00:00-06:00", "2021-01-01T05:00:00Z"),
        ("2020-05-24T10:15:43+00:00", "2020-05-24T10:15:43Z"),
        ("2020-05-24 10:15:43+05:30", "2020-05-24T04:45:43Z"),
        ("2020-05-24T10:15:43-0500", "2020-05-24T15:15:43Z"),
        ("2020-05-24T10:15:43-05", "2020-05-24T15:15:43Z"),
        ("2020-05-24T10:15Z", "2020-05-24T10:15:00Z"),
        ("2021-04-16T16:12:22.222685095Z", "2021-04-16T16:12:22.222685Z"),
        ("2021-04-16T16:12:22.500-05:00", "2021-04-16T21:12:22.5Z"),
        ("2021-04-16T16:12:22.000Z", "2021-04-16T16:12:22Z"),
        ("0000-00-00 00:00:00", None),
        ("0000-00-00T00:00:00-06:00", None),
        ("", None),
    ],
)
def test_to_utc(value, moment):
    assert to_utc(value) == moment


@pytest.mark.parametrize(
    ("value", "clock"),
    [
        ("2019-11-22 14:15:37", "2019-11-22T14:15:37"),
        ("2019-11-22T14:15:37", "2019-11-22T14:15:37"),
        ("2019-11-22 14:15", "2019-11-22T14:15:00"),
        # does not exist in Chicago, and stays what it is
        ("2020-03-08 02:30:00", "2020-03-08T02:30:00"),
        ("2019-11-22 14:15:37.25", "2019-11-22T14:15:37.25"),
        ("0000-00-00 00:00:00", None),
        ("", None),
    ],
)
def test_to_wall_clock(value, clock):
    assert to_wall_clock(value) == clock


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        *((to_string, value) for value in (True, ["a"], {"a": 1})),
        *((to_integer, value) for value in ("12.5", "1e3", "abc", "1,000", 1.5, True, [], {})),
        *((to_number, value) for value in ("1,5", "abc", "nan", "inf", "--1", ".", True, [], {})),
        *((to_boolean, value) for value in ("yes", "2", 2, -1, 1.5, "null", [], {})),
        *((to_date, value) for value in ("2018-12-31 13:00:00", "31.12.2018", "2018-12-31x", 20181231, [])),
        *((to_utc, value) for value in ("2019-09-06T11:29:48", "2019-09-06", "2019-13-06T00:00:00Z", "now", 0, [])),
        *((to_wall_clock, value) for value in ("2019-11-22T14:15:37Z", "2019-11-22", "2019-02-30 00:00:00", "x", 1)),
    ],
)
def test_what_does_not_fit(convert, value):
    with pytest.raises(ValueError):  # noqa: PT011
        convert(value)


@pytest.mark.parametrize("value", ["2018-02-30", "2018-13-01"])
def test_a_date_that_does_not_exist_does_not_fit(value):
    with pytest.raises(ValueError):  # noqa: PT011
        to_date(value)


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-06:00"])
def test_a_moment_beyond_the_calendar_does_not_fit(value):
    with pytest.raises(ValueError):  # noqa: PT011
        to_utc(value)


@pytest.mark.parametrize("value", ["1e999", "1" + "0" * 400, "9" * 5000, float("inf"), float("nan"), Digits("NaN")])
def test_a_number_too_large_for_json_does_not_fit(value):
    with pytest.raises(ValueError):  # noqa: PT011
        to_number(value)


@pytest.mark.parametrize("value", ["12345678901234567890.12", "0.12345678901234567891", "123456789012345678901", 2**63])
def test_a_number_that_a_double_would_round_does_not_fit(value):
    with pytest.raises(ValueError):  # noqa: PT011
        to_number(value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "12345678901234567890", "9" * 5000, 1e19, Digits("1" * 30)])
def test_an_integer_over_64_bits_does_not_fit(value):
    with pytest.raises(ValueError):  # noqa: PT011
        to_integer(value)


def test_a_number_kept_as_its_text_is_an_id_like_any_other():
    found = to_string(Digits("1" * 30))
    assert found == "1" * 30
    assert type(found) is str


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_has_the_decimal_value_of_its_text_or_does_not_fit(value):
    text = str(value)
    try:
        found = to_number(text)
    except ValueError:
        assert not isinstance(value, float)
    else:
        assert Decimal(orjson.dumps(found).decode()) == Decimal(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
TIMES = st.datetimes().map(lambda moment: moment.isoformat(sep=" ")) | st.datetimes(timezones=st.timezones()).map(
    lambda moment: moment.isoformat()
)
DIGITS = st.from_regex(r"[+-]?[0-9]{1,12}(\.[0-9]{0,3})?", fullmatch=True)


@pytest.mark.parametrize(
    "convert",
    [to_string, to_integer, to_number, to_boolean, to_date, to_utc, to_wall_clock],
    ids=lambda one: one.__name__,
)
@given(value=JSON | TIMES | DIGITS)
def test_converting_twice_is_converting_once(convert, value):
    try:
        once = convert(value)
    except ValueError:
        return
    assert once is None or convert(once) == once
    json.dumps(once, allow_nan=False)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_survive_being_sent_as_strings(number):
    assert to_integer(str(number)) == to_integer(number) == number
    assert to_number(str(number)) == number
    assert to_string(number) == str(number)


@pytest.mark.parametrize(
    ("schema", "value", "converted"),
    [
        ({"type": ["null", "string"]}, 1, "1"),
        ({"type": "integer"}, "1", 1),
        ({"type": ["null", "number"]}, "1.5", 1.5),
        ({"type": ["boolean", "null"]}, "1", True),
        ({"type": ["null", "string"], "format": "date"}, "2018-12-31 00:00:00", "2018-12-31"),
        (
            {"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_with_timezone"},
            "2019-09-06T11:29:48-05:00",
            "2019-09-06T16:29:48Z",
        ),
        (
            {"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_without_timezone"},
            "2019-11-22 14:15:37",
            "2019-11-22T14:15:37",
        ),
        ({"type": ["null", "object"]}, [], None),
        ({"type": ["null", "object"]}, "", None),
        ({"type": ["null", "object"]}, {"any": ["thing", 1]}, {"any": ["thing", 1]}),
        (
            {"type": ["null", "object"], "properties": {"id": {"type": ["null", "string"]}}},
            {"id": 1, "other": 2, "gone": None},
            {"id": "1", "other": 2, "gone": None},
        ),
        ({"type": ["null", "object"], "properties": {"n": {"type": "integer"}}}, {"n": "many"}, {"n": "many"}),
        ({"type": ["null", "array"], "items": {"type": ["null", "string"]}}, [1, "2", None], ["1", "2", None]),
        ({"type": ["null", "array"], "items": {"type": "integer"}}, ["1", "x"], [1, "x"]),
        ({"type": ["null", "array"]}, ["1", 2], ["1", 2]),
        ({"type": ["null", "array"]}, "", None),
        ({"type": ["null", "array"]}, {}, []),
    ],
)
def test_the_converter_of_a_schema(schema, value, converted):
    assert converter(schema)(value) == converted


@pytest.mark.parametrize("schema", [{}, {"type": ["null", "string", "integer"]}, {"type": "null"}])
def test_a_schema_that_allows_several_types_has_no_converter(schema):
    assert converter(schema) is None


@pytest.mark.parametrize(("kind", "value"), [("object", ["a"]), ("object", 1), ("array", "a"), ("array", {"a": 1})])
def test_containers_that_do_not_fit(kind, value):
    with pytest.raises(ValueError):  # noqa: PT011
        converter({"type": ["null", kind]})(value)


def test_field_converters_leave_out_fields_of_any_type():
    found = field_converters({"properties": {"id": {"type": "string"}, "any": {}, "n": {"type": "integer"}}})
    assert found == {"id": to_string, "n": to_integer}


# ---- what the API is sent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        (" a ", " a "),
        ("007", "007"),
        (7, "7"),
        (12.0, "12"),
        (1.5, "1.5"),
        (1e-7, "0.0000001"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        (True, "true"),
        (False, "false"),
        (date(2018, 12, 31), "2018-12-31"),
        (datetime(2018, 12, 31, 13, 30), "2018-12-31T13:30:00"),
        (datetime(2018, 12, 31, 13, 30, tzinfo=timezone.utc), "2018-12-31T13:30:00+00:00"),
    ],
)
def test_write_text(value, text):
    assert write_text(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, "7"),
        (-3, "-3"),
        (100.99, "100.99"),
        (12.0, "12"),
        (-0.0, "0"),
        (5e-324, "0." + "0" * 323 + "5"),
        (Decimal("100.990"), "100.990"),
        (10**300, "1" + "0" * 300),
        ("100.99", "100.99"),
        ("0.12345678901234567890", "0.12345678901234567890"),
        (" +7 ", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-1e3", "-1000"),
        ("", None),
        ("  ", None),
    ],
)
def test_write_number(value, number):
    assert write_number(value) == number


@pytest.mark.parametrize(
    ("value", "cents"),
    [
        (9999, 9999),
        (9999.0, 9999),
        ("9999", 9999),
        ("9999.00", 9999),
        ("1e4", 10_000),
        (Decimal("9999.000"), 9999),
        (-1, -1),
        ("-0.00", 0),
        (12345678901234567890, 12345678901234567890),
        ("", None),
    ],
)
def test_write_cents(value, cents):
    written = write_cents(value)
    assert written == cents
    assert type(written) is type(cents)


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2018-12-31", "2018-12-31"),
        ("2018-12-31 00:00:00", "2018-12-31"),
        (date(2018, 12, 31), "2018-12-31"),
        (datetime(2018, 12, 31), "2018-12-31"),
        (datetime(2018, 12, 31, tzinfo=timezone(timedelta(hours=-6))), "2018-12-31"),
        ("", None),
        ("0000-00-00", None),
    ],
)
def test_write_date(value, day):
    assert write_date(value) == day


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2020-05-19T02:45:00-05:00", "2020-05-19T07:45:00+00:00"),
        ("2020-05-19T07:45:00Z", "2020-05-19T07:45:00+00:00"),
        ("2020-05-19T07:45:00.250Z", "2020-05-19T07:45:00.25+00:00"),
        (datetime(2020, 5, 19, 7, 45, tzinfo=timezone.utc), "2020-05-19T07:45:00+00:00"),
        (datetime(2020, 5, 19, 7, 45, 0, 1, tzinfo=timezone.utc), "2020-05-19T07:45:00.000001+00:00"),
        # Local mean times of the past have offsets with seconds.
        (
            datetime(1890, 1, 1, tzinfo=timezone(timedelta(minutes=53, seconds=28))),
            "1889-12-31T23:06:32+00:00",
        ),
        ("", None),
        ("0000-00-00 00:00:00", None),
    ],
)
def test_write_moment(value, moment):
    assert write_moment(value) == moment


@pytest.mark.parametrize(
    ("write", "value"),
    [
        *((write_text, value) for value in (None, ["a"], {"a": 1}, b"a", float("nan"), float("inf"), 10**400)),
        *((write_number, value) for value in (None, True, "1,5", "nan", "1_000", [], float("nan"), Decimal("sNaN"))),
        *((write_number, value) for value in (Decimal("1E+309"), Decimal("1E-999999999"), "1e-99999999999999999999")),
        *((write_cents, value) for value in (None, False, 0.5, "0.5", Decimal("99.99"), "five", [])),
        *((write_date, value) for value in (None, datetime(2018, 12, 31, 1), "31.12.2018", 20181231, [])),
        *((write_moment, value) for value in (None, datetime(2018, 12, 31), date(2018, 12, 31), "2018-12-31", 0)),
        *((write_moment, value) for value in ("2018-12-31T13:30:00", datetime.max.replace(tzinfo=timezone.min))),
    ],
)
def test_what_cannot_be_written(write, value):
    with pytest.raises(ValueError):  # noqa: PT011
        write(value)


def test_the_examples_are_true():
    assert doctest.testmod(values).failed == 0
