"""Custom objects: one stream per schema of the account, with the schema's fields as typed columns.

https://developers.activecampaign.com/reference/custom-objects
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airbyte_cdk.sources.declarative.schema.schema_loader import SchemaLoader
from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import Config, StreamSlice, StreamState

from activecampaign_client.custom_objects import STANDARD, ObjectPlan, properties_of, stream_names, typed_record
from activecampaign_client.errors import ApiError, UnstableOrder
from activecampaign_client.id_set import IdSet
from activecampaign_client.page import Page
from activecampaign_client.warn import Warn
from source_activecampaign.builder import TestRead
from source_activecampaign.records import say_oddities
from source_activecampaign.retriever import EVERYTHING, LOGGER, PageRetriever
from source_activecampaign.runs import airbyte_errors, make_sure_of_key

# How often a listing in disorder is read at most, and how many passes in a row may bring nothing new.
PASSES, PASSES_WITHOUT_NEW_ROWS = 10, 3


def is_custom_object(name: str) -> bool:
    """Whether a stream is one of a custom object: the listing of their schemas is a static stream."""
    return name.startswith("custom_object_") and name != "custom_object_schemas"


_LEFT_OUT = "The custom object %s is left out: %s."


def _usable(schemas: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The schemas that have an id of their own, with those of their fields and relationships that have one.

    Each of the others costs a warning, and none of them its neighbours.
    """
    seen: set[str] = set()
    for schema in schemas:
        if not _has_id(schema):
            LOGGER.warning(_LEFT_OUT, _called(schema), "its schema has no id")
        elif str(schema["id"]) in seen:
            LOGGER.warning(_LEFT_OUT, _called(schema), "its schema has the id of another one")
        else:
            seen.add(str(schema["id"]))
            yield {**schema, **{part: list(_parts(schema, part)) for part in ("fields", "relationships")}}


def _parts(schema: Mapping[str, Any], part: str) -> Iterator[dict[str, Any]]:
    """The fields or the relationships of a schema; what only describes them is left out where it is malformed."""
    found = schema.get(part) or []
    if not isinstance(found, list):
        LOGGER.warning("The custom object %s has no columns for its %s, which are no list.", _called(schema), part)
        return
    for number, one in enumerate(found, 1):
        if not _has_id(one):
            LOGGER.warning(
                "The custom object %s has no column for number %d of its %s, which has no id.",
                _called(schema),
                number,
                part,
            )
            continue
        described = {"labels": Mapping, "options": list}
        yield {name: value for name, value in one.items() if isinstance(value, described.get(name, object))}


def _has_id(one: Any) -> bool:
    return isinstance(one, Mapping) and isinstance(one.get("id"), str | int) and str(one["id"]).strip() != ""


def _called(schema: Mapping[str, Any]) -> str:
    return str(schema.get("slug") or schema.get("id") or "without a slug")


@dataclass
class CustomObjectSchemas(PageRetriever):
    """The custom object schemas of the account, read once per run; to a discovery, none where it has no such thing.

    As records they are what their streams are made of: `{"id": ..., "name": "custom_object_visit", "path": ...}`, free
    of anything that the CDK could take for a template.
    """

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[StreamData]:
        with airbyte_errors():
            schemas = self.all()
        names = stream_names(schemas)
        taken = set()
        for schema in schemas:
            part, name = quote(str(schema["id"]), safe=""), names[str(schema["id"])]
            if name in taken:
                LOGGER.warning(_LEFT_OUT, _called(schema), "its stream would have the name of another one")
                continue
            taken.add(name)
            yield {"id": part, "name": name, "path": f"customObjects/records/{part}"}

    def all(self) -> list[dict[str, Any]]:
        """Every schema that a stream can be made of. Raises ApiError."""

        def read() -> list[dict[str, Any]]:
            try:
                return list(_usable(row for page in self.pages() for row in page.rows))
            except ApiError as error:
                if error.kind != "config" or self.run.reads_catalog:
                    raise
                make_sure_of_key(self.run.account)
                LOGGER.info("There are no streams of custom objects: %s", error)
                return []

        return self.run.account.once("custom object schemas", read)

    def by_id(self, schema_id: str) -> dict[str, Any]:
        """The schema whose id, as part of a path, is this one."""
        return next((schema for schema in self.all() if quote(str(schema.get("id")), safe="") == schema_id), {})


@dataclass
class CustomObjectRecords(PageRetriever):
    """The records of one schema, each id once.

    Without an order their pages were reported to overlap at random, with a total that is too high. Should the order
    that the manifest asks for not be kept either, the listing is read again until as many ids have come as the total
    says, or nothing new does.
    """

    def pages(self, stream_slice: StreamSlice = EVERYTHING, test_read: TestRead | None = None) -> Iterator[Page]:
        seen = IdSet()

        def with_new_rows(page: Page) -> Page:
            rows = [row for row in page.rows if str(row.get("id")) not in seen]
            seen.update(str(row.get("id")) for row in rows)
            return page._replace(rows=rows)

        try:
            yield from map(with_new_rows, super().pages(stream_slice, test_read))
            return
        except UnstableOrder:
            LOGGER.info("Stream %s: its pages overlap at random, so the listing is read several times.", self.name)
        passes = passes_without_new_rows = 0
        while passes < PASSES and passes_without_new_rows < PASSES_WITHOUT_NEW_ROWS:
            before = len(seen)
            claimed: int | None = None
            for page in self.listed(stream_slice, test_read, ordered=False):
                claimed = page.total
                yield with_new_rows(page)
            passes += 1
            passes_without_new_rows = passes_without_new_rows + 1 if len(seen) == before else 0
            if claimed is not None and len(seen) >= claimed:
                return
        LOGGER.warning(
            "Stream %s: the API sends its records in an order that changes. After %d passes %s of about %s have come; "
            "refresh the stream in full now and then.",
            self.name,
            passes,
            f"{len(seen):,}",
            "?" if claimed is None else f"{claimed:,}",
        )


@dataclass
class CustomObjectSchema(SchemaLoader):
    """The JSON schema of a custom object's stream, from its definition in the account."""

    schema_id: str
    schemas: CustomObjectSchemas

    def get_json_schema(self) -> Mapping[str, Any]:
        # While reading, the CDK asks in its main thread, where a listing that fails would end every stream.
        if self.schemas.run.reads_catalog:
            return {"type": "object", "properties": {name: dict(one) for name, one in STANDARD.items()}}
        with airbyte_errors():
            schema = self.schemas.by_id(self.schema_id)
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
        typed = typed_record(record, self._plan(), self._warn)
        record.clear()
        record.update(typed)
        say_oddities(record, self._warn)

    def _plan(self) -> ObjectPlan:
        return self.schemas.run.account.once(
            f"custom object:{self.schema_id}", lambda: ObjectPlan.of(self.schemas.by_id(self.schema_id))
        )
