"""What a write brings: its JSON body, and the texts in it."""

from __future__ import annotations

import re
from typing import Any

import orjson

from .answers import Refusal
from .calls import Call

_MALFORMED = re.compile(r"\s|^[^@]*$|^@|@$|@.*@")
_VALID = re.compile(r"[^\s@'\"(),:;<>\[\]\\]+@[^\s@'\"(),:;<>\[\]\\.]+(?:\.[^\s@'\"(),:;<>\[\]\\.]+)+")


def sent(call: Call, key: str) -> dict[str, Any]:
    """The object under a key of the body: `{"contact": {...}}`.

    {} where there is none: another wrapper is no error to the API, it finds nothing to write (recorded). Raises Refusal
    for a body that is no JSON; what the API answers to that is not known.
    """
    found = sent_body(call).get(key)
    return found if isinstance(found, dict) else {}


def sent_body(call: Call) -> dict[str, Any]:
    """The whole body, {} where it is no object. Raises Refusal for one that is no JSON."""
    try:
        body = orjson.loads(call.request.body)
    except ValueError:
        raise Refusal(400, {"message": "Syntax error"}) from None
    return body if isinstance(body, dict) else {}


def text(value: Any) -> str | None:
    """A JSON value as PHP makes a text of it; None for what is none, an array or an object.

    >>> [text(value) for value in ("a", 5, 1.5, True, False, None, [])]
    ['a', '5', '1.5', '1', '', '', None]
    """
    if isinstance(value, str):
        return value
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    return str(value) if isinstance(value, (int, float)) else None


def is_malformed(email: str, also: str = "") -> bool:
    """Whether the importer refuses a batch for an email; `also` is the setting `malformed_emails`.

    >>> is_malformed("nobody"), is_malformed("a b@example.com"), is_malformed("invalid.email@invalidDomain")
    (True, True, False)
    """
    return _MALFORMED.search(email) is not None or (also != "" and also in email)


def is_valid(email: str) -> bool:
    """Whether an email makes a contact: the importer takes more, and skips it later (both examples are documented).

    >>> [is_valid(email) for email in ("a@example.com", "invalid.email@invalidDomain", "invalid'character@example.com")]
    [True, False, False]
    """
    return _VALID.fullmatch(email) is not None
