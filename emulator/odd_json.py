"""What other writers of JSON let into an account's rows, and most readers refuse or change."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from .entropy import salt_of
from .store import Row
from .table import Resource

# Numbers that no double holds or JSON does not have, and half of a surrogate pair.
LITERALS = (
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"12345678901234567890123",
    b"0.1234567890123456789",
    b'"half \\ud83d of it"',
)

EVERY = 7
"""How many rows have one odd value among them."""

_PLAIN = ("words", "sentence", "int", "num", "dec", "company", "html")
_NAMES = frozenset({"name", "tag", "perstag", "title"})


def odd_fields(resource: Resource) -> tuple[str, ...]:
    """The fields that may have such a value: plain texts and numbers that nothing is known, found or sorted by."""
    asked_for = " ".join([*resource.filters.values(), *resource.orders.values()]).split()
    return tuple(
        field
        for field, expression in resource.fields.items()
        if re.sub(r"^\d+% ", "", expression).split()[0] in _PLAIN and field not in _NAMES and field not in asked_for
    )


def odd_value(row: Row, fields: tuple[str, ...]) -> Mapping[str, orjson.Fragment]:
    """The one odd value that a row has, by its field; nothing for most rows, and for what somebody wrote."""
    if not fields or row.number(salt_of("odd")) % EVERY:
        return {}
    field = fields[row.number(salt_of("odd field")) % len(fields)]
    if field in row.written:
        return {}
    return {field: orjson.Fragment(LITERALS[row.number(salt_of("odd value")) % len(LITERALS)])}


def read(row: bytes) -> Any:
    """A row with such a value: numbers with a point as Decimal, `NaN` and `-Infinity` as text."""
    return json.loads(row, parse_float=Decimal, parse_constant=str)
