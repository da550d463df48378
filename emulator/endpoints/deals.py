"""Deals beyond their list."""

from __future__ import annotations

from ..answers import Answer, Refusal
from ..bodies import join
from ..calls import Call
from ..query import read_number
from ..routing import Routes

routes = Routes()


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
