"""What the Connector Builder wants of a test read: each answer shown, and no more pages and records than it asked for.

https://docs.airbyte.com/platform/connector-development/connector-builder-ui/overview
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.models import AirbyteLogMessage, AirbyteMessage, Level, Type
from airbyte_cdk.sources.declarative.requesters.paginators import Paginator, PaginatorTestReadDecorator
from airbyte_cdk.sources.http_logger import format_http_message
from airbyte_cdk.sources.streams.core import StreamData

from activecampaign_client.answers import Answer
from activecampaign_client.page import Page
from activecampaign_client.secrets import Mask, masking


@dataclass
class TestRead:
    """One slice of a test read of the Builder; `records` is the most that is wanted, where that is known.

    `mask` hides the API key in what is shown, which the headers of every request have.
    """

    paginator: PaginatorTestReadDecorator
    stream: str
    mask: Mask
    records: int | None = None
    _answers: list[Answer] = field(default_factory=list)

    @classmethod
    def of(cls, paginator: Paginator, config: Mapping[str, Any], stream: str) -> "TestRead | None":
        """The test read that the CDK says this is, by the paginator that it hands over; None in a real one.

        Only the Builder's own back end passes the limit of records on to components, as `__test_read_config`.
        """
        if not isinstance(paginator, PaginatorTestReadDecorator):
            return None
        limits = config.get("__test_read_config") or {}
        return cls(paginator, stream, masking(config["api_key"]), limits.get("max_records"))

    def show(self, answer: Answer) -> None:
        """Keep an answer for `shown`."""
        self._answers.append(answer)

    def shown(self) -> Iterator[AirbyteMessage]:
        """A log message for each answer since the last call, in the form in which the Builder finds its pages."""
        for answer in self._answers:
            message = format_http_message(answer.response, f"Stream '{self.stream}' request", "", self.stream)
            text = self.mask(json.dumps(message))
            yield AirbyteMessage(type=Type.LOG, log=AirbyteLogMessage(level=Level.DEBUG, message=text))
        self._answers.clear()

    def as_many_pages(self, pages: Iterable[Page]) -> Iterator[Page]:
        """The pages until the CDK's paginator has counted as many as are wanted."""
        self.paginator.get_initial_token()
        for page in pages:
            answer = self._answers[-1]
            yield page
            # Only the count matters here: where a listing ends is known better than by the length of a page.
            if self.paginator.next_page_token(answer.response, self.paginator.get_page_size() or 1, None, 0) is None:
                return

    def limited(self, records: Iterable[StreamData]) -> Iterator[StreamData]:
        """As many records as are wanted, and every message before them."""
        count = 0
        for record in records:
            if isinstance(record, Mapping):
                if count == self.records:
                    return
                count += 1
            yield record
