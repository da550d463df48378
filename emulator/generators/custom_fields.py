"""Custom field definitions and their values, of contacts, deals and accounts.

Types and wire formats as published: contact fields keep several values as `||a||b||` (and a single value
written without pipes stays without), deal and account fields as JSON arrays; currency is integer cents.
"""

from __future__ import annotations

from typing import Any

from .. import clock, words
from ..entropy import salt_of
from ..expressions import maker
from ..field_definitions import Definition, definition
from ..store import Function, Row

GONE_FIELD = 93

_PREFIX = {"dealCustomFieldMeta": "DEAL_", "accountCustomFieldMeta": "ACCT_"}


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
    """The text of a fieldOption; one that was added gets a text of its own."""

    def value(row: Row) -> str:
        options = definition("fields", row.parent or 0).options
        return options[row.slot] if row.slot < len(options) else f"Option {row.id}"

    return value


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
    return row.world.store(resource).index_of(str(row.store.source.value(row.index, column)))


@maker("entity_field")
def _entity_field(args: list[str], field: str) -> Function:
    """The field of a deal's or account's value: siblings have different ones, a few belong to one that is gone."""
    (resource,) = args

    def value(row: Row) -> int | None:
        fields = row.world.store(resource)
        if "customFieldId" in row.written:
            # The other shapes of the row call it by another name.
            return int(row.written["customFieldId"])
        if row.index % 173 == 86:
            return GONE_FIELD
        if not fields.base or row.parent is None:
            return None
        return int(fields.id_of(((row.parent_bits() & 0xFFFF) + row.slot) % fields.base))

    return value


def entity_value(row: Row) -> tuple[str, Any, str | None]:
    """(type, value, currency) of a deal's or account's custom field, as the dedicated endpoint sends it."""
    is_deal = row.store.source.name == "dealCustomFieldData"
    resource = "dealCustomFieldMeta" if is_deal else "accountCustomFieldMeta"
    index = _field_index(row, resource, "customFieldId")
    number, other = row.number(_ENTITY), row.number(_ENTITY_MORE)
    written = row.written
    kind = _entity_type(row, resource, index)
    currency = ("usd", "eur", "cad")[number % 3] if kind == "currency" else None
    if "fieldValue" in written:
        return kind, written["fieldValue"], written.get("fieldCurrency", currency)
    if index is None:
        return "text", words.words(number, 2), None
    if other % 13 == 0:
        return kind, None, currency
    return kind, _entity_json(definition(resource, index), row, number), currency


def _entity_type(row: Row, resource: str, index: int | None) -> str:
    fields = row.world.store(resource)
    if index is None:
        return "text"
    return definition(resource, index).type if index < fields.base else str(fields.value(index, "fieldType"))


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
