"""The connections to an account's host, and how long an answer may take.

The timeout of `requests` begins anew with every byte, so that an answer that drips would be waited for as long as it
drips. Here it is the time for the whole answer. How large an answer may be has no limit: it comes from the account's
own host, over TLS, and a page of contacts with hundreds of custom fields is as welcome as a small one.
"""

import http.client
import io
import socket
import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

# Seconds between two bytes of an answer: where nothing comes for so long, nothing is on its way.
LONGEST_SILENCE = 120.0


class Session(requests.Session):
    """A session that never follows a redirect, keeps no cookies, and waits so long for an answer and no longer.

    Following a redirect would send the Api-Token header to another host: requests only strips `Authorization`.
    `connections` is how many may be open at once. Of `timeout=(10, 300)` the first is the seconds until a connection
    stands, the second those until the answer has come whole, status line, headers and body.

    >>> Session(connections=8).get("https://acme.api-us1.com/api/3/tags", timeout=(10, 300))  # doctest: +SKIP
    <Response [403]>
    """

    def __init__(self, connections: int) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = _Adapter(pool_maxsize=connections)
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        response = super().send(request, **{**kwargs, "allow_redirects": False})
        response.headers.pop("Set-Cookie", None)
        return response


class _TimedBytes(io.RawIOBase):
    """The bytes of one answer, read from a socket whose timeout is the time for all of them.

    Raises TimeoutError where they have not come by then.
    """

    def __init__(self, connection: socket.socket) -> None:
        limit = connection.gettimeout()
        self._connection = connection
        self._bytes = connection.makefile("rb", buffering=0)
        self._end = None if limit is None else time.monotonic() + limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("The answer did not come whole in time.")
            self._connection.settimeout(min(left, LONGEST_SILENCE))
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _TimedSocket:
    """A socket as far as the standard library's answers know it: something to read from."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_TimedBytes(self._connection))


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_TimedSocket(sock), *args, **kwargs)  # type: ignore[arg-type]  # all that it uses of it


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """Connections with our answers, through a proxy or without one."""

    _POOLS = {"http": _Pool, "https": _TlsPool}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._POOLS
        return manager
