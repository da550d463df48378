"""Values of contacts' custom fields, as they are stored and as they may be checked."""

from __future__ import annotations

import re

from . import clock
from .account import Account

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def stored(kind: str, value: str) -> str:
    """A value as it is kept: a datetime in the account's time zone (documented), anything else as it was sent.

    >>> stored("datetime", "2020-05-19T07:45:00Z")
    '2020-05-19T02:45:00-05:00'
    >>> stored("checkbox", "||News||Offers||"), stored("datetime", "soon")
    ('||News||Offers||', 'soon')
    """
    if kind != "datetime":
        return value
    stamp = clock.read_filter_value(value, str(clock.CHICAGO), True)
    return value if stamp is None else clock.iso(int(stamp))


def fits(account: Account, field: str, value: str) -> bool:
    """Whether a field of contacts can have a value. Documents disagree whether anybody asks (`value_checks`)."""
    fields = account.store("fields")
    index = fields.index_of(field)
    kind = "" if index is None else str(fields.value(index, "type"))
    if value == "":
        return True
    if kind in {"dropdown", "radio", "listbox", "checkbox"}:
        options = account.store("fieldOptions")
        known = {options.value(i, "value") for i in options.rows_with("field", field)}
        several = kind in {"listbox", "checkbox"} and value.startswith("||")
        return known.issuperset(value.strip("|").split("||") if several else [value])
    if kind == "date":
        return _DAY.fullmatch(value) is not None and clock.read_filter_value(value, "UTC", True) is not None
    if kind == "datetime":
        return clock.read_filter_value(value, "UTC", True) is not None
    return kind != "number" or _NUMBER.fullmatch(value) is not None


def kind_of(account: Account, field: str) -> str | None:
    """The type of a field of contacts by its id, None where there is no such field."""
    fields = account.store("fields")
    index = fields.index_of(field)
    return None if index is None else str(fields.value(index, "type"))
