"""A server without a network: what an account sends reaches a function of the test."""

import json
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import BaseAdapter

from activecampaign_client.account import Account

ROOT = "https://acme.api-us1.com"

# What the server says to a request: a status with a body, or how the connection fails.
Said = tuple[int, Any] | Exception


class Transport(BaseAdapter):
    """Answers the requests of an account; `requests` are the moment, method and path of each."""

    def __init__(self, account: Account, clock: Callable[[], float], says: Callable[[float, str], Said]) -> None:
        super().__init__()
        self.requests: list[tuple[float, str, str]] = []
        self.timeouts: list[tuple[float, float]] = []
        self._clock, self._says = clock, says
        account._session.mount("https://", self)

    def send(self, request: requests.PreparedRequest, *_: Any, timeout: Any = None, **__: Any) -> requests.Response:
        path = (request.path_url or "").removeprefix("/api/3/").partition("?")[0]
        self.requests.append((self._clock(), request.method or "", path))
        self.timeouts.append(timeout)
        said = self._says(self._clock(), path)
        if isinstance(said, Exception):
            raise said
        response = requests.Response()
        response.status_code, body, *headers = said
        response.headers.update(*headers)
        response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        pass

    def paths(self) -> list[str]:
        return [path for _, _, path in self.requests]
