"""What was written to rows: millions of small records, so tuples that share their field names instead of dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Overlay:
    """Fields that were written, by the index of the row.

    >>> overlay = Overlay()
    >>> overlay.put(7, {"tag": "1", "contact": "2"})
    >>> overlay.put(7, {"tag": "3"})
    >>> overlay.of(7), overlay.of(8), overlay.field(7, "tag"), overlay.field(7, "cdate", "none")
    ({'tag': '3', 'contact': '2'}, {}, '3', 'none')
    """

    def __init__(self) -> None:
        self._rows: dict[int, tuple[Any, ...]] = {}  # the places of the fields, then their values
        self._shapes: dict[tuple[str, ...], dict[str, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def of(self, index: int) -> dict[str, Any]:
        """All fields that were written to a row, {} for none."""
        row = self._rows.get(index)
        return {} if row is None else dict(zip(row[0], row[1:], strict=True))

    def field(self, index: int, name: str, default: Any = None) -> Any:
        """One field of a row, `default` where it was not written."""
        row = self._rows.get(index)
        place = None if row is None else row[0].get(name)
        return default if row is None or place is None else row[place]

    def put(self, index: int, fields: Mapping[str, Any]) -> None:
        """Write fields of a row; others that were written stay."""
        values = {**self.of(index), **fields}
        names = tuple(values)
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._shapes[names] = {name: place for place, name in enumerate(names, 1)}
        self._rows[index] = (shape, *values.values())
