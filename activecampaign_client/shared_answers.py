"""Answers that several streams want, each asked for once."""

import io
import logging
import tempfile
import threading
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import requests

from activecampaign_client.answers import Answer, Request

LOGGER = logging.getLogger(__name__)


class SharedAnswers:
    """Answers that several streams want, each fetched once: by the first who asks, while the others wait for it.

    They are kept compressed in a temporary file, since a stream that starts late may want all of a large listing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: Any = None
        self._full = False
        self._kept: dict[str, Future[tuple[int, int, Mapping[str, str]]]] = {}

    def get(self, url: str, request: Request, fetch: Callable[[], Answer]) -> Answer:
        """The answer for a URL; only one that can be read is kept for the others."""
        while True:
            with self._lock:
                future = self._kept.get(url)
                if future is None:
                    mine = self._kept[url] = Future()
            if future is None:
                return self._fetch(url, fetch, mine)
            try:
                place, length, headers = future.result()
            except LookupError:
                # Whoever fetched it got no answer to keep: ask ourselves.
                continue
            return self._restored(url, request, place, length, headers)

    def _fetch(
        self, url: str, fetch: Callable[[], Answer], mine: "Future[tuple[int, int, Mapping[str, str]]]"
    ) -> Answer:
        kept = False
        try:
            answer = fetch()
            if answer.is_readable():
                packed = zlib.compress(answer.response.content, 1)
                place = self._keep(packed)
                if place is not None:
                    mine.set_result((place, len(packed), dict(answer.response.headers)))
                    kept = True
            return answer
        finally:
            if not kept:
                with self._lock:
                    del self._kept[url]
                mine.set_exception(LookupError(url))

    def _keep(self, packed: bytes) -> int | None:
        """Where in the file it is now; None where there is no room for it."""
        with self._lock:
            try:
                if self._file is None:
                    self._file = tempfile.TemporaryFile(prefix="activecampaign-", buffering=0)  # noqa: SIM115
                place: int = self._file.seek(0, 2)
                return place if self._file.write(packed) == len(packed) else None
            except OSError as error:
                if not self._full:
                    LOGGER.warning(
                        "Answers that several streams want cannot be kept in %s (%s), so each asks for its own.",
                        tempfile.gettempdir(),
                        error.strerror,
                    )
                self._full = True
                return None

    def _restored(self, url: str, request: Request, place: int, length: int, headers: Mapping[str, str]) -> Answer:
        with self._lock:
            self._file.seek(place)
            packed = self._file.read(length)
        response = requests.Response()
        response.status_code = requests.codes.ok
        response.url = url
        response.headers.update(headers)
        response.raw = io.BytesIO(zlib.decompress(packed))
        return Answer(request, response, known_good=True)
