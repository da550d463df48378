"""What the importer has in hand already when a sync begins.

A sync that ended before it knew what had become of its imports has left them there, and they are carried out whoever
still waits for them: after what the next sync writes, if that does not wait, and with what was true before.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from activecampaign_client.account import Account
from activecampaign_client.answers import Request
from activecampaign_client.errors import ApiError

LOGGER = logging.getLogger(__name__)

# Seconds without any import done after which those that are left count as given up.
LONGEST_STANDSTILL = 60.0
# Seconds between two questions, at first and later.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0


class Backlog:
    """The imports of the account, whoever sent them.

    `wait(seconds)` waits until the next question, `clock` tells seconds. After `longest` seconds nothing is waited for.
    """

    def __init__(
        self,
        account: Account,
        *,
        longest: float,
        wait: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        stream: str = "contacts",
    ) -> None:
        self._account = account
        self._longest = longest
        self._wait = wait
        self._clock = clock
        self._stream = stream

    def wait_until_done(self) -> None:
        """Return when the imports that are in hand now are done, as far as the account tells. Raises ApiError."""
        began = moved = self._clock()
        first = last = self._open_and_done()
        pause = FIRST_PAUSE
        # Others may go on importing: it is enough that as many are done as were in hand.
        while last[0] and last[1] - first[1] < first[0]:
            if last is first:
                LOGGER.info(
                    "ActiveCampaign's importer has %d batches in hand from before. They are waited for, since they may "
                    "be about the same contacts.",
                    first[0],
                )
            now = self._clock()
            if now - moved >= min(LONGEST_STANDSTILL, self._longest) or now - began >= self._longest:
                LOGGER.warning(
                    "ActiveCampaign's importer did not end %d batches that it had in hand from before: they are waited "
                    "for no longer.",
                    last[0],
                )
                return
            self._wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            before, last = last, self._open_and_done()
            moved = self._clock() if last != before else moved

    def _open_and_done(self) -> tuple[int, int]:
        """How many batches are in hand, and how many were done lately; none where nobody can tell."""
        # https://developers.activecampaign.com/reference/bulk-import-status-list
        request = Request("import/bulk_import", stream=self._stream, may_be_refused=True, anew=True)
        try:
            answer = self._account.send(request)
        except ApiError as error:
            if error.kind == "transient":
                raise
            LOGGER.info("What ActiveCampaign's importer has in hand cannot be read: %s", error)
            return 0, 0
        body = answer.body if answer.status < 300 else None
        return _batches_in(body, "outstanding"), _batches_in(body, "recentlyCompleted")


def _batches_in(body: Any, key: str) -> int:
    """The batches of all days.

    >>> _batches_in({"outstanding": [{"forDate": "2026-10-01", "batches": "2", "contacts": "500"}]}, "outstanding")
    2
    """
    days = body.get(key) if isinstance(body, Mapping) else None
    found = [str(day.get("batches")) for day in days if isinstance(day, Mapping)] if isinstance(days, list) else []
    return sum(int(one) for one in found if one.isdecimal())
