"""Where the API is odd: paths whose answers are no lists of rows, and lists with another envelope."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from .query import read_number, select

if TYPE_CHECKING:
    from .app import Api, Request
    from .store import Store
    from .table import Resource

Handler = Callable[["Api", "re.Match[str]", "Request", str], "Answer"]
Style = Callable[["Api", "Resource", "Request"], "Answer"]
ROUTES: list[tuple[re.Pattern[str], Handler]] = []
STYLES: dict[str, Style] = {}

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


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An error answer."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.answer = Answer(status, orjson.dumps(body))


def route(pattern: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        ROUTES.append((re.compile(pattern), handler))
        return handler

    return register


def style(name: str) -> Callable[[Style], Style]:
    def register(handler: Style) -> Style:
        STYLES[name] = handler
        return handler

    return register


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(body))


def _array(store: Store, indexes: Sequence[int]) -> bytes:
    return b"[" + b",".join(store.encoded(i) for i in indexes) + b"]"


# --- other envelopes ----------------------------------------------------------------------------------------


def _counted(store: Store, shown: Sequence[int], total: int, limit: int, offset: int) -> Answer:
    """`meta {total, count, limit, offset}`, all integers: custom objects and SMS (published)."""
    meta = {"total": total, "count": len(shown), "limit": limit, "offset": offset}
    key = orjson.dumps(store.resource.key)
    return Answer(200, b"{" + key + b":" + _array(store, shown) + b',"meta":' + orjson.dumps(meta) + b"}")


@style("counted")
def counted(api: Api, resource: Resource, request: Request) -> Answer:
    if resource.path is not None and resource.path.startswith("customObjects/"):
        _custom_objects_allowed(api)
    store = api.account.store(resource.name)
    found = select(store, request.pairs, api.settings)
    limit, offset = api.page(request)
    return _counted(store, found[offset : offset + limit], len(found), limit, offset)


def _page(request: Request, most: int) -> tuple[int, int]:
    page = max(read_number(request.query.get("page"), 1), 1)
    size = min(read_number(request.query.get("page_size"), 20) or 20, most)
    return page, size


@style("pages")
def pages(api: Api, resource: Resource, request: Request) -> Answer:
    """JSON:API lists with page and page_size (20, at most 10000), as published for the newer segments."""
    store = api.account.store(resource.name)
    page, size = _page(request, 10_000)
    shown = store.alive[(page - 1) * size : page * size]
    return Answer(200, b'{"data":' + _array(store, shown) + b"}")


@style("django")
def django(api: Api, resource: Resource, request: Request) -> Answer:
    """`{count, next, previous, results}`, as published for WhatsApp."""
    store = api.account.store(resource.name)
    page, size = _page(request, 100)
    total = len(store.alive)
    here = f"{api.account.link_base}/{resource.path}?page_size={size}&page="
    envelope = {
        "count": total,
        "next": f"{here}{page + 1}" if page * size < total else None,
        "previous": f"{here}{page - 1}" if page > 1 else None,
    }
    rows = _array(store, store.alive[(page - 1) * size : page * size])
    return Answer(200, orjson.dumps(envelope)[:-1] + b',"results":' + rows + b"}")


@route("lists/exclusions")
def exclusions(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    """The newest lists refuse unknown filters and orders, and say which there are (published)."""
    for kind in ("filter", "order"):
        for name, _ in request.pairs:
            if (asked := re.fullmatch(kind + r"s\[(\w+)\].*", name)) and asked[1] not in {"matchPhrase", "lists"}:
                detail = f'Invalid {kind} field: "{asked[1]}". Allowed fields are: matchPhrase, lists'
                raise Refusal(422, {"errors": [{"title": detail, "detail": "", "code": "", "source": {}}]})
    return api.list_answer(api.account.table["exclusions"], request, key)


# --- custom objects -----------------------------------------------------------------------------------------


def _custom_objects_allowed(api: Api) -> None:
    allowed = api.settings.custom_objects
    if allowed == "403":
        raise Refusal(403, {"message": "Forbidden"})
    if allowed == "404":
        raise Refusal(404, {"message": "Not Found"})


def _scrambled(indexes: Sequence[int], limit: int, offset: int) -> Sequence[int]:
    """A page of a list whose order is not the same from page to page: it overlaps others and misses rows."""
    mixed = list(indexes)
    random.Random(offset).shuffle(mixed)
    return mixed[offset : offset + limit]


@route(r"customObjects/records/([^/]+)")
def records(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    """Records of one schema.

    Offset paging was reported to overlap heavily, with an inflated total, unless an order is asked for. Range
    filters on timestamps are contradictory: reported to match nothing, and used in production.
    """
    _custom_objects_allowed(api)
    schemas, store = api.account.store("customObjectSchemas"), api.account.store("customObjectRecords")
    schema = schemas.index_of(match[1])
    if schema is None:
        raise Refusal(404, {"message": "Not Found"})
    found = store.children_of_parent(schema, match[1])
    related = False
    for name, value in request.pairs:
        if asked := re.fullmatch(r"filters\[([\w.-]+)\](?:\[(\w+)\])?", name):
            related = related or asked[1].startswith("relationships.")
            found = _records_filtered(api, found, asked[1], asked[2] or "eq", value)
    if key != "full" and not related:
        # Published: only keys of administrators may list records without naming a related contact.
        raise Refusal(403, {"message": "Forbidden"})
    limit, offset = api.page(request)
    wanted = [
        (m[1], value.upper() == "DESC")
        for name, value in request.pairs
        if (m := re.fullmatch(r"orders\[(createdTimestamp|updatedTimestamp)\]", name))
    ]
    if not wanted and api.settings.custom_object_pages == "overlap" and len(found) > limit:
        return _counted(store, _scrambled(found, limit, offset), len(found) + len(found) // 3, limit, offset)
    for which, descending in reversed(wanted):
        found = sorted(found, key=lambda i: str(store.value(i, which)), reverse=descending)
    return _counted(store, found[offset : offset + limit], len(found), limit, offset)


def _records_filtered(api: Api, found: list[int], name: str, operator: str, value: str) -> list[int]:
    store = api.account.store("customObjectRecords")
    if name.startswith("relationships."):
        relation = name.partition(".")[2]
        return [i for i in found if value in store.value(i, "relationships").get(relation, [])]
    if name not in {"createdTimestamp", "updatedTimestamp"}:
        raise Refusal(400, {"errors": [{"status": 400, "title": "Bad Request"}]})
    if operator == "eq":
        return [i for i in found if store.value(i, name) == value]
    if api.settings.custom_object_filters != "work":
        return []
    compare = {
        "gt": lambda a: a > value,
        "gte": lambda a: a >= value,
        "lt": lambda a: a < value,
        "lte": lambda a: a <= value,
    }.get(operator)
    return [i for i in found if compare is not None and compare(str(store.value(i, name)))]


@route(r"customObjects/records/([^/]+)/(?:external/)?([^/]+)")
def record(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    _custom_objects_allowed(api)
    store = api.account.store("customObjectRecords")
    index = store.index_of(match[2])
    if index is None:
        index = next((i for i in store.alive if store.value(i, "externalId") == match[2]), None)
    if index is None or store.value(index, "schemaId") != match[1]:
        raise Refusal(404, {"message": "Not Found"})
    return Answer(200, b'{"record":' + store.encoded(index) + b"}")


# --- single answers -----------------------------------------------------------------------------------------


@route("users/me")
def me(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    """The user whom the key belongs to: the cheapest check of a key."""
    users = api.account.store("users")
    position = list(api.account.keys).index(key) % users.base
    return Answer(200, b'{"user":' + users.encoded(position) + b"}")


@route("users/(email|username)/(.+)")
def user_by(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    users = api.account.store("users")
    index = next((i for i in users.alive if users.value(i, match[1]) == match[2]), None)
    if index is None:
        raise Refusal(404, {"message": f"No Result found for User with {match[1]} {match[2]}"})
    return Answer(200, b'{"user":' + users.encoded(index) + b"}")


@route("webhook/events")
def webhook_events(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    """An array of strings."""
    return answer({"webhookEvents": _EVENTS, "meta": {"total": len(_EVENTS)}})


@route("(eventTracking|siteTracking)")
def tracking(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    return answer({match[1]: {"enabled": True}})


@route("siteTracking/code")
def tracking_code(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    """A snippet, not JSON."""
    return Answer(200, b"<script>/* site tracking */</script>", {"Content-Type": "text/html; charset=UTF-8"})


@route("import/bulk_import")
def bulk_import(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    entry = {"forDate": "2026-09-30", "batches": "3", "contacts": "750"}
    return answer({"outstanding": [entry], "recentlyCompleted": [{**entry, "batches": "1", "contacts": "250"}]})


@route("settings/account")
def account_settings(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    """One flat object, for administrators only (published)."""
    if key != "full":
        raise Refusal(403, {"message": "Forbidden"})
    return answer({"name": api.account.name, "timezone": "America/Chicago", "language": "en", "currency": "usd"})


@route("dealGroup/get_inaccessible_deal_groups")
def inaccessible(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    """The pipelines of some deals that a user may not open; it insists on its parameters (published)."""
    user, deals = request.query.get("userId"), [v for k, v in request.pairs if k == "dealIds[]"]
    missing = "userId" if not user else "" if deals else "dealIds"
    if missing:
        raise Refusal(422, {"errors": [{"title": f"Parameter {missing} is required.", "source": {}}]})
    groups = api.account.store("dealGroups")
    rights = list(api.account.keys)
    position = read_number(user, 1) - 1
    name = rights[position] if position < len(rights) else "full"
    hidden = api.pipelines(name)
    return Answer(200, b'{"dealGroups":' + _array(groups, [i for i in groups.alive if hidden(groups.id_of(i))]) + b"}")


@route("groupMembers")
def group_members(api: Api, match: re.Match[str], request: Request, key: str) -> Answer:
    """Display groups of custom fields; with group_id the members of one."""
    if (group := request.query.get("group_id")) is None:
        return api.list_answer(api.account.table["groupDefinitions"], request, key)
    member = {"id": 1, "rel_id": 1, "group_id": read_number(group, 1), "ordernum": 1}
    return answer({"groupMembers": [member]})
