"""Custom objects: one stream per schema of the account, with the schema's fields as typed columns.

https://developers.activecampaign.com/reference/custom-objects. A record comes as
`{"id": "...", "externalId": "42", "schemaId": "...", "fields": [{"id": "size", "value": "12"}],
"relationships": {"primary-contact": ["14"]}, "createdTimestamp": "...", "updatedTimestamp": "..."}`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.schema.schema_loader import SchemaLoader
from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import Config, StreamSlice, StreamState
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client.custom_fields import slug
from activecampaign_client.values import converter
from activecampaign_client.warn import Warn
from source_activecampaign.pages import LOGGER, Page, PageRetriever, UnstableOrder

_STRING: Mapping[str, Any] = {"type": ["null", "string"]}
_ID_LIST: Mapping[str, Any] = {"type": ["null", "array"], "items": _STRING}
_TIMESTAMP: Mapping[str, Any] = {
    "type": ["null", "string"],
    "format": "date-time",
    "airbyte_type": "timestamp_with_timezone",
}
_NUMBER: Mapping[str, Any] = {"type": ["null", "number"]}

# How often a listing in disorder is read at most, and how many passes in a row may bring nothing new.
PASSES, IN_VAIN = 10, 3

# What every record has, whichever schema it is of.
STANDARD: Mapping[str, Mapping[str, Any]] = {
    "id": _STRING,
    "externalId": {**_STRING, "description": "The id that the system which wrote the record gave it."},
    "schemaId": {**_STRING, "description": "The custom object schema of the record."},
    "createdTimestamp": _TIMESTAMP,
    "updatedTimestamp": _TIMESTAMP,
}

_TYPES: Mapping[str, Mapping[str, Any]] = {
    "number": _NUMBER,
    "decimal": _NUMBER,
    "currency": _NUMBER,
    "date": {"type": ["null", "string"], "format": "date"},
    "datetime": _TIMESTAMP,
    "multiselect": _ID_LIST,
}


def columns_of(schema: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The column of each field and relationship of a schema, by kind and id.

    Where two would have the same name, or the name of a standard column, all but the standard one get their
    kind in front.

    >>> columns_of({"fields": [{"id": "shoe-size"}], "relationships": [{"id": "primary-contact"}]})
    {('field', 'shoe-size'): 'shoe_size', ('relationship', 'primary-contact'): 'primary_contact'}
    """
    named = [("field", str(one["id"])) for one in schema.get("fields") or []]
    named += [("relationship", str(one["id"])) for one in schema.get("relationships") or []]
    plain = {key: slug(key[1]) or key[0] for key in named}
    taken = [*STANDARD, *plain.values()]
    return {key: name if taken.count(name) == 1 else f"{key[0]}_{key[1]}" for key, name in plain.items()}


def properties_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a custom object's stream, with their types."""
    columns = columns_of(schema)
    properties: dict[str, Any] = {name: dict(one) for name, one in STANDARD.items()}
    for field in schema.get("fields") or []:
        kind = str(field.get("type") or "text").lower()
        properties[columns["field", str(field["id"])]] = {
            **_TYPES.get(kind, _STRING),
            "description": _label(field, kind),
        }
    for one in schema.get("relationships") or []:
        properties[columns["relationship", str(one["id"])]] = {
            **_ID_LIST,
            "description": f"Ids of the related {one.get('namespace') or 'records'}.",
        }
    return properties


def _label(field: Mapping[str, Any], kind: str) -> str:
    labels = field.get("labels") or {}
    text = str(labels.get("singular") or field.get("id"))
    if kind == "currency" and field.get("defaultCurrency"):
        text += f", in {field['defaultCurrency']} unless the record says otherwise"
    options = [str(one.get("value")) for one in field.get("options") or [] if isinstance(one, Mapping)]
    return f"{text}. Options: {', '.join(options)}." if options else f"{text}."


def flatten_record(record: dict[str, Any], columns: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """A record with its fields and relationships as columns.

    A field or relationship that the schema does not name, since it is newer, keeps its own id as the name.

    >>> flatten_record({"id": "1", "fields": [{"id": "size", "value": "12"}]}, {("field", "size"): "size"})
    {'id': '1', 'size': '12'}
    """
    flat = {key: value for key, value in record.items() if key not in ("fields", "relationships")}
    for field in record.get("fields") or []:
        identifier = str(field.get("id"))
        flat[columns.get(("field", identifier), f"field_{identifier}")] = field.get("value")
    relationships = record.get("relationships") or {}
    for identifier, related in relationships.items():
        ids = related if isinstance(related, list) else [related]
        flat[columns.get(("relationship", identifier), f"relationship_{identifier}")] = [str(one) for one in ids]
    return flat


@dataclass
class CustomObjectSchemas(PageRetriever):
    """The custom object schemas of the account, read once per run; none where the account has no such thing."""

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[StreamData]:
        yield from self.all()

    def all(self) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            try:
                return [row for page in self.pages(StreamSlice(partition={}, cursor_slice={})) for row in page.rows]
            except AirbyteTracedException as error:
                if error.failure_type is not FailureType.config_error:
                    raise
                LOGGER.info("There are no streams of custom objects: %s", error.message)
                return []

        return self.api_budget.once("custom object schemas", read)

    def one(self, identifier: str) -> dict[str, Any]:
        return next((schema for schema in self.all() if schema.get("id") == identifier), {})


@dataclass
class CustomObjectRecords(PageRetriever):
    """The records of one schema, each id once.

    Without an order their pages were reported to overlap at random, with a total that is too high. Should the order
    that the manifest asks for not be kept either, the listing is read again until as many ids have come as the total
    says, or nothing new does.
    """

    def pages(self, stream_slice: StreamSlice) -> Iterator[Page]:
        seen: set[Any] = set()

        def new(page: Page) -> Page:
            rows = [row for row in page.rows if row.get("id") not in seen]
            seen.update(row.get("id") for row in rows)
            return page._replace(rows=rows)

        try:
            yield from map(new, super().pages(stream_slice))
            return
        except UnstableOrder:
            LOGGER.info("Stream %s: its pages overlap at random, so the listing is read several times.", self.name)
        passes = in_vain = 0
        while passes < PASSES and in_vain < IN_VAIN:
            before, claimed = len(seen), 0
            for page in self.listed(stream_slice, ordered=False):
                claimed = page.total or 0
                yield new(page)
            passes += 1
            in_vain = in_vain + 1 if len(seen) == before else 0
            if len(seen) >= claimed:
                return
        LOGGER.warning(
            "Stream %s: the API sends its records in an order that changes. After %d passes %s of about %s have come; "
            "refresh the stream in full now and then.",
            self.name,
            passes,
            f"{len(seen):,}",
            f"{claimed:,}",
        )


@dataclass
class CustomObjectSchema(SchemaLoader):
    """The JSON schema of a custom object's stream, from its definition in the account."""

    schema_id: str
    schemas: CustomObjectSchemas

    def get_json_schema(self) -> Mapping[str, Any]:
        schema = self.schemas.one(self.schema_id)
        return {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "description": str(schema.get("description") or "Records of a custom object of the account."),
            "additionalProperties": True,
            "properties": properties_of(schema),
        }


@dataclass
class FlattenCustomObject(RecordTransformation):
    """Gives a record of a custom object the columns of its schema, with their types."""

    name: str
    schema_id: str
    schemas: CustomObjectSchemas

    def __post_init__(self) -> None:
        self._warn = Warn(self.name)

    def transform(
        self,
        record: dict[str, Any],
        config: Config | None = None,
        stream_state: StreamState | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> None:
        columns, converters = self._plan()
        flat = flatten_record(record, columns)
        for name, convert in converters:
            if (value := flat.get(name)) is not None:
                try:
                    flat[name] = convert(value)
                except ValueError:
                    self._warn("misfit", name)
        record.clear()
        record.update(flat)

    def _plan(self) -> tuple[dict[tuple[str, str], str], list[tuple[str, Any]]]:
        def read() -> tuple[dict[tuple[str, str], str], list[tuple[str, Any]]]:
            schema = self.schemas.one(self.schema_id)
            found = ((name, converter(one)) for name, one in properties_of(schema).items())
            return columns_of(schema), [(name, convert) for name, convert in found if convert]

        return self.schemas.api_budget.once(f"custom object:{self.schema_id}", read)
