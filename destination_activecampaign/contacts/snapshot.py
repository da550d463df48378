"""All contacts of the account as they were when a sync began, with what it has written since."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any

import orjson

from destination_activecampaign.contacts.known import Association, Contact, key_of
from destination_activecampaign.kept import Kept, Part

_AT_ONCE = 500
_PARTS = tuple(one.name for one in fields(Contact))


class Snapshot:
    """Contacts by email address and by id, on the disk; safe to share between threads.

    >>> snapshot = Snapshot([Contact("7", "Ann@example.com", {"firstName": "Ann"})])
    >>> snapshot.of(["ann@example.com", "bob@example.com"])["ann@example.com"].standard
    {'firstName': 'Ann'}
    """

    def __init__(self, contacts: Iterable[Contact]) -> None:
        self._kept = Kept()
        rest = iter(contacts)
        while some := list(islice(rest, _AT_ONCE)):
            self.put(some)

    def put(self, contacts: Sequence[Contact]) -> None:
        """Keep these contacts in the place of those with their email addresses."""
        self._kept.put([Part(one.key, one.key, one.id, orjson.dumps(_parts(one))) for one in contacts])

    def forget(self, emails: Sequence[str]) -> None:
        """These contacts are no more."""
        self._kept.forget([key_of(email) for email in emails])

    def of(self, emails: Sequence[str]) -> dict[str, Contact]:
        """The contacts with these email addresses, by the address in small letters."""
        found = map(_restored, self._kept.with_keys([key_of(email) for email in emails]))
        return {contact.key: contact for contact in found}

    def of_ids(self, ids: Sequence[str]) -> dict[str, Contact]:
        """The contacts with these ids, by id."""
        return {contact.id: contact for contact in map(_restored, self._kept.with_ids(ids))}


def _parts(contact: Contact) -> list[Any]:
    """What a contact is made of, in types that JSON has."""
    parts = [getattr(contact, name) for name in _PARTS]
    return [tuple(part) if isinstance(part, Association) else part for part in parts]


def _restored(parts: bytes) -> Contact:
    identifier, email, standard, values, tags, lists, account, bounced, is_whole = orjson.loads(parts)
    link = Association(*account) if account else None
    return Contact(identifier, email, standard, values, tags, lists, link, bounced, is_whole)
