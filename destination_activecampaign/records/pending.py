"""The records that wait to be written, each with the rows that are about it."""

from dataclasses import dataclass, field

from destination_activecampaign.catalog import Target
from destination_activecampaign.records.book import Book
from destination_activecampaign.records.change import Change, Record
from destination_activecampaign.writer import Row


@dataclass
class Said:
    """One row, and what it says."""

    target: Target
    row: Row
    change: Change


@dataclass
class Pending:
    """One record, what the rows about it say together, and, where that `is_known`, what the account has of it.

    `renamed` is the key that it is to have, where that is another one. With the one that it has, and its id, these are
    the `keys` that nothing else may be written to meanwhile; `key` is the one that rows about it have in common.
    """

    book: Book
    change: Change
    rows: list[Said] = field(default_factory=list)
    is_known: bool = False
    record: Record | None = None
    renamed: str = ""

    @property
    def key(self) -> str:
        identifier = self.record.id if self.record else self.change.id
        return self._named("id", identifier) if identifier else self._named("key", self.change.key)

    @property
    def keys(self) -> frozenset[str]:
        own = {self.change.key, self.record.key if self.record else "", self.renamed} - {""}
        return frozenset({self.key, *(self._named("key", one) for one in own)})

    def _named(self, what: str, value: str) -> str:
        return f"{self.book.kind.type.name} {what} {value}"

    def forget(self) -> None:
        """What is known of the record now will not be so when its turn comes."""
        self.is_known, self.record = False, None
