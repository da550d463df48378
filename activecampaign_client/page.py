"""One answer of a listing: its rows, and what it claims about the others."""

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from activecampaign_client.errors import ApiError
from activecampaign_client.warn import Warn

LOGGER = logging.getLogger(__name__)

Row = dict[str, Any]
# What tells a row from all others of its listing: its id, as a rule.
Identity = Hashable


class Page(NamedTuple):
    """The rows of one answer, the answer's body, what it claims to be the number of all rows, and its bytes.

    `skipped`: the entries among the rows that were none, see `rows_in`.

    >>> Page([{"id": "1"}], {"tags": [{"id": "1"}], "meta": {"total": "250"}}, total=250, size=43).total
    250
    """

    rows: Sequence[Row]
    body: Any
    total: int | None
    size: int = 0
    skipped: int = 0


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


def rows_in(body: Any, record_key: str, name: str, warn: Warn | None = None) -> list[Row]:
    """The rows under `record_key` of an answer's body; a single object counts as a list of one.

    A map of rows, as PHP makes of a list with gaps (`{"1": {...}, "7": {...}}`), counts as the list of its values,
    which `warn` says once. Entries that are no objects are left out, with a warning that says how many.

    Raises ApiError naming the listing and the keys received where there is no such list, or no object in it: an
    envelope that is not what it was is never taken for no rows.

    >>> rows_in({"tags": [{"id": "1"}], "meta": {"total": "1"}}, "tags", "tags")
    [{'id': '1'}]
    >>> rows_in({"tags": {"id": "1", "tag": "vip"}}, "tags", "tags")
    [{'id': '1', 'tag': 'vip'}]
    """
    rows = objects_in(body, record_key)
    if not holds_rows(body, record_key):
        keys = ", ".join(sorted(body)) if isinstance(body, Mapping) else type(body).__name__
        raise ApiError(
            f"The API's answer for the stream {name} has no list of records under {record_key!r}; it has: "
            f"{keys or 'nothing'}. Nothing was skipped; please report this to the maintainers of the connector.",
            kind="system",
            detail=f"unexpected envelope for {name}",
        )
    if isinstance(body[record_key], Mapping) and _is_map_of_rows(body[record_key]):
        (warn or Warn(name))("map", record_key)
    if skipped := skipped_in(body, record_key):
        LOGGER.warning(
            "Stream %s: %d of %d entries under '%s' of an answer are left out, as they are no records but null or a "
            "text, say. Please report this to the maintainers of the connector.",
            name,
            skipped,
            skipped + len(rows),
            record_key,
        )
    return rows


def holds_rows(body: Any, key: str) -> bool:
    """Whether rows stand under a key of an answer's body, or a list that says that there are none.

    >>> holds_rows({"tags": [{"id": "1"}]}, "tags"), holds_rows({"tags": []}, "tags")
    (True, True)
    >>> [holds_rows({"tags": tags}, "tags") for tags in (None, "1", ["1"])]
    [False, False, False]
    """
    entries = _entries_in(body, key)
    return entries is not None and (not entries or bool(objects_in(body, key)))


def objects_in(body: Any, key: str) -> list[Row]:
    """The objects under a key of an answer's body, in whichever form `rows_in` takes them; none is no error here.

    >>> objects_in({"tags": [None, {"id": "1"}]}, "tags"), objects_in({}, "tags")
    ([{'id': '1'}], [])
    """
    return [row for row in _entries_in(body, key) or () if isinstance(row, dict)]


def skipped_in(body: Any, key: str) -> int:
    """How many entries under a key are no objects.

    >>> skipped_in({"tags": [None, {"id": "1"}]}, "tags")
    1
    """
    return sum(not isinstance(row, dict) for row in _entries_in(body, key) or ())


def _entries_in(body: Any, key: str) -> list[Any] | None:
    found = body.get(key) if isinstance(body, Mapping) else None
    if isinstance(found, Mapping):
        return list(found.values()) if _is_map_of_rows(found) else [found]
    return found if isinstance(found, list) else None


def _is_map_of_rows(value: Mapping[str, Any]) -> bool:
    """Whether a mapping has rows as its values, and is none: a row has an id, links or at least one plain value.

    >>> _is_map_of_rows({"7": {"id": "7"}}), _is_map_of_rows({"id": "7"}), _is_map_of_rows({"links": {}})
    (True, False, False)
    """
    return "id" not in value and "links" not in value and all(isinstance(part, dict) for part in value.values())


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
