"""Bodies of answers: rows as JSON, as a key sees them, and beside them what they lead to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from .access import mask
from .calls import Call
from .store import Store
from .table import Relation

Arrays = dict[str, list[bytes]]
"""Rows as JSON by the top-level key of their array, in the order of the answer."""


def row_of(call: Call, store: Store, index: int, beside: Mapping[str, list[str]] | None = None) -> bytes:
    """A row as JSON, with the ids of what is sideloaded `beside` it, by relation.

    A deal in a pipeline that the key may not open is masked, and has none.
    """
    if store.name == "deals" and call.hides(store.value(index, "group")):
        shown = {"title": store.value(index, "title"), "id": store.id_of(index)}
        return orjson.dumps(mask(shown, call.settings.masked_flag))
    row = store.encoded(index)
    return row[:-1] + b"," + orjson.dumps(beside)[1:] if beside else row


def rows_with_sides(call: Call, store: Store, page: Sequence[int], wanted: Iterable[str]) -> Arrays:
    """A page of rows, after the arrays of its sideloads, as the API writes them.

    `wanted` are paths as `include` has them, `contactTags.tag`, besides what the resource always brings along.
    """
    sides = _Sides(call)
    for path in dict.fromkeys([*store.resource.siblings, *wanted]):
        sides.load(store, page, path, sides.ids)
    keeps_empty = call.settings.empty_sideloads == "kept"
    arrays = {
        key: list(rows.values())
        for key, rows in sides.rows.items()
        if key != store.resource.key and (rows or keeps_empty)
    }
    arrays[store.resource.key] = [row_of(call, store, index, sides.ids.get(index)) for index in page]
    return arrays


def join(rows: Iterable[bytes]) -> bytes:
    """Rows as a JSON array."""
    return b"[" + b",".join(rows) + b"]"


def numbered(rows: Sequence[bytes]) -> bytes:
    """Rows as a JSON object, `{"1": row, "2": row}`: what PHP writes of an array with gaps."""
    return b"{" + b",".join(b'"%d":%b' % (place, row) for place, row in enumerate(rows, 1)) + b"}"


def envelope(arrays: Arrays, meta: dict[str, Any] | None = None, *, as_map: str = "") -> bytes:
    """Arrays, and after them meta where there is one, as a JSON object; that under `as_map` is an object, too."""
    parts = [
        orjson.dumps(key) + b":" + (numbered(rows) if rows and key == as_map else join(rows))
        for key, rows in arrays.items()
    ]
    if meta is not None:
        parts.append(b'"meta":' + orjson.dumps(meta))
    return b"{" + b",".join(parts) + b"}"


def renamed(arrays: Arrays, old: str, new: str) -> Arrays:
    """The same arrays, one of them under another key."""
    return {new if key == old else key: rows for key, rows in arrays.items()}


class _Sides:
    """Sideloads while they are collected: rows by top-level key and id, and their ids by main row and relation."""

    def __init__(self, call: Call) -> None:
        self.rows: dict[str, dict[str, bytes]] = {}
        self.ids: dict[int, dict[str, list[str]]] = {}
        self._call = call

    def load(self, store: Store, page: Sequence[int], path: str, ids: dict[int, dict[str, list[str]]]) -> None:
        """include=relation or relation.forward: an array beside the main one, and ids in the main rows."""
        name, _, deeper = path.partition(".")
        relation = self._shaped(store, store.resource.relations.get(name))
        if relation is None:
            if target := store.resource.forward.get(name):
                self._load_forward(store, page, name, target)
            return
        child = self._call.account.store(relation.child)
        rows = self.rows.setdefault(child.resource.key if relation.single else relation.key, {})
        shown: list[int] = []
        for index in page:
            found = store.children(store.id_of(index), relation)
            shown += found
            row_ids = [child.id_of(i) for i in found]
            if name not in store.resource.fields and name not in store.resource.siblings:
                ids.setdefault(index, {})[name] = row_ids
            for i, row_id in zip(found, row_ids, strict=True):
                rows[row_id] = row_of(self._call, child, i)
        if deeper:
            self.load(child, shown, deeper, {})

    def _load_forward(self, store: Store, page: Sequence[int], field: str, target: str) -> None:
        other = self._call.account.store(target)
        rows = self.rows.setdefault(other.resource.key, {})
        for index in page:
            row_id = str(store.value(index, field))
            found = other.index_of(row_id)
            if found is not None:
                rows[row_id] = row_of(self._call, other, found)

    def _shaped(self, store: Store, relation: Relation | None) -> Relation | None:
        """deals?include=dealCustomFieldData is known in two shapes, and may not answer at all."""
        if relation is None or store.name != "deals" or relation.name != "dealCustomFieldData":
            return relation
        shape = self._call.settings.deal_custom_field_shape
        if shape == "absent":
            return None
        return relation if shape == "new" else store.resource.relations["dealCustomFieldDataOld"]
