"""An account: its size, its keys, its rows and what changes in them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from . import custom_fields, odd_values  # noqa: F401 - they register generators
from .clock import read_instant
from .custom_fields import DEFINITIONS, definition
from .store import Store, mix
from .table import resources

RIGHTS = ("full", "partial", "none", "nocrm")
FIXED_NOW = "2026-10-01T12:00:00Z"


@dataclass
class Watch:
    """What happened to a resource since a moment."""

    store: Store
    slots: int
    inserted: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    @property
    def throughout(self) -> set[str]:
        """Ids of the rows that existed all the time."""
        return {self.store.id_of(i) for i in self.store.alive if i < self.slots}

    def counts(self) -> dict[str, int]:
        new = sum(1 for i in range(self.slots, self.store.slots) if self.store.exists(i))
        return {
            "throughout": len(self.store.alive) - new,
            "inserted": len(self.inserted),
            "updated": len(self.updated),
            "deleted": len(self.deleted),
        }


class Account:
    """Deterministic for (seed, sizes): the same account comes out on every machine.

    `now` is the moment up to which the generated history runs; what changes later is stamped by `clock`.
    """

    def __init__(
        self,
        name: str = "demo",
        *,
        seed: int = 1,
        contacts: int = 1000,
        rows: Mapping[str, int] | None = None,
        now: datetime | str | float = FIXED_NOW,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.seed = seed
        self.now = read_instant(now)
        self.clock = clock
        self.size: dict[str, int] = {"contacts": contacts, **(rows or {})}
        unknown = sorted(set(self.size) - set(resources()))
        if unknown:
            raise ValueError(f"no such resources: {', '.join(unknown)}")
        self.link_base = f"https://{name}.api-us1.test/api/3"
        self.lock = threading.RLock()
        self.keys = {right: sha256(f"{name}/{seed}/{right}".encode()).hexdigest() for right in RIGHTS}
        self.watches: dict[str, Watch] = {}
        self._stores: dict[str, Store] = {}
        self.table = resources()

    @classmethod
    def demo(cls, seed: int = 1, **more: Any) -> Account:
        """A small, varied account: enough contacts for three pages, and every quirk once or twice."""
        rows = {"deals": 130, **dict(more.pop("rows", None) or {})}
        return cls("demo", seed=seed, contacts=more.pop("contacts", 250), rows=rows, **more)

    # --- rows -------------------------------------------------------------------------------------------

    def store(self, name: str) -> Store:
        found = self._stores.get(name)
        if found is None:
            with self.lock:
                if name not in self._stores:
                    self._stores[name] = Store(self, resources()[name])
                return self._stores[name]
        return found

    def warm(self) -> None:
        """Make what takes long in a large account, so that no request has to wait for it."""
        for name, resource in self.table.items():
            store = self.store(name)
            if any(what.startswith(("created", "updated")) for what in resource.filters.values()):
                store.time_array("updated")

    def rows(self, resource: str, key: str | None = "full") -> list[dict[str, Any]]:
        """The wire rows of a resource in ascending order of id, as a key sees them; None: nothing masked."""
        with self.lock:
            store = self.store(resource)
            shown = [orjson.loads(store.encoded(i)) for i in store.alive]
            if resource == "deals" and key is not None:
                hidden = self.hidden_pipelines(key)
                shown = [r if not hidden(r["group"]) else mask(r) for r in shown]
            return shown

    def ids(self, resource: str) -> set[str]:
        with self.lock:
            store = self.store(resource)
            return {store.id_of(i) for i in store.alive}

    # --- sizes ------------------------------------------------------------------------------------------

    def count(self, rows: float | str) -> int:
        """`12` is twelve whatever the account's size, `0.25c` a quarter of its contacts."""
        if isinstance(rows, str):
            if rows in DEFINITIONS:
                return len(DEFINITIONS[rows])
            return round(float(rows.removesuffix("c")) * self.size["contacts"])
        return int(rows)

    def child_counts(self, each: str) -> Callable[[int], int]:
        if each == "options":
            return lambda index: len(definition("fields", index).options)
        return lambda index: int(each)

    def random_parent(self, store: Store, index: int) -> str | None:
        parent = store.parent_store
        if parent is None or not parent.alive:
            return None
        alive = parent.alive
        return parent.id_of(alive[mix(index, self.seed) % len(alive)])

    # --- access to pipelines ----------------------------------------------------------------------------

    def hidden_pipelines(self, key: str, closed: list[str] | None = None) -> Callable[[str | None], bool]:
        """Which pipelines a key may not open. One that is gone is closed to everybody (recorded)."""
        groups = self.store("dealGroups")
        existing = {groups.id_of(i) for i in groups.alive}
        if closed is None:
            closed = {"none": ["*"], "partial": [groups.id_of(groups.base - 1)]}.get(key, []) if groups.base else []
        if "*" in closed:
            return lambda group: True
        open_ones = existing - set(closed)
        return lambda group: group not in open_ones

    # --- changes ----------------------------------------------------------------------------------------

    def insert(self, resource: str, **fields: Any) -> str:
        """Add a row; what is not given is generated. `_created` and `_updated` set its times."""
        with self.lock:
            store = self.store(resource)
            now = int(self.clock())
            created = read_instant(fields.pop("_created", now))
            updated = read_instant(fields.pop("_updated", max(now, created)))
            row_id = store.insert(fields, created, updated)
            self._after(store, row_id, updated)
            if resource in self.watches:
                self.watches[resource].inserted.append(row_id)
            return row_id

    def update(self, resource: str, row_id: str | int, **fields: Any) -> None:
        """Change a row and move its modification time (`_updated` sets it)."""
        with self.lock:
            store = self.store(resource)
            index = self._index(store, str(row_id))
            updated = read_instant(fields.pop("_updated", self.clock()))
            store.update(index, fields, updated)
            self._after(store, str(row_id), updated)
            if resource in self.watches:
                self.watches[resource].updated.append(str(row_id))

    def delete(self, resource: str, row_id: str | int) -> None:
        """Remove a row and what belongs to it; deals stay, masked, when their pipeline goes (recorded)."""
        with self.lock:
            store = self.store(resource)
            row_id = str(row_id)
            index = self._index(store, row_id)
            for name in store.resource.children:
                child = self._stores.get(name)
                if child is None:  # it will look for its owners when it is made
                    continue
                for i in child.children_of_parent(index, row_id):
                    self.delete(name, child.id_of(i))
            parent = store.parent_of(index)[0]
            store.delete(index)
            self._forget_around(store, index, parent)
            if resource in self.watches:
                self.watches[resource].deleted.append(row_id)

    def _index(self, store: Store, row_id: str) -> int:
        index = store.index_of(row_id)
        if index is None:
            raise KeyError(f"{store.name} has no row {row_id}")
        return index

    def _after(self, store: Store, row_id: str, updated: int) -> None:
        """A fieldValue or contactTag that is written moves its contact's udate (recorded), a list membership not."""
        index = self._index(store, row_id)
        parent = store.parent_of(index)[0]
        self._forget_around(store, index, parent)
        touched = store.resource.touches
        if touched and parent is not None and store.parent_store is not None and store.parent_store.exists(parent):
            store.parent_store.touch(parent, updated)
            self._forget_around(store.parent_store, parent, None)
            if touched in self.watches:
                self.watches[touched].updated.append(store.parent_store.id_of(parent))

    def _forget_around(self, store: Store, index: int, parent: int | None) -> None:
        """Rendered rows elsewhere that show something of a row that changed."""
        for other in list(self._stores.values()):
            if other.origin is store:
                other.version += 1
                other.selections.clear()
                other.forget(index)
        if parent is not None and store.parent_store is not None:
            store.parent_store.forget(parent)
        for name in store.resource.children:
            if name in self._stores:
                self._stores[name].forget()

    # --- bookkeeping ------------------------------------------------------------------------------------

    def watch(self, names: list[str]) -> None:
        """Start to record what changes in these resources; earlier records are dropped."""
        with self.lock:
            self.watches = {name: Watch(self.store(name), self.store(name).slots) for name in names}


def mask(row: Mapping[str, Any], flag: bool | int = True) -> dict[str, Any]:
    """What the API shows of a deal whose pipeline the key's user may not open: recorded, HTTP 200."""
    return {"title": row["title"], "id": row["id"], "isDisabled": flag}
