"""Sends the rows of events and calls to the host of tracking, each until it is acknowledged.

The host takes one event in a request, and has nothing by which it would know one again: what was sent and not
acknowledged is sent once more.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

from activecampaign_client.account import Account
from activecampaign_client.tracking import CONNECTIONS, Refused, TrackingHost
from destination_activecampaign.catalog import Target
from destination_activecampaign.config import Config
from destination_activecampaign.contacts.known import key_of
from destination_activecampaign.contacts.reasons import EMAIL_MISSING, api_refused
from destination_activecampaign.directory import Directory
from destination_activecampaign.events.required import required_tracking
from destination_activecampaign.events.rows import Event, EventReader, Visit
from destination_activecampaign.events.sites import Sites
from destination_activecampaign.hand import Closed, Hand, size_of
from destination_activecampaign.rejections import Rejection
from destination_activecampaign.writer import Outcome, Row, Settle

# Rows that are looked at together: before that, whatever was taken for contacts is written.
BLOCK = 1000


@dataclass(frozen=True)
class _Said:
    target: Target
    row: Row
    what: Event | Visit


class EventsWriter:
    """The writer of events (see `destination_activecampaign.writer.Writer`).

    What one contact did leaves in the order in which it came. `write_earlier` is called before rows are looked at (see
    `writers.Writers`). Raises ApiError, with a sentence, where there are no tracking keys, where tracking is off, and
    where a stream's columns are not those of its object.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        account: Account,
        config: Config,
        settle: Settle,
        directory: Directory,
        write_earlier: Callable[[], None],
    ) -> None:
        tracking = required_tracking(config, account, {target.object for target in targets})
        self._closed = threading.Event()
        self._host = TrackingHost(
            config.tracking_url,
            tracking.actid,
            tracking.event_key,
            config.requests_per_second,
            user_agent="airbyte-destination-activecampaign",
            progress=account.progress,
            sleep=self._wait,
        )
        self._sites = Sites(account)
        self._readers = {target: EventReader(target) for target in targets}
        self._settle_row = settle
        self._write_earlier = write_earlier
        self._hand = Hand()
        self._executor = ThreadPoolExecutor(CONNECTIONS, "event")
        self._taken: list[tuple[Target, Row]] = []
        # By whom it was done; a thread works on each until nothing is left.
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[_Said]] = {}
        # Of what has come already: 16 bytes for each, so that ids of any length may be many.
        self._seen: set[tuple[Target, bytes]] = set()

    # ---- the interface

    def take(self, target: Target, row: Row) -> None:
        self._hand.check()
        self._hand.take(size_of(row.data))
        self._taken.append((target, row))
        if len(self._taken) >= BLOCK:
            self._hand.wait_for_room(len(self._taken), sum(size_of(row.data) for _, row in self._taken))
            self._send()

    def push(self) -> None:
        self._hand.check()
        self._send()

    def flush(self) -> None:
        self._hand.check()
        self._send()
        self._hand.wait_until_empty()

    def close(self) -> None:
        self._closed.set()
        self._hand.fail(Closed())
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _wait(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise Closed

    # ---- rows

    def _send(self) -> None:
        """Begin to send what was taken."""
        if not self._taken:
            return
        self._write_earlier()
        taken, self._taken = self._taken, []
        for target, row in taken:
            what = self._readers[target].read(row.data)
            if isinstance(what, Rejection):
                self._settle(target, row, what)
            elif self._has_seen(target, what.id):
                self._settle(target, row, Outcome.SKIPPED)
            else:
                self._queue(_Said(target, row, what))

    def _has_seen(self, target: Target, identifier: str) -> bool:
        if not identifier:
            return False
        digest = target, blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest in self._seen:
            return True
        self._seen.add(digest)
        return False

    def _settle(self, target: Target, row: Row, result: Outcome | Rejection) -> None:
        self._settle_row(target, row, result)
        self._hand.settle(size_of(row.data))

    # ---- in the background

    def _queue(self, said: _Said) -> None:
        key = key_of(said.what.email)
        with self._lock:
            if key in self._waiting:
                self._waiting[key].append(said)
                return
            self._waiting[key] = deque([said])
        self._executor.submit(self._work, key)

    def _work(self, key: str) -> None:
        try:
            while said := self._next(key):
                self._settle(said.target, said.row, self._sent(said.what, said.target.stream))
        except BaseException as error:  # it is raised where the sync waits
            self._hand.fail(error)

    def _next(self, key: str) -> _Said | None:
        with self._lock:
            if self._waiting[key]:
                return self._waiting[key].popleft()
            del self._waiting[key]
            return None

    def _sent(self, what: Event | Visit, stream: str) -> Outcome | Rejection:
        if isinstance(what, Event):
            refused = self._host.event(what.email, what.name, what.data, stream=stream)
        else:
            if reason := self._sites.allow(what.site):
                return reason
            if not what.email:
                # Of somebody whom nobody knows, the site is all that counts.
                return EMAIL_MISSING
            refused = self._host.visit(what.email, what.url, what.referrer, stream=stream)
        return _rejection(refused) if refused else Outcome.CREATED


def _rejection(refused: Refused) -> Rejection:
    return api_refused(refused.said, refused.status)
