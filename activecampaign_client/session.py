"""The connections to an account's host."""

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter


class Session(requests.Session):
    """A session that never follows a redirect and keeps no cookies.

    Following one would send the Api-Token header to another host: requests only strips `Authorization`. `connections`
    is how many may be open at once.
    """

    def __init__(self, connections: int) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(pool_maxsize=connections)
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        response = super().send(request, **{**kwargs, "allow_redirects": False})
        response.headers.pop("Set-Cookie", None)
        return response
