"""What stands between the protocol and an object of the account: rows go in, what became of each comes out."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple, Protocol

from destination_activecampaign.catalog import Target
from destination_activecampaign.rejections import Rejection


class Outcome(Enum):
    """What became of a row that was not rejected; WRITTEN is created or updated, which of them is not known."""

    CREATED = "created"
    UPDATED = "updated"
    WRITTEN = "written"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


class Row(NamedTuple):
    """A row of a stream, with its number among the rows of that stream, from 0."""

    number: int
    data: Mapping[str, Any]


# Called once for each row that was taken, from any thread. A rejection is kept before it returns; raises ApiError where
# it cannot be kept, which ends the sync.
Settle = Callable[[Target, Row, "Outcome | Rejection"], None]


class Writer(Protocol):
    """Writes the rows of all streams of a sync, and tells for each of them what became of it."""

    def take(self, target: Target, row: Row) -> None:
        """Take a row to write, in the background or not; may block, so that few are in memory.

        Raises ApiError where the sync cannot go on.
        """

    def push(self) -> None:
        """Begin to write every row that was taken, without waiting for more, and for its end only where rows of one
        object have to follow each other. Raises ApiError.
        """

    def flush(self) -> None:
        """Return when every row that was taken is settled. Raises ApiError."""

    def close(self) -> None:
        """End without waiting for anything, as after an error."""
