"""What happened to a resource since a moment: the books by which a test judges what a reader found."""

from __future__ import annotations

from dataclasses import dataclass, field

from .store import Store


@dataclass
class Watch:
    """Ids of the rows that changed since the resource had `slots` of them, in the order of the changes."""

    store: Store
    slots: int
    inserted: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    @property
    def throughout(self) -> set[str]:
        """Ids of the rows that existed all the time: no other row had one of them meanwhile."""
        return {self.store.id_of(i) for i in self.store.alive if i < self.slots} - set(self.inserted)

    def counts(self) -> dict[str, int]:
        """How many rows existed throughout, and how many were inserted, updated and deleted."""
        return {
            "throughout": len(self.throughout),
            "inserted": len(self.inserted),
            "updated": len(self.updated),
            "deleted": len(self.deleted),
        }
