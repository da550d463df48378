"""Contacts, one by one: https://developers.activecampaign.com/reference/sync-a-contacts-data and its neighbours."""

from __future__ import annotations

from typing import Any

import orjson

from .. import contacts
from ..answers import Answer, Refusal, json_answer
from ..calls import Call
from ..custom_values import kind_of
from ..routing import Routes
from ..sent import is_malformed, is_valid, sent, text
from ..writes import Writes
from ..writing import check_value, refused, shown, status_of

routes = Routes()

_COLUMNS = ("email", "phone", "firstName", "lastName")


@routes.on("POST", "contacts")
def create(call: Call) -> Answer:
    """201, and only what was sent comes back (recorded); 422 where the email is taken (documented)."""
    given = sent(call, "contact")
    columns, values = _columns(given), _values(call, given)
    if not columns.get("email"):
        raise refused("The email address was not provided.", "email", "field_missing")
    _check_email(call, columns["email"])
    if contacts.find(call.account, columns["email"], call.settings.email_case) is not None:
        raise refused("Email address already exists in the system", "email", "duplicate")
    return _created(call, given, columns, values)


@routes.on("POST", "contact/sync")
def sync(call: Call) -> Answer:
    """Create or update by email. An update is partial, and an empty text overwrites (both measured)."""
    given = sent(call, "contact")
    columns = _columns(given)
    email = columns.get("email")
    if not email:
        detail = "Contact email must be provided for sync"
        raise Refusal(400, {"errors": [{"status": 400, "title": "Bad Request", "detail": detail}]})
    _check_email(call, email)
    values = _values(call, given)
    contact = contacts.find(call.account, email, call.settings.email_case)
    if contact is None:
        return _created(call, given, columns, values)
    # The email stays as it was written first: it was the key of this request, not a part of what it changes.
    del columns["email"]
    return _updated(call, contact, columns, values, status_of(call, created=False))


@routes.on("PUT", "contacts/{id}")
@routes.on("PATCH", "contacts/{id}")
def update(call: Call) -> Answer:
    """The full row, in which some dates are those of before (recorded). The email may change (recorded)."""
    contact = call.parts["id"]
    shown(call, "contacts", contact)
    given = sent(call, "contact")
    columns, values = _columns(given), _values(call, given)
    if "email" in columns:
        _check_email(call, columns["email"])
        if contacts.find(call.account, columns["email"], call.settings.email_case) not in {None, contact}:
            raise refused("Email address already exists in the system", "email", "duplicate")
    return _updated(call, contact, columns, values, 200)


@routes.on("DELETE", "contacts/{id}")
def delete(call: Call) -> Answer:
    """`{}`; 404 for a contact that does not exist, worded as nowhere else (documented)."""
    contact = call.parts["id"]
    if call.account.store("contacts").index_of(contact) is None:
        raise Refusal(404, {"message": f"No result found for contact with id {contact}"})
    call.memory.of(Writes).add(call.request, "delete", contacts.email_of(call.account, contact))
    call.account.delete("contacts", contact)
    return json_answer({})


def _columns(given: dict[str, Any]) -> dict[str, str]:
    """What was sent of a contact's own columns, as texts; unknown keys are ignored (measured)."""
    found = {name: text(given[name]) for name in _COLUMNS if name in given}
    return {name: value for name, value in found.items() if value is not None}


def _values(call: Call, given: dict[str, Any]) -> dict[str, str] | None:
    """What was sent for custom fields, by the ids of those that exist; None where nothing was. Raises Refusal."""
    if not isinstance(rows := given.get("fieldValues"), list):
        return None
    found: dict[str, str] = {}
    for row in rows:
        field = text(row.get("field")) if isinstance(row, dict) else None
        value = text(row.get("value")) if isinstance(row, dict) else None
        if field is None or value is None:
            continue
        if not field.isdigit() and call.settings.field_tags == "refused":
            raise refused("Field id not valid", "field")
        if kind_of(call.account, field) is not None:  # unknown ids are ignored in silence (measured)
            check_value(call, field, value)
            found[field] = value
    return found


def _check_email(call: Call, email: str) -> None:
    if not is_valid(email) or is_malformed(email, call.settings.malformed_emails):
        title, error = "Contact Email Address is not valid.", "must_be_valid_email_address"
        raise refused(title, "email", "email_invalid", error=error)


def _created(call: Call, given: dict[str, Any], columns: dict[str, str], values: dict[str, str] | None) -> Answer:
    contact = contacts.create(call.account, columns)
    sides = _with_values(call, contact, values)
    call.memory.of(Writes).add(call.request, "create", columns["email"])
    row = shown(call, "contacts", contact)
    echo = {
        **{name: given[name] for name in _COLUMNS if name in columns},
        "email_empty": False,
        **{name: row[name] for name in ("cdate", "udate")},
        **{"orgid": "", "orgname": ""},
        **{name: row[name] for name in ("links", "hash")},
        **({"fieldValues": [value["id"] for value in sides["fieldValues"]]} if sides else {}),
        **{"id": contact, "organization": ""},
    }
    return json_answer({**sides, "contact": echo}, 201)


def _updated(call: Call, contact: str, columns: dict[str, str], values: dict[str, str] | None, status: int) -> Answer:
    before = shown(call, "contacts", contact)
    if columns or values:
        call.account.update("contacts", contact, **columns)
        call.memory.of(Writes).add(call.request, "update", contacts.email_of(call.account, contact))
    sides = _with_values(call, contact, values)
    row = shown(call, "contacts", contact)
    stale = {name: before[name] for name in ("updated_timestamp", "updated_utc_timestamp")}
    return json_answer({**sides, "contact": {**row, **stale}}, status)


def _with_values(call: Call, contact: str, values: dict[str, str] | None) -> dict[str, list[Any]]:
    """Write the values; where some were sent, all that the contact has come back beside it, and their fields."""
    if values is None:
        return {}
    account = call.account
    contacts.put_values(account, contact, values)
    store = account.store("fieldValues")
    index = account.store("contacts").index_of(contact)
    rows = [orjson.loads(store.encoded(i)) for i in store.children_of_parent(index, contact)]
    fields = account.store("fields")
    used = [i for i in (fields.index_of(str(row["field"])) for row in rows) if i is not None]
    return {"fields": [orjson.loads(fields.encoded(i)) for i in sorted(set(used))], "fieldValues": rows}
