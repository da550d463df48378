"""The request budget of an account.

https://developers.activecampaign.com/reference/rate-limits: 5 requests per second and account, for everything
that uses it together; `RateLimit-Limit` and `RateLimit-Remaining` on answers; `Retry-After`, in seconds, on a 429.
"""

import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable


class Pace:
    """When the next request may leave, so that the server never counts more than its limit in any second.

    Requests leave one by one, `1 / rate` seconds apart and a little more: a server that counts in a sliding window
    answers a burst with 429, one that counts otherwise does not mind an even pace. What it says is used:

    * `RateLimit-Remaining` tells, next to the requests of our own in the last second, how many others the account
      serves; those are left to them.
    * A 429 stops every thread until its Retry-After has passed, and slows the pace: at first by what a network that
      delays requests unevenly needs, then by more. Quiet requests bring it back slowly.

    `clock` and `sleep` are for tests.
    """

    # Five requests in 1.02 s: room for a network that delays one request 20 ms more than another.
    MARGIN = 1.02
    # Five in 1.09 s after a first 429: enough for 100 ms.
    UNEVEN = 1.07
    SLOWER = 1.2
    SLOWEST = 4.0
    # A 429 after so few requests means that the pace is too fast; after more it is chance.
    FEW_REQUESTS = 100
    QUIET_REQUESTS = 200
    # Seconds until a thread looks again whether the one before it, which is late, has left.
    _GLANCE = 0.005

    def __init__(
        self,
        requests_per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if requests_per_second <= 0:
            raise ValueError("requests_per_second must be greater than 0")
        # 2.5 per second would be 3 in some seconds: where it is more than one, only whole requests count.
        self._rate = math.floor(requests_per_second) or requests_per_second
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = self._resume = clock()
        self._tickets = self._left = 0
        # Of tickets that were not waited for until their turn.
        self._handed_back: set[int] = set()
        self._factor = 1.0
        self._quiet = 0
        self._departures: deque[float] = deque(maxlen=64)
        self._others: deque[float] = deque(maxlen=5)
        self._limit = requests_per_second

    def wait(self) -> float:
        """Return when the next request may leave, with the moment at which it did.

        Turns are taken in the order of asking, and counted from when the request before really left: a thread that
        wakes up late must not bring two requests closer together.
        """
        with self._lock:
            ticket = self._tickets
            self._tickets += 1
        try:
            while True:
                with self._lock:
                    now, ahead = self._clock(), ticket - self._left
                    due = max(self._next, self._resume)
                    if not ahead and now >= due:
                        self._next = now + self.interval()
                        self._departures.append(now)
                        return now
                    rest = max(due - now, 0.0) + ((ahead - 1) * self.interval() + self._GLANCE if ahead else 0.0)
                self._sleep(rest)
        finally:
            # However it ends: those behind a ticket that nobody holds any more would wait for ever.
            self._hand_back(ticket)

    def _hand_back(self, ticket: int) -> None:
        with self._lock:
            self._handed_back.add(ticket)
            while self._left in self._handed_back:
                self._handed_back.remove(self._left)
                self._left += 1

    def waiting(self) -> tuple[int, float]:
        """How many requests wait for their turn, and the seconds for which a 429 still holds all of them."""
        with self._lock:
            return self._tickets - self._left, max(0.0, self._resume - self._clock())

    def interval(self) -> float:
        """Seconds between two requests."""
        others = statistics.median(self._others) if len(self._others) >= 3 else 0.0
        # What the others leave of the account's limit; our own rate may be less than that anyway.
        share = max(min(self._rate, self._limit - others), self._rate / 5) if others else self._rate
        return self.MARGIN * self._factor / share

    def throttled(self, seconds: float) -> None:
        """A request was answered 429: nothing leaves for so many seconds, and then less than before."""
        with self._lock:
            resume = self._clock() + seconds
            if self._clock() >= self._resume:
                if self._factor < self.UNEVEN:
                    self._factor = self.UNEVEN
                elif self._quiet < self.FEW_REQUESTS:
                    self._factor = min(self._factor * self.SLOWER, self.SLOWEST)
                self._quiet = 0
            self._resume = max(self._resume, resume)

    def served(self, departure: float | None, limit: float | None, remaining: float | None) -> None:
        """A request was answered otherwise; `limit` and `remaining` are what the answer said about the budget."""
        with self._lock:
            self._quiet += 1
            if self._quiet % self.QUIET_REQUESTS == 0:
                self._factor = max(1.0, self._factor / 1.05)
            if departure is None or limit is None or remaining is None:
                return
            own = sum(departure - 1 < one <= departure for one in self._departures)
            if own < limit:
                # With a full second of our own there is nothing left to compare.
                self._others.append(max(0.0, limit - own - remaining))
                self._limit = limit
