"""Custom field definitions and their values, of contacts, deals and accounts.

Types and wire formats as published: contact fields keep several values as `||a||b||` (and a single value
written without pipes stays without), deal and account fields as JSON arrays; currency is integer cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import clock, words
from .rows import Function, Row, maker, salt_of

GONE_FIELD = 93
CHOICES = ["Early morning", "Mid-day", "Evening", "Weekend & holidays"]
COLOURS = ["Teal", "Ochre", "Plum"]


@dataclass(frozen=True)
class Definition:
    title: str
    tag: str
    type: str
    options: tuple[str, ...] = ()


CONTACT_FIELDS = [
    Definition("Favourite mineral", "FAVOURITE_MINERAL", "text"),
    Definition("Remarks", "REMARKS", "textarea"),
    Definition("Date of first visit", "DATE_OF_FIRST_VISIT", "date"),
    Definition("Next appointment", "NEXT_APPOINTMENT", "datetime"),
    Definition("Preferred time", "PREFERRED_TIME", "dropdown", tuple(CHOICES)),
    Definition("Interests", "INTERESTS", "listbox", ("Hiking", "Pottery", "Chess", "Rowing || sailing")),
    Definition("Size", "SIZE", "radio", ("S", "M", "L")),
    Definition("Topics", "TOPICS", "checkbox", ("News", "Offers", "Events")),
    Definition("Lead source", "LEAD_SOURCE", "hidden"),
    Definition("Number of seats", "NUMBER_OF_SEATS", "number"),
    Definition("Untyped note", "UNTYPED_NOTE", ""),
    Definition("Prénom préféré", "PRNOM_PRFR", "text"),
]
ENTITY_FIELDS = [
    Definition("Contract reference", "CONTRACT_REFERENCE", "text"),
    Definition("Scope of work", "SCOPE_OF_WORK", "textarea"),
    Definition("Kick-off", "KICKOFF", "date"),
    Definition("Go-live", "GOLIVE", "datetime"),
    Definition("Region", "REGION", "dropdown", ("North", "South", "East", "West")),
    Definition("Modules", "MODULES", "multiselect", ("Base", "Reporting", "Mobile")),
    Definition("Priority", "PRIORITY", "radio", ("Low", "High")),
    Definition("Needs", "NEEDS", "checkbox", ("Training", "Migration")),
    Definition("Origin", "ORIGIN", "hidden"),
    Definition("Set-up fee", "SETUP_FEE", "currency"),
    Definition("Licences", "LICENCES", "number"),
    # No personalization tag: its label is all there is, and reads like the tag of another field.
    Definition("{prefix} region", "", "text"),
]
OPTION_TYPES = {"dropdown", "listbox", "radio", "checkbox", "multiselect"}
DEFINITIONS = {
    "fields": CONTACT_FIELDS,
    "dealCustomFieldMeta": ENTITY_FIELDS,
    "accountCustomFieldMeta": ENTITY_FIELDS,
}
_PREFIX = {"dealCustomFieldMeta": "DEAL_", "accountCustomFieldMeta": "ACCT_"}


def definition(resource: str, index: int) -> Definition:
    """The definition of a field by its position; accounts with more fields repeat the list, numbered."""
    known = DEFINITIONS[resource]
    found = known[index % len(known)]
    if index < len(known):
        return found
    turn = index // len(known) + 1
    return Definition(f"{found.title} {turn}", found.tag and f"{found.tag}_{turn}", found.type, found.options)


@maker("definition")
def _definition(args: list[str], field: str) -> Function:
    """A property of the field definition: title, tag, type, options."""
    (wanted,) = args

    def value(row: Row) -> Any:
        resource = row.store.name
        found = definition(resource, row.index)
        prefix = _PREFIX.get(resource, "")
        if wanted == "title":
            return found.title.format(prefix=prefix.rstrip("_").capitalize())
        if wanted == "tag":
            return found.tag and prefix + found.tag
        if wanted == "options":
            return list(found.options) or None
        if wanted == "default":
            return {"number": "1", "currency": 0, "multiselect": [], "checkbox": []}.get(found.type, "")
        return getattr(found, wanted)

    return value


@maker("option")
def _option(args: list[str], field: str) -> Function:
    """The text of a fieldOption."""
    return lambda row: definition("fields", row.parent or 0).options[row.slot]


def _date(row: Row, number: int) -> int:
    return row.created - 86_400 * (number % 900)


@maker("contact_value")
def _contact_value(args: list[str], field: str) -> Function:
    """The value of a fieldValue row, by the type of the row's field."""
    salt, more = salt_of("contact_value"), salt_of("more")

    def value(row: Row) -> str | None:
        index = _field_index(row, "fields", "field")
        number, other = row.number(salt), row.number(more)
        if index is None:
            return words.words(number, 2)  # the field is gone, the value stayed
        if other % 17 == 0:
            return None
        if other % 17 == 1:
            return ""
        return _contact_text(definition("fields", index), row, number)

    return value


def _contact_text(found: Definition, row: Row, number: int) -> str:
    kind, options = found.type, found.options
    if kind == "date":
        return clock.day(_date(row, number))
    if kind == "datetime":
        return clock.iso(_date(row, number))
    if kind == "number":
        return str(number % 500) if number % 3 else f"{number % 50}.5"
    if kind in {"dropdown", "radio"}:
        return options[number % len(options)]
    if kind in {"listbox", "checkbox"}:
        picked = [o for i, o in enumerate(options) if number >> i & 1]
        if number % 11 == 0:
            return "||"
        if len(picked) == 1 and number % 3 == 0:
            return picked[0]
        return f"||{'||'.join(picked or options[:1])}||"
    if number % 7 == 0:
        return words.unusual(number // 7)
    return words.sentence(number) if kind == "textarea" else words.words(number, 2)


def _field_index(row: Row, resource: str, column: str) -> int | None:
    return row.store.account.store(resource).index_of(str((row.store.origin or row.store).value(row.index, column)))


@maker("entity_field")
def _entity_field(args: list[str], field: str) -> Function:
    """The field of a deal's or account's value: siblings have different ones, a few belong to one that is gone."""
    (resource,) = args

    def value(row: Row) -> int | None:
        fields = row.store.account.store(resource)
        changed = (row.store.origin or row.store).overrides.get(row.index, {})
        if "customFieldId" in changed:
            # The other shapes of the row call it by another name.
            return int(changed["customFieldId"])
        if row.index % 173 == 86:
            return GONE_FIELD
        if not fields.base or row.store.parent_store is None or row.parent is None:
            return None
        start = row.store.parent_store.entropy(row.parent) & 0xFFFF
        return int(fields.id_of((start + row.slot) % fields.base))

    return value


def entity_value(row: Row) -> tuple[str, Any, str | None]:
    """(type, value, currency) of a deal's or account's custom field, as the dedicated endpoint sends it."""
    source = row.store.origin or row.store
    resource = "dealCustomFieldMeta" if source.name == "dealCustomFieldData" else "accountCustomFieldMeta"
    index = _field_index(row, resource, "customFieldId")
    number, other = row.number(_ENTITY), row.number(_ENTITY_MORE)
    changed = source.overrides.get(row.index, {})
    kind = definition(resource, index).type if index is not None else "text"
    currency = ("usd", "eur", "cad")[number % 3] if kind == "currency" else None
    if "fieldValue" in changed:
        return kind, changed["fieldValue"], changed.get("fieldCurrency", currency)
    if index is None:
        return "text", words.words(number, 2), None
    if other % 13 == 0:
        return kind, None, currency
    return kind, _entity_json(definition(resource, index), row, number), currency


_ENTITY, _ENTITY_MORE = salt_of("entity_value"), salt_of("entity_more")


def _entity_json(found: Definition, row: Row, number: int) -> Any:
    kind, options = found.type, found.options
    if kind == "date":
        return clock.day(_date(row, number)) + (" 00:00:00" if number % 5 == 0 else "")
    if kind == "datetime":
        return clock.iso(_date(row, number))
    if kind == "number":
        return f"{number % 1000}.{number % 100:02d}"
    if kind == "currency":
        return number % 1_000_000
    if kind in {"dropdown", "radio"}:
        return options[number % len(options)]
    if kind in {"multiselect", "checkbox"}:
        return [o for i, o in enumerate(options) if number >> i & 1]
    if number % 7 == 0:
        return words.unusual(number // 7)
    return words.sentence(number) if kind == "textarea" else words.words(number, 2)


@maker("entity_value")
def _entity_value(args: list[str], field: str) -> Function:
    return lambda row: entity_value(row)[1]


@maker("entity_currency")
def _entity_currency(args: list[str], field: str) -> Function:
    """Only currency values have one; rows of other types carry null."""
    return lambda row: entity_value(row)[2]


_COLUMN_TYPES = {
    "text_value": {"text", "hidden", "dropdown", "radio"},
    "text_blob": {"textarea", "multiselect", "checkbox"},
    "date_value": {"date"},
    "datetime_value": {"datetime"},
    "number_value": {"number"},
    "currency_value": {"currency"},
    "currency_type": {"currency"},
}


@maker("entity_column")
def _entity_column(args: list[str], field: str) -> Function:
    """The sideloaded shape: one column per type, the others null (a date of another type may be zero)."""
    column = args[0]

    def value(row: Row) -> Any:
        kind, found, currency = entity_value(row)
        if kind not in _COLUMN_TYPES[column]:
            return "0000-00-00" if column == "date_value" and row.index % 4 == 0 else None
        if column == "currency_type":
            return currency
        if isinstance(found, list):
            return f"||{'||'.join(found)}||" if found else ""
        return found if found is None else str(found)

    return value
