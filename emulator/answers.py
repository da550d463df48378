"""What the API answers, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from .table import Resource


@dataclass
class Answer:
    """A status, a body that is JSON unless `headers` name another Content-Type, and headers besides the usual ones.

    A header given here goes before a usual one of that name (see `UsualHeaders`).
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An error answer, to be raised from anywhere in a handler."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.answer = Answer(status, orjson.dumps(body), dict(headers or {}))


class NoSuchRow(Refusal):
    """The answer for the id of a row that does not exist; what real accounts say is not always the same."""

    def __init__(self, resource: Resource, row_id: str) -> None:
        body = {
            key: text.format(id=row_id) if isinstance(text, str) else text for key, text in resource.missing.items()
        }
        super().__init__(404, body)
        self._resource = resource.name

    def told(self, as_in: str) -> Answer:
        """The answer as `Settings.missing_rows` has it.

        404 was recorded for every model that was asked for, field values and groups included. The reference has 403
        for those two and for forms, which were not recorded; and a bare "Forbidden" for what may not be touched.
        """
        if self._resource not in _PUBLISHED_AS_FORBIDDEN or (as_in == "recorded" and self._resource != "forms"):
            return self.answer
        if as_in == "forbidden":
            return Answer(403, b'{"message":"Forbidden"}')
        return Answer(403, self.answer.body)


_PUBLISHED_AS_FORBIDDEN = {"fieldValues", "forms", "groups"}


def json_answer(body: Any, status: int = 200) -> Answer:
    """Any JSON value as an answer."""
    return Answer(status, orjson.dumps(body))


def not_found(resource: Resource, row_id: str) -> NoSuchRow:
    """The answer for the id of a row that does not exist: most name the model, not the path (recorded)."""
    return NoSuchRow(resource, row_id)


def no_route(method: str, path: str, allowed: Iterable[str] = ()) -> Refusal:
    """The answer where nothing is served: 404, or 405 where other methods are (`allowed`).

    The 404 and its sentence were recorded. 405 was measured for PUT and PATCH on custom object records; its body is
    not known, this is how the framework behind the 404's sentence words it.
    """
    message = f'No route found for "{method} {path}"'
    if methods := ", ".join(sorted(allowed)):
        return Refusal(405, {"message": f"{message}: Method Not Allowed (Allow: {methods})"}, {"Allow": methods})
    return Refusal(404, {"message": message})
