"""A writer that does with each row what its column `do` says, and settles the others late and out of order."""

import random
import threading
from collections.abc import Sequence
from contextlib import suppress

from activecampaign_client.account import Account
from activecampaign_client.errors import ApiError
from destination_activecampaign.catalog import Target
from destination_activecampaign.config import Config
from destination_activecampaign.directory import Directory
from destination_activecampaign.rejections import Rejection
from destination_activecampaign.writer import Outcome, Row, Settle


class FakeWriter:
    """`do` is `reject`, the name of an outcome, `hold` (until it is pushed), `slow` (until it is flushed), `lose`,
    `fail`, `fail in a thread` or `raise` with a text.

    A row without it is created, after at most `in_hand` others came.
    """

    def __init__(self, settle: Settle, in_hand: int = 100) -> None:
        self._settle = settle
        self._in_hand = in_hand
        self._rows: list[tuple[Target, Row]] = []
        self._slow: list[tuple[Target, Row]] = []
        self._order = random.Random(7)
        self.pushes = 0
        self.most_in_hand = 0
        self.is_closed = False

    def take(self, target: Target, row: Row) -> None:
        do = row.data.get("do")
        if do == "fail":
            raise ApiError("ActiveCampaign did not accept the API key.", kind="config", detail="for the maintainer")
        if isinstance(do, str) and do.startswith("raise "):
            raise RuntimeError(do)
        if do == "fail in a thread":
            self._in_a_thread(target, row)
        elif do == "reject":
            self._settle(target, row, Rejection("email_invalid", "The email address is not valid."))
        elif do in Outcome.__members__:
            self._settle(target, row, Outcome[str(do)])
        elif do == "slow":
            self._slow.append((target, row))
        elif do != "lose":
            self._rows.append((target, row))
            self.most_in_hand = max(self.most_in_hand, len(self._rows))
            if len(self._rows) > self._in_hand and do != "hold":
                self._settle(*self._rows.pop(self._order.randrange(len(self._rows))), Outcome.CREATED)

    def push(self) -> None:
        self.pushes += 1
        self._settle_all(*self._rows)

    def flush(self) -> None:
        self._settle_all(*self._rows, *self._slow)
        self._slow.clear()

    def _settle_all(self, *rows: tuple[Target, Row]) -> None:
        self._rows.clear()
        for target, row in reversed(rows):
            self._settle(target, row, Outcome.CREATED)

    def close(self) -> None:
        self.is_closed = True

    def _in_a_thread(self, target: Target, row: Row) -> None:
        def settle() -> None:
            # As a pool of threads does with what nobody asks for.
            with suppress(ApiError):
                self._settle(target, row, Rejection("email_invalid", "The email address is not valid."))

        thread = threading.Thread(target=settle)
        thread.start()
        thread.join()


def fake_writer_of(
    targets: Sequence[Target], account: Account, config: Config, settle: Settle, directory: Directory | None = None
) -> FakeWriter:
    return FakeWriter(settle)
