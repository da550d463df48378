"""The request budget of an account.

https://developers.activecampaign.com/reference/rate-limits: 5 requests per second and account, for everything that
uses it together; `Retry-After`, in seconds, on a 429. `RateLimit-Remaining` is not read. It was in none of the answers
of 2020 and 2021, and whether it counts when a request comes or when its answer goes is not documented: by the second
way an account's own requests look like somebody else's. A 429 says more, and cannot be misunderstood.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pace:
    """When the next request may leave, so that the server never counts more than its limit in any second.

    Requests leave one by one, `seconds / requests` apart and a little more: a server that counts in a sliding window
    answers a burst with 429, one that counts otherwise does not mind an even pace.

    A 429 stops every thread until its Retry-After has passed, and slows the pace. By how much, our own requests in the
    second before it tell: where they are as many as are allowed, the network brought them closer together; where they
    are fewer, the rest of the limit went to others, and that share is left to them. 429s that go on slow it further.
    After many requests without a 429 the pace returns, little by little.

    It is a pace for any budget that is so many requests in so much time:

    >>> round(Pace(5).interval(), 3)
    0.204
    >>> importer = Pace(100, seconds=60)
    >>> round(importer.interval(), 3)
    0.612

    Of 2.5 requests only 2 count, since 3 would be in some seconds; half a request per second is one in two seconds.
    Raises ValueError where one of the two is not greater than 0. `clock` and `sleep` are for tests.
    """

    # Five requests in 1.02 s: room for a network that delays one request 20 ms more than another.
    MARGIN = 1.02
    # Five in 1.09 s after a 429: enough for 100 ms.
    UNEVEN = 1.07
    SLOWER = 1.2
    SLOWEST = 4.0
    # Others may be there for a moment only: no 429 alone makes the pace slower than this times what it was.
    SLOWER_AT_ONCE = 1.8
    # A 429 after so few requests means that the pace is too fast; after more it is chance.
    FEW_REQUESTS = 100
    # Whether there is more room again, only another 429 may tell. So the pace returns after so many requests without
    # one, and so many times the pause that the last one cost; then by so much with every request.
    QUIET_REQUESTS = 200
    QUIET_PAUSES = 20
    FASTER = 1.004
    # Seconds until a thread looks again whether the one before it, which is late, has left.
    _GLANCE = 0.005

    def __init__(
        self,
        requests: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        *,
        seconds: float = 1.0,
    ) -> None:
        if requests <= 0 or seconds <= 0:
            raise ValueError("requests and seconds must be greater than 0")
        self._requests = max(1, math.floor(requests))
        self._seconds = seconds if requests >= 1 else seconds / requests
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = self._resume = self._quiet_until = clock()
        self._tickets = self._left = 0
        # The pace is slower by this factor, and was before the last pause.
        self._factor = self._factor_before = 1.0
        # Of tickets that were not waited for until their turn.
        self._handed_back: set[int] = set()
        self._quiet = 0
        # When requests left that were not answered 429, for longer than an answer takes.
        self._departures: deque[float] = deque(maxlen=64 * self._requests)

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
        return self.MARGIN * self._factor * self._seconds / self._requests

    def throttled(self, seconds: float, departure: float | None = None) -> None:
        """A request was answered 429: nothing leaves for so many seconds, and then less than before.

        `departure` is when it left, as `wait` told; without it nothing is known of others.
        """
        with self._lock:
            now = self._clock()
            few = self._quiet < self.FEW_REQUESTS
            needed = self.UNEVEN * self._requests / self._counted_before(departure, few)
            # One that had left before the pace was slowed tells nothing about the pace since.
            if (now if departure is None else departure) >= self._resume:
                self._factor_before = self._factor
                if few and needed <= self._factor:
                    needed = min(self._factor * self.SLOWER, self.SLOWEST)
                self._quiet = 0
                self._quiet_until = now + seconds * (1 + self.QUIET_PAUSES)
            self._factor = max(self._factor, min(needed, self._factor_before * self.SLOWER_AT_ONCE, self.SLOWEST))
            self._resume = max(self._resume, now + seconds)

    def _counted_before(self, departure: float | None, few: bool) -> int:
        """How many requests of our own the server had counted when it refused this one: one at least, all at most."""
        if departure is None:
            return self._requests
        if departure in self._departures:
            self._departures.remove(departure)
        # What left a little earlier may have come a little later. Where 429s follow each other, that was allowed for.
        since = departure - self._seconds * (1.05 if few else 1.1)
        return min(max(1, sum(since < one < departure for one in self._departures)), self._requests)

    def served(self) -> None:
        """A request was answered otherwise."""
        with self._lock:
            self._quiet += 1
            if self._quiet > self.QUIET_REQUESTS and self._clock() >= self._quiet_until:
                self._factor = max(1.0, self._factor / self.FASTER)


class Allowance:
    """So many requests in any stretch of so many seconds, as fast as they come: a limit that is counted for long.

    What the network does to a request or two makes no difference there, and few requests need not wait at all.
    Raises ValueError where one of the two is not greater than 0. `clock` and `sleep` are for tests.

    >>> imports, pace = Allowance(100, 60), Pace(5)
    >>> with imports.turn():
    ...     departure = pace.wait()
    """

    MARGIN = 1.02

    def __init__(
        self,
        requests: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if requests <= 0 or seconds <= 0:
            raise ValueError("requests and seconds must be greater than 0")
        self._seconds = seconds * self.MARGIN
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        # When each request left, or was let go where it has not left yet; oldest first.
        self._departures: deque[list[float]] = deque(maxlen=requests)
        self._resume = clock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Begins when a request may leave, and ends when it does: other limits may hold it back meanwhile."""
        departure = self._let_go()
        yield
        with self._lock:
            departure[0] = self._clock()

    def throttled(self, seconds: float) -> None:
        """A request was refused: others use the limit, too, and nothing leaves for so many seconds."""
        with self._lock:
            self._resume = max(self._resume, self._clock() + seconds)

    def _let_go(self) -> list[float]:
        while True:
            with self._lock:
                now, due = self._clock(), self._resume
                if len(self._departures) == self._departures.maxlen:
                    due = max(due, self._departures[0][0] + self._seconds)
                if now >= due:
                    departure = [now]
                    self._departures.append(departure)
                    return departure
            self._sleep(due - now)
