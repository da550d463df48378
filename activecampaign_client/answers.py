"""What is asked of the API, and what its answers mean.

https://developers.activecampaign.com/reference/errors: 403 is both "bad key" and "not allowed". That bodies can be
empty or cut off with status 200, that a login page comes with 200, and that a 403 can be a passing one, was measured
by others.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import requests

from activecampaign_client import exact_json
from activecampaign_client.errors import ApiError, Kind


@dataclass(frozen=True)
class Request:
    """One request to an account's API; what is not sent says who asks, and what an answer means to them.

    >>> Request("contacts", {"limit": "100"}).place
    'GET /api/3/contacts'
    """

    # Below /api/3/.
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    # Sent as JSON.
    body: Any = None
    # Whose request this is, in the progress.
    stream: str = ""
    # What an administrator has to grant for it, as in "the Deals permission".
    permission: str = ""
    # A 404 only says that what was asked for was deleted meanwhile.
    may_be_gone: bool = False
    # It is sent to find out whether API URL and key are right.
    proves_key: bool = False
    # The server itself is to answer, also where an earlier answer would do for somebody else.
    anew: bool = False

    @property
    def place(self) -> str:
        return f"{self.method} /api/3/{self.path}"


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

    def is_readable(self) -> bool:
        """Whether it is a good one, and JSON."""
        try:
            _ = self.body
        except ValueError:
            return False
        return self.status == 200


@dataclass(frozen=True)
class Limits:
    """How often a request is sent until it counts as failed.

    `forbidden`: while it is answered 403. `throttled`: while it is answered 429, which does not count as an attempt.
    """

    attempts: int = 6
    forbidden: int = 3
    throttled: int = 31


class Attempts:
    """How a request ended so far, each time that it was sent: a status, or no answer at all."""

    NO_ANSWER = 0

    def __init__(self) -> None:
        self._outcomes: Counter[int] = Counter()

    def add(self, outcome: Answer | requests.RequestException) -> None:
        self._outcomes[outcome.status if isinstance(outcome, Answer) else self.NO_ANSWER] += 1

    def ended_with(self, status: int) -> int:
        return self._outcomes[status]

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


def judge(
    outcome: Answer | requests.RequestException,
    attempts: Attempts,
    request: Request,
    root: str,
    limits: Limits | None = None,
) -> Verdict:
    """What a request's outcome means; `attempts` counts this one already, `root` is the API URL of the account.

    A request that only reads is sent again wherever that may help. One that writes is sent again only where the API
    certainly did nothing with it: it has no idempotency key, and a second POST may write a second time.

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
    verdict = _of_answer(outcome, request, root) if isinstance(outcome, Answer) else _of_silence(outcome, request, root)
    if verdict.action is not Action.RETRY:
        return verdict
    status = outcome.status if isinstance(outcome, Answer) else Attempts.NO_ANSWER
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        again = attempts.ended_with(status) < limits.forbidden and attempts.count < limits.attempts
        return verdict if again else Verdict(Action.FAIL, verdict.sentence, verdict.kind)
    if status == requests.codes.too_many_requests:
        return verdict if attempts.ended_with(status) < limits.throttled else Verdict(Action.FAIL, verdict.sentence)
    if not _is_safe_to_repeat(outcome, request):
        sentence = f"{verdict.sentence} Whether ActiveCampaign has done what was asked is not known."
        return Verdict(Action.FAIL, sentence, verdict.kind)
    if attempts.count < limits.attempts:
        return verdict
    return Verdict(Action.FAIL, f"{verdict.sentence} It was tried {attempts.count} times.", verdict.kind)


def _of_answer(answer: Answer, request: Request, root: str) -> Verdict:
    status, place = answer.status, request.place
    if 200 <= status < 300:
        return _ACCEPT if answer.known_good else _of_body(answer, request, root)
    if 300 <= status < 400:
        return Verdict(
            Action.FAIL,
            f"The API URL {root} redirects to another address, as it does for an account that does not exist. "
            f"Copy the API URL from {_WHERE}.",
            "config",
        )
    if status in (401, 403):
        if request.proves_key:
            sentence = f"ActiveCampaign did not accept the API key. Copy the API key from {_WHERE}."
        else:
            refusal = (
                "ActiveCampaign does not let this API key read"
                if request.method == "GET"
                else "ActiveCampaign does not let this API key write"
            )
            sentence = (
                f"{refusal} {request.path} (HTTP {status} at {place}). The user of the key needs "
                f"{request.permission or 'access to it'}, which an administrator grants under Settings > Users and "
                "groups; some plans do not include it. If every stream says so, the API key is wrong."
            )
        return Verdict(Action.RETRY, sentence, "config")
    if status == 402:
        return Verdict(
            Action.FAIL, "ActiveCampaign has suspended this account's API for an unpaid invoice (HTTP 402).", "config"
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
    if status == 429:
        return Verdict(
            Action.RETRY,
            f"The account's limit of requests left no room for {place} (HTTP 429): it is shared by everything that "
            "uses the account.",
        )
    if status == 408 or status >= 500:
        return Verdict(Action.RETRY, f"{root}/api/3/{request.path} answered with HTTP {status}.")
    said = said_by(answer)
    return Verdict(
        Action.FAIL,
        f"ActiveCampaign did not accept {place} (HTTP {status}){f': {said}' if said else ''}. Please report this to "
        "the maintainers of the connector.",
        "system",
    )


def _of_body(answer: Answer, request: Request, root: str) -> Verdict:
    try:
        _ = answer.body
    except ValueError as error:
        return Verdict(
            Action.RETRY,
            f"{root}/api/3/{request.path} answered with {error} (HTTP {answer.status}). If this persists, check that "
            "the API URL is the one shown in Settings > Developer.",
        )
    return _ACCEPT


def _of_silence(error: requests.RequestException, request: Request, root: str) -> Verdict:
    url = f"{root}/api/3/{request.path}"
    if isinstance(error, requests.exceptions.SSLError):
        sentence = f"The TLS certificate of {url} could not be verified. Check the API URL."
    elif isinstance(error, requests.exceptions.Timeout):
        sentence = f"{url} did not answer in time. Check the API URL if this persists."
    elif isinstance(error, requests.exceptions.ConnectionError) and "resol" in str(error):
        sentence = f"The host of {url} is unknown. Check the API URL and the account name in it."
    else:
        sentence = f"The connection to {url} failed ({type(error).__name__}). Check the API URL."
    return Verdict(Action.RETRY, sentence)


def _is_safe_to_repeat(outcome: Answer | requests.RequestException, request: Request) -> bool:
    if request.method in ("GET", "HEAD", "PUT", "DELETE"):
        return True
    # Without a connection nothing was sent.
    return isinstance(outcome, requests.exceptions.ConnectTimeout)


def said_by(answer: Answer) -> str:
    """The API's own sentence in the body of a refusal, in any of the forms that it has; empty where there is none.

    `{"errors": [{"title": "Invalid value", "detail": "No tag id provided"}]}` gives "Invalid value: No tag id
    provided"; `errors` may also be a text, and `message`, `error` and `failureReasons` stand for it elsewhere.
    """
    try:
        body = answer.body
    except ValueError:
        return ""
    if not isinstance(body, Mapping):
        return ""
    parts: list[str] = []
    for key in ("message", "error", "errors", "failureReasons"):
        value = body.get(key)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping):
                texts = (one.get(name) for name in ("title", "detail", "failureReason"))
                parts.append(": ".join(text.strip(" .") for text in texts if isinstance(text, str) and text.strip()))
            elif isinstance(one, str):
                parts.append(one.strip(" ."))
    return "; ".join(dict.fromkeys(part for part in parts if part))[:500]


def retry_after(answer: Answer, default: float = 1.0) -> float:
    """Seconds to wait after a 429; `default` where the header is absent or not a number."""
    seconds = number_in(answer, "Retry-After")
    return default if seconds is None else max(0.0, seconds)


def number_in(answer: Answer, header: str) -> float | None:
    try:
        return float(answer.response.headers.get(header, ""))
    except ValueError:
        return None
