"""What the values of a row mean, in whichever form they come."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from activecampaign_client import exact_json
from activecampaign_client.values import write_text
from destination_activecampaign.rejections import Rejection

_WHOLE = re.compile(r"(\d+)\.0+")
NO_TEXT = Rejection("value_invalid", "A list or an object stands where a text belongs.")
HALF_CHARACTER = Rejection(
    "value_invalid", "A text has half a character in it: a surrogate without the other one of its pair."
)


def half_character(column: str, *_: str) -> Rejection:
    """Why a row is rejected in which half a surrogate pair stands in these columns."""
    return Rejection(
        "value_invalid",
        f"The column {column} has half a character in it: a surrogate without the other one of its pair.",
    )


class Rejected(Exception):
    """Ends the reading of a row."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.code)
        self.rejection = rejection


def text_of(value: Any) -> str:
    """A value as a text. Raises Rejected for one that is none, which is not written as something else."""
    try:
        return write_text(value)
    except ValueError:
        # Half a character: of a list that was JSON text.
        raise Rejected(HALF_CHARACTER if isinstance(value, str) else NO_TEXT) from None


def identifier_of(value: Any) -> str:
    """An id or name; a whole number is one also where it has become a decimal on the way, as PyAirbyte's cache does.

    >>> identifier_of(3), identifier_of("3.000000000"), identifier_of(" Newsletter ")
    ('3', '3', 'Newsletter')

    Raises Rejected for what is no text.
    """
    text = text_of(value).strip() if value is not None else ""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def items_of(value: Any) -> Iterator[Any]:
    """The entries of a list, which may have become JSON text on the way; what is no list is one entry.

    >>> list(items_of('["a", "b"]')), list(items_of("a")), list(items_of(None))
    (['a', 'b'], ['a'], [])
    """
    found = _parsed(value)
    entries: Iterable[Any] = found if isinstance(found, (list, tuple)) else [found]
    return (entry for entry in entries if entry is not None and entry != "")


def object_of(value: Any) -> Mapping[str, Any]:
    """An object, which may have become JSON text on the way; {} for anything else.

    >>> object_of('{"plan": "gold"}'), object_of("gold")
    ({'plan': 'gold'}, {})
    """
    found = _parsed(value)
    return found if isinstance(found, Mapping) else {}


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        # What is in a text that was mended is mended anew, so that it is known to be.
        text = value.replace("\ufffd", "\ud800") if isinstance(value, exact_json.Mended) else value
        try:
            return exact_json.loads(text.encode("utf-8", "surrogatepass"))
        except ValueError:
            return value
    return value
