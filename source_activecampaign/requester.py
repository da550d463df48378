"""From the manifest to requests of the account's client."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any, Literal

import requests
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.declarative.requesters.request_options.interpolated_request_input_provider import (
    InterpolatedRequestInputProvider,
)
from airbyte_cdk.sources.streams.call_rate import APIBudget
from airbyte_cdk.sources.streams.http.error_handlers import BackoffStrategy
from airbyte_cdk.sources.types import Config, StreamSlice
from airbyte_cdk.utils.mapping_helpers import get_interpolation_context

from activecampaign_client.answers import Answer, Limits, Request
from source_activecampaign.runs import run_of
from source_activecampaign.sideloads import listed_path


@dataclass
class Retries:
    """How often a request is sent, and how long is waited in between; the account's client does both."""

    attempts: int
    forbidden: int
    throttled: int
    backoff_strategies: list[BackoffStrategy]

    @property
    def limits(self) -> Limits:
        return Limits(self.attempts, self.forbidden, self.throttled)

    def backoff(self, came: requests.Response | Exception, attempts: int) -> float | None:
        """Seconds by the first strategy that has an opinion."""
        answer = came if isinstance(came, (requests.Response, requests.RequestException)) else None
        waits = (strategy.backoff_time(answer, attempts) for strategy in self.backoff_strategies)
        return next((max(0.0, seconds) for seconds in waits if seconds is not None), None)


@dataclass
class ApiRequester:
    """Sends the requests of a stream: `path` and `request_parameters` are templates of the manifest.

    Parameters that come out empty are left out. `sideloads` says which requests ask for what is read beside the
    contacts: `always`, or `joined` where that is read with the contacts themselves. `reader` is the stream that the
    requests are sent for, where that is another one.
    """

    name: str
    config: Config
    parameters: InitVar[Mapping[str, Any]]
    path: str
    error_handler: Retries
    api_budget: APIBudget | None
    endpoint: str = ""
    request_parameters: dict[str, Any] = field(default_factory=dict)
    permission: str = ""
    may_be_gone: bool = False
    sideloads: Literal["", "joined", "always"] = ""
    reader: str = ""

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._run = run_of(self.api_budget, self.config)
        self._path = InterpolatedString.create(self.path, parameters=parameters)
        self._params = InterpolatedRequestInputProvider(
            config=self.config, parameters=parameters, request_inputs=self.request_parameters
        )
        self._is_shared = listed_path(self.path, self.endpoint) in self._run.shared_listings

    def send(self, stream_slice: StreamSlice, page: Mapping[str, Any], *, anew: bool = False) -> Answer:
        """The answer for a slice; `page` are the parameters of the page. `anew`: not one that came before.

        Raises ApiError.
        """
        request = self._request(stream_slice, page, anew)
        account = self._run.account
        send = account.send_shared if self._is_shared else account.send
        return send(request, self.error_handler.limits, self.error_handler.backoff)

    def _request(self, stream_slice: StreamSlice, page: Mapping[str, Any], anew: bool) -> Request:
        known = get_interpolation_context(stream_slice=stream_slice)
        path = str(self._path.eval(self.config, **known)).rstrip("/")
        params = {**self._params.eval_request_inputs(stream_slice=stream_slice), **page}
        params["include"] = self._run.sideloads.include(self.sideloads, params.get("include", ""))
        return Request(
            path=path,
            # In one order, so that streams that share a listing ask for the same URL.
            params={key: str(value) for key, value in sorted(params.items()) if value != ""},
            stream=self.reader or self.name,
            permission=self.permission,
            may_be_gone=self.may_be_gone,
            anew=anew,
        )
