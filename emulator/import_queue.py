"""The queue of the importer: what was accepted is applied later, and in pieces."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .calls import Call, Request
from .clock import day
from .contacts import email_of
from .imports import Row, apply
from .settings import Settings
from .writes import Writes

_TICK = 0.01  # seconds between two looks at the queue
_AT_ONCE = 10  # rows that are applied in a row, so that no request comes late

_ENDINGS = {"batch_failed": "failed", "batch_interrupted": "interrupted", "batch_stuck": "active"}


@dataclass
class Batch:
    """One import that was accepted."""

    id: str
    request: Request
    rows: list[Row]
    queued: float  # seconds of the monotonic clock
    day: str  # the date on which it was queued
    size: int
    last: int  # how many of its rows are applied before it ends
    ending: str  # its status then
    excludes_all: bool  # exclude_automations for all of its rows
    turn: float | None = None  # when the queue came to it
    applied: int = 0
    has_ended: bool = False
    success: list[str] = field(default_factory=list)
    failure: list[str] = field(default_factory=list)

    def status(self, now: float, settings: Settings) -> str | bool:
        """waiting, claimed, active, completed, failed or interrupted; False while nobody knows of it (measured)."""
        if now - self.queued < settings.import_false_seconds:
            return False
        if self.has_ended:
            return self.ending
        waited = 0.0 if self.turn is None else now - self.turn
        if self.turn is None or waited < settings.import_delay / 2:
            return "waiting"
        return "claimed" if waited < settings.import_delay else "active"

    def due(self, now: float, settings: Settings) -> int:
        """How many of its rows should be applied by now."""
        elapsed = now - (now if self.turn is None else self.turn) - settings.import_delay
        if elapsed < 0:
            return 0
        pace = settings.import_contacts_per_second
        return self.last if pace <= 0 else min(self.last, int(elapsed * pace))


class ImportQueue:
    """Batches in the order of their arrival, applied on the server's event loop as the settings say."""

    def __init__(self) -> None:
        self.batches: dict[str, Batch] = {}
        self._open: deque[Batch] = deque()
        self._is_ticking = False
        self.taken: deque[tuple[float, bool]] = deque()  # when imports were taken, and whether of one contact

    def has_room(self, is_single: bool, now: float, settings: Settings) -> bool:
        """Whether one more import is taken within the minute: 100, of which 20 with one contact (published)."""
        while self.taken and self.taken[0][0] <= now - settings.import_seconds:
            self.taken.popleft()
        singles = sum(single for _, single in self.taken)
        return len(self.taken) < 100 and not (is_single and singles >= 20)

    def add(self, call: Call, rows: list[Row], excludes_all: bool) -> Batch:
        """Queue what was found to be in order."""
        ending, last = "completed", len(rows)
        if call.fault is not None and call.fault.kind in _ENDINGS:
            ending, last = _ENDINGS[call.fault.kind], int(len(rows) * call.fault.part)
        batch = Batch(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{call.account.link_base}/import/{len(self.batches)}")),
            request=call.request,
            rows=rows if call.settings.import_duplicates == "last" else rows[::-1],
            queued=time.monotonic(),
            day=day(int(call.account.clock())),
            size=len(rows),
            last=last,
            ending=ending,
            excludes_all=excludes_all,
        )
        self.batches[batch.id] = batch
        self._open.append(batch)
        if not self._is_ticking:
            self._is_ticking = True
            asyncio.get_running_loop().call_soon(self._tick, call)
        return batch

    def _tick(self, call: Call) -> None:
        """Apply what is due, and come back as long as something is open; `call` is the one that woke the queue."""
        with call.account.lock:
            more_at_once = self._advance(call)
        self._is_ticking = bool(self._open)
        if self._open:
            asyncio.get_running_loop().call_later(0 if more_at_once else _TICK, self._tick, call)

    def _advance(self, call: Call) -> bool:
        """Whether more is due already than was applied."""
        settings, room = call.settings, _AT_ONCE
        is_serial = settings.import_order == "one by one"
        for batch in list(self._open):
            now = time.monotonic()
            if batch.turn is None:
                batch.turn = now
            due = batch.due(now, settings)
            while batch.applied < due and room:
                self._apply_next(call, batch)
                room -= 1
            if batch.applied == batch.last and now - batch.turn >= settings.import_delay:
                batch.has_ended = True
                batch.rows = []
                self._open.remove(batch)
            elif is_serial:
                return not room
        return not room

    @staticmethod
    def _apply_next(call: Call, batch: Batch) -> None:
        row = batch.rows[batch.applied]
        batch.applied += 1
        contact = apply(call.account, call.settings, row)
        if contact is None:
            batch.failure.append(row["email"])
            return
        batch.success.append(contact)
        runs = not batch.excludes_all and not _excludes(row, call.settings, "contact")
        call.memory.of(Writes).add(batch.request, "import", email_of(call.account, contact), automations=runs)

    def report(self) -> dict[str, list[dict[str, str]]]:
        """Batches and contacts per day, numbers as texts: those that wait, and those that are done (published)."""
        sums: dict[bool, dict[str, list[int]]] = {True: {}, False: {}}
        for batch in self.batches.values():
            count = sums[batch.has_ended and batch.ending != "active"].setdefault(batch.day, [0, 0])
            count[0] += 1
            count[1] += batch.size

        def rows(ended: bool) -> list[dict[str, str]]:
            return [
                {"forDate": date, "batches": str(batches), "contacts": str(contacts)}
                for date, (batches, contacts) in sums[ended].items()
            ]

        return {"outstanding": rows(False), "recentlyCompleted": rows(True)}


def _excludes(sent: Row, settings: Settings, place: str) -> bool:
    """Whether exclude_automations is set in a place where it is heeded."""
    return bool(sent.get("exclude_automations")) and settings.import_exclusion in {"either", place}


def excludes_all(body: dict[str, Any], settings: Settings) -> bool:
    """Whether no contact of a batch starts automations."""
    return _excludes(body, settings, "top")
