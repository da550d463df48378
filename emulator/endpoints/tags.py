"""Tags: https://developers.activecampaign.com/reference/create-a-new-tag and its neighbours"""

from __future__ import annotations

from ..answers import Answer, Refusal, json_answer, not_found
from ..calls import Call
from ..contacts import find_tag
from ..routing import Routes
from ..sent import sent, text
from ..writing import refused, shown

routes = Routes()

_ECHOED = ("tag", "description", "tagType", "cdate", "links", "id")


@routes.on("POST", "tags")
def create(call: Call) -> Answer:
    """201. What a name that exists is answered with is contradictory (`existing_tag`)."""
    given = sent(call, "tag")
    name = text(given.get("tag"))
    if not name:
        return json_answer({"tag": {}}, 201)  # a wrong wrapper is no error, and writes nothing
    kind = text(given.get("tagType")) or "contact"
    if (existing := find_tag(call.account, name, kind)) is not None:
        return _existing(call, existing, name, kind)
    tag = call.account.add_tag(name, kind, text(given.get("description")) or "")
    row = shown(call, "tags", tag)
    return json_answer({"tag": {key: row[key] for key in _ECHOED}}, 201)


def _existing(call: Call, tag: str, name: str, kind: str) -> Answer:
    said = call.settings.existing_tag
    if said == "returned":
        return json_answer({"tag": shown(call, "tags", tag)})
    if said == "refused":
        raise refused("Tag name already exists", "tag", "duplicate")
    error = f"Duplicate entry '{kind}-{name}' for key 'typetag'"
    raise Refusal(int(said), {"message": "Could not process request", "error": error})


@routes.on("DELETE", "tags/{id}")
def delete(call: Call) -> Answer:
    """`{}`; 404 for a tag that does not exist (both recorded). No contact has it any more (reported)."""
    account, tag = call.account, call.parts["id"]
    if account.store("tags").index_of(tag) is None:
        raise not_found(account.table["tags"], tag)
    links = account.store("contactTags")
    for index in links.rows_with("tag", tag):
        account.delete("contactTags", links.id_of(index))
    account.delete("tags", tag)
    return json_answer({})
