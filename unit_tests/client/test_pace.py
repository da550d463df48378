"""The pace of requests against simulated servers, in virtual time."""

import heapq
import random
import threading
from collections import deque
from collections.abc import Callable
from itertools import count

import pytest

from activecampaign_client.pace import Pace

LIMIT = 5


class Simulation:
    """A server that counts requests as they arrive, a network that delays them, and a Pace that sends them."""

    def __init__(self, window: str, jitter: float, others: float, seed: int) -> None:
        self.now = 0.0
        self.throttled = self.sent = 0
        self.early: list[float] = []
        self._random = random.Random(seed)
        self._window, self._jitter, self._others = window, jitter, others
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._arrivals: deque[float] = deque()
        self._tokens, self._tokens_at = float(LIMIT), 0.0
        self._other_due = 0.0
        self._paused_until = 0.0
        self.pace = Pace(LIMIT, lambda: self.now, self._sleep)

    def run(self, requests_needed: int, latency: float = 0.3, retry_after: float = 1.0) -> None:
        waiting = requests_needed
        retries: deque[int] = deque()
        while waiting or retries or self._events:
            if not waiting and not retries:
                self._sleep(max(0.0, self._events[0][0] - self.now))
                continue
            if retries:
                retries.popleft()
            else:
                waiting -= 1
            departure = self.pace.wait()
            if departure < self._paused_until:
                self.early.append(departure)
            delay = 0.02 + self._random.uniform(0, self._jitter)
            self._at(self.now + delay, lambda sent=departure: self._arrive(sent, latency, retry_after, retries))

    def _at(self, moment: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), what))

    def _sleep(self, seconds: float) -> None:
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            moment, _, what = heapq.heappop(self._events)
            self.now = max(self.now, moment)
            what()
        self.now = max(self.now, end)

    def _arrive(self, departure: float, latency: float, retry_after: float, retries: deque[int]) -> None:
        while self._others and self._other_due <= self.now:
            self._admit(self._other_due)
            self._other_due += 1 / self._others
        admitted, remaining = self._admit(self.now)
        self.sent += 1

        def answer() -> None:
            if admitted:
                self.pace.served(departure, LIMIT, remaining)
            else:
                self.throttled += 1
                self._paused_until = max(self._paused_until, self.now + retry_after)
                self.pace.throttled(retry_after)
                retries.append(1)

        self._at(self.now + latency * self._random.uniform(0.7, 1.3), answer)

    def _admit(self, now: float) -> tuple[bool, int]:
        if self._window == "bucket":
            self._tokens = min(LIMIT, self._tokens + (now - self._tokens_at) * LIMIT)
            self._tokens_at = now
            if self._tokens < 1:
                return False, 0
            self._tokens -= 1
            return True, int(self._tokens)
        since = float(int(now)) if self._window == "fixed" else now - 1
        while self._arrivals and self._arrivals[0] <= since:
            self._arrivals.popleft()
        if len(self._arrivals) >= LIMIT:
            return False, 0
        self._arrivals.append(now)
        return True, LIMIT - len(self._arrivals)


def simulate(window: str, jitter: float = 0.0, others: float = 0.0) -> tuple[float, float]:
    """The time that 200 requests took over the time that they need, and the share that was answered 429."""
    runs = [Simulation(window, jitter, others, seed) for seed in range(10)]
    for one in runs:
        one.run(200)
        assert one.early == [], "a request left before Retry-After had passed"
    needed = 200 / (LIMIT - others) * len(runs)
    return sum(one.now for one in runs) / needed, sum(one.throttled for one in runs) / sum(one.sent for one in runs)


@pytest.mark.parametrize("window", ["sliding", "fixed", "bucket"])
@pytest.mark.parametrize("jitter", [0.0, 0.02])
def test_a_quiet_network_wastes_nothing_and_is_never_throttled(window: str, jitter: float) -> None:
    wall, throttled = simulate(window, jitter)
    assert throttled == 0
    assert wall < 1.05


@pytest.mark.parametrize("window", ["sliding", "fixed", "bucket"])
def test_an_uneven_network_is_throttled_for_less_than_one_request_in_a_hundred(window: str) -> None:
    wall, throttled = simulate(window, jitter=0.1)
    assert throttled < 0.01
    assert wall < 1.25


def test_somebody_else_who_takes_two_of_five_costs_less_than_two_in_a_hundred() -> None:
    wall, throttled = simulate("sliding", others=2)
    assert throttled < 0.02
    assert wall < 1.5


def test_the_pace_returns_when_the_others_are_gone() -> None:
    one = Simulation("sliding", 0.0, 2.0, seed=1)
    one.run(100)
    slow = one.pace.interval()
    one._others = 0.0
    one.run(1500)
    assert slow > 0.3
    assert one.pace.interval() < 0.22


@pytest.mark.parametrize(("served", "slower"), [(10, 1.2), (99, 1.2), (150, 1.0)])
def test_only_429s_that_follow_each_other_slow_the_pace_more_and_more(served: int, slower: float) -> None:
    now = [0.0]
    pace = Pace(LIMIT, lambda: now[0])
    pace.throttled(1)
    uneven = pace.interval()
    for _ in range(served):
        pace.served(None, None, None)
    now[0] += 60
    pace.throttled(1)
    assert uneven == pytest.approx(1.02 * 1.07 / LIMIT)
    assert pace.interval() == pytest.approx(uneven * slower)


def test_a_share_of_the_limit_is_not_made_smaller_by_others_who_leave_room_for_it() -> None:
    now = [0.0]
    pace = Pace(2, lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))
    for _ in range(6):
        departure = pace.wait()
        own = sum(departure - 1 < one <= departure for one in pace._departures)
        pace.served(departure, LIMIT, LIMIT - own - 2)
    assert pace.interval() == pytest.approx(0.51)


@pytest.mark.parametrize("dies", ["first", "in the middle", "last"])
def test_a_request_that_breaks_off_while_it_waits_does_not_hold_those_behind_it(dies: str) -> None:
    now, broken = [0.0], {"first": 0, "in the middle": 1, "last": 2}[dies]
    waiting = threading.Semaphore(0)
    go = threading.Event()
    names: dict[int, int] = {}

    def sleep(seconds: float) -> None:
        if threading.get_ident() in names:
            if not go.is_set():
                waiting.release()
                assert go.wait(5)
            if names[threading.get_ident()] == broken:
                raise MemoryError
        now[0] += seconds

    pace = Pace(5, lambda: now[0], sleep)
    pace.wait()
    left: list[int] = []

    def request(number: int) -> None:
        names[threading.get_ident()] = number
        try:
            pace.wait()
        except MemoryError:
            return
        left.append(number)

    threads = [threading.Thread(target=request, args=(number,), daemon=True) for number in range(3)]
    for thread in threads:
        thread.start()
        assert waiting.acquire(timeout=5)
    go.set()
    for thread in threads:
        thread.join(5)
    assert sorted(left) == [number for number in range(3) if number != broken]
    assert pace.waiting()[0] == 0
    # and whoever comes later has its turn
    pace.wait()
