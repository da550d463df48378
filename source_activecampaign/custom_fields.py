"""Custom field values as part of the contact, deal or account that they belong to: the CDK's side of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.sources.types import Config

from activecampaign_client.custom_fields import Definition, Plan, Value, by_owner, definitions_in, flatten
from activecampaign_client.errors import ApiError
from activecampaign_client.exact_json import OddObject
from activecampaign_client.page import holds_rows, rows_in
from activecampaign_client.stored_values import StoredValues
from source_activecampaign.deals import is_masked
from source_activecampaign.records import EnvelopeExtractor
from source_activecampaign.retriever import PageRetriever
from source_activecampaign.runs import airbyte_errors, make_sure_of_key
from source_activecampaign.schemas import StreamSchema, stream_schema

LOGGER = logging.getLogger("airbyte")


def read_definitions(listing: PageRetriever) -> list[Definition]:
    """All custom field definitions of a listing, read once per run.

    Definitions that the key may not read cost a warning and the custom fields, not the stream.
    """

    def read() -> list[Definition]:
        try:
            return list(definitions_in(listing.pages()))
        except ApiError as error:
            if error.kind != "config":
                raise
            make_sure_of_key(listing.run.account)
            LOGGER.warning("No custom fields are read from %s: %s", listing.name, error)
            return []

    return listing.run.account.once(f"definitions:{listing.name}", read)


@dataclass
class CustomFieldsExtractor(EnvelopeExtractor):
    """Takes records out of their envelope together with the values sideloaded beside them.

    `{"contacts": [{"id": "1", ...}], "fieldValues": [{"contact": "1", "field": "3", "value": "42"}]}` gives one
    contact with the column `custom_shoe_size` (mode `columns`) or the object `customFields` (mode `object`).
    Where the sideload was not answered, or not with rows, the listing `values` is read instead, once per run and whole,
    onto the disk.
    """

    config: Config
    sideload: str
    definitions: PageRetriever
    values: PageRetriever

    def rows(self, body: Any) -> list[dict[str, Any]]:
        records = super().rows(body)
        plan = None if self.config["custom_fields"] == "off" else _plan(self)
        if not plan or not plan.fields:
            return records
        values = self._values(body, records)
        # What is odd about a value is odd about its record, too; the listing of all values does not say whose is.
        kind = OddObject if isinstance(body, OddObject) or not holds_rows(body, self.sideload) else dict
        return [
            # Who may not see the deal may not see its values either, whatever the sideload says.
            record
            if is_masked(record)
            else kind({**record, **flatten(values.get(str(record.get("id")), ()), plan, self.warn)})
            for record in records
        ]

    def _values(self, body: Mapping[str, Any], records: list[dict[str, Any]]) -> Mapping[str, list[Value]]:
        if holds_rows(body, self.sideload):
            return by_owner(rows_in(body, self.sideload, self.name, self.warn))
        if all(row.get(self.sideload) == [] for row in records):
            # The records themselves say that there are none.
            return {}
        listing = self.values
        self.warn("listed", listing.name)
        values = listing.run.account.once(
            f"values:{listing.name}", lambda: StoredValues(row for page in listing.pages() for row in page.rows)
        )
        return values.of([str(row.get("id")) for row in records])


@dataclass
class CustomFieldsSchema(StreamSchema):
    """The stream's schema file with the account's custom fields added, as they are at discovery."""

    config: Config
    definitions: PageRetriever

    def get_json_schema(self) -> Mapping[str, Any]:
        schema = stream_schema(self.name)
        # While reading, the CDK asks in its main thread, where a listing that fails would end every stream.
        if self.config["custom_fields"] != "off" and not self.definitions.run.reads_catalog:
            with airbyte_errors():
                schema["properties"].update(_plan(self).properties())
        return schema


def _plan(component: CustomFieldsExtractor | CustomFieldsSchema) -> Plan:
    listing = component.definitions
    return listing.run.account.once(
        f"custom fields:{component.name}",
        lambda: Plan.of(
            component.config["custom_fields"], read_definitions(listing), stream_schema(component.name)["properties"]
        ),
    )
