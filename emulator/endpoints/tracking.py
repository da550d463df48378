"""Event and site tracking as the API knows them: whether they are on, names of events, sites that are allowed."""

from __future__ import annotations

from typing import Any

from ..account import Account
from ..answers import Answer, Refusal, json_answer, no_route
from ..calls import Call
from ..routing import Routes
from ..sent import sent, text
from ..writing import refused, shown

routes = Routes()

_DOMAINS, _SITES = "siteTrackingDomains", "urlWhitelistings"


@routes.on("GET", "eventTracking")
def event_tracking(call: Call) -> Answer:
    return json_answer({"eventTracking": {"enabled": call.settings.event_tracking == "on"}})


@routes.on("PUT", "eventTracking")
def switch_event_tracking(call: Call) -> Answer:
    """200 with what it is now (documented, as is the 400)."""
    call.settings.patch({"event_tracking": _wanted(call, "eventTracking")})
    return event_tracking(call)


@routes.on("GET", "siteTracking")
def site_tracking(call: Call) -> Answer:
    return json_answer({"siteTracking": {"enabled": call.settings.site_tracking == "on"}})


@routes.on("PUT", "siteTracking")
def switch_site_tracking(call: Call) -> Answer:
    """200 with what it is now (documented, as is the 400)."""
    call.settings.patch({"site_tracking": _wanted(call, "siteTracking")})
    return site_tracking(call)


@routes.on("GET", "siteTracking/code")
def code(call: Call) -> Answer:
    """A snippet, not JSON."""
    return Answer(200, b"<script>/* site tracking */</script>", {"Content-Type": "text/html; charset=UTF-8"})


@routes.on("POST", "eventTrackingEvents")
def name_event(call: Call) -> Answer:
    """201 with the name (documented)."""
    name = text(sent(call, "eventTrackingEvent").get("name"))
    if not name:
        raise refused("The event name was not provided.", "name", "field_missing")
    register(call.account, name)
    return json_answer({"eventTrackingEvent": {"name": name}}, 201)


@routes.on("POST", "prism/urlWhitelistings")
def allow(call: Call) -> Answer:
    """201; 400 without a domain, 409 where it is there (all three documented, the last two without a body)."""
    _check_route(call, "prism/urlWhitelistings")
    given = sent(call, "data").get("attributes")
    attributes: dict[str, Any] = given if isinstance(given, dict) else {}
    domain = text(attributes.get("whitelisted_domain"))
    if not domain:
        raise Refusal(400, {})
    if domain in allowed_sites(call.account):
        raise Refusal(409, {})
    site = call.account.insert(_SITES, attributes={**attributes, "whitelisted_domain": domain})
    return json_answer({"data": shown(call, _SITES, site)}, 201)


@routes.on("POST", "siteTracking/whitelist")
def allow_as_clients_do(call: Call) -> Answer:
    """201; seen by a client, whose requests and answers are all that is known of it."""
    return _allow(call, "siteTracking/whitelist", "siteTrackingWhitelist")


@routes.on("POST", "siteTrackingDomains")
def allow_as_before(call: Call) -> Answer:
    """201, as older documents have it; a site that is there stays as it is."""
    return _allow(call, "siteTrackingDomains", "siteTrackingDomain")


def register(account: Account, name: str) -> None:
    """Keep the name of an event, once: tracking one saves it, too (documented of the call's first version)."""
    if not account.store("eventTrackingEvents").rows_with("name", name):
        account.insert("eventTrackingEvents", name=name)


def allowed_sites(account: Account) -> set[str]:
    """The domains that visits are counted of, whichever way they were allowed."""
    domains = {row["name"] for row in account.rows(_DOMAINS)}
    return domains | {row["attributes"]["whitelisted_domain"] for row in account.rows(_SITES)}


def _allow(call: Call, path: str, key: str) -> Answer:
    _check_route(call, path)
    name = text(sent(call, key).get("name"))
    if not name:
        raise refused("The domain was not provided.", "name", "field_missing")
    if name not in allowed_sites(call.account):
        call.account.insert(_DOMAINS, name=name)
    return json_answer({key: {"name": name}}, 201)


def _check_route(call: Call, path: str) -> None:
    if path not in call.settings.whitelist_routes:
        raise no_route("POST", f"/api/3/{path}")


def _wanted(call: Call, key: str) -> str:
    enabled = sent(call, key).get("enabled")
    if not isinstance(enabled, bool):
        raise Refusal(400, {})
    return "on" if enabled else "off"
