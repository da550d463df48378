"""What a key may see: an account has one key for each kind of rights."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from .answers import Refusal
from .store import Store

RIGHTS = ("full", "partial", "none", "nocrm")
"""An administrator; a user who may not open one pipeline, or none at all; a plan without the CRM."""

_CRM = re.compile(r"(deal|contactDeals|taskOutcomes|tasktypeOutcomeRels)")


def keys_of(name: str, seed: int) -> dict[str, str]:
    """The keys of an account by their rights, the same on every machine."""
    return {right: sha256(f"{name}/{seed}/{right}".encode()).hexdigest() for right in RIGHTS}


class TrackingKeys(NamedTuple):
    """What the host of events and visits knows an account by, as Settings > Tracking shows it."""

    actid: str
    event_key: str


def tracking_keys_of(name: str, seed: int) -> TrackingKeys:
    """The tracking keys of an account, the same on every machine."""
    digest = sha256(f"{name}/{seed}/tracking".encode())
    return TrackingKeys(str(25_000_000 + int(digest.hexdigest()[:6], 16)), digest.hexdigest()[:40])


def admit(keys: Mapping[str, str], given: str | None, path: str, forbidden: Sequence[str]) -> str:
    """The rights of the key that came with a request for `path` (under /api/3/).

    `forbidden` are prefixes of paths, as "/lists", that no key may use. A wrong key is a 403, not a 401; its body is
    not published. Raises Refusal.
    """
    key = next((right for right, value in keys.items() if value == given), None)
    if key is None:
        raise Refusal(403, {"message": "Forbidden"})
    if key == "nocrm" and _CRM.match(path):
        raise Refusal(403, {"message": "Upgrade your account to enable the CRM"})
    for prefix in forbidden:
        if f"/{path}" == prefix or f"/{path}".startswith(prefix.rstrip("/") + "/"):
            # The published answer for a user group that lacks a permission.
            detail = f"You do not have permission to view {path.partition('/')[0]}."
            raise Refusal(403, {"errors": [{"status": 403, "title": "Forbidden", "detail": detail}]})
    return key


def hidden_pipelines(groups: Store, key: str, closed: Sequence[str] | None = None) -> Callable[[str | None], bool]:
    """Tells of a pipeline's id whether a key may not open it. One that is gone is closed to everybody (recorded).

    `groups` are the account's pipelines, `closed` the ids that the key may not open, "*" for all; None leaves it to
    the key: all of them for `none`, the last one for `partial`.
    """
    existing = {groups.id_of(i) for i in groups.alive}
    if closed is None:
        closed = {"none": ["*"], "partial": [groups.id_of(groups.base - 1)]}.get(key, []) if groups.base else []
    if "*" in closed:
        return lambda group: True
    open_ones = existing - set(closed)
    return lambda group: group not in open_ones


def mask(row: Mapping[str, Any], flag: bool | int = True) -> dict[str, Any]:
    """What the API shows of a deal whose pipeline the key's user may not open: recorded, HTTP 200."""
    return {"title": row["title"], "id": row["id"], "isDisabled": flag}
