"""The host that takes events and page visits, which is no part of an account's API.

https://developers.activecampaign.com/reference/track-event: form-encoded, with keys of its own, and `success` says what
became of an event. What is told of it beyond that: its status says little, JSON is not understood, and an event for an
email address that no contact has is answered like any other. Its pace is published nowhere.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import orjson
import requests

from activecampaign_client.answers import Answer, Request, gave_up, is_throttled, retry_after, said_by
from activecampaign_client.errors import ApiError
from activecampaign_client.pace import Pace
from activecampaign_client.progress import Progress
from activecampaign_client.secrets import masking
from activecampaign_client.session import Session

LOGGER = logging.getLogger(__name__)

# Seconds until a connection stands, and until an answer has come whole.
TIMEOUT = (10.0, 60.0)
# Seconds for which a host that has answered before is waited for, and attempts at one that never has.
PATIENCE, ATTEMPTS = 600.0, 6
LONGEST_WAIT = 60.0
CONNECTIONS = 8

# What a refusal speaks of that is no fault of the event.
_OF_KEYS = re.compile(r"\b(account|actid|keys?|auth\w*|tracking|enabled|disabled)\b", re.IGNORECASE)
_OF_PACE = re.compile(r"rate limit|too many|try again", re.IGNORECASE)


class Refused(NamedTuple):
    """An event that the host did not take, and will not: the status, and its words without what was sent."""

    status: int
    said: str


class TrackingHost:
    """Sends events and visits, each until the host has acknowledged it; safe to share between threads.

    Nothing of the account but its tracking keys goes there. What was not acknowledged may have been taken all the same,
    and is sent again: there is nothing by which the host could tell. `clock` and `sleep` are for tests and for whoever
    wants to end a wait. Methods raise ApiError, of the kind "config" where the keys are wrong or tracking is off.

    >>> TrackingHost("https://trackcmp.net", "25123456", "the key").event("ann@example.com", "bought")  # doctest: +SKIP
    """

    def __init__(
        self,
        url: str,
        actid: str,
        event_key: str,
        requests_per_second: float = 5.0,
        *,
        user_agent: str = "airbyte-activecampaign",
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._actid, self._event_key = url, actid, event_key
        self._headers = {"User-Agent": user_agent}
        self._progress = progress or Progress()
        self._clock, self._sleep = clock, sleep
        self._pace = Pace(requests_per_second, clock, sleep)
        self._session = Session(CONNECTIONS)
        self._mask = masking(event_key)
        self._has_answered = False

    def event(self, email: str, name: str, data: str = "", *, stream: str = "events") -> Refused | None:
        """Send an event of a contact; None once it is acknowledged. `data` is a text, such as JSON."""
        given = {"actid": self._actid, "key": self._event_key, "event": name}
        form = {**given, "visit": orjson.dumps({"email": email}).decode(), **({"eventdata": data} if data else {})}
        request = requests.Request("POST", f"{self._url}/event", headers=self._headers, data=form)
        return self._acknowledged(request, stream, lambda answer: self._judge_event(answer, (data, email, name)))

    def visit(self, email: str, url: str, referrer: str = "", *, stream: str = "page") -> Refused | None:
        """Tell that a contact has seen a page, as the snippet for web pages does; None once it is answered.

        There is no other acknowledgement, and no documentation.
        """
        params = {"actid": self._actid, "e": email, "r": referrer, "u": url}
        request = requests.Request("GET", f"{self._url}/visit", headers=self._headers, params=params)
        return self._acknowledged(request, stream, self._judge_visit)

    # ---- what an answer means: None where it acknowledges, a sentence where it has to be sent again

    def _judge_event(self, answer: Answer, sent: Iterable[str]) -> Refused | str | None:
        body = answer.body if answer.is_json else None
        if not isinstance(body, Mapping) or answer.status >= 500:
            return self._odd(answer)
        if str(body.get("success", "")).casefold() in ("1", "true"):
            return None
        said = self._mask(said_by(answer))
        for text in sent:
            said = said.replace(text, "[...]") if text else said
        if _OF_PACE.search(said):
            return self._odd(answer)
        if _OF_KEYS.search(said) or answer.status in (401, 403):
            raise ApiError(
                f"ActiveCampaign's tracking does not take events with these keys (HTTP {answer.status}"
                f"{f': {said}' if said else ''}). Copy actid and Event Key from Settings > Tracking in ActiveCampaign, "
                "and make sure that event tracking is on there.",
                kind="config",
            )
        if "success" in body or answer.status in (400, 422):
            return Refused(answer.status, said)
        return self._odd(answer)

    def _judge_visit(self, answer: Answer) -> Refused | str | None:
        if answer.status >= 500 or answer.status < 200 or answer.response.content.lstrip()[:1] == b"<":
            return self._odd(answer)
        if answer.status < 300:
            return None
        return Refused(answer.status, "") if answer.status >= 400 else self._odd(answer)

    @staticmethod
    def _odd(answer: Answer) -> str:
        try:
            _ = answer.body
            return f"The host of tracking answered {answer.request.path} with HTTP {answer.status}."
        except ValueError as error:
            return f"The host of tracking answered {answer.request.path} with {error} (HTTP {answer.status})."

    # ---- how it is sent

    def _acknowledged(
        self, request: requests.Request, stream: str, judge: Callable[[Answer], Refused | str | None]
    ) -> Refused | None:
        began, attempts = self._clock(), 0
        while True:
            outcome = self._exchange(request, stream)
            attempts += 1
            if isinstance(outcome, Answer):
                self._has_answered = True
                verdict = self._odd(outcome) if is_throttled(outcome) else judge(outcome)
                if not isinstance(verdict, str):
                    return verdict
                why = verdict
            else:
                why = f"The host of tracking did not answer {request.url} ({type(outcome).__name__})."
            self._rest(outcome, why, attempts, self._clock() - began)

    def _rest(self, outcome: Answer | requests.RequestException, why: str, attempts: int, waited: float) -> None:
        """Wait until it may be sent again. Raises ApiError where it was tried for long enough."""
        is_of_pace = isinstance(outcome, Answer) and is_throttled(outcome)
        seconds = 0.0 if is_of_pace else min(2.0 ** (attempts - 1), LONGEST_WAIT)
        if not self._has_answered and attempts >= ATTEMPTS:
            raise ApiError(f"{why} It was tried {attempts} times.", kind="transient")
        if waited + seconds > PATIENCE:
            raise gave_up(why, waited).error()
        if attempts > 1 and not is_of_pace:
            LOGGER.info("%s It is asked again in %.0f s.", why, seconds)
        if seconds:
            self._sleep(seconds)

    def _exchange(self, request: requests.Request, stream: str) -> Answer | requests.RequestException:
        departure = self._pace.wait()
        self._progress.add(stream, requests=1)
        try:
            response = self._session.send(self._session.prepare_request(request), timeout=TIMEOUT)
        except requests.RequestException as error:
            return error
        answer = Answer(Request(request.url, method=request.method), response)
        if is_throttled(answer):
            self._pace.throttled(retry_after(answer), departure)
        else:
            self._pace.served()
        return answer


def is_off(answer: Any, key: str) -> bool:
    """Whether an account says, under `eventTracking` or `siteTracking`, that it tracks nothing.

    >>> is_off({"eventTracking": {"enabled": False}}, "eventTracking")
    True
    """
    found = answer.get(key) if isinstance(answer, Mapping) else None
    enabled = found.get("enabled") if isinstance(found, Mapping) else None
    return str(enabled).casefold() in ("false", "0")
