"""Which rows a list request means: documented filters and orders work, all others are ignored in silence."""

from __future__ import annotations

import random
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from .clock import read_filter_value
from .settings import Settings
from .store import Store
from .table import Resource

Pairs = Sequence[tuple[str, str]]

_KEPT, _KEPT_LARGE = 32, 4
_LARGE = 100_000
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "neq": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "in": lambda a, b: a in b,
    "contains": lambda a, b: b.lower() in a.lower(),
    "starts_with": lambda a, b: a.lower().startswith(b.lower()),
}


@dataclass
class Filter:
    """A recognised filter of one request."""

    what: str  # what the table says about it
    value: str
    operator: str = ""


def read_number(value: str | None, default: int) -> int:
    """PHP's way with a number: what is none counts as not given."""
    if value is None or not re.fullmatch(r"\s*\d{1,18}\s*", value):
        return default
    return int(value)


def recognised(resource: Resource, pairs: Pairs) -> list[Filter]:
    found: list[Filter] = []
    for name, value in pairs:
        if what := resource.filters.get(name):
            found.append(Filter(what, value))
            continue
        match = re.fullmatch(r"(.+)\[(\w*)\]", name)
        if not match:
            continue
        if what := resource.filters.get(f"{match[1]}[*]"):
            if match[2] in _OPERATORS:
                found.append(Filter(what, value, match[2]))
        elif what := resource.filters.get(f"{match[1]}[]"):
            found.append(Filter(what, value))
    return found


def orders(resource: Resource, pairs: Pairs) -> list[tuple[str, bool]]:
    """(what to sort by, descending) of the orders that the API documents."""
    found = []
    for name, value in pairs:
        match = re.fullmatch(r"orders\[([^\]]+)\]", name)
        if match and (what := resource.orders.get(match[1])):
            found.append((what, value.strip().upper() == "DESC"))
    return found


def select(store: Store, pairs: Pairs, settings: Settings) -> Sequence[int]:
    """The indexes that a request means, in its order."""
    resource = store.resource
    filters = recognised(resource, pairs)
    wanted = orders(resource, pairs)
    bounds = [f for f in filters if f.what in {"id >", "id <"}]
    rest = [f for f in filters if f.what not in {"id >", "id <"}]
    order = "id" if bounds else settings.default_order.get(resource.name, resource.order)
    key = (
        tuple((f.what, f.value, f.operator) for f in rest),
        tuple(wanted),
        order,
        (settings.filter_zone, settings.honour_offset, settings.after_inclusive, settings.email_case),
        tuple((f.what, f.value) for f in bounds) if wanted and wanted[0][0] != "id" else (),
    )
    found = store.selections.get(key)
    if found is None:
        found = _filtered(store, rest, settings)
        if key[-1]:
            found = list(_bounded(store, found, bounds))
        found = _ordered(store, found, wanted, order)
        if len(store.selections) >= (_KEPT if store.base <= _LARGE else _KEPT_LARGE):
            store.selections.clear()
        if isinstance(found, list) and len(found) > _LARGE:
            found = array("q", found)
        store.selections[key] = found
    if bounds and not key[-1]:
        found = _bounded(store, found, bounds, descending=bool(wanted) and wanted[0][1])
    return found


def _bounded(store: Store, indexes: Sequence[int], bounds: list[Filter], descending: bool = False) -> Sequence[int]:
    """id_greater and id_less, on indexes in the order of their ids."""
    low, high = 0, len(indexes)
    for bound in bounds:
        if not re.fullmatch(r"\d+", bound.value):
            continue
        above = bound.what == "id >"
        first = store.first_index_above(int(bound.value) - (0 if above else 1))
        place = bisect_right(indexes, -first, key=lambda i: -i) if descending else bisect_left(indexes, first)
        if above is descending:
            high = min(high, place)
        else:
            low = max(low, place)
    return Part(indexes, low, max(low, high))


class Part(Sequence[int]):
    """A part of a sequence, without a copy: the next page of a million rows needs a hundred of them.

    >>> part = Part([3, 4, 5, 6, 7], 1, 4)
    >>> len(part), list(part), part[1:9]
    (3, [4, 5, 6], [5, 6])
    """

    def __init__(self, whole: Sequence[int], low: int, high: int) -> None:
        self._whole = whole
        self._places = range(low, high)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[int]:
        return iter(self._whole[self._places.start : self._places.stop])

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        if isinstance(place, slice):
            return [self._whole[i] for i in self._places[place]]
        return self._whole[self._places[place]]


def _filtered(store: Store, filters: list[Filter], settings: Settings) -> Sequence[int]:
    indexes: Sequence[int] = store.alive
    by_name: dict[str, list[Filter]] = {}
    for one in filters:
        by_name.setdefault(one.what, []).append(one)
    for what, same in by_name.items():
        if what.endswith(" in"):  # ids[]=1&ids[]=2 or ids=1,2
            parts = {part for one in same for part in one.value.split(",")}
            wanted = {index for part in parts if (index := store.index_of(part)) is not None}
            indexes = sorted(wanted) if indexes is store.alive else [i for i in indexes if i in wanted]
            continue
        for one in same:
            indexes = _narrowed(store, indexes, one, settings)
    return indexes


def _narrowed(store: Store, indexes: Sequence[int], one: Filter, settings: Settings) -> Sequence[int]:
    *names, operation = one.what.split()
    if names[0] in {"created", "updated"}:
        return _by_time(store, indexes, one, settings)
    if "." in names[0]:
        return _by_child(store, indexes, names[0], one.value)
    if operation == "range":
        return indexes
    wanted = one.value
    if operation == "op":
        compare = _OPERATORS[one.operator]
        given: Any = wanted.split(",") if one.operator == "in" else wanted
        return [i for i in indexes if compare(_text(store.value(i, names[0])), given)]
    lowered = wanted.lower()
    tests: dict[str, Callable[[str], bool]] = {
        "=": lambda text: text == wanted,
        "~": lambda text: lowered in text.lower(),
        "^": lambda text: text.startswith(wanted),
    }
    if operation in {">=", "<="}:
        number = float(read_number(wanted, 0)) * 100
        return [i for i in indexes if _compare(float(store.value(i, names[0]) or 0), operation, number)]
    if operation == "is":
        found = store.rows_with(names[0], wanted, settings.email_case == "ignored")
        return found if indexes is store.alive else [i for i in indexes if i in found]
    test = tests[operation]
    return [i for i in indexes if any(test(_text(store.value(i, name))) for name in names)]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _compare(a: float, operation: str, b: float) -> bool:
    return {">": a > b, ">=": a >= b, "<": a < b, "<=": a <= b, "=": a == b}[operation]


_SYMBOLS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def _by_time(store: Store, indexes: Sequence[int], one: Filter, settings: Settings) -> Sequence[int]:
    which, operation = one.what.split()
    if operation == "op":
        if one.operator not in _SYMBOLS:
            return indexes
        operation = _SYMBOLS[one.operator]
    if operation == "after":  # documented as "after" only; whether it includes the second itself is unknown
        operation = ">=" if settings.after_inclusive else ">"
    limit = read_filter_value(one.value, settings.filter_zone, settings.honour_offset)
    if limit is None:
        return indexes
    times = store.time_array(which)
    if operation == ">":
        return [i for i in indexes if times[i] > limit]
    if operation == ">=":
        return [i for i in indexes if times[i] >= limit]
    if operation == "<":
        return [i for i in indexes if times[i] < limit]
    if operation == "<=":
        return [i for i in indexes if times[i] <= limit]
    return [i for i in indexes if times[i] == limit]


def _by_child(store: Store, indexes: Sequence[int], path: str, wanted: str) -> Sequence[int]:
    """Rows that have a child with a value: contacts on a list, with a tag."""
    relation_name, _, column = path.partition(".")
    if wanted in {"", "-1"}:
        return indexes
    relation = store.resource.relations[relation_name]
    child = store.world.store(relation.child)
    return [
        i
        for i in indexes
        if any(_text(child.value(c, column)) == wanted for c in store.children(store.id_of(i), relation))
    ]


def _ordered(store: Store, indexes: Sequence[int], wanted: list[tuple[str, bool]], default: str) -> Sequence[int]:
    if not wanted:
        what, _, direction = default.partition(" ")
        if what == "interleaved":
            # Deals were recorded as 1, 5, 9, 2, 6, 10, 3, 7, 17, 4, 8: every fourth, round and round.
            return sorted(indexes, key=lambda i: (i % 4, i))
        if what == "shuffled":
            mixed = list(indexes)
            random.Random(store.world.seed).shuffle(mixed)
            return mixed
        wanted = [(what, direction == "desc")]
    for what, descending in reversed(wanted):
        if what == "id":
            indexes = indexes[::-1] if descending else indexes
        elif what in {"created", "updated"}:
            times: array[int] = store.time_array(what)
            indexes = sorted(indexes, key=times.__getitem__, reverse=descending)
        else:
            keys = {i: _sortable(store.value(i, what)) for i in indexes}
            indexes = sorted(indexes, key=keys.__getitem__, reverse=descending)
    return indexes


def _sortable(value: Any) -> tuple[float, str]:
    text = _text(value)
    return (float(text), "") if re.fullmatch(r"-?\d+", text) else (float("inf"), text.lower())
