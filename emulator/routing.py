"""Which handler answers which method on which path: the one way from a request to the code that serves it.

A module of `endpoints/` makes a `Routes` and puts its handlers on it:

    routes = Routes()

    @routes.on("POST", "contact/sync")
    def sync(call: Call) -> Answer:
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from .answers import Answer, no_route
from .calls import Call

Handler = Callable[[Call], Answer]
"""Answers a call; raises Refusal for an error answer."""

_Shape = tuple[str | None, ...]
"""The segments of a path, None for a placeholder."""


@dataclass(frozen=True)
class Site:
    """One of the hosts that ActiveCampaign answers on. Here they share a port, and each has a prefix of its own.

    `keyed`: requests bring an Api-Token. `paced`: they count against the account's requests per second. `whole`: all
    that is under the prefix belongs to it; else only what it has a handler for.
    """

    prefix: str
    keyed: bool = True
    paced: bool = True
    whole: bool = True


API = Site("/api/3/")


@dataclass(frozen=True)
class _Route:
    names: tuple[str, ...]  # of the placeholders
    handler: Handler


class Routes:
    """The handlers of one site by method and path. A placeholder in braces stands for one segment of a path.

    A segment that is spelled out goes before a placeholder: `users/me` is not the user with the id "me".
    """

    def __init__(self, site: Site = API) -> None:
        self.site = site
        self._routes: dict[_Shape, dict[str, _Route]] = {}
        self._longest = 0

    def on(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Put the decorated handler on a path under the site's prefix."""

        def register(handler: Handler) -> Handler:
            self.add(method, path, handler)
            return handler

        return register

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Put a handler on a path under the site's prefix. Raises ValueError where there is one already."""
        segments = path.split("/")
        shape = tuple(None if segment.startswith("{") else segment for segment in segments)
        names = tuple(segment[1:-1] for segment in segments if segment.startswith("{"))
        self._put(shape, method, _Route(names, handler))

    def include(self, other: Routes) -> None:
        """Take over all routes of another table. Raises ValueError where there is one already."""
        for shape, method, route in other._all():
            self._put(shape, method, route)

    def fall_back_on(self, other: Routes) -> None:
        """Take over the routes of another table where there is none yet."""
        for shape, method, route in other._all():
            if method not in self._routes.get(shape, {}):
                self._put(shape, method, route)

    def serves(self, path: str) -> bool:
        """Whether a request for this path, with the site's prefix, is one for this site."""
        if not path.startswith(self.site.prefix):
            return False
        return self.site.whole or any(self._candidates(path.removeprefix(self.site.prefix).rstrip("/").split("/")))

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """The handler, and what the placeholders of its path stand for. Raises Refusal where there is none.

        >>> routes = Routes()
        >>> routes.add("GET", "tags/{id}", lambda call: Answer(200, b""))
        >>> routes.find("GET", "tags/4")[1]
        {'id': '4'}
        """
        allowed: set[str] = set()
        for methods, caught in self._candidates(path.split("/")):
            if route := methods.get("GET" if method == "HEAD" else method):
                return route.handler, dict(zip(route.names, caught, strict=True))
            allowed |= methods.keys()
        raise no_route(method, self.site.prefix + path, allowed)

    def _put(self, shape: _Shape, method: str, route: _Route) -> None:
        methods = self._routes.setdefault(shape, {})
        if method in methods:
            path = "/".join("{}" if segment is None else segment for segment in shape)
            raise ValueError(f"{method} {self.site.prefix}{path} has a handler already")
        methods[method] = route
        self._longest = max(self._longest, len(shape))

    def _all(self) -> Iterator[tuple[_Shape, str, _Route]]:
        for shape, methods in self._routes.items():
            for method, route in methods.items():
                yield shape, method, route

    def _candidates(self, segments: list[str]) -> Iterator[tuple[dict[str, _Route], list[str]]]:
        """What is known of a path, the more literal first, each with the segments that placeholders caught."""
        if len(segments) > self._longest:
            return
        for shape in product(*((segment, None) for segment in segments)):
            if methods := self._routes.get(shape):
                yield methods, [segment for segment, known in zip(segments, shape, strict=True) if known is None]
