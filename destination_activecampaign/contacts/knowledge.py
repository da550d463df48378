"""What a sync knows of the account's contacts: all of them, those that it asked for, or none."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from destination_activecampaign.contacts.change import Change
from destination_activecampaign.contacts.differences import needs_to_know
from destination_activecampaign.contacts.known import Contact, after, key_of
from destination_activecampaign.contacts.pending import Pending
from destination_activecampaign.contacts.reader import ContactReader
from destination_activecampaign.contacts.snapshot import Snapshot


class Knowledge:
    """Contacts as the account has them; safe to share between threads. Whatever has to ask raises ApiError.

    `executor` asks for several contacts at once.
    """

    def __init__(self, reader: ContactReader, executor: Executor) -> None:
        self._reader = reader
        self._executor = executor
        self._snapshot: Snapshot | None = None
        self._count: int | None = None
        self._lock = threading.Lock()

    @property
    def is_whole(self) -> bool:
        return self._snapshot is not None

    def include(self, relations: Iterable[str]) -> None:
        """Read these with contacts from now on; what was read without them is of no use any more."""
        if not self._reader.relations.issuperset(relations):
            self._reader.relations |= set(relations)
            self._snapshot = None

    def count(self) -> int:
        """How many contacts the account has, asked once."""
        with self._lock:
            if self._count is None:
                self._count = self._reader.total()
            return self._count

    def read_all(self) -> None:
        """Read all contacts, once."""
        if self._snapshot is None:
            self._snapshot = Snapshot(self._reader.all())

    def by_ids(self, ids: Sequence[str]) -> dict[str, Contact]:
        """The contacts with these ids, by id."""
        if self._snapshot:
            return self._snapshot.of_ids(ids)
        return self._reader.by_ids(ids) if ids else {}

    def by_ids_now(self, ids: Sequence[str]) -> dict[str, Contact]:
        """The contacts with these ids as the account has them now, by id."""
        return self._reader.by_ids(ids)

    def find(self, pendings: Sequence[Pending], is_asked_for: Callable[[Pending], bool]) -> None:
        """Fill in what the account has of each, as far as all contacts were read; else of those to be asked for."""
        if self._snapshot:
            found = self._snapshot.of([one.key for one in pendings])
            for one in pendings:
                one.contact, one.is_known = found.get(one.key), True
            asked = [one for one in pendings if one.contact and not _is_enough(one.contact, one.change)]
        else:
            asked = [one for one in pendings if not one.is_known and is_asked_for(one)]
        for _ in self._executor.map(self.ask, asked):
            pass

    def ask(self, one: Pending) -> None:
        """Fill in what the account has of one contact now; one that rows know by its id may have another address."""
        if one.change.id:
            one.contact = self._reader.by_ids([one.change.id]).get(one.change.id)
        else:
            one.contact = self._reader.by_email(one.contact.email if one.contact else one.email)
        one.is_known = True
        if self._snapshot and one.contact:
            self._snapshot.put([one.contact])

    def has_written(self, change: Change, contact: Contact | None, account_id: str) -> None:
        """A change of a contact was written; `account_id` is that of the account that the change names."""
        if not self._snapshot:
            return
        if contact:
            self._snapshot.forget([contact.key])
        if not change.deletes:
            self._snapshot.put([after(change, contact, account_id)])

    def doubts(self, key: str, contact: Contact | None) -> None:
        """Whether a change of a contact was written is not known, or only a part of it was."""
        if self._snapshot:
            self._snapshot.put([replace(contact or Contact("", key_of(key)), is_whole=False)])


def _is_enough(contact: Contact, change: Change) -> bool:
    """Whether what is known of a contact is enough to write a change: a part of it may have no ids yet."""
    return contact.is_whole and (contact.has_ids or not needs_to_know(change))
