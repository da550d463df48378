"""What the API wrote to contacts, and when: the books by which a test judges what a writer claims to have done."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from .calls import Request


class Write(NamedTuple):
    """One contact was changed."""

    time: float  # seconds of the monotonic clock, as Request.time
    kind: str  # create, update, delete; value, unvalue; tag, untag; list; account, unaccount; import
    email: str  # of the contact
    request: Request  # the one that asked for it
    automations: bool  # whether it may have started automations

    def as_json(self) -> dict[str, Any]:
        """The write as the control endpoint shows it."""
        return {**self._asdict(), "request": {"method": self.request.method, "path": self.request.path}}


class Writes(list[Write]):
    """All of them, in the order in which they were carried out: an import when it was applied, not when it came."""

    def add(self, request: Request, kind: str, email: str, automations: bool = True) -> None:
        """Note that a contact was changed just now."""
        self.append(Write(time.monotonic(), kind, email, request, automations))
