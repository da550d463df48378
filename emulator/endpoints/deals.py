"""Deals beyond their list: https://developers.activecampaign.com/reference/create-a-deal-new and its neighbours."""

from __future__ import annotations

import re
from typing import Any

from ..answers import Answer, Refusal, json_answer
from ..bodies import join
from ..calls import Call
from ..entity_values import DEAL, saved
from ..query import read_number
from ..routing import Routes
from ..sent import sent, text
from ..writes import Writes
from ..writing import refused, shown

routes = Routes()

_COLUMNS = ("title", "description", "contact", "value", "currency", "group", "stage", "owner", "percent", "status")


@routes.on("GET", "dealGroup/get_inaccessible_deal_groups")
def inaccessible(call: Call) -> Answer:
    """The pipelines of some deals that a user may not open; it insists on its parameters (published)."""
    user, deals = call.request.query.get("userId"), [v for k, v in call.request.pairs if k == "dealIds[]"]
    missing = "userId" if not user else "" if deals else "dealIds"
    if missing:
        raise Refusal(422, {"errors": [{"title": f"Parameter {missing} is required.", "source": {}}]})
    groups, rights = call.account.store("dealGroups"), list(call.account.keys)
    position = read_number(user, 1) - 1
    hidden = call.hidden_from(rights[position] if position < len(rights) else "full")
    rows = join(groups.encoded(i) for i in groups.alive if hidden(groups.id_of(i)))
    return Answer(200, b'{"dealGroups":' + rows + b"}")


@routes.on("POST", "deals")
def create(call: Call) -> Answer:
    """201; a deal has no key, so a second POST makes a second one. Without a stage it is in the pipeline's first.

    What comes back is what was sent, in its own types; `value: 156.24` is stored as 156 cents (both recorded).
    """
    given = sent(call, "deal")
    if not text(given.get("title")):
        raise refused("The deal title was not provided.", "title", "field_missing")
    if not (given.get("contact") or given.get("account")):
        raise refused("The deal contact or account was not provided.", "contact", "field_missing")
    for name in ("value", "currency"):
        if given.get(name) in (None, ""):
            raise refused(f"The deal {name} was not provided.", name, "field_missing")
    columns = _columns(call, given)
    group, stage = _place(call, columns.get("group", ""), columns.get("stage", ""))
    if not columns.get("owner") and shown(call, "dealGroups", group)["autoassign"] != "1":
        raise refused("The deal owner was not provided.", "owner", "field_missing")
    new = {"description": "", "status": "0", "percent": "0", "contact": "0", "account": None, "owner": "1"}
    row = {**new, **columns, "group": group, "stage": stage}
    deal = call.account.insert("deals", **row, organization=None, nextdate=None, isDisabled=False)
    call.memory.of(Writes).add(call.request, "deal create", deal)
    first = {} if given.get("stage") else {"stage": int(stage)}
    return _answer(call, deal, {**given, **first}, 201)


@routes.on("PUT", "deals/{id}")
@routes.on("PATCH", "deals/{id}")
def update(call: Call) -> Answer:
    """200; partial (recorded for both methods). What is said of a deal that is masked is not known."""
    deal, given = call.parts["id"], sent(call, "deal")
    row = shown(call, "deals", deal)
    if call.hides(row["group"]):
        raise Refusal(403, {"message": "Forbidden"})
    columns = _columns(call, given)
    if "group" in columns or "stage" in columns:
        group = columns.get("group") or ("" if columns.get("stage") else str(row["group"]))
        columns["group"], columns["stage"] = _place(call, group, columns.get("stage", ""))
    if columns:
        call.account.update("deals", deal, **columns)
    call.memory.of(Writes).add(call.request, "deal update", deal)
    return _answer(call, deal, given, 200)


@routes.on("DELETE", "deals/{id}")
def delete(call: Call) -> Answer:
    """200 and `{}` (documented)."""
    shown(call, "deals", call.parts["id"])
    call.memory.of(Writes).add(call.request, "deal delete", call.parts["id"])
    call.account.delete("deals", call.parts["id"])
    return json_answer({})


def _columns(call: Call, given: dict[str, Any]) -> dict[str, Any]:
    """What is stored of a deal: unknown keys are ignored, what others it names has to be there."""
    found: dict[str, Any] = {name: text(given[name]) for name in _COLUMNS if name in given}
    if "value" in given:
        number = text(given["value"]) or ""
        if not re.fullmatch(r"\d+(\.\d*)?", number):
            raise refused("The deal value is not valid.", "value", "field_invalid")
        found["value"] = number.partition(".")[0]
    if given.get("account"):
        found["account"] = text(given["account"])
    for name, resource in (("contact", "contacts"), ("account", "accounts"), ("owner", "users")):
        if found.get(name) and call.account.store(resource).index_of(found[name]) is None:
            raise refused(f"The deal {name} is not valid.", name, "field_invalid")
    return {name: value for name, value in found.items() if value is not None}


def _place(call: Call, group: str, stage: str) -> tuple[str, str]:
    """Pipeline and stage of a deal, one of which may be "": the stage's pipeline, the pipeline's first stage."""
    stages = call.account.store("dealStages")
    if stage:
        index = stages.index_of(stage)
        own = "" if index is None else str(stages.value(index, "group"))
        if index is None or (group and own != group):
            raise refused("The deal stage is not valid.", "stage", "field_invalid")
        return own, stage
    if call.account.store("dealGroups").index_of(group) is None:
        raise refused("The deal pipeline is not valid.", "group", "field_invalid")
    mine = stages.rows_with("group", group)
    if not mine:
        raise refused("The deal stage is not valid.", "stage", "field_invalid")
    return group, stages.id_of(min(mine, key=lambda index: int(stages.value(index, "order") or 0)))


def _answer(call: Call, deal: str, given: dict[str, Any], status: int) -> Answer:
    row = shown(call, "deals", deal)
    sides = saved(call, DEAL, deal, given)
    beside = {
        key: [shown(call, key, str(row[name]))]
        for key, name in (("contacts", "contact"), ("dealGroups", "group"), ("dealStages", "stage"))
        if call.account.store(key).index_of(str(row[name])) is not None
    }
    echo = {key: given[key] for key in row.keys() & given.keys()}
    rest = {key: row[key] for key in ("cdate", "mdate", "links", "hash", "isDisabled")}
    return json_answer({**beside, "deal": {**row, **echo, **rest, **sides, "id": deal}}, status)
