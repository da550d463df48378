"""Accounts (companies) and their contacts: https://developers.activecampaign.com/reference/create-an-account-new"""

from __future__ import annotations

from typing import Any

from ..answers import Answer, json_answer
from ..calls import Call
from ..contacts import create_account, email_of, find_account, link_of
from ..entity_values import ACCOUNT, saved
from ..routing import Routes
from ..sent import sent, text
from ..writes import Writes
from ..writing import refused, shown

routes = Routes()


@routes.on("POST", "accounts")
def create(call: Call) -> Answer:
    """201; 422 without a name, and where it is taken (both documented)."""
    given = sent(call, "account")
    name = text(given.get("name"))
    if not name:
        raise refused("The account name was not provided.", "name", "field_missing")
    _check_free(call, name, None)
    account_id = create_account(call.account, name, **_columns(given))
    call.memory.of(Writes).add(call.request, "company create", name)
    return _answer(call, account_id, given, 201, ("name", "accountUrl", "createdTimestamp", "updatedTimestamp"))


@routes.on("PUT", "accounts/{id}")
@routes.on("PATCH", "accounts/{id}")
def update(call: Call) -> Answer:
    """200; partial (recorded for both methods)."""
    account_id, given = call.parts["id"], sent(call, "account")
    row = shown(call, "accounts", account_id)
    name = text(given.get("name"))
    if name:
        _check_free(call, name, account_id)
    columns = {**_columns(given), **({"name": name} if name else {})}
    if columns:
        call.account.update("accounts", account_id, **columns)
    call.memory.of(Writes).add(call.request, "company update", row["name"])
    return _answer(call, account_id, given, 200, tuple(row))


@routes.on("DELETE", "accounts/{id}")
def delete(call: Call) -> Answer:
    """`{}`; its associations go with it (both recorded)."""
    account_id = call.parts["id"]
    call.memory.of(Writes).add(call.request, "company delete", shown(call, "accounts", account_id)["name"])
    links = call.account.store("accountContacts")
    for index in links.rows_with("account", account_id):
        call.account.delete("accountContacts", links.id_of(index))
    call.account.delete("accounts", account_id)
    return json_answer({})


@routes.on("POST", "accountContacts")
def link(call: Call) -> Answer:
    """201; 422 for a contact that has an account: it can have one only (documented)."""
    given = sent(call, "accountContact")
    account_id, contact = _existing(call, "account", given), _existing(call, "contact", given)
    if link_of(call.account, contact) is not None:
        title = "The contact is already associated with an account. We do not support contacts on multiple accounts."
        raise refused(title, "contact", "duplicate")
    job = text(given.get("jobTitle")) or ""
    link_id = call.account.insert("accountContacts", contact=contact, account=account_id, jobTitle=job)
    call.memory.of(Writes).add(call.request, "account", email_of(call.account, contact))
    row = shown(call, "accountContacts", link_id)
    echo = {key: given[key] for key in ("account", "contact", "jobTitle") if key in given}
    rest = {key: row[key] for key in ("createdTimestamp", "updatedTimestamp", "links", "id")}
    return json_answer({"accountContact": {**echo, **rest}}, 201)


@routes.on("PUT", "accountContacts/{id}")
@routes.on("PATCH", "accountContacts/{id}")
def change_link(call: Call) -> Answer:
    """200 with the whole row. Whether the account can change this way is not known (`account_changes`)."""
    link_id, given = call.parts["id"], sent(call, "accountContact")
    row = shown(call, "accountContacts", link_id)
    columns = {"jobTitle": text(given["jobTitle"]) or ""} if "jobTitle" in given else {}
    if given.get("account") and call.settings.account_changes == "applied":
        columns["account"] = _existing(call, "account", given)
    if columns:
        call.account.update("accountContacts", link_id, **columns)
        call.memory.of(Writes).add(call.request, "account", email_of(call.account, row["contact"]))
    return json_answer({"accountContact": shown(call, "accountContacts", link_id)})


@routes.on("DELETE", "accountContacts/{id}")
def unlink(call: Call) -> Answer:
    """`{}`; 404 for an association that does not exist (documented)."""
    row = shown(call, "accountContacts", call.parts["id"])
    call.memory.of(Writes).add(call.request, "unaccount", email_of(call.account, row["contact"]))
    call.account.delete("accountContacts", call.parts["id"])
    return json_answer({})


def _check_free(call: Call, name: str, account_id: str | None) -> None:
    if find_account(call.account, name) not in {None, account_id}:
        raise refused(f"An account named {name} already exists.", "name", "duplicate")


def _existing(call: Call, what: str, given: dict[str, Any]) -> str:
    """The id of the contact or account that was sent. Raises Refusal for none, and for one that there is not."""
    row_id = text(given.get(what))
    if not row_id:
        raise refused(f"The {what} attribute was not provided", what, "field_missing")
    if call.account.store(f"{what}s").index_of(row_id) is None:
        raise refused(f"The {what} is not valid", what, "field_invalid")
    return row_id


def _columns(given: dict[str, Any]) -> dict[str, str]:
    found = {key: text(given[key]) for key in ("accountUrl", "owner") if key in given}
    return {key: value for key, value in found.items() if value is not None}


def _answer(call: Call, account_id: str, given: dict[str, Any], status: int, columns: tuple[str, ...]) -> Answer:
    """The answer to a write, after the custom fields that ride in it were saved."""
    sides = saved(call, ACCOUNT, account_id, given)
    row = shown(call, "accounts", account_id)
    account = {**{key: row[key] for key in columns}, "links": [], **sides, "id": account_id}
    return json_answer({"account": account}, status)
