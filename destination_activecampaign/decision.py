"""Whether the account is asked before it is written to, and how: what takes the fewest requests."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from activecampaign_client.account import PAGE_SIZE


class Way(Enum):
    """How it is found out what the account has: by reading all objects, by asking for each, or not at all."""

    WHOLE = "whole"
    EACH = "each"
    UNASKED = "unasked"


@dataclass(frozen=True)
class Load:
    """The changes that are to be written next, counted in requests.

    `ask`: to ask for each object that they are about. `ask_needy`: for those only that cannot be written otherwise.
    `write`: to write the others, as if all of them had to be, and to see what has become of them. `more`: how many
    times as much is expected to be written in this sync, these changes included.
    """

    ask: float
    ask_needy: float
    write: float
    more: float = 1.0


def way_of(compare: Literal["auto", "always", "never"], load: Load, count: Callable[[], int]) -> Way:
    """The way that takes the fewest requests; `count` asks how many objects there are, where that matters.

    How many of the changes are there already nobody knows before: what is asked counts as if it saved every write.
    Whoever is wrong about that pays at most twice what the best way would have taken, and where it makes no difference,
    the account is asked, which leaves the objects alone that need no change.

    >>> way_of("auto", Load(ask=10_000, ask_needy=0, write=120), lambda: 10_000)
    <Way.WHOLE: 'whole'>
    >>> way_of("auto", Load(ask=300, ask_needy=0, write=6), lambda: 1_000_000)
    <Way.UNASKED: 'unasked'>
    """
    costs = {Way.EACH: load.ask * load.more, Way.UNASKED: (load.ask_needy + load.write) * load.more}
    if compare == "always":
        del costs[Way.UNASKED]
    elif compare == "never":
        # What cannot be written unasked still has to be asked for.
        del costs[Way.EACH]
    # To count them takes a request, too.
    if min(costs.values()) > 2 and (compare != "never" or load.ask_needy):
        costs[Way.WHOLE] = float(math.ceil(count() / PAGE_SIZE))
    return min(costs, key=lambda way: (costs[way], list(Way).index(way)))
