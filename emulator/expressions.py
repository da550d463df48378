"""Generator expressions of the table, compiled into functions of a row.

An expression is one or more alternatives, `70% iso updated | null` or `turns iso updated | null`; an alternative is a
JSON literal or the name of a generator with its arguments. resources.yaml lists them at its top.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from typing import Any

from .entropy import MASK, salt_of
from .odd_json import odd_fields, odd_value
from .store import Columns, Function, Row
from .table import Resource

Maker = Callable[[list[str], str], Function]
"""Makes the function of one use of a generator, from its arguments and the name of the field."""

_MAKERS: dict[str, Maker] = {}


class _Constant:
    """A value that is the same in all rows."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, row: Row) -> Any:
        return self.value


def maker(name: str) -> Callable[[Maker], Maker]:
    """Make a generator known under the name that the table calls it by."""

    def register(function: Maker) -> Maker:
        if name in _MAKERS:
            raise ValueError(f"there are two generators {name!r}")
        _MAKERS[name] = function
        return function

    return register


def compile_columns(resource: Resource) -> Columns:
    """All fields of a resource. Raises ValueError for an expression that is none."""
    expressions = {field: text for field, text in resource.fields.items() if not text.startswith("same ")}
    aliases = {field: text.split()[1] for field, text in resource.fields.items() if field not in expressions}
    functions = {field: compile_expression(text, field) for field, text in expressions.items()}
    functions |= {field: functions[other] for field, other in aliases.items()}
    constants = {field: made.value for field, made in functions.items() if isinstance(made, _Constant)}
    return Columns(
        template={field: constants.get(field) for field in resource.fields},
        dynamic=[(field, functions[field]) for field in resource.fields if field not in constants],
        functions=functions,
        aliases=aliases,
        odd=partial(odd_value, fields=odd_fields(resource)),
    )


def compile_expression(expression: str, field: str) -> Function:
    """The function that makes the field's values. Raises ValueError for an expression that is none."""
    in_turn = expression.startswith("turns ")
    alternatives = [part.strip() for part in re.split(r"\s\|\s", expression.removeprefix("turns "))]
    if len(alternatives) == 1:
        return _compile_one(alternatives[0], field)
    weights: list[float | None] = []
    functions: list[Function] = []
    for number, alternative in enumerate(alternatives):
        match = re.match(r"(\d+(?:\.\d+)?)%\s+(.*)", alternative, re.DOTALL)
        weights.append(float(match[1]) if match else None)
        functions.append(_compile_one(match[2] if match else alternative, f"{field}{number or ''}"))
    if in_turn:
        return lambda row: functions[row.index % len(functions)](row)
    open_ones = sum(w is None for w in weights)
    rest = (100 - sum(w for w in weights if w is not None)) / open_ones if open_ones else 0
    limits = list(accumulate((rest if w is None else w) / 100 * (MASK + 1) for w in weights))[:-1]
    salt = salt_of(field + "?")
    return lambda row: functions[bisect_right(limits, row.number(salt))](row)


def _compile_one(text: str, field: str) -> Function:
    try:
        return _Constant(json.loads(text))
    except ValueError:
        pass
    name, _, arguments = text.partition(" ")
    if name not in _MAKERS:
        raise ValueError(f"field {field}: no generator {name!r}")
    return _MAKERS[name](arguments.split() if name != "text" else [arguments], field)
