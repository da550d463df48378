"""JSON of which no value gets lost."""

import doctest
import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import exact_json
from activecampaign_client.exact_json import Digits, Mended, OddObject, loads, oddities


def test_the_examples_are_true():
    failed, tried = doctest.testmod(exact_json)
    assert failed == 0
    assert tried > 0


TEXTS = st.text(max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_orjson_reads_right_is_read_alike(value):
    text = orjson.dumps(value)
    found = loads(text)
    assert found == value
    assert orjson.dumps(found) == text


# JSON's own grammar of numbers; closer to 0 than 1e-290 a double has fewer digits.
NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", fullmatch=True).filter(
    str.isascii
)


@given(NUMBERS, st.sampled_from(["[%s]", "[ %s ]", '{"a":%s}', '{"a": %s, "b": 1}', '[1,%s,"12345678901234567"]']))
def test_no_number_loses_a_digit(number, around):
    found = loads((around % number).encode())
    found = next(iter(found.values())) if isinstance(found, dict) else found[1 if around.startswith("[1") else 0]
    if isinstance(found, Digits):
        assert found == number
    else:
        assert Decimal(orjson.dumps(found).decode()) == Decimal(number)


@given(st.integers(), st.integers(0, 9))
def test_an_integer_keeps_its_digits_wherever_it_stands(number, before):
    [_, found] = loads(f'[{" " * before}"a",{number}]'.encode())
    assert str(found) == str(number)
    assert isinstance(found, Digits if abs(number) > 2**63 else (int, Digits))


@given(
    st.recursive(
        st.text(st.characters(), max_size=4) | st.floats() | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_whatever_python_writes_is_read_and_can_be_passed_on(value):
    found = loads(json.dumps(value).encode())
    assert orjson.loads(orjson.dumps(found)) == found


@given(JSON.filter(lambda value: isinstance(value, (list, dict)) and value), st.data())
def test_a_text_that_is_cut_off_is_never_read(value, data):
    hard = json.dumps([value, float("nan"), "\ud800", 10**30])
    end = data.draw(st.integers(1, len(hard) - 1))
    with pytest.raises(ValueError):  # noqa: PT011
        loads(hard[:end].encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"OK",
        b"[1,]",
        b"[1] x",
        b"[NaN",
        b"[-NaN]",
        b"[nan]",
        b"[01]",
        b"[1e]",
        b"{'a': 1}",
        b"[" * 5000,
        b"[NaN]]",
        b"[1, " * 3000 + b"NaN" + b"]" * 3000,
    ],
)
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011
        loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"\xef\xbb\xbf[1]", [1]),
        (b'["a\nb"]', ["a\nb"]),
        (b'["M\xfcnchen"]', ["M\ufffdnchen"]),
        (rb'["\ud83d\ude00 \ud83d"]', ["\U0001f600 \ufffd"]),
        (rb'{"\ud800": 1}', {"\ufffd": 1}),
        (b"[1e400, -1e400, Infinity]", ["1e400", "-1e400", "Infinity"]),
    ],
)
def test_what_others_write_is_read(text, value):
    assert loads(text) == value


def test_what_is_odd_is_marked_up_to_the_top_and_what_is_not_is_plain():
    found = loads(rb'{"rows": [{"id": "1"}, {"id": "2", "deep": [{"x": ["\ud800"]}]}], "meta": {"total": 3}}')
    plain, odd = found["rows"]
    assert isinstance(found, OddObject)
    assert isinstance(odd, OddObject)
    assert isinstance(odd["deep"][0]["x"][0], Mended)
    assert type(plain) is dict
    assert type(found["meta"]) is dict


def test_the_fields_in_which_something_is_odd():
    row = loads(rb'{"id": 1, "a": NaN, "b": {"c": [{"\ud800": 1e999}]}, "d\udfff": 2, "e": "\ud83d\ude00"}')
    assert list(oddities(row)) == [("digits", "a"), ("digits", "b"), ("mended", "b"), ("mended", "d\ufffd")]
