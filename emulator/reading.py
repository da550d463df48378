"""What every resource of the table answers to GET: its list, one row, what belongs to a row, what a row refers to."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import orjson

from .answers import Answer, not_found
from .bodies import envelope, join, renamed, row_of, rows_with_sides
from .calls import Call
from .envelopes import counted_list, django_list, paged_list
from .faults import comes_as_map, told_key, told_total
from .query import select
from .routing import Routes
from .store import Store
from .table import Relation, Resource, resources


def table_routes() -> Routes:
    """GET of everything that the table says is there."""
    routes = Routes()
    lists = {"list": list_rows, "counted": counted_list, "pages": paged_list, "django": django_list}
    for resource in resources().values():
        if resource.path is None:
            continue
        routes.add("GET", resource.path, partial(lists[resource.style], resource=resource))
        routes.add("GET", f"{resource.path}/{{id}}", partial(single_row, resource=resource))
        for name, relation in resource.relations.items():
            routes.add(
                "GET", f"{resource.path}/{{id}}/{name}", partial(rows_of_row, resource=resource, relation=relation)
            )
        for name, target in resource.forward.items():
            if name not in resource.relations:
                handler = partial(referred_row, resource=resource, field=name, target=target)
                routes.add("GET", f"{resource.path}/{{id}}/{name}", handler)
    return routes


def list_rows(call: Call, resource: Resource) -> Answer:
    """GET PATH: `{sideloads, KEY: [rows], "meta": {"total": "250"}}`"""
    store = call.account.store(resource.name)
    found = select(store, call.request.pairs, call.settings)
    limit, offset = call.page(resource.limit)
    page = found[offset : offset + limit]
    wanted = [name for name in call.includes if name not in call.settings.ignored_includes]
    arrays = rows_with_sides(call, store, page, wanted)
    if resource.name == "accounts" and call.request.query.get("count_deals") in {"true", "1"}:
        arrays[resource.key] = [_counted(call, orjson.loads(row)) for row in arrays[resource.key]]
    key = told_key(resource.key, call.fault)
    arrays = renamed(arrays, resource.key, key)
    as_map = key if comes_as_map(call.fault) else ""
    return Answer(200, envelope(arrays, _meta(call, resource, len(found)), as_map=as_map))


def single_row(call: Call, resource: Resource) -> Answer:
    """GET PATH/{id}: contacts bring most of what belongs to them along, others what is beside their list.

    Empty lists are among it, but for a contact neither contactData nor the addresses of geoIps where there are none,
    nor the scoreValues that are beside the list of contacts (all recorded).
    """
    store = call.account.store(resource.name)
    index = store.index_of(call.parts["id"])
    if index is None or resource.single is None:
        raise not_found(resource, call.parts["id"])
    arrays = rows_with_sides(call, store, [index], resource.embeds)
    (row,) = arrays.pop(resource.key)
    if resource.embeds:
        lists = {name for name, relation in resource.relations.items() if not relation.single}
        arrays = {key: rows for key, rows in arrays.items() if key not in resource.siblings and (rows or key in lists)}
    parts = [orjson.dumps(key) + b":" + join(rows) for key, rows in arrays.items()]
    return Answer(200, b"{" + b",".join([*parts, orjson.dumps(resource.single) + b":" + row]) + b"}")


def rows_of_row(call: Call, resource: Resource, relation: Relation) -> Answer:
    """GET contacts/{id}/NAME and its like: no meta, and all rows at once unless a limit is given."""
    store, child = call.account.store(resource.name), call.account.store(relation.child)
    row_id = call.parts["id"]
    if store.index_of(row_id) is None:
        raise not_found(resource, row_id)
    found = store.children(row_id, relation)
    if relation.single:
        row = row_of(call, child, found[0]) if found else b"null"
        return Answer(200, b"{" + orjson.dumps(relation.key) + b":" + row + b"}")
    if "limit" in call.request.query or "offset" in call.request.query:
        limit, offset = call.page()
        found = found[offset : offset + limit]
    arrays = rows_with_sides(call, child, found, [*relation.beside, *call.includes])
    return Answer(200, envelope(renamed(arrays, child.resource.key, relation.key)))


def referred_row(call: Call, resource: Resource, field: str, target: str) -> Answer:
    """GET contactTags/{id}/tag, geoIps/{id}/geoAddress: the one row that a reference leads to."""
    store, other = call.account.store(resource.name), call.account.store(target)
    index = store.index_of(call.parts["id"])
    if index is None:
        raise not_found(resource, call.parts["id"])
    found = other.index_of(str(store.value(index, field)))
    row = b"null" if found is None else row_of(call, other, found)
    return Answer(200, b"{" + orjson.dumps(other.resource.single or field) + b":" + row + b"}")


def _counted(call: Call, row: dict[str, Any]) -> bytes:
    """accounts: the counts are "0" unless count_deals=true is given."""
    for field, resource in (("contactCount", "accountContacts"), ("dealCount", "deals")):
        row[field] = str(len(call.account.store(resource).rows_with("account", row["id"])))
    return orjson.dumps(row)


# --- meta ---------------------------------------------------------------------------------------------------


def _meta(call: Call, resource: Resource, rows: int) -> dict[str, Any] | None:
    meta = dict(resource.meta)
    if resource.total is None and not meta:
        return None
    total = told_total(rows, call.fault)
    if resource.total is not None and total is not None:
        meta["total"] = total if resource.total == "integer" else str(total)
    if resource.name == "deals":
        meta = {"currencies": call.memory.of(_DealCurrencies).of(call.account.store("deals")), **meta}
    if "page_input" in meta:
        limit, offset = call.page(resource.limit)
        meta["page_input"] = {**meta["page_input"], "limit": limit, "offset": offset}
    return meta


class _DealCurrencies:
    """Number and value of all deals per currency, masked deals counted as well; isDisabled is false (all recorded)."""

    def __init__(self) -> None:
        self._made = 0.0
        self._version = -1
        self._found: dict[str, dict[str, Any]] = {}

    def of(self, store: Store) -> Any:
        """`{"USD": {"total": "2", "value": "3000", "currency": "USD", "isDisabled": false}}`; without deals `[]`."""
        size = len(store.alive)
        # Of large accounts a sample, and not after each change: nobody needs these figures to the cent.
        outdated = self._version != store.version and time.monotonic() - self._made > size / 100
        if self._version == -1 or outdated:
            self._found = self._summed(store, min(size, 2000))
            self._made, self._version = time.monotonic(), store.version
        return self._found or []

    @staticmethod
    def _summed(store: Store, sample: int) -> dict[str, dict[str, Any]]:
        sums: dict[str, list[int]] = {}
        for index in store.alive[:sample]:
            entry = sums.setdefault(str(store.value(index, "currency")).upper(), [0, 0])
            entry[0] += 1
            entry[1] += int(store.value(index, "value"))
        return {
            code: {"total": str(count), "value": str(value), "currency": code, "isDisabled": False}
            for code, (count, value) in sums.items()
        }
