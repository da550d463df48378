"""From a row to the event or the visit that it is, or to why it cannot be sent."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from activecampaign_client.exact_json import has_half_character
from destination_activecampaign.calls import Call
from destination_activecampaign.catalog import Target
from destination_activecampaign.cells import HALF_CHARACTER, Rejected, text_of
from destination_activecampaign.columns import Columns
from destination_activecampaign.contacts.parts import email_of, is_email
from destination_activecampaign.contacts.reasons import EMAIL_MISSING
from destination_activecampaign.events import reasons
from destination_activecampaign.events.objects import EVENT_OBJECTS
from destination_activecampaign.rejections import Rejection

# https://developers.activecampaign.com/reference/track-event
LONGEST_NAME = 32
_FIELDS = {one.name: one.fields for one in EVENT_OBJECTS}
# What both write beside the properties of an event into its table, and what begins the names of objects there.
_BESIDE = frozenset(
    {
        *("event", "event_text", "email", "event_id", "message_id", "id", "user_id", "anonymous_id", "rudder_id"),
        *("channel", "received_at", "sent_at", "timestamp", "original_timestamp", "loaded_at", "uuid", "uuid_ts"),
    }
)
_OBJECTS = frozenset({"context", "traits", "properties"})


class Event(NamedTuple):
    """An event of a contact; `id` tells one from another within a stream, where the row has such."""

    email: str
    name: str
    data: str
    id: str


class Visit(NamedTuple):
    """A page that a contact has seen; without an email address nothing but its `site` counts."""

    email: str
    url: str
    referrer: str
    site: str
    id: str


class EventReader:
    """What the rows of one stream say. Raises ApiError where its columns are not those of its object."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._columns = (
            Columns(target.stream, _FIELDS["events"], (), target.fields, target.columns)
            if target.object == "events"
            else None
        )

    def read(self, row: Mapping[str, Any]) -> Event | Visit | Rejection:
        try:
            if self._columns:
                return _event({field.name: value for field, value in self._columns.read(row).items()})
            call = Call(row, self._target.fields)
            return _visit(call) if self._target.object == "page" else self._call(call)
        except Rejected as rejected:
            return rejected.rejection

    def _call(self, call: Call) -> Event:
        name = _first(call, ("event_text",), ("event",))
        known = _BESIDE
        if self._target.object == "screen":
            name = name or _first(call, ("name",), ("properties", "name"))
            known = _BESIDE | {"name"}
        properties = call.object("properties")
        if not properties and not call.has("properties"):
            properties = call.rest(known, _OBJECTS)
        email = _email_of(call)
        if not email:
            raise Rejected(EMAIL_MISSING)
        return Event(email, _name(name), _json(properties) if properties else "", _id_of(call))


def _event(said: Mapping[str, Any]) -> Event:
    email = email_of(said.get("email"))
    if not email:
        raise Rejected(EMAIL_MISSING)
    data, identifier = said.get("eventdata"), said.get("event_id")
    text = _json(data) if isinstance(data, (Mapping, list)) else "" if data is None else text_of(data)
    return Event(email, _name(said.get("event")), text, "" if identifier is None else text_of(identifier))


def _visit(call: Call) -> Visit:
    url = _text(_first(call, ("properties", "url"), ("context", "page", "url"), ("url",)))
    if not url:
        raise Rejected(reasons.URL_MISSING)
    url = url if "://" in url else f"https://{url}"
    try:
        parts = urlsplit(url)
        site = (parts.hostname or "").lower()
    except ValueError:
        raise Rejected(reasons.URL_INVALID) from None
    if parts.scheme not in ("http", "https") or "." not in site.strip(".") or not site.isprintable() or " " in site:
        raise Rejected(reasons.URL_INVALID)
    referrer = _first(call, ("properties", "referrer"), ("context", "page", "referrer"), ("referrer",))
    return Visit(_email_of(call), url, _text(referrer), site, _id_of(call))


def _name(value: Any) -> str:
    name = _text(value)
    if not name:
        raise Rejected(reasons.EVENT_MISSING)
    if len(name) > LONGEST_NAME:
        raise Rejected(reasons.EVENT_NAME_TOO_LONG)
    return name


def _email_of(call: Call) -> str:
    """The email address of the contact; empty where the call has none."""
    email = email_of(_first(call, ("context", "traits", "email"), ("traits", "email"), ("email",)))
    user = call.get("userId")
    if not email and isinstance(user, str) and is_email(user.strip()):
        return user.strip()
    return email


def _id_of(call: Call) -> str:
    """What the call is known by; the `id` of a table may be that of anything."""
    return _text(_first(call, ("event_id",), ("messageId",)))


def _first(call: Call, *paths: tuple[str, ...]) -> Any:
    return next((found for path in paths if (found := call.get(*path)) is not None and found != ""), None)


def _text(value: Any) -> str:
    return "" if value is None else text_of(value).strip()


def _json(value: Any) -> str:
    """
    >>> _json({"price": 3.5, "name": 'a "cube"'})
    '{"price":3.5,"name":"a \\\\"cube\\\\""}'
    """
    if _has_half_character(value):
        raise Rejected(HALF_CHARACTER)
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Nested deeper than orjson writes.
        return json.dumps(value)


def _has_half_character(value: Any) -> bool:
    """Whether a text of a JSON value, at any depth, has half a character in it, or had before it was mended."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, Mapping):
            # A name that was mended does not tell.
            if any("\ufffd" in name or has_half_character(name) for name in one):
                return True
            left += one.values()
        elif isinstance(one, list):
            left += one
        elif isinstance(one, str) and has_half_character(one):
            return True
    return False
