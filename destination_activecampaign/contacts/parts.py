"""What the parts of a row about a contact mean: each as a change has it, or why it cannot be written."""

import re
from collections.abc import Mapping
from typing import Any

from activecampaign_client.custom_fields import UnknownOption, render
from activecampaign_client.letter_case import small_letters
from destination_activecampaign.cells import Rejected, identifier_of, items_of, text_of
from destination_activecampaign.config import Config
from destination_activecampaign.contacts import reasons
from destination_activecampaign.contacts.change import tags_of
from destination_activecampaign.directory import Directory
from destination_activecampaign.pyairbyte import without_padding
from destination_activecampaign.reasons import UNKNOWN_ACCOUNT, unknown_option, value_invalid

_EMAIL = re.compile(r"[^\s@<>(),;:\\\"\[\]]+@(?!.*\.\.)[^\s@<>(),;:\\\"\[\]_]+\.[^\s@<>(),;:\\\"\[\].]{2,}")
_LONGEST_EMAIL = 254
_STATUSES = {"subscribe": True, "1": True, "true": True, "unsubscribe": False, "2": False, "false": False}


def email_of(value: Any) -> str:
    """An email address, empty where there is none. Raises Rejected for what ActiveCampaign does not take."""
    text = value if isinstance(value, str) else "" if value is None else text_of(value)
    email = text.strip()
    if email and not is_email(email):
        raise Rejected(reasons.EMAIL_INVALID)
    return email


def tags_in(value: Any) -> dict[str, str]:
    """The tags that a cell names, as `tags_of` has them. Raises Rejected for what is no text.

    >>> tags_in('["VIP", " new "]'), tags_in("vip")
    ({'vip': 'VIP', 'new': 'new'}, {'vip': 'vip'})
    """
    return tags_of(tuple(name for one in items_of(value) if (name := text_of(one).strip())))


def is_email(text: str) -> bool:
    """
    >>> is_email("ann@example.com"), is_email("ann")
    (True, False)
    """
    # U+FFFD stands for what somebody could not read.
    is_readable = text.isprintable() and "\ufffd" not in text
    return len(text) <= _LONGEST_EMAIL and bool(_EMAIL.fullmatch(text)) and is_readable


class Parts:
    """Values of rows, as the configuration has them understood, and the account knows what they name.

    Every method raises Rejected for what cannot be written, and ApiError where something cannot be looked up.
    """

    def __init__(self, config: Config, directory: Directory) -> None:
        self._config = config
        self._directory = directory

    def custom(self, identifier: str, value: Any) -> tuple[str, list[tuple[str, str]]]:
        """A custom field's value as the API takes it, and the options that have to be created, by field id."""
        definition = self._directory.fields[identifier]
        unpadded = without_padding(value) if definition.type == "number" else value
        try:
            return str(render(definition, unpadded)), []
        except UnknownOption as error:
            if "options" not in self._config.create_missing:
                raise Rejected(unknown_option(str(error))) from None
            created = error.choices
        except ValueError as error:
            raise Rejected(value_invalid(str(error))) from None
        extended = definition._replace(options=(*definition.options, *created))
        return str(render(extended, unpadded)), [(identifier, choice) for choice in created]

    def account(self, value: Any) -> str:
        """The name of a company account; empty for none."""
        name = "" if value is None else text_of(value).strip()
        if name and "accounts" not in self._config.create_missing and not self._directory.account_id(name):
            raise Rejected(UNKNOWN_ACCOUNT)
        return name

    def tags(self, value: Any) -> dict[str, Any]:
        """Tags as `Change` has them: all that the contact is to have, or those that are added."""
        names = self.known(tags_in(value))
        return {"whole_tags": names} if self._config.tags == "replace" else {"add_tags": names}

    def known(self, tags: Mapping[str, str]) -> Mapping[str, str]:
        """The same tags, if there may be such."""
        if "tags" not in self._config.create_missing and not all(map(self._directory.has_tag, tags)):
            raise Rejected(reasons.UNKNOWN_TAG)
        return tags

    def lists(self, value: Any) -> dict[str, bool]:
        """Whether the contact is to be subscribed, by list id."""
        return dict(self._membership(one) for one in items_of(value))

    def _membership(self, value: Any) -> tuple[str, bool]:
        if isinstance(value, Mapping):
            name = next((value[key] for key in ("id", "list", "listid", "name") if value.get(key) is not None), None)
            return self.list(name), self.status(value.get("status"))
        return self.list(value), True

    def list(self, value: Any) -> str:
        """A list's id, by that, its string id or its name."""
        name = identifier_of(value)
        if not name:
            raise Rejected(reasons.LIST_MISSING)
        found = self._directory.lists_called(name)
        if len(found) != 1:
            raise Rejected(reasons.AMBIGUOUS_LIST if found else reasons.UNKNOWN_LIST)
        return next(iter(found))

    @staticmethod
    def status(value: Any) -> bool:
        """Whether a status of a list means that the contact is subscribed; None does."""
        if value is None:
            return True
        status = _STATUSES.get(small_letters(identifier_of(value)))
        if status is None:
            raise Rejected(value_invalid("The status of a list is subscribe or unsubscribe, 1 or 2, true or false."))
        return status
