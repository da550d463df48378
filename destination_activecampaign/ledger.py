"""What is acknowledged when: a state goes back once every row before it is written or kept as rejected."""

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from destination_activecampaign.messages import State, StreamName, with_stats


@dataclass
class _Rows:
    """The rows of a stream. Of those that are settled only the number is kept, however many they are.

    `low`: all rows before it are settled. `marks` are the numbers of rows before each state that has not gone back yet,
    and `rejected` the rejected rows before each of them and after the one before it, those after the last at the end.
    """

    taken: int = 0
    low: int = 0
    open: set[int] = field(default_factory=set)
    reported: int = 0
    marks: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=lambda: [0])
    first_rejected: int | None = None

    def settle(self, number: int, rejected: bool) -> None:
        # Raises KeyError for a row that was never taken, or is settled already.
        self.open.remove(number)
        while self.low < self.taken and self.low not in self.open:
            self.low += 1
        if rejected:
            self.rejected[bisect_right(self.marks, number)] += 1
            self.first_rejected = number if self.first_rejected is None else min(number, self.first_rejected)

    def mark(self) -> None:
        self.marks.append(self.taken)
        self.rejected.append(0)

    def report(self) -> tuple[int, int]:
        """The rows before the first mark, of which it is the end, and how many of them were rejected."""
        mark, rejected = self.marks.pop(0), self.rejected.pop(0)
        records, self.reported = mark - self.reported, mark
        return records, rejected


@dataclass(frozen=True)
class _Held:
    """A state that waits, with the number of rows that had come of every stream, and the streams that it counts."""

    state: State
    before: Mapping[StreamName, int]
    counts: Sequence[StreamName]
    since: float


class Ledger:
    """The rows that came, and the states that wait for them; safe to share between threads.

    `echo` gets the line of each state once, in the order in which they came, as soon as every row before it is settled:
    of its own stream, or of all streams for a state that covers them all. Before that, `keep` is called, for rejected
    rows to be safe. Where `stops_at_rejected`, no state behind a rejected row goes back.

    A state of a stream counts the rows of this stream, and those that no state may ever come for: of streams that
    are not among `streams`. Every row is counted once.

    >>> people = ("people", None)
    >>> ledger = Ledger(print, [people], stops_at_rejected=False)
    >>> first, second = ledger.take(people), ledger.take(people)
    >>> line = '{"state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"people"}}}}'
    >>> ledger.hold(State(line, people, True))
    >>> ledger.settle(people, second, rejected=True)
    >>> ledger.settle(people, first)
    {"state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"people"}},\
"destinationStats":{"recordCount":2.0,"rejectedRecordCount":1.0}}}
    """

    def __init__(
        self,
        echo: Callable[[str], None],
        streams: Iterable[StreamName],
        *,
        stops_at_rejected: bool,
        keep: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._echo = echo
        self._expected = frozenset(streams)
        self._keep = keep
        self._stops_at_rejected = stops_at_rejected
        self._clock = clock
        self._lock = threading.RLock()
        self._streams: dict[StreamName, _Rows] = {}
        self._held: deque[_Held] = deque()
        self._has_ended = False

    def take(self, stream: StreamName) -> int:
        """The number of a row that came, among those of its stream."""
        with self._lock:
            rows = self._streams.setdefault(stream, _Rows())
            number = rows.taken
            rows.open.add(number)
            rows.taken += 1
            return number

    def settle(self, stream: StreamName, number: int, rejected: bool = False) -> None:
        """A row is written, or kept as rejected. Raises KeyError where it was settled before."""
        with self._lock:
            self._streams[stream].settle(number, rejected)
            self._release()

    def hold(self, state: State) -> None:
        """A state came; it goes back at once where nothing before it is open."""
        with self._lock:
            counts = self._counted_in(state)
            for name in counts:
                self._streams[name].mark()
            before = {name: rows.taken for name, rows in self._streams.items()}
            self._held.append(_Held(state, before, counts, self._clock()))
            self._release()

    def open_rows(self) -> int:
        """How many rows are neither written nor rejected yet."""
        with self._lock:
            return sum(len(rows.open) for rows in self._streams.values())

    def waited(self, since: float) -> float | None:
        """The seconds for which the first state that came since a moment waits for rows; None where none does."""
        with self._lock:
            if self._held and not self._is_stopped(self._held[0]):
                return next((self._clock() - held.since for held in self._held if held.since >= since), None)
            return None

    def stop(self) -> None:
        """Let no state go back any more."""
        with self._lock:
            self._has_ended = True

    def _counted_in(self, state: State) -> list[StreamName]:
        """The streams whose rows the stats of a state count; one of unknown shape has none, the next counts them."""
        if not state.is_known:
            return []
        if state.stream is None:
            return list(self._streams)
        self._streams.setdefault(state.stream, _Rows())
        return [name for name in self._streams if name == state.stream or name not in self._expected]

    def _release(self) -> None:
        while self._held and self._may_go(self._held[0]):
            self._keep()
            held = self._held.popleft()
            line = held.state.line
            if held.state.is_known:
                reports = [self._streams[name].report() for name in held.counts]
                line = with_stats(line, sum(one for one, _ in reports), sum(one for _, one in reports))
            self._echo(line)

    def _may_go(self, held: _Held) -> bool:
        if self._has_ended or self._is_stopped(held):
            return False
        # One of unknown shape counts nothing, and waits for everything.
        return all(self._streams[name].low >= held.before[name] for name in held.counts or held.before)

    def _is_stopped(self, held: _Held) -> bool:
        return self._stops_at_rejected and any(
            (first := self._streams[name].first_rejected) is not None and first < count
            for name, count in held.before.items()
        )
