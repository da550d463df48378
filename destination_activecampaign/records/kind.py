"""What is different about accounts, deals and custom objects; everything else is the same for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from destination_activecampaign.catalog import ObjectType, Target
from destination_activecampaign.columns import Columns, Field
from destination_activecampaign.records.change import Change, Record
from destination_activecampaign.writer import Outcome


class Gone(Exception):
    """The record that was to be changed is not there any more."""


class Kind(Protocol):
    """One kind of record, as it is read and written; safe to share between threads.

    Every method that asks or writes raises ApiError. What an adapter sends for a row, with accounts as the example:

        row     {"name": "Acme", "owner": "ann@example.com", "custom_region": "North", "custom_fee": 1250}
        change  Change("acme", values={"name": "Acme", "owner": "3", "7": "North", "8": 1250})
        request POST accounts {"account": {"name": "Acme", "owner": 3,
                                           "fields": [{"customFieldId": 7, "fieldValue": "North"},
                                                      {"customFieldId": 8, "fieldValue": 1250}]}}
    """

    type: ObjectType
    """The object, by which it is called."""
    asks_by_key: bool
    """Whether one record can be asked for by its key; else all have to be read."""
    cost_of_asking: int
    """The requests that it takes to ask for one record."""
    lists_late: bool
    """Whether a record that was written just now may be missing where all are read."""

    # ---- what a row says

    def columns(self, target: Target) -> Columns:
        """Which field each column of a stream is written to. Raises ApiError where that cannot be said."""

    def value(self, field: Field, given: Any) -> Any:
        """What the API takes for a value, None for what empties the field. Raises Rejected."""

    def empties(self, field: Field) -> bool:
        """Whether a field can be without a value."""

    def emails(self, values: Mapping[str, Any]) -> Sequence[str]:
        """The email addresses among values whose contacts have to be looked up."""

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values once everything that they name is known. Raises Rejected."""

    def key_of(self, values: Mapping[str, Any]) -> str:
        """The key of a row in the form in which keys are compared; "" where it has none."""

    # ---- what the account has

    def total(self) -> int:
        """How many records there are."""

    def all(self) -> Iterator[Record]:
        """Every record, 100 to a request."""

    def by_id(self, identifier: str) -> Record | None: ...

    def by_key(self, key: str) -> Record | None:
        """Only where `asks_by_key`."""

    def must_ask(self, change: Change) -> bool:
        """Whether a change that is known by its key cannot be written by somebody who does not know the record."""

    # ---- what is written

    def left(self, change: Change, record: Record) -> dict[str, Any]:
        """The values of a change that the record does not have."""

    def create(self, change: Change) -> tuple[Record, Outcome]:
        """Write a record that is not there, or may not be, and what it was. Raises Rejected."""

    def update(self, record: Record, values: Mapping[str, Any]) -> Record:
        """Write values of a record that is there. Raises Rejected, and Gone where it is there no more."""

    def delete(self, record: Record) -> None:
        """Raises Rejected."""
