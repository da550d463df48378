"""The operations that Airbyte offers for the streams of a connection, with the account's custom fields.

Mapping its columns to the fields of an operation is Airbyte's part ("data activation"); the rows then come with these
names, and the operation's object as the `destination_object_name` of their stream.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from activecampaign_client.custom_fields import Definition, Plan
from destination_activecampaign.catalog import Mode, ObjectType, ObjectTypes
from destination_activecampaign.config import Config
from destination_activecampaign.directory import Directory

_SYNC_MODES = (
    ("append", Mode.UPSERT),
    ("append_dedup", Mode.UPSERT),
    ("update", Mode.UPDATE),
    ("soft_delete", Mode.SOFT_DELETE),
    ("append", Mode.APPEND),
)


def operations(config: Config, objects: ObjectTypes, directory: Directory) -> list[dict[str, Any]]:
    """Every operation on every object, see `operations_on`; as many requests as the custom fields have pages."""
    return [
        operation
        for one in objects
        for operation in operations_on(one, list(directory.definitions(one.custom_fields).values()), config)
    ]


def operations_on(kind: ObjectType, definitions: list[Definition], config: Config) -> Iterator[dict[str, Any]]:
    """The operations on an object as JSON objects: name, sync mode, schema, and what tells one object from another.

    Custom fields are named as the source names them. Deletions are offered only where they are allowed, and what needs
    tracking keys only where there are such.
    """
    if kind.is_tracked and config.tracking is None:
        return
    fields = dict(kind.fields)
    if kind.custom_fields:
        fields |= Plan.of("columns", definitions, fields).properties()
    for sync_mode, mode in _SYNC_MODES:
        if mode not in kind.modes or (mode is Mode.SOFT_DELETE and config.deletions == "refuse"):
            continue
        keys = [list(key) for key in kind.keys]
        operation: dict[str, Any] = {"object_name": kind.name, "sync_mode": sync_mode}
        if mode is Mode.SOFT_DELETE:
            operation["json_schema"] = _schema({name: fields[name] for key in keys for name in key}, keys)
        elif sync_mode == "append":
            # Without a key to choose it is the usual one, and every row needs it.
            operation["json_schema"] = _schema(fields, keys[:1] or [list(kind.required)])
        else:
            operation["json_schema"] = _schema(fields, keys)
        yield operation if sync_mode == "append" else {**operation, "matching_keys": keys}


def _schema(fields: Mapping[str, Any], keys: list[list[str]]) -> dict[str, Any]:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        # Which of several keys a row has is the user's choice.
        "required": keys[0] if len(keys) == 1 else [],
        "additionalProperties": False,
        "properties": dict(fields),
    }
