"""Records of custom objects as rows with a typed column for each field and relationship of their schema, and back.

https://developers.activecampaign.com/reference/custom-objects. A record comes as
`{"id": "...", "externalId": "42", "schemaId": "...", "fields": [{"id": "size", "value": "12"}],
"relationships": {"primary-contact": ["14"]}, "createdTimestamp": "...", "updatedTimestamp": "..."}`.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from activecampaign_client.column_names import apart
from activecampaign_client.custom_fields import Definition, render, slug
from activecampaign_client.values import Convert, as_it_came, converter

# A field or a relationship of a schema, by which of both it is and its id: `("field", "size")`.
Key = tuple[str, str]

_STRING: Mapping[str, Any] = {"type": ["null", "string"]}
_ID_LIST: Mapping[str, Any] = {"type": ["null", "array"], "items": _STRING}
_TIMESTAMP: Mapping[str, Any] = {
    "type": ["null", "string"],
    "format": "date-time",
    "airbyte_type": "timestamp_with_timezone",
}
_NUMBER: Mapping[str, Any] = {"type": ["null", "number"]}

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


# What the stream of the schemas themselves is called.
_RESERVED = "schemas"


def stream_names(schemas: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The name of each schema's stream by the schema's id: `custom_object_` and its slug.

    Whatever is no letter, digit, hyphen or underscore becomes an underscore. Schemas whose slugs are not apart, or have
    nothing left, get their ids as well.

    >>> stream_names([{"id": "5c", "slug": "visit"}, {"id": "7d", "slug": "Order/Line"}, {"id": "8e", "slug": ""}])
    {'5c': 'custom_object_visit', '7d': 'custom_object_Order_Line', '8e': 'custom_object_8e'}
    >>> stream_names([{"id": "1", "slug": "visit"}, {"id": "2", "slug": "visit"}])
    {'1': 'custom_object_visit_1', '2': 'custom_object_visit_2'}
    """
    slugs = {str(schema.get("id")): _as_name(schema.get("slug") or "") for schema in schemas}
    count = Counter([_RESERVED, *slugs.values()])
    names = {
        schema_id: text if text and count[text] == 1 else "_".join(filter(None, [text, _as_name(schema_id)]))
        for schema_id, text in slugs.items()
    }
    return {schema_id: f"custom_object_{name}" for schema_id, name in names.items()}


def _as_name(value: Any) -> str:
    return re.sub(r"[^\w-]+", "_", str(value)).strip("_")


def columns_of(schema: Mapping[str, Any]) -> dict[Key, str]:
    """The column of each field and relationship of a schema, by kind and id.

    Where two would have the same name, or the name of a standard column, all but the standard one get their
    kind in front. A name that is too long, or that a destination would take for another, is cut and ends in eight
    digits made of the id, as the id itself is what is too long or too similar (see `column_names`).

    >>> columns_of({"fields": [{"id": "shoe-size"}], "relationships": [{"id": "primary-contact"}]})
    {('field', 'shoe-size'): 'shoe_size', ('relationship', 'primary-contact'): 'primary_contact'}
    """
    named = [("field", str(one["id"])) for one in schema.get("fields") or []]
    named += [("relationship", str(one["id"])) for one in schema.get("relationships") or []]
    plain = {key: slug(key[1]) or key[0] for key in named}
    taken = [*STANDARD, *plain.values()]
    names = {key: name if taken.count(name) == 1 else f"{key[0]}_{key[1]}" for key, name in plain.items()}
    return apart(names, _digest, STANDARD)


def _digest(key: Key) -> str:
    return hashlib.blake2b(" ".join(key).encode(), digest_size=4).hexdigest()


def properties_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a custom object's stream, with their types."""
    columns = columns_of(schema)
    properties: dict[str, Any] = {name: dict(one) for name, one in STANDARD.items()}
    for field in schema.get("fields") or []:
        kind = _type_of(field)
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


def _type_of(field: Mapping[str, Any]) -> str:
    return str(field.get("type") or "text").lower()


def _title_of(one: Mapping[str, Any]) -> str:
    return str((one.get("labels") or {}).get("singular") or one.get("id"))


def _options_of(field: Mapping[str, Any]) -> list[str]:
    return [str(one.get("value")) for one in field.get("options") or [] if isinstance(one, Mapping)]


def _label(field: Mapping[str, Any], kind: str) -> str:
    text = _title_of(field)
    if kind == "currency" and field.get("defaultCurrency"):
        text += f", in {field['defaultCurrency']} unless the record says otherwise"
    options = _options_of(field)
    return f"{text}. Options: {', '.join(options)}." if options else f"{text}."


def flatten_record(record: dict[str, Any], columns: Mapping[Key, str]) -> dict[str, Any]:
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
        ids = related if isinstance(related, list) else [] if related is None else [related]
        flat[columns.get(("relationship", identifier), f"relationship_{identifier}")] = [str(one) for one in ids]
    return flat


@dataclass(frozen=True)
class ObjectPlan:
    """How the records of one schema become rows and rows become records: columns by key and back, and types."""

    columns: Mapping[Key, str]
    keys: Mapping[str, Key]
    converters: Mapping[str, Convert]
    definitions: Mapping[Key, Definition]

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> "ObjectPlan":
        columns = columns_of(schema)
        converters = {name: converter(one) for name, one in properties_of(schema).items()}
        definitions = {}
        for field in schema.get("fields") or []:
            one = str(field["id"])
            kind = _WRITTEN_AS.get(_type_of(field), "text")
            definitions["field", one] = Definition(one, _title_of(field), kind, one, tuple(_options_of(field)))
        for relationship in schema.get("relationships") or []:
            one = str(relationship["id"])
            definitions["relationship", one] = Definition(one, _title_of(relationship), "multiselect", one)
        return cls(
            columns,
            {name: key for key, name in columns.items()},
            {name: convert for name, convert in converters.items() if convert},
            definitions,
        )


# The types of `custom_fields.Definition` that fields are written as; all others are texts, as in `_TYPES`.
_WRITTEN_AS: Mapping[str, str] = {
    "number": "number",
    "decimal": "number",
    "currency": "number",
    "date": "date",
    "datetime": "datetime",
    "dropdown": "dropdown",
    "multiselect": "multiselect",
}


def typed_record(record: dict[str, Any], plan: ObjectPlan, warn: Callable[[str, str], None]) -> dict[str, Any]:
    """A record as a row: flat, and each value in the type of its column.

    A value that does not fit is passed on as it came, and reported to `warn` as `("misfit", column)`.

    >>> plan = ObjectPlan.of({"fields": [{"id": "size", "type": "number"}]})
    >>> typed_record({"id": "1", "fields": [{"id": "size", "value": "12"}]}, plan, print)
    {'id': '1', 'size': 12}
    """
    row = flatten_record(record, plan.columns)
    for name, convert in plan.converters.items():
        if (value := row.get(name)) is not None:
            try:
                row[name] = convert(value)
            except ValueError:
                warn("misfit", name)
                row[name] = as_it_came(value)
    return row


def unflatten_record(
    row: Mapping[str, Any], plan: ObjectPlan, existing: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The record that the API takes for a row, under the key `record`: the other direction of `typed_record`.

    https://developers.activecampaign.com/reference/create-or-update-record: the API finds an existing record by its
    `id` or `externalId`; the `id` of one with another `externalId` makes a new record. It replaces a record as a whole
    (measured): a field that is not sent is emptied. So what is empty is left out, and a row that has only some of the
    columns needs the `existing` record, as the API sent it, of which all stays that the row has no column for. An
    empty relationship is sent as an empty list, since for these nobody measured it; related ids are strings, and a
    list also where only one is allowed.

    Columns that are no field or relationship of the schema are left out, as are `schemaId` and the timestamps, which
    the API sets. `typed_record(unflatten_record(row)) == row` for the other columns of any row that `typed_record`
    gives, but for what is empty, what does not fit its type, and what is not an option of its field.

    Raises ValueError with a sentence that names the field or relationship, but not the value (see `render`).

    >>> plan = ObjectPlan.of({"fields": [{"id": "size", "type": "number"}], "relationships": [{"id": "owner"}]})
    >>> unflatten_record({"externalId": "42", "size": "12", "owner": [14]}, plan)
    {'externalId': '42', 'fields': [{'id': 'size', 'value': 12}], 'relationships': {'owner': ['14']}}
    >>> unflatten_record({"size": None}, plan, {"id": "7", "fields": [{"id": "size", "value": 3}]})
    {'id': '7', 'fields': [], 'relationships': {}}
    """
    before = existing or {}
    record: dict[str, Any] = {}
    for name in ("id", "externalId"):
        known = render(Definition(name, name, "text", ""), row.get(name), of="record") or before.get(name)
        if known is not None:
            record[name] = known
    fields = {str(one["id"]): one for one in before.get("fields") or []}
    relationships = dict(before.get("relationships") or {})
    for name, value in row.items():
        key = plan.keys.get(name)
        if key is None:
            continue
        kind, identifier = key
        rendered = render(plan.definitions[key], value, of="record")
        if kind == "relationship":
            relationships[identifier] = rendered or []
        elif rendered is None:
            fields.pop(identifier, None)
        else:
            fields[identifier] = {"id": identifier, "value": rendered}
    return {**record, "fields": list(fields.values()), "relationships": relationships}
