"""Timestamps as the API writes them, and filter values as it may read them.

Recorded answers carry America/Chicago offsets (-05:00 in summer, -06:00 in winter) whatever the user's own
zone is, and the naive columns hold Chicago wall-clock time as well, even those with "utc" in their name.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

CHICAGO = ZoneInfo("America/Chicago")
EPOCH = datetime(1970, 1, 1)
DAY = 86_400

_offsets: dict[int, int] = {}

_VALUE = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?\s*(Z|[ +-]?\d{2}:?\d{2})?\s*",
    re.IGNORECASE,
)


def chicago_offset(stamp: int) -> int:
    """Seconds that Chicago's clock is ahead of UTC at an instant; its changes fall on whole hours."""
    hour = stamp // 3600
    offset = _offsets.get(hour)
    if offset is None:
        delta = datetime.fromtimestamp(hour * 3600, CHICAGO).utcoffset()
        offset = _offsets[hour] = int(delta.total_seconds()) if delta else 0
    return offset


@lru_cache(maxsize=1024)
def iso(stamp: int) -> str:
    """`2019-09-06T11:29:48-05:00`"""
    offset = chicago_offset(stamp)
    return f"{(EPOCH + timedelta(seconds=stamp + offset)).isoformat()}-0{-offset // 3600}:00"


@lru_cache(maxsize=1024)
def naive(stamp: int) -> str:
    """`2019-11-22 14:15:37`, Chicago wall clock"""
    return (EPOCH + timedelta(seconds=stamp + chicago_offset(stamp))).isoformat(" ")


def utc(stamp: int) -> str:
    """`2020-05-24T13:18:08+00:00`, the custom-field data of deals and accounts"""
    return (EPOCH + timedelta(seconds=stamp)).isoformat() + "+00:00"


def zulu(stamp: int, fraction: str) -> str:
    """`2021-04-16T16:12:22.222685095Z`, custom objects"""
    return (EPOCH + timedelta(seconds=stamp)).isoformat() + "." + fraction + "Z"


def day(stamp: int) -> str:
    return (EPOCH + timedelta(seconds=stamp)).date().isoformat()


@lru_cache(maxsize=1024)
def read_filter_value(value: str, zone: str, honour_offset: bool) -> float | None:
    """The instant that a filter value means to the server, or None where it is no date.

    How the server reads a value is undocumented: by default the digits are a wall-clock time in `zone` and
    whatever offset the value carries is ignored.
    """
    match = _VALUE.fullmatch(value)
    if match is None:
        return None
    year, month, day_, hour, minute, second, fraction, offset = match.groups()
    try:
        local = datetime(int(year), int(month), int(day_), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None
    part = float(f"0.{fraction}") if fraction else 0.0
    if honour_offset and offset:
        if offset in "Zz":
            tz = timezone.utc
        else:
            digits = offset.strip(" +-").replace(":", "")
            shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
            tz = timezone(-shift if offset.startswith("-") else shift)
        return local.replace(tzinfo=tz).timestamp() + part
    return local.replace(tzinfo=ZoneInfo(zone)).timestamp() + part


def read_instant(value: datetime | date | str | float) -> int:
    """An instant given by a test: epoch seconds, a datetime or an ISO string (UTC unless it says otherwise)."""
    if isinstance(value, (int, float)):
        return int(value)
    if isinstance(value, str):
        stamp = read_filter_value(value, "UTC", True)
        if stamp is None:
            raise ValueError(f"not a timestamp: {value!r}")
        return int(stamp)
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp())
    return int(datetime(value.year, value.month, value.day, tzinfo=timezone.utc).timestamp())
