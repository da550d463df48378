"""How requests are sent and what their answers mean.

Facts behind this module: https://developers.activecampaign.com/reference/rate-limits (5 requests per second
and account, `Retry-After` in seconds on a 429), https://developers.activecampaign.com/reference/errors (403
is both "bad key" and "not allowed"). That bodies can be empty or cut off with status 200, and that a 403 can
be a passing one, was measured by others.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import InitVar, dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.declarative.requesters.error_handlers import DefaultErrorHandler
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.request_options import InterpolatedRequestOptionsProvider
from airbyte_cdk.sources.streams.call_rate import LimiterSession
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ErrorResolution, ResponseAction
from airbyte_cdk.sources.types import StreamSlice, StreamState

from source_activecampaign.account import FOUND_GOOD, Account

_BODY = "_activecampaign_body"
_OUTCOMES = "_activecampaign_outcomes"

# The headers of a request that wants an answer of now, also where streams share answers.
ANEW: Mapping[str, str] = {"Cache-Control": "no-cache"}


def body_of(response: requests.Response) -> Any:
    """The parsed JSON body of a response; parsed once, however many components ask.

    Raises ValueError, with a sentence that says what was there instead, for anything that is not JSON.
    """
    try:
        return getattr(response, _BODY)
    except AttributeError:
        pass
    content = response.content
    if not content.strip():
        raise ValueError("an empty body")
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        kind = "an HTML page" if content.lstrip()[:1] == b"<" else "a body that is not complete JSON"
        raise ValueError(kind) from None
    setattr(response, _BODY, body)
    return body


def forget_body(response: requests.Response) -> None:
    """Let `body_of` parse it again."""
    response.__dict__.pop(_BODY, None)


class ApiSession(LimiterSession):
    """A session that never follows a redirect and keeps no cookies.

    Following one would send the Api-Token header to another host: requests only strips `Authorization`.
    """

    def __init__(self, stream: str, account: Account, listing: str = "") -> None:
        super().__init__(api_budget=account)
        self._stream, self._account, self._listing = stream, account, listing
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, account.connections)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if self._listing not in self._account.shared or ANEW.items() <= request.headers.items():
            return self._send(request, **kwargs)
        response = self._account.answers.get(str(request.url), lambda: self._send(request, **kwargs), _is_readable)
        response.request = request
        return response

    def _send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        self._account.progress.add(self._stream, requests=1)
        kwargs["allow_redirects"] = False
        try:
            response = super().send(request, **kwargs)
        except requests.RequestException as error:
            _count(request, _FAILURE)
            error.request = request
            raise
        _count(request, response.status_code)
        response.headers.pop("Set-Cookie", None)
        return response


def _is_readable(response: requests.Response) -> bool:
    try:
        body_of(response)
    except ValueError:
        return False
    return response.status_code == 200


_FAILURE = 0


def _count(request: requests.PreparedRequest, status: int) -> None:
    outcomes = getattr(request, _OUTCOMES, [])
    setattr(request, _OUTCOMES, [*outcomes, status])


def attempts(request: requests.PreparedRequest | None, *statuses: int) -> int:
    """How often a request was sent and ended with one of these; without any, how often other than being throttled.

    It is kept on the request, since components are shared between threads.
    """
    outcomes = getattr(request, _OUTCOMES, [])
    if statuses:
        return sum(status in statuses for status in outcomes)
    return sum(status != requests.codes.too_many_requests for status in outcomes)


def listing_of(url: str, endpoint: str) -> str:
    """What a requester lists, as the manifest writes it: the template of its URL with the endpoint in it."""
    return url.replace("{{ parameters['endpoint'] }}", endpoint)


@dataclass
class ApiRequester(HttpRequester):
    """The CDK's requester with our session, and without the parameters that came out empty."""

    api_budget: Account = None  # type: ignore[assignment]  # passed by the CDK's factory, always
    endpoint: str = ""
    request_headers: dict = field(default_factory=dict)  # type: ignore[type-arg]
    request_parameters: dict = field(default_factory=dict)  # type: ignore[type-arg]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self.request_options_provider = InterpolatedRequestOptionsProvider(
            config=self.config,
            parameters=parameters,
            request_headers=self.request_headers,
            request_parameters=self.request_parameters,
        )
        # The CDK switches its own cache on for parents of other streams; nothing here is read from it.
        self.use_cache = False
        super().__post_init__(parameters)
        self._http_client._session = ApiSession(self.name, self.api_budget, listing_of(str(self.url), self.endpoint))

    def get_url(
        self,
        *,
        stream_state: StreamState | None = None,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> str:
        url = super().get_url(stream_state=stream_state, stream_slice=stream_slice, next_page_token=next_page_token)
        return url.rstrip("/")

    def get_request_params(
        self,
        *,
        stream_state: StreamState | None = None,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> MutableMapping[str, Any]:
        params = super().get_request_params(
            stream_state=stream_state, stream_slice=stream_slice, next_page_token=next_page_token
        )
        return {key: value for key, value in params.items() if value != ""}


@dataclass
class ApiErrorHandler(DefaultErrorHandler):
    """Turns an answer into what to do next; the sentences for people are the manifest's response filters.

    A request is tried `max_attempts` times, one that is forbidden (403) `forbidden_attempts` times, and one
    that is throttled (429) until the CDK's `max_retries`. After that the stream fails with a sentence.
    """

    parameters: InitVar[Mapping[str, Any]]
    max_attempts: int | str = 6
    forbidden_attempts: int | str = 3

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._limits = {
            name: int(InterpolatedString.create(str(getattr(self, name)), parameters={}).eval(self.config))
            for name in ("max_attempts", "forbidden_attempts")
        }

    def interpret_response(self, response_or_exception: requests.Response | Exception | None) -> ErrorResolution:
        resolution = self._read_body(response_or_exception) or super().interpret_response(response_or_exception)
        request = getattr(response_or_exception, "request", None)
        sent = attempts(request)
        status = getattr(response_or_exception, "status_code", None)
        if (
            status == requests.codes.forbidden
            and resolution.response_action is ResponseAction.FAIL
            and attempts(request, status) < self._limits["forbidden_attempts"]
        ):
            return ErrorResolution(ResponseAction.RETRY, FailureType.config_error, resolution.error_message)
        if resolution.response_action is ResponseAction.RETRY and sent >= self._limits["max_attempts"]:
            return ErrorResolution(
                ResponseAction.FAIL,
                FailureType.transient_error,
                f"{_what_happened(response_or_exception, resolution)} It was tried {sent} times.",
            )
        return resolution

    @staticmethod
    def _read_body(answer: requests.Response | Exception | None) -> ErrorResolution | None:
        if not isinstance(answer, requests.Response) or not 200 <= answer.status_code < 300:
            return None
        if hasattr(answer, FOUND_GOOD):
            return None
        try:
            body_of(answer)
        except ValueError as error:
            return ErrorResolution(
                ResponseAction.RETRY,
                FailureType.transient_error,
                f"{_endpoint(answer.request)} answered with {error} (HTTP {answer.status_code}). If this "
                "persists, check that the API URL is the one shown in Settings > Developer.",
            )
        return None


def _endpoint(request: requests.PreparedRequest | None) -> str:
    url = getattr(request, "url", None) or "the API"
    return str(url).split("?", 1)[0]


def _what_happened(answer: requests.Response | Exception | None, resolution: ErrorResolution) -> str:
    endpoint = _endpoint(getattr(answer, "request", None))
    if isinstance(answer, requests.Response):
        message = resolution.error_message or ""
        return message if endpoint in message else f"{endpoint} answered with HTTP {answer.status_code}."
    if isinstance(answer, requests.exceptions.SSLError):
        return f"The TLS certificate of {endpoint} could not be verified. Check the API URL."
    if isinstance(answer, requests.exceptions.Timeout):
        return f"{endpoint} did not answer in time. Check the API URL if this persists."
    if isinstance(answer, requests.exceptions.ConnectionError) and "resol" in str(answer):
        return f"The host of {endpoint} is unknown. Check the API URL and the account name in it."
    return f"The connection to {endpoint} failed ({type(answer).__name__}). Check the API URL."
