"""What all threads know of a time in which an account answers nobody."""

import logging
import threading
from collections.abc import Callable
from enum import Enum

LOGGER = logging.getLogger(__name__)


class Leave(Enum):
    """Whether a request may leave now: as any other, to find out whether an outage is over, or not at all."""

    FREELY = "freely"
    TO_TRY = "to try"
    NOT_YET = "not yet"


class Outage:
    """An outage of an account: since when it lasts, who finds out whether it is over, and when next.

    It begins where two requests or more had no answer, SUSPICIOUS seconds apart, and nothing else had one meanwhile.
    While it lasts, one request at a time leaves, later and later; the first answer to one of these ends it. It is
    `proven` once a request that has nothing to do with the others had no answer either: until then, those few may be
    at fault themselves. `clock` gives seconds. Safe to share between threads; nothing here waits.

    >>> now = 0.0
    >>> outage = Outage(lambda: now)
    >>> for now in (10.0, 11.5):
    ...     outage.unanswered("HTTP 503.", lambda unanswered: 2.0 ** unanswered)
    >>> outage.seconds_left(), outage.leave().value
    (4.0, 'not yet')
    >>> now = 15.5
    >>> outage.seconds_left(), outage.leave().value, outage.leave().value
    (0.0, 'to try', 'not yet')
    >>> outage.answered(departure=15.5)
    >>> outage.leave().value
    'freely'
    """

    SUSPICIOUS = 1.0
    # Seconds until a thread looks again: whether a try of another one has ended, or the outage for another reason.
    GLANCE = 0.5
    LONGEST_LOOK_AWAY = 5.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._silent_since = self._tried_at = self._next = 0.0
        self._unanswered = self._tries = 0
        self._reached = self._lasts = self._proven = self._is_tried = False
        self._why = ""

    @property
    def reached(self) -> bool:
        """Whether the account ever answered."""
        with self._lock:
            return self._reached

    @property
    def proven(self) -> bool:
        with self._lock:
            return self._proven

    @property
    def lasts(self) -> bool:
        with self._lock:
            return self._lasts

    def silence(self) -> tuple[float, str]:
        """For how many seconds nothing was answered when it was last tried, and what came then, as a sentence."""
        with self._lock:
            return (self._tried_at - self._silent_since, self._why) if self._lasts else (0.0, "")

    def seconds_left(self) -> float:
        """Seconds until a thread should look again; 0 where no outage lasts, or where it may ask for leave to try."""
        with self._lock:
            if not self._lasts:
                return 0.0
            if self._is_tried:
                return self.GLANCE
            return min(max(0.0, self._next - self._clock()), self.LONGEST_LOOK_AWAY)

    def leave(self) -> Leave:
        """Ask for leave; whoever leaves to try has to say so with `tried`, however the try ends."""
        with self._lock:
            if not self._lasts:
                return Leave.FREELY
            if self._is_tried or self._clock() < self._next:
                return Leave.NOT_YET
            self._is_tried = True
            return Leave.TO_TRY

    def tried(self) -> None:
        with self._lock:
            self._is_tried = False

    def answered(self, departure: float) -> None:
        """A request that left at this moment was answered, if only with a refusal."""
        with self._lock:
            self._reached = True
            # What left before is no proof that somebody is there now.
            if self._lasts and departure < self._silent_since:
                return
            lasted = self._clock() - self._silent_since if self._lasts else None
            self._lasts = self._proven = False
            self._unanswered = 0
        if lasted is not None:
            LOGGER.info("ActiveCampaign answers again, after %.0f s.", lasted)

    def unanswered(self, why: str, wait: Callable[[int], float], *, trying: bool = False, proven: bool = False) -> None:
        """A request had no answer; `wait` gives the seconds until the next try after so many.

        `why` says so to people. `trying`: the request had left to try. `proven`: so had one that has nothing to do
        with it.
        """
        with self._lock:
            now = self._clock()
            if not self._lasts:
                if not self._unanswered:
                    self._silent_since = now
                self._unanswered += 1
                if self._unanswered < 2 or now - self._silent_since < self.SUSPICIOUS:
                    return
                self._lasts, self._tries = True, 2
            elif trying:
                self._tries += 1
            else:
                # It left before the outage was known.
                return
            self._proven = self._proven or proven
            self._why, self._tried_at = why, now
            seconds = wait(self._tries)
            self._next = now + seconds
        LOGGER.info("%s Everything waits; the next try is in %.0f s.", why, seconds)
