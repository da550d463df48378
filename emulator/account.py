"""An account: its size, its keys, its rows and what changes in them."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from .access import hidden_pipelines, keys_of, mask, tracking_keys_of
from .clock import read_instant
from .generators import compile_columns
from .odd_json import read as read_odd
from .store import Store, World
from .table import resources
from .watch import Watch

FIXED_NOW = "2026-10-01T12:00:00Z"

_ALWAYS_THERE = {"users", "groups"}  # also in an account that is new


class Account:
    """Deterministic for (seed, sizes): the same account comes out on every machine.

    `rows` sets how many rows a resource is generated with, `gone` how many of those were deleted before: what outlives
    them is still there. With `nulls` some dates and references are null that the API may leave empty, with `odd_values`
    some rows have a value that most readers of JSON refuse or change, see odd_json. With `reuse_ids`
    a new row gets the id after the last existing one's, even where a deleted row had it: a pipeline with the id 14 was
    recorded to be deleted, and the next day a new one to have that id, and with it the stages that the old one had left
    over. `now` is the moment up to which the generated history runs; what changes later is stamped by `clock`. Raises
    ValueError for a resource that does not exist.

    Rows change through `insert`, `update` and `delete`, and in no other way: tests, the control endpoints, the Mutator
    and the API's own write endpoints all call these. Each holds `lock` (re-entrant, so several changes can be made one
    by holding it around them), looks after what depends on the row, and notes the change for `watches`.

    >>> account = Account.demo()
    >>> tag = account.insert("tags", tag="fresh")
    >>> account.update("tags", tag, tag="stale")
    >>> account.rows("tags")[-1]["tag"]
    'stale'
    >>> account.delete("tags", tag)
    >>> tag in account.ids("tags")
    False
    """

    def __init__(
        self,
        name: str = "demo",
        *,
        seed: int = 1,
        contacts: int = 1000,
        rows: Mapping[str, int] | None = None,
        gone: Mapping[str, int] | None = None,
        nulls: bool = False,
        reuse_ids: bool = False,
        odd_values: bool = False,
        now: datetime | str | float = FIXED_NOW,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.seed = seed
        self.clock = clock
        self.table = resources()
        sizes = {"contacts": contacts, **(rows or {})}
        unknown = sorted({*sizes, *(gone or {})} - set(self.table))
        if unknown:
            raise ValueError(f"no such resources: {', '.join(unknown)}")
        self.host = f"{name}.api-us1.test"
        self.link_base = f"https://{self.host}/api/3"
        self.lock = threading.RLock()
        self.keys = keys_of(name, seed)
        self.tracking = tracking_keys_of(name, seed)
        self.watches: dict[str, Watch] = {}
        self._world = World(
            seed,
            read_instant(now),
            sizes,
            dict(gone or {}),
            nulls,
            reuse_ids,
            odd_values,
            self.link_base,
            self.store,
        )
        self._stores: dict[str, Store] = {}
        self._views: dict[str, list[Store]] = defaultdict(list)
        self._shows_parent = {n for n, r in self.table.items() if any("parent " in e for e in r.fields.values())}
        self._counts = {n for n, r in self.table.items() if any("counted " in e for e in r.fields.values())}

    @classmethod
    def demo(cls, seed: int = 1, **more: Any) -> Account:
        """A small, varied account: enough contacts for three pages, and every quirk once or twice."""
        rows = {"deals": 130, **dict(more.pop("rows", None) or {})}
        return cls("demo", seed=seed, contacts=more.pop("contacts", 250), rows=rows, **more)

    @classmethod
    def unflattering(cls, seed: int = 1, **more: Any) -> Account:
        """An account as it is after years: rows whose contacts and pipelines are gone, ids that are given again, dates
        and references that are null, one address for everybody, and children out of all proportion."""
        few = {"contactTags": 40, "contactLists": 6, "scoreValues": 3, "ecomOrders": 4, "dealActivities": 3}
        many = {
            "fieldValues": 2500,
            "contactAutomations": 700,
            "geoIps": 400,
            "contactDeals": 900,
            "ecomOrderProducts": 500,
        }
        rows = {
            "deals": 130,
            "dealGroups": 12,
            "geoAddresses": 1,
            **few,
            **many,
            **dict(more.pop("rows", None) or {}),
        }
        gone = {"contacts": 30, "dealGroups": 11, **dict(more.pop("gone", None) or {})}
        contacts = more.pop("contacts", 150)
        usual = {"nulls": True, "reuse_ids": True}
        return cls("unflattering", seed=seed, contacts=contacts, rows=rows, gone=gone, **{**usual, **more})

    @classmethod
    def empty(cls, seed: int = 1, **more: Any) -> Account:
        """A new account: its users, and no row of anything else unless `contacts` or `rows` ask for some.

        `add_field` and its like put in what it defines.
        """
        none = {n: 0 for n, r in resources().items() if r.view_of is None and n not in _ALWAYS_THERE}
        rows = {**none, "contacts": more.pop("contacts", 0), **dict(more.pop("rows", None) or {})}
        return cls("empty", seed=seed, rows=rows, **more)

    # --- rows -------------------------------------------------------------------------------------------

    def store(self, name: str) -> Store:
        """The rows of a resource. Hold `lock` while reading them where others may change them.

        Raises KeyError for a resource that does not exist.
        """
        found = self._stores.get(name)
        if found is None:
            with self.lock:
                if name not in self._stores:
                    resource = self.table.get(name)
                    if resource is None:
                        raise KeyError(f"no such resource: {name}")
                    made = Store(self._world, resource, compile_columns(resource))
                    if made.origin is not None:
                        self._views[made.origin.name].append(made)
                    self._stores[name] = made
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
            read = read_odd if self._world.odd_values else orjson.loads
            shown = [read(store.encoded(i)) for i in store.alive]
            if resource == "deals" and key is not None:
                hidden = hidden_pipelines(self.store("dealGroups"), key)
                shown = [r if not hidden(r["group"]) else mask(r) for r in shown]
            return shown

    def ids(self, resource: str) -> set[str]:
        """The ids of all rows of a resource."""
        with self.lock:
            store = self.store(resource)
            return {store.id_of(i) for i in store.alive}

    # --- changes ----------------------------------------------------------------------------------------

    def insert(self, resource: str, **fields: Any) -> str:
        """Add a row and return its id; what is not given is generated. `_created` and `_updated` set its times.

        Raises KeyError for a resource that does not exist, ValueError for a field that it does not have.
        """
        with self.lock:
            store = self._writable(resource)
            now = int(self.clock())
            created = read_instant(fields.pop("_created", now))
            updated = read_instant(fields.pop("_updated", max(now, created)))
            index = store.insert(fields, created, updated)
            self._after(store, index, updated)
            row_id = store.id_of(index)
            if resource in self.watches:
                self.watches[resource].inserted.append(row_id)
            return row_id

    def update(self, resource: str, row_id: str | int, **fields: Any) -> None:
        """Change a row and move its modification time (`_updated` sets it).

        Raises KeyError for a resource or a row that does not exist, ValueError for a field that it does not have.
        """
        with self.lock:
            store = self._writable(resource)
            index = self._index(store, str(row_id))
            updated = read_instant(fields.pop("_updated", self.clock()))
            store.update(index, fields, updated)
            self._after(store, index, updated)
            if resource in self.watches:
                self.watches[resource].updated.append(str(row_id))

    def delete(self, resource: str, row_id: str | int) -> None:
        """Remove a row and what belongs to it, but for what outlives it; deals stay, masked, when their pipeline goes
        (recorded).

        Raises KeyError for a resource or a row that does not exist.
        """
        with self.lock:
            store = self._writable(resource)
            row_id = str(row_id)
            index = self._index(store, row_id)
            for name in store.resource.children:
                child = self._stores.get(name)
                if child is None:  # it will look for its owners when it is made
                    continue
                if not child.outlives(index):
                    for i in child.children_of_parent(index, row_id):
                        self.delete(name, child.id_of(i))
            parent = store.parent_of(index)[0]
            store.delete(index)
            self._forget_around(store, index, parent)
            if resource in self.watches:
                self.watches[resource].deleted.append(row_id)

    def _writable(self, resource: str) -> Store:
        store = self.store(resource)
        if store.origin is not None:
            raise ValueError(f"{resource} shows the rows of {store.origin.name}; change those")
        return store

    def _index(self, store: Store, row_id: str) -> int:
        index = store.index_of(row_id)
        if index is None:
            raise KeyError(f"{store.name} has no row {row_id}")
        return index

    def _after(self, store: Store, index: int, updated: int) -> None:
        """A fieldValue or contactTag that is written moves its contact's udate (recorded), a list membership not."""
        parent = store.parent_of(index)[0]
        self._forget_around(store, index, parent)
        touched = store.resource.touches
        if touched and parent is not None and store.parent_store is not None and store.parent_store.exists(parent):
            store.parent_store.touch(parent, updated)
            self._forget_views(store.parent_store, parent)
            if touched in self.watches:
                self.watches[touched].updated.append(store.parent_store.id_of(parent))

    def _forget_around(self, store: Store, index: int, parent: int | None) -> None:
        """Rendered rows elsewhere that show something of a row that changed."""
        self._forget_views(store, index)
        if parent is not None and store.parent_store is not None:
            store.parent_store.forget(parent)
        for name in store.resource.children:
            if name in self._shows_parent and name in self._stores:
                self._stores[name].forget()
        for target in store.resource.forward.values():
            if target in self._counts and target in self._stores:
                self._stores[target].forget()

    def _forget_views(self, store: Store, index: int) -> None:
        for view in self._views[store.name]:
            view.version += 1
            view.selections.clear()
            view.forget(index)

    # --- what an account defines -------------------------------------------------------------------------

    def add_field(
        self, title: str, kind: str = "text", *, tag: str | None = None, options: Sequence[str] = (), **more: Any
    ) -> str:
        """Define a custom field of contacts, on all lists, and return its id.

        `kind` is text, textarea, date, datetime, dropdown, listbox, radio, checkbox, hidden or number; the
        personalization tag is made from the title unless given. `more` are columns of the field.

        >>> account = Account.empty()
        >>> account.add_field("Shoe size", "radio", options=["S", "L"])
        '1'
        >>> account.rows("fields")[0]["perstag"], [option["value"] for option in account.rows("fieldOptions")]
        ('SHOE_SIZE', ['S', 'L'])
        """
        with self.lock:
            perstag = re.sub(r"[^A-Z0-9]+", "_", title.upper()).strip("_") if tag is None else tag
            field = self.insert("fields", title=title, type=kind, perstag=perstag, **{"isrequired": "0", **more})
            self.insert("fieldRels", field=field, relid="0")
            for place, option in enumerate(options, 1):
                self.insert("fieldOptions", field=field, value=option, label=option, orderid=str(place))
            return field

    def add_account_field(self, label: str, kind: str = "text", *, options: Sequence[str] = (), **more: Any) -> str:
        """Define a custom field of accounts and return its id; `kind` may be currency or multiselect besides."""
        columns = {
            "fieldOptions": list(options) or None,
            "fieldDefault": "",
            "personalization": "ACCT_" + re.sub(r"[^A-Z0-9]+", "_", label.upper()).strip("_"),
            **more,
        }
        return self.insert("accountCustomFieldMeta", fieldLabel=label, fieldType=kind, **columns)

    def add_list(self, name: str, stringid: str | None = None, **more: Any) -> str:
        """Add a list and return its id; its string id is made from its name unless given."""
        made = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        return self.insert("lists", name=name, stringid=made if stringid is None else stringid, **more)

    def add_tag(self, name: str, kind: str = "contact", description: str = "") -> str:
        """Add a tag of a kind, contact or template, and return its id."""
        return self.insert("tags", tag=name, tagType=kind, description=description, deleted="0")

    def add_exclusion(self, phrase: str, match: str = "exact", channel: str = "all", lists: Sequence[str] = ()) -> str:
        """Exclude emails that are (`exact`), `begin` or `end` with a phrase: from some lists, or from the account."""
        fields = {"matchPhrase": phrase, "matchType": match, "channel": channel, "hidden": False, "lists": list(lists)}
        return self.insert("exclusions", **fields)

    # --- bookkeeping ------------------------------------------------------------------------------------

    def watch(self, names: list[str]) -> None:
        """Start to record what changes in these resources; earlier records are dropped."""
        with self.lock:
            self.watches = {name: Watch(self.store(name), self.store(name).slots) for name in names}
