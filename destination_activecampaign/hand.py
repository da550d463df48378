"""What a sync has in hand: rows that were taken and are not settled, and the objects that are being written."""

import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from destination_activecampaign.catalog import Target
from destination_activecampaign.writer import Row

# Rows that are decided about, compared and sent together; what is read of an account pays for many of them.
BLOCK_ROWS = 10_000
BLOCK_BYTES = 30_000_000


class Closed(Exception):
    """The sync has ended, and nothing is waited for any more."""


class Hand:
    """Counts rows and their bytes, and holds back whoever takes more of them while too many are being written.

    Safe to share between threads. An error that is told to it is raised by everything that waits.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rows = self._bytes = 0
        self._busy: set[str] = set()
        self._error: BaseException | None = None

    def take(self, size: int) -> None:
        with self._changed:
            self._rows += 1
            self._bytes += size

    def settle(self, size: int) -> None:
        with self._changed:
            self._rows -= 1
            self._bytes -= size
            self._changed.notify_all()

    def begin(self, keys: Iterable[str]) -> None:
        """Objects with these keys are being written from now on."""
        with self._changed:
            self._busy.update(keys)

    def end(self, keys: Iterable[str]) -> None:
        with self._changed:
            self._busy.difference_update(keys)
            self._changed.notify_all()

    @property
    def busy(self) -> frozenset[str]:
        with self._changed:
            return frozenset(self._busy)

    def wait_for_room(self, rows: int, size: int) -> None:
        """Return when little is in hand beside a block of so many rows and bytes: enough to keep the importer busy."""
        self._wait(lambda: self._rows - rows <= BLOCK_ROWS / 4 and self._bytes - size <= BLOCK_BYTES / 4)

    def wait_until_free(self, keys: Iterable[str]) -> None:
        """Return when nothing is being written to objects with these keys."""
        wanted = set(keys)
        self._wait(lambda: wanted.isdisjoint(self._busy))

    def wait_until_empty(self) -> None:
        self._wait(lambda: not self._rows)

    def fail(self, error: BaseException) -> None:
        """The sync cannot go on, for this reason."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def check(self) -> None:
        """Raises the error that was told."""
        with self._changed:
            if self._error:
                raise self._error

    def _wait(self, condition: Any) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or condition())
        self.check()


class Taken:
    """The rows of a hand that nobody has looked at yet: those of the next block."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._rows: list[tuple[Target, Row]] = []
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, target: Target, row: Row) -> bool:
        """Take a row into the hand; whether the block is full then."""
        self._hand.check()
        size = size_of(row.data)
        self._hand.take(size)
        self._rows.append((target, row))
        self._bytes += size
        return len(self._rows) >= BLOCK_ROWS or self._bytes >= BLOCK_BYTES

    def wait_for_room(self, held: Iterable[Row]) -> None:
        """Return when little is in hand beside the block and the rows that wait for others."""
        sizes = [size_of(row.data) for row in held]
        self._hand.wait_for_room(len(self._rows) + len(sizes), self._bytes + sum(sizes))

    def all(self) -> list[tuple[Target, Row]]:
        """The rows of the block; the next one begins."""
        rows, self._rows, self._bytes = self._rows, [], 0
        return rows


def size_of(data: Mapping[str, Any]) -> int:
    """About as many bytes as a row takes in memory.

    >>> 300 < size_of({"email": "ann@example.com", "firstName": "Ann", "tags": ["a", "b"]}) < 1500
    True
    """
    # Every row is measured when it comes and when it is settled.
    size = 200 + 100 * len(data)
    for value in data.values():
        size += sys.getsizeof(value) if type(value) is str else _size_of(value)
    return size


def _size_of(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return sys.getsizeof(value)
    if isinstance(value, (list, tuple)):
        return 8 * len(value) + sum(map(_size_of, value))
    if isinstance(value, Mapping):
        return size_of(value)
    return 32
