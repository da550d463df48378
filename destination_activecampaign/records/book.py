"""What a sync knows of the records of one kind: all of them, or those that it asked for or has written."""

import logging
import threading
from collections.abc import Iterable, Sequence
from itertools import islice

import orjson

from activecampaign_client.errors import ApiError, UnstableOrder
from destination_activecampaign.kept import Kept, Part
from destination_activecampaign.records.change import Record
from destination_activecampaign.records.kind import Kind

LOGGER = logging.getLogger(__name__)

_AT_ONCE = 500
# As many as no account has: those that cannot be listed are not worth to be counted.
_TOO_MANY = 10**12


class Book:
    """Records of one kind as the account has them; safe to share between threads. Whatever asks raises ApiError."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._kept = Kept()
        self._count: int | None = None
        self._lock = threading.Lock()
        self.is_whole = False
        """Whether all of them were read, so that what is not here is not there."""

    def count(self) -> int:
        """How many there are, asked once."""
        with self._lock:
            if self._count is None:
                try:
                    self._count = self.kind.total()
                except ApiError as error:
                    self._give_up(error)
                    self._count = _TOO_MANY
            return self._count

    def read_all(self) -> None:
        """Read all of them, once. Where they cannot be listed but asked for one by one, nothing is read."""
        if self.is_whole:
            return
        try:
            records = self.kind.all()
            while some := list(islice(records, _AT_ONCE)):
                self.put(*some)
        except ApiError as error:
            self._give_up(error)
            self._count = _TOO_MANY
        else:
            self.is_whole = True

    def with_ids(self, ids: Sequence[str]) -> dict[str, Record]:
        """What is known of those with these ids, by id."""
        return {one.id: one for one in map(_restored, self._kept.with_ids(ids))}

    def with_keys(self, keys: Sequence[str]) -> dict[str, list[Record]]:
        """What is known of those with these keys, by key; several where the key is no such thing."""
        found: dict[str, list[Record]] = {}
        for one in map(_restored, self._kept.with_keys(keys)):
            found.setdefault(one.key, []).append(one)
        return found

    def ask(self, key: str, identifier: str) -> Record | None:
        """A record as the account has it now, by its id, else by its key."""
        if identifier:
            return self.kind.by_id(identifier)
        if self.kind.asks_by_key:
            return self.kind.by_key(key)
        known = self.with_keys([key]).get(key, [])
        return self.kind.by_id(known[0].id) if known else None

    def put(self, *records: Record) -> None:
        """These were read, or are what was written."""
        self._kept.put(Part(self._place(one), one.key, one.id, _content(one)) for one in records)

    def forget(self, records: Iterable[Record]) -> None:
        """These are no more."""
        self._kept.forget([self._place(one) for one in records])

    def _place(self, one: Record) -> str:
        """What a record is kept by: where a key is one record's, the id may not be known."""
        return f"key:{one.key}" if one.key and self.kind.asks_by_key else f"id:{one.id}"

    def _give_up(self, error: ApiError) -> None:
        """Raises the error again where nothing but the listing would do, or where it may pass."""
        if not self.kind.asks_by_key or not (isinstance(error, UnstableOrder) or error.kind == "config"):
            raise error
        LOGGER.info("The records of %s are asked for one by one: %s", self.kind.type.name, error)


def _content(one: Record) -> bytes:
    return orjson.dumps([one.id, one.key, one.values, one.is_whole], default=str)


def _restored(content: bytes) -> Record:
    return Record(*orjson.loads(content))
