"""How many requests a second an account is given."""

from __future__ import annotations

import time
from collections import deque
from itertools import cycle

from .settings import Settings

# What RateLimit-Limit and RateLimit-Remaining say, one pair after the other, where they are nonsense.
NONSENSE = (("5", "-3"), ("5", "99999999999"), ("five", "some"), ("5.5", "0.5"), ("", ""), ("5", "9"), ("0", "0"))


class RateLimiter:
    """Admits requests as the settings say; refused ones do not count."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._taken: deque[float] = deque()
        self._other_due: float | None = None
        self._tokens: float | None = None
        self._tokens_at = 0.0
        self._nonsense = cycle(NONSENSE)

    def admit(self, now: float | None = None) -> tuple[bool, int]:
        """Whether a request that arrives now is served, and how many more would be."""
        now = time.monotonic() if now is None else now
        rate = self.settings.requests_per_second
        if self.settings.rate_limit_window == "off":
            return True, int(rate)
        self._spend_for_others(now)
        return self._take(now)

    def headers(self, remaining: int, now: float | None = None) -> dict[str, str]:
        """What an answer that goes now says of the budget; `remaining` is what was left when its request came."""
        said, rate = self.settings.rate_limit_headers, self.settings.requests_per_second
        if said == "absent":
            return {}
        if said == "nonsense":
            limit, left = next(self._nonsense)
            return {"RateLimit-Limit": limit, "RateLimit-Remaining": left}
        if said == "answer":
            remaining = self._remaining(time.monotonic() if now is None else now)
        return {"RateLimit-Limit": f"{rate:g}", "RateLimit-Remaining": "0" if said == "zero" else str(remaining)}

    def _remaining(self, now: float) -> int:
        """How many requests would be served now."""
        if self.settings.rate_limit_window == "off":
            return int(self.settings.requests_per_second)
        self._spend_for_others(now)
        return int(self._room(now))

    def _room(self, now: float) -> float:
        rate = self.settings.requests_per_second
        if self.settings.rate_limit_window == "bucket":
            if self._tokens is None:
                self._tokens, self._tokens_at = rate, now
            self._tokens = min(rate, self._tokens + (now - self._tokens_at) * rate)
            self._tokens_at = now
            return self._tokens
        since = float(int(now)) if self.settings.rate_limit_window == "fixed" else now - 1.0
        taken = self._taken
        while taken and (taken[0] <= since if self.settings.rate_limit_window != "fixed" else taken[0] < since):
            taken.popleft()
        return max(0.0, rate - len(taken))

    def _take(self, now: float) -> tuple[bool, int]:
        room = self._room(now)
        if room < 1:
            return False, 0
        if self.settings.rate_limit_window == "bucket":
            self._tokens = room - 1
        else:
            self._taken.append(now)
        return True, int(room - 1)

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
