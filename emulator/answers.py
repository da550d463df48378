"""What the API answers, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from .table import Resource


@dataclass
class Answer:
    """A status, a body that is JSON unless `headers` name another Content-Type, and headers besides the usual ones."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An error answer, to be raised from anywhere in a handler."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.answer = Answer(status, orjson.dumps(body), dict(headers or {}))


def json_answer(body: Any, status: int = 200) -> Answer:
    """Any JSON value as an answer."""
    return Answer(status, orjson.dumps(body))


def not_found(resource: Resource, row_id: str) -> Refusal:
    """The recorded answers for the id of a row that does not exist; they name the model, not the path."""
    if "CustomField" in resource.name:
        return Refusal(404, {"errors": [{"status": 404, "title": "Not Found"}]})
    status = 403 if resource.name in {"fieldValues", "forms", "groups"} else 404
    return Refusal(status, {"message": f"No Result found for {resource.model} with id {row_id}"})


def no_route(method: str, path: str, allowed: Iterable[str] = ()) -> Refusal:
    """The answer where nothing is served: 404, or 405 where other methods are (`allowed`).

    The 404 and its sentence were recorded. 405 was measured for PUT and PATCH on custom object records; its body is
    not known, this is how the framework behind the 404's sentence words it.
    """
    message = f'No route found for "{method} {path}"'
    if methods := ", ".join(sorted(allowed)):
        return Refusal(405, {"message": f"{message}: Method Not Allowed (Allow: {methods})"}, {"Allow": methods})
    return Refusal(404, {"message": message})
