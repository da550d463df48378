"""The rows of a stream, page by page, from the client's listings, which leave no row out."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import InitVar, dataclass
from functools import partial
from typing import Any

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.extractors.record_selector import RecordSelector
from airbyte_cdk.sources.declarative.requesters.paginators import DefaultPaginator
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import Config, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client import errors as client_errors
from activecampaign_client.errors import ApiError, Kind
from activecampaign_client.listing import LOOK_AHEAD, Identity, Listing, Page, Row, total_of
from source_activecampaign.account import Account
from source_activecampaign.http import ANEW, ApiRequester, body_of, forget_body
from source_activecampaign.progress import estimate
from source_activecampaign.records import records_in

LOGGER = logging.getLogger("airbyte")

# An answer of so many bytes waits for its turn as it came: parsed it takes several times the memory.
LARGE = 500_000


class UnstableOrder(AirbyteTracedException):
    """The rows of a listing change places while it is read."""


_FAILURE_TYPES: Mapping[Kind, FailureType] = {
    "config": FailureType.config_error,
    "transient": FailureType.transient_error,
    "system": FailureType.system_error,
}


@contextmanager
def traced_errors() -> Iterator[None]:
    """Raise what the client says of the account as an error of Airbyte's, with the same sentence."""
    try:
        yield
    except ApiError as error:
        traced = UnstableOrder if isinstance(error, client_errors.UnstableOrder) else AirbyteTracedException
        raise traced(
            message=str(error),
            internal_message=error.detail or str(error),
            failure_type=_FAILURE_TYPES[error.kind],
        ) from error


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
        listing = Listing(
            self.name,
            send,
            self._read,
            self._identity,
            self._page_size,
            self.api_budget.executor,
            look_ahead=self.config.get("look_ahead", LOOK_AHEAD),
            is_busy=self.api_budget.is_busy,
            ordered=ordered,
        )
        with traced_errors():
            yield from listing.pages()

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
