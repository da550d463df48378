"""The sequence of the rows that exist, for accounts with a million of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import overload


class Alive(Sequence[int]):
    """The indexes of the rows that exist, ascending, without a list of them: a million rows have few gaps.

    >>> alive = Alive(5)
    >>> alive.kill(3)
    >>> len(alive), list(alive), alive[3]
    (4, [0, 1, 2, 4], 4)
    >>> alive.revive(3)
    >>> list(alive)
    [0, 1, 2, 3, 4]
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._dead: list[int] = []
        self._before: list[int] = []  # how many rows exist before each dead one

    def kill(self, index: int) -> None:
        """Leave out an index that is in the sequence."""
        place = bisect_left(self._dead, index)
        self._dead.insert(place, index)
        self._before[place:] = [dead - place - n for n, dead in enumerate(self._dead[place:])]

    def revive(self, index: int) -> None:
        """Take an index that was left out into the sequence again."""
        place = bisect_left(self._dead, index)
        del self._dead[place]
        self._before[place:] = [dead - place - n for n, dead in enumerate(self._dead[place:])]

    def __len__(self) -> int:
        return self.slots - len(self._dead)

    def __iter__(self) -> Iterator[int]:
        start = 0
        for dead in self._dead:
            yield from range(start, dead)
            start = dead + 1
        yield from range(start, self.slots)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> list[int]: ...
    def __getitem__(self, place: int | slice) -> int | list[int]:
        if isinstance(place, slice):
            return [self._at(i) for i in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._at(place % len(self))

    def _at(self, place: int) -> int:
        return place + bisect_right(self._before, place)
