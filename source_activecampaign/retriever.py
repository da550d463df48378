"""From the listings of an account to the records of a stream."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import InitVar, dataclass
from functools import partial
from typing import Any

from airbyte_cdk.sources.declarative.extractors.record_selector import RecordSelector
from airbyte_cdk.sources.declarative.requesters.paginators import Paginator
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.streams.call_rate import APIBudget
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import Config, StreamSlice

from activecampaign_client.answers import Answer
from activecampaign_client.errors import ApiError
from activecampaign_client.id_set import IdSet
from activecampaign_client.listing import LOOK_AHEAD, Listing
from activecampaign_client.page import Page, Row, holds_rows, identity_by, objects_in, rows_in, skipped_in, total_of
from source_activecampaign.builder import TestRead
from source_activecampaign.messages import estimate
from source_activecampaign.records import EnvelopeExtractor
from source_activecampaign.requester import ApiRequester
from source_activecampaign.runs import airbyte_errors, run_of
from source_activecampaign.sideloads import Choice

LOGGER = logging.getLogger("airbyte")

# An answer of so many bytes waits for its turn as it came: parsed it takes several times the memory.
LARGE = 500_000

EVERYTHING = StreamSlice(partition={}, cursor_slice={})


@dataclass
class PageRetriever(Retriever):
    """Reads every row of a stream slice through the manifest's offset paginator.

    `record_key` is the key of the rows in an answer, by default the same as the endpoint. Rows that the API sends
    beside others are paged by these: with the `page_key` contacts, the page is a page of contacts, and of the rows
    under the record key those are taken whose `owner_key` names a contact of the page. Under `named_under`, by default
    the record key, a contact names the ids of its rows.

    `reader` is the stream that the rows are read for, where that is another one: they are none of its records.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    name: str
    requester: ApiRequester
    record_selector: RecordSelector
    paginator: Paginator
    api_budget: APIBudget | None
    endpoint: str = ""
    record_key: str = ""
    primary_key: Any = "id"
    page_key: str = ""
    owner_key: str = ""
    named_under: str = ""
    reader: str = ""

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self.run = run_of(self.api_budget, self.config)
        self.record_key = self.record_key or self.endpoint
        self.named_under = self.named_under or self.record_key
        if not isinstance(self.record_selector.extractor, EnvelopeExtractor):
            raise TypeError(f"{self.name}: records are taken out of their envelope by an EnvelopeExtractor")
        self._extractor = self.record_selector.extractor
        self._page_size = self.paginator.get_page_size() or 0
        key = "id" if self.page_key else self.primary_key or "id"
        self._identity = identity_by([key] if isinstance(key, str) else key)

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[StreamData]:
        stream_slice = stream_slice or EVERYTHING
        test_read = TestRead.of(self.paginator, self.config, self.name)
        records = self._records(records_schema, stream_slice, test_read)
        with airbyte_errors():
            yield from test_read.limited(records) if test_read else records

    def _records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice, test_read: TestRead | None
    ) -> Iterator[StreamData]:
        progress, first = self.run.account.progress, True
        is_read_for_another = self.reader not in ("", self.name)
        for rows, total in self.row_pages(stream_slice, test_read):
            if test_read:
                yield from test_read.shown()
            if first and total is not None and not is_read_for_another:
                progress.add(self.name, expected=total)
                if not stream_slice.partition:
                    yield estimate(self.name, total)
            first, count = False, 0
            for record in self.record_selector.filter_and_transform(
                all_data=rows, stream_state={}, records_schema=records_schema, stream_slice=stream_slice
            ):
                yield record
                count += 1
            if not is_read_for_another:
                progress.add(self.name, rows=count)

    def row_pages(
        self, stream_slice: StreamSlice, test_read: TestRead | None = None
    ) -> Iterator[tuple[list[Row], int | None]]:
        """The stream's rows, page by page, with the number of rows that the listing claims to have.

        Raises ApiError, after the others, where rows that are named did not come beside those that name them.
        """
        missing = 0
        for page in self.pages(stream_slice, test_read):
            if self.page_key:
                yield self.rows_beside(page), None
                missing += len(missing_beside(page, self.record_key, self.named_under))
            else:
                yield list(page.rows), page.total
        if missing:
            raise ApiError(
                f"{missing:,} rows of {self.name} that the {self.page_key} name did not come beside them, and the API "
                "lists them nowhere else. All others were read. Please run the sync again, and report it to the "
                "maintainers of the connector if this persists.",
                kind="transient",
                detail=f"rows missing under {self.record_key}",
            )

    def pages(self, stream_slice: StreamSlice = EVERYTHING, test_read: TestRead | None = None) -> Iterator[Page]:
        """All pages of a slice, in order, each with only its new rows. Raises ApiError."""
        return self.listed(stream_slice, test_read)

    def listed(
        self, stream_slice: StreamSlice, test_read: TestRead | None = None, *, ordered: bool = True
    ) -> Iterator[Page]:
        """The pages of one pass over the listing, see Listing."""
        account = self.run.account
        pages = Listing(
            self.name,
            partial(self._send, stream_slice),
            partial(self._read, test_read),
            self._identity,
            self._page_size,
            account.executor,
            look_ahead=1 if test_read else LOOK_AHEAD,
            is_busy=account.is_busy,
            ordered=ordered,
        ).pages()
        return test_read.as_many_pages(pages) if test_read else pages

    def rows_beside(self, page: Page) -> list[Row]:
        """The rows beside a page, without those that a page before it had: their owner was on both."""
        if names_none(page, self.named_under) and not holds_rows(page.body, self.record_key):
            return []
        owners = objects_in(page.body, self.page_key)
        fresh = {str(row.get("id")) for row in page.rows}
        repeated = {str(row.get("id")) for row in owners} - fresh
        rows = rows_in(page.body, self.record_key, self.name, self._extractor.warn)
        return [row for row in rows if str(row.get(self.owner_key)) not in repeated]

    def _send(self, stream_slice: StreamSlice, offset: int, uncached: bool) -> Answer:
        token = {"next_page_token": offset} if offset else None
        answer = self.requester.send(
            stream_slice,
            self.paginator.get_request_params(next_page_token=token),
            anew=uncached,
            record_key=self.page_key or self._extractor.required_key,
        )
        if answer.size > LARGE:
            answer.forget_body()
        return answer

    def _read(self, test_read: TestRead | None, answer: Answer) -> Page:
        if test_read:
            test_read.show(answer)
        if answer.is_gone:
            return Page([], {}, None)
        body = answer.body
        warn = self._extractor.warn
        rows = rows_in(body, self.page_key, self.name, warn) if self.page_key else self._extractor.rows(body)
        skipped = skipped_in(body, self.page_key or self._extractor.record_key)
        return Page(rows, body, total_of(body), answer.size, skipped)


@dataclass
class SideloadRetriever(PageRetriever):
    """Reads a stream from its own listing, or beside its carrier where that was chosen.

    What the carrier brings along is not taken on trust: where its rows are missing, a contact names one that did not
    come, or fewer came in all than the stream's own listing counts, that is read after all, without what came already.
    A stream without a listing of its own is read as any that stands beside others.
    """

    carrier: str = ""
    carried: PageRetriever = None  # type: ignore[assignment]  # the manifest always gives it
    include: str = ""

    def row_pages(
        self, stream_slice: StreamSlice, test_read: TestRead | None = None
    ) -> Iterator[tuple[list[Row], int | None]]:
        choice = self.run.sideloads.beside(self.name)
        if choice is None or not choice.is_counted(self.name):
            yield from super().row_pages(stream_slice, test_read)
            return
        came = IdSet()
        for page in self.carried.pages(stream_slice):
            if not self._is_complete(page):
                LOGGER.warning(
                    "Stream %s: the API did not send all rows beside the %s, so its own listing is read instead.",
                    self.name,
                    self.carrier,
                )
                break
            rows = self.carried.rows_beside(page)
            came.update(str(row.get("id")) for row in rows)
            yield rows, choice.total(self.name)
        else:
            if self._is_all(choice, came):
                return
        for rows, _ in super().row_pages(stream_slice):
            yield [row for row in rows if str(row.get("id")) not in came], None

    def _is_all(self, choice: Choice, came: IdSet) -> bool:
        """Whether as many rows came beside the carrier as the stream's own listing had when they were counted."""
        total = choice.total(self.name)
        if total is None:
            # Its own listing says why, or has its rows all the same.
            return False
        # Counting them again would prove nothing: those that are gone by now may be among those that came.
        if len(came) >= total:
            return True
        LOGGER.info(
            "Stream %s: %s of %s rows came beside the %s. The others, whose %s may be gone, are read from its own "
            "listing.",
            self.name,
            f"{len(came):,}",
            f"{total:,}",
            self.carrier,
            self.carrier,
        )
        return False

    def _is_complete(self, page: Page) -> bool:
        if not holds_rows(page.body, self.record_key):
            return names_none(page, self.named_under)
        return not (self.include and missing_beside(page, self.record_key, self.include))


def missing_beside(page: Page, record_key: str, named_under: str) -> set[str]:
    """The ids that the new rows of a page name and that did not come beside them.

    >>> page = Page([{"id": "1", "options": ["7", "8"]}], {"fieldOptions": [{"id": "8"}]}, None)
    >>> missing_beside(page, "fieldOptions", "options")
    {'7'}
    """
    came = {str(row.get("id")) for row in objects_in(page.body, record_key)}
    named = (owner.get(named_under) for owner in page.rows)
    return {str(row_id) for ids in named if isinstance(ids, list) for row_id in ids} - came


def names_none(page: Page, named_under: str) -> bool:
    """Whether the new rows of a page have nothing beside them, by what they say themselves.

    A contact names its own, `"scoreValues": ["7"]`. Where none has any, the API may leave out their key.

    >>> names_none(Page([{"id": "1", "scoreValues": []}], {}, None), "scoreValues")
    True
    """
    return all(owner.get(named_under) == [] for owner in page.rows)
