"""Lists of contacts: https://developers.activecampaign.com/reference/update-list-status-for-contact"""

from __future__ import annotations

from ..answers import Answer, Refusal, json_answer
from ..calls import Call
from ..contacts import email_of, set_status
from ..routing import Routes
from ..sent import sent, text
from ..writes import Writes
from ..writing import refused, shown, status_of

routes = Routes()

_ECHOED = (
    *("sdate", "udate", "unsubreason", "campaign", "message", "first_name", "last_name"),
    *("unsubscribeAutomation", "links", "id"),
)


@routes.on("POST", "contactLists")
def create(call: Call) -> Answer:
    """Subscribe or unsubscribe: a repetition keeps id and date (recorded), status 1 re-subscribes (measured)."""
    given = sent(call, "contactList")
    contact, list_id, status = (text(given.get(key)) for key in ("contact", "list", "status"))
    if not contact or not list_id or not status:
        raise Refusal(400, {})  # documented, without a word
    if status not in {"0", "1", "2", "3"}:
        raise refused("The value you selected is not a valid choice.", "status")
    side = shown(call, "contacts", contact)
    if call.account.store("lists").index_of(list_id) is None:
        raise Refusal(400, {})
    source_id = text(given.get("sourceid")) or "4"
    row_id, is_new = set_status(call.account, contact, list_id, status, sourceid=source_id)
    call.memory.of(Writes).add(call.request, "list", email_of(call.account, contact))
    row = shown(call, "contactLists", row_id)
    echo = {
        **{key: given[key] for key in ("contact", "list", "status")},
        **{key: row[key] for key in _ECHOED},
        "sourceid": given.get("sourceid", 4),
    }
    return json_answer({"contacts": [side], "contactList": echo}, status_of(call, is_new, documented=200))
