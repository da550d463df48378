"""Values of the custom fields of accounts and deals: how they are written, alone or along with their owner."""

from __future__ import annotations

from typing import Any, NamedTuple

from .calls import Call
from .sent import text
from .store import ABSENT


class Entity(NamedTuple):
    """An owner of such values: its own resource, those of values and definitions, and the column of the owner's id."""

    owners: str
    values: str
    definitions: str
    owner: str


ACCOUNT = Entity("accounts", "accountCustomFieldData", "accountCustomFieldMeta", "accountId")
DEAL = Entity("deals", "dealCustomFieldData", "dealCustomFieldMeta", "dealId")


def saved(call: Call, entity: Entity, owner: str, given: dict[str, Any]) -> dict[str, Any]:
    """Write the `fields` that ride along with an owner; what its answer says of them besides.

    `customFieldSaveStatus` was recorded as a success only; where it is none nothing is written here.
    """
    fields = given.get("fields")
    if not isinstance(fields, list):
        return {}
    ready = [field for field in fields if isinstance(field, dict)]
    status = call.settings.custom_field_save_status
    if status == "success":
        for field in ready:
            put(call, entity, owner, field)
    return {
        "fields": [{**field, entity.owner: owner} for field in ready],
        "customFieldSaveStatus": {"status": status},
    }


def put(call: Call, entity: Entity, owner: str, given: dict[str, Any]) -> str | None:
    """Write `{"customFieldId": 9, "fieldValue": ...}`, and return the id of its row; what is no field is ignored."""
    field, values = text(given.get("customFieldId")) or "", call.account.store(entity.values)
    if call.account.store(entity.definitions).index_of(field) is None:
        return None
    columns = {"fieldValue": given.get("fieldValue"), "fieldCurrency": given.get("fieldCurrency", ABSENT)}
    parent = call.account.store(entity.owners).index_of(owner)
    for index in values.children_of_parent(parent, owner):
        if str(values.value(index, "customFieldId")) == field:
            call.account.update(entity.values, values.id_of(index), **columns)
            return values.id_of(index)
    return call.account.insert(entity.values, **{entity.owner: int(owner), "customFieldId": int(field), **columns})
