"""States on their way in and out.

A state comes back as Airbyte kept it, or as somebody edited it, or from a connector before this one. Whatever it is, it
costs one warning at most, and never the rows of a stream: what cannot be understood is read anew.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airbyte_cdk.models import (
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    AirbyteStateType,
    AirbyteStreamState,
    ConfiguredAirbyteCatalog,
    StreamDescriptor,
    SyncMode,
)

from source_activecampaign.config import normalize_start_date

LOGGER = logging.getLogger("airbyte")

# A wall clock is at most 14 hours away from UTC, and an hour is repeated when daylight saving time ends.
FARTHEST_ZONE = timedelta(hours=15)

# In the state of a stream that is read contact by contact: the listing of contacts, its cursor, and those contacts
# that have to be asked for again, with that cursor's value.
CONTACTS, CONTACTS_CURSOR, FAILED_CONTACTS = "changed_contacts", "udate", "failed_contacts"

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z?)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_OFFSET = re.compile(r"\d{4}-\d\d-\d\d.+(Z|[+-]\d\d:?\d\d)\s*", re.ASCII)
_EPOCH = "1970-01-01T00:00:00"


@dataclass(frozen=True)
class Cursor:
    """What a stream's state holds: a date under `field`, in UTC or of a wall clock; `per_contact` more than that."""

    field: str
    is_wall_clock: bool = False
    per_contact: bool = False


def messages(raw: Any) -> list[AirbyteStateMessage]:
    """The states of streams in the content of a state file, one message each, whatever is in them.

    It may hold messages of any type of the protocol (STREAM, GLOBAL, LEGACY), or states by the name of their stream.

    >>> [message] = messages({"contacts": {"udate": "2024-05-01T00:00:00Z"}})
    >>> message.stream.stream_descriptor.name
    'contacts'
    """
    return of_streams(_named(raw))


def of_streams(states: Iterable[tuple[str, Any]]) -> list[AirbyteStateMessage]:
    """The messages of states, given with the names of their streams."""
    return [_message(name, state) for name, state in states]


def usable(
    states: Iterable[AirbyteStateMessage],
    catalog: ConfiguredAirbyteCatalog,
    cursors: Mapping[str, Cursor],
    exists: Callable[[str], bool],
    began: datetime,
) -> dict[str, dict[str, Any]]:
    """The states that the streams of the catalog can go on from, in the form in which this version writes them.

    Only those of streams that are read incrementally: the CDK would follow the others', too. A date in another form is
    brought into that of the stream, and none is later than `began`, the beginning of the sync: nothing that changes
    until then would be read. A state that is none of it is left out. Each is said, in one warning per stream.
    """
    incremental = {one.stream.name for one in catalog.streams if one.sync_mode is SyncMode.incremental}
    found = dict(_named([AirbyteStateMessageSerializer.dump(state) for state in states]))
    if gone := sorted(name for name in found if not exists(name)):
        LOGGER.info("Ignored the states of streams that do not exist: %s.", ", ".join(gone))
    understood = {
        name: _State(cursors[name], began).understood(name, state)
        for name, state in found.items()
        if name in incremental and name in cursors
    }
    return {name: state for name, state in understood.items() if state}


def _named(raw: Any) -> Iterator[tuple[str, Any]]:
    """
    >>> list(_named([{"type": "GLOBAL", "global": {"stream_states": [{"stream_descriptor": {"name": "tags"}}]}}]))
    [('tags', None)]
    """
    strange = False
    for one in raw if isinstance(raw, list) else [raw] if raw else []:
        parts = one if isinstance(one, Mapping) else {}
        streams = [parts.get("stream")]
        for everything in (parts.get("global"), parts.get("global_")):
            if isinstance(everything, Mapping) and isinstance(everything.get("stream_states"), list):
                streams += everything["stream_states"]
        by_name = parts.get("data") if "type" in parts or "data" in parts else parts
        names = [
            (str(stream["stream_descriptor"].get("name")), stream.get("stream_state"))
            for stream in streams
            if isinstance(stream, Mapping) and isinstance(stream.get("stream_descriptor"), Mapping)
        ]
        if isinstance(by_name, Mapping) and not names:
            names = list(by_name.items())
        strange = strange or not names
        yield from names
    if strange:
        LOGGER.warning("A part of the state is in no form that is known, and is ignored.")


def _message(name: str, state: Any) -> AirbyteStateMessage:
    blob = None if state is None else AirbyteStateBlob(state if isinstance(state, Mapping) else {"": state})
    return AirbyteStateMessage(
        type=AirbyteStateType.STREAM,
        stream=AirbyteStreamState(stream_descriptor=StreamDescriptor(name=name), stream_state=blob),
    )


@dataclass
class _State:
    """The state of one stream, brought into the form in which this version writes it."""

    cursor: Cursor
    began: datetime
    remarks: list[str] = field(default_factory=list)

    def understood(self, name: str, state: Any) -> dict[str, Any]:
        """That form, empty where there is no state, or none that can be understood."""
        if isinstance(state, Mapping):
            # What the protocol and the CDK note about streams without a cursor.
            state = {key: value for key, value in state.items() if not key.startswith("__ab_")}
        if state is None or state == {}:
            return {}
        try:
            found = self._of_contacts(state) if self.cursor.per_contact else {self.cursor.field: self._date(state)}
        except ValueError as error:
            LOGGER.warning("Stream %s: its state cannot be used (%s), so the stream is read anew.", name, error)
            return {}
        if self.remarks:
            LOGGER.warning("Stream %s: its state is corrected: %s.", name, "; ".join(self.remarks))
        return found

    def _of_contacts(self, state: Any) -> dict[str, Any]:
        # The lookback window in it is of no use: of a contact that changed, all rows are passed on.
        own = {self.cursor.field, "state", "parent_state", "use_global_cursor", "lookback_window", FAILED_CONTACTS}
        if not own.intersection(_mapping(state)):
            raise ValueError(f"there is no date under {self.cursor.field!r}")
        found: dict[str, Any] = {"use_global_cursor": True, "parent_state": {CONTACTS: {}}}
        if cursor := state if self.cursor.field in state else _mapping(state.get("state")):
            found["state"] = {self.cursor.field: self._date(cursor)}
        if contacts := _mapping(_mapping(state.get("parent_state")).get(CONTACTS)):
            found["parent_state"] = {CONTACTS: {CONTACTS_CURSOR: self._date(contacts, CONTACTS_CURSOR)}}
        if failed := _mapping(state.get(FAILED_CONTACTS)):
            if not all(re.fullmatch(r"\d{1,20}", contact, re.ASCII) for contact in failed):
                raise ValueError(f"there is something else than ids of contacts under {FAILED_CONTACTS!r}")
            found[FAILED_CONTACTS] = {contact: when if _is_written(when) else None for contact, when in failed.items()}
        return found

    def _date(self, state: Any, name: str = "") -> str:
        name = name or self.cursor.field
        value = _mapping(state).get(name)
        if not isinstance(value, str) or not _DATE.match(value):
            raise ValueError(f"there is no date under {name!r}")
        try:
            moment = datetime.fromisoformat(normalize_start_date(value)[:19])
        except ValueError:
            raise ValueError(f"there is no date under {name!r}") from None
        written = _WRITTEN.fullmatch(value)
        if not written or bool(written[2]) is self.cursor.is_wall_clock:
            # Between UTC and a wall clock in a zone that is not known, the earliest moment that may be meant.
            if bool(_OFFSET.fullmatch(value)) is self.cursor.is_wall_clock:
                moment = max(moment, datetime.min + FARTHEST_ZONE) - FARTHEST_ZONE
            self.remarks.append(f"the date under {name!r} is taken for {self._text(moment)}")
        latest = self.began.replace(tzinfo=None)
        if moment > latest:
            self.remarks.append(f"{self._text(moment)} under {name!r} is in the future, so it is taken for now")
        if self.cursor.is_wall_clock:
            latest -= FARTHEST_ZONE
        return self._text(min(moment, latest))

    def _text(self, moment: datetime) -> str:
        return max(moment.isoformat()[:19], _EPOCH) + ("" if self.cursor.is_wall_clock else "Z")


def _mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is a JSON object, or nothing; raises ValueError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError("it is no JSON object, or a part of it is none that has to be")
    return value


def _is_written(value: Any) -> bool:
    return isinstance(value, str) and bool(_WRITTEN.fullmatch(value))


def not_past(state: AirbyteStateMessage, moment: datetime) -> AirbyteStateMessage:
    """The state with no cursor past `moment`, the beginning of the sync.

    A record dated in the future would otherwise carry the cursor past everything that changes until then, and a
    record read late in a sync past those that changed after they were read. Both would be lost next time.
    """
    if state.stream and state.stream.stream_state is not None:
        state.stream.stream_state = AirbyteStateBlob(_capped(state.stream.stream_state.__dict__, moment))
    return state


def _capped(value: Any, moment: datetime) -> Any:
    """
    >>> from datetime import timezone
    >>> _capped({"udate": "2031-01-01T00:00:00Z"}, datetime(2024, 6, 15, 12, tzinfo=timezone.utc))
    {'udate': '2024-06-15T12:00:00Z'}
    """
    if isinstance(value, dict):
        return {key: _capped(part, moment) for key, part in value.items()}
    if isinstance(value, list):
        return [_capped(part, moment) for part in value]
    if isinstance(value, str) and _TIMESTAMP.match(value):
        wall_clock = (moment - FARTHEST_ZONE).strftime("%Y-%m-%dT%H:%M:%S")
        limit = moment.strftime("%Y-%m-%dT%H:%M:%SZ") if value.endswith("Z") else wall_clock
        return limit if value[:19] > limit[:19] else value
    return value
