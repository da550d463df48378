"""The bulk importer."""

from __future__ import annotations

from ..answers import Answer, json_answer
from ..calls import Call
from ..routing import Routes

routes = Routes()


@routes.on("GET", "import/bulk_import")
def bulk_imports(call: Call) -> Answer:
    """What waits in the account's queue and what was done lately, per day, numbers as strings (published)."""
    day = {"forDate": "2026-09-30", "batches": "3", "contacts": "750"}
    return json_answer({"outstanding": [day], "recentlyCompleted": [{**day, "batches": "1", "contacts": "250"}]})
