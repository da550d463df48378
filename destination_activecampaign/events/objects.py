"""The objects that rows about what contacts did are written to."""

from collections.abc import Mapping, Sequence
from typing import Any

from destination_activecampaign.catalog import Mode, ObjectType

_TEXT: Mapping[str, Any] = {"type": ["null", "string"]}
_EMAIL: Mapping[str, Any] = {"type": ["null", "string"], "description": "Email address of the contact."}
_NAME: Mapping[str, Any] = {"type": ["null", "string"], "description": "Name of the event, of 32 characters at most."}
_ID: Mapping[str, Any] = {
    "type": ["null", "string"],
    "description": "Sent once in a sync, however often it comes.",
}
# Where calls have the contact, and what they say once.
_OF_CALLS: Mapping[str, Mapping[str, Any]] = {
    "email": _EMAIL,
    "userId": {
        "type": ["null", "string"],
        "description": "Counts where it is the only email address.",
    },
    "traits": {"type": ["null", "object"], "description": "email of the contact."},
    "context": {"type": ["null", "object"], "description": "traits with the email of the contact."},
    "messageId": _ID,
}
_PROPERTIES: Mapping[str, Any] = {
    "type": ["null", "object"],
    "description": "The data of the event, sent as JSON.",
}

EVENT_OBJECTS: Sequence[ObjectType] = (
    ObjectType(
        name="events",
        keys=(),
        modes=frozenset({Mode.APPEND}),
        fields={
            "email": _EMAIL,
            "event": _NAME,
            "eventdata": {"type": ["null", "string", "object"], "description": "A text, or what is sent as JSON."},
            "event_id": _ID,
        },
        required=("email", "event"),
        is_tracked=True,
    ),
    ObjectType(
        name="track",
        keys=(),
        modes=frozenset({Mode.APPEND}),
        fields={"event": _NAME, "properties": _PROPERTIES, **_OF_CALLS},
        is_tracked=True,
    ),
    ObjectType(
        name="screen",
        keys=(),
        modes=frozenset({Mode.APPEND}),
        fields={"event": _NAME, "name": _NAME, "properties": _PROPERTIES, **_OF_CALLS},
        is_tracked=True,
    ),
    ObjectType(
        name="page",
        keys=(),
        modes=frozenset({Mode.APPEND}),
        fields={
            "url": {"type": ["null", "string"], "description": "URL of the page; else that of properties."},
            "referrer": _TEXT,
            "properties": {"type": ["null", "object"], "description": "url and referrer of the page."},
            **_OF_CALLS,
        },
        is_tracked=True,
    ),
)
