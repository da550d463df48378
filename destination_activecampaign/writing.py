"""One sync: from the lines of the input to what the writer does, and to the states that go back."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from activecampaign_client.account import Account
from activecampaign_client.errors import ApiError
from activecampaign_client.progress import SECONDS_BETWEEN_LINES, every
from activecampaign_client.secrets import SHORTEST_IN_DATA, Mask, masking
from destination_activecampaign import messages
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.config import Config
from destination_activecampaign.counts import Counts
from destination_activecampaign.input import Lines
from destination_activecampaign.ledger import Ledger
from destination_activecampaign.messages import Record, State, StreamName, Unreadable
from destination_activecampaign.places import place_of
from destination_activecampaign.rejections import RejectedRecords, Rejection
from destination_activecampaign.writer import Outcome, Row, Settle, Writer

LOGGER = logging.getLogger(__name__)

# A state goes back 60 seconds after its last row came, at the latest. The rows before it are sent without waiting for
# more: after so many seconds, or at once where nothing comes any more.
LONGEST_WAIT = 30.0
PAUSE = 5.0
# Rows that no state waits for are better written with others.
LONG_PAUSE = 60.0
# Seconds between two looks at whether something has waited for too long.
GLANCE = 1.0

SUMMARY = "activecampaign-write-summary"
WriterOf = Callable[[Sequence[Target], Account, Config, Settle], Writer]

_DELETION_REFUSED = Rejection(
    "deletion_refused", "The stream deletes, which the connection does not allow: choose otherwise under Deletions."
)
_UNKNOWN_STREAM = Rejection("stream_unknown", "The stream of the row is not in the connection's catalog.")
_UNREADABLE = Rejection(
    "unreadable", "The row is no record that can be read: it is not JSON in UTF-8, or has no stream or data."
)
# The rows of which not even the stream can be read.
_NO_STREAM: StreamName = ("", None)


class Sync:
    """The rows of one sync, and the states that come between them.

    `writer_of` makes the writer, `emit` prints a line. Raises ApiError where the sync cannot go on, with the sentence
    for the user; nothing is acknowledged from then on.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        config: Config,
        account: Account,
        writer_of: WriterOf,
        emit: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._targets: Mapping[StreamName, Target] = {(one.stream, one.namespace): one for one in targets}
        by_name = Counter(one.stream for one in targets)
        self._only: Mapping[str, StreamName] = {
            one.stream: (one.stream, one.namespace) for one in targets if by_name[one.stream] == 1
        }
        self._config, self._account, self._emit, self._clock = config, account, emit, clock
        self._rejected = RejectedRecords(place_of(config.rejected_records), _mask_of(config))
        self._ledger = Ledger(
            emit,
            self._targets,
            stops_at_rejected=config.on_rejected == "fail",
            keep=self._rejected.keep,
            clock=clock,
        )
        self._counts = Counts(targets)
        self._ignored: Counter[str] = Counter()
        self._failure: Exception | None = None
        self._are_kept = True
        self._lines = 0
        self._began = self._last_row = self._next_look = self._pushed = clock()
        self._rejected.prove()
        # Without streams there is nothing to write, whatever comes.
        self._writer = writer_of(targets, account, config, self._settle) if targets else None

    def run(self, lines: Lines) -> None:
        """Write every row of the input, and acknowledge every state."""
        with self.reported():
            while (some := lines.next(GLANCE)) is not None:
                for line in some:
                    self.receive(line)
                self.look()
            self.finish()

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Say now and then how far it is, and what became of the rows in the end, however it ends.

        Where rejected rows are to fail the sync, they do so now.
        """
        try:
            with every(SECONDS_BETWEEN_LINES, self._progress()):
                yield
        except BaseException as error:
            self.abandon()
            self._keep_what_is_left(error)
            raise
        finally:
            self._summarize()
        self._judge_rejected()

    def receive(self, line: bytes) -> None:
        """Take one line of the input."""
        self._lines += 1
        message = messages.read(line)
        if isinstance(message, Record):
            self._last_row = self._clock()
            self._take(self._stream_of(message.stream), message.data)
        elif isinstance(message, State):
            self._ledger.hold(message._replace(stream=self._stream_of(message.stream)) if message.stream else message)
        elif isinstance(message, Unreadable):
            self._pass_over(message)
        else:
            self._ignored[message.type] += 1
        if self._clock() >= self._next_look:
            self.look()

    def look(self) -> None:
        """Begin to write what has waited for too long, if something has."""
        self._check()
        now = self._clock()
        self._next_look = now + GLANCE
        waited = self._ledger.waited(self._pushed)
        if self._writer and is_due(waited, now - self._last_row, has_new=self._last_row >= self._pushed):
            # Rows and states that come from now on wait for the next time.
            self._pushed = now
            self._writer.push()
            self._check()

    def finish(self) -> None:
        """Write what is left: the input has ended."""
        if self._writer:
            self._writer.flush()
        self._check()
        if left := self._ledger.open_rows():
            raise ApiError(
                f"Rows that were neither written nor rejected: {left:,}. Please report this to the maintainers of the "
                "connector.",
                kind="system",
            )
        # Those that no state came for.
        self._rejected.keep()

    def abandon(self) -> None:
        """Acknowledge nothing any more, and wait for nothing."""
        self._ledger.stop()
        if self._writer:
            self._writer.close()

    def _stream_of(self, name: StreamName) -> StreamName:
        """The stream as the catalog has it: PyAirbyte and some sources leave the namespace out."""
        return name if name in self._targets else self._only.get(name[0], name)

    def _take(self, stream: StreamName, data: Mapping[str, Any]) -> None:
        row = Row(self._ledger.take(stream), data)
        target = self._targets.get(stream)
        if target is None or self._writer is None:
            self._reject(stream, None, row, _UNKNOWN_STREAM)
        elif target.mode is Mode.SOFT_DELETE and self._config.deletions == "refuse":
            self._reject(stream, target, row, _DELETION_REFUSED)
        else:
            self._writer.take(target, row)

    def _pass_over(self, line: Unreadable) -> None:
        """What is no message is said once. Of a row that cannot be read nobody knows more than its text."""
        if line.of == "RECORD":
            number = self._ledger.take(_NO_STREAM)
            self._reject(_NO_STREAM, None, Row(number, {}), _UNREADABLE, text=line.line)
        elif line.of == "STATE":
            LOGGER.warning("Line %d of the input is a state that is not complete, and is left out.", self._lines)
        elif line.line.strip():
            if not self._ignored["unreadable"]:
                LOGGER.warning(
                    "Line %d of the input is no message of the protocol, and is left out; further ones are counted.",
                    self._lines,
                )
            self._ignored["unreadable"] += 1

    def _settle(self, target: Target, row: Row, outcome: Outcome | Rejection) -> None:
        stream = (target.stream, target.namespace)
        try:
            if isinstance(outcome, Rejection):
                self._reject(stream, target, row, outcome)
            else:
                self._counts.add(stream, outcome)
                self._ledger.settle(stream, row.number)
        except Exception as error:
            # Whatever the writer makes of it, in whichever thread.
            self._failure = self._failure or error
            raise

    def _reject(
        self, stream: StreamName, target: Target | None, row: Row, rejection: Rejection, text: str | None = None
    ) -> None:
        key = target.key_of(row.data) if target else None
        self._rejected.add(
            stream[0] or None, target.object if target else None, key, rejection, row.data if text is None else text
        )
        is_first = self._counts.add(stream, rejection)
        place = (stream[0] or "unknown", row.number + 1, rejection.code)
        if is_first:
            LOGGER.warning("Stream %s: row %d is rejected (%s). %s", *place, rejection.sentence)
        elif not self._config.rejected_records:
            LOGGER.warning("Stream %s: row %d is rejected (%s).", *place)
        self._ledger.settle(stream, row.number, rejected=True)

    def _check(self) -> None:
        if self._failure:
            raise self._failure

    def _progress(self) -> Callable[[], None]:
        rows = requests = 0

        def say() -> None:
            nonlocal rows, requests
            rows_now, requests_now = self._counts.rows(), self._account.progress.requests()
            rejected = self._counts.rejected()
            LOGGER.info(
                "Writing: %s rows done%s, %s in hand. %.1f rows and %.1f requests per second%s.",
                f"{rows_now:,}",
                f" ({rejected:,} of them rejected)" if rejected else "",
                f"{self._ledger.open_rows():,}",
                (rows_now - rows) / SECONDS_BETWEEN_LINES,
                (requests_now - requests) / SECONDS_BETWEEN_LINES,
                self._account.progress.waits(),
            )
            rows, requests = rows_now, requests_now

        return say

    def _summarize(self) -> None:
        seconds, requests = self._clock() - self._began, self._account.progress.requests()
        for line in self._counts.lines():
            LOGGER.info(line)
        if unreadable := self._ignored["unreadable"]:
            LOGGER.warning("%s lines of the input were no messages of the protocol.", f"{unreadable:,}")
        LOGGER.info("In all: %s requests, %.1f s.", f"{requests:,}", seconds)
        where = self._rejected.where if self._counts.rejected() else None
        if reasons := self._counts.reasons():
            LOGGER.info("Rejected in all streams: %s.", reasons)
        if where and self._are_kept:
            LOGGER.info("The rejected rows are in %s.", where)
        self._emit(
            messages.analytics(
                SUMMARY,
                {
                    "streams": self._counts.as_json(),
                    "requests": requests,
                    "seconds": round(seconds, 1),
                    "rejected_records": where,
                },
            )
        )

    def _keep_what_is_left(self, after: BaseException) -> None:
        """Keep rejected rows after an error, which is the one that ends the sync, whatever becomes of them."""
        try:
            self._rejected.keep()
        except ApiError as error:
            self._are_kept = False
            if str(error) != str(after):
                LOGGER.warning("%s", error)

    def _judge_rejected(self) -> None:
        rejected = self._counts.rejected()
        if rejected and self._config.on_rejected == "fail":
            where = self._rejected.where or "the log, by stream and number"
            raise ApiError(
                f"{rejected:,} of {self._counts.rows():,} rows could not be written; they stand in {where}. All other "
                "rows are written. Correct those rows, or choose continue under On Rejected Rows.",
                kind="config",
            )


def _mask_of(config: Config) -> Mask:
    """What takes the configuration's keys out of a text."""
    of_account = masking(config.api_key, SHORTEST_IN_DATA)
    if config.tracking is None:
        return of_account
    of_events = masking(config.tracking.event_key, SHORTEST_IN_DATA)
    return lambda text: of_events(of_account(text))


def is_due(waited: float | None, idle: float, *, has_new: bool) -> bool:
    """Whether rows should be written without waiting for more.

    `waited`: the seconds for which a state waits, None where none does; `idle`: since the last row came. `has_new`:
    whether there are rows that nobody began to write.

    >>> [is_due(waited, idle, has_new=True) for waited, idle in ((None, 10.0), (10.0, 10.0), (10.0, 0.0), (31.0, 0.0))]
    [False, True, False, True]
    """
    if waited is None:
        return has_new and idle >= LONG_PAUSE
    return waited >= LONGEST_WAIT or idle >= PAUSE
