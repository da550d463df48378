"""The account's own settings, and the groups in which it shows custom fields."""

from __future__ import annotations

from ..answers import Answer, Refusal, json_answer
from ..calls import Call
from ..query import read_number
from ..reading import list_rows
from ..routing import Routes

routes = Routes()


@routes.on("GET", "settings/account")
def account_settings(call: Call) -> Answer:
    """One flat object, for administrators only (published)."""
    if call.key != "full":
        raise Refusal(403, {"message": "Forbidden"})
    return json_answer({"name": call.account.name, "timezone": "America/Chicago", "language": "en", "currency": "usd"})


@routes.on("GET", "groupMembers")
def group_members(call: Call) -> Answer:
    """Display groups of custom fields; with group_id the members of one."""
    if (group := call.request.query.get("group_id")) is None:
        return list_rows(call, call.account.table["groupDefinitions"])
    return json_answer({"groupMembers": [{"id": 1, "rel_id": 1, "group_id": read_number(group, 1), "ordernum": 1}]})
