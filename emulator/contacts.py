"""How a write changes a contact and what belongs to it: the same for single requests and for imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import clock
from .account import Account
from .custom_values import kind_of, stored

# What a contact has that nobody has sent anything to yet, as answers were recorded.
_NEW = {
    "firstName": "",
    "lastName": "",
    "phone": "",
    **dict.fromkeys(("bounced_hard", "bounced_soft", "ip", "sentcnt", "gravatar"), "0"),
    **dict.fromkeys(("bounced_date", "deleted_at", "rating_tstamp", "socialdata_lastcheck", "adate", "edate")),
    **dict.fromkeys(("last_open_date", "last_click_date", "last_mpp_open_date", "sms_consent_updated_at")),
    **dict.fromkeys(("ua", "best_send_hour", "organization", "whatsapp_id", "whatsapp_username")),
    "sms_consent": "unknown",
}
_NEW_MEMBERSHIP = {
    **dict.fromkeys(("ip4Sub", "ip4_last"), "0"),
    **dict.fromkeys(("campaign", "form", "udate")),
    "unsubreason": "",
    "sourceid": "4",
}


def find(account: Account, email: str, case: str) -> str | None:
    """The id of the contact with an email; `case` is the setting `email_case`."""
    contacts = account.store("contacts")
    found = contacts.rows_with("email", email, folded=case == "ignored")
    return contacts.id_of(found[0]) if found else None


def email_of(account: Account, contact: str) -> str:
    """The email of a contact that exists."""
    contacts = account.store("contacts")
    index = contacts.index_of(contact)
    return "" if index is None else str(contacts.value(index, "email"))


def create(account: Account, columns: Mapping[str, str]) -> str:
    """Add a contact and return its id; `columns` are email, firstName, lastName and phone, as far as they are known."""
    return account.insert("contacts", **{**_NEW, **columns})


def put_values(account: Account, contact: str, values: Mapping[str, str]) -> None:
    """Write values by the ids of their fields; a pair of contact and field that exists keeps its row."""
    rows = _own(account, "fieldValues", contact, "field")
    for field, value in values.items():
        kept = stored(kind_of(account, field) or "", value)
        if row_id := rows.get(field):
            account.update("fieldValues", row_id, value=kept)
        else:
            account.insert("fieldValues", contact=contact, field=field, value=kept)


def value_row(account: Account, contact: str, field: str) -> str | None:
    """The id of a contact's row for a field."""
    return _own(account, "fieldValues", contact, "field").get(field)


def find_tag(account: Account, name: str, kind: str = "contact") -> str | None:
    """The id of a tag of a kind, by its name in whatever case: the database's key is (tagType, tag)."""
    tags = account.store("tags")
    found = [i for i in tags.rows_with("tag", name, folded=True) if tags.value(i, "tagType") == kind]
    return tags.id_of(found[0]) if found else None


def add_tag(account: Account, contact: str, tag: str) -> tuple[str, bool]:
    """Put a tag on a contact. The id of the link, and whether it is new: one that was there stays as it is."""
    if link := _own(account, "contactTags", contact, "tag").get(tag):
        return link, False
    return account.insert("contactTags", contact=contact, tag=tag), True


def add_tags(account: Account, contact: str, names: list[str]) -> None:
    """Put tags on a contact by their names; those that no tag has are created."""
    have = _own(account, "contactTags", contact, "tag") if names else {}
    for name in names:
        tag = find_tag(account, name) or account.add_tag(name)
        if tag not in have:
            have[tag] = account.insert("contactTags", contact=contact, tag=tag)


def set_status(account: Account, contact: str, list_id: str, status: str, **more: Any) -> tuple[str, bool]:
    """Subscribe (1), unsubscribe (2) or whatever a status means. The id of the membership, and whether it is new.

    The same status again keeps the dates (recorded).
    """
    now = clock.iso(int(account.clock()))
    row_id = _own(account, "contactLists", contact, "list").get(list_id)
    dates = {"udate": now} if status == "2" else {"sdate": now}
    if row_id is None:
        new = {**_NEW_MEMBERSHIP, "sdate": now, **dates, **more}
        return account.insert("contactLists", contact=contact, list=list_id, status=status, **new), True
    if status_of(account, row_id) != status:
        account.update("contactLists", row_id, status=status, **{**dates, **more})
    return row_id, False


def memberships(account: Account, contact: str) -> dict[str, str]:
    """The status of a contact by the ids of the lists that it is or was on."""
    rows = _own(account, "contactLists", contact, "list")
    return {list_id: status_of(account, row_id) for list_id, row_id in rows.items()}


def status_of(account: Account, membership: str) -> str:
    """The status of a membership that exists."""
    store = account.store("contactLists")
    index = store.index_of(membership)
    return "" if index is None else str(store.value(index, "status"))


def find_account(account: Account, name: str) -> str | None:
    """The id of the account (a company) with a name, in whatever case."""
    accounts = account.store("accounts")
    found = accounts.rows_with("name", name, folded=True)
    return accounts.id_of(found[0]) if found else None


def create_account(account: Account, name: str, **columns: Any) -> str:
    """Add an account and return its id."""
    return account.insert("accounts", **{"name": name, "accountUrl": "", "owner": "1", **columns})


def link_of(account: Account, contact: str) -> str | None:
    """The id of a contact's association with an account: it has one at most (documented)."""
    return next(iter(_own(account, "accountContacts", contact, "account").values()), None)


def _own(account: Account, resource: str, contact: str, column: str) -> dict[str, str]:
    """The ids of a contact's rows of a resource, by what they have in a column."""
    store, contacts = account.store(resource), account.store("contacts")
    found = store.children_of_parent(contacts.index_of(contact), contact)
    return {str(store.value(i, column)): store.id_of(i) for i in reversed(found)}
