"""Which of an emulated account's rows the records of a stream are, found by what is asked for, not by its name."""

from typing import Any

from emulator import Account
from emulator.table import Relation, resources
from source_activecampaign.source import declared_streams, load_manifest

ENTRIES = declared_streams(load_manifest())
STREAMS: dict[str, dict[str, Any]] = {name: entry["$parameters"] for name, entry in ENTRIES.items()}
KEYS = {name: entry.get("primary_key", "id") for name, entry in ENTRIES.items()}
# Rows that several contacts share, so that they arrive once for each.
SHARED = {"geo_addresses"}


def resource_of(stream: str) -> str:
    """The emulator's resource behind a stream."""
    parameters = STREAMS[stream]
    table = resources()
    if is_per_contact(stream):
        return relation_of(stream).child if parameters["endpoint"] else str(parameters["record_key"])
    found = [
        one.name
        for one in table.values()
        if one.key == parameters["record_key"] and (one.path == parameters["endpoint"] or "page_key" in parameters)
    ]
    assert found, f"the emulator does not serve {parameters['endpoint']}"
    return found[0]


def is_per_contact(stream: str) -> bool:
    return str(ENTRIES[stream]["$ref"]).startswith("#/definitions/per_contact")


def relation_of(stream: str) -> Relation:
    return resources()["contacts"].relations[STREAMS[stream]["endpoint"]]


def owner_of(stream: str, row: dict[str, Any]) -> str:
    return str(row[relation_of(stream).by])


def rows_of(account: Account, stream: str, key: str = "full") -> list[dict[str, Any]]:
    """The true rows of a stream, as a key sees them; notes, for one, belong to contacts and to other things."""
    rows = account.rows(resource_of(stream), key)
    if is_per_contact(stream) and STREAMS[stream]["endpoint"] and (where := relation_of(stream).where):
        # Those of contacts that are gone cannot be asked for contact by contact.
        there = account.ids("contacts")
        return [row for row in rows if row[where[0]] == where[1] and owner_of(stream, row) in there]
    return rows
