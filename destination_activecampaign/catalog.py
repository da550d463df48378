"""What each stream of a configured catalog is written to."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from destination_activecampaign.columns import form, snake_case, value_in
from destination_activecampaign.config import Config, StreamSettings

LOGGER = logging.getLogger(__name__)


class Mode(Enum):
    """What a row does to the object with its key: UPDATE never creates, INSERT never changes what is there.

    APPEND is for what has no key: each row is one more of them.
    """

    UPSERT = "upsert"
    UPDATE = "update"
    INSERT = "insert"
    SOFT_DELETE = "soft_delete"
    APPEND = "append"


@dataclass(frozen=True)
class ObjectType:
    """What can be written: the object's own fields by name with their JSON schemas, and what tells one from another.

    `keys` are the fields of which one choice is enough, the usual one first; () for what has none. `required` are
    fields without which a row says nothing. Where it `is_tracked`, it is written with the keys of Event Tracking.
    `custom_fields` is the listing
    below /api/3/ of the definitions of its custom fields, where it has such, and `reads` are the listings that writing
    it needs to see. Where it `is_optional`, not every plan has it, and not every user may see it. Where it
    `has_custom_keys`, a custom field can be the key, too.
    """

    name: str
    keys: tuple[tuple[str, ...], ...]
    modes: frozenset[Mode]
    fields: Mapping[str, Mapping[str, Any]]
    custom_fields: str = ""
    required: tuple[str, ...] = ()
    is_tracked: bool = False
    reads: tuple[str, ...] = ()
    is_optional: bool = False
    has_custom_keys: bool = False


@dataclass(frozen=True)
class Target:
    """One stream of the sync and what it is written to.

    `object` is a name such as `contacts`. `key` are the fields of the object that tell which one a row is about, such
    as `("email",)` or `("id",)`, and `key_columns` the columns that hold them. `columns` are those of the stream's
    schema, as it spells them, and `fields` the fields that the user named for some of them; records may spell a column
    otherwise (see `destination_activecampaign.columns`). `moments` are the columns that the schema says have times with
    an offset, `numbers` those that it says have numbers.

    >>> target = Target("people", None, "contacts", Mode.UPSERT, ("email",), ("Email", "plan"), {"plan": "PLAN"})
    >>> target.key_of({"email": "ann@example.com", "plan": "gold"})
    {'email': 'ann@example.com'}
    """

    stream: str
    namespace: str | None
    object: str
    mode: Mode
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    key_columns: tuple[str, ...] = ()
    moments: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()

    def key_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a row's key, by field."""
        return {
            name: value_in(row, column) for name, column in zip(self.key, self.key_columns or self.key, strict=True)
        }


class ObjectTypes(Protocol):
    """The objects that rows can be written to."""

    @property
    def usual(self) -> Sequence[ObjectType]:
        """Those that every account has, and every user may see."""

    @property
    def names(self) -> Sequence[str]:
        """What they are called, as far as that is known without asking."""

    def named(self, name: str) -> ObjectType | None:
        """The object of this name, without regard to case and to how PyAirbyte rewrites names.

        None where there is none. Raises ApiError where it has to be asked for, and cannot be.
        """

    def __iter__(self) -> Iterator[ObjectType]: ...


def is_no_object(stream: str, name: str, objects: ObjectTypes) -> str:
    """The sentence for a stream that is to be written to what is no object."""
    return (
        f"The stream {stream} is to be written to {name}, which is no object of ActiveCampaign's. Name one for it "
        f"under Streams in the configuration: {', '.join(objects.names)}."
    )


# What a sync mode does where the configuration does not say otherwise. Overwriting is no deletion of the rest, whatever
# the generation ids say: PyAirbyte asks for it where a stream has neither key nor cursor.
_MODES = {
    "append_dedup": Mode.UPSERT,
    "append": Mode.UPSERT,
    "overwrite": Mode.UPSERT,
    "update": Mode.UPDATE,
    "soft_delete": Mode.SOFT_DELETE,
}
# The same for objects without a key.
_APPENDS = {name: Mode.APPEND for name, mode in _MODES.items() if mode is Mode.UPSERT}


def targets_of(catalog: Any, config: Config, objects: ObjectTypes) -> list[Target]:
    """What the streams of a configured catalog, as JSON, are written to.

    The object is the stream's `destination_object_name`, else what the configuration says, else the stream's own name.
    Raises ValueError with a sentence where a stream fits no object, mode or key, or where it is no catalog.
    """
    streams = catalog.get("streams") if isinstance(catalog, Mapping) else None
    if not isinstance(streams, list):
        raise ValueError('The catalog holds no list of streams: it has to look like {"streams": ...}.')
    given = {settings.stream: settings for settings in config.streams}
    targets = [_target(configured, given, objects) for configured in streams]
    described: set[tuple[str, str | None]] = set()
    for target in targets:
        if (target.stream, target.namespace) in described:
            raise ValueError(f"The catalog has the stream {target.stream} twice.")
        described.add((target.stream, target.namespace))
    if unused := sorted(given.keys() - {target.stream for target in targets}):
        # The same configuration may serve other connections.
        LOGGER.info("The Streams setting names %s, which this connection does not write.", ", ".join(unused))
    return targets


def _target(configured: Any, given: Mapping[str, StreamSettings], objects: ObjectTypes) -> Target:
    stream = configured.get("stream") if isinstance(configured, Mapping) else None
    stream = stream if isinstance(stream, Mapping) else {}
    name = stream.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("The catalog has a stream without a name.")
    settings = given.get(name, StreamSettings(name))
    wanted = configured.get("destination_object_name") or settings.object or name
    kind = objects.named(str(wanted))
    if kind is None:
        raise ValueError(is_no_object(name, wanted, objects))
    mode = _mode(configured, settings, kind)
    schema = stream.get("json_schema")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    properties = properties if isinstance(properties, Mapping) else {}
    columns = tuple(properties)
    key, key_columns = _key(configured, settings, kind, columns)
    namespace = stream.get("namespace")
    return Target(
        name,
        namespace if isinstance(namespace, str) else None,
        kind.name,
        mode,
        key,
        columns,
        settings.fields,
        key_columns,
        frozenset(column for column in columns if _is_moment(properties[column])),
        frozenset(column for column in columns if _is_number(properties[column])),
    )


def _is_moment(schema: Any) -> bool:
    """Whether a column has times with an offset, which is what a time is where the schema does not say otherwise."""
    return (
        isinstance(schema, Mapping)
        and schema.get("format") == "date-time"
        and schema.get("airbyte_type") != "timestamp_without_timezone"
    )


def _is_number(schema: Any) -> bool:
    """Whether a column has numbers, and nothing else."""
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    kinds = kind if isinstance(kind, list) else [kind]
    return "number" in kinds and not {"string", "array", "object"} & {one for one in kinds if isinstance(one, str)}


def _mode(configured: Mapping[str, Any], settings: StreamSettings, kind: ObjectType) -> Mode:
    sync_mode = configured.get("destination_sync_mode")
    if settings.mode:
        mode = Mode(settings.mode)
    elif isinstance(sync_mode, str) and sync_mode in _MODES:
        mode = (_MODES if kind.keys else {**_MODES, **_APPENDS})[sync_mode]
    else:
        raise ValueError(f"The stream {settings.stream} has no sync mode that is known: {', '.join(_MODES)}.")
    if mode not in kind.modes:
        allowed = " or ".join(one.value for one in Mode if one in kind.modes)
        raise ValueError(
            f"The stream {settings.stream} is to be written to {kind.name} in the mode {mode.value}, which they do not "
            f"have: choose {allowed}."
        )
    return mode


def _key(
    configured: Mapping[str, Any], settings: StreamSettings, kind: ObjectType, columns: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields that tell which object a row is about, and the columns that hold them.

    A primary key that came with the object was chosen among its matching keys. Any other one is the source's own: the
    `id` of a table is no id of a contact.
    """
    if not kind.keys:
        if settings.key:
            raise ValueError(
                f"The key of the stream {settings.stream} is of no use, as {kind.name} has none: remove it under "
                "Streams in the configuration."
            )
        return (), ()
    matched = {one: column for column in reversed([*columns]) if (one := _standard(column, settings.fields, kind))}
    matched |= {one: column for column in settings.fields if (one := _standard(column, settings.fields, kind))}
    chosen = settings.key or (tuple(_names(configured)) if configured.get("destination_object_name") else ())
    if not chosen:
        key = next((one for one in kind.keys if matched.keys() >= set(one)), kind.keys[0])
        return key, tuple(matched.get(name, name) for name in key)
    by_field = {_standard(column, settings.fields, kind) or column: column for column in chosen}
    for key in kind.keys:
        if set(key) == by_field.keys():
            return key, tuple(by_field[name] for name in key)
    if kind.has_custom_keys and len(chosen) == 1 and not _standard(chosen[0], settings.fields, kind):
        return chosen, chosen
    allowed = " or ".join(" and ".join(key) for key in kind.keys)
    raise ValueError(
        f"The key of the stream {settings.stream}, {' and '.join(chosen)}, tells no {kind.name} apart: it has to be "
        f"{allowed}{' or a custom field' if kind.has_custom_keys else ''}."
    )


def _standard(column: str, fields: Mapping[str, str], kind: ObjectType) -> str | None:
    """The object's own field that a column is written to, by what the user named or by its name."""
    named = next((one for one in fields if form(one) == form(column)), None)
    name = column if named is None else fields[named]
    return next((own for own in kind.fields if form(name) in (form(own), snake_case(own))), None)


def _names(configured: Mapping[str, Any]) -> Iterator[str]:
    """The columns of a primary key: each a path, of which only the outermost name can be one of a row."""
    key = configured.get("primary_key")
    for path in key if isinstance(key, Collection) and not isinstance(key, str) else ():
        if isinstance(path, str):
            yield path
        elif isinstance(path, list) and len(path) == 1 and isinstance(path[0], str):
            yield path[0]
        else:
            raise ValueError(f"The primary key of a stream has to be columns of it, not {path}.")
