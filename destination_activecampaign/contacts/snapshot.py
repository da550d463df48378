"""All contacts of the account as they were when a sync began, with what it has written since."""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any

import orjson

from destination_activecampaign.contacts.known import Association, Contact, key_of

_AT_ONCE = 500
_PARTS = tuple(one.name for one in fields(Contact))


class Snapshot:
    """Contacts by email address and by id, in a temporary database on the disk; safe to share between threads.

    >>> snapshot = Snapshot([Contact("7", "Ann@example.com", {"firstName": "Ann"})])
    >>> snapshot.of(["ann@example.com", "bob@example.com"])["ann@example.com"].standard
    {'firstName': 'Ann'}
    """

    def __init__(self, contacts: Iterable[Contact]) -> None:
        self._lock = threading.Lock()
        # An empty name is a private file that is gone with the connection.
        self._contacts = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._contacts.execute("PRAGMA journal_mode = OFF")
        self._contacts.execute("CREATE TABLE contact (email TEXT PRIMARY KEY, id TEXT, parts BLOB) WITHOUT ROWID")
        self._contacts.execute("CREATE INDEX by_id ON contact (id)")
        rest = iter(contacts)
        while some := list(islice(rest, _AT_ONCE)):
            self.put(some)

    def put(self, contacts: Sequence[Contact]) -> None:
        """Keep these contacts in the place of those with their email addresses."""
        rows = [(one.key, one.id, orjson.dumps(_parts(one))) for one in contacts]
        with self._lock:
            self._contacts.executemany("INSERT OR REPLACE INTO contact VALUES (?, ?, ?)", rows)

    def forget(self, emails: Sequence[str]) -> None:
        """These contacts are no more."""
        with self._lock:
            self._contacts.executemany("DELETE FROM contact WHERE email = ?", [(key_of(email),) for email in emails])

    def of(self, emails: Sequence[str]) -> dict[str, Contact]:
        """The contacts with these email addresses, by the address in small letters."""
        found = self._where("email", [key_of(email) for email in emails])
        return {contact.key: contact for contact in found}

    def of_ids(self, ids: Sequence[str]) -> dict[str, Contact]:
        """The contacts with these ids, by id."""
        return {contact.id: contact for contact in self._where("id", ids)}

    def close(self) -> None:
        with self._lock:
            self._contacts.close()

    def _where(self, column: str, values: Sequence[str]) -> list[Contact]:
        found: list[Contact] = []
        for start in range(0, len(values), _AT_ONCE):
            some = values[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            with self._lock:
                rows = self._contacts.execute(
                    f"SELECT parts FROM contact WHERE {column} IN ({marks})",  # noqa: S608 - marks only
                    some,
                ).fetchall()
            found += [_restored(parts) for (parts,) in rows]
        return found


def _parts(contact: Contact) -> list[Any]:
    """What a contact is made of, in types that JSON has."""
    parts = [getattr(contact, name) for name in _PARTS]
    return [tuple(part) if isinstance(part, Association) else part for part in parts]


def _restored(parts: bytes) -> Contact:
    identifier, email, standard, values, tags, lists, account, bounced, is_whole = orjson.loads(parts)
    link = Association(*account) if account else None
    return Contact(identifier, email, standard, values, tags, lists, link, bounced, is_whole)
