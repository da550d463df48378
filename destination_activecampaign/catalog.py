"""What each stream of a configured catalog is written to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Mode(Enum):
    """What a row does to the object with its key: UPDATE never creates, INSERT never changes what is there."""

    UPSERT = "upsert"
    UPDATE = "update"
    INSERT = "insert"
    SOFT_DELETE = "soft_delete"


@dataclass(frozen=True)
class Target:
    """One stream of the sync and what it is written to.

    `object` is a name such as `contacts` or `custom_object_pets`, in small letters. `key` are the columns that tell
    which one a row is about: those that were chosen, else the object's own (`email` of contacts). `columns` are those
    of the stream's schema, as it spells them, and `fields` the fields that the user named for some of them; records may
    spell a column otherwise (see `destination_activecampaign.columns`).

    >>> Target("people", None, "contacts", Mode.UPSERT, ("email",), ("email", "plan"), {"plan": "PLAN"}).object
    'contacts'
    """

    stream: str
    namespace: str | None
    object: str
    mode: Mode
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
