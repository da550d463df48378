"""From the manifest to requests of the account's client."""

import math
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field, replace
from typing import Any, Literal
from urllib.parse import quote

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
from source_activecampaign.sideloads import Choice, listing_key, with_endpoint


@dataclass
class Retries:
    """How often a request is sent, and how long is waited in between; the account's client does both, see Limits."""

    attempts: int
    forbidden: int
    throttled: int
    odd: int
    longest_wait: float
    patience: float
    answer: float
    backoff_strategies: list[BackoffStrategy]

    @property
    def limits(self) -> Limits:
        return Limits(
            attempts=self.attempts,
            forbidden=self.forbidden,
            throttled=self.throttled,
            odd=self.odd,
            longest_wait=self.longest_wait,
            patience=self.patience,
            answer=self.answer,
        )

    def backoff(self, came: requests.Response | Exception, attempts: int) -> float | None:
        """Seconds by the first strategy that has an opinion."""
        answer = came if isinstance(came, (requests.Response, requests.RequestException)) else None
        waits = (strategy.backoff_time(answer, attempts) for strategy in self.backoff_strategies)
        # What a header says may be less than nothing, or no number.
        return next((seconds for seconds in waits if seconds is not None and 0 <= seconds < math.inf), None)


@dataclass
class ApiRequester:
    """Sends the requests of a stream: `path` and `request_parameters` are templates of the manifest.

    Parameters that come out empty are left out. `sideloads` marks the listing of a carrier, whose pages bring other
    streams along: `always` where it is read for them, `joined` where they only join a stream of its own. `reader` is
    the stream that the requests are sent for, where that is another one.
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
        self._carrier = with_endpoint(self.path, self.endpoint)
        self._params = InterpolatedRequestInputProvider(
            config=self.config, parameters=parameters, request_inputs=self.request_parameters
        )
        self._is_shared = listing_key(self.path, self.endpoint, self.request_parameters) in self._run.shared_listings

    def send(
        self, stream_slice: StreamSlice, page: Mapping[str, Any], *, anew: bool = False, record_key: str = ""
    ) -> Answer:
        """The answer for a slice; `page` are the parameters of the page. `anew`: not one that came before.

        `record_key` is what the answer has to have, if anything. Raises ApiError.
        """
        choice = self._run.sideloads.carried_by(self._carrier) if self.sideloads else Choice()
        joins = choice.joins or self.sideloads == "always"
        request = self._request(stream_slice, page, anew, choice.includes if joins else None)
        request = replace(request, record_key=record_key)
        account = self._run.account
        send = account.send_shared if self._is_shared or (joins and choice.readers > 1) else account.send
        return send(request, self.error_handler.limits, self.error_handler.backoff)

    def _request(self, stream_slice: StreamSlice, page: Mapping[str, Any], anew: bool, includes: str | None) -> Request:
        path = str(self._path.eval(self.config, **get_interpolation_context(stream_slice=_quoted(stream_slice))))
        params = {**self._params.eval_request_inputs(stream_slice=stream_slice), **page}
        if includes is not None:
            params["include"] = includes
        return Request(
            path=path.rstrip("/"),
            # In one order, so that streams that share a listing ask for the same URL.
            params={key: str(value) for key, value in sorted(params.items()) if value != ""},
            stream=self.reader or self.name,
            permission=self.permission,
            may_be_gone=self.may_be_gone,
            anew=anew,
        )


def _quoted(stream_slice: StreamSlice) -> StreamSlice:
    """The slice with what comes from the account as one part of a path each, whatever characters it has."""
    partition = {name: quote(str(value), safe="") for name, value in stream_slice.partition.items()}
    return StreamSlice(partition=partition, cursor_slice=stream_slice.cursor_slice)
