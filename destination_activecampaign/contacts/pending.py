"""The contacts that wait to be written, each with the rows that are about it, and which of them may be written now."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from destination_activecampaign.catalog import Target
from destination_activecampaign.contacts.change import Change, merge
from destination_activecampaign.contacts.known import Contact, key_of
from destination_activecampaign.writer import Outcome, Row


@dataclass
class Said:
    """One row, and what it says."""

    target: Target
    row: Row
    change: Change


@dataclass
class Pending:
    """One contact, what the rows about it say together, and, where that `is_known`, what the account has of it.

    `email` is what the account knows the contact by, and `key` that in small letters; where rows know it by its id, it
    is only true as long as nothing else is written to the contact (see `found`). With the id and the address that the
    contact is to have, these are the `keys` that nothing else may be written to meanwhile. `refused` are the lists that
    it may not be subscribed to, with the status that it has there. `outcome` is what its rows have become once it is
    written.
    """

    email: str
    change: Change
    rows: list[Said]
    is_known: bool = False
    contact: Contact | None = None
    refused: dict[str, str] = field(default_factory=dict)
    outcome: Outcome = Outcome.WRITTEN
    keys: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._set_keys()

    @property
    def key(self) -> str:
        return key_of(self.email)

    def found(self, contact: Contact) -> None:
        """The account has this contact under the id of the change."""
        self.email, self.contact, self.is_known = contact.email, contact, True
        self._set_keys()

    def begin(self) -> None:
        """Its turn has come: whoever is known by an id keeps the address that the account has, unless told otherwise.

        The keys stay as they are from now on, whatever becomes of the change.
        """
        self.change = self._with_address(self.change)
        for said in self.rows:
            said.change = self._with_address(said.change)

    def _with_address(self, change: Change) -> Change:
        return replace(change, email=change.email or self.email)

    def forget(self) -> None:
        """What is known of the contact now will not be so when its turn comes."""
        self.is_known, self.contact = False, None

    def _set_keys(self) -> None:
        identifier = f"#{self.change.id}" if self.change.id else ""
        self.keys = frozenset({self.key, key_of(self.change.email), identifier} - {""})


def merged(pendings: Iterable[Pending]) -> list[Pending]:
    """The same with the changes of one contact in one, in the order of their first rows, wherever they can be merged.

    >>> ann = [Pending("a@example.com", Change("a@example.com", values={"1": text}), []) for text in "xy"]
    >>> [one.change.values for one in merged(ann)]
    [{'1': 'y'}]
    """
    found: list[Pending] = []
    last: dict[str, Pending] = {}
    for one in pendings:
        before = last.get(one.key)
        both = merge(before.change, one.change) if before and before.keys == one.keys else None
        if before and both:
            before.change = both
            before.rows += one.rows
        else:
            found.append(one)
            last.update(dict.fromkeys(one.keys, one))
    return found


def ready(pendings: Iterable[Pending], busy: Iterable[str]) -> tuple[list[Pending], list[Pending]]:
    """Those that may be written now, and those that have to wait, for one of the first or for one of the `busy` keys.

    >>> ann = [Pending("a@example.com", Change("a@example.com"), []) for _ in range(2)]
    >>> now, later = ready(ann, [])
    >>> len(now), len(later), ready(ann, ["a@example.com"])[0]
    (1, 1, [])
    """
    taken = set(busy)
    now: list[Pending] = []
    later: list[Pending] = []
    for one in pendings:
        (now if taken.isdisjoint(one.keys) else later).append(one)
        taken |= one.keys
    return now, later
