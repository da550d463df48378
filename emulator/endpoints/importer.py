"""The bulk importer: https://developers.activecampaign.com/reference/bulk-import-contacts"""

from __future__ import annotations

import time
from typing import Any

import orjson

from ..answers import Answer, Refusal, json_answer
from ..calls import Call
from ..import_queue import ImportQueue, excludes_all
from ..imports import failure_of
from ..routing import Routes
from ..sent import sent_body

routes = Routes()

_MOST_CONTACTS = 250
_INVALID = (
    "JSON payload did not pass validation. Please fix failure Reasons and retry. "
    "The import was not queued for processing."
)
_TOO_MANY = (
    "Up to {most} imports{of} may be requested per minute.Please batch contacts into larger requests, "
    "or retry this request in a minute."
)


@routes.on("POST", "import/bulk_import")
def queue(call: Call) -> Answer:
    """`{"success":1,"queued_contacts":2,"batchId":"...","message":"Contact import queued"}`: nothing is written yet.

    One row that is not in order refuses the whole batch (measured). The importer has a limit of its own, which answers
    400 (documented).
    """
    queued, settings = call.memory.of(ImportQueue), call.settings
    body = sent_body(call)
    rows = body.get("contacts")
    is_single = isinstance(rows, list) and len(rows) == 1
    now = time.monotonic()
    if not queued.has_room(is_single, now, settings):
        most, of = (20, " with one contact") if is_single and len(queued.taken) < 100 else (100, "")
        raise _refusal(call, "Rate limit exceeded.", [_TOO_MANY.format(most=most, of=of)])
    queued.taken.append((now, is_single))
    if len(call.request.body) > settings.import_bytes:
        raise _refusal(call, _INVALID, ["The request is larger than 400,000 bytes."])
    if not isinstance(rows, list) or not rows:
        raise _refusal(call, _INVALID, ["Field 'contacts' not found"])
    if len(rows) > _MOST_CONTACTS:
        raise _refusal(call, _INVALID, [f"Up to {_MOST_CONTACTS} contacts may be included in a single request."])
    if failures := [(n, failure) for n, row in enumerate(rows, 1) if (failure := failure_of(row, settings))]:
        raise _refusal(call, _INVALID, [_reason(call, n, failure) for n, failure in failures])
    batch = queued.add(call, rows, excludes_all(body, settings))
    answer = {
        settings.import_success_key: 1,
        "queued_contacts": len(rows),
        "batchId": batch.id,
        "message": "Contact import queued",
    }
    return Answer(200, orjson.dumps(answer), {"Content-Type": settings.import_content_type})


@routes.on("GET", "import/info")
def info(call: Call) -> Answer:
    """`{"status":"completed","success":["1"],"failure":["a@b.test"]}`: ids of contacts, and emails without a reason.

    What is said of an id that no batch has is not known: here the same as of one that is too young.
    """
    batch_id = call.request.query.get("batchId")
    if not batch_id:
        raise Refusal(400, {"success": 0, "message": "'batchId' is a required field."})
    batch = call.memory.of(ImportQueue).batches.get(batch_id)
    status = batch.status(time.monotonic(), call.settings) if batch is not None else False
    if batch is None or status is False:
        return json_answer({"status": False, "success": [], "failure": []})
    return json_answer({"status": status, "success": batch.success, "failure": batch.failure})


@routes.on("GET", "import/bulk_import")
def bulk_imports(call: Call) -> Answer:
    """What waits in the account's queue and what was done lately, per day, numbers as texts (published).

    A generated account has imported something before, of which nothing is left to be done.
    """
    report = call.memory.of(ImportQueue).report()
    if call.account.store("contacts").base:
        day = {"forDate": "2026-09-30", "batches": "3", "contacts": "750"}
        report["outstanding"].insert(0, {**day, "batches": "0", "contacts": "0"})
        report["recentlyCompleted"].insert(0, day)
    return json_answer(report)


def _refusal(call: Call, message: str, reasons: list[Any]) -> Refusal:
    body = {"success": 0, "message": message, "failureReasons": reasons}
    return Refusal(400, body, {"Content-Type": call.settings.import_content_type})


def _reason(call: Call, number: int, failure: str) -> Any:
    """Why a row is refused; its number counts from one."""
    if call.settings.import_failure_reasons == "strings":
        return f"Contact {number}: {failure}"
    return {"contact": number, "failureReason": failure}
