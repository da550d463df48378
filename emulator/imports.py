"""What one row of an import does to the account, as far as that is documented; for the rest there are settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import contacts
from .account import Account
from .custom_values import fits, kind_of
from .sent import is_malformed, is_valid, text
from .settings import Settings

Row = Mapping[str, Any]

_COLUMNS = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}
_LISTS = ("tags", "fields", "subscribe", "unsubscribe")
_EMAIL_CHANNELS = {"all", "allEmail", "several"}


def failure_of(row: Any, settings: Settings) -> str | None:
    """Why a row may not be queued, None where it may: the batch is refused for one such row.

    >>> failure_of({"email": "nobody"}, Settings())
    "Field 'email' incorrect format"
    """
    if not isinstance(row, dict) or not row.get("email"):
        return "Field 'email' not found"
    if not isinstance(row["email"], str) or is_malformed(row["email"], settings.malformed_emails):
        return "Field 'email' incorrect format"
    for name in _LISTS:
        if not isinstance(row.get(name, []), list):
            return f"Field '{name}' incorrect format"
    if not all(isinstance(tag, str) for tag in row.get("tags", [])):
        return "Field 'tags' incorrect format"
    for field in row.get("fields", []):
        if not isinstance(field, dict) or not {"id", "value"} <= set(field):
            return "Field 'fields' incorrect format"
    if settings.import_empty == "reject" and (empty := _empty_one(row)):
        return f"Field '{empty}' must not be empty"
    return None


def apply(account: Account, settings: Settings, row: Row) -> str | None:
    """Write a row that was queued. The id of the contact, or None where it is skipped: nobody is told why."""
    contact = contacts.find(account, row["email"], settings.email_case)
    values = _values(account, settings, row)
    if _is_skipped(account, settings, row, contact):
        return None
    if settings.value_checks == "on" and not all(fits(account, field, value) for field, value in values.items()):
        return None
    columns = {ours: value for sent, ours in _COLUMNS.items() if (value := _taken(settings, row, sent)) is not None}
    if contact is None:
        contact = contacts.create(account, {"email": row["email"], **columns})
    else:
        account.update("contacts", contact, **columns)
    if values:
        contacts.put_values(account, contact, values)
    if names := [tag for tag in row.get("tags", []) if tag]:
        contacts.add_tags(account, contact, names)
    _put_on_lists(account, contact, row)
    if name := text(row.get("customer_acct_name")):
        _put_in_account(account, settings, contact, name)
    return contact


def _empty_one(row: Row) -> str | None:
    found = next((name for name in _COLUMNS if name in row and text(row[name]) == ""), None)
    return found or next(("fields" for field in row.get("fields", []) if text(field["value"]) == ""), None)


def _taken(settings: Settings, row: Row, name: str) -> str | None:
    """The text of a column, None where it changes nothing."""
    value = text(row[name]) if name in row else None
    return None if value == "" and settings.import_empty == "ignore" else value


def _values(account: Account, settings: Settings, row: Row) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in row.get("fields", []):
        field_id, value = text(field["id"]) or "", _taken(settings, field, "value")
        if value is not None and kind_of(account, field_id) is not None:
            found[field_id] = value
    return found


def _is_skipped(account: Account, settings: Settings, row: Row, contact: str | None) -> bool:
    """The account's contact limit, an email that is no address, exclusions, and hard bounces (documented)."""
    store = account.store("contacts")
    if contact is None:
        limit = settings.contact_limit
        if limit is not None and len(store.alive) >= limit:
            return True
    else:
        index = store.index_of(contact)
        if index is not None and store.value(index, "bounced_hard") != "0":
            return True
    return not is_valid(row["email"]) or _is_excluded(account, row)


def _is_excluded(account: Account, row: Row) -> bool:
    """An exclusion without lists is one from the account; what one from a list does to a row is an assumption."""
    exclusions = account.store("exclusions")
    email = row["email"].lower()
    wanted = set(_list_ids(row.get("subscribe", [])))
    for index in exclusions.alive:
        phrase, kind, channel, lists = (
            exclusions.value(index, name) for name in ("matchPhrase", "matchType", "channel", "lists")
        )
        lowered = str(phrase).lower()
        matches = {
            "exact": email == lowered,
            "begin": email.startswith(lowered),
            "end": email.endswith(lowered),
        }
        if channel in _EMAIL_CHANNELS and matches.get(kind) and (not lists or wanted.intersection(lists)):
            return True
    return False


def _list_ids(entries: Iterable[Any]) -> list[str]:
    return [found for one in entries if isinstance(one, dict) and (found := text(one.get("listid")))]


def _put_on_lists(account: Account, contact: str, row: Row) -> None:
    """`subscribe` leaves alone who unsubscribed (documented) or bounced; lists that do not exist are ignored."""
    wanted = dict.fromkeys(_list_ids(row.get("subscribe", [])), "1")
    wanted |= dict.fromkeys(_list_ids(row.get("unsubscribe", [])), "2")
    if not wanted:
        return
    lists, have = account.store("lists"), contacts.memberships(account, contact)
    for list_id, status in wanted.items():
        left = status == "1" and have.get(list_id) in {"2", "3"}
        if not left and lists.index_of(list_id) is not None:
            contacts.set_status(account, contact, list_id, status)


def _put_in_account(account: Account, settings: Settings, contact: str, name: str) -> None:
    wanted = contacts.find_account(account, name)
    if wanted is None and settings.import_accounts == "create":
        wanted = contacts.create_account(account, name)
    if wanted is None:
        return
    link = contacts.link_of(account, contact)
    if link is None:
        account.insert("accountContacts", contact=contact, account=wanted, jobTitle="")
    elif settings.import_account_links == "replace":
        account.update("accountContacts", link, account=wanted)
