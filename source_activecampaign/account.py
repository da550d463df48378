"""One account as one process sees it: its request budget, what is read from it only once, and the progress.

https://developers.activecampaign.com/reference/rate-limits: 5 requests per second and account, for everything
that uses it together; `RateLimit-Limit` and `RateLimit-Remaining` on answers; `Retry-After`, in seconds, on a 429.
"""

import logging
import math
import statistics
import tempfile
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import requests
from airbyte_cdk.sources.streams.call_rate import APIBudget
from requests.adapters import HTTPAdapter

from source_activecampaign.progress import Progress

LOGGER = logging.getLogger("airbyte")
_T = TypeVar("_T")

# What marks an answer that was found good when another stream got it.
FOUND_GOOD = "_activecampaign_found_good"

# Threads that wait for an answer, for their turn, or for an answer that another stream waits for. Seven streams may
# share a pass, and each looks ahead by as much as the longest latency needs.
THREADS = 128


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
        while True:
            with self._lock:
                now, ahead = self._clock(), ticket - self._left
                due = max(self._next, self._resume)
                if not ahead and now >= due:
                    self._left += 1
                    self._next = now + self.interval()
                    self._departures.append(now)
                    return now
                rest = max(due - now, 0.0) + ((ahead - 1) * self.interval() + self._GLANCE if ahead else 0.0)
            self._sleep(rest)

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


class Answers:
    """Answers that several streams want, each fetched once: by the first who asks, while the others wait for it.

    They are kept compressed in a temporary file, since a stream that starts late may want all of a large listing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: Any = None
        self._full = False
        self._kept: dict[str, Future[tuple[int, int, Mapping[str, str]]]] = {}

    def get(
        self, url: str, fetch: Callable[[], requests.Response], is_good: Callable[[requests.Response], bool]
    ) -> requests.Response:
        """The answer for a URL; only one that is good is kept for the others."""
        while True:
            with self._lock:
                future = self._kept.get(url)
                if future is None:
                    mine = self._kept[url] = Future()
            if future is None:
                return self._fetch(url, fetch, is_good, mine)
            try:
                place, length, headers = future.result()
            except LookupError:
                # Whoever fetched it got no answer to keep: ask ourselves.
                continue
            return self._restored(url, place, length, headers)

    def _fetch(
        self,
        url: str,
        fetch: Callable[[], requests.Response],
        is_good: Callable[[requests.Response], bool],
        mine: Future[Any],
    ) -> requests.Response:
        kept = False
        try:
            response = fetch()
            if is_good(response):
                packed = zlib.compress(response.content, 1)
                place = self._keep(packed)
                if place is not None:
                    mine.set_result((place, len(packed), dict(response.headers)))
                    kept = True
            return response
        finally:
            if not kept:
                with self._lock:
                    del self._kept[url]
                mine.set_exception(LookupError(url))

    def _keep(self, packed: bytes) -> int | None:
        """Where in the file it is now; None where there is no room for it."""
        with self._lock:
            try:
                if self._file is None:
                    self._file = tempfile.TemporaryFile(prefix="activecampaign-", buffering=0)  # noqa: SIM115
                place: int = self._file.seek(0, 2)
                return place if self._file.write(packed) == len(packed) else None
            except OSError as error:
                if not self._full:
                    LOGGER.warning(
                        "Answers that several streams want cannot be kept in %s (%s), so each asks for its own.",
                        tempfile.gettempdir(),
                        error.strerror,
                    )
                self._full = True
                return None

    def _restored(self, url: str, place: int, length: int, headers: Mapping[str, str]) -> requests.Response:
        with self._lock:
            self._file.seek(place)
            packed = self._file.read(length)
        response = requests.Response()
        response.status_code = requests.codes.ok
        response.url = url
        response.headers.update(headers)
        response._content = zlib.decompress(packed)
        setattr(response, FOUND_GOOD, True)
        return response


class Account(APIBudget):
    """What the streams of one command share.

    It is an APIBudget because that is what the CDK hands to every requester and custom component of a source.
    """

    def __init__(
        self,
        requests_per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(policies=[])
        self.pace = Pace(requests_per_second, clock, sleep)
        self.progress = Progress(self.pace.waiting)
        self.answers = Answers()
        # The listings that more than one of the selected streams reads.
        self.shared: set[str] = set()
        # A thread that never starts costs nothing.
        self.executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="request")
        # One set of connections for all streams: the next request finds one that is open already.
        self.connections = HTTPAdapter(pool_maxsize=THREADS)
        self._lock = threading.Lock()
        self._once: dict[str, Future[Any]] = {}

    def once(self, key: str, read: Callable[[], _T]) -> _T:
        """The result of `read` for this key, read by the first who asks while the others wait for it.

        What `read` raises is raised to all of them.
        """
        with self._lock:
            future = self._once.get(key)
            mine = future is None
            if future is None:
                future = self._once[key] = Future()
        if mine:
            try:
                future.set_result(read())
            except BaseException as error:
                future.set_exception(error)
        result: _T = future.result()
        return result

    def is_busy(self) -> bool:
        """Whether requests wait for their turn."""
        queue, _ = self.pace.waiting()
        return queue > 0

    def acquire_call(self, request: Any, block: bool = True, timeout: float | None = None) -> None:
        """Wait until the request may leave."""
        departure = self.pace.wait()
        if request is not None:
            setattr(request, _DEPARTURE, departure)

    def update_from_response(self, request: Any, response: Any) -> None:
        """Learn from an answer how much of the account's limit is there for us."""
        if response.status_code == requests.codes.too_many_requests:
            seconds = retry_after(response)
            LOGGER.info(
                "ActiveCampaign asked for a pause of %g s (HTTP 429): the account's limit is shared by everything "
                "that uses it.",
                seconds,
            )
            self.pace.throttled(seconds)
        else:
            limit, remaining = (_number(response, f"RateLimit-{name}") for name in ("Limit", "Remaining"))
            self.pace.served(getattr(request, _DEPARTURE, None), limit, remaining)


_DEPARTURE = "_activecampaign_departure"


def retry_after(response: requests.Response, default: float = 1.0) -> float:
    """Seconds to wait after a 429; `default` where the header is absent or not a number."""
    seconds = _number(response, "Retry-After")
    return default if seconds is None else max(0.0, seconds)


def _number(response: requests.Response, header: str) -> float | None:
    try:
        return float(response.headers.get(header, ""))
    except ValueError:
        return None
