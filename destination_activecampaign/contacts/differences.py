"""What of a change the account does not have already, and which of its endpoints can write it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from activecampaign_client.custom_fields import Definition
from activecampaign_client.letter_case import small_letters
from destination_activecampaign.catalog import Mode
from destination_activecampaign.contacts.change import Change, Ending
from destination_activecampaign.contacts.known import LEFT, SUBSCRIBED, UNSUBSCRIBED, Contact
from destination_activecampaign.same import is_same

Fields = Mapping[str, Definition]
NO_ACCOUNTS: Mapping[str, str] = {}


def not_subscribed(change: Change, contact: Contact) -> dict[str, str]:
    """The lists that a change subscribes the contact to and the importer does not, with the status that it has there.

    >>> left = Contact("7", "ann@example.com", lists={"1": "2"})
    >>> not_subscribed(Change("ann@example.com", lists={"1": True, "2": True}), left)
    {'1': '2'}
    """
    return {
        one: contact.lists[one] for one, wanted in change.lists.items() if wanted and contact.lists.get(one) in LEFT
    }


class Difference(NamedTuple):
    """What of a change is left to be written, and the lists that the contact may not be subscribed to again.

    `refused` are those lists with the status that it has there.
    """

    change: Change
    refused: dict[str, str]


def difference(
    change: Change,
    contact: Contact | None,
    fields: Fields,
    account_ids: Mapping[str, str] = NO_ACCOUNTS,
    *,
    resubscribe: bool = False,
) -> Difference:
    """What is left of a change, given what the account has; None is a contact that it does not have.

    `account_ids` are those of the accounts that the change names, by name in small letters. An ending is left as what
    it takes: for UNSUBSCRIBE, the lists to leave.

    >>> ann = Contact("7", "ann@example.com", {"firstName": "Ann"}, tags={"vip": "12"})
    >>> left = difference(Change("ann@example.com", standard={"firstName": "Ann", "phone": "1"}), ann, {}).change
    >>> left.standard, left.is_empty
    ({'phone': '1'}, False)
    """
    known = contact or Contact("", change.email)
    if change.ending is Ending.UNSUBSCRIBE:
        active = {
            one: False
            for one, status in known.lists.items()
            if status != UNSUBSCRIBED and (not change.lists or one in change.lists)
        }
        return Difference(Change(known.email, known.id, change.mode, lists=active), {})
    refused = {} if resubscribe else not_subscribed(change, known)
    lists = {
        one: wanted
        for one, wanted in change.lists.items()
        if one not in refused and known.lists.get(one) != (SUBSCRIBED if wanted else UNSUBSCRIBED)
    }
    left = replace(
        change,
        standard={name: text for name, text in change.standard.items() if text != known.standard.get(name, "")},
        values={
            one: text
            for one, text in change.values.items()
            if not is_same(fields.get(one), text, known.values.get(one))
        },
        lists=lists,
        **_association_left(change, known, account_ids),
        **_tags_left(change, known),
    )
    return Difference(left, refused)


def _association_left(change: Change, known: Contact, account_ids: Mapping[str, str]) -> dict[str, Any]:
    account, has = change.account, known.account
    if account is None and has and has.account in {account_ids.get(name) for name in change.left_accounts}:
        account = ""
    if account:
        title = change.job_title
        is_there = has is not None and has.account == account_ids.get(small_letters(account))
        if is_there and (title is None or (has is not None and has.job_title == title)):
            account = None
    elif has is None:
        account = None
    return {
        "account": account,
        "job_title": change.job_title if account else None,
        "left_accounts": frozenset(),
    }


def _tags_left(change: Change, known: Contact) -> dict[str, Any]:
    wanted = dict(change.add_tags)
    unwanted = set(change.remove_tags)
    if change.whole_tags is not None:
        wanted = {**change.whole_tags, **wanted}
        unwanted |= known.tags.keys() - wanted.keys()
    wanted = {tag: name for tag, name in wanted.items() if tag not in change.remove_tags}
    return {
        "whole_tags": None,
        "add_tags": {tag: name for tag, name in wanted.items() if tag not in known.tags},
        "remove_tags": frozenset(unwanted & known.tags.keys()),
    }


def needs_to_know(change: Change) -> bool:
    """Whether only somebody who knows what the account has of the contact can write a change.

    >>> needs_to_know(Change("a@example.com", lists={"1": True})), needs_to_know(Change("a@example.com", account="A"))
    (False, True)
    """
    return (
        change.mode is not Mode.UPSERT
        or bool(change.id)
        or change.clears
        or bool(change.remove_tags)
        or change.whole_tags is not None
        or change.account is not None
        or bool(change.left_accounts)
    )


def for_importer(change: Change, contact: Contact | None) -> tuple[Change | None, Change | None]:
    """A change in two: what the importer can write, and what has to follow one by one; None is nothing of the kind.

    The importer adds tags, but removes none, it subscribes nobody who has unsubscribed
    (https://developers.activecampaign.com/reference/bulk-import-contacts), it knows no job titles, and whether it
    clears anything, or moves a contact from one account to another, is documented nowhere. It finds contacts by their
    email address alone.

    >>> ann = Contact("7", "ann@example.com")
    >>> importer, after = for_importer(Change("ann@example.com", values={"1": "x", "2": ""}), ann)
    >>> importer.values, after.values
    ({'1': 'x'}, {'2': ''})
    """
    if contact and change.renames(contact.email):
        return None, change
    again = dict.fromkeys(not_subscribed(change, contact), True) if contact else {}
    is_known = contact is not None and contact.account is not None
    moves = change.account is not None and (not change.account or is_known or change.job_title is not None)
    rest = replace(
        change,
        standard={name: text for name, text in change.standard.items() if not text},
        values={one: text for one, text in change.values.items() if not text},
        add_tags={},
        lists=again,
        account=change.account if moves else None,
        job_title=change.job_title if moves else None,
    )
    importer = replace(
        change,
        standard={name: text for name, text in change.standard.items() if text},
        values={one: text for one, text in change.values.items() if text},
        remove_tags=frozenset(),
        lists={one: wanted for one, wanted in change.lists.items() if one not in again},
        account=None if moves else change.account,
        job_title=None,
    )
    return None if contact and importer.is_empty else importer, None if rest.is_empty else rest
