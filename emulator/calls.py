"""A request, as it was recorded, and as a handler gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from .access import hidden_pipelines
from .account import Account
from .query import read_number
from .settings import Fault, Settings

Kept = TypeVar("Kept")


@dataclass
class Request:
    """What was asked, for tests that count and look."""

    time: float  # seconds of the monotonic clock
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in title case, as "Api-Token"
    status: int = 0
    throttled: bool = False
    fault: str | None = None
    pairs: list[tuple[str, str]] = field(default_factory=list)  # the query with its repetitions
    body: bytes = b""

    def as_json(self) -> dict[str, Any]:
        """The request as the control endpoint shows it."""
        return {**asdict(self), "body": self.body.decode("utf-8", "replace")}


class Memory:
    """What handlers remember between requests: one object of each kind, made when it is first asked for.

    >>> memory = Memory()
    >>> memory.of(dict)["batches"] = 3
    >>> memory.of(dict)
    {'batches': 3}
    """

    def __init__(self) -> None:
        self._kept: dict[Callable[[], Any], Any] = {}

    def of(self, kind: Callable[[], Kept]) -> Kept:
        """The object that `kind()` made on the first call."""
        if kind not in self._kept:
            self._kept[kind] = kind()
        kept: Kept = self._kept[kind]
        return kept


@dataclass
class Call:
    """One request while it is answered. The account's lock is held as long as its handler runs."""

    account: Account
    settings: Settings
    memory: Memory
    request: Request
    key: str  # the rights of the key: full, partial, none or nocrm; "" on a host that asks for none
    fault: Fault | None = None
    parts: dict[str, str] = field(default_factory=dict)  # what the placeholders of the route stand for

    def page(self, usual: int = 20) -> tuple[int, int]:
        """(limit, offset): `usual` unless given, silently clamped to 100."""
        limit = read_number(self.request.query.get("limit"), usual) or usual
        offset = read_number(self.request.query.get("offset"), 0)
        most = self.settings.max_limit
        if self.fault is not None and self.fault.kind == "limit_50":
            most = 50
        if self.fault is not None and self.fault.kind == "ignore_offset":
            offset = 0
        return min(limit, most), offset

    @property
    def includes(self) -> list[str]:
        """The sideloads that are asked for; unknown ones are ignored in silence."""
        names = (name.strip() for name in self.request.query.get("include", "").split(","))
        return [name for name in names if name]

    @cached_property
    def hides(self) -> Callable[[str | None], bool]:
        """Tells of a pipeline's id whether its deals are masked for this key."""
        return self.hidden_from(self.key)

    def hidden_from(self, key: str) -> Callable[[str | None], bool]:
        """The same for another key."""
        return hidden_pipelines(self.account.store("dealGroups"), key, self.settings.closed_pipelines.get(key))
