"""The three objects that rows about contacts are written to."""

from collections.abc import Mapping, Sequence
from typing import Any

from destination_activecampaign.catalog import Mode, ObjectType

_TEXT: Mapping[str, Any] = {"type": ["null", "string"]}
_EMAIL: Mapping[str, Any] = {"type": ["null", "string"], "description": "Email address of the contact."}
_STATUS = "subscribe or unsubscribe (1, 2, true and false are understood, too)."

CONTACT_OBJECTS: Sequence[ObjectType] = (
    ObjectType(
        name="contacts",
        keys=(("email",), ("id",)),
        modes=frozenset(Mode),
        fields={
            "id": {"type": ["null", "string"], "description": "Id of the contact."},
            "email": _EMAIL,
            "firstName": _TEXT,
            "lastName": _TEXT,
            "phone": _TEXT,
            "tags": {
                "type": ["null", "array"],
                "items": {"type": ["null", "string"]},
                "description": "Names of tags.",
            },
            "lists": {
                "type": ["null", "array"],
                "items": {"type": ["null", "string", "integer", "object"]},
                "description": "Ids, string ids or names of lists, or objects with id and status.",
            },
            "account": {"type": ["null", "string"], "description": "Name of the account that they belong to."},
        },
        custom_fields="fields",
        reads=("contacts", "fields", "tags", "lists"),
    ),
    ObjectType(
        name="contact_tags",
        keys=(("email", "tag"),),
        modes=frozenset({Mode.UPSERT, Mode.SOFT_DELETE}),
        fields={"email": _EMAIL, "tag": {"type": ["null", "string"], "description": "Name of the tag."}},
        reads=("contacts", "tags"),
    ),
    ObjectType(
        name="contact_lists",
        keys=(("email", "list"),),
        modes=frozenset({Mode.UPSERT, Mode.SOFT_DELETE}),
        fields={
            "email": _EMAIL,
            "list": {"type": ["null", "string"], "description": "Id, string id or name of the list."},
            "status": {"type": ["null", "string"], "description": _STATUS},
        },
        reads=("contacts", "lists"),
    ),
)
