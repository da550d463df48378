"""Which streams are read beside another one, and which listings several streams share.

Every page of contacts brings their tags, lists, automations and field values along when it is asked to (`include=`),
so that one pass over the contacts makes the listings of those unnecessary: they are sideloaded, the contacts carry
them. The pass only serves while it covers all contacts: what the API says about when a contact counts as updated is
not enough to find every changed row below it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

StreamConfig = Mapping[str, Any]
CONTACTS = "contacts"


class Sideload(NamedTuple):
    """A stream whose rows another one, the carrier, brings along where `include` asks for it; "" needs no asking."""

    stream: str
    carrier: str
    include: str


@dataclass(frozen=True)
class SideloadPlan:
    """The streams that are read beside their carrier, and what the passes over the contacts ask to include.

    `contacts_join`: the stream of contacts reads the very same pages.
    """

    streams: frozenset[str] = frozenset()
    includes: str = ""
    contacts_join: bool = False

    def include(self, sideloads: str, own: str) -> str:
        """The parameter of a request for contacts: `sideloads` is `always`, or `joined` for the stream of contacts,
        which asks for its `own` where no other stream reads its pages.

        >>> SideloadPlan(frozenset({"contact_tags"}), "contactTags,fieldValues", True).include("joined", "fieldValues")
        'contactTags,fieldValues'
        """
        if sideloads == "always" or (sideloads == "joined" and self.contacts_join):
            return self.includes
        return own


def sideloads_of(streams: Iterable[StreamConfig]) -> list[Sideload]:
    """The streams that a carrier can bring along, by their entries in the manifest."""
    retrievers = ((stream["name"], stream["retriever"]) for stream in streams)
    return [
        Sideload(name, retriever["carrier"], retriever.get("include", ""))
        for name, retriever in retrievers
        if retriever.get("carrier")
    ]


def plan(
    sideloads: Iterable[Sideload], selected: Collection[str], whole_contacts: bool, custom_fields: bool
) -> SideloadPlan:
    """Decide what is read beside what.

    A stream goes with its carrier where that is read anyway and whole, or where other streams do: one pass over the
    contacts for several is cheaper than a listing for each. On its own it reads its own listing.
    `whole_contacts`: the contacts are selected, and all of them are read, not only the changed ones.

    >>> tags = Sideload("contact_tags", "contacts", "contactTags")
    >>> lists = Sideload("contact_lists", "contacts", "contactLists")
    >>> plan([tags, lists], {"contact_tags"}, whole_contacts=False, custom_fields=False).streams
    frozenset()
    >>> plan([tags, lists], {"contact_tags", "contact_lists"}, whole_contacts=False, custom_fields=False).includes
    'contactLists,contactTags'
    """
    wanted = [sideload for sideload in sideloads if sideload.stream in selected]
    count = Counter(sideload.carrier for sideload in wanted)
    carried = [
        sideload
        for sideload in wanted
        if count[sideload.carrier] > 1
        or (whole_contacts if sideload.carrier == CONTACTS else sideload.carrier in selected)
    ]
    with_contacts = {sideload.include for sideload in carried if sideload.carrier == CONTACTS}
    joins = whole_contacts and bool(with_contacts)
    if joins and custom_fields:
        with_contacts.add("fieldValues")
    includes = ",".join(sorted(with_contacts - {""}))
    return SideloadPlan(frozenset(sideload.stream for sideload in carried), includes, joins)


def shared_listings(streams: Iterable[StreamConfig]) -> frozenset[str]:
    """The paths that more than one of these streams lists, be it for its definitions or its parents."""
    listed: dict[str, set[str]] = {}
    for stream in streams:
        # There may be two entries for one stream, of which a condition chooses.
        listed.setdefault(stream["name"], set()).update(_listings(stream))
    count = Counter(path for paths in listed.values() for path in paths)
    return frozenset(path for path, users in count.items() if users > 1)


def listed_path(path: str, endpoint: str) -> str:
    """What a requester lists, as the manifest writes it: the template of its path with the endpoint in it."""
    return path.replace("{{ parameters['endpoint'] }}", endpoint)


def _listings(component: Any) -> Iterator[str]:
    if isinstance(component, Mapping):
        if component.get("type") == "CustomRequester":
            yield listed_path(component["path"], component.get("endpoint", ""))
        for part in component.values():
            yield from _listings(part)
    elif isinstance(component, list):
        for part in component:
            yield from _listings(part)
