"""What can be switched while the emulator runs: pace, access, time zones and faults."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from .clock import CHICAGO

FAULT_KINDS = frozenset(
    {
        "400",
        "401",
        "402",
        "403",
        "404",
        "422",
        "429",
        "500",
        "502",
        "503",
        "504",
        "520",
        "empty",  # a 200 with no body at all
        "truncated",  # JSON that stops in the middle, with a Content-Length that fits
        "html",  # a 200 that is a web page
        "drop",  # the connection is reset before an answer
        "drop_midway",  # the connection is reset in the middle of the body
        "hang",  # `seconds` of silence, then the proper answer
        "redirect",  # a 302 to `url`
        "envelope",  # a 200 whose record key is another one
        "total_small",
        "total_large",
        "total_absent",
        "ignore_offset",
        "limit_50",
    }
)


@dataclass
class Fault:
    """One misbehaviour, deterministic: of the requests that match, skip `after`, then hit `times` of them.

    `path` is matched under /api/3 (`/contacts`, wildcards allowed: `/contacts/*`), `query` must be contained
    in the request's query. With `every=3` only each third matching request is hit.
    """

    kind: str
    path: str = "*"
    times: int | None = None
    after: int = 0
    every: int = 1
    query: dict[str, str] = field(default_factory=dict)
    url: str = ""
    seconds: float = 0.0
    body: str | None = None
    seen: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(sorted(FAULT_KINDS))}")

    def strikes(self, path: str, query: Mapping[str, str]) -> bool:
        if not fnmatchcase(path, self.path) or any(query.get(k) != v for k, v in self.query.items()):
            return False
        self.seen += 1
        position = self.seen - self.after
        if position < 1 or position % self.every or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


@dataclass
class Settings:
    """Defaults are the documented behaviour, except that Retry-After is 1 second instead of 30."""

    # Pace. The published limit is 5 requests per second and account, shared by all its keys.
    requests_per_second: float = 5
    rate_limit_window: str = "sliding"  # sliding | fixed | bucket | off
    retry_after: float | str | None = 1  # None: the 429 says nothing
    other_consumer_per_second: float = 0  # requests that somebody else spends
    arrival_jitter_ms: float = 0  # delay before a request is counted
    latency_ms: float = 0
    latency_jitter: float = 0  # fraction of the latency
    latency_ms_per_1000_offset: float = 0

    # How a filter value is read; nothing is documented.
    filter_zone: str = str(CHICAGO)
    honour_offset: bool = False
    after_inclusive: bool = False  # contacts only say "after"; deals are documented as >= and always are

    # Paging.
    max_limit: int = 100
    default_order: dict[str, str] = field(default_factory=dict)  # resource -> "id", "updated desc", "shuffled"

    # Access.
    forbidden: list[str] = field(default_factory=list)  # path prefixes, as "/lists"
    closed_pipelines: dict[str, list[str]] = field(default_factory=dict)  # key name -> ids, ["*"] for all
    masked_flag: bool | int = True  # isDisabled of a masked deal: recorded true, documented example 1
    custom_objects: str = "on"  # on | 403 | 404
    custom_object_filters: str = "nothing"  # range filters on timestamps: nothing matches | work
    custom_object_pages: str = "overlap"  # overlap | stable, for lists without an order

    # Sideloads.
    ignored_includes: list[str] = field(default_factory=list)  # as unknown parameters are, in silence
    deal_custom_field_shape: str = "new"  # new | old | absent

    faults: list[Fault] = field(default_factory=list)

    def patch(self, changes: Mapping[str, Any]) -> None:
        """Apply a JSON object; a name that does not exist is an error, so that a typo cannot pass a test."""
        known = {f.name for f in fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(unknown)}")
        for name, value in changes.items():
            ready = [f if isinstance(f, Fault) else Fault(**f) for f in value] if name == "faults" else value
            setattr(self, name, ready)

    def fault_for(self, path: str, query: Mapping[str, str]) -> Fault | None:
        return next((fault for fault in self.faults if fault.strikes(path, query)), None)


class RateLimiter:
    """Admits requests as the settings say; refused ones do not count."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._taken: deque[float] = deque()
        self._other_due: float | None = None
        self._tokens: float | None = None
        self._tokens_at = 0.0

    def admit(self, now: float | None = None) -> tuple[bool, int]:
        """Whether a request that arrives now is served, and how many more would be."""
        now = time.monotonic() if now is None else now
        rate = self.settings.requests_per_second
        if self.settings.rate_limit_window == "off":
            return True, int(rate)
        self._spend_for_others(now)
        return self._take(now)

    def _take(self, now: float) -> tuple[bool, int]:
        rate = self.settings.requests_per_second
        if self.settings.rate_limit_window == "bucket":
            if self._tokens is None:
                self._tokens, self._tokens_at = rate, now
            self._tokens = min(rate, self._tokens + (now - self._tokens_at) * rate)
            self._tokens_at = now
            if self._tokens < 1:
                return False, 0
            self._tokens -= 1
            return True, int(self._tokens)
        since = float(int(now)) if self.settings.rate_limit_window == "fixed" else now - 1.0
        taken = self._taken
        while taken and (taken[0] <= since if self.settings.rate_limit_window != "fixed" else taken[0] < since):
            taken.popleft()
        if len(taken) + 1 > rate:
            return False, 0
        taken.append(now)
        return True, int(rate - len(taken))

    def _spend_for_others(self, now: float) -> None:
        pace = self.settings.other_consumer_per_second
        if pace <= 0:
            self._other_due = None
            return
        if self._other_due is None or now - self._other_due > 2:
            self._other_due = max(now - 1, self._other_due or 0)
        while self._other_due <= now:
            self._take(self._other_due)
            self._other_due += 1 / pace
