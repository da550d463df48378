"""The account's exclusion list: whose email addresses are never written to it."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from activecampaign_client.account import Account
from activecampaign_client.answers import Request
from activecampaign_client.errors import ApiError
from activecampaign_client.page import Page
from destination_activecampaign.contacts.known import key_of

LOGGER = logging.getLogger(__name__)


# So many are read before anything is written; of a longer list it is cheaper to learn from the importer whom it leaves
# out.
SHORT = 1000


class Rules:
    """Exclusions in a form in which many email addresses are soon compared with them.

    Those about text messages alone are about no email address, and those that name lists only about these.

    >>> rules = Rules([{"matchPhrase": "@example.com", "matchType": "end", "channel": "all"}])
    >>> rules.exclude("Ann@example.com"), rules.exclude("ann@example.test")
    (True, False)
    """

    def __init__(self, exclusions: Iterable[Mapping[str, Any]]) -> None:
        exact: set[str] = set()
        begins: set[str] = set()
        ends: set[str] = set()
        self._of_lists: list[tuple[set[str], Rules]] = []
        for one in exclusions:
            phrase, kind = key_of(str(one.get("matchPhrase") or "")), str(one.get("matchType"))
            if not phrase or one.get("channel") == "allSms":
                continue
            if lists := one.get("lists"):
                self._of_lists.append((set(map(str, lists)), Rules([{**one, "lists": None}])))
            else:
                (ends if kind == "end" else begins if kind.startswith("begin") else exact).add(phrase)
        self._exact, self._begins, self._ends = exact, tuple(begins), tuple(ends)

    def exclude(self, email: str, lists: Collection[str] = ()) -> bool:
        """Whether an email address, or its subscription to one of these lists, is excluded."""
        address = key_of(email)
        if address in self._exact or address.startswith(self._begins) or address.endswith(self._ends):
            return True
        return any(not ours.isdisjoint(lists) and rules.exclude(email) for ours, rules in self._of_lists)


_NONE = Rules(())


class Exclusions:
    """The exclusion list, read once, when it is first asked for; a key that may not read it knows of none."""

    def __init__(self, account: Account, stream: str = "contacts") -> None:
        self._account = account
        self._stream = stream

    def have(self, email: str, lists: Collection[str]) -> bool:
        """Whether an email address, or a subscription of it to one of the lists, is excluded. Raises ApiError."""
        return self._rules(lambda total: True).exclude(email, lists)

    def are_known_to_have(self, email: str, lists: Collection[str]) -> bool:
        """The same as far as the list is short enough to be read beforehand. Raises ApiError."""
        return self._rules(lambda total: total <= SHORT).exclude(email, lists)

    def _rules(self, is_worth_it: Callable[[int], bool]) -> Rules:
        first, rest = self._account.once("exclusions", self._first)
        if not is_worth_it(first.total or 0):
            return _NONE
        return self._account.once("all exclusions", lambda: Rules(row for page in (first, *rest) for row in page.rows))

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
