"""Tags: https://developers.activecampaign.com/reference/delete-a-tag"""

from __future__ import annotations

from ..answers import Answer, json_answer, not_found
from ..calls import Call
from ..routing import Routes

routes = Routes()


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
