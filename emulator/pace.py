"""How many requests a second an account is given."""

from __future__ import annotations

import time
from collections import deque

from .settings import Settings


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
