"""The API itself: an ASGI application whose handlers know the table, not the resources."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from .account import Account, mask
from .odd_endpoints import ROUTES, STYLES, Answer, Refusal
from .query import read_number, select
from .settings import Fault, RateLimiter, Settings
from .store import Store
from .table import Relation, Resource, by_path

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CONTROL = "/_emulator"
_CRM = re.compile(r"(deal|contactDeals|taskOutcomes|tasktypeOutcomeRels)")
_HTML = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form>Please log in</form></body></html>"


@dataclass
class Request:
    """What was asked, for tests that count and look."""

    time: float
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int = 0
    throttled: bool = False
    fault: str | None = None
    pairs: list[tuple[str, str]] = field(default_factory=list)


def not_found(resource: Resource, row_id: str) -> Refusal:
    if "CustomField" in resource.name:
        return Refusal(404, {"errors": [{"status": 404, "title": "Not Found"}]})
    status = 403 if resource.name in {"fieldValues", "forms", "groups"} else 404
    return Refusal(status, {"message": f"No Result found for {resource.model} with id {row_id}"})


def forbidden(path: str) -> Refusal:
    """The published answer for a user group that lacks a permission."""
    what = path.strip("/").split("/")[0]
    detail = f"You do not have permission to view {what}."
    return Refusal(403, {"errors": [{"status": 403, "title": "Forbidden", "detail": detail}]})


@dataclass
class Sides:
    """Sideloads while they are collected: rows by top-level key and id, and ids for the main rows."""

    key: str
    arrays: dict[str, dict[str, bytes]] = field(default_factory=dict)
    extra: dict[int, dict[str, list[str]]] = field(default_factory=dict)


def _included(request: Request) -> list[str]:
    return [name for name in request.query.get("include", "").split(",") if name.strip()]


class Api:
    """Serves one account."""

    def __init__(self, account: Account, settings: Settings) -> None:
        self.account = account
        self.settings = settings
        self.limiter = RateLimiter(settings)
        self.requests: list[Request] = []
        self.random = random.Random(account.seed)
        self._currencies: tuple[float, int, Any] = (0.0, -1, None)

    # --- one request ------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings = self.settings
        if settings.arrival_jitter_ms:
            await asyncio.sleep(self.random.random() * settings.arrival_jitter_ms / 1000)
        request = self._record(scope)
        admitted, remaining = self.limiter.admit(request.time)
        if not admitted:
            answer = Answer(429, b'{"message":"Too Many Requests"}')
            if settings.retry_after is not None:
                answer.headers["Retry-After"] = str(settings.retry_after)
            request.throttled = True
            fault = None
        else:
            path = self._api_path(request.path)
            fault = settings.fault_for(path, request.query) if path is not None else None
            delay = self._latency(request)
            if fault is not None:
                request.fault = fault.kind
                delay += fault.seconds
            if delay:
                await asyncio.sleep(delay)
            if fault is not None and fault.kind == "drop":
                _reset(send)
                return
            answer = self._answer(request, path, fault)
        answer.headers["RateLimit-Limit"] = f"{settings.requests_per_second:g}"
        answer.headers["RateLimit-Remaining"] = str(max(remaining, 0))
        request.status = answer.status
        await _respond(send, answer, midway=fault is not None and fault.kind == "drop_midway")

    def _record(self, scope: Scope) -> Request:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        headers = {name.decode("latin-1").title(): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(time.monotonic(), scope["method"], scope["path"], dict(pairs), headers, pairs=pairs)
        self.requests.append(request)
        return request

    def _api_path(self, path: str) -> str | None:
        return path[len("/api/3") :].rstrip("/") if path.startswith("/api/3/") else None

    def _latency(self, request: Request) -> float:
        settings = self.settings
        delay = settings.latency_ms
        if settings.latency_ms_per_1000_offset:
            delay += settings.latency_ms_per_1000_offset * read_number(request.query.get("offset"), 0) / 1000
        if settings.latency_jitter:
            delay *= 1 + settings.latency_jitter * (2 * self.random.random() - 1)
        return delay / 1000

    def _answer(self, request: Request, path: str | None, fault: Fault | None) -> Answer:
        if path is None:
            return Answer(404, _HTML, {"Content-Type": "text/html; charset=UTF-8"})
        if fault is not None and (made := _made_up(fault)) is not None:
            return made
        try:
            key = self._authenticate(request, path)
            if request.method not in {"GET", "HEAD"}:
                raise Refusal(405, {"message": "Method Not Allowed"})
            with self.account.lock:
                answer = self._route(path[1:], request, key, fault)
        except Refusal as refusal:
            answer = refusal.answer
        return _spoiled(answer, fault)

    def _authenticate(self, request: Request, path: str) -> str:
        """The name of the key. A wrong key is a 403, not a 401; its body is not published."""
        given = request.headers.get("Api-Token")
        key = next((name for name, value in self.account.keys.items() if value == given), None)
        if key is None:
            raise Refusal(403, {"message": "Forbidden"})
        if key == "nocrm" and _CRM.match(path[1:]):
            raise Refusal(403, {"message": "Upgrade your account to enable the CRM"})
        if any(path == prefix or path.startswith(prefix.rstrip("/") + "/") for prefix in self.settings.forbidden):
            raise forbidden(path)
        return key

    # --- routes -----------------------------------------------------------------------------------------

    def _route(self, path: str, request: Request, key: str, fault: Fault | None) -> Answer:
        for pattern, handler in ROUTES:
            if match := pattern.fullmatch(path):
                return handler(self, match, request, key)
        table = by_path()
        if resource := table.get(path):
            return self.list_answer(resource, request, key, fault)
        parent, _, last = path.rpartition("/")
        if resource := table.get(parent):
            return self._single(resource, last, key)
        above, _, row_id = parent.rpartition("/")
        if (resource := table.get(above)) and (relation := resource.relations.get(last)):
            return self._sub_list(resource, row_id, relation, request, key)
        if resource and (target := resource.forward.get(last)):
            return self._referred(resource, row_id, last, target, key)
        raise Refusal(404, {"message": f'No route found for "GET /api/3/{path}"'})

    def page(self, request: Request, fault: Fault | None = None, usual: int = 20) -> tuple[int, int]:
        """(limit, offset): 20 unless given, silently clamped to 100."""
        limit = read_number(request.query.get("limit"), usual) or usual
        offset = read_number(request.query.get("offset"), 0)
        most = self.settings.max_limit
        if fault is not None and fault.kind == "limit_50":
            most = 50
        if fault is not None and fault.kind == "ignore_offset":
            offset = 0
        return min(limit, most), offset

    def list_answer(self, resource: Resource, request: Request, key: str, fault: Fault | None = None) -> Answer:
        if resource.style in STYLES:
            return STYLES[resource.style](self, resource, request)
        store = self.account.store(resource.name)
        found = select(store, request.pairs, self.settings)
        limit, offset = self.page(request, fault, resource.limit)
        page = found[offset : offset + limit]
        wanted = [name for name in _included(request) if name not in self.settings.ignored_includes]
        body = self._body(store, page, wanted, Sides(key))
        if resource.name == "accounts" and request.query.get("count_deals") in {"true", "1"}:
            body["accounts"] = [self._counted(store, i, row) for i, row in zip(page, body["accounts"], strict=True)]
        total = len(found)
        if fault is not None:
            total = {"total_small": total // 2, "total_large": total * 2 + 7}.get(fault.kind, total)
        meta = self._meta(resource, total, request)
        if fault is not None and fault.kind == "total_absent" and meta is not None:
            meta.pop("total", None)
        name = f"{resource.key}_renamed" if fault is not None and fault.kind == "envelope" else resource.key
        return Answer(200, _join(body, name, resource.key, meta))

    def _meta(self, resource: Resource, total: int, request: Request) -> dict[str, Any] | None:
        meta = dict(resource.meta)
        if resource.total is None and not meta:
            return None
        if resource.total is not None:
            meta["total"] = total if resource.total == "integer" else str(total)
        if resource.name == "deals":
            meta = {"currencies": self._deal_currencies(), **meta}
        if "page_input" in meta:
            limit, offset = self.page(request)
            meta["page_input"] = {**meta["page_input"], "limit": limit, "offset": offset}
        return meta

    def _deal_currencies(self) -> Any:
        """Per currency, masked deals counted as well (recorded); PHP's empty object is `[]`."""
        store = self.account.store("deals")
        made, version, found = self._currencies
        size = len(store.alive)
        # Of large accounts a sample, and not after each change: nobody needs these figures to the cent.
        if version == -1 or (version != store.version and time.monotonic() - made > size / 100):
            sums: dict[str, list[int]] = {}
            for index in store.alive[: min(size, 2000)]:
                entry = sums.setdefault(str(store.value(index, "currency")).upper(), [0, 0])
                entry[0] += 1
                entry[1] += int(store.value(index, "value"))
            found = {
                code: {"currency": code, "total": str(count), "value": str(value)}
                for code, (count, value) in sums.items()
            }
            self._currencies = (time.monotonic(), store.version, found)
        return found or []

    # --- bodies -----------------------------------------------------------------------------------------

    def _body(self, store: Store, page: Sequence[int], wanted: Sequence[str], sides: Sides) -> dict[str, list[bytes]]:
        """Top-level arrays by key, sideloads first as the API writes them, rows already as JSON."""
        for path in dict.fromkeys([*store.resource.siblings, *wanted]):
            self._sideload(store, page, path.strip(), sides)
        body = {name: list(rows.values()) for name, rows in sides.arrays.items() if name != store.resource.key}
        body[store.resource.key] = [self._row(store, index, sides.key, sides.extra.get(index)) for index in page]
        return body

    def _counted(self, store: Store, index: int, row: bytes) -> bytes:
        """accounts: the counts are "0" unless count_deals=true is given."""
        values = orjson.loads(row)
        row_id = store.id_of(index)
        values["contactCount"] = str(len(self.account.store("accountContacts").inverted("account").get(row_id, [])))
        values["dealCount"] = str(len(self.account.store("deals").inverted("account").get(row_id, [])))
        return orjson.dumps(values)

    def _row(self, store: Store, index: int, key: str, extra: dict[str, list[str]] | None = None) -> bytes:
        if store.name == "deals" and self.pipelines(key)(store.value(index, "group")):
            shown = {"title": store.value(index, "title"), "id": store.id_of(index)}
            return orjson.dumps(mask(shown, self.settings.masked_flag))
        row = store.encoded(index)
        if extra:
            row = row[:-1] + b"," + orjson.dumps(extra)[1:]
        return row

    def pipelines(self, key: str) -> Callable[[str | None], bool]:
        return self.account.hidden_pipelines(key, self.settings.closed_pipelines.get(key))

    def _sideload(self, store: Store, page: Sequence[int], path: str, sides: Sides) -> None:
        """include=relation or relation.forward: an array beside the main one, ids in the main rows."""
        name, _, deeper = path.partition(".")
        relation = self._shaped(store, store.resource.relations.get(name))
        if relation is None:
            if target := store.resource.forward.get(name):
                self._forward(store, page, (name, target), sides)
            return
        child = self.account.store(relation.child)
        rows = sides.arrays.setdefault(child.resource.key if relation.single else relation.key, {})
        shown: list[int] = []
        for index in page:
            found = store.children(store.id_of(index), relation)
            shown += found
            ids = [child.id_of(i) for i in found]
            if name not in store.resource.fields and name not in store.resource.siblings:
                sides.extra.setdefault(index, {})[name] = ids
            for i, row_id in zip(found, ids, strict=True):
                rows[row_id] = self._row(child, i, sides.key)
        if deeper:
            self._sideload(child, shown, deeper, Sides(sides.key, sides.arrays))

    def _shaped(self, store: Store, relation: Relation | None) -> Relation | None:
        """deals?include=dealCustomFieldData is known in two shapes, and may not answer at all."""
        if relation is None or store.name != "deals" or relation.name != "dealCustomFieldData":
            return relation
        shape = self.settings.deal_custom_field_shape
        if shape == "absent":
            return None
        return relation if shape == "new" else store.resource.relations["dealCustomFieldDataOld"]

    def _forward(self, store: Store, page: Sequence[int], reference: tuple[str, str], sides: Sides) -> None:
        field_name, target = reference
        other = self.account.store(target)
        rows = sides.arrays.setdefault(other.resource.key, {})
        for index in page:
            row_id = str(store.value(index, field_name))
            found = other.index_of(row_id)
            if found is not None:
                rows[row_id] = self._row(other, found, sides.key)

    def _single(self, resource: Resource, row_id: str, key: str) -> Answer:
        """GET PATH/{id}: contacts bring most of what belongs to them along (recorded)."""
        store = self.account.store(resource.name)
        index = store.index_of(row_id)
        if index is None or resource.single is None:
            raise not_found(resource, row_id)
        body = self._body(store, [index], resource.embeds, Sides(key))
        (row,) = body.pop(resource.key)
        parts = [orjson.dumps(name) + b":[" + b",".join(rows) + b"]" for name, rows in body.items()]
        return Answer(200, b"{" + b",".join([*parts, orjson.dumps(resource.single) + b":" + row]) + b"}")

    def _sub_list(self, resource: Resource, row_id: str, relation: Relation, request: Request, key: str) -> Answer:
        """contacts/{id}/NAME and its like: no meta, and all rows at once unless a limit is given."""
        store = self.account.store(resource.name)
        if store.index_of(row_id) is None:
            raise not_found(resource, row_id)
        found = store.children(row_id, relation)
        child = self.account.store(relation.child)
        if relation.single:
            row = self._row(child, found[0], key) if found else b"null"
            return Answer(200, b"{" + orjson.dumps(relation.key) + b":" + row + b"}")
        if "limit" in request.query or "offset" in request.query:
            limit, offset = self.page(request)
            found = found[offset : offset + limit]
        body = self._body(child, found, [*relation.beside, *_included(request)], Sides(key))
        return Answer(200, _join(body, relation.key, child.resource.key, None))

    def _referred(self, resource: Resource, row_id: str, name: str, target: str, key: str) -> Answer:
        """contactTags/{id}/tag, geoIps/{id}/geoAddress: the one row that a reference leads to."""
        store, other = self.account.store(resource.name), self.account.store(target)
        index = store.index_of(row_id)
        if index is None:
            raise not_found(resource, row_id)
        found = other.index_of(str(store.value(index, name)))
        row = b"null" if found is None else self._row(other, found, key)
        return Answer(200, b"{" + orjson.dumps(other.resource.single or name) + b":" + row + b"}")


def _join(body: dict[str, list[bytes]], name: str, main: str, meta: dict[str, Any] | None) -> bytes:
    parts = [orjson.dumps(name if key == main else key) + b":[" + b",".join(rows) + b"]" for key, rows in body.items()]
    if meta is not None:
        parts.append(b'"meta":' + orjson.dumps(meta))
    return b"{" + b",".join(parts) + b"}"


# --- faults -------------------------------------------------------------------------------------------------


def _made_up(fault: Fault) -> Answer | None:
    """The answer of a fault that does not look at the account."""
    kind = fault.kind
    if kind.isdigit():
        body = fault.body.encode() if fault.body is not None else orjson.dumps({"message": f"Error {kind}"})
        answer = Answer(int(kind), body)
        if kind == "429":
            answer.headers["Retry-After"] = "1"
        return answer
    if kind == "empty":
        return Answer(200, b"")
    if kind == "html":
        return Answer(200, _HTML, {"Content-Type": "text/html; charset=UTF-8"})
    if kind == "redirect":
        return Answer(302, b"", {"Location": fault.url, "Content-Type": "text/html"})
    return None


def _spoiled(answer: Answer, fault: Fault | None) -> Answer:
    if fault is not None and fault.kind == "truncated":
        answer.body = answer.body[: len(answer.body) * 2 // 3]
    return answer


def _reset(send: Send) -> None:
    """Drop the connection: ASGI has no word for it, uvicorn's `send` belongs to an object with the transport."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if cycle is None or transport is None:
        raise TypeError("connections can only be dropped under uvicorn")
    cycle.disconnected = True
    cycle.response_started = cycle.response_complete = True
    transport.abort()


async def _respond(send: Send, answer: Answer, midway: bool = False) -> None:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **answer.headers}
    headers["Content-Length"] = str(len(answer.body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if midway:
        await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
        await asyncio.sleep(0.01)
        _reset(send)
        return
    await send({"type": "http.response.body", "body": answer.body})
