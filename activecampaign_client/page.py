"""One answer of a listing: its rows, and what it claims about the others."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from activecampaign_client.errors import ApiError

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


def rows_in(body: Any, record_key: str, name: str) -> list[Row]:
    """The rows under `record_key` of an answer's body; a single object counts as a list of one.

    Raises ApiError naming the listing and the keys received where there is no such list: an envelope that is not what
    it was is never taken for no rows.

    >>> rows_in({"tags": [{"id": "1"}], "meta": {"total": "1"}}, "tags", "tags")
    [{'id': '1'}]
    """
    rows = body.get(record_key) if isinstance(body, Mapping) else None
    if isinstance(rows, Mapping):
        rows = [rows]
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        return rows
    keys = ", ".join(sorted(body)) if isinstance(body, Mapping) else type(body).__name__
    raise ApiError(
        f"The API's answer for the stream {name} has no list of records under {record_key!r}; it has: "
        f"{keys or 'nothing'}. Nothing was skipped; please report this to the maintainers of the connector.",
        kind="system",
        detail=f"unexpected envelope for {name}",
    )


def identity_by(key: Sequence[str]) -> Callable[[Row], Identity]:
    """What tells rows apart that have this key; a row without it is known by all that it has.

    >>> identity_by(["contact", "id"])({"id": 7, "contact": "1", "count": "3"})
    ('1', '7')
    """

    def identity(row: Row) -> Identity:
        try:
            return tuple([str(row[field]) for field in key])
        except KeyError:
            return (orjson.dumps(row, option=orjson.OPT_SORT_KEYS),)

    return identity
