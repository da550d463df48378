"""Control endpoints under /_emulator: for tests in another process. They need no key and are no API requests."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from .app import Api
from .calls import Request
from .mutate import Mutator, Plan
from .writes import Writes

CONTROL = "/_emulator"

Handler = Callable[[HttpRequest], Awaitable[Response]]


def busiest_second(times: list[float]) -> int:
    """The largest number of requests in any window of one second."""
    times = sorted(times)
    most = first = 0
    for last, moment in enumerate(times):
        while times[first] <= moment - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def summary(requests: list[Request]) -> dict[str, Any]:
    return {
        "total": len(requests),
        "throttled": sum(r.throttled for r in requests),
        "max_per_second": busiest_second([r.time for r in requests]),
        "max_served_per_second": busiest_second([r.time for r in requests if not r.throttled]),
    }


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


def _guarded(handler: Handler) -> Handler:
    """A mistake in a test is told, not a 500."""

    async def run(request: HttpRequest) -> Response:
        try:
            return await handler(request)
        except KeyError as error:
            return _json({"error": str(error.args[0])}, 404)
        except (TypeError, ValueError) as error:
            return _json({"error": str(error)}, 422)

    return run


class Control:
    """The endpoints by which another process looks into the emulator, changes rows and switches settings."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.mutator = Mutator(api.account)

    def application(self) -> Starlette:
        routes = [
            (f"{CONTROL}/settings", self.settings, ["GET"]),
            (f"{CONTROL}/settings", self.change_settings, ["POST", "PATCH"]),
            (f"{CONTROL}/resources", self.resources, ["GET"]),
            (f"{CONTROL}/rows/{{resource}}", self.rows, ["GET"]),
            (f"{CONTROL}/rows/{{resource}}", self.insert, ["POST"]),
            (f"{CONTROL}/rows/{{resource}}/{{id}}", self.update, ["PATCH"]),
            (f"{CONTROL}/rows/{{resource}}/{{id}}", self.delete, ["DELETE"]),
            (f"{CONTROL}/requests", self.requests, ["GET"]),
            (f"{CONTROL}/requests", self.clear_requests, ["DELETE"]),
            (f"{CONTROL}/writes", self.writes, ["GET"]),
            (f"{CONTROL}/writes", self.clear_writes, ["DELETE"]),
            (f"{CONTROL}/mutate", self.mutation, ["GET"]),
            (f"{CONTROL}/mutate", self.start_mutation, ["POST"]),
            (f"{CONTROL}/mutate", self.stop_mutation, ["DELETE"]),
        ]
        return Starlette(routes=[Route(path, _guarded(handler), methods=methods) for path, handler, methods in routes])

    async def _body(self, request: HttpRequest) -> dict[str, Any]:
        raw = await request.body()
        body = orjson.loads(raw) if raw else {}
        if not isinstance(body, dict):
            raise TypeError("the body must be a JSON object")
        return body

    async def settings(self, request: HttpRequest) -> Response:
        return _json(dataclasses.asdict(self.api.settings))

    async def change_settings(self, request: HttpRequest) -> Response:
        self.api.settings.patch(await self._body(request))
        return await self.settings(request)

    async def resources(self, request: HttpRequest) -> Response:
        account = self.api.account
        return _json(
            [
                {
                    "resource": r.name,
                    "path": r.path,
                    "key": r.key,
                    "rows": len(account.store(r.name).alive),
                    "filters": sorted(r.filters),
                    "orders": sorted(r.orders),
                    "relations": sorted(r.relations),
                    "notes": r.notes,
                }
                for r in account.table.values()
            ]
        )

    async def rows(self, request: HttpRequest) -> Response:
        key = request.query_params.get("key", "full")
        return _json(self.api.account.rows(request.path_params["resource"], None if key == "" else key))

    async def insert(self, request: HttpRequest) -> Response:
        body = await self._body(request)
        return _json({"id": self.api.account.insert(request.path_params["resource"], **body)}, 201)

    async def update(self, request: HttpRequest) -> Response:
        row_id = request.path_params["id"]
        self.api.account.update(request.path_params["resource"], row_id, **await self._body(request))
        return _json({"id": row_id})

    async def delete(self, request: HttpRequest) -> Response:
        self.api.account.delete(request.path_params["resource"], request.path_params["id"])
        return _json({})

    async def requests(self, request: HttpRequest) -> Response:
        found = list(self.api.requests)
        log = [] if request.query_params.get("log") == "false" else [r.as_json() for r in found]
        return _json({**summary(found), "requests": log})

    async def clear_requests(self, request: HttpRequest) -> Response:
        self.api.requests.clear()
        return _json({})

    async def writes(self, request: HttpRequest) -> Response:
        return _json({"writes": [write.as_json() for write in list(self.api.memory.of(Writes))]})

    async def clear_writes(self, request: HttpRequest) -> Response:
        self.api.memory.of(Writes).clear()
        return _json({})

    async def mutation(self, request: HttpRequest) -> Response:
        return _json(self.mutator.report(request.query_params.get("ids") != "false"))

    async def start_mutation(self, request: HttpRequest) -> Response:
        plan = Plan(**await self._body(request))
        await self.mutator.stop()
        self.mutator.start(plan)
        return _json(self.mutator.report(ids=False))

    async def stop_mutation(self, request: HttpRequest) -> Response:
        await self.mutator.stop()
        return _json(self.mutator.report(request.query_params.get("ids") != "false"))
