"""Which rows have which value in a field: looked up without going through all rows."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable


class ValueIndex:
    """Rows by the value of one field, kept up to date one row at a time.

    >>> index = ValueIndex([(0, "a"), (1, "b"), (2, "a")])
    >>> index.rows_with("a"), index.rows_with("c")
    ([0, 2], [])
    >>> index.put(1, "a")
    >>> index.drop(0)
    >>> index.rows_with("a"), index.rows_with("b")
    ([1, 2], [])
    """

    def __init__(self, pairs: Iterable[tuple[int, str]]) -> None:
        """`pairs` are (row, value), the rows in ascending order."""
        self._rows: dict[str, list[int]] = {}
        self._value: dict[int, str] = {}
        for row, value in pairs:
            self._value[row] = value
            self._rows.setdefault(value, []).append(row)

    def rows_with(self, value: str) -> list[int]:
        """The rows that have the value, in ascending order."""
        return list(self._rows.get(value, ()))

    def put(self, row: int, value: str) -> None:
        """From now on the row has this value, whatever it had before."""
        if self._value.get(row) == value:
            return
        self.drop(row)
        self._value[row] = value
        insort(self._rows.setdefault(value, []), row)

    def drop(self, row: int) -> None:
        """The row has no value any more."""
        if row not in self._value:
            return
        value = self._value.pop(row)
        rows = self._rows[value]
        del rows[bisect_left(rows, row)]
        if not rows:
            del self._rows[value]
