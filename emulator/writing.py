"""What the handlers of writes have in common: errors, statuses, and rows as they come back."""

from __future__ import annotations

from typing import Any

import orjson

from .answers import Refusal, not_found
from .calls import Call
from .custom_values import fits, kind_of


def refused(title: str, attribute: str, code: str | None = None, **more: str) -> Refusal:
    """A 422 about one attribute, as most of them were recorded or are documented."""
    error = {"title": title, "detail": "", **({"code": code} if code else {}), **more}
    return Refusal(422, {"errors": [{**error, "source": {"pointer": f"/data/attributes/{attribute}"}}]})


def shown(call: Call, resource: str, row_id: str) -> dict[str, Any]:
    """A row as lists show it. Raises Refusal, the usual 404, where there is none."""
    store = call.account.store(resource)
    index = store.index_of(row_id)
    if index is None:
        raise not_found(store.resource, row_id)
    row: dict[str, Any] = orjson.loads(store.encoded(index))
    return row


def status_of(call: Call, created: bool, documented: int = 201) -> int:
    """The status of an answer: 201 or 200 as it was recorded, or what is documented (`write_statuses`)."""
    return documented if call.settings.write_statuses == "documented" else (201 if created else 200)


def check_value(call: Call, field: str, value: str) -> None:
    """Raises Refusal for a value that does not fit its field, where that is asked (`value_checks`).

    The sentence is documented for fields of deals.
    """
    if call.settings.value_checks == "on" and not fits(call.account, field, value):
        kind = kind_of(call.account, field)
        detail = f"The custom field value `{value}` could not be saved to the custom field of type `{kind}`."
        raise Refusal(422, {"errors": [{"detail": detail}]})
