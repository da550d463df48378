"""What the account has of a contact, and what it has after a change was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from activecampaign_client.letter_case import small_letters
from destination_activecampaign.contacts.change import Change

# https://developers.activecampaign.com/reference/update-list-status-for-contact; 0 is unconfirmed.
SUBSCRIBED, UNSUBSCRIBED, BOUNCED = "1", "2", "3"
# The importer leaves such memberships as they are.
LEFT = frozenset({UNSUBSCRIBED, BOUNCED})


def key_of(email: str) -> str:
    """What an email address is compared by: that the API tells two by letter case is documented nowhere."""
    return small_letters(email.strip())


class Association(NamedTuple):
    """That a contact belongs to a company account: the ids of the link and of the account, and what it is there."""

    id: str
    account: str
    job_title: str = ""


@dataclass(frozen=True)
class Contact:
    """A contact of the account.

    `standard` are its `firstName`, `lastName` and `phone`, `values` what the API sends of its custom fields, by field
    id. `tags` are the ids of links by the tag's name in small letters, `lists` statuses by list id. An id is "" where
    it was given in this sync and not read since. `is_whole` is False where an answer left something out.

    >>> Contact("7", "Ann@example.com", tags={"vip": "12"}, lists={"3": "1"}).key
    'ann@example.com'
    """

    id: str
    email: str
    standard: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    account: Association | None = None
    bounced: bool = False
    is_whole: bool = True

    @property
    def key(self) -> str:
        return key_of(self.email)

    @property
    def has_ids(self) -> bool:
        """Whether nothing of it was given in this sync and not read since."""
        return bool(self.id) and all(self.tags.values()) and (self.account is None or bool(self.account.id))


def after(change: Change, contact: Contact | None, account_id: str = "") -> Contact:
    """The contact once a change was written; `account_id` is that of the account that the change names.

    >>> after(Change("a@example.com", add_tags={"vip": "VIP"}), None).tags
    {'vip': ''}
    """
    before = contact or Contact("", change.email)
    tags = dict(before.tags)
    if change.whole_tags is not None:
        tags = {tag: tags.get(tag, "") for tag in change.whole_tags}
    for tag in change.add_tags:
        tags.setdefault(tag, "")
    account = before.account
    if change.account is not None:
        account = Association("", account_id, change.job_title or "") if change.account else None
    return replace(
        before,
        email=change.email or before.email,
        standard={**before.standard, **change.standard},
        values={**before.values, **change.values},
        tags={tag: link for tag, link in tags.items() if tag not in change.remove_tags},
        lists={
            **before.lists,
            **{one: SUBSCRIBED if wanted else UNSUBSCRIBED for one, wanted in change.lists.items()},
        },
        account=account,
    )
