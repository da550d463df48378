"""Whether what is to be written says the same as what the account has."""

from decimal import Decimal, InvalidOperation
from typing import Any

from activecampaign_client.custom_fields import MULTIPLE, Definition, parse


def is_same(one: Definition | None, wanted: Any, stored: Any) -> bool:
    """Whether a value that is to be written says the same as one that the API sent.

    Times are compared as instants, since the API gives them in the account's time zone, choices as sets, numbers as
    decimals; whatever else as texts, among them what is no custom field.

    >>> when, size = Definition("1", "When", "datetime", "WHEN"), Definition("2", "Size", "number", "SIZE")
    >>> is_same(when, "2020-05-19T07:45:00+00:00", "2020-05-19T02:45:00-05:00"), is_same(size, "7.50", "7.5")
    (True, True)
    """
    if one is None or wanted == stored:
        return _text(wanted) == _text(stored)
    if one.type == "number":
        return bool(_decimal(wanted) == _decimal(stored))
    try:
        left, right = parse(one.type, wanted, one.options), parse(one.type, stored, one.options)
    except ValueError:
        return False
    if one.type in MULTIPLE:
        return set(left or ()) == set(right or ())
    return bool(left == right)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _decimal(value: Any) -> Any:
    """A number as one that is compared by its value; anything else as its text."""
    text = _text(value).strip()
    try:
        return Decimal(text)
    except InvalidOperation:
        return text
