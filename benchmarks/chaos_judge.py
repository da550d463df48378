"""What reads made of an account: rows that they lost, rows and values that they invented, ends that do not agree.

It knows the account's rows from the emulator itself, and of the connector only what it says on its stdout.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from emulator import Account
from integration_tests.source.account_rows import (
    KEYS,
    SHARED,
    STREAMS,
    is_per_contact,
    owner_of,
    relation_of,
    resource_of,
    rows_of,
)
from integration_tests.source.connector import JsonObject, Output

Key = tuple[str, ...]
"""What a row is known by: its id, after that of its contact where contacts share rows."""

Rows = Mapping[Key, JsonObject]


# ---- rows -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Findings:
    """What is wrong with what came of one stream, in words."""

    lost: Sequence[str]
    invented: Sequence[str]


class Witness:
    """Knows the rows of an account's streams from before a read to after it.

    Those of `broken` contacts are not expected from streams that are read contact by contact. `narrow` streams have
    only some of the fields of their rows. `rows_change` while they are read.

    It watches the account (see Account.watch), and so may others from before the first change to it: a row that was put
    there meanwhile is another one, also where it got the id of one that is gone.
    """

    def __init__(
        self,
        account: Account,
        streams: Iterable[str],
        right: str = "full",
        *,
        broken: Collection[str] = (),
        narrow: Mapping[str, Collection[str]] = MappingProxyType({}),
        rows_change: bool = False,
    ) -> None:
        self._account = account
        self._right = right
        self._broken = frozenset(broken)
        self._narrow = narrow
        self._rows_change = rows_change
        self._before = {stream: rows_by_key(account, stream, right) for stream in streams}
        resources = {*map(_resource, self._before)}
        self._gone = {name: _all_ids(account, name) - account.ids(name) for name in resources}
        self._after: dict[str, Rows] = {}
        self._lasting: dict[str, set[Key]] = {}
        account.watch(sorted({_origin(account, name) for name in (*resources, "contacts", "geoIps")}))

    def look_again(self) -> None:
        """Note the rows that are there now, when nobody reads or changes them any more."""
        self._after = {stream: rows_by_key(self._account, stream, self._right) for stream in self._before}
        self._lasting = {stream: _lasting_keys(self._account, stream, rows) for stream, rows in self._after.items()}

    def findings(self, stream: str, safe: Iterable[JsonObject], others: Iterable[JsonObject] = ()) -> Findings:
        """What is wrong with a stream's records: the `safe` ones, and others that need not have been kept."""
        safe = list(safe)
        before, after, lasting = self._before[stream], self._after[stream], self._lasting[stream]
        came = {key_of(stream, record) for record in safe}
        expected = (key for key, row in before.items() if key in lasting and not self._is_broken(stream, key, row))
        lost = [key for key in expected if key not in came]
        unchanged = {key: row for key, row in before.items() if key in lasting and after[key] == row}
        invented = [
            wrong for record in (*safe, *others) if (wrong := self._wrong_in(stream, record, unchanged)) is not None
        ]
        return Findings([f"{stream} {'/'.join(key)}" for key in lost], invented)

    def _wrong_in(self, stream: str, record: JsonObject, unchanged: Rows) -> str | None:
        key = key_of(stream, record)
        if not self._ever_was(stream, key):
            return f"{stream} {'/'.join(key)} never was in the account"
        row = unchanged.get(key, {})
        for field in self._narrow.get(stream, row) if row else ():
            value = row[field]
            if isinstance(value, list) and self._rows_change:
                # The ids of rows that may have come and gone meanwhile.
                continue
            if plain(value) != plain(record.get(field)):
                return f"{stream} {'/'.join(key)}: {field} is {record.get(field)!r} and not {value!r}"
        return None

    def _is_broken(self, stream: str, key: Key, row: JsonObject) -> bool:
        return _contact_of(stream, key, row) in self._broken

    def _ever_was(self, stream: str, key: Key) -> bool:
        if key in self._before[stream] or key in self._after[stream]:
            return True
        resource = _resource(stream)
        return key[-1] in _all_ids(self._account, resource) - (self._gone[resource] - _new_ids(self._account, resource))


def rows_by_key(account: Account, stream: str, right: str = "full") -> Rows:
    """The rows that a stream has at this moment, as the API sends them."""
    if stream not in STREAMS:
        return _custom_objects(account, stream)
    if stream in SHARED:
        contacts = account.ids("contacts")
        addresses = account.ids(resource_of(stream))
        return {pair: {} for pair in _pairs(account) if pair[0] in contacts and pair[1] in addresses}
    if is_per_contact(stream):
        return {key_of(stream, {"contact": contact, **row}): row for contact, row in _by_contact(account, stream)}
    return {key_of(stream, row): row for row in rows_of(account, stream, right)}


def _pairs(account: Account, without: Collection[str] = ()) -> set[Key]:
    """The contacts with the addresses that they share, as rows say it whose ids are not among those to leave out."""
    rows = (row for row in account.rows("geoIps") if str(row["id"]) not in without)
    return {(str(row["contact"]), str(row["geoaddrid"])) for row in rows}


def _lasting_keys(account: Account, stream: str, rows: Rows) -> set[Key]:
    """Which rows of those there now nobody put there since the account is watched, nor the contact that they are of."""
    new, contacts = _new_ids(account, _resource(stream)), _new_ids(account, "contacts")
    keys = {key for key, row in rows.items() if key[-1] not in new and _contact_of(stream, key, row) not in contacts}
    return keys & _pairs(account, without=_new_ids(account, "geoIps")) if stream in SHARED else keys


def _new_ids(account: Account, resource: str) -> set[str]:
    """The ids that were given to new rows since the account is watched, some of them not for the first time."""
    watch = account.watches.get(_origin(account, resource))
    return set(watch.inserted) if watch else set()


def _origin(account: Account, resource: str) -> str:
    """The resource whose rows it shows, where it has none of its own: those are the ones that change."""
    origin = account.store(resource).origin
    return origin.name if origin else resource


def _contact_of(stream: str, key: Key, row: JsonObject) -> str | None:
    """The contact by which a row is read; None in a stream that is not read contact by contact."""
    if stream not in STREAMS or not is_per_contact(stream):
        return None
    return key[0] if len(key) > 1 else owner_of(stream, row)


def _by_contact(account: Account, stream: str) -> Iterator[tuple[str, JsonObject]]:
    """What the API lists for each contact; of one that is gone it lists nothing."""
    with account.lock:
        relation, contacts = relation_of(stream), account.store("contacts")
        rows = dict(zip(account.store(relation.child).alive, account.rows(relation.child), strict=True))
        for index in contacts.alive:
            contact = contacts.id_of(index)
            yield from ((contact, rows[child]) for child in contacts.children(contact, relation))


def key_of(stream: str, row: JsonObject) -> Key:
    key = KEYS.get(stream, "id")
    return tuple(str(row.get(field)) for field in ([key] if isinstance(key, str) else key))


def _custom_objects(account: Account, stream: str) -> Rows:
    [schema] = [one["id"] for one in account.rows("customObjectSchemas") if stream == f"custom_object_{one['slug']}"]
    # Their columns are not those of the API.
    return {(row["id"],): {} for row in account.rows("customObjectRecords") if row["schemaId"] == schema}


def _resource(stream: str) -> str:
    return resource_of(stream) if stream in STREAMS else "customObjectRecords"


def _all_ids(account: Account, resource: str) -> set[str]:
    """The ids that a resource ever had."""
    store = account.store(resource)
    return {store.id_of(index) for index in range(store.slots)}


# ---- values ---------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{0,30})?([eE][+-]?\d{1,3})?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)?)?")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_FLAGS = {"true": Decimal(1), "false": Decimal(0)}


def plain(value: Any) -> Any:
    """A value without what the documented conversions change: the same for what the API sent and for what came of it.

    >>> plain("100.10") == plain(100.1), plain("1") == plain(True), plain("0000-00-00") == plain(None) == plain([])
    (True, True, True)
    >>> plain("2019-09-06T11:29:48-05:00") == plain("2019-09-06T16:29:48Z")
    True
    """
    if isinstance(value, list):
        return [plain(part) for part in value] or None
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()} or None
    if value is None or isinstance(value, (bool, int, float, Decimal)):
        return None if value is None else Decimal(str(value)) if not isinstance(value, bool) else Decimal(value)
    return _plain_text(_HALF_CHARACTER.sub("\ufffd", str(value)).strip())


def _plain_text(text: str) -> Any:
    if not text or text.startswith("0000-00-00"):
        return None
    if text.lower() in _FLAGS:
        return _FLAGS[text.lower()]
    if _NUMBER.fullmatch(text):
        with suppress(InvalidOperation):
            return Decimal(text)
    if match := _TIME.fullmatch(text):
        day, time, fraction, offset = match.groups()
        with suppress(ValueError):
            moment = datetime.fromisoformat(f"{day}T{time or '00:00:00'}{(offset or '+00:00').replace('Z', '+00:00')}")
            return moment.astimezone(timezone.utc), (fraction or "").rstrip("0")
    return text


# ---- how a read ended -----------------------------------------------------------------------------------------------

ENDS = ("COMPLETE", "INCOMPLETE")


def disagreements(output: Output, streams: Collection[str]) -> Iterator[str]:
    """Where the exit code, the statuses of the streams and the errors of a read that ended by itself do not agree."""
    # The sum of a sync says nothing of its own.
    failed = {error["stream"] for error in output.errors if not error["message"].startswith("During the sync, ")}
    for stream in streams:
        status = output.statuses.get(stream)
        if status not in ENDS and None not in failed:
            yield f"{stream} has the last status {status}, and nothing says why"
        if status == "COMPLETE" and stream in failed:
            yield f"{stream} is COMPLETE, and has an error"
        if status == "INCOMPLETE" and stream not in failed:
            yield f"{stream} is INCOMPLETE, and no error names it"
    is_whole = not failed and all(output.statuses.get(stream) == "COMPLETE" for stream in streams)
    if output.exit_code != (0 if is_whole else 1):
        yield f"the exit code is {output.exit_code}, with {len(failed)} streams that have errors"


def states_after(output: Output, before: Mapping[str, JsonObject]) -> dict[str, JsonObject]:
    """The newest state of each stream, that of before where none came."""
    came = {state["stream"]["stream_descriptor"]["name"]: state for state in output.state}
    return {**before, **came}


def kept(output: Output, stream: str) -> tuple[list[JsonObject], list[JsonObject]]:
    """A stream's records that a destination has for good, and the others: those after the last state of a stream that
    did not complete."""
    safe: list[JsonObject] = []
    later: list[JsonObject] = []
    for message in output.messages:
        if message["type"] == "RECORD" and message["record"]["stream"] == stream:
            later.append(message["record"]["data"])
        elif message["type"] == "STATE" and message["state"]["stream"]["stream_descriptor"]["name"] == stream:
            safe, later = safe + later, []
    return (safe + later, []) if output.statuses.get(stream) == "COMPLETE" else (safe, later)
