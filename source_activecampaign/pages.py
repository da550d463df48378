"""Reading a listing: pages requested ahead, yielded in order, and proven to leave no row out.

The API pages by offset (https://developers.activecampaign.com/reference/pagination), and a row that is deleted
while a listing is read moves all later rows one place forward: plain offset paging misses one of them. So each
page starts with the last row of the page before. Where it does not, the listing shifted, and the reader steps
back until the pages meet again. Insertions and updates only repeat rows, which are left out here.

This proves a listing whole that keeps its order. One that does not is recognised by new rows that stand before known
ones, and by a total that is larger than the number of rows that came.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import InitVar, dataclass
from functools import partial
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.extractors.record_selector import RecordSelector
from airbyte_cdk.sources.declarative.requesters.paginators import DefaultPaginator
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import Config, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_activecampaign.account import Account
from source_activecampaign.http import ANEW, ApiRequester, body_of, forget_body
from source_activecampaign.progress import estimate
from source_activecampaign.records import records_in

LOGGER = logging.getLogger("airbyte")

Row = dict[str, Any]
Identity = tuple[Any, ...]
_Answer = TypeVar("_Answer")

# At 5 requests per second and 2 s of latency ten requests are under way; a few more wait for their turn.
LOOK_AHEAD = 16
# But where pages are large, as with hundreds of custom fields per contact, not more bytes than this at once.
BYTES_AHEAD = 16_000_000
# And an answer of so many bytes waits for its turn as it came: parsed it takes several times the memory.
LARGE = 500_000
# How many rows are remembered to recognise where pages overlap.
REMEMBERED = 1000
# How many requests in a row may bring nothing new before a listing is taken not to be readable: each steps back by a
# page, and thousands of rows may have been deleted at once.
PATIENCE = 50
# An endpoint that gives fewer rows at once than it is asked for gives a number that somebody chose, and not less than
# the 20 that the API gives where it is not asked for any.
FEWEST_AT_ONCE, ROUND = 20, 5


class Page(NamedTuple):
    """The rows of one answer, the answer's body, what it claims to be the number of all rows, and its bytes."""

    rows: Sequence[Row]
    body: Any
    total: int | None
    size: int = 0


def total_of(body: Any) -> int | None:
    """`meta.total`, which is a string, an integer or absent, depending on the endpoint; a hint at best.

    >>> total_of({"meta": {"total": "250"}}), total_of({})
    (250, None)
    """
    meta = body.get("meta") if isinstance(body, Mapping) else None
    total = meta.get("total") if isinstance(meta, Mapping) else None
    try:
        return int(total) if total is not None else None
    except (TypeError, ValueError):
        return None


class UnstableOrder(AirbyteTracedException):
    """The rows of a listing change places while it is read."""


class Listing(Generic[_Answer]):
    """One pass over a listing.

    `send` asks for what is at an offset; where its second argument is True, the server itself, whatever it answered
    before. Only `send` is called in threads of the executor, and it waits for the network alone: `read`, which makes
    the answer a page, may itself need listings (of custom field definitions, say), which must not wait for threads
    that wait for them.

    `is_busy` tells whether requests wait for the budget already. `ordered` is False where the order is known to change:
    the pages are taken as they come, and prove nothing.

    `pages()` yields each page with only the rows that no page before it had.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[int, bool], _Answer],
        read: Callable[[_Answer], Page],
        identity: Callable[[Row], Identity],
        page_size: int,
        executor: Executor,
        *,
        look_ahead: int = LOOK_AHEAD,
        is_busy: Callable[[], bool] = lambda: False,
        ordered: bool = True,
    ) -> None:
        self._name = name
        self._send = send
        self._read = read
        self._identity = identity
        self._asked = page_size
        self._executor = executor
        self._window = look_ahead
        self._is_busy = is_busy
        self._ordered = ordered
        # What the server gives at most, which may be less than it is asked for.
        self._capacity = 0
        self._unpaged = False
        self._ahead: deque[tuple[int, Future[_Answer]]] = deque()
        # The newest of the rows yielded so far, in order; the next page is expected to overlap with them.
        self._recent: dict[Identity, None] = {}
        self._previous: list[Identity] = []
        self._identified: Page | None = None
        self._newest: list[Identity] = []
        self._yielded = 0
        self._smallest_total: int | None = None
        # Rows that stood before some that were known already, and requests since the last one that was new.
        self._misplaced = 0
        self._in_vain = 0

    def pages(self) -> Iterator[Page]:
        """All pages in order. Raises UnstableOrder, or AirbyteTracedException where the offset is ignored, when the
        listing cannot be read completely."""
        try:
            page, offset, window = self._read(self._send(0, False)), 0, 1
            fresh = self._fresh(page)
            yield fresh
            while self._goes_on(page, offset, fresh):
                if self._in_vain > PATIENCE:
                    raise self._offset_ignored(offset)
                if len(page.rows) < self._capacity:
                    # What was requested ahead starts too late to meet a page that is short but not the last.
                    self._cancel()
                # With a total the end is known; without one, look farther ahead as the listing goes on.
                window = self._window if page.total is not None else min(2 * window, self._window)
                window = min(window, max(2, BYTES_AHEAD // max(1, page.size)))
                self._look_ahead(page, offset, window)
                offset, future = self._ahead.popleft()
                page = self._read(future.result())
                for fresh in self._joined(page, offset) if self._ordered else [self._fresh(page)]:
                    yield fresh
            self._compare_with_total(offset)
        finally:
            self._cancel()

    def _cancel(self) -> None:
        for _, future in self._ahead:
            future.cancel()
        self._ahead.clear()

    def _goes_on(self, page: Page, offset: int, fresh: Page) -> bool:
        received = len(page.rows)
        if self._unpaged or received > self._asked:
            # More rows than were asked for: this endpoint does not page, and has sent everything.
            return False
        if received == self._asked:
            return True
        # A short page is the last one, unless the server gives no more at once.
        may_be_full = received == self._capacity > 1
        if page.total is not None:
            # The total may claim more, rightly or wrongly.
            return received > 0 and offset + received < page.total and (bool(fresh.rows) or may_be_full)
        # Without one, nothing says that this is the end.
        chosen = received >= FEWEST_AT_ONCE and received % ROUND == 0
        return may_be_full and chosen and bool(fresh.rows)

    def _look_ahead(self, page: Page, offset: int, window: int) -> None:
        """Request the pages that follow, as far as the listing claims to reach, but one at least.

        Without a total what is requested ahead may lie behind the end, so it is no more than the budget has room for.
        """
        step = max(1, self._capacity - 1)
        start = self._ahead[-1][0] + step if self._ahead else offset + max(1, len(page.rows) - 1)
        end = page.total
        if end is None and len(page.rows) < self._asked:
            end = offset + len(page.rows)
        before = len(self._ahead)
        while len(self._ahead) < window:
            if self._ahead and end is not None and start + 1 >= end:
                return
            added = len(self._ahead) - before
            if end is None and added and (added > 1 or self._is_busy()):
                return
            self._ahead.append((start, self._executor.submit(self._send, start, False)))
            start += step

    def _joined(self, page: Page, offset: int) -> Iterator[Page]:
        """The new rows of a page, after those that shifted to before it."""
        position = offset
        while not self._meets(page):
            position = max(0, position - (self._asked - 1))
            gap = self._again(position)
            while self._meets(gap) or position == 0:
                fresh = self._fresh(gap)
                yield fresh
                if self._meets(page) or not self._goes_on(gap, position, fresh):
                    yield self._fresh(page)
                    return
                # Something is being deleted right now, so half a page is to overlap, not only a row.
                position += max(1, len(gap.rows) // 2)
                gap = self._again(position)
        self._look_at_order(page, offset)
        yield self._fresh(page)

    def _again(self, offset: int) -> Page:
        self._in_vain += 1
        if self._in_vain > PATIENCE:
            raise self._unstable(offset)
        return self._read(self._send(offset, True))

    def _meets(self, page: Page) -> bool:
        return any(identity in self._recent for identity in self._identities(page))

    def _identities(self, page: Page) -> list[Identity]:
        if page is not self._identified:
            self._identified, self._newest = page, [self._identity(row) for row in page.rows]
        return self._newest

    def _look_at_order(self, page: Page, offset: int) -> None:
        """Notice a page that is the one before it again, or in which new rows stand before known ones."""
        identities = self._identities(page)
        if len(identities) > 1 and identities == self._previous:
            if page.total != len(identities) and (page.total is not None or len(identities) == self._asked):
                raise self._offset_ignored(offset)
            # An endpoint that does not page, and has exactly as many rows as a page may have.
            self._unpaged = True
            if page.total is None:
                LOGGER.warning(
                    "Stream %s: the API sends the same %d rows whatever the offset, and no total. If the account has "
                    "more of them, please report this to the maintainers of the connector.",
                    self._name,
                    len(identities),
                )
        known = [place for place, identity in enumerate(identities) if identity in self._recent]
        misplaced = known[-1] + 1 - len(known)
        self._misplaced += misplaced
        if misplaced > len(identities) // 4:
            raise self._unstable(offset)

    def _compare_with_total(self, offset: int) -> None:
        """Notice that fewer rows came than the API counted, all the time that they were read."""
        if not self._ordered or self._smallest_total is None or self._yielded >= self._smallest_total:
            return
        if self._misplaced:
            raise self._unstable(offset)
        LOGGER.warning(
            "Stream %s: the API counts %s rows and sent %s. A few may have come and gone meanwhile; if this persists, "
            "please report it to the maintainers of the connector.",
            self._name,
            f"{self._smallest_total:,}",
            f"{self._yielded:,}",
        )

    def _fresh(self, page: Page) -> Page:
        self._capacity = max(self._capacity, len(page.rows))
        identities = self._previous = self._identities(page)
        rows = [row for row, identity in zip(page.rows, identities, strict=True) if identity not in self._recent]
        self._recent.update(dict.fromkeys(identities))
        for identity in list(islice(self._recent, max(0, len(self._recent) - REMEMBERED))):
            del self._recent[identity]
        self._yielded += len(rows)
        self._in_vain = 0 if rows else self._in_vain + 1
        if page.total is not None:
            self._smallest_total = min(page.total, page.total if self._smallest_total is None else self._smallest_total)
        return page._replace(rows=rows)

    def _unstable(self, offset: int) -> UnstableOrder:
        return UnstableOrder(
            message=f"The listing of {self._name} changes its order while it is read, so that rows could be missed. "
            "The stream was stopped rather than left incomplete; please run the sync again.",
            internal_message=f"pages of {self._name} do not meet at offset {offset}",
            failure_type=FailureType.transient_error,
        )

    def _offset_ignored(self, offset: int) -> AirbyteTracedException:
        return AirbyteTracedException(
            message=f"The API sent the same page of {self._name} twice: it seems to ignore the offset, so the rest "
            "of the rows cannot be reached. Please report this to the maintainers of the connector.",
            internal_message=f"offset {offset} ignored by the listing of {self._name}",
            failure_type=FailureType.system_error,
        )


@dataclass
class PageRetriever(Retriever):
    """Reads every row of a stream slice through the manifest's offset paginator.

    Rows that the API sends beside others are paged by these: with the `page_key` contacts, the page is a page of
    contacts, and of the rows under the record key those are taken whose `owner_key` names a contact of the page.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    name: str
    record_key: str
    requester: ApiRequester
    record_selector: RecordSelector
    api_budget: Account
    primary_key: Any = "id"
    paginator: DefaultPaginator | None = None
    page_key: str = ""
    owner_key: str = ""

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._page_size = (self.paginator.get_page_size() if self.paginator else None) or 0
        key = "id" if self.page_key else self.primary_key or "id"
        self._key = (key,) if isinstance(key, str) else tuple(key)

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[StreamData]:
        stream_slice = stream_slice or StreamSlice(partition={}, cursor_slice={})
        progress, first = self.api_budget.progress, True
        for rows, total in self.row_pages(stream_slice):
            if first and total is not None:
                progress.add(self.name, expected=total)
                if not stream_slice.partition:
                    yield estimate(self.name, total)
            first, count = False, 0
            for record in self.record_selector.filter_and_transform(
                all_data=rows, stream_state={}, records_schema=records_schema, stream_slice=stream_slice
            ):
                yield record
                count += 1
            progress.add(self.name, rows=count)

    def pages(self, stream_slice: StreamSlice) -> Iterator[Page]:
        """All pages of a slice, in order, each with only its new rows."""
        return self.listed(stream_slice)

    def listed(self, stream_slice: StreamSlice, ordered: bool = True) -> Iterator[Page]:
        """The pages of one pass over the listing, see Listing."""
        send = partial(self._send, stream_slice)
        if not self._page_size:
            yield self._read(send(0, False))
            return
        yield from Listing(
            self.name,
            send,
            self._read,
            self._identity,
            self._page_size,
            self.api_budget.executor,
            look_ahead=self.config.get("look_ahead", LOOK_AHEAD),
            is_busy=self.api_budget.is_busy,
            ordered=ordered,
        ).pages()

    def row_pages(self, stream_slice: StreamSlice) -> Iterator[tuple[list[Row], int | None]]:
        """The stream's rows, page by page, with the number of rows that the listing claims to have."""
        for page in self.pages(stream_slice):
            if self.page_key:
                yield self.rows_beside(page), None
            else:
                yield list(page.rows), page.total

    def rows_beside(self, page: Page) -> list[Row]:
        """The rows beside a page, without those that a page before it had: their owner was on both."""
        fresh = {str(row.get("id")) for row in page.rows}
        repeated = {str(row.get("id")) for row in records_in(page.body, self.page_key, self.name)} - fresh
        rows = records_in(page.body, self.record_key, self.name)
        return [row for row in rows if str(row.get(self.owner_key)) not in repeated]

    def _identity(self, row: Row) -> Identity:
        try:
            return tuple([str(row[field]) for field in self._key])
        except KeyError:
            # Without its key a row is known by all that it has.
            return (orjson.dumps(row, option=orjson.OPT_SORT_KEYS),)

    def _send(self, stream_slice: StreamSlice, offset: int, anew: bool) -> requests.Response | None:
        token = {"next_page_token": offset} if offset else None
        response = self.requester.send_request(
            stream_slice=stream_slice,
            next_page_token=token,
            request_params=self.paginator.get_request_params(next_page_token=token) if self.paginator else None,
            request_headers=ANEW if anew else None,
        )
        if response is not None and len(response.content) > LARGE:
            forget_body(response)
        return response

    def _read(self, response: requests.Response | None) -> Page:
        if response is None or response.status_code == requests.codes.not_found:
            # The manifest lets a 404 pass only where what was asked for may have been deleted meanwhile.
            return Page([], {}, None)
        body = body_of(response)
        rows: list[Any]
        if self.page_key:
            rows = records_in(body, self.page_key, self.name)
        else:
            rows = list(self.record_selector.extractor.extract_records(response))
        return Page(rows, body, total_of(body), len(response.content))
