"""What the API wrote, and when: the books by which a test judges what a writer claims to have done."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from .calls import Request


class Write(NamedTuple):
    """One contact, or one company account, deal or record of a custom object was changed."""

    time: float  # seconds of the monotonic clock, as Request.time
    kind: str
    """Of contacts: create, update, delete; value, unvalue; tag, untag; list; account, unaccount; import. Of others the
    same after what it is: company, deal, record."""
    email: str  # of the contact; the name of a company, the id of a deal, the external id of a record
    request: Request  # the one that asked for it
    automations: bool  # whether it may have started automations

    def as_json(self) -> dict[str, Any]:
        """The write as the control endpoint shows it."""
        return {**self._asdict(), "request": {"method": self.request.method, "path": self.request.path}}


class Writes(list[Write]):
    """All of them, in the order in which they were carried out: an import when it was applied, not when it came."""

    def add(self, request: Request, kind: str, email: str, automations: bool = True) -> None:
        """Note that something was changed just now."""
        self.append(Write(time.monotonic(), kind, email, request, automations))
