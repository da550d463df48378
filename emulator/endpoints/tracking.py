"""Event and site tracking: whether they are on, and the snippet for web pages."""

from __future__ import annotations

from ..answers import Answer, json_answer
from ..calls import Call
from ..routing import Routes

routes = Routes()


@routes.on("GET", "eventTracking")
def event_tracking(call: Call) -> Answer:
    return json_answer({"eventTracking": {"enabled": True}})


@routes.on("GET", "siteTracking")
def site_tracking(call: Call) -> Answer:
    return json_answer({"siteTracking": {"enabled": True}})


@routes.on("GET", "siteTracking/code")
def code(call: Call) -> Answer:
    """A snippet, not JSON."""
    return Answer(200, b"<script>/* site tracking */</script>", {"Content-Type": "text/html; charset=UTF-8"})
