"""The account's exclusion list: whose email addresses are never written to it."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from activecampaign_client.account import Account
from activecampaign_client.answers import Request
from activecampaign_client.errors import ApiError
from activecampaign_client.page import Page, Row
from destination_activecampaign.contacts.known import key_of

LOGGER = logging.getLogger(__name__)


# So many are read before anything is written; of a longer list it is cheaper to learn from the importer whom it leaves
# out.
SHORT = 1000


def is_excluded(email: str, lists: Collection[str], exclusions: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one of the exclusions is about an email address, or about its subscription to one of these lists.

    Those about text messages alone are about no email address.

    >>> is_excluded("Ann@example.com", [], [{"matchPhrase": "@example.com", "matchType": "end", "channel": "all"}])
    True
    """
    address, wanted = key_of(email), set(lists)
    return any(
        _matches(address, key_of(str(one.get("matchPhrase") or "")), str(one.get("matchType")))
        for one in exclusions
        if one.get("channel") != "allSms" and (not one.get("lists") or wanted & set(map(str, one["lists"])))
    )


def _matches(address: str, phrase: str, kind: str) -> bool:
    if not phrase:
        return False
    if kind == "end":
        return address.endswith(phrase)
    if kind.startswith("begin"):
        return address.startswith(phrase)
    return address == phrase


class Exclusions:
    """The exclusion list, read once, when it is first asked for; a key that may not read it knows of none."""

    def __init__(self, account: Account, stream: str = "contacts") -> None:
        self._account = account
        self._stream = stream

    def have(self, email: str, lists: Collection[str]) -> bool:
        """Whether an email address, or a subscription of it to one of the lists, is excluded. Raises ApiError."""
        return is_excluded(email, lists, self._once(lambda total: True))

    def are_known_to_have(self, email: str, lists: Collection[str]) -> bool:
        """The same as far as the list is short enough to be read beforehand. Raises ApiError."""
        return is_excluded(email, lists, self._once(lambda total: total <= SHORT))

    def _once(self, is_worth_it: Callable[[int], bool]) -> list[Row]:
        first, rest = self._account.once("exclusions", self._first)
        if not is_worth_it(first.total or 0):
            return []
        return self._account.once("all exclusions", lambda: [row for page in (first, *rest) for row in page.rows])

    def _first(self) -> tuple[Page, Iterator[Page]]:
        # GET /lists/exclusions of the vendor's OpenAPI document of 2026.
        pages = self._account.pages("lists/exclusions", "exclusions", request=Request("", stream=self._stream))
        try:
            return next(pages), pages
        except ApiError as error:
            if error.kind == "transient":
                raise
            LOGGER.info("The exclusion list cannot be read, so that no rejection names it: %s", error)
            return Page([], {}, 0), iter(())
