"""The events and visits that the tracking host has taken: what a test judges a sender by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Event(NamedTuple):
    """An event, in the order of arrival; `contact` is the id of whose it is, None for an email that no contact has.

    Such an event is lost, and so is one that came while event tracking was `off`: the answer does not tell.
    """

    email: str
    name: str
    data: str
    contact: str | None
    off: bool = False


class Visit(NamedTuple):
    """A page that somebody has seen; it counts where site tracking is on and the site is `allowed`."""

    email: str
    url: str
    referrer: str
    allowed: bool


@dataclass
class Tracked:
    """All of them, in the order in which they came."""

    events: list[Event] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
