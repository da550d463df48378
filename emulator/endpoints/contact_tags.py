"""Tags of contacts: https://developers.activecampaign.com/reference/create-contact-tag and its neighbour"""

from __future__ import annotations

from ..answers import Answer, Refusal, json_answer, not_found
from ..calls import Call
from ..contacts import add_tag, email_of
from ..routing import Routes
from ..sent import sent, text
from ..writes import Writes
from ..writing import shown, status_of

routes = Routes()


@routes.on("POST", "contactTags")
def create(call: Call) -> Answer:
    """201; 200 with the same id and date where the contact has the tag (both recorded)."""
    given = sent(call, "contactTag")
    contact, tag = text(given.get("contact")), text(given.get("tag"))
    if not tag:
        raise _no_tag(400)
    if not tag.isdigit():
        raise _no_tag(422)
    if not contact:
        error = {"status": 422, "title": "Missing attribute", "source": {"pointer": "/data/attributes/contact"}}
        raise Refusal(422, {"errors": [error]})
    if call.account.store("contacts").index_of(contact) is None:
        raise _missing("Contact not found")
    if call.account.store("tags").index_of(tag) is None:
        raise _missing("Tag not found")
    link, is_new = add_tag(call.account, contact, tag)
    call.memory.of(Writes).add(call.request, "tag", email_of(call.account, contact))
    row = shown(call, "contactTags", link)
    echo = {"contact": given["contact"], "tag": given["tag"], **{key: row[key] for key in ("cdate", "links", "id")}}
    answer = {"contacts": [shown(call, "contacts", contact)], "contactTag": echo}
    return json_answer(answer, status_of(call, is_new))


@routes.on("DELETE", "contactTags/{id}")
def delete(call: Call) -> Answer:
    """`{}`; 404 for a link that does not exist (both recorded)."""
    account, link = call.account, call.parts["id"]
    links = account.store("contactTags")
    index = links.index_of(link)
    if index is None:
        raise not_found(links.resource, link)
    call.memory.of(Writes).add(call.request, "untag", email_of(account, str(links.value(index, "contact"))))
    account.delete("contactTags", link)
    return json_answer({})


def _no_tag(status: int) -> Refusal:
    """No id of a tag: 400 where nothing is there (recorded), 422 for a name instead (measured)."""
    title = "Invalid value for query parameter contactTag.tag"
    error = {"title": title, "detail": "No tag id provided", "source": {"parameter": "contactTag.tag"}}
    return Refusal(status, {"errors": [error]})


def _missing(detail: str) -> Refusal:
    return Refusal(404, {"errors": [{"status": 404, "title": "Not Found", "detail": detail}]})
