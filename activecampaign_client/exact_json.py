"""JSON of which no value gets lost: numbers with all their digits, and texts that are no valid Unicode.

A JSON number may have any number of digits, but most readers make a double or a 64-bit integer of it; orjson, too,
which reads `123456789012345678901234567890` as `1.2345678901234568e+29`. And it refuses an answer as a whole for one
`NaN`, `1e400` or half a surrogate pair (`"\\ud800"`), which other writers of JSON let pass. Here such a number becomes
its text, a `Digits`, and U+FFFD stands for what is no character, in a `Mended` text. The objects around it are
`OddObject`s, so that whoever passes them on can say so.

Nearly every answer has nothing of the kind, which a look at its bytes shows, as only a run of 16 digits can be more
than a double holds. Then orjson reads it; the look takes a quarter of the time that orjson does.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import orjson

_LONG_NUMBER = re.compile(rb"[:,\[\s-][0-9.]{16}")
# Of 16 digits in a row four are seen where only every fourth byte is looked at.
_AS_ZEROS = bytes.maketrans(b".123456789", b"0000000000")
_FOUR_DIGITS = b"0000"
_NO_CHARACTER = re.compile("[\ud800-\udfff]")
_MAY_BE_HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


class Digits(str):
    """A number of an answer as its text: one that a reader of JSON could change, or that is not finite."""

    __slots__ = ()


class Mended(str):
    """A text of an answer with U+FFFD in the place of what is no character."""

    __slots__ = ()


class OddObject(dict[str, Any]):
    """An object of an answer with a Digits or Mended in it, or a name that was mended, at any depth."""


def loads(content: bytes) -> Any:
    r"""The value of a JSON text.

    `NaN` and `Infinity`, raw control characters, a byte order mark and bytes that are no UTF-8 are let pass; whatever
    else is no complete JSON raises ValueError. A number closer to 0 than 1e-290 is what a double has of it.

    >>> loads(b'{"id": 7, "size": 0.10}')
    {'id': 7, 'size': 0.1}
    >>> loads(b'{"id": 123456789012345678901234567890, "tag": "vip \\ud800", "size": NaN}')
    {'id': '123456789012345678901234567890', 'tag': 'vip \ufffd', 'size': 'NaN'}
    """
    if not _has_long_number(content):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(content)
    try:
        return _exact(content.decode("utf-8", "surrogateescape").removeprefix("\ufeff"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def json_number(text: str) -> int | float:
    """A number that every reader of JSON keeps: an integer of 64 bits, or a double that prints the same decimal value.

    Raises ValueError for all others, and for what is no number.

    >>> json_number("100.10"), json_number("9007199254740993"), json_number("1e3")
    (100.1, 9007199254740993, 1000.0)
    >>> json_number("12345678901234567890.12")
    Traceback (most recent call last):
    ValueError: more digits than a JSON number is sure to keep
    """
    if text.lstrip("+-").isdigit() and fits_64_bits(whole := int(text)):
        return whole
    near = float(text)
    if len(text) <= 15 and text.lstrip("+-").replace(".", "", 1).isdigit():
        # A double holds any 15 digits.
        return near
    # Not every exponent is one that Decimal has.
    with suppress(ArithmeticError):
        if math.isfinite(near) and Decimal(repr(near)) == Decimal(text):
            return near
    raise ValueError("more digits than a JSON number is sure to keep")


def fits_64_bits(whole: int) -> bool:
    return -(2**63) <= whole < 2**63


def has_half_character(text: str) -> bool:
    r"""Whether half a surrogate pair is in a text, or was before it was mended.

    >>> has_half_character("vip \ud800"), has_half_character(Mended("vip \ufffd")), has_half_character("vip \ufffd")
    (True, True, False)
    """
    return isinstance(text, Mended) or (not text.isascii() and _NO_CHARACTER.search(text) is not None)


def is_mended(value: Any) -> bool:
    """Whether something at any depth of a value was no character.

    >>> is_mended({"tags": [Mended("vip \ufffd")]}), is_mended(["vip"])
    (True, False)
    """
    return "mended" in _kinds_in(value)


def oddities(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields of an object that a Digits or Mended is in, as `("digits", field)` and `("mended", field)`.

    >>> list(oddities({"id": "1", "size": [Digits("NaN")], "tag": Mended("vip \ufffd")}))
    [('digits', 'size'), ('mended', 'tag')]
    """
    for field, value in record.items():
        kinds = {*_kinds_in_name(field), *_kinds_in(value)}
        yield from ((kind, field) for kind in sorted(kinds))


def _kinds_in(value: Any) -> Iterator[str]:
    if isinstance(value, Digits):
        yield "digits"
    elif isinstance(value, Mended):
        yield "mended"
    elif isinstance(value, list):
        for part in value:
            yield from _kinds_in(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _kinds_in_name(name)
            yield from _kinds_in(part)


def _kinds_in_name(name: str) -> Iterator[str]:
    # Names stay of the type str: orjson writes no others.
    if "\ufffd" in name:
        yield "mended"


def _has_long_number(content: bytes) -> bool:
    """Whether 16 digits in a row, a point among them or not, seem to stand outside of a text."""
    sample = content[::4].translate(_AS_ZEROS)
    place = sample.find(_FOUR_DIGITS)
    while place >= 0:
        # The first digit that was looked at is one of the first four.
        if _LONG_NUMBER.search(content, max(0, 4 * place - 4), 4 * place + 16):
            return True
        place = sample.find(_FOUR_DIGITS, place + 1)
    return False


def _exact(text: str) -> Any:
    found: list[Digits] = []

    def as_digits(digits: str) -> Digits:
        found.append(Digits(digits))
        return found[-1]

    def integer(digits: str) -> int | Digits:
        # It may be an id, of which 1e+30 is not the text.
        return int(digits) if len(digits) <= 20 and fits_64_bits(int(digits)) else as_digits(digits)

    def decimal(digits: str) -> int | float | Digits:
        try:
            return json_number(digits)
        except ValueError:
            return as_digits(digits)

    value = json.loads(text, parse_int=integer, parse_float=decimal, parse_constant=as_digits, strict=False)
    return _marked(value) if found or _MAY_BE_HALF.search(text) else value


def _marked(value: Any) -> Any:
    """The value with its texts mended, and the objects that something odd is in as such."""
    if type(value) is str:
        return Mended(_NO_CHARACTER.sub("\ufffd", value)) if _NO_CHARACTER.search(value) else value
    if isinstance(value, list):
        return [_marked(part) for part in value]
    if not isinstance(value, dict):
        return value
    marked = {_NO_CHARACTER.sub("\ufffd", name): _marked(part) for name, part in value.items()}
    is_odd = marked.keys() != value.keys() or any(_is_odd(part) for part in marked.values())
    return OddObject(marked) if is_odd else marked


def _is_odd(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_odd(part) for part in value)
    return isinstance(value, (Digits, Mended, OddObject))
