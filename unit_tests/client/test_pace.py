"""The pace of requests against simulated servers, in virtual time."""

import heapq
import random
import threading
from collections import deque
from collections.abc import Callable
from itertools import count

import pytest
import requests

from activecampaign_client.account import Account
from activecampaign_client.answers import Answer, Request
from activecampaign_client.pace import Allowance, Pace
from unit_tests.client.virtual_time import VirtualTime

LIMIT = 5

# What a server says in RateLimit-Limit and RateLimit-Remaining, from what remained when the request came and when its
# answer went; None for a header that is absent.
HONEST: dict[str, Callable[[int, int], tuple[str | None, str | None]]] = {
    "as of arrival": lambda arrival, _: ("5", str(arrival)),
    "as of the answer": lambda _, answer: ("5", str(answer)),
}
HEADERS = HONEST | {
    "absent": lambda *_: (None, None),
    "always 0": lambda *_: ("5", "0"),
    "negative": lambda *_: ("5", "-3"),
    "huge": lambda *_: ("5", "99999999999"),
    "text": lambda *_: ("five", "some"),
    "no number": lambda *_: ("nan", "nan"),
    "infinite": lambda *_: ("inf", "-inf"),
    "fractions": lambda *_: ("5.5", "0.5"),
    "empty": lambda *_: ("", ""),
    "more than the limit": lambda *_: ("5", "9"),
    "a limit of 0": lambda *_: ("0", "0"),
    "a limit that changes": lambda arrival, answer: (str(1 + 7 * answer), str(arrival)),
}


class Simulation:
    """A server that counts requests as they arrive, a network that delays them, and an account's pace of them."""

    def __init__(
        self, window: str, jitter: float, others: float, seed: int, headers: str = "as of arrival", limit: float = LIMIT
    ) -> None:
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
        self._headers = HEADERS[headers]
        account = Account("https://acme.api-us1.com", "key", limit, clock=lambda: self.now, sleep=self._sleep)
        self.pace, self._learn = account.pace, account.learn

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
        self._serve_others()
        admitted, remaining = self._admit(self.now)
        self.sent += 1

        def answer() -> None:
            self._serve_others()
            response = requests.Response()
            response.status_code = 200 if admitted else 429
            said = self._headers(remaining, self._remaining())
            for name, value in zip(("RateLimit-Limit", "RateLimit-Remaining"), said, strict=True):
                if value is not None:
                    response.headers[name] = value
            if not admitted:
                response.headers["Retry-After"] = str(retry_after)
                self.throttled += 1
                self._paused_until = max(self._paused_until, self.now + retry_after)
                retries.append(1)
            self._learn(departure, Answer(Request("tags"), response))

        self._at(self.now + latency * self._random.uniform(0.7, 1.3), answer)

    def _serve_others(self) -> None:
        while self._others and self._other_due <= self.now:
            self._admit(self._other_due)
            self._other_due += 1 / self._others

    def _remaining(self) -> int:
        if self._window == "bucket":
            return int(min(LIMIT, self._tokens + (self.now - self._tokens_at) * LIMIT))
        since = float(int(self.now)) if self._window == "fixed" else self.now - 1
        return LIMIT - sum(one > since for one in self._arrivals)

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


def simulate(
    window: str, jitter: float = 0.0, others: float = 0.0, headers: str = "as of arrival", latency: float = 0.3
) -> tuple[float, float]:
    """The time that 200 requests took over the time that they need, and the share that was answered 429."""
    runs = [Simulation(window, jitter, others, seed, headers) for seed in range(10)]
    for one in runs:
        one.run(200, latency)
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


@pytest.mark.parametrize("window", ["sliding", "fixed", "bucket"])
@pytest.mark.parametrize("headers", HEADERS)
def test_no_header_costs_speed(headers: str, window: str) -> None:
    wall, throttled = simulate(window, 0.02, headers=headers, latency=0.6)
    assert throttled == 0
    assert wall < 1.10


@pytest.mark.parametrize("latency", [0.1, 0.3, 0.6, 1.5])
@pytest.mark.parametrize("window", ["sliding", "fixed", "bucket"])
@pytest.mark.parametrize("headers", HONEST)
def test_no_latency_costs_speed(headers: str, window: str, latency: float) -> None:
    for jitter, most_throttled, most_time in ((0.0, 0.0, 1.10), (0.02, 0.0, 1.10), (0.1, 0.01, 1.25)):
        wall, throttled = simulate(window, jitter, headers=headers, latency=latency)
        assert throttled <= most_throttled, jitter
        # The last answer comes that much later, and is not the pace's to hasten.
        assert wall < most_time + latency / (200 / LIMIT), jitter


@pytest.mark.parametrize("latency", [0.1, 0.3, 0.6, 1.5])
@pytest.mark.parametrize("window", ["sliding", "fixed", "bucket"])
@pytest.mark.parametrize("headers", HONEST)
def test_somebody_else_costs_less_than_two_in_a_hundred_however_it_is_counted(
    headers: str, window: str, latency: float
) -> None:
    for jitter in (0.0, 0.02, 0.1):
        wall, throttled = simulate(window, jitter, others=2, headers=headers, latency=latency)
        # Seven requests are under way when the first 429 comes after 1.5 s, and uneven ones cost a second 429.
        assert throttled < (0.025 if latency == 1.5 and jitter == 0.1 else 0.02), jitter
        assert wall < 1.5, jitter


@pytest.mark.parametrize("window", ["sliding", "fixed", "bucket"])
@pytest.mark.parametrize("headers", HONEST)
def test_the_pace_returns_within_two_minutes(headers: str, window: str) -> None:
    one = Simulation(window, 0.02, 2.0, seed=1, headers=headers)
    one.run(150)
    slow, left_alone = one.pace.interval(), one.now
    one._others = 0.0
    while one.pace.interval() > 0.22 and one.now < left_alone + 1000:
        one.run(10)
    assert slow > 0.25
    assert one.now - left_alone < 120


def test_an_uneven_network_is_not_taken_for_somebody_else_in_a_long_read() -> None:
    runs = [Simulation("sliding", 0.1, 0.0, seed) for seed in range(10)]
    for one in runs:
        one.run(1000)
    assert sum(one.now for one in runs) < 1.2 * len(runs) * 1000 / LIMIT


def test_a_long_pause_is_not_risked_more_often_than_it_is_worth() -> None:
    one = Simulation("sliding", 0.0, 2.0, seed=1)
    one.run(1000, retry_after=30)
    assert one.now < 1000 / 3 * 1.3


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
        pace.served()
    now[0] += 60
    pace.throttled(1)
    assert uneven == pytest.approx(1.02 * 1.07 / LIMIT)
    assert pace.interval() == pytest.approx(uneven * slower)


def test_a_share_of_the_limit_is_not_made_smaller_by_others_who_leave_room_for_it() -> None:
    one = Simulation("sliding", 0.0, 2.0, seed=1, limit=2)
    one.run(100)
    assert one.throttled == 0
    assert one.pace.interval() == pytest.approx(0.51)


def test_one_429_in_a_long_read_does_not_more_than_halve_the_pace() -> None:
    now = [0.0]
    pace = Pace(LIMIT, lambda: now[0])
    for _ in range(1000):
        pace.served()
    now[0] = 1000.0
    pace.throttled(1, pace.wait())
    assert pace.interval() < 2 * 1.02 / LIMIT


def test_429s_to_requests_that_were_under_way_together_slow_the_pace_once() -> None:
    now = [0.0]
    pace = Pace(LIMIT, lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))
    # So far apart that each tells of the network and not of others, which would be another reason.
    for departure in [pace.wait() for _ in range(20)][5::7]:
        pace.throttled(0.1, departure)
        now[0] += 1
    assert pace.interval() == pytest.approx(1.02 * 1.07 / LIMIT)


@pytest.mark.parametrize(
    ("requests", "seconds", "interval"),
    [(5, 1, 0.204), (2.5, 1, 0.51), (0.5, 1, 2.04), (100, 60, 0.612), (1, 10, 10.2)],
)
def test_any_budget_of_requests_in_a_time_has_its_pace(requests: float, seconds: float, interval: float) -> None:
    now = [0.0]
    pace = Pace(requests, lambda: now[0], lambda rest: now.__setitem__(0, now[0] + rest), seconds=seconds)
    departures = [pace.wait() for _ in range(250)]
    assert pace.interval() == pytest.approx(interval)
    assert departures[-1] == pytest.approx(249 * interval)
    most = max(sum(first <= one < first + seconds for one in departures) for first in departures)
    assert most <= max(1, requests)


@pytest.mark.parametrize(("requests", "seconds"), [(0, 1), (-1, 1), (5, 0), (5, -1)])
def test_a_budget_of_nothing_is_refused(requests: float, seconds: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Pace(requests, seconds=seconds)


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


# ---- a limit over a long time


def departures_of(
    allowance: Allowance, time: VirtualTime, threads: int, each: int, hold: Callable[[], object] = lambda: None
) -> list[float]:
    departures: list[float] = []

    def work() -> None:
        for _ in range(each):
            with allowance.turn():
                hold()
            departures.append(time())

    time.run(*[work] * threads)
    return sorted(departures)


def stretches(departures: list[float], requests: int) -> list[float]:
    """From each request to the one that is one too many."""
    return [later - earlier for earlier, later in zip(departures, departures[requests:], strict=False)]


def test_an_allowance_lets_go_at_once_what_it_has_room_for_and_never_more_in_any_minute():
    time = VirtualTime()
    departures = departures_of(Allowance(100, 60, time, time.sleep), time, threads=5, each=50)
    assert departures[:100] == [0.0] * 100
    assert min(stretches(departures, 100)) > 60
    # and not much slower than that
    assert departures[-1] < 2 * 63


def test_an_allowance_counts_a_request_from_when_another_limit_let_it_leave():
    time = VirtualTime()
    slow = iter([2.0] * 20 + [0.1] * 60)
    departures = departures_of(
        Allowance(20, 60, time, time.sleep), time, threads=1, each=80, hold=lambda: time.sleep(next(slow))
    )
    assert departures[19] == 40.0
    assert min(stretches(departures, 20)) > 60


def test_an_allowance_that_others_have_used_up_is_waited_for():
    time = VirtualTime()
    allowance = Allowance(100, 60, time, time.sleep)
    allowance.throttled(6)
    assert departures_of(allowance, time, threads=1, each=2) == [6.0, 6.0]


@pytest.mark.parametrize(("requests", "seconds"), [(0, 60), (100, 0)])
def test_an_allowance_of_nothing_is_refused(requests, seconds):
    with pytest.raises(ValueError, match="greater than 0"):
        Allowance(requests, seconds)
