"""What was read of an account whole, on the disk: in memory a million objects would take gigabytes."""

import sqlite3
import threading
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

_AT_ONCE = 500


class Part(NamedTuple):
    """What is kept of one object: `place` is what it is kept by, `key` and `id` what it may be found by."""

    place: str
    key: str
    id: str
    content: bytes


class Kept:
    """Objects of one kind in a temporary database; safe to share between threads.

    >>> kept = Kept()
    >>> kept.put([Part("7", "acme", "7", b"Acme"), Part("8", "acme", "8", b"ACME")])
    >>> kept.with_keys(["acme"]), kept.with_ids(["8", "9"])
    ([b'Acme', b'ACME'], [b'ACME'])
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # An empty name is a private file that is gone with the connection.
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute("CREATE TABLE kept (place TEXT PRIMARY KEY, key TEXT, id TEXT, content BLOB) WITHOUT ROWID")
        self._rows.execute("CREATE INDEX by_key ON kept (key)")
        self._rows.execute("CREATE INDEX by_id ON kept (id)")

    def put(self, parts: Iterable[Part]) -> None:
        """Keep these in the place of those that had their places."""
        with self._lock:
            self._rows.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", parts)

    def forget(self, places: Collection[str]) -> None:
        with self._lock:
            self._rows.executemany("DELETE FROM kept WHERE place = ?", [(place,) for place in places])

    def with_keys(self, keys: Sequence[str]) -> list[bytes]:
        return self._where("key", keys)

    def with_ids(self, ids: Sequence[str]) -> list[bytes]:
        return self._where("id", ids)

    def _where(self, column: str, values: Sequence[str]) -> list[bytes]:
        found: list[bytes] = []
        for start in range(0, len(values), _AT_ONCE):
            some = values[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            with self._lock:
                rows = self._rows.execute(
                    f"SELECT content FROM kept WHERE {column} IN ({marks}) ORDER BY place",  # noqa: S608 - marks only
                    some,
                ).fetchall()
            found += [content for (content,) in rows]
        return found
