"""From an answer to records: taking them out of their envelope, typing them, and leaving out what is old."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Any

import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.types import Config, StreamSlice, StreamState

from activecampaign_client import exact_json
from activecampaign_client.exact_json import OddObject, oddities
from activecampaign_client.page import rows_in
from activecampaign_client.values import as_it_came, field_converters
from activecampaign_client.warn import Warn
from source_activecampaign.schemas import annotated_schema
from source_activecampaign.states import FARTHEST_ZONE

LOGGER = logging.getLogger("airbyte")

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass
class EnvelopeExtractor(RecordExtractor):
    """The records under `record_key` of the body, by default the same as the endpoint.

    `{"tags": [{"id": "1", "tag": "vip"}], "meta": {"total": "1"}}` with the record key `tags` gives one record.
    An answer without the key is an error, not an empty page: rows would be lost in silence. Only with
    `optional_key`, for rows that stand beside a single record where there are some, is it no rows.
    """

    name: str
    parameters: InitVar[Mapping[str, Any]]
    endpoint: str = field(default="", kw_only=True)
    record_key: str = field(default="", kw_only=True)
    optional_key: bool = field(default=False, kw_only=True)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self.record_key = self.record_key or self.endpoint
        self.warn = Warn(self.name)

    @property
    def required_key(self) -> str:
        """The key that every answer has; none where it may be missing."""
        return "" if self.optional_key else self.record_key

    def extract_records(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        return self.rows(exact_json.loads(response.content))

    def rows(self, body: Any) -> list[dict[str, Any]]:
        """The records in the body of an answer."""
        if self.optional_key and self.record_key not in body:
            return []
        return rows_in(body, self.record_key, self.name, self.warn)


def say_oddities(record: Mapping[str, Any], warn: Warn) -> None:
    """Warn of each field of a typed record in which a number had to become a text, or a text had to be mended."""
    if isinstance(record, OddObject):
        for what, field_name in oddities(record):
            warn(what, field_name)


@dataclass
class TypedRecord(RecordTransformation):
    """Brings each field of a record to the type that the stream's schema declares.

    A value that does not fit is passed on as it came, with one warning per field: nothing is dropped or made up.
    """

    name: str

    def __post_init__(self) -> None:
        self._fields = list(field_converters(annotated_schema(self.name)).items())
        self._warn = Warn(self.name)

    def transform(
        self,
        record: dict[str, Any],
        config: Config | None = None,
        stream_state: StreamState | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> None:
        for key, convert in self._fields:
            value = record.get(key)
            if value is None:
                continue
            try:
                record[key] = convert(value)
            except ValueError:
                record[key] = as_it_came(value)
                self._warn("untyped", key, type(record[key]).__name__)
        say_oddities(record, self._warn)


@dataclass
class SinceFilter(RecordFilter):
    """Keeps the records changed since the start of the slice, also where the server did the filtering.

    The server's idea of a date filter is not to be trusted (its time zone is undocumented, unknown filters are
    ignored), so it is asked for a bit more and the exact line is drawn here. A record without a value, or with one
    that is no timestamp, is kept. `cursor_fallback` names the field that counts where `cursor_field` is empty.

    `other_dates` are fields that a change may move while the cursor stays where it is: one of them is enough to keep
    the record. Not every edit was seen to move the same date (of `udate` and `updated_utc_timestamp` of a task type,
    only the first), and the cursor stays the one that the states of earlier syncs have.
    """

    cursor_field: str = ""
    cursor_fallback: str = ""
    other_dates: list[str] = field(default_factory=list)

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: StreamState,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> Iterable[Mapping[str, Any]]:
        start = stream_slice.get("start_time") if stream_slice else None
        if not start:
            yield from records
            return
        line = _Line(start)
        for record in records:
            changed = str(record.get(self.cursor_field) or record.get(self.cursor_fallback))
            others = (str(record.get(name)) for name in self.other_dates)
            if not _TIMESTAMP.match(changed) or line.is_before(changed) or any(map(line.is_before, others)):
                yield record


class _Line:
    """A moment that timestamps are compared with, as text: those of its own form, UTC or wall clock, exactly.

    Of the other form, all that may lie behind it do: in which zone a wall clock is read is not known for sure.

    >>> line = _Line("2024-05-01T00:00:00Z")
    >>> line.is_before("2024-04-30T23:59:59Z"), line.is_before("2024-04-30T23:59:59")
    (False, True)
    """

    def __init__(self, moment: str) -> None:
        # To the second: a fraction would sort before the Z that ends a whole second.
        self._moment = moment[:19]
        self._is_utc = moment.endswith("Z")
        self._earliest = (datetime.fromisoformat(self._moment) - FARTHEST_ZONE).isoformat()

    def is_before(self, timestamp: str) -> bool:
        if not _TIMESTAMP.match(timestamp):
            return False
        same_form = timestamp.endswith("Z") is self._is_utc
        return timestamp[:19] >= (self._moment if same_form else self._earliest)
