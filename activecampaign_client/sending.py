"""One request, sent as often as it takes."""

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import requests

from activecampaign_client.answers import (
    PROOF,
    Action,
    Answer,
    Attempts,
    Limits,
    Request,
    about,
    gave_up,
    is_answered,
    is_repeatable,
    is_throttled,
    judge,
    may_pass,
    retry_after,
)
from activecampaign_client.outage import Leave, Outage

LOGGER = logging.getLogger(__name__)

# What comes back for a request, or what went wrong instead.
Outcome = Answer | requests.RequestException

# How many seconds to wait before the next attempt, by what came and how many attempts there were; None leaves it to
# the account.
Backoff = Callable[[requests.Response | Exception, int], float | None]

# Seconds until a connection stands.
CONNECT = 10.0
# The addresses of a host that are tried one after the other, if need be, within the time of a request.
ADDRESSES = 4


@dataclass
class Errand:
    """A request that is to be answered: what it may take, and what it took."""

    request: Request
    limits: Limits
    backoff: Backoff | None
    began: float
    attempts: Attempts = field(default_factory=Attempts)

    @property
    def ends(self) -> float:
        return self.began + self.limits.total

    def seconds_until_next(self, outcome: Outcome, attempts: int) -> float:
        """Seconds until the next attempt: what the API asks for, else what the backoff says, else 1, 2, 4, ..."""
        if isinstance(outcome, Answer) and is_throttled(outcome):
            return retry_after(outcome)
        came = outcome.response if isinstance(outcome, Answer) else outcome
        seconds = self.backoff(came, attempts) if self.backoff else None
        return min(2.0 ** (attempts - 1) if seconds is None else seconds, self.limits.longest_wait)


class Sender:
    """Sends the requests of one account, each as often as it takes; safe to share between threads.

    `exchange(request, departure, timeout)` sends one once, with the timeout of Session. `wait_for_turn` waits until
    it may leave, and gives the moment. `rest` waits for seconds, `clock` tells them.
    """

    def __init__(
        self,
        root: str,
        exchange: Callable[[Request, float, tuple[float, float]], Outcome],
        wait_for_turn: Callable[[Request], float],
        rest: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._root = root
        self._send_once = exchange
        self._wait_for_turn = wait_for_turn
        self._rest = rest
        self._clock = clock
        self._outage = Outage(clock)
        self._lock = threading.Lock()
        # The listings that were answered well.
        self._known: set[str] = set()

    def send(self, request: Request, limits: Limits | None = None, backoff: Backoff | None = None) -> Answer:
        """The answer to a request. Raises ApiError with the sentence for the user where it cannot be had."""
        errand = Errand(request, limits or Limits(), backoff, self._clock())
        while True:
            outcome = self._outcome(errand)
            verdict = judge(
                outcome,
                errand.attempts,
                request,
                self._root,
                errand.limits,
                answered_before=self._is_known(request),
            )
            if verdict.action is Action.FAIL:
                raise verdict.error()
            if verdict.action is Action.ACCEPT:
                assert isinstance(outcome, Answer)  # noqa: S101 - silence is never accepted
                self._note(outcome)
                return outcome
            if self._outage.lasts:
                continue
            seconds = errand.seconds_until_next(outcome, errand.attempts.count)
            if self._clock() + seconds > errand.ends:
                raise verdict.error()
            if errand.attempts.count > 1:
                LOGGER.info("%s It is asked again in %.0f s.", verdict.sentence, seconds)
            self._rest(seconds)

    def _outcome(self, errand: Errand) -> Outcome:
        """What came when the request was sent once more, as soon as it may leave. Raises ApiError as `_leave` does."""
        departure, tries = self._leave(errand)
        try:
            outcome = self._exchange(errand.request, departure, errand)
            errand.attempts.add(outcome)
            if not is_answered(outcome):
                self._look_into(outcome, errand, tries)
            return outcome
        finally:
            if tries:
                self._outage.tried()

    def _leave(self, errand: Errand) -> tuple[float, bool]:
        """When a request leaves, as soon as it may, and whether it is to find out if an outage is over.

        Raises ApiError where an outage lasts for too long.
        """
        while True:
            self._sit_out(errand)
            departure = self._wait_for_turn(errand.request)
            leave = self._outage.leave()
            if leave is Leave.FREELY:
                return departure, False
            if leave is Leave.TO_TRY:
                if is_repeatable(errand.request):
                    return departure, True
                # What must not be sent twice leaves only when somebody is there.
                try:
                    outcome = self._prove(departure, errand)
                    if not is_answered(outcome):
                        self._say(outcome, PROOF, errand, tries=True, proven=True)
                finally:
                    self._outage.tried()

    def _sit_out(self, errand: Errand) -> None:
        while seconds := self._outage.seconds_left():
            silence, why = self._outage.silence()
            if silence >= errand.limits.patience:
                raise gave_up(why, silence).error()
            if self._outage.proven and self._clock() - errand.began < errand.limits.patience:
                # What happened to the request until now was not its fault.
                errand.attempts.forget()
            self._rest(seconds)

    def _look_into(self, outcome: Outcome, errand: Errand, tries: bool) -> None:
        """Find out whether it is the account that does not answer, or only this request that gets no answer."""
        doubtful = tries and (self._outage.proven or errand.attempts.count >= errand.limits.attempts)
        if doubtful:
            if not errand.request.proves_key and is_answered(self._prove(self._wait_for_turn(PROOF), errand)):
                return
            errand.attempts.forget()
            errand.attempts.add(outcome)
        if tries or may_pass(outcome) or self._outage.reached:
            self._say(outcome, errand.request, errand, tries=tries, proven=doubtful)

    def _prove(self, departure: float, errand: Errand) -> Outcome:
        """What comes back for the one request that every key may send, and that nothing is wrong with."""
        return self._exchange(replace(PROOF, stream=errand.request.stream), departure, errand)

    def _say(self, outcome: Outcome, request: Request, errand: Errand, *, tries: bool, proven: bool) -> None:
        self._outage.unanswered(
            about(outcome, request, self._root),
            lambda tried: errand.seconds_until_next(outcome, tried),
            trying=tries,
            proven=proven,
        )

    def _exchange(self, request: Request, departure: float, errand: Errand) -> Outcome:
        now = self._clock()
        left = max(0.1, errand.ends - now)
        timeout = (min(CONNECT, left / ADDRESSES), min(errand.limits.answer, left))
        outcome = self._send_once(request, departure, timeout)
        if is_answered(outcome):
            self._outage.answered(now)
        return outcome

    def _note(self, answer: Answer) -> None:
        if answer.status == requests.codes.ok:
            with self._lock:
                self._known.add(_listing_of(answer.request))

    def _is_known(self, request: Request) -> bool:
        with self._lock:
            return _listing_of(request) in self._known


def _listing_of(request: Request) -> str:
    """What is asked for page by page, or contact by contact: the path without the ids in it."""
    return re.sub(r"/\d+(?=/|$)", "/*", request.path)
