"""What a sync says about itself while it runs: rows so far, rows expected, requests per second, and waits."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LOGGER = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 15.0


@dataclass
class StreamProgress:
    """The figures of one stream. `expected` is what the API claims, before anything is left out as unchanged."""

    rows: int = 0
    expected: int | None = None
    requests: int = 0
    began: float = field(default_factory=time.monotonic)
    seen: float = field(default_factory=time.monotonic)


class Progress:
    """The figures of all streams of a run; safe to share between threads.

    `waiting` tells how many requests wait for their turn, and the seconds for which a 429 holds all of them.
    """

    def __init__(self, waiting: Callable[[], tuple[int, float]] = lambda: (0, 0.0)) -> None:
        self._waiting = waiting
        self._lock = threading.Lock()
        self._streams: dict[str, StreamProgress] = {}
        self._names: Collection[str] | None = None

    def add(self, stream: str, rows: int = 0, requests: int = 0, expected: int | None = None) -> None:
        """Count rows that were emitted and requests that were sent for a stream."""
        with self._lock:
            one = self._streams.setdefault(stream, StreamProgress())
            one.rows += rows
            one.requests += requests
            one.seen = time.monotonic()
            if expected is not None:
                one.expected = (one.expected or 0) + expected

    def requests(self) -> int:
        """All requests sent so far."""
        with self._lock:
            return sum(one.requests for one in self._streams.values())

    def lines(self) -> list[str]:
        """One line per stream that is named: what was read, in how many requests, in how many seconds."""
        with self._lock:
            return [
                f"Stream {name}: {one.rows} records in {one.requests} requests, {one.seen - one.began:.1f} s"
                for name, one in self._named()
            ]

    def summary(self) -> str:
        """The streams that are being read, with the rows that they have and those that they expect."""
        with self._lock:
            streams = ", ".join(
                f"{name} {one.rows:,}" + (f" of about {one.expected:,}" if one.expected else "")
                for name, one in self._named()
                if one.seen > time.monotonic() - 2 * SECONDS_BETWEEN_LINES
            )
        return streams or "nothing yet"

    def _named(self) -> Iterator[tuple[str, StreamProgress]]:
        return ((name, one) for name, one in self._streams.items() if self._names is None or name in self._names)

    def waits(self) -> str:
        """What the requests wait for, if anything.

        >>> Progress(lambda: (3, 0.0)).waits(), Progress(lambda: (3, 12.4)).waits(), Progress().waits()
        ('; 3 wait for the budget', '; all wait 12 s more for Retry-After', '')
        """
        queue, pause = self._waiting()
        if pause:
            return f"; all wait {pause:.0f} s more for Retry-After"
        return f"; {queue} wait for the budget" if queue else ""

    @contextmanager
    def reported(self, names: Collection[str] | None = None, seconds: float = SECONDS_BETWEEN_LINES) -> Iterator[None]:
        """Log the progress every few seconds, and the figures of every stream in the end.

        Where there are `names`, only those streams are named: requests for others count for the total.
        """
        self._names = names
        before = self.requests()

        def report() -> None:
            nonlocal before
            now = self.requests()
            LOGGER.info(
                "Reading: %s. %.1f requests per second%s.", self.summary(), (now - before) / seconds, self.waits()
            )
            before = now

        try:
            with every(seconds, report):
                yield
        finally:
            for line in self.lines():
                LOGGER.info(line)


@contextmanager
def every(seconds: float, say: Callable[[], None]) -> Iterator[None]:
    """Call `say` every so many seconds, in a thread of its own, until the block ends."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(seconds):
            say()

    thread = threading.Thread(target=repeat, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
