"""Webhooks beyond their list."""

from __future__ import annotations

from ..answers import Answer, json_answer
from ..calls import Call
from ..routing import Routes

routes = Routes()

_EVENTS = [
    "bounce",
    "click",
    "contact_tag_added",
    "contact_tag_removed",
    "deal_add",
    "deal_note_add",
    "deal_pipeline_add",
    "deal_stage_add",
    "deal_task_add",
    "deal_task_complete",
    "deal_tasktype_add",
    "deal_update",
    "forward",
    "list_add",
    "open",
    "reply",
    "sent",
    "share",
    "sms_reply",
    "sms_sent",
    "sms_unsub",
    "subscribe",
    "subscriber_note",
    "unsubscribe",
    "update",
]


@routes.on("GET", "webhook/events")
def events(call: Call) -> Answer:
    """An array of strings."""
    return json_answer({"webhookEvents": _EVENTS, "meta": {"total": len(_EVENTS)}})
