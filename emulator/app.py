"""The API itself: an ASGI application that records, paces and checks requests, and hands them to their handlers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from .access import admit
from .account import Account
from .answers import Answer, NoSuchRow, Refusal
from .calls import Call, Memory, Request
from .faults import made_up, pieces_of, seconds_before, spoiled, web_page
from .headers import UsualHeaders
from .pace import RateLimiter
from .query import read_number
from .routing import API, Routes
from .settings import Fault, Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Api:
    """Serves one account: what `sites` say, each under its prefix, and a web page elsewhere."""

    def __init__(self, account: Account, settings: Settings, sites: Sequence[Routes]) -> None:
        self.account = account
        self.settings = settings
        self.sites = list(sites)
        self.memory = Memory()
        self.limiter = RateLimiter(settings)
        self.requests: list[Request] = []
        self.random = random.Random(account.seed)
        self.usual_headers = UsualHeaders(account.host, account.seed)

    # --- one request ------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.settings.arrival_jitter_ms:
            await asyncio.sleep(self.random.random() * self.settings.arrival_jitter_ms / 1000)
        body = b"" if scope["method"] in {"GET", "HEAD"} else await _body(receive)
        if body is None:
            return
        request = self._record(scope, body)
        routes = next((one for one in self.sites if one.serves(request.path)), None)
        paced, remaining = self._is_paced(request, routes), 0
        if paced:
            admitted, remaining = self.limiter.admit(request.time)
            request.throttled = not admitted
        fault = None
        if request.throttled:
            answer = Answer(429, b'{"message":"Too Many Requests"}')
        else:
            if routes is not None:
                path = request.path.removeprefix("/api/3").rstrip("/")
                fault = self.settings.fault_for(path, request.query, request.method)
            request.fault = fault.kind if fault is not None else None
            if delay := self._latency(request) + seconds_before(fault):
                await asyncio.sleep(delay)
            if fault is not None and fault.kind == "drop":
                _reset(send)
                return
            answer = self._answer(request, routes, fault)
            if fault is not None and fault.kind == "drop_after":
                _reset(send)
                return
        if paced:
            answer.headers.update(self.limiter.headers(remaining))
        if request.throttled and self.settings.retry_after is not None:
            answer.headers["Retry-After"] = str(self.settings.retry_after)
        request.status = answer.status
        usual = self.usual_headers.next() if routes is not None and routes.site == API else []
        await _respond(send, answer, usual, fault)

    def _is_paced(self, request: Request, routes: Routes | None) -> bool:
        """Whether a request spends of the account's requests per second; of the importer's that is not known."""
        if request.method == "POST" and request.path == "/api/3/import/bulk_import":
            return self.settings.import_paced
        return routes is None or routes.site.paced

    def _record(self, scope: Scope, body: bytes) -> Request:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        headers = {name.decode("latin-1").title(): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(
            time.monotonic(), scope["method"], scope["path"], dict(pairs), headers, pairs=pairs, body=body
        )
        self.requests.append(request)
        return request

    def _latency(self, request: Request) -> float:
        settings = self.settings
        delay = settings.latency_ms
        if settings.latency_ms_per_1000_offset:
            delay += settings.latency_ms_per_1000_offset * read_number(request.query.get("offset"), 0) / 1000
        if settings.latency_jitter:
            delay *= 1 + settings.latency_jitter * (2 * self.random.random() - 1)
        return delay / 1000

    def _answer(self, request: Request, routes: Routes | None, fault: Fault | None) -> Answer:
        if routes is None:
            return web_page(404)
        if self.settings.body_bytes is not None and len(request.body) > self.settings.body_bytes:
            return web_page(413)
        made = made_up(fault)
        if made is not None:
            if fault is not None and fault.done:
                self._handled(request, routes, fault)
            return made
        return spoiled(self._handled(request, routes, fault), fault)

    def _handled(self, request: Request, routes: Routes, fault: Fault | None) -> Answer:
        path = request.path[len(routes.site.prefix) :].rstrip("/")
        key = ""
        try:
            if routes.site.keyed:
                key = admit(self.account.keys, request.headers.get("Api-Token"), path, self.settings.forbidden)
            handler, parts = routes.find(request.method, path)
            with self.account.lock:
                return handler(Call(self.account, self.settings, self.memory, request, key, fault, parts))
        except NoSuchRow as missing:
            return missing.told(self.settings.missing_rows)
        except Refusal as refusal:
            return refusal.answer


async def _body(receive: Receive) -> bytes | None:
    """The whole body of a request; None when the client went away before it was complete."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _reset(send: Send) -> None:
    """Drop the connection: ASGI has no word for it, uvicorn's `send` belongs to an object with the transport."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if cycle is None or transport is None:
        raise TypeError("connections can only be dropped under uvicorn")
    cycle.disconnected = True
    cycle.response_started = cycle.response_complete = True
    transport.abort()


async def _respond(send: Send, answer: Answer, usual: list[tuple[str, str]], fault: Fault | None) -> None:
    own = {"Content-Type": "application/json", **answer.headers, "Content-Length": str(len(answer.body))}
    headers = [*own.items(), *((name, value) for name, value in usual if name not in own)]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if fault is not None and fault.kind == "drop_midway":
        await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
        await asyncio.sleep(0.01)
        _reset(send)
        return
    for piece, pause in pieces_of(answer.body, fault):
        await send({"type": "http.response.body", "body": piece, "more_body": pause is not None})
        if pause:
            await asyncio.sleep(pause)
