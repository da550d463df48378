"""Values of contacts' custom fields, and the options of fields.

https://developers.activecampaign.com/reference/create-fieldvalue and its neighbours.
"""

from __future__ import annotations

from typing import Any

from ..answers import Answer, Refusal, json_answer
from ..calls import Call
from ..contacts import email_of, put_values, value_row
from ..custom_values import kind_of
from ..routing import Routes
from ..sent import sent, sent_body, text
from ..writes import Writes
from ..writing import check_value, refused, shown, status_of

routes = Routes()

_NO_FIELD = "Field id not valid"


@routes.on("POST", "fieldValues")
def create(call: Call) -> Answer:
    """Create or update: a pair of contact and field keeps its id. A tag or a title is no field (both measured)."""
    given = sent(call, "fieldValue")
    contact, field, value = (text(given.get(key)) or "" for key in ("contact", "field", "value"))
    if kind_of(call.account, field) is None:
        raise refused(_NO_FIELD, "field")
    shown(call, "contacts", contact or "0")
    check_value(call, field, value)
    is_new = value_row(call.account, contact, field) is None
    put_values(call.account, contact, {field: value})
    row_id = value_row(call.account, contact, field)
    return _written(call, row_id or "", given, status_of(call, is_new, documented=200))


@routes.on("PUT", "fieldValues/{id}")
@routes.on("PATCH", "fieldValues/{id}")
def update(call: Call) -> Answer:
    """200. Only the value changes; contact and field come back as they were sent."""
    row_id, given = call.parts["id"], sent(call, "fieldValue")
    row = _existing(call, row_id)
    value = text(given.get("value")) if "value" in given else None
    if value is not None:
        check_value(call, row["field"], value)
        put_values(call.account, row["contact"], {row["field"]: value})
    return _written(call, row_id, given, 200, more=("created_by", "updated_by"), changed=value is not None)


@routes.on("DELETE", "fieldValues/{id}")
def delete(call: Call) -> Answer:
    """`{}`, then 404 (both recorded)."""
    row = _existing(call, call.parts["id"])
    call.memory.of(Writes).add(call.request, "unvalue", email_of(call.account, row["contact"]))
    call.account.delete("fieldValues", call.parts["id"])
    return json_answer({})


@routes.on("POST", "fieldOption/bulk")
def add_options(call: Call) -> Answer:
    """201 with the options, numbers as they were sent; the error of a body without a list is a text (documented)."""
    given = sent_body(call).get("fieldOptions")
    if not isinstance(given, list) or not given or not all(isinstance(option, dict) for option in given):
        what = "Bulk operation failed. Request must contain an array of fieldOption objects."
        raise Refusal(422, {"errors": what})
    if any(kind_of(call.account, text(option.get("field")) or "") is None for option in given):
        raise refused(_NO_FIELD, "field")
    return json_answer({"fieldOptions": [_option(call, option) for option in given]}, 201)


def _option(call: Call, given: dict[str, Any]) -> dict[str, Any]:
    value = text(given.get("value")) or ""
    columns = {
        "value": value,
        "label": text(given.get("label")) or value,
        "isdefault": "1" if text(given.get("isdefault")) == "1" else "0",
        **({"orderid": text(given["orderid"])} if given.get("orderid") is not None else {}),
    }
    row_id = call.account.insert("fieldOptions", field=text(given["field"]), **columns)
    row = shown(call, "fieldOptions", row_id)
    echo: dict[str, Any] = {key: given[key] for key in ("orderid", "value", "label", "field") if key in given}
    rest = {key: row[key] for key in ("cdate", "udate", "links", "id")}
    return {**echo, "isdefault": int(row["isdefault"]), **rest}


def _existing(call: Call, row_id: str) -> dict[str, Any]:
    if call.account.store("fieldValues").index_of(row_id) is None:
        raise Refusal(404, {"message": f"No Result found for FieldValue with id {row_id}"})
    return shown(call, "fieldValues", row_id)


def _written(
    call: Call, row_id: str, given: dict[str, Any], status: int, more: tuple[str, ...] = (), changed: bool = True
) -> Answer:
    row = shown(call, "fieldValues", row_id)
    if changed:
        call.memory.of(Writes).add(call.request, "value", email_of(call.account, row["contact"]))
    echo = {key: given.get(key, row[key]) for key in ("contact", "field", "value")}
    rest = {key: row[key] for key in ("cdate", "udate", *more)}
    value = {**echo, **rest, "owner": given.get("contact", row["owner"]), "links": row["links"], "id": row_id}
    return json_answer({"contacts": [shown(call, "contacts", row["contact"])], "fieldValue": value}, status)
