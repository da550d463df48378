"""What PyAirbyte's cache makes of values on their way, and what they were."""

from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from activecampaign_client.values import to_wall_clock

# Written beside every row by whatever stores rows for Airbyte: when it was read, in UTC.
_EXTRACTED_AT = "_airbyte_extracted_at"
# Numbers are DECIMAL(38, 9) there.
_EXPONENT = -9


def with_offsets(row: Mapping[str, Any], columns: Collection[str]) -> Mapping[str, Any]:
    """A row with times in UTC in these columns, where it comes from a cache that keeps times without their offsets.

    Measured with DuckDB: `2024-05-06T07:08:09Z` and `...+02:00` both become `2024-05-06T07:08:09`, so that nobody can
    tell what it was. Airbyte's sources send UTC. Such a row is known by its own time of extraction, which has lost its
    offset as well. Any other row is returned as it is.

    >>> cached = {"seen": "2024-05-06T07:08:09", "_airbyte_extracted_at": "2026-11-24T20:00:02.402000"}
    >>> with_offsets(cached, ["seen"])["seen"]
    '2024-05-06T07:08:09Z'
    >>> with_offsets({"seen": "2024-05-06T07:08:09"}, ["seen"])
    {'seen': '2024-05-06T07:08:09'}
    """
    if _wall_clock(row.get(_EXTRACTED_AT)) is None:
        return row
    restored = {column: f"{time}Z" for column in columns if (time := _wall_clock(row.get(column)))}
    return {**row, **restored} if restored else row


def _wall_clock(value: Any) -> str | None:
    """A time without an offset; None for anything else."""
    try:
        time: str | None = to_wall_clock(value)
        return time
    except ValueError:
        return None


def with_numbers(row: Mapping[str, Any], columns: Collection[str]) -> Mapping[str, Any]:
    """A row whose numbers in these columns have lost what the cache appends, so that a text gets no zeros.

    >>> with_numbers({"plan": "1.500000000", "score": "1.500000000"}, ["score", "size"])
    {'plan': '1.500000000', 'score': '1.5'}
    """
    restored = {column: without_padding(row[column]) for column in columns if isinstance(row.get(column), str)}
    return {**row, **restored} if restored else row


def without_padding(value: Any) -> Any:
    """A number as text without the digits that the cache appends; everything else as it is.

    >>> without_padding("1.500000000"), without_padding("0E-9"), without_padding("1.00E-7"), without_padding("1.50")
    ('1.5', '0', '0.0000001', '1.50')
    """
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else None
    except InvalidOperation:
        return value
    if number is None or number.as_tuple().exponent != _EXPONENT:
        return value
    return f"{number:f}".rstrip("0").rstrip(".")
