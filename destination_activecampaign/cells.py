"""What stands in a cell of a row: texts, ids and lists, whatever they have become on their way."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from activecampaign_client.values import write_text
from destination_activecampaign.reasons import value_invalid
from destination_activecampaign.rejections import Rejection

_WHOLE = re.compile(r"(\d+)\.0+")


class Rejected(Exception):
    """Ends the reading or writing of a row, for this reason."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.code)
        self.rejection = rejection


def text_of(value: Any) -> str:
    """A value as a text; one that is none does not fit, and is not written as something else."""
    try:
        return write_text(value)
    except ValueError:
        raise Rejected(value_invalid("A list or an object stands where a text belongs.")) from None


def identifier_of(value: Any) -> str:
    """An id or name; a whole number is one also where it has become a decimal on the way, as PyAirbyte's cache does.

    >>> identifier_of(3), identifier_of("3.000000000"), identifier_of(" Newsletter ")
    ('3', '3', 'Newsletter')
    """
    text = text_of(value).strip() if value is not None else ""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def items_of(value: Any) -> Iterator[Any]:
    """The entries of a list, which may have become JSON text on the way; what is no list is one entry.

    >>> list(items_of('["a", "b"]')), list(items_of("a")), list(items_of(None))
    (['a', 'b'], ['a'], [])
    """
    found = value
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            found = json.loads(value)
        except ValueError:
            found = value
    entries: Iterable[Any] = found if isinstance(found, (list, tuple)) else [found]
    return (entry for entry in entries if entry is not None and entry != "")
