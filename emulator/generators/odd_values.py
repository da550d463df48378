"""Values that take more than one generator: they depend on other rows or have no fixed shape."""

from __future__ import annotations

from typing import Any

from .. import words
from ..entropy import salt_of
from ..expressions import maker
from ..store import Function, Row
from .custom_fields import GONE_FIELD

GONE_PIPELINE = "97"
GONE_EVERY = 61


@maker("pipeline")
def _pipeline(args: list[str], field: str) -> Function:
    """A deal's pipeline; one in sixty has lost it, as accounts do in which pipelines are deleted."""
    salt = salt_of("pipeline")

    def value(row: Row) -> str | None:
        groups = row.world.store("dealGroups")
        if row.index % GONE_EVERY == GONE_EVERY // 2 or not groups.base:
            return GONE_PIPELINE
        return groups.id_of(row.number(salt) % groups.base)

    return value


@maker("stage")
def _stage(args: list[str], field: str) -> Function:
    """A stage of the deal's own pipeline."""
    salt = salt_of("stage")

    def value(row: Row) -> str:
        groups, stages = row.world.store("dealGroups"), row.world.store("dealStages")
        group = groups.index_of(str(row.get("group")))
        found = stages.children_of_parent(group, "") if group is not None else []
        return stages.id_of(found[row.number(salt) % len(found)]) if found else "0"

    return value


@maker("currency")
def _currency(args: list[str], field: str) -> Function:
    """The currency of the deal's pipeline."""

    def value(row: Row) -> Any:
        groups = row.world.store("dealGroups")
        group = groups.index_of(str(row.get("group")))
        return groups.value(group, "currency") if group is not None else "usd"

    return value


@maker("value_field")
def _value_field(args: list[str], field: str) -> Function:
    """The field of a fieldValue: siblings have different ones, a few belong to a field that is gone.

    Or to none at all, as in the published example of GET fieldValues/{id}.
    """

    def value(row: Row) -> str | None:
        if row.world.has_nulls and row.index % 211 == 105:
            return None
        if row.index % 173 == 86:
            return str(GONE_FIELD)
        fields = row.world.store("fields")
        if not fields.base or row.parent is None:
            return None
        return fields.id_of(((row.parent_bits() & 0xFFFF) + row.slot) % fields.base)

    return value


@maker("form_style")
def _form_style(args: list[str], field: str) -> Function:
    """Forms are polymorphic: padding is a string here and a number there."""

    def value(row: Row) -> dict[str, Any]:
        padding: Any = 10 if row.index % 2 else "10"
        return {
            "background": "#ffffff",
            "dark": row.index % 3 == 0,
            "font": {"family": "arial", "size": 14, "color": "#000000"},
            "button": {"padding": padding, "background": "#123456", "border": {"width": 1, "radius": "4"}},
        }

    return value


@maker("form_cfields")
def _form_cfields(args: list[str], field: str) -> Function:
    """An array, or an object where the keys have gaps, or `[]` when there are none."""

    def value(row: Row) -> Any:
        entry = {"type": "email", "header": "Email", "class": "_x_email", "default_text": ""}
        name = {"type": "fullname", "header": "Full name", "class": "_x_name", "default_text": None}
        return [[name, entry], {"0": name, "2": entry}, []][row.index % 3]

    return value


@maker("form_recent")
def _form_recent(args: list[str], field: str) -> Function:
    def value(row: Row) -> list[Any]:
        contact = {"id": row.world.store("contacts").id_of(0), "date": "10/01/2026"}
        choices: list[list[Any]] = [[], [contact], ["nobody"]]
        return choices[row.index % 3]

    return value


_ACTIVITIES = [
    ("log", "log", "logs"),
    ("link-data", "linkData", "linkData"),
    ("mpp-link-data", "mppLinkData", "mppLinkData"),
    ("contact-list", "contactList", "contactLists"),
    ("contact-tag", "contactTag", "contactTags"),
    ("note", "note", "notes"),
]


@maker("activity")
def _activity(args: list[str], field: str) -> Function:
    """One activity's model, its reference and the reference's parts, consistent with each other."""
    (wanted,) = args
    kind_salt, row_salt = salt_of("activity"), salt_of("activity row")

    def value(row: Row) -> Any:
        model, kind, resource = _ACTIVITIES[row.number(kind_salt) % len(_ACTIVITIES)]
        store = row.world.store(resource)
        target = store.id_of(row.number(row_salt) % store.base) if store.base else "1"
        parts = {
            "model": model,
            "type": model,
            "id": target,
            "reference": {"type": kind, "id": target},
            "action": {"contact-list": "1", "link-data": "open"}.get(model, ""),
        }
        return parts[wanted]

    return value


_EMAIL_ACTIVITIES = [("SubscriberEmail", "contact-email", "contactEmails"), ("Log", "log", "logs")]


@maker("email_activity")
def _email_activity(args: list[str], field: str) -> Function:
    """What an email is filed under: a personal one (recorded), or a campaign's send (measured: most of them are).

    reltype, relid and `reference {type, id}` agree. The reference of a send is an assumption: that of an activity.
    """
    (wanted,) = args
    kind_salt, row_salt = salt_of("email activity"), salt_of("email activity row")

    def value(row: Row) -> Any:
        reltype, kind, resource = _EMAIL_ACTIVITIES[row.number(kind_salt) % len(_EMAIL_ACTIVITIES)]
        store = row.world.store(resource)
        target = store.id_of(row.number(row_salt) % store.base) if store.base else "1"
        return {"reltype": reltype, "relid": target, "reference": {"type": kind, "id": target}}[wanted]

    return value


@maker("user_name")
def _user_name(args: list[str], field: str) -> Function:
    first, last = salt_of("first"), salt_of("last")

    def value(row: Row) -> str:
        if row.index == 0:
            return "admin"
        return f"{words.first_name(row.number(first))}.{words.last_name(row.number(last))}".lower()

    return value


@maker("owned")
def _owned(args: list[str], field: str) -> Function:
    """Notes and tasks belong to contacts or deals: relid, reltype and `owner {type, id}` agree."""
    (wanted,) = args
    kind_salt, row_salt = salt_of("owned"), salt_of("owned row")

    def value(row: Row) -> Any:
        deal = row.number(kind_salt) % 3 == 0
        owners = row.world.store("deals" if deal else "contacts")
        owner_id = owners.id_of(row.number(row_salt) % owners.base) if owners.base else "1"
        if wanted == "relid":
            return owner_id
        if wanted == "reltype":
            return "Deal" if deal else "Subscriber"
        return {"type": "deal" if deal else "contact", "id": owner_id}

    return value


_OBJECTS = [
    ("service-visit", "Service visit", "Service visits"),
    ("warranty", "Warranty", "Warranties"),
]
_OBJECT_FIELDS = [
    {"id": "title", "labels": {"singular": "Title", "plural": "Titles"}, "type": "text", "required": True},
    {
        "id": "visits",
        "labels": {"singular": "Visits", "plural": "Visits"},
        "type": "number",
        "required": False,
        "scale": 0,
    },
    {
        "id": "cost",
        "labels": {"singular": "Cost", "plural": "Costs"},
        "type": "currency",
        "required": False,
        "defaultCurrency": "USD",
    },
    {
        "id": "kind",
        "labels": {"singular": "Kind", "plural": "Kinds"},
        "type": "dropdown",
        "required": False,
        "options": [{"id": "a", "value": "Standard"}, {"id": "b", "value": "Express"}],
    },
    {"id": "due", "labels": {"singular": "Due", "plural": "Due"}, "type": "date", "required": False},
]


@maker("object_schema")
def _object_schema(args: list[str], field: str) -> Function:
    (wanted,) = args

    def value(row: Row) -> Any:
        slug, singular, plural = _OBJECTS[row.index % len(_OBJECTS)]
        turn = row.index // len(_OBJECTS)
        if wanted == "slug":
            return f"{slug}-{turn + 1}" if turn else slug
        if wanted == "labels":
            return {"singular": singular, "plural": plural}
        if wanted == "fields":
            return _OBJECT_FIELDS
        return [
            {
                "id": "primary-contact",
                "labels": {"singular": "Primary contact", "plural": "Primary contacts"},
                "description": "",
                "namespace": "contacts",
                "hasMany": False,
            }
        ]

    return value


@maker("object_record")
def _object_record(args: list[str], field: str) -> Function:
    """Values of a record: an array of {id, value}, numbers as numbers or strings (both were seen)."""
    (wanted,) = args
    salt = salt_of("object_record")

    def value(row: Row) -> Any:
        number = row.number(salt)
        if wanted == "relationships":
            contacts = row.world.store("contacts")
            return {"primary-contact": [contacts.id_of(number % contacts.base)] if contacts.base else []}
        return [
            {"id": "title", "value": words.words(number, 2)},
            {"id": "visits", "value": number % 9 if row.index % 2 else str(number % 9)},
            {"id": "cost", "value": number % 90_000},
            {"id": "kind", "value": "Express" if number & 1 else "Standard"},
            {"id": "due", "value": None if number % 5 == 0 else f"2026-0{number % 9 + 1}-15"},
        ]

    return value
