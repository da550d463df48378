"""The objects that rows about contacts are written to."""

from collections.abc import Mapping, Sequence
from typing import Any

from destination_activecampaign.catalog import Mode, ObjectType

_TEXT: Mapping[str, Any] = {"type": ["null", "string"]}
_EMAIL: Mapping[str, Any] = {"type": ["null", "string"], "description": "Email address of the contact."}
_TAGS: Mapping[str, Any] = {
    "type": ["null", "array"],
    "items": {"type": ["null", "string"]},
    "description": "Names of tags.",
}
_LISTS: Mapping[str, Any] = {
    "type": ["null", "array"],
    "items": {"type": ["null", "string", "integer", "object"]},
    "description": "Ids, string ids or names of lists, or objects with id and status.",
}
_STATUS = "subscribe or unsubscribe (1, 2, true and false are understood, too)."

CONTACT_OBJECTS: Sequence[ObjectType] = (
    ObjectType(
        name="contacts",
        keys=(("email",), ("id",)),
        modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.INSERT, Mode.SOFT_DELETE}),
        fields={
            "id": {"type": ["null", "string"], "description": "Id of the contact."},
            "email": _EMAIL,
            "firstName": _TEXT,
            "lastName": _TEXT,
            "phone": _TEXT,
            "tags": _TAGS,
            "lists": _LISTS,
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
    ObjectType(
        name="account_contacts",
        keys=(("email", "account"),),
        modes=frozenset({Mode.UPSERT, Mode.SOFT_DELETE}),
        fields={
            "email": _EMAIL,
            "account": {"type": ["null", "string"], "description": "Name of the account that the contact belongs to."},
            "jobTitle": {"type": ["null", "string"], "description": "What the contact is there."},
        },
        reads=("contacts", "accounts", "accountContacts"),
    ),
    ObjectType(
        name="identify",
        keys=(),
        modes=frozenset({Mode.APPEND}),
        fields={
            "traits": {
                "type": ["null", "object"],
                "description": "What is known of the contact: email, name, firstName, lastName, phone, tags, lists and "
                "fieldInfo, which may also stand beside each other in columns of their own.",
            },
            "context": {"type": ["null", "object"], "description": "Its traits are those of the contact, too."},
            "email": _EMAIL,
            "name": {"type": ["null", "string"], "description": "First name, and the rest, where these are not given."},
            "firstName": _TEXT,
            "lastName": _TEXT,
            "phone": _TEXT,
            "tags": _TAGS,
            "lists": _LISTS,
            "fieldInfo": {"type": ["null", "object"], "description": "Values of custom fields by the field's title."},
        },
        reads=("contacts", "fields", "tags", "lists"),
    ),
)
