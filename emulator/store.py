"""The rows of one resource: generated when asked for, with an overlay of what changed."""

from __future__ import annotations

import uuid
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING, Any, overload

import orjson

from .clock import DAY
from .rows import ABSENT, MASK, Const, Function, Row, compile_expression
from .table import Relation, Resource

if TYPE_CHECKING:
    from .account import Account

_CACHE_ROWS = 25_000
_WEIGHTS_FEW = bytes(i & 7 for i in range(256))
_WEIGHTS_MANY = bytes(8 + (i & 7) for i in range(256))


def mix(number: int, salt: int) -> int:
    """32 well-mixed bits: cheap enough for a million rows at start-up."""
    x = (number * 0x9E3779B1 + salt) & MASK
    x ^= x >> 15
    x = (x * 0x85EBCA6B) & MASK
    return x ^ (x >> 13)


class Alive(Sequence[int]):
    """The indexes of the rows that exist, ascending, without a list of them: a million rows have few gaps."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._dead: list[int] = []
        self._before: list[int] = []  # how many rows exist before each dead one

    def kill(self, index: int) -> None:
        place = bisect_left(self._dead, index)
        self._dead.insert(place, index)
        self._before[place:] = [dead - place - n for n, dead in enumerate(self._dead[place:])]

    def __len__(self) -> int:
        return self.slots - len(self._dead)

    def __iter__(self) -> Iterator[int]:
        start = 0
        for dead in self._dead:
            yield from range(start, dead)
            start = dead + 1
        yield from range(start, self.slots)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> list[int]: ...
    def __getitem__(self, place: int | slice) -> int | list[int]:
        if isinstance(place, slice):
            return [self._at(i) for i in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._at(place % len(self))

    def _at(self, place: int) -> int:
        return place + bisect_right(self._before, place)


class Store:
    """Rows are known by their index: 0 .. base-1 are generated, those after were inserted while it runs.

    An index gives the id by a formula (an eighth of the ids is missing, as in an account that is used), the
    creation time by position, the rest by hashing (seed, resource, index).
    """

    def __init__(self, account: Account, resource: Resource) -> None:
        self.account = account
        self.resource = resource
        self.name = resource.name
        self._salt = mix(account.seed, int.from_bytes(blake2b(self.name.encode(), digest_size=4).digest(), "little"))
        self._key = f"{account.seed}/{self.name}".encode()[:64]
        self.version = 0
        self.inserted = 0
        self.overrides: dict[int, dict[str, Any]] = {}
        self.changed_times: dict[int, tuple[int, int]] = {}
        self.dead: set[int] = set()
        self._moved_children: dict[str, set[int]] = {}
        self._inverted: dict[str, tuple[int, dict[str, list[int]]]] = {}
        self._cache: dict[int, bytes] = {}
        self._uuid_index: dict[str, int] = {}
        self._arrays: dict[str, array[int]] = {}
        self.selections: dict[Any, Sequence[int]] = {}
        # A view shows another store's rows with other fields: same places, same overlay.
        self.origin: Store | None = account.store(resource.view_of) if resource.view_of else None
        self.parent_store: Store | None = None
        self._offsets: array[int] | None = None
        if self.origin is not None:
            self.parent_store = self.origin.parent_store
        elif resource.per:
            self.parent_store = account.store(resource.per)
        self.base = self._count()
        self._alive = Alive(self.base)
        self._compile()
        if self.parent_store is not None and self.origin is None:
            for parent in self.parent_store.dead:
                for index in self.children_of_parent(parent, ""):
                    self.delete(index)

    # --- size -------------------------------------------------------------------------------------------

    def _count(self) -> int:
        if self.origin is not None:
            return self.origin.base
        wanted = self.account.size.get(self.name)
        if self.parent_store is None:
            if wanted is not None:
                return wanted
            return self.account.count(self.resource.rows)
        self._offsets = self._child_offsets(self.parent_store, wanted)
        return self._offsets[-1]

    def _child_offsets(self, parent: Store, wanted: int | None) -> array[int]:
        """offsets[i] .. offsets[i + 1] are the children of the parent's row i."""
        if self.resource.each == "options" or (self.resource.each and wanted is None):
            counts = map(self.account.child_counts(self.resource.each), range(parent.base))
            return array("q", accumulate(counts, initial=0))
        target = wanted if wanted is not None else round(float(self.resource.rows) * parent.base)
        # Few children: 0 to 7 parts each; many: 8 to 15. 64 parents per hash, there may be a million of them.
        weights = _WEIGHTS_MANY if target > 7 * parent.base else _WEIGHTS_FEW
        blocks = range(parent.base // 64 + 1)
        noise = b"".join(blake2b(b"counts%d" % i, key=self._key, digest_size=64).digest() for i in blocks)
        running = array("q", accumulate(noise[: parent.base].translate(weights), initial=0))
        total = max(running[-1], 1)
        return array("q", [target * value // total for value in running])

    # --- identity ---------------------------------------------------------------------------------------

    def id_of(self, index: int) -> str:
        kind = self.resource.ids
        if kind == "gaps":
            return str(index + index // 7 + 1)
        if kind == "uuid":
            bits = int.from_bytes(blake2b(b"id%d" % index, key=self._key, digest_size=16).digest(), "big")
            return str(uuid.UUID(int=bits, version=4))
        return str(index + 1)

    def index_of(self, row_id: str) -> int | None:
        """The index of a row that exists now, or None."""
        index: int | None
        if self.resource.ids == "uuid":
            for i in range(len(self._uuid_index), self.slots):
                self._uuid_index[self.id_of(i)] = i
            index = self._uuid_index.get(row_id)
        elif not row_id.isascii() or not row_id.isdigit() or int(row_id) < 1:
            index = None
        elif self.resource.ids == "gaps":
            block, rest = divmod(int(row_id) - 1, 8)
            index = None if rest == 7 else block * 7 + rest
        else:
            index = int(row_id) - 1
        return index if index is not None and self.exists(index) else None

    @property
    def slots(self) -> int:
        source = self.origin or self
        return source.base + source.inserted

    def exists(self, index: int) -> bool:
        return 0 <= index < self.slots and index not in (self.origin or self).dead

    @property
    def alive(self) -> Sequence[int]:
        """Indexes of the existing rows in ascending order."""
        return (self.origin or self)._alive

    def first_index_above(self, row_id: int) -> int:
        """The smallest index whose id is greater than a number (plain and gapped ids only)."""
        if self.resource.ids == "gaps":
            full, rest = divmod(max(row_id, 0), 8)
            return full * 7 + min(rest, 7)
        return max(row_id, 0)

    # --- entropy, times, parents ------------------------------------------------------------------------

    def entropy(self, index: int) -> int:
        source = self.origin or self
        return int.from_bytes(blake2b(b"%d" % index, key=source._key, digest_size=64).digest(), "little")

    def times(self, index: int) -> tuple[int, int]:
        """(created, updated) in epoch seconds."""
        source = self.origin or self
        changed = source.changed_times.get(index)
        return changed if changed is not None else source.base_times(index)

    def base_times(self, index: int) -> tuple[int, int]:
        salt = self._salt
        one, two = mix(index, salt), mix(index, salt ^ 0x5BD1E995)
        if self.parent_store is not None and self.resource.times == "parent":
            parent, _ = self._base_parent(index)
            low, high = self.parent_store.base_times(parent)
            created = low + ((high - low) * one >> 32)
            end = high
        else:
            start, end = self.account.now - 730 * DAY, self.account.now
            if self.resource.times == "early":
                start, end = start - 400 * DAY, start - 30 * DAY
            created = start + ((end - start) * (index * (1 << 32) + one) // max(self.base, 1) >> 32)
            end = self.account.now
        if two < 0x59999999:  # about a third of the rows was never touched again
            return created, min(created + (two & 31), max(end, created))
        return created, created + ((end - created) * mix(two, salt) >> 32)

    def time_array(self, which: str) -> array[int]:
        """The created or updated times of all rows by index, kept up to date once it was asked for."""
        source = self.origin or self
        if which not in source._arrays:
            created, updated = array("q"), array("q")
            for index in range(source.slots):
                both = source.changed_times.get(index) or source.base_times(index)
                created.append(both[0])
                updated.append(both[1])
            source._arrays = {"created": created, "updated": updated}
        return source._arrays[which]

    def _base_parent(self, index: int) -> tuple[int, int]:
        offsets = self._offsets
        if offsets is None:
            raise TypeError(f"{self.name} has no parent")
        parent = bisect_right(offsets, index) - 1
        return parent, index - offsets[parent]

    def parent_of(self, index: int) -> tuple[int | None, int]:
        """(index of the parent's row, position among its siblings)"""
        source = self.origin or self
        if source.parent_store is None:
            return None, 0
        if index < source.base:
            return source._base_parent(index)
        wanted = source.overrides.get(index, {}).get(source.resource.by or "")
        parent = source.parent_store
        found = parent.index_of(str(wanted)) if wanted is not None else None
        if found is None and parent.base:
            found = mix(index, source._salt) % parent.base
        return found, index

    # --- relations --------------------------------------------------------------------------------------

    def children(self, parent_id: str, relation: Relation) -> list[int]:
        """Indexes of the child's rows that belong to a row of this store."""
        child = self.account.store(relation.child)
        source = child.origin or child
        if source.parent_store is self and relation.by in {child.resource.by, source.resource.by}:
            return source.children_of_parent(self.index_of(parent_id), parent_id)
        found = source.inverted(relation.by).get(parent_id, [])
        if relation.where is not None:
            name, wanted = relation.where
            found = [i for i in found if child.value(i, name) == wanted]
        return found

    def children_of_parent(self, parent: int | None, parent_id: str) -> list[int]:
        by, offsets = self.resource.by, self._offsets
        if by is None or offsets is None:
            raise TypeError(f"{self.name} has no parent")
        result: list[int] = []
        if parent is not None and parent + 1 < len(offsets):
            result = [i for i in range(offsets[parent], offsets[parent + 1]) if i not in self.dead]
            if self.overrides:
                result = [i for i in result if by not in self.overrides.get(i, ())]
        moved = self._moved_children.get(parent_id)
        if moved:
            result += sorted(i for i in moved if i not in self.dead)
        return result

    def inverted(self, by: str) -> dict[str, list[int]]:
        """value -> indexes, for references that are not the parent's; for small accounts."""
        cached = self._inverted.get(by)
        if cached is not None and cached[0] == self.version:
            return cached[1]
        found: dict[str, list[int]] = {}
        value = partial(self.value, name=by)
        for index in self.alive:
            found.setdefault(str(value(index)), []).append(index)
        self._inverted[by] = (self.version, found)
        return found

    def related_ids(self, row_id: str, relation: str) -> list[str]:
        spec = self.resource.relations[relation]
        child = self.account.store(spec.child)
        return [child.id_of(i) for i in self.children(row_id, spec)]

    # --- rendering --------------------------------------------------------------------------------------

    def _compile(self) -> None:
        self.template: dict[str, Any] = {}
        self.dynamic: list[tuple[str, Function]] = []
        self.functions: dict[str, Function | Const] = {}
        self.aliases: dict[str, str] = {}
        for field, expression in self.resource.fields.items():
            if expression.startswith("same "):
                self.aliases[field] = expression.split()[1]
                continue
            self.functions[field] = compile_expression(expression, field)
        for field, other in self.aliases.items():
            self.functions[field] = self.functions[other]
        for field in self.resource.fields:
            function = self.functions[field]
            self.template[field] = function.value if isinstance(function, Const) else None
            if not isinstance(function, Const):
                self.dynamic.append((field, function))

    @property
    def link_path(self) -> str:
        return self.resource.path or self.resource.key

    def render(self, index: int) -> dict[str, Any]:
        """The row as the API would send it in a list."""
        row = Row(self, index)
        result = self.template.copy()
        for field, function in self.dynamic:
            value = result[field] = function(row)
            if value is ABSENT:
                del result[field]
        changed = (self.origin or self).overrides.get(index)
        if changed:
            result.update(changed if self.origin is None else {k: v for k, v in changed.items() if k in result})
        return result

    def value(self, index: int, name: str) -> Any:
        """One field of a row."""
        changed = (self.origin or self).overrides.get(index)
        if changed and name in changed:
            return changed[name]
        function = self.functions[name]
        return function.value if isinstance(function, Const) else function(Row(self, index))

    def encoded(self, index: int) -> bytes:
        """The row as JSON, from the cache where the account is small enough to keep it."""
        cached = self._cache.get(index)
        if cached is None:
            cached = orjson.dumps(self.render(index))
            if self.base <= _CACHE_ROWS:
                self._cache[index] = cached
        return cached

    def forget(self, index: int | None = None) -> None:
        """Drop rendered rows after a change."""
        if index is None:
            self._cache.clear()
        else:
            self._cache.pop(index, None)

    # --- changes ----------------------------------------------------------------------------------------

    def _check(self, fields: dict[str, Any]) -> None:
        unknown = sorted(set(fields) - set(self.resource.fields))
        if unknown:
            raise ValueError(f"{self.name} has no field {', '.join(unknown)}")

    def _override(self, index: int, fields: dict[str, Any]) -> None:
        values = dict(fields)
        for alias, other in self.aliases.items():
            if other in fields:
                values.setdefault(alias, fields[other])
            elif alias in fields:
                values.setdefault(other, fields[alias])
        by = self.resource.by
        if by in values and self.parent_store is not None:
            for moved in self._moved_children.values():
                moved.discard(index)
            self._moved_children.setdefault(str(values[by]), set()).add(index)
        self.overrides[index] = {**self.overrides.get(index, {}), **values}

    def insert(self, fields: dict[str, Any], created: int, updated: int) -> str:
        index = self.slots
        if self.parent_store is not None and self.resource.by and self.resource.by not in fields:
            parent = self.account.random_parent(self, index)
            if parent is not None:
                old = self.value(0, self.resource.by) if self.base else parent
                fields = {**fields, self.resource.by: int(parent) if isinstance(old, int) else parent}
        self._check(fields)
        self.inserted += 1
        self.changed_times[index] = (created, updated)
        for which, found in self._arrays.items():
            found.append(created if which == "created" else updated)
        self._alive.slots += 1
        self._override(index, fields)
        self._bump(index)
        return self.id_of(index)

    def update(self, index: int, fields: dict[str, Any], updated: int) -> None:
        self._check(fields)
        self._override(index, fields)
        self.touch(index, updated)

    def touch(self, index: int, updated: int) -> None:
        self.changed_times[index] = (self.times(index)[0], updated)
        for which, found in self._arrays.items():
            found[index] = self.changed_times[index][0 if which == "created" else 1]
        self._bump(index)

    def delete(self, index: int) -> None:
        self._alive.kill(index)
        self.dead.add(index)
        self._bump(index)

    def _bump(self, index: int) -> None:
        self.version += 1
        self.selections.clear()
        self.forget(index)
