"""The writers of a sync as one: each row goes to the writer of its object."""

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple, Protocol

from activecampaign_client.account import Account
from destination_activecampaign.catalog import Target
from destination_activecampaign.config import Config
from destination_activecampaign.directory import Directory
from destination_activecampaign.writer import Row, Settle, Writer


class WriterType(Protocol):
    """What makes a writer of some streams. `write_earlier` has to be called before rows are looked at.

    Raises ApiError, of the kind "config" with a sentence, where a stream cannot be written as it is configured.
    """

    def __call__(
        self,
        targets: Sequence[Target],
        account: Account,
        config: Config,
        settle: Settle,
        directory: Directory,
        write_earlier: Callable[[], None],
    ) -> Writer: ...


class Family(NamedTuple):
    """Objects that are written together."""

    has: Callable[[str], bool]
    writer: WriterType


class Writers:
    """A writer (see `writer.Writer`) made of one for each family that has streams.

    Rows may name objects that other rows make: an event its contact, a contact its account. So a family that is named
    stands before those that name it, and before a writer looks at rows, whatever was taken for those before it is
    written.
    """

    def __init__(
        self,
        families: Sequence[Family],
        targets: Sequence[Target],
        account: Account,
        config: Config,
        settle: Settle,
        directory: Directory,
    ) -> None:
        self._writers: list[Writer] = []
        self._by_target: dict[Target, Writer] = {}
        for family in families:
            if mine := [target for target in targets if family.has(target.object)]:
                write_earlier = partial(_flush, tuple(self._writers))
                writer = family.writer(mine, account, config, settle, directory, write_earlier)
                self._writers.append(writer)
                self._by_target |= dict.fromkeys(mine, writer)

    def take(self, target: Target, row: Row) -> None:
        self._by_target[target].take(target, row)

    def push(self) -> None:
        for writer in self._writers:
            writer.push()

    def flush(self) -> None:
        _flush(self._writers)

    def close(self) -> None:
        with ExitStack() as stack:
            for writer in self._writers:
                stack.callback(writer.close)


def _flush(writers: Collection[Writer]) -> None:
    for writer in writers:
        writer.flush()
