"""Each URL once: streams whose rows another listing can carry beside its own read them there, when that is cheaper.

Every page of contacts brings their tags, lists, automations and field values along when it is asked to
(`include=`), so that a pass over the contacts makes the listings of those unnecessary. The pass is only shared
while it covers all contacts: what the API says about when a contact counts as updated is not enough to find every
changed row below it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from airbyte_cdk.sources.types import StreamSlice

from source_activecampaign.http import listing_of
from source_activecampaign.pages import LOGGER, Page, PageRetriever, Row

StreamConfig = Mapping[str, Any]


class Guest(NamedTuple):
    """A stream that another one, its host, can carry; `include` is what the host has to ask for, if anything."""

    name: str
    host: str
    include: str


class Passes(NamedTuple):
    """Which streams are read beside their host, and what the passes over the contacts ask to include."""

    beside: frozenset[str]
    include: str
    contacts_join: bool


def guests_of(streams: Iterable[StreamConfig]) -> list[Guest]:
    """The streams that a host can carry, by their entries in the manifest."""
    found = ((one["name"], one["retriever"]) for one in streams)
    return [Guest(name, one["host"], one.get("include", "")) for name, one in found if one.get("host")]


def plan(guests: Iterable[Guest], selected: Collection[str], whole_contacts: bool, custom_fields: bool) -> Passes:
    """Decide what is read beside what.

    A guest goes with its host where the host is read anyway and whole, or where other guests do: one pass over the
    contacts for several is cheaper than a listing for each. A guest on its own reads its own listing.
    `whole_contacts`: the contacts are selected, and all of them are read, not only the changed ones.

    >>> tags = Guest("contact_tags", "contacts", "contactTags")
    >>> lists = Guest("contact_lists", "contacts", "contactLists")
    >>> plan([tags, lists], {"contact_tags"}, whole_contacts=False, custom_fields=False).beside
    frozenset()
    >>> plan([tags, lists], {"contact_tags", "contact_lists"}, whole_contacts=False, custom_fields=False).include
    'contactLists,contactTags'
    """
    wanted = [guest for guest in guests if guest.name in selected]
    count = Counter(guest.host for guest in wanted)
    whole = {"contacts": whole_contacts}
    beside = [one for one in wanted if whole.get(one.host, one.host in selected) or count[one.host] > 1]
    with_contacts = {one.include for one in beside if one.host == "contacts"}
    joins = whole_contacts and bool(with_contacts)
    if joins and custom_fields:
        with_contacts.add("fieldValues")
    include = ",".join(sorted(with_contacts - {""}))
    return Passes(frozenset(one.name for one in beside), include, joins)


def shared_listings(streams: Iterable[StreamConfig]) -> set[str]:
    """The listings that more than one of these streams asks for, be it for its definitions or its parents."""
    count = Counter(listing for stream in streams for listing in set(_listings(stream)))
    return {listing for listing, streams_ in count.items() if streams_ > 1}


def _listings(component: Any) -> Iterator[str]:
    if isinstance(component, Mapping):
        if component.get("type") == "CustomRequester":
            yield listing_of(component["url"], component.get("endpoint", ""))
        for part in component.values():
            yield from _listings(part)
    elif isinstance(component, list):
        for part in component:
            yield from _listings(part)


@dataclass
class BesideRetriever(PageRetriever):
    """Reads a stream from its own listing, or beside its host when `plan` says so.

    What the host brings along is not taken on trust: where the rows are missing, or a contact names one that did
    not come, the stream's own listing is read after all.
    """

    host: str = ""
    beside: PageRetriever = None  # type: ignore[assignment]  # the manifest always gives it
    include: str = ""

    def row_pages(self, stream_slice: StreamSlice) -> Iterator[tuple[list[Row], int | None]]:
        if self.name not in self.config.get("beside", ()):
            yield from super().row_pages(stream_slice)
            return
        for page in self.beside.pages(stream_slice):
            if not self._is_complete(page):
                LOGGER.warning(
                    "Stream %s: the API did not send all rows beside the %s, so its own listing is read instead.",
                    self.name,
                    self.host,
                )
                yield from super().row_pages(stream_slice)
                return
            yield self.beside.rows_beside(page), None

    def _is_complete(self, page: Page) -> bool:
        if self.record_key not in page.body:
            return not page.rows
        came = {str(row.get("id")) for row in page.body[self.record_key]}
        named = (owner.get(self.include) for owner in page.rows if self.include)
        return all(str(one) in came for ids in named if isinstance(ids, list) for one in ids)
