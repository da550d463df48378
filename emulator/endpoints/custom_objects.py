"""Custom objects: their schemas and records."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from ..answers import Answer, Refusal
from ..calls import Call
from ..envelopes import counted, counted_list
from ..routing import Routes

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
    store, found = call.account.store("customObjectRecords"), _of_schema(call)
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
    store, wanted = call.account.store("customObjectRecords"), call.parts["id"]
    index = store.index_of(wanted)
    found = store.rows_with("externalId", wanted) if index is None else [index]
    for index in found:
        if store.value(index, "schemaId") == call.parts["schema"]:
            return Answer(200, b'{"record":' + store.encoded(index) + b"}")
    raise Refusal(404, {"message": "Not Found"})


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
