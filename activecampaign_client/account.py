"""One account as one process sees it: its budget, its connections, what is read from it only once, the progress."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeVar

import orjson
import requests

from activecampaign_client.answers import Answer, Limits, Request, asked_pause, is_throttled, retry_after
from activecampaign_client.listing import LOOK_AHEAD, Listing
from activecampaign_client.pace import Pace
from activecampaign_client.page import Page, Row, identity_by, rows_in, skipped_in, total_of
from activecampaign_client.progress import Progress
from activecampaign_client.secrets import SHORTEST_IN_DATA, masking
from activecampaign_client.sending import Backoff, Outcome, Sender
from activecampaign_client.session import Session
from activecampaign_client.shared_answers import SharedAnswers
from activecampaign_client.warn import Warn

LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")

# Threads that wait for an answer, for their turn, or for an answer that another stream waits for. Seven streams may
# share a pass, and each looks ahead by as much as the longest latency needs.
THREADS = 128

# https://developers.activecampaign.com/reference/pagination: 100 is the most that is ever answered.
PAGE_SIZE = 100


class Account:
    """An ActiveCampaign account: every request to it goes through `send`, at the pace of its budget.

    `api_url` is its root as `api_root` gives it; the key is sent to no other host. `clock` and `sleep` are for tests.

    >>> account = Account("https://acme.api-us1.com", "the key")
    >>> account.url(Request("tags"))
    'https://acme.api-us1.com/api/3/tags'
    """

    def __init__(
        self,
        api_url: str,
        api_key: str,
        requests_per_second: float = 5.0,
        *,
        user_agent: str = "airbyte-activecampaign",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.root = api_url
        self._headers = {"Accept": "application/json", "User-Agent": user_agent, "Api-Token": api_key}
        self._sleep = sleep
        self.pace = Pace(requests_per_second, clock, sleep)
        self._sender = Sender(api_url, self._exchange, self._wait_for_turn, self.rest, clock)
        self.progress = Progress(self.pace.waiting)
        self.answers = SharedAnswers()
        # A thread that never starts costs nothing.
        self.executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="request")
        # One set of connections for all: the next request finds one that is open already.
        self._session = Session(THREADS)
        self._lock = threading.Lock()
        self._once: dict[str, Future[Any]] = {}
        self._mask = masking(api_key, SHORTEST_IN_DATA)

    def url(self, request: Request) -> str:
        return f"{self.root}/api/3/{request.path}"

    def send(self, request: Request, limits: Limits | None = None, backoff: Backoff | None = None) -> Answer:
        """The answer to a request, sent as often as it takes; one that `is_gone` has no body worth reading.

        Raises ApiError with the sentence for the user where it cannot be had.
        """
        return self._sender.send(request, limits, backoff)

    def rest(self, seconds: float) -> None:
        """Wait before a request is sent again."""
        self._sleep(seconds)

    def send_shared(self, request: Request, limits: Limits | None = None, backoff: Backoff | None = None) -> Answer:
        """Like `send`, for an answer that several want: whoever asks first sends it, unless it is wanted anew."""
        if request.anew:
            return self.send(request, limits, backoff)
        url = requests.Request("GET", self.url(request), params=request.params).prepare().url or ""
        return self.answers.get(url, request, lambda: self.send(request, limits, backoff))

    def pages(
        self,
        path: str,
        record_key: str = "",
        *,
        key: Sequence[str] = ("id",),
        look_ahead: int = LOOK_AHEAD,
        request: Request | None = None,
        **params: str,
    ) -> Iterator[Page]:
        """The pages of a listing, each with only the rows that no page before had, and what stands beside them.

        `record_key` is the key of the rows in an answer, by default the same as the path; `key` are the fields that
        tell rows apart. `request` says more of the requests than the path and the parameters do. Raises ApiError.
        """
        sample = replace(request or Request(path, stream=path), path=path, record_key=record_key or path)
        warn = Warn(path)

        def send(offset: int, uncached: bool) -> Answer:
            page = {"limit": str(PAGE_SIZE), "offset": str(offset)}
            return self.send(replace(sample, params={**params, **page}, anew=uncached))

        def read(answer: Answer) -> Page:
            body, under = answer.body, record_key or path
            return Page(rows_in(body, under, path, warn), body, total_of(body), answer.size, skipped_in(body, under))

        listing = Listing(
            path, send, read, identity_by(key), PAGE_SIZE, self.executor, look_ahead=look_ahead, is_busy=self.is_busy
        )
        return listing.pages()

    def rows(self, path: str, record_key: str = "", **more: Any) -> Iterator[Row]:
        """The rows of a listing, see `pages`:

        account = Account(api_root("acme"), "the key")
        for tag in account.rows("tags"):
            print(tag["tag"])
        """
        return (row for page in self.pages(path, record_key, **more) for row in page.rows)

    def _wait_for_turn(self, request: Request) -> float:
        with request.allowance.turn() if request.allowance else nullcontext():
            return self.pace.wait()

    def _exchange(self, request: Request, departure: float, timeout: tuple[float, float]) -> Outcome:
        headers = {**self._headers, "Cache-Control": "no-cache"} if request.anew else self._headers
        content = None
        if request.body is not None:
            headers, content = {**headers, "Content-Type": "application/json"}, orjson.dumps(request.body)
        prepared = self._session.prepare_request(
            requests.Request(request.method, self.url(request), headers=headers, params=request.params, data=content)
        )
        self.progress.add(request.stream, requests=1)
        try:
            answer = Answer(request, self._without_key(self._session.send(prepared, timeout=timeout)))
        except requests.RequestException as error:
            return error
        self.learn(departure, answer)
        return answer

    def _without_key(self, response: requests.Response) -> requests.Response:
        """The response without this account's own key, which so comes into no record, schema, state or sentence."""
        for name, value in response.headers.items():
            response.headers[name] = self._mask(value)
        # As Latin-1 every body is a text, and the same bytes again.
        body = response.content.decode("latin-1")
        if (masked := self._mask(body)) != body:
            response._content = masked.encode("latin-1")
            if response.ok:
                self.once("the key in the data", self._warn_of_key)
        return response

    @staticmethod
    def _warn_of_key() -> None:
        LOGGER.warning(
            "The account's own data has the API key in it, which is replaced by ****. Delete it there, where others "
            "can read it, and take a new key."
        )

    def learn(self, departure: float, answer: Answer) -> None:
        """What an answer says about the budget."""
        if answer.status == requests.codes.too_many_requests:
            seconds, (_, held) = retry_after(answer), self.pace.waiting()
            # Requests that were under way together are all answered so.
            if not held or seconds > held + 1:
                LOGGER.info(
                    "ActiveCampaign asked for a pause of %g s (HTTP 429): the account's limit is shared by everything "
                    "that uses it.",
                    asked_pause(answer) or seconds,
                )
            self.pace.throttled(seconds, departure)
        else:
            self.pace.served()
            if answer.request.allowance and is_throttled(answer):
                answer.request.allowance.throttled(retry_after(answer))

    def once(self, key: str, read: Callable[[], _T]) -> _T:
        """The result of `read` for this key, read by the first who asks while the others wait for it.

        What `read` raises is raised to all of them.
        """
        with self._lock:
            future = self._once.get(key)
            mine = future is None
            if future is None:
                future = self._once[key] = Future()
        if mine:
            try:
                future.set_result(read())
            except BaseException as error:
                future.set_exception(error)
        result: _T = future.result()
        return result

    def is_busy(self) -> bool:
        """Whether requests wait for their turn."""
        queue, _ = self.pace.waiting()
        return queue > 0
