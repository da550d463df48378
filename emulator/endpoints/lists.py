"""Exclusions, which are served as one of the lists."""

from __future__ import annotations

import re

from ..answers import Answer, Refusal
from ..calls import Call
from ..reading import list_rows
from ..routing import Routes

routes = Routes()

_KNOWN = ("matchPhrase", "lists")


@routes.on("GET", "lists/exclusions")
def exclusions(call: Call) -> Answer:
    """The newest lists refuse unknown filters and orders, and say which there are (published)."""
    for kind in ("filter", "order"):
        for name, _ in call.request.pairs:
            if (asked := re.fullmatch(kind + r"s\[(\w+)\].*", name)) and asked[1] not in _KNOWN:
                detail = f'Invalid {kind} field: "{asked[1]}". Allowed fields are: {", ".join(_KNOWN)}'
                raise Refusal(422, {"errors": [{"title": detail, "detail": "", "code": "", "source": {}}]})
    return list_rows(call, call.account.table["exclusions"])
