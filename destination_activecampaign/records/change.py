"""What one row changes about one record, and what the account has of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from destination_activecampaign.catalog import Mode


@dataclass(frozen=True)
class Change:
    """What a record is to be like; what is not named here stays as it is.

    The record is known by its `key` in the form in which keys are compared, or by its `id`: one of both is "". `values`
    are what the API takes, by field: the record's own by name, custom fields by id, their currencies by `<id>:currency`
    (see `records.custom_values`); None clears. With the mode SOFT_DELETE there are none.

    >>> Change(key="acme", values={"name": "Acme", "3": "North", "4": 1250, "4:currency": "EUR"}).deletes
    False
    """

    key: str = ""
    id: str = ""
    mode: Mode = Mode.UPSERT
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def deletes(self) -> bool:
        return self.mode is Mode.SOFT_DELETE


def merge(earlier: Change, later: Change) -> Change | None:
    """Both changes of one record in one, the last value of each column winning; None where each has its own turn.

    >>> merge(Change("acme", values={"3": "x", "4": "y"}), Change("acme", values={"3": "z"})).values
    {'3': 'z', '4': 'y'}
    """
    if earlier.mode is not later.mode or later.mode is Mode.INSERT:
        return None
    return replace(later, values={**earlier.values, **later.values})


@dataclass(frozen=True)
class Record:
    """What the account has of a record, and what it has after a write.

    `key` is in the form in which keys are compared, "" where it has none. `values` are what the API sent, by field as
    in Change, or the whole record, as its kind wants it. `id` is "" where the API has not said it. `is_whole` is False
    where an answer left something out, or where nobody knows what a write has left.
    """

    id: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    is_whole: bool = True
