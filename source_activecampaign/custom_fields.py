"""Custom field values as part of the contact, deal or account that they belong to: the CDK's side of it."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client.custom_fields import Definition, Plan, Value, by_owner, definitions_in, flatten
from activecampaign_client.warn import Warn
from source_activecampaign.account import Account
from source_activecampaign.deals import is_masked
from source_activecampaign.http import body_of
from source_activecampaign.pages import PageRetriever
from source_activecampaign.records import EnvelopeExtractor
from source_activecampaign.schemas import StreamSchema, stream_schema

LOGGER = logging.getLogger("airbyte")


def read_definitions(listing: PageRetriever, account: Account) -> list[Definition]:
    """All custom field definitions of a listing, read once per run.

    Definitions that the key may not read cost a warning and the custom fields, not the stream.
    """

    def read() -> list[Definition]:
        found: list[Definition] = []
        try:
            for definition in definitions_in(listing.pages(_EVERYTHING)):
                found.append(definition)
        except AirbyteTracedException as error:
            if error.failure_type is not FailureType.config_error:
                raise
            LOGGER.warning("No custom fields are read from %s: %s", listing.name, error.message)
        return found

    return account.once(f"definitions:{listing.name}", read)


@dataclass
class CustomFieldsExtractor(EnvelopeExtractor):
    """Takes records out of their envelope together with the values sideloaded beside them.

    `{"contacts": [{"id": "1", ...}], "fieldValues": [{"contact": "1", "field": "3", "value": "42"}]}` gives one
    contact with the column `custom_shoe_size` (mode `columns`) or the object `customFields` (mode `object`).
    Where the sideload was not answered, the listing `values` is read instead, once per run and whole.
    """

    config: Config
    sideload: str
    definitions: PageRetriever
    api_budget: Account
    values: PageRetriever | None = field(default=None, kw_only=True)
    _warn: Warn = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._warn = Warn(self.name)

    def extract_records(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        records = super().extract_records(response)
        plan = None if self.config["custom_fields"] == "off" else _plan(self)
        if not plan or not plan.fields:
            yield from records
            return
        values = self._values(body_of(response))
        for record in records:
            if is_masked(record):
                # Who may not see the deal may not see its values either, whatever the sideload says.
                yield record
            else:
                yield {**record, **flatten(values.get(str(record.get("id")), ()), plan, self._warn)}

    def _values(self, body: Mapping[str, Any]) -> Mapping[str, list[Value]]:
        if self.sideload in body:
            return by_owner(body[self.sideload] or [])
        if self.values is None or all(row.get(self.sideload) == [] for row in body.get(self.record_key) or ()):
            # The records themselves say that there are none.
            return {}
        listing = self.values
        self._warn("listed", listing.name)
        return self.api_budget.once(
            f"values:{listing.name}",
            lambda: by_owner(row for page in listing.pages(_EVERYTHING) for row in page.rows),
        )


_EVERYTHING = StreamSlice(partition={}, cursor_slice={})


@dataclass
class CustomFieldsSchema(StreamSchema):
    """The stream's schema file with the account's custom fields added, as they are at discovery."""

    config: Config
    definitions: PageRetriever
    api_budget: Account

    def get_json_schema(self) -> Mapping[str, Any]:
        schema = stream_schema(self.name)
        if self.config["custom_fields"] != "off":
            schema["properties"].update(_plan(self).properties())
        return schema


def _plan(component: CustomFieldsExtractor | CustomFieldsSchema) -> Plan:
    account, listing = component.api_budget, component.definitions
    return account.once(
        f"custom fields:{component.name}",
        lambda: Plan.of(
            component.config["custom_fields"],
            read_definitions(listing, account),
            stream_schema(component.name)["properties"],
        ),
    )
