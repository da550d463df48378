"""Records of custom objects: https://developers.activecampaign.com/reference/create-or-update-record and the like."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from activecampaign_client.account import Account
from activecampaign_client.answers import Request
from activecampaign_client.custom_objects import (
    STANDARD,
    ObjectPlan,
    flatten_record,
    properties_of,
    stream_names,
    unflatten_record,
)
from activecampaign_client.page import total_of
from destination_activecampaign.catalog import Mode, ObjectType, Target
from destination_activecampaign.cells import Rejected, identifier_of, items_of, text_of
from destination_activecampaign.columns import Columns, Field
from destination_activecampaign.directory import Directory
from destination_activecampaign.reasons import not_written
from destination_activecampaign.records import reasons
from destination_activecampaign.records.change import Change, Record
from destination_activecampaign.records.custom_values import custom_value
from destination_activecampaign.records.kind import Gone
from destination_activecampaign.records.sending import Requests, object_in
from destination_activecampaign.same import is_same
from destination_activecampaign.writer import Outcome

PREFIX = "custom_object_"
_CONTACTS = "contacts"
_KEY = "externalId"


def types_of(schemas: Sequence[Mapping[str, Any]]) -> list[ObjectType]:
    """The object of each schema, called as the source calls its stream.

    >>> [one.name for one in types_of([{"id": "5c", "slug": "visit", "fields": [{"id": "size"}]}])]
    ['custom_object_visit']
    """
    names = stream_names(schemas)
    return [_type_of(schema, names[str(schema.get("id"))]) for schema in schemas]


def _type_of(schema: Mapping[str, Any], name: str) -> ObjectType:
    # Who wrote a record, and when, is ActiveCampaign's to say.
    given = {field: one for field, one in properties_of(schema).items() if field not in STANDARD}
    return ObjectType(
        name=name,
        keys=((_KEY,), ("id",)),
        modes=frozenset(Mode) - {Mode.APPEND},
        fields={"id": STANDARD["id"], _KEY: STANDARD[_KEY], **given},
        reads=(f"customObjects/records/{quote(str(schema.get('id')), safe='')}",),
        is_optional=True,
    )


class CustomObjects:
    """How records of one schema are read and written (see `records.kind.Kind`).

    A record is replaced as a whole (measured), so that a row which has only some of its fields needs the record that is
    there. Records that were written a moment ago may be missing from lists (measured), but can be asked for.
    """

    asks_by_key = True
    cost_of_asking = 1
    lists_late = True

    def __init__(self, kind: ObjectType, schema: Mapping[str, Any], account: Account, directory: Directory) -> None:
        self.type = kind
        self._plan = ObjectPlan.of(schema)
        self._contact_columns = {
            self._plan.columns["relationship", str(one["id"])]
            for one in schema.get("relationships") or []
            if one.get("namespace") == _CONTACTS
        }
        self._directory = directory
        self._requests = Requests(account, kind.name, "access to custom objects")
        [self._path] = kind.reads

    # ---- what a row says

    def columns(self, target: Target) -> Columns:
        titles = {self._plan.columns[key]: one.title for key, one in self._plan.definitions.items()}
        schema = dict.fromkeys((*target.columns, *target.key_columns))
        return Columns(target.stream, self.type.fields, (), target.fields, list(schema), titles)

    def value(self, field: Field, given: Any) -> Any:
        if field.name == _KEY:
            return identifier_of(given) or None
        key = self._plan.keys[field.name]
        if key[0] == "relationship":
            return [identifier_of(one) for one in items_of(given)]
        return custom_value(Field(field.name, self._plan.definitions[key]), given, "record")

    def empties(self, field: Field) -> bool:
        return field.name != _KEY

    def emails(self, values: Mapping[str, Any]) -> Sequence[str]:
        related = (one for column in self._contact_columns for one in items_of(values.get(column)))
        return [text_of(one) for one in related if isinstance(one, str) and "@" in one]

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        related = {
            column: [self._contact(one) for one in values[column]]
            for column in self._contact_columns
            if values.get(column)
        }
        return {**values, **related}

    def _contact(self, name: str) -> str:
        identifier = self._directory.contact_id(name) if "@" in name else name
        if not identifier.isdigit():
            raise Rejected(reasons.UNKNOWN_CONTACT)
        return identifier

    def key_of(self, values: Mapping[str, Any]) -> str:
        return str(values.get(_KEY) or "")

    # ---- what the account has

    def total(self) -> int:
        sample = self._requests.sample
        request = Request(
            self._path, {"limit": "1"}, stream=sample.stream, permission=sample.permission, record_key="records"
        )
        return total_of(self._requests.account.send(request).body) or 0

    def all(self) -> Iterator[Record]:
        # Without an order their pages overlap at random, as was reported.
        # https://developers.activecampaign.com/reference/list-records
        params: dict[str, Any] = {"orders[createdTimestamp]": "ASC"}
        return map(
            self._record,
            self._requests.account.rows(self._path, "records", request=self._requests.sample, **params),
        )

    def by_id(self, identifier: str) -> Record | None:
        return self._asked(f"{self._path}/{quote(identifier, safe='')}")

    def by_key(self, key: str) -> Record | None:
        return self._asked(f"{self._path}/external/{quote(key, safe='')}")

    def must_ask(self, change: Change) -> bool:
        return not change.values.keys() >= set(self._plan.keys)

    def _asked(self, path: str) -> Record | None:
        found = object_in(self._requests.one(path), "record")
        return self._record(found) if found else None

    def _record(self, row: Mapping[str, Any]) -> Record:
        return Record(str(row.get("id") or ""), self.key_of(row), dict(row))

    # ---- what is written

    def left(self, change: Change, record: Record) -> dict[str, Any]:
        return self._differing(change.values, record.values)

    def create(self, change: Change) -> tuple[Record, Outcome]:
        return self._written(unflatten_record(change.values, self._plan), change.values), Outcome.CREATED

    def update(self, record: Record, values: Mapping[str, Any]) -> Record:
        return self._written(unflatten_record(values, self._plan, record.values), values)

    def delete(self, record: Record) -> None:
        # https://developers.activecampaign.com/reference/delete-record-by-id
        place = quote(record.id, safe="") if record.id else f"external/{quote(record.key, safe='')}"
        with suppress(Gone):
            self._requests.write("DELETE", f"{self._path}/{place}")

    def _written(self, record: dict[str, Any], values: Mapping[str, Any]) -> Record:
        """A record once it was sent, and the answer, or the record itself, has shown that the values are there."""
        sent = {name: value for name, value in record.items() if value not in ("", None)}
        echo = object_in(self._requests.write("POST", self._path, {"record": sent}), "record")
        if "fields" not in echo or "relationships" not in echo:
            found = self.by_id(sent["id"]) if "id" in sent else self.by_key(sent[_KEY])
            echo = found.values if found else {}
        if others := self._differing(values, echo):
            raise Rejected(not_written(others))
        return self._record({**sent, **echo})

    def _differing(self, values: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
        """The values that a record, as the API sends it, does not have."""
        has = flatten_record(dict(record), self._plan.columns)
        return {
            name: value
            for name, value in values.items()
            if name in self._plan.keys
            and not is_same(self._plan.definitions[self._plan.keys[name]], value, has.get(name))
        }
