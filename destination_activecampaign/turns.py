"""What may be written now, and what has to wait for its turn."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar


class Keyed(Protocol):
    """Something that nothing else with one of its `keys` may be written beside."""

    @property
    def keys(self) -> frozenset[str]: ...


class Changing(Keyed, Protocol):
    """What is to be written to one object, which its `key` tells from others, and the rows that say so."""

    change: Any
    rows: Any

    @property
    def key(self) -> str: ...


_Keyed = TypeVar("_Keyed", bound=Keyed)
_Changing = TypeVar("_Changing", bound=Changing)


def merged(waiting: Iterable[_Changing], merge: Callable[[Any, Any], Any]) -> list[_Changing]:
    """The same with the changes of one object in one, in the order of their first rows, wherever they can be merged.

    `merge` gives two changes of one object in one, the earlier one first; None where each has its own turn.
    """
    found: list[_Changing] = []
    last: dict[str, _Changing] = {}
    for one in waiting:
        before = last.get(one.key)
        both = merge(before.change, one.change) if before and before.keys == one.keys else None
        if before and both:
            before.change = both
            before.rows += one.rows
        else:
            found.append(one)
            last.update(dict.fromkeys(one.keys, one))
    return found


def ready(waiting: Iterable[_Keyed], busy: Iterable[str]) -> tuple[list[_Keyed], list[_Keyed]]:
    """Those that may be written now, and those that have to wait, for one of the first or for one of the `busy` keys.

    >>> class One(str):
    ...     keys = property(lambda self: frozenset(self.split()))
    >>> ready([One("ann"), One("bob ann"), One("bob")], [])
    (['ann'], ['bob ann', 'bob'])
    >>> ready([One("ann"), One("bob")], ["ann"])
    (['bob'], ['ann'])
    """
    taken = set(busy)
    now: list[_Keyed] = []
    later: list[_Keyed] = []
    for one in waiting:
        (now if taken.isdisjoint(one.keys) else later).append(one)
        taken |= one.keys
    return now, later
