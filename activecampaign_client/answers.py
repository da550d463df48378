"""What is asked of the API, and what its answers mean.

https://developers.activecampaign.com/reference/errors: 403 is both "bad key" and "not allowed". That bodies can be
empty or cut off with status 200, that a login page comes with 200, and that a 403 can be a passing one, was measured
by others.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cached_property
from typing import Any

import requests
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from activecampaign_client import exact_json
from activecampaign_client.errors import ApiError, Kind
from activecampaign_client.pace import Allowance


@dataclass(frozen=True)
class Request:
    """One request to an account's API; what is not sent says who asks, and what an answer means to them.

    >>> Request("contacts", {"limit": "100"}).place
    'GET /api/3/contacts'
    """

    # Below /api/3/.
    path: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    method: str = "GET"
    # Sent as JSON.
    body: Any = None
    # Whose request this is, in the progress.
    stream: str = ""
    # What an administrator has to grant for it, as in "the Deals permission".
    permission: str = ""
    # A 404 only says that what was asked for was deleted meanwhile; where it is read, a second one has to say so too.
    may_be_gone: bool = False
    # A refusal of what is asked (400, 404, 409, 413, 422) is an answer like any other: a row may be at fault.
    may_be_refused: bool = False
    # Sending it twice does no more than sending it once, although it is a POST: what it writes has a natural key.
    repeatable: bool = False
    # A limit that it counts for, beside the account's own.
    allowance: Allowance | None = None
    # It is sent to find out whether API URL and key are right.
    proves_key: bool = False
    # The server itself is to answer, also where an earlier answer would do for somebody else.
    anew: bool = False
    # The key without which a body that speaks of an error is one, whatever its status, and any body where something is
    # written; none where it may be missing.
    record_key: str = ""

    @property
    def place(self) -> str:
        return f"{self.method} /api/3/{self.path}"


# What every key may send, whatever it may read: https://developers.activecampaign.com/reference/get-logged-in-user
PROOF = Request("users/me", proves_key=True)


class Answer:
    """What came back for one request; its body is parsed once, however many ask for it.

    `known_good`: somebody found it good before.
    """

    def __init__(self, request: Request, response: requests.Response, *, known_good: bool = False) -> None:
        self.request = request
        self.response = response
        self.known_good = known_good

    @property
    def status(self) -> int:
        status: int = self.response.status_code
        return status

    @property
    def is_gone(self) -> bool:
        """Nothing is at this place any more; only a request that `may_be_gone` gets such an answer."""
        return self.status == 404

    @property
    def size(self) -> int:
        """The bytes of the body."""
        return len(self.response.content)

    @cached_property
    def body(self) -> Any:
        """The parsed JSON, such as `{"tags": [{"id": "1", "tag": "vip"}], "meta": {"total": "1"}}`.

        Numbers keep all their digits (see `exact_json`). Raises ValueError, saying what was there instead, for anything
        that is not JSON.
        """
        content = self.response.content
        if not content.strip():
            raise ValueError("an empty body")
        try:
            return exact_json.loads(content)
        except ValueError:
            kind = "an HTML page" if content.lstrip()[:1] == b"<" else "a body that is not complete JSON"
            raise ValueError(kind) from None

    def forget_body(self) -> None:
        """Let go of the parsed body, which takes several times the memory of its text; `body` parses it again."""
        self.__dict__.pop("body", None)

    @property
    def is_json(self) -> bool:
        try:
            _ = self.body
        except ValueError:
            return False
        return True

    def is_readable(self) -> bool:
        """Whether it is a good one, and JSON."""
        return self.status == 200 and self.is_json


def is_throttled(outcome: Answer | requests.RequestException) -> bool:
    """Whether it was refused for the budget's sake: with 429, or as too much for a budget of its own, which is a 400.

    `{"success": 0, "message": "Rate limit exceeded.", ...}` is what the importer says then
    (https://developers.activecampaign.com/reference/bulk-import-contacts).
    """
    if not isinstance(outcome, Answer):
        return False
    if outcome.request.allowance and outcome.status == requests.codes.bad_request and outcome.is_json:
        body = outcome.body
        return isinstance(body, Mapping) and str(body.get("message")).lower().startswith("rate limit")
    return bool(outcome.status == requests.codes.too_many_requests)


def _status_of(outcome: Answer | requests.RequestException) -> int:
    if is_throttled(outcome):
        return int(requests.codes.too_many_requests)
    return outcome.status if isinstance(outcome, Answer) else Attempts.NO_ANSWER


@dataclass(frozen=True)
class Limits:
    """How often a request is sent, and for how many seconds, until it counts as failed.

    `forbidden`: while it is answered 403. `throttled`: while it is answered 429, which does not count as an attempt.
    `odd`: while the answer makes no sense in a listing that was answered well before. `longest_wait`: seconds between
    two attempts, unless a 429 asks for more. `patience`: seconds for which an account that answers nobody is waited
    for. `answer`: seconds until an answer has come whole. `total`: seconds after which nothing is sent any more.
    """

    attempts: int = 6
    forbidden: int = 3
    throttled: int = 31
    odd: int = 4
    longest_wait: float = 60.0
    patience: float = 600.0
    answer: float = 300.0
    total: float = math.inf


# Whoever checks a connection sits in front of it: an answer within half a minute, whatever the server does. The start
# of the process takes some seconds of it.
CHECK = Limits(attempts=2, answer=10.0, total=22.0)


class Attempts:
    """How a request ended so far, each time that it was sent: a status, or no answer at all."""

    NO_ANSWER = 0

    def __init__(self) -> None:
        self._outcomes: Counter[int] = Counter()

    def add(self, outcome: Answer | requests.RequestException) -> None:
        self._outcomes[_status_of(outcome)] += 1

    def ended_with(self, status: int) -> int:
        return self._outcomes[status]

    def forget(self) -> None:
        """Start anew: what happened says nothing about the request."""
        self._outcomes.clear()

    @property
    def count(self) -> int:
        """All but those that the server refused for the budget's sake."""
        return self._outcomes.total() - self._outcomes[requests.codes.too_many_requests]


class Action(Enum):
    """What to do about an answer."""

    ACCEPT = "accept"
    RETRY = "retry"
    FAIL = "fail"


@dataclass(frozen=True)
class Verdict:
    """What to do, and for RETRY and FAIL the sentence for people, with the kind of failure."""

    action: Action
    sentence: str = ""
    kind: Kind = "transient"

    def error(self) -> ApiError:
        return ApiError(self.sentence, kind=self.kind)


_ACCEPT = Verdict(Action.ACCEPT)
_WHERE = "Settings > Developer in ActiveCampaign"
_REPORT = "Please report this to the maintainers of the connector."

# Seconds that a Retry-After is granted at once. Whoever asks for more is asked again then, and may ask for the rest.
LONGEST_PAUSE = 900.0


def judge(
    outcome: Answer | requests.RequestException,
    attempts: Attempts,
    request: Request,
    root: str,
    limits: Limits | None = None,
    *,
    answered_before: bool = False,
) -> Verdict:
    """What a request's outcome means; `attempts` counts this one already, `root` is the API URL of the account.

    `answered_before`: requests of its listing were answered well, so that one that is not may be an accident.

    A request that only reads is sent again wherever that may help. One that writes is sent again only where the API
    certainly did nothing with it, or where it is `repeatable`: there are no idempotency keys, and a second POST may
    write a second time.

    >>> response = requests.Response()
    >>> response.status_code = 503
    >>> attempts, request = Attempts(), Request("tags")
    >>> judge(Answer(request, response), attempts, request, "https://acme.api-us1.com").action
    <Action.RETRY: 'retry'>
    >>> attempts, request = Attempts(), Request("tags", method="POST")
    >>> judge(Answer(request, response), attempts, request, "https://acme.api-us1.com").action
    <Action.FAIL: 'fail'>
    """
    limits = limits or Limits()
    if _may_not_be_gone(outcome, attempts, request):
        passing = Verdict(Action.RETRY, f"{root}/api/3/{request.path} answered with HTTP {_status_of(outcome)}.")
        return _again(passing, attempts, limits.attempts)
    verdict = _of(outcome, request, root)
    if verdict.action is not Action.RETRY:
        odd = _of_oddness(outcome, request, answered_before)
        asked = _again(odd, attempts, limits.odd) if odd else verdict
        # Whoever is ready for a refusal makes something of such an answer, too.
        return verdict if asked.action is Action.FAIL and request.may_be_refused else asked
    status = _status_of(outcome)
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        again = attempts.ended_with(status) < limits.forbidden and attempts.count < limits.attempts
        return verdict if again else Verdict(Action.FAIL, verdict.sentence, verdict.kind)
    if status == requests.codes.too_many_requests:
        return verdict if attempts.ended_with(status) < limits.throttled else Verdict(Action.FAIL, verdict.sentence)
    if not (is_repeatable(request) or _never_left(outcome)):
        sentence = f"{verdict.sentence} Whether ActiveCampaign has done what was asked is not known."
        return Verdict(Action.FAIL, sentence, verdict.kind)
    return _again(verdict, attempts, limits.attempts)


def is_answered(outcome: Answer | requests.RequestException) -> bool:
    """Whether the API itself has answered, if only to refuse; where it has not, the whole account may be out.

    >>> response = requests.Response()
    >>> response.status_code = 404
    >>> is_answered(Answer(Request("tags"), response)), is_answered(requests.ConnectionError())
    (True, False)
    """
    if not isinstance(outcome, Answer):
        return False
    if 200 <= outcome.status < 300:
        return outcome.known_good or outcome.is_json or _is_silent(outcome)
    return outcome.status != requests.codes.request_timeout and outcome.status < 500


def may_pass(outcome: Answer | requests.RequestException) -> bool:
    """Whether silence is what an outage looks like, too, and not only a wrong API URL."""
    return not (isinstance(outcome, requests.exceptions.SSLError) or _is_unknown_host(outcome))


# How the API refuses what is asked, and not who asks.
REFUSALS = frozenset({400, 404, 409, 413, 422})


def about(outcome: Answer | requests.RequestException, request: Request, root: str) -> str:
    """The sentence for people about what came, or what did not."""
    return _of(outcome, request, root).sentence


def gave_up(why: str, seconds: float) -> Verdict:
    """Nothing has been answered for so long; `why` is the sentence about the last attempt."""
    return Verdict(
        Action.FAIL,
        f"ActiveCampaign has answered nothing for {seconds / 60:.0f} minutes. The last attempt: {why} Run the sync "
        "again later: it goes on from the last state.",
    )


def is_repeatable(request: Request) -> bool:
    """Whether sending it a second time does no more than sending it once."""
    return request.repeatable or request.method in ("GET", "HEAD", "PUT", "PATCH", "DELETE")


def _may_not_be_gone(outcome: Answer | requests.RequestException, attempts: Attempts, request: Request) -> bool:
    """Whether only one answer says that what is read is gone: an accident would leave out all that is there.

    Whether requests of this kind were answered well says nothing: the first ones are under way at the same time.
    """
    is_gone = isinstance(outcome, Answer) and outcome.is_gone
    return is_gone and request.may_be_gone and request.method == "GET" and attempts.ended_with(404) < 2


def _again(verdict: Verdict, attempts: Attempts, limit: int) -> Verdict:
    if attempts.count < limit:
        return verdict
    return Verdict(Action.FAIL, f"{verdict.sentence} It was tried {attempts.count} times.", verdict.kind)


def _of(outcome: Answer | requests.RequestException, request: Request, root: str) -> Verdict:
    return _of_answer(outcome, request, root) if isinstance(outcome, Answer) else _of_silence(outcome, request, root)


def _of_answer(answer: Answer, request: Request, root: str) -> Verdict:
    status, place = answer.status, request.place
    if is_throttled(answer):
        return _of_throttling(answer, request)
    if request.may_be_refused and status in REFUSALS:
        return _ACCEPT
    if 200 <= status < 300:
        return _ACCEPT if answer.known_good or _is_silent(answer) else _of_body(answer, request, root)
    if 300 <= status < 400:
        return Verdict(
            Action.FAIL,
            f"The API URL {root} redirects to another address, as it does for an account that does not exist. "
            f"Copy the API URL from {_WHERE}.",
            "config",
        )
    if status in (401, 403):
        return _of_refusal(request, status)
    if status == 402:
        return Verdict(
            Action.FAIL,
            "ActiveCampaign has suspended this account's API for an unpaid invoice (HTTP 402). Settle it, and run the "
            "sync again.",
            "config",
        )
    if status == 404:
        if request.may_be_gone:
            return _ACCEPT
        if request.proves_key:
            sentence = (
                f"The API URL {root} does not lead to ActiveCampaign's API (HTTP 404). Copy the API URL from {_WHERE}."
            )
        else:
            sentence = (
                f"ActiveCampaign has nothing at {place} for this account (HTTP 404); its plan may not include it. If "
                "every stream says so, the API URL is wrong."
            )
        return Verdict(Action.FAIL, sentence, "config")
    if status == 408 or status >= 500:
        return Verdict(Action.RETRY, f"{root}/api/3/{request.path} answered with HTTP {status}.")
    refusal = f"ActiveCampaign did not accept {place} (HTTP {status}){_quoted(answer)}."
    # What is read is asked for in our words, what is written are the user's.
    if request.method == "GET":
        return Verdict(Action.FAIL, f"{refusal} {_REPORT}", "system")
    return Verdict(Action.FAIL, refusal, "config")


def _of_throttling(answer: Answer, request: Request) -> Verdict:
    pause = asked_pause(answer)
    is_of_all = answer.status == requests.codes.too_many_requests
    return Verdict(
        Action.RETRY,
        f"The account's limit of {'requests' if is_of_all else 'imports per minute'} left no room for {request.place} "
        f"(HTTP {answer.status}): it is shared by everything that uses the account."
        f"{'' if pause is None else f' ActiveCampaign asked for a pause of {pause:g} s.'}",
    )


def _of_refusal(request: Request, status: int) -> Verdict:
    if request.proves_key:
        sentence = f"ActiveCampaign did not accept the API key. Copy the API key from {_WHERE}."
    else:
        sentence = (
            f"ActiveCampaign does not let this API key {'read' if request.method == 'GET' else 'write'} {request.path} "
            f"(HTTP {status} at {request.place}). The user of the key needs {request.permission or 'access to it'}, "
            "which an administrator grants under Settings > Users and groups; some plans do not include it. If every "
            "stream says so, the API key is wrong."
        )
    return Verdict(Action.RETRY, sentence, "config")


def _of_body(answer: Answer, request: Request, root: str) -> Verdict:
    try:
        _ = answer.body
    except ValueError as error:
        return Verdict(
            Action.RETRY,
            f"{root}/api/3/{request.path} answered with {error} (HTTP {answer.status}). If this persists, check that "
            "the API URL is the one shown in Settings > Developer.",
        )
    if request.proves_key and not _names_user(answer.body):
        return Verdict(
            Action.FAIL,
            f"The API URL {root} does not answer as ActiveCampaign's API does: {request.place} names no "
            f"user{_quoted(answer)}. Copy the API URL from {_WHERE}.",
            "config",
        )
    return _ACCEPT


def _is_silent(answer: Answer) -> bool:
    """Whether something was deleted, and nothing is said: custom objects answer so, with 202 and an empty body.

    https://developers.activecampaign.com/reference/delete-record-by-id; with any other status that would be no answer.
    """
    return answer.request.method == "DELETE" and answer.status in (202, 204) and not answer.response.content.strip()


def _names_user(body: Any) -> bool:
    user = body.get("user") if isinstance(body, Mapping) else None
    return isinstance(user, Mapping) and bool(user)


def _of_oddness(answer: Answer | requests.RequestException, request: Request, answered_before: bool) -> Verdict | None:
    """An answer that makes no sense, or none after those that came before; None for all others."""
    if not isinstance(answer, Answer) or answer.known_good:
        return None
    if request.method != "GET":
        # What the API says of what is written may be personal.
        sentence = f"ActiveCampaign answered {request.place} without {request.record_key}."
        return Verdict(Action.RETRY, sentence) if is_repeatable(request) and _lacks_record(answer) else None
    if (answer.is_gone and request.may_be_gone) or (answer.status in REFUSALS and request.may_be_refused):
        return None
    if answer.status == 200 and _speaks_of_error(answer):
        sentence = f"ActiveCampaign answered {request.place} without {request.record_key}{_quoted(answer)}."
    elif answered_before and answer.status in (400, 404):
        sentence = (
            f"ActiveCampaign answered requests of this kind well, and then {request.place} with HTTP "
            f"{answer.status}{_quoted(answer)}."
        )
    else:
        return None
    if answered_before:
        return Verdict(Action.RETRY, sentence)
    return Verdict(Action.RETRY, f"{sentence} {_REPORT}", "system")


def _speaks_of_error(answer: Answer) -> bool:
    return _lacks_record(answer) and any(key in answer.body for key in _KEYS_OF_ERRORS)


def _lacks_record(answer: Answer) -> bool:
    """Whether a good answer is an object without the record key that it has to have."""
    key = answer.request.record_key
    is_good = bool(key) and 200 <= answer.status < 300 and answer.is_json
    return is_good and isinstance(answer.body, Mapping) and key not in answer.body


def _of_silence(error: requests.RequestException, request: Request, root: str) -> Verdict:
    url = f"{root}/api/3/{request.path}"
    if isinstance(error, requests.exceptions.SSLError):
        sentence = f"The TLS certificate of {url} could not be verified. Check the API URL."
    elif isinstance(error, requests.exceptions.Timeout) or isinstance(_cause(error), ReadTimeoutError):
        sentence = f"{url} did not answer in time. Check the API URL if this persists."
    elif _is_unknown_host(error):
        sentence = f"The host of {url} is unknown. Check the API URL and the account name in it."
    else:
        sentence = f"The connection to {url} failed ({type(error).__name__}). Check the API URL."
    return Verdict(Action.RETRY, sentence)


def _is_unknown_host(outcome: Answer | requests.RequestException) -> bool:
    return isinstance(outcome, requests.exceptions.ConnectionError) and "resol" in str(outcome)


def _never_left(outcome: Answer | requests.RequestException) -> bool:
    """Whether there was no connection, so that nothing was sent."""
    if not isinstance(outcome, requests.exceptions.ConnectionError):
        return False
    reason = getattr(_cause(outcome), "reason", None)
    return isinstance(outcome, requests.exceptions.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _cause(error: requests.RequestException) -> Any:
    """What urllib3 said."""
    return error.args[0] if error.args else None


_KEYS_OF_ERRORS = ("message", "error", "errors")


def said_by(answer: Answer) -> str:
    """The API's own sentence in the body of a refusal, in any of the forms that it has; empty where there is none.

    `{"errors": [{"title": "Invalid value", "detail": "No tag id provided"}]}` gives "Invalid value: No tag id
    provided"; `errors` may also be a text, and `message`, `error` and `failureReasons` stand for it elsewhere.
    """
    try:
        body = answer.body
    except ValueError:
        return ""
    fields = body if isinstance(body, Mapping) else {"errors": body}
    parts: list[str] = []
    for key in (*_KEYS_OF_ERRORS, "failureReasons"):
        value = fields.get(key)
        parts.extend(_text_of(one) for one in (value if isinstance(value, list) else [value]))
    said = "; ".join(dict.fromkeys(part for part in parts if part))
    return said if len(said) <= LONGEST_SAID else f"{said[:LONGEST_SAID]} [...]"


def codes_in(answer: Answer, about: str = "") -> list[str]:
    """The codes of a refusal; with `about`, only those that it says to be about this attribute.

    `{"errors": [{"code": "duplicate", "source": {"pointer": "/data/attributes/email"}}]}` has `duplicate`, about
    `email`; custom objects have `{"type": "pointer", "value": "/data/attributes/email"}` for a source.
    """
    errors = answer.body.get("errors") if answer.is_json and isinstance(answer.body, Mapping) else None
    entries = errors if isinstance(errors, list) else [errors]
    return [
        entry["code"]
        for entry in entries
        if isinstance(entry, Mapping)
        and isinstance(entry.get("code"), str)
        and (not about or _attribute_of(entry.get("source")) == about)
    ]


def _attribute_of(source: Any) -> str:
    pointer = source.get("pointer") or source.get("value") if isinstance(source, Mapping) else None
    return pointer.rpartition("/")[2] if isinstance(pointer, str) else ""


# Characters of the API's own sentences that are passed on.
LONGEST_SAID = 500


def _text_of(error: Any) -> str:
    """One error of a body as a text: it is one, or an object; `code` is what is left where no words are."""
    if isinstance(error, Mapping):
        texts = [_text_of(error.get(name)) for name in ("title", "detail", "failureReason")]
        return ": ".join(text for text in texts if text) or _text_of(error.get("code"))
    return " ".join(error.split()).strip(" .") if isinstance(error, str) else ""


def _quoted(answer: Answer) -> str:
    said = said_by(answer)
    return f": {said}" if said else ""


def asked_pause(answer: Answer) -> float | None:
    """The seconds that Retry-After asks for, itself or as a date (RFC 9110, 10.2.3); None where it says nothing usable.

    A date is compared with the answer's own, whose clock it comes from. One that is past asks for nothing.

    >>> response = requests.Response()
    >>> response.headers["Retry-After"] = "30"
    >>> asked_pause(Answer(Request("tags"), response))
    30.0
    """
    asked = answer.response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", asked):
        return float(asked)
    until, now = _date_in(asked), _date_in(answer.response.headers.get("Date", "")) or datetime.now(timezone.utc)
    return (until - now).total_seconds() if until and until > now else None


def _date_in(header: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(header)
    except (TypeError, ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)


def retry_after(answer: Answer) -> float:
    """Seconds to wait where a request was one too many: what was asked for, but at most LONGEST_PAUSE.

    Where nothing was, a second for a limit that is counted in seconds, more for that of imports, which is per minute.
    """
    asked = asked_pause(answer)
    if asked is None:
        return 1.0 if answer.status == requests.codes.too_many_requests else 6.0
    return min(asked, LONGEST_PAUSE)
