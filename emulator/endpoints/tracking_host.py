"""The host that events and page visits are sent to, trackcmp.net: no API, and no Api-Token.

https://developers.activecampaign.com/reference/track-event: form-encoded, and `success` says what became of it. That
JSON is answered with "An account ID must be provided.", and unknown emails with "Event spawned", was told by users.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import orjson

from ..answers import Answer, json_answer
from ..calls import Call
from ..contacts import find
from ..routing import Routes, Site
from ..tracked import Event, Tracked, Visit
from .tracking import allowed_sites, register

routes = Routes(Site("/", keyed=False, paced=False, whole=False))

LONGEST_NAME = 32


@routes.on("POST", "event")
def event(call: Call) -> Answer:
    """`{"success":1,"message":"Event spawned"}`, whether a contact has the email or not.

    But for the account id, the sentences of refusals are made up.
    """
    given = dict(parse_qsl(call.request.body.decode("utf-8", "replace"), keep_blank_values=True))
    name, keys = given.get("event", ""), call.account.tracking
    is_off = call.settings.event_tracking == "off"
    if not given.get("actid"):
        return _refused(call, "An account ID must be provided.")
    if given["actid"] != keys.actid or given.get("key") != keys.event_key:
        return _refused(call, "The event key is not valid for this account.")
    if is_off and call.settings.untracked_events == "refused":
        return _refused(call, "Event tracking is not enabled for this account.")
    if not name:
        return _refused(call, "An event name must be provided.")
    if len(name) > LONGEST_NAME and call.settings.long_event_names == "refused":
        return _refused(call, f"The event name {name} is too long.")
    name, email = name[:LONGEST_NAME], _email(given)
    contact = find(call.account, email, call.settings.email_case) if email else None
    call.memory.of(Tracked).events.append(Event(email, name, given.get("eventdata", ""), contact, is_off))
    if not is_off:
        register(call.account, name)
    return json_answer({"success": 1, "message": "Event spawned"})


@routes.on("GET", "visit")
def visit(call: Call) -> Answer:
    """JavaScript, whatever is made of the visit: nobody has seen an acknowledgement."""
    query = call.request.query
    if query.get("actid") == call.account.tracking.actid:
        url = query.get("u", "")
        allowed = call.settings.site_tracking == "on" and urlsplit(url).hostname in allowed_sites(call.account)
        call.memory.of(Tracked).visits.append(Visit(query.get("e", ""), url, query.get("r", ""), allowed))
    return Answer(200, b"/* visit */", {"Content-Type": "text/javascript; charset=UTF-8"})


def _email(given: Mapping[str, str]) -> str:
    """The email in `visit={"email": ...}`; none where that is no JSON."""
    try:
        visit = orjson.loads(given.get("visit", ""))
    except ValueError:
        return ""
    return str(visit.get("email") or "") if isinstance(visit, dict) else ""


def _refused(call: Call, message: str) -> Answer:
    return json_answer({"success": 0, "message": message}, call.settings.tracking_refusals)
