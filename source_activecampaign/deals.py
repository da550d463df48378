"""What a key may see of deals (https://developers.activecampaign.com/reference/list-all-deals).

A user who may not open a pipeline gets its deals masked: only `id`, `title` and `isDisabled`. The same happens
to every user for deals whose pipeline is gone. Without the CRM in the plan the whole endpoint answers 403.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from airbyte_cdk.models import ConfiguredAirbyteCatalog, SyncMode
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import StreamSlice

from activecampaign_client.account import Account
from activecampaign_client.answers import Request
from activecampaign_client.errors import ApiError
from source_activecampaign.retriever import PageRetriever
from source_activecampaign.runs import make_sure_of_key
from source_activecampaign.schemas import StreamSchema

LOGGER = logging.getLogger("airbyte")

STREAM = "deals"
# Ten requests at most, for an account whose deals are all masked.
ROWS_TO_LOOK_AT = 990
MASKED_FIELDS = frozenset({"id", "title", "isDisabled"})

REQUEST = Request("deals", stream=STREAM, permission="the Deals permission")

Access = Literal["full", "partial"]


def is_masked(deal: Mapping[str, Any]) -> bool:
    """Whether the key's user may not see this deal.

    >>> is_masked({"id": "2", "title": "Demo Requested", "isDisabled": True})
    True
    """
    return MASKED_FIELDS.issuperset(deal) and bool(deal.get("isDisabled"))


def access_of(deals: Iterable[Mapping[str, Any]]) -> Access:
    """`partial` where there are deals and all of them are masked; `full` otherwise, also where there are none.

    Stops at the first deal that is not masked.
    """
    masked = False
    for deal in deals:
        if not is_masked(deal):
            return "full"
        masked = True
    return "partial" if masked else "full"


def look_at(account: Account) -> Access:
    """What the key may see, by the first deals of the account; nothing that can be seen counts as `full`.

    Raises ApiError where they cannot be read for another reason than a missing permission.
    """
    try:
        # Whoever looks at the first row alone need not have asked for more.
        rows = account.rows("deals", look_ahead=1, request=REQUEST, **{"orders[cdate]": "ASC"})
        return access_of(islice(rows, ROWS_TO_LOOK_AT))
    except ApiError as error:
        if error.kind != "config":
            raise
        make_sure_of_key(account)
        LOGGER.warning("Stream deals is in the catalog, but could not be looked at: %s", error)
        return "full"


def access_in_catalog(catalog: ConfiguredAirbyteCatalog) -> Access | None:
    """The access that a configured catalog was discovered with; None where deals are not selected."""
    for configured in catalog.streams:
        if configured.stream.name == STREAM:
            properties = (configured.stream.json_schema or {}).get("properties")
            fields = set(properties) if isinstance(properties, Mapping) else set()
            narrow = bool(fields) and fields <= MASKED_FIELDS
            return "partial" if narrow and configured.sync_mode is SyncMode.full_refresh else "full"
    return None


def _narrowed(deal: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in deal.items() if key in MASKED_FIELDS}


@dataclass
class PartialSchema(StreamSchema):
    """The schema of deals, with the fields that a masked deal has."""

    def get_json_schema(self) -> Mapping[str, Any]:
        schema = dict(super().get_json_schema())
        fields = schema["properties"]
        return {**schema, "properties": {name: fields[name] for name in fields if name in MASKED_FIELDS}}


@dataclass
class DealsRetriever(PageRetriever):
    """Reads deals as they are and says afterwards how many of them were masked."""

    access: Access = "full"

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[StreamData]:
        masked = full = 0
        for record in super().read_records(records_schema, stream_slice):
            row = record
            if isinstance(record, Mapping):
                if is_masked({key: value for key, value in record.items() if value is not None}):
                    masked += 1
                else:
                    full += 1
                    if self.access == "partial":
                        row = _narrowed(record)
            yield row
        if self.access == "partial" and full:
            LOGGER.warning(
                "Stream deals: %d deals are now visible with all their fields, but the catalog was discovered "
                "when none were. Refresh the schema of this connection to read them in full.",
                full,
            )
        elif self.access == "full" and masked:
            LOGGER.warning(
                "Stream deals: %d of %d deals arrived with id, title and isDisabled only. The user of the API "
                "key may not open their pipelines, or these pipelines are gone.%s",
                masked,
                masked + full,
                "" if full else " Refresh the schema of this connection if that is to stay so.",
            )
