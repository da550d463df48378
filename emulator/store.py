"""The rows of one resource: generated when asked for, with an overlay of what changed.

Nothing here locks. Who reads while others may change rows holds `Account.lock`; who changes rows goes through
`Account.insert`, `update` and `delete`, which also look after what depends on a row.
"""

from __future__ import annotations

import uuid
from array import array
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from .alive import Alive
from .clock import DAY
from .entropy import MASK, mix, salt_of
from .overlay import Overlay
from .sizes import child_offsets, row_count
from .table import Relation, Resource
from .value_index import ValueIndex

Function = Callable[["Row"], Any]
"""Makes the value of one field of a row."""

ABSENT = object()
"""What a function returns where the row shall not have the field at all."""

# Dates that were recorded null, or are null for rows of the system itself.
_NULLABLE_DATES = frozenset({"cdate", "udate", "mdate", "updated_timestamp", "updatedTimestamp", "lastdate", "sdate"})
_CACHE_ROWS = 25_000
_UNWRITTEN = object()


@dataclass(frozen=True)
class World:
    """What the stores of one account have in common, and how they find each other."""

    seed: int
    now: int  # epoch seconds up to which the generated history runs
    sizes: Mapping[str, int]  # how many rows of which resource were asked for
    gone: Mapping[str, int]  # how many rows of which resource were deleted before, of those that were generated
    has_nulls: bool  # whether some dates and references that the API may leave empty are null
    reuses_ids: bool  # whether a new row gets the id after the last existing one's, though a deleted row had it
    odd_values: bool  # whether some rows have a value that most readers of JSON refuse
    link_base: str  # where the `links` of all rows begin
    store: Callable[[str], Store]  # any resource's store by its name


@dataclass(frozen=True)
class Columns:
    """A resource's fields, compiled."""

    template: Mapping[str, Any]  # all fields in their order, with the values that are the same in every row
    dynamic: Sequence[tuple[str, Function]]  # the others
    functions: Mapping[str, Function]  # all of them
    aliases: Mapping[str, str]  # field -> the field whose value it repeats
    odd: Callable[[Row], Mapping[str, Any]]  # what stands in some rows instead, as JSON, where odd values are wanted


class Row:
    """One row while it is generated: its place, its bits and its times."""

    __slots__ = ("_bits", "_place", "created", "id", "index", "store", "updated", "written")

    def __init__(self, store: Store, index: int) -> None:
        self.store = store
        self.index = index
        self.id = store.id_of(index)
        self.created, self.updated = store.times(index)  # epoch seconds
        # The fields that somebody wrote since the row was generated.
        self.written: Mapping[str, Any] = store.source.overrides.of(index)
        # Both take long, and a row that was written may need neither.
        self._bits: int | None = None
        self._place: tuple[int | None, int] | None = None

    @property
    def world(self) -> World:
        return self.store.world

    @property
    def parent(self) -> int | None:
        """The index of the row that this one belongs to."""
        return self._in_parent()[0]

    @property
    def slot(self) -> int:
        """Its position among its siblings."""
        return self._in_parent()[1]

    def _in_parent(self) -> tuple[int | None, int]:
        if self._place is None:
            self._place = self.store.parent_of(self.index)
        return self._place

    def get(self, field: str) -> Any:
        """Another field of this row."""
        written = self.written
        return written[field] if field in written else self.store.columns.functions[field](self)

    def number(self, salt: int) -> int:
        """32 bits that belong to this row and this salt."""
        if self._bits is None:
            self._bits = self.store.entropy(self.index)
        return (self._bits >> salt) & MASK

    def parent_bits(self) -> int:
        """Bits that a row has in common with its siblings; 0 without a parent."""
        parents = self.store.parent_store
        return parents.entropy(self.parent) if parents is not None and self.parent is not None else 0


class Store:
    """Rows are known by their index: 0 .. base-1 are generated, those after were inserted while it runs.

    An index gives the id by a formula (an eighth of the ids is missing, as in an account that is used), the
    creation time by position, the rest by hashing (seed, resource, index).
    """

    def __init__(self, world: World, resource: Resource, columns: Columns) -> None:
        self.world = world
        self.resource = resource
        self.columns = columns
        self.name = resource.name
        self._salt = mix(world.seed, int.from_bytes(blake2b(self.name.encode(), digest_size=4).digest(), "little"))
        self._key = f"{world.seed}/{self.name}".encode()[:64]
        self.version = 0
        self.inserted = 0
        self.overrides = Overlay()
        self.changed_times: dict[int, tuple[int, int]] = {}
        self.dead: set[int] = set()
        self.buried: set[int] = set()  # all that were ever deleted, also where a new row has the place now
        self._births: dict[int, int] = {}  # how often a place was given to a new row
        self._moved_children: dict[str, list[int]] = {}
        self._last_times = (0, 0)
        self._indexes: dict[tuple[str, bool], ValueIndex] = {}
        self._cache: dict[int, bytes] = {}
        self._uuid_index: dict[str, int] = {}
        self._arrays: dict[str, array[int]] = {}
        self.selections: dict[Any, Sequence[int]] = {}
        # A view shows another store's rows with other fields: same places, same overlay.
        self.origin: Store | None = world.store(resource.view_of) if resource.view_of else None
        self.source: Store = self.origin or self
        self.parent_store: Store | None = None
        self._offsets: array[int] | None = None
        self.base: int
        if self.origin is not None:
            self.parent_store = self.origin.parent_store
            self.base = self.origin.base
        elif resource.per is not None:
            self.parent_store = world.store(resource.per)
            wanted = world.sizes.get(self.name)
            self._offsets = child_offsets(resource, self.parent_store.base, wanted, self._key)
            self.base = self._offsets[-1]
        else:
            self.base = row_count(resource, world.sizes)
        self._alive = Alive(self.base)
        self.gone = frozenset(self._some_indexes(world.gone.get(self.name, 0))) if self.origin is None else frozenset()
        for index in self.gone:
            self.delete(index)
        if self.parent_store is not None and self.origin is None:
            for parent in self.parent_store.buried:
                if not self.outlives(parent):
                    for index in self.children_of_parent(parent, ""):
                        if self.exists(index):
                            self.delete(index)

    def outlives(self, parent: int) -> bool:
        """Whether rows stay that belong to a row of the parent's store, once that is deleted."""
        was_gone = self.parent_store is not None and parent in self.parent_store.gone
        return self.resource.outlives == "deleted" or (self.resource.outlives == "gone" and was_gone)

    def _some_indexes(self, count: int) -> list[int]:
        """So many of the generated rows, evenly spread; the last one is among them."""
        count = min(count, self.base)
        return [(n + 1) * self.base // count - 1 for n in range(count)]

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
        kind = self.resource.ids
        if kind == "uuid":
            for i in range(len(self._uuid_index), self.slots):
                self._uuid_index[self.id_of(i)] = i
            found = self._uuid_index.get(row_id)
            return found if found is not None and self.exists(found) else None
        if not row_id.isascii() or not row_id.isdigit():
            return None
        index = int(row_id) - 1
        if kind == "gaps":
            block, rest = divmod(index, 8)
            if rest == 7:
                return None
            index = block * 7 + rest
        return index if self.exists(index) else None

    @property
    def slots(self) -> int:
        """How many indexes were ever given to rows."""
        return self.source.base + self.source.inserted

    def exists(self, index: int) -> bool:
        source = self.source
        return 0 <= index < source.base + source.inserted and index not in source.dead

    @property
    def alive(self) -> Sequence[int]:
        """Indexes of the existing rows in ascending order."""
        return self.source._alive

    def first_index_above(self, row_id: int) -> int:
        """The smallest index whose id is greater than a number (plain and gapped ids only)."""
        if self.resource.ids == "gaps":
            full, rest = divmod(max(row_id, 0), 8)
            return full * 7 + min(rest, 7)
        return max(row_id, 0)

    # --- bits, times, parents ---------------------------------------------------------------------------

    def entropy(self, index: int) -> int:
        """512 bits that belong to a row."""
        births = self.source._births.get(index)
        name = b"%d" % index if births is None else b"%d/%d" % (index, births)
        return int.from_bytes(blake2b(name, key=self.source._key, digest_size=64).digest(), "little")

    def times(self, index: int) -> tuple[int, int]:
        """(created, updated) in epoch seconds."""
        changed = self.source.changed_times.get(index)
        return changed if changed is not None else self.source.base_times(index)

    def base_times(self, index: int) -> tuple[int, int]:
        """The times that a row was generated with."""
        salt = self._salt
        one, two = mix(index, salt), mix(index, salt ^ 0x5BD1E995)
        if self.parent_store is not None and self.resource.times == "parent":
            parent, _ = self._base_parent(index)
            low, high = self.parent_store.base_times(parent)
            created = low + ((high - low) * one >> 32)
            end = high
        else:
            start, end = self.world.now - 730 * DAY, self.world.now
            if self.resource.times == "early":
                start, end = start - 400 * DAY, start - 30 * DAY
            created = start + ((end - start) * (index * (1 << 32) + one) // max(self.base, 1) >> 32)
            end = self.world.now
        if two < 0x59999999:  # about a third of the rows was never touched again
            return created, min(created + (two & 31), max(end, created))
        return created, created + ((end - created) * mix(two, salt) >> 32)

    def time_array(self, which: str) -> array[int]:
        """The created or updated times of all rows by index, kept up to date once it was asked for."""
        source = self.source
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
        source = self.source
        if source.parent_store is None:
            return None, 0
        wanted = source.overrides.field(index, source.resource.by or "")
        if wanted is None and index < source.base:
            return source._base_parent(index)
        parent = source.parent_store
        found = parent.index_of(str(wanted)) if wanted is not None else None
        if found is None and parent.base:
            found = mix(index, source._salt) % parent.base
        return found, index

    # --- relations --------------------------------------------------------------------------------------

    def children(self, parent_id: str, relation: Relation) -> list[int]:
        """Indexes of the child's rows that belong to a row of this store."""
        child = self.world.store(relation.child)
        source = child.source
        if source.parent_store is self and relation.by in {child.resource.by, source.resource.by}:
            return source.children_of_parent(self.index_of(parent_id), parent_id)
        found = source.rows_with(relation.by, parent_id)
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
                result = [i for i in result if self.overrides.field(i, by, _UNWRITTEN) is _UNWRITTEN]
        moved = self._moved_children.get(parent_id)
        if moved:
            result += sorted(i for i in moved if i not in self.dead)
        return result

    def rows_with(self, field: str, value: str, folded: bool = False) -> list[int]:
        """Indexes of the existing rows whose field has a value (as text; null is ""), in ascending order.

        `folded`: in whatever case. The first look-up by a field goes through all rows; changes then keep what it found
        up to date.
        """
        key = field, folded
        if key not in self._indexes:
            self._indexes[key] = ValueIndex((i, self._indexed(i, key)) for i in self.alive)
        return self._indexes[key].rows_with(value.lower() if folded else value)

    def _indexed(self, index: int, key: tuple[str, bool]) -> str:
        field, folded = key
        value = self.value(index, field)
        text = "" if value is None else str(value)
        return text.lower() if folded else text

    def related_ids(self, row_id: str, relation: str) -> list[str]:
        spec = self.resource.relations[relation]
        child = self.world.store(spec.child)
        return [child.id_of(i) for i in self.children(row_id, spec)]

    # --- rendering --------------------------------------------------------------------------------------

    @property
    def link_path(self) -> str:
        return self.resource.path or self.resource.key

    def render(self, index: int) -> dict[str, Any]:
        """The row as the API would send it in a list."""
        row = Row(self, index)
        written = row.written
        # Whatever is changed gets its dates.
        has_null_dates = self.world.has_nulls and index not in self.source.changed_times
        result = dict(self.columns.template)
        if self.origin is None:
            result.update(written)
        else:
            result.update({field: value for field, value in written.items() if field in result})
        for field, function in self.columns.dynamic:
            is_written = field in written
            value = written[field] if is_written else function(row)
            if value is ABSENT:
                del result[field]
            elif is_written:
                continue
            elif has_null_dates and field in _NULLABLE_DATES and row.number(salt_of(field)) % 8 == 0:
                result[field] = None
            else:
                result[field] = value
        return result

    def value(self, index: int, name: str) -> Any:
        """One field of a row."""
        written = self.source.overrides.field(index, name, _UNWRITTEN)
        return self.columns.functions[name](Row(self, index)) if written is _UNWRITTEN else written

    def encoded(self, index: int) -> bytes:
        """The row as JSON, from the cache where the account is small enough to keep it."""
        cached = self._cache.get(index)
        if cached is None:
            row = self.render(index)
            if self.world.odd_values:
                row |= self.columns.odd(Row(self, index))
            cached = orjson.dumps(row)
            if self.slots <= _CACHE_ROWS:
                self._cache[index] = cached
        return cached

    def forget(self, index: int | None = None) -> None:
        """Drop rendered rows after a change."""
        if index is None:
            self._cache.clear()
        else:
            self._cache.pop(index, None)

    # --- changes: for Account alone ---------------------------------------------------------------------

    def insert(self, fields: Mapping[str, Any], created: int, updated: int) -> int:
        """Add a row and return its index. Raises ValueError for a field that the resource does not have."""
        self._check(fields)
        index = self._next_index()
        values = fields if self.resource.by in fields else {**fields, **self._some_parent(index)}
        self._take(index)
        self._set_times(index, (created, updated))
        for which, found in self._arrays.items():
            found[index] = created if which == "created" else updated
        self._override(index, values)
        self._changed(index)
        return index

    def _next_index(self) -> int:
        """Where ids are reused the one after the last existing row's, else one that no row had yet."""
        if not self.world.reuses_ids or self.resource.ids == "uuid":
            return self.slots
        return self.alive[-1] + 1 if self.alive else 0

    def _take(self, index: int) -> None:
        """Give a place to a new row: a fresh one, or that of a deleted row, of which nothing is left in it."""
        if index == self.slots:
            self.inserted += 1
            self._alive.slots += 1
            for found in self._arrays.values():
                found.append(0)
            return
        self.dead.discard(index)
        self._alive.revive(index)
        self._births[index] = self._births.get(index, 0) + 1
        self.overrides.drop(index)

    def update(self, index: int, fields: Mapping[str, Any], updated: int) -> None:
        """Change fields of a row. Raises ValueError for a field that the resource does not have."""
        self._check(fields)
        self._override(index, fields)
        self.touch(index, updated)

    def touch(self, index: int, updated: int) -> None:
        """Move a row's modification time."""
        self._set_times(index, (self.times(index)[0], updated))
        for which, found in self._arrays.items():
            found[index] = self.changed_times[index][0 if which == "created" else 1]
        self._changed(index)

    def delete(self, index: int) -> None:
        """Remove a row that exists."""
        self._alive.kill(index)
        self.dead.add(index)
        self.buried.add(index)
        self._leave_owner(index)
        self._changed(index)

    def _check(self, fields: Mapping[str, Any]) -> None:
        unknown = sorted(set(fields) - set(self.resource.fields))
        if unknown:
            raise ValueError(f"{self.name} has no field {', '.join(unknown)}")

    def _some_parent(self, index: int) -> dict[str, Any]:
        """The reference of a new row to a parent that exists, in the type that the other rows give it."""
        by, parents = self.resource.by, self.parent_store
        if by is None or parents is None or not parents.alive:
            return {}
        if by not in self.columns.functions:
            raise ValueError(f"{self.name} has no field {by}, so no row can be added to it")
        alive = parents.alive
        parent = parents.id_of(alive[mix(index, self.world.seed) % len(alive)])
        is_number = bool(self.base) and isinstance(self.value(0, by), int)
        return {by: int(parent) if is_number else parent}

    def _override(self, index: int, fields: Mapping[str, Any]) -> None:
        values = dict(fields)
        for alias, other in self.columns.aliases.items():
            if other in fields:
                values.setdefault(alias, fields[other])
            elif alias in fields:
                values.setdefault(other, fields[alias])
        by = self.resource.by
        if by in values and self.parent_store is not None:
            self._leave_owner(index)
            self._moved_children.setdefault(str(values[by]), []).append(index)
        self.overrides.put(index, values)

    def _leave_owner(self, index: int) -> None:
        """A row is no longer among those that were written for its owner."""
        owner = self.overrides.field(index, self.resource.by or "")
        if owner is not None and index in (moved := self._moved_children.get(str(owner), [])):
            moved.remove(index)

    def _set_times(self, index: int, times: tuple[int, int]) -> None:
        """One tuple for all rows that are written in the same second: there may be a million of them."""
        if times != self._last_times:
            self._last_times = times
        self.changed_times[index] = self._last_times

    def _changed(self, index: int) -> None:
        self.version += 1
        self.selections.clear()
        self.forget(index)
        for key, found in self._indexes.items():
            if self.exists(index):
                found.put(index, self._indexed(index, key))
            else:
                found.drop(index)
