"""Contacts whose rows could not be read, while those of the others are."""

import logging
from collections.abc import Mapping
from threading import Lock

from activecampaign_client.errors import ApiError

LOGGER = logging.getLogger("airbyte")

# So many contacts that fail one after the other are an outage, and no longer contacts.
IN_A_ROW = 5
# So many are named in the error of the stream; the log names all.
NAMED = 10

# The ids of contacts, with the date of their last change.
Contacts = Mapping[str, str | None]


class ContactFailures:
    """What became of the contacts of one stream, in all of its threads.

    `before` are those that an earlier sync could not read. A failure is one contact's until `in_a_row` have failed
    without one in between that answered, or until it is of a kind that no contact is to blame for.

    >>> failures = ContactFailures("contact_goals", {"3": None})
    >>> failures.failed("7", "2024-05-01T00:00:00Z", ApiError("It answered with HTTP 500.", kind="transient"))
    >>> failures.answered("3")
    >>> failures.to_ask_again()
    {'7': '2024-05-01T00:00:00Z'}
    """

    def __init__(self, stream: str, before: Contacts | None = None, *, in_a_row: int = IN_A_ROW) -> None:
        self._stream = stream
        self._too_many = in_a_row
        self.before = dict(before or {})
        self._answered: set[str] = set()
        self._failed: dict[str, str | None] = {}
        self._errors: list[ApiError] = []
        self._in_a_row = 0
        self._lock = Lock()
        self.are_general = False

    def answered(self, contact: str) -> None:
        """All rows of a contact came, or it is gone."""
        with self._lock:
            self._in_a_row = 0
            if contact in self.before:
                self._answered.add(contact)

    def failed(self, contact: str, updated: str | None, error: ApiError) -> None:
        """The rows of a contact did not come. Raises the error where it is not the contact's, once per stream."""
        with self._lock:
            if self.are_general:
                return
            self._in_a_row += 1
            self.are_general = error.kind == "config" or self._in_a_row >= self._too_many
            if not self.are_general:
                self._failed[contact] = updated
                self._errors.append(error)
        if self.are_general:
            raise error
        LOGGER.warning("Stream %s: contact %s is left out for now: %s", self._stream, contact, error)

    def to_ask_again(self, *, ended: bool = True) -> dict[str, str | None]:
        """The contacts whose rows are missing.

        Until the stream has `ended`, all that an earlier sync could not read are among them: their rows may have been
        read meanwhile, and yet not be written out.
        """
        with self._lock:
            done = self._answered if ended else ()
            return {contact: at for contact, at in {**self.before, **self._failed}.items() if contact not in done}

    def error(self) -> ApiError | None:
        """What is to be said at the end of the stream, where contacts failed and a general failure did not say more."""
        with self._lock:
            if self.are_general or not self._failed:
                return None
            ids = list(self._failed)
            named = ", ".join(ids[:NAMED]) + (" and others" if len(ids) > NAMED else "")
            contacts = f"contact {named}" if len(ids) == 1 else f"{len(ids)} contacts ({named})"
            sentence = (
                f"The rows of {contacts} could not be read: {self._errors[0]} Those of all other contacts were read; "
                "the next sync asks for the missing ones again."
            )
            return ApiError(sentence, kind=self._errors[0].kind)
