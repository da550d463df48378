"""What one row changes about one contact, whichever of the objects it is a row of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from activecampaign_client.letter_case import small_letters
from destination_activecampaign.catalog import Mode


class Ending(Enum):
    """What becomes of a contact: it leaves the lists that are named, or all where none is, or it is deleted."""

    UNSUBSCRIBE = "unsubscribe"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """What a contact is to be like; what is not named here stays as it is.

    The contact is known by its `email`, or by its `id`, and then an `email` is the one that it is to have. With the
    mode SOFT_DELETE there are only tags to remove, or an ending. `standard` are `firstName`, `lastName` and `phone`,
    `values` the custom fields by id, as the API takes them; an empty text clears. Tags are by their name in small
    letters, with the name as it is written: `whole_tags` are all that the contact is to have, `add_tags` and
    `remove_tags` come on top of them. `lists` are by id: whether the contact is to be subscribed. `account` is a name,
    and an empty one ends the association; `job_title` is what the contact is to be there. `left_accounts` are names in
    small letters: where the association is to one of these, it ends.

    >>> change = Change("ann@example.com", standard={"firstName": "Ann"}, lists={"3": True})
    >>> change.is_empty, Change("ann@example.com").is_empty
    (False, True)
    """

    email: str = ""
    id: str = ""
    mode: Mode = Mode.UPSERT
    standard: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    add_tags: Mapping[str, str] = field(default_factory=dict)
    remove_tags: frozenset[str] = frozenset()
    whole_tags: Mapping[str, str] | None = None
    lists: Mapping[str, bool] = field(default_factory=dict)
    account: str | None = None
    job_title: str | None = None
    left_accounts: frozenset[str] = frozenset()
    ending: Ending | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing of a contact that exists, but for its email address."""
        return not (
            self.standard
            or self.values
            or self.add_tags
            or self.remove_tags
            or self.lists
            or self.whole_tags is not None
            or self.account is not None
            or self.left_accounts
            or self.ending
        )

    @property
    def clears(self) -> bool:
        return "" in self.standard.values() or "" in self.values.values()

    @property
    def subscribed_lists(self) -> list[str]:
        return [one for one, wanted in self.lists.items() if wanted]

    @property
    def subscribes(self) -> bool:
        return any(self.lists.values())

    @property
    def fits_upsert(self) -> bool:
        """Whether it may be one with an upsert: to take tags away from a contact that is not there is no change."""
        return self.mode is Mode.UPSERT or (self.mode is Mode.SOFT_DELETE and self.ending is None)

    @property
    def deletes(self) -> bool:
        return self.ending is Ending.DELETE

    def renames(self, email: str) -> bool:
        """Whether a contact, known by its id, is to have another email address than this."""
        return bool(self.id and self.email) and small_letters(self.email) != small_letters(email)

    @property
    def only_leaves(self) -> bool:
        """Whether all that it does is to unsubscribe, and to take tags away."""
        rest = replace(self, lists={}, remove_tags=frozenset())
        return not self.is_empty and not self.subscribes and rest.is_empty


def tags_of(names: Mapping[str, str] | tuple[str, ...]) -> dict[str, str]:
    """Names of tags by what they are known by: ActiveCampaign takes no second one that differs in letter case only.

    >>> tags_of(("VIP", "vip", "New"))
    {'vip': 'VIP', 'new': 'New'}
    """
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(small_letters(name), name)
    return found


def merge(earlier: Change, later: Change) -> Change | None:
    """Both changes of one contact in one, the last value of each column winning; None where each has its own turn.

    >>> merge(Change("a@example.com", values={"1": "x", "2": "y"}), Change("a@example.com", values={"1": "z"})).values
    {'1': 'z', '2': 'y'}
    """
    modes = {earlier.mode, later.mode}
    if Mode.INSERT in modes or (len(modes) > 1 and not (earlier.fits_upsert and later.fits_upsert)):
        return None
    if earlier.id != later.id or earlier.ending is not later.ending:
        return None
    if any(not wanted and later.lists.get(one) for one, wanted in earlier.lists.items()):
        # Whether somebody who unsubscribed may be subscribed again must not depend on what came together.
        return None
    if earlier.ending and bool(earlier.lists) is not bool(later.lists):
        # All lists and some of them.
        return None
    if later.whole_tags is None:
        added = {key: name for key, name in earlier.add_tags.items() if key not in later.remove_tags}
        later = replace(
            later,
            whole_tags=earlier.whole_tags,
            add_tags={**added, **later.add_tags},
            remove_tags=(earlier.remove_tags - later.add_tags.keys()) | later.remove_tags,
        )
    return replace(
        later,
        mode=later.mode if len(modes) == 1 else Mode.UPSERT,
        email=later.email or earlier.email,
        standard={**earlier.standard, **later.standard},
        values={**earlier.values, **later.values},
        lists={**earlier.lists, **later.lists},
        **_association(earlier, later),
    )


def _association(earlier: Change, later: Change) -> dict[str, Any]:
    """What two changes say together about the account: each association has a title of its own."""
    if later.account is not None:
        is_one = earlier.account is not None and small_letters(earlier.account) == small_letters(later.account)
        title = earlier.job_title if is_one and later.job_title is None else later.job_title
        return {"account": later.account, "job_title": title, "left_accounts": frozenset()}
    if earlier.account and small_letters(earlier.account) in later.left_accounts:
        return {"account": "", "job_title": None, "left_accounts": frozenset()}
    if earlier.account is not None:
        return {"account": earlier.account, "job_title": earlier.job_title, "left_accounts": frozenset()}
    return {"left_accounts": earlier.left_accounts | later.left_accounts}
