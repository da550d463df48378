"""Custom objects: their schemas and records."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..answers import Answer, Refusal, json_answer
from ..calls import Call
from ..envelopes import counted, counted_list
from ..routing import Routes
from ..sent import sent, text
from ..writes import Writes
from ..writing import shown

routes = Routes()

_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


@routes.on("GET", "customObjects/schemas")
def schemas(call: Call) -> Answer:
    _check_allowed(call)
    return counted_list(call, call.account.table["customObjectSchemas"])


@routes.on("GET", "customObjects/records/{schema}")
def records(call: Call) -> Answer:
    """Records of one schema.

    Offset paging was reported to overlap heavily, with an inflated total, unless an order is asked for. Range
    filters on timestamps are contradictory: reported to match nothing, and used in production.
    """
    _check_allowed(call)
    store, found = call.account.store("customObjectRecords"), _listed(call)
    related = False
    for name, value in call.request.pairs:
        if asked := re.fullmatch(r"filters\[([\w.-]+)\](?:\[(\w+)\])?", name):
            related = related or asked[1].startswith("relationships.")
            found = _filtered(call, found, asked[1], asked[2] or "eq", value)
    if call.key != "full" and not related:
        # Published: only keys of administrators may list records without naming a related contact.
        raise Refusal(403, {"message": "Forbidden"})
    limit, offset = call.page()
    wanted = [
        (asked[1], value.upper() == "DESC")
        for name, value in call.request.pairs
        if (asked := re.fullmatch(r"orders\[(createdTimestamp|updatedTimestamp)\]", name))
    ]
    if not wanted and call.settings.custom_object_pages == "overlap" and len(found) > limit:
        return counted(store, _scrambled(found, limit, offset), len(found) + len(found) // 3, limit, offset)
    for which, descending in reversed(wanted):
        found = sorted(found, key=lambda i: str(store.value(i, which)), reverse=descending)
    return counted(store, found[offset : offset + limit], len(found), limit, offset)


@routes.on("GET", "customObjects/records/{schema}/{id}")
@routes.on("GET", "customObjects/records/{schema}/external/{id}")
def record(call: Call) -> Answer:
    """One record, by its id or its external id."""
    _check_allowed(call)
    store = call.account.store("customObjectRecords")
    return Answer(200, b'{"record":' + store.encoded(_existing(call, call.parts["id"])) + b"}")


@routes.on("POST", "customObjects/records/{schema}")
def upsert(call: Call) -> Answer:
    """201, whether the record is new or was there. Found by its external id or its id, and replaced as a whole:

    fields and relationships that are not sent are emptied (measured).
    """
    _check_allowed(call)
    schema = shown(call, "customObjectSchemas", call.parts["schema"])
    given = sent(call, "record")
    external, row_id = text(given.get("externalId")) or "", text(given.get("id")) or ""
    if not external and not row_id:
        raise Refusal(400, {"errors": [{"status": 400, "title": "Bad Request"}]})
    index = _found(call, external) if external else _existing(call, row_id)
    columns = {"fields": _fields(schema, given.get("fields")), "relationships": _related(given.get("relationships"))}
    store = call.account.store("customObjectRecords")
    if index is None:
        row_id = call.account.insert(store.name, schemaId=schema["id"], externalId=external, **columns)
        call.memory.of(_Births)[row_id] = time.monotonic()
    else:
        row_id = store.id_of(index)
        call.account.update(store.name, row_id, **columns)
    row = shown(call, store.name, row_id)
    call.memory.of(Writes).add(call.request, "record create" if index is None else "record update", row["externalId"])
    if call.settings.new_record_ids == "absent":
        del row["id"]
    return json_answer({"record": row}, 201)


@routes.on("DELETE", "customObjects/records/{schema}/{id}")
@routes.on("DELETE", "customObjects/records/{schema}/external/{id}")
def delete(call: Call) -> Answer:
    """202 with an empty body (documented, measured)."""
    _check_allowed(call)
    store = call.account.store("customObjectRecords")
    row_id = store.id_of(_existing(call, call.parts["id"]))
    call.memory.of(Writes).add(call.request, "record delete", shown(call, store.name, row_id)["externalId"])
    call.account.delete(store.name, row_id)
    return Answer(202, b"")


class _Births(dict[str, float]):
    """When records were made through the API, by their id, in seconds of the monotonic clock."""


def _existing(call: Call, wanted: str) -> int:
    """The record with an id or an external id. Raises Refusal, the usual 404, where there is none."""
    found = _found(call, wanted)
    if found is None:
        raise Refusal(404, {"message": "Not Found"})
    return found


def _found(call: Call, wanted: str) -> int | None:
    store = call.account.store("customObjectRecords")
    index = store.index_of(wanted)
    found = store.rows_with("externalId", wanted) if index is None else [index]
    return next((one for one in found if store.value(one, "schemaId") == call.parts["schema"]), None)


def _fields(schema: dict[str, Any], given: Any) -> list[dict[str, Any]]:
    """The values of a record. Raises Refusal for one that no field takes (documented)."""
    known = {one["id"]: one for one in schema["fields"]}
    found = []
    for one in given if isinstance(given, list) else []:
        name, value = one.get("id"), one.get("value")
        options = [option["value"] for option in known.get(name, {}).get("options") or []]
        chosen = value if isinstance(value, list) else [value]
        if name not in known or (options and value is not None and not set(chosen) <= set(options)):
            raise _invalid(str(name))
        found.append({"id": name, "value": value})
    return found


def _related(given: Any) -> dict[str, list[str]]:
    pairs = given.items() if isinstance(given, dict) else ()
    return {name: [str(one) for one in related] for name, related in pairs if isinstance(related, list)}


def _invalid(field: str) -> Refusal:
    """Its source is written otherwise than that of other resources (documented)."""
    error = {
        "title": f'Invalid value for field "{field}"',
        "detail": f"{field} cannot accept a value that is not defined in the schema.",
        "source": {"type": "pointer", "value": f"/data/attributes/{field}"},
    }
    return Refusal(422, {"errors": [error]})


def _check_allowed(call: Call) -> None:
    allowed = call.settings.custom_objects
    if allowed == "403":
        raise Refusal(403, {"message": "Forbidden"})
    if allowed == "404":
        raise Refusal(404, {"message": "Not Found"})


def _of_schema(call: Call) -> list[int]:
    schema_id = call.parts["schema"]
    schema = call.account.store("customObjectSchemas").index_of(schema_id)
    if schema is None:
        raise Refusal(404, {"message": "Not Found"})
    return call.account.store("customObjectRecords").children_of_parent(schema, schema_id)


def _listed(call: Call) -> list[int]:
    """The records of a schema that lists have: new ones may be missing for some seconds (measured)."""
    store, births = call.account.store("customObjectRecords"), call.memory.of(_Births)
    latest = time.monotonic() - call.settings.new_record_delay
    late = {row_id for row_id, born in births.items() if born > latest}
    return [index for index in _of_schema(call) if not late or store.id_of(index) not in late]


def _scrambled(indexes: Sequence[int], limit: int, offset: int) -> Sequence[int]:
    """A page of a list whose order is not the same from page to page: it overlaps others and misses rows."""
    mixed = list(indexes)
    random.Random(offset).shuffle(mixed)
    return mixed[offset : offset + limit]


def _filtered(call: Call, found: list[int], name: str, operator: str, value: str) -> list[int]:
    store = call.account.store("customObjectRecords")
    if name.startswith("relationships."):
        relation = name.partition(".")[2]
        return [i for i in found if value in store.value(i, "relationships").get(relation, [])]
    if name not in {"createdTimestamp", "updatedTimestamp"}:
        raise Refusal(400, {"errors": [{"status": 400, "title": "Bad Request"}]})
    if operator == "eq":
        return [i for i in found if store.value(i, name) == value]
    compare = _COMPARISONS.get(operator)
    if compare is None or call.settings.custom_object_filters != "work":
        return []
    return [i for i in found if compare(str(store.value(i, name)), value)]
