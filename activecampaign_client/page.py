"""One answer of a listing: its rows, and what it claims about the others."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]
# What tells a row from all others of its listing: its id, as a rule.
Identity = Hashable


class Page(NamedTuple):
    """The rows of one answer, the answer's body, what it claims to be the number of all rows, and its bytes.

    >>> Page([{"id": "1"}], {"tags": [{"id": "1"}], "meta": {"total": "250"}}, total=250, size=43).total
    250
    """

    rows: Sequence[Row]
    body: Any
    total: int | None
    size: int = 0


def total_of(body: Any) -> int | None:
    """`meta.total`, which is a string, an integer or absent, depending on the endpoint; a hint at best.

    >>> total_of({"meta": {"total": "250"}}), total_of({"meta": {"total": 250}}), total_of({})
    (250, 250, None)
    """
    meta = body.get("meta") if isinstance(body, Mapping) else None
    total = meta.get("total") if isinstance(meta, Mapping) else None
    try:
        return int(total) if total is not None else None
    except (TypeError, ValueError):
        return None
