"""Lists that come in another envelope than most."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from .answers import Answer
from .bodies import join
from .calls import Call
from .query import read_number, select
from .store import Store
from .table import Resource


def counted_list(call: Call, resource: Resource) -> Answer:
    """`{KEY: [rows], "meta": {total, count, limit, offset}}`, all integers: custom objects and SMS (published)."""
    store = call.account.store(resource.name)
    found = select(store, call.request.pairs, call.settings)
    limit, offset = call.page()
    return counted(store, found[offset : offset + limit], len(found), limit, offset)


def counted(store: Store, shown: Sequence[int], total: int, limit: int, offset: int) -> Answer:
    """The same for rows that were selected already."""
    meta = {"total": total, "count": len(shown), "limit": limit, "offset": offset}
    rows = join(store.encoded(i) for i in shown)
    return Answer(200, b"{" + orjson.dumps(store.resource.key) + b":" + rows + b',"meta":' + orjson.dumps(meta) + b"}")


def paged_list(call: Call, resource: Resource) -> Answer:
    """`{"data": [rows]}` with page and page_size (20, at most 10000): JSON:API, as published for newer segments."""
    store = call.account.store(resource.name)
    page, size = _page(call, 10_000)
    return Answer(200, b'{"data":' + _shown(store, page, size) + b"}")


def django_list(call: Call, resource: Resource) -> Answer:
    """`{count, next, previous, results}` with page and page_size, as published for WhatsApp."""
    store = call.account.store(resource.name)
    page, size = _page(call, 100)
    total = len(store.alive)
    here = f"{call.account.link_base}/{resource.path}?page_size={size}&page="
    envelope = {
        "count": total,
        "next": f"{here}{page + 1}" if page * size < total else None,
        "previous": f"{here}{page - 1}" if page > 1 else None,
    }
    return Answer(200, orjson.dumps(envelope)[:-1] + b',"results":' + _shown(store, page, size) + b"}")


def _page(call: Call, most: int) -> tuple[int, int]:
    page = max(read_number(call.request.query.get("page"), 1), 1)
    size = min(read_number(call.request.query.get("page_size"), 20) or 20, most)
    return page, size


def _shown(store: Store, page: int, size: int) -> bytes:
    return join(store.encoded(i) for i in store.alive[(page - 1) * size : page * size])
