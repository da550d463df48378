"""Which streams are read beside another one, and which listings several streams share.

Every page of contacts brings their tags, lists, automations and field values along when it is asked to (`include=`),
so that one pass over the contacts can make the listings of those unnecessary: they are sideloaded, the contacts carry
them. The pass only serves while it covers all contacts: what the API says about when a contact counts as updated is
not enough to find every changed row below it.

Rows outlive what they belong to: a recorded account listed 1 pipeline and 110 stages, most of them of pipelines that
were gone. So each stream's own listing is asked for its total, one request. The totals tell whether all rows came, and
which way takes fewer requests where the carrier is not read anyway.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from activecampaign_client.account import PAGE_SIZE, Account
from activecampaign_client.answers import Request
from activecampaign_client.errors import ApiError
from activecampaign_client.page import objects_in, total_of

LOGGER = logging.getLogger("airbyte")

StreamConfig = Mapping[str, Any]
CONTACTS = "contacts"


class Sideload(NamedTuple):
    """A stream whose rows another one, the carrier, brings along where `include` asks for it; "" needs no asking.

    `path` is its own listing, `carrier_path` that of the carrier; they are the same where the rows have no other.
    """

    stream: str
    path: str
    carrier: str
    carrier_path: str
    include: str


@dataclass(frozen=True)
class Choice:
    """The `streams` that are read beside one carrier; `counts` are the answers of those whose rows are counted.

    `joins`: the carrier's own stream reads the very same pages.
    """

    streams: frozenset[str] = frozenset()
    counts: Mapping[str, "Future[int | None]"] = field(default_factory=dict)
    includes: str = ""
    joins: bool = False

    @property
    def readers(self) -> int:
        """How many streams read the carrier's pages."""
        return len(self.streams) + self.joins

    def is_counted(self, stream: str) -> bool:
        """Whether the stream has a listing of its own, which says how many rows there are."""
        return stream in self.counts

    def total(self, stream: str) -> int | None:
        """How many rows the stream has in all, as soon as that is known; None where nobody can tell."""
        return self.counts[stream].result() if stream in self.counts else None


class Sideloads:
    """Decides what is read beside what: when it is first needed, and once, by one request for each stream.

    `whole` are the carriers that are read anyway, and all of whose rows are, with what they ask to include themselves.
    """

    def __init__(
        self, account: Account, sideloads: Iterable[Sideload] = (), whole: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._account = account
        self._sideloads = {sideload.stream: sideload for sideload in sideloads}
        self._whole = whole

    def beside(self, stream: str) -> Choice | None:
        """The choice for the stream's carrier, where the stream is read beside it."""
        if stream not in self._sideloads:
            return None
        choice = self.carried_by(self._sideloads[stream].carrier_path)
        return choice if stream in choice.streams else None

    def carried_by(self, carrier_path: str) -> Choice:
        """What is read beside the listing of a carrier."""
        candidates = [one for one in self._sideloads.values() if one.carrier_path == carrier_path]
        if not candidates:
            return Choice()
        return self._account.once(f"beside {carrier_path}", lambda: self._choose(candidates))

    def total(self, path: str, stream: str) -> int | None:
        """How many rows a listing, whose rows come under its own path, says that it has. Raises ApiError.

        None where it does not say so, or where its answer alone has more.
        """
        body = self._account.send(Request(path, {"limit": "1"}, stream=stream, record_key=path)).body
        total = total_of(body)
        return None if total is not None and total < len(objects_in(body, path)) else total

    def _count(self, path: str, stream: str) -> int | None:
        """The same; None where the listing cannot be read, which is for its own stream to say."""
        try:
            return self.total(path, stream)
        except ApiError as error:
            LOGGER.info("Stream %s cannot be counted: %s", stream, error)
            return None

    def _choose(self, candidates: list[Sideload]) -> Choice:
        carrier, carrier_path = candidates[0].carrier, candidates[0].carrier_path
        counts = {one.stream: self._counting(one.path, one.stream) for one in candidates if one.path != carrier_path}
        joins = carrier in self._whole
        # Whatever a carrier that is read anyway brings along costs nothing, so nobody has to wait for the totals.
        if joins or len(counts) < len(candidates):
            streams = {one.stream for one in candidates}
        else:
            # A stream without a total cannot be counted, one without rows takes one request either way.
            counted = {stream: total for stream, count in counts.items() if (total := count.result())}
            # No pass takes less than one page.
            pages = 1
            if is_cheaper_beside(counted, pages):
                pages = pages_of(self._count(carrier_path, candidates[0].stream) or 0)
            streams = set(counted) if is_cheaper_beside(counted, pages) else set()
        includes = {self._sideloads[stream].include for stream in streams} | {self._whole.get(carrier, "")}
        return Choice(frozenset(streams), counts, ",".join(sorted(includes - {""})), joins)

    def _counting(self, path: str, stream: str) -> "Future[int | None]":
        return self._account.executor.submit(self._count, path, stream)


def pages_of(rows: int) -> int:
    """
    >>> pages_of(0), pages_of(100), pages_of(101)
    (1, 1, 2)
    """
    return max(1, -(-rows // PAGE_SIZE))


def is_cheaper_beside(counted: Mapping[str, int], pages: int) -> bool:
    """Whether a pass over the carrier, of so many pages, takes fewer requests than the streams' own listings.

    `counted` are the rows of each stream; a carrier that is read anyway takes no page more.

    >>> is_cheaper_beside({"contact_tags": 50}, pages=200), is_cheaper_beside({"contact_tags": 50}, pages=0)
    (False, True)
    """
    return pages < sum(pages_of(rows) for rows in counted.values())


def sideloads_of(streams: Iterable[StreamConfig]) -> list[Sideload]:
    """The streams that a carrier can bring along, by their entries in the manifest."""
    retrievers = ((stream["name"], stream["retriever"]) for stream in streams)
    return [
        Sideload(
            name,
            _path_of(retriever["requester"]),
            retriever["carrier"],
            _path_of(retriever["carried"]["requester"]),
            retriever.get("include", ""),
        )
        for name, retriever in retrievers
        if retriever.get("carrier")
    ]


def shared_listings(streams: Iterable[StreamConfig]) -> frozenset[str]:
    """The listings that more than one of these streams asks for, be it for its definitions or its parents.

    Those of carriers and of what they carry are left out: whether they are shared is decided later.
    """
    listed: dict[str, set[str]] = {}
    for stream in streams:
        # There may be two entries for one stream, of which a condition chooses.
        listed.setdefault(stream["name"], set()).update(_listings(stream))
    count = Counter(listing for listings in listed.values() for listing in listings)
    return frozenset(listing for listing, users in count.items() if users > 1)


def listing_key(path: str, endpoint: str, parameters: Mapping[str, Any]) -> str:
    """What a requester asks for, as the manifest writes it; two that have the same ask for the same pages.

    >>> listing_key("{{ parameters['endpoint'] }}", "fields", {})
    'fields {}'
    """
    return f"{with_endpoint(path, endpoint)} {json.dumps(parameters, sort_keys=True)}"


def with_endpoint(path: str, endpoint: str) -> str:
    """What a requester lists: the template of its path with the endpoint in it."""
    return path.replace("{{ parameters['endpoint'] }}", endpoint)


def _path_of(requester: Mapping[str, Any]) -> str:
    return with_endpoint(requester["path"], requester.get("endpoint", ""))


def _listings(component: Any) -> Iterator[str]:
    if isinstance(component, Mapping):
        if component.get("type") == "CustomRequester" and not component.get("sideloads"):
            parameters = component.get("request_parameters", {})
            yield listing_key(component["path"], component.get("endpoint", ""), parameters)
        for part in component.values():
            yield from _listings(part)
    elif isinstance(component, list):
        for part in component:
            yield from _listings(part)
