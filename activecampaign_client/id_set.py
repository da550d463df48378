"""Sets of ids that take little memory, however many there are."""

import sqlite3
from collections.abc import Iterable

from pyroaring import BitMap64


class IdSet:
    """A set of ids as text, that grows only.

    Numbers are kept as a compressed bitmap: a million consecutive ones take some hundred bytes, scattered ones eight
    bytes each. All others, such as UUIDs, are kept in a temporary database on the disk. For one thread at a time.

    >>> seen = IdSet()
    >>> seen.update(["1", "2", "0f8f2b9c-2c2f-4bd5-a1ef-1d4d3b0d7a11", "007"])
    >>> "2" in seen, "7" in seen, "007" in seen, len(seen)
    (True, False, True, 4)
    """

    def __init__(self) -> None:
        self._numbers = BitMap64()
        self._others: sqlite3.Connection | None = None

    def update(self, ids: Iterable[str]) -> None:
        """Add ids."""
        others = []
        for one in ids:
            if _is_number(one):
                self._numbers.add(int(one))
            else:
                others.append((_as_bytes(one),))
        if others:
            self._table().executemany("INSERT OR IGNORE INTO ids VALUES (?)", others)

    def __contains__(self, one: str) -> bool:
        if _is_number(one):
            return int(one) in self._numbers
        if self._others is None:
            return False
        return self._others.execute("SELECT 1 FROM ids WHERE id = ?", (_as_bytes(one),)).fetchone() is not None

    def __len__(self) -> int:
        others = self._others.execute("SELECT count(*) FROM ids").fetchone()[0] if self._others else 0
        return len(self._numbers) + int(others)

    def _table(self) -> sqlite3.Connection:
        if self._others is None:
            # An empty name is a private file that is gone with the connection.
            self._others = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._others.execute("PRAGMA journal_mode = OFF")
            self._others.execute("CREATE TABLE ids (id BLOB PRIMARY KEY) WITHOUT ROWID")
        return self._others


def _is_number(text: str) -> bool:
    """Whether text and number stand for each other: no sign, no leading zero, and no more than 64 bits."""
    return text.isascii() and text.isdigit() and (text[0] != "0" or text == "0") and len(text) < 20


def _as_bytes(text: str) -> bytes:
    # JSON can hold half of a surrogate pair, which is no text for a database.
    return text.encode("utf-8", "surrogatepass")
