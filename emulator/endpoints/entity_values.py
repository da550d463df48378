"""Custom field values of accounts and deals, one by one.

https://developers.activecampaign.com/reference/create-a-custom-account-field-value and its neighbours.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..answers import Answer, Refusal, json_answer
from ..calls import Call
from ..entity_values import ACCOUNT, DEAL, Entity, put
from ..routing import Routes
from ..sent import sent, text
from ..store import ABSENT
from ..writing import refused, shown

routes = Routes()


def create(call: Call, entity: Entity, key: str, owner_keys: tuple[str, ...]) -> Answer:
    """200 (recorded, documented). What a second value for a pair does is not known: here it replaces the first."""
    given = sent(call, key)
    owner = next((text(given[name]) or "" for name in owner_keys if given.get(name)), "")
    if call.account.store(entity.owners).index_of(owner) is None:
        raise refused("The owner of the value is not valid.", owner_keys[0], "field_invalid")
    row_id = put(call, entity, owner, given)
    if row_id is None:
        raise refused("The custom field is not valid.", "customFieldId", "field_invalid")
    return _answer(call, entity, key, row_id)


def update(call: Call, entity: Entity, key: str) -> Answer:
    """200; only the value and its currency change."""
    given, row = sent(call, key), _existing(call, entity)
    if "fieldValue" in given:
        columns = {"fieldValue": given["fieldValue"], "fieldCurrency": given.get("fieldCurrency", ABSENT)}
        call.account.update(entity.values, row["id"], **columns)
    return _answer(call, entity, key, row["id"])


def delete(call: Call, entity: Entity, model: str) -> Answer:
    """200 with a sentence (recorded for deals)."""
    call.account.delete(entity.values, _existing(call, entity)["id"])
    return json_answer({"message": f"{model} deleted."})


def _existing(call: Call, entity: Entity) -> dict[str, Any]:
    if call.account.store(entity.values).index_of(call.parts["id"]) is None:
        raise Refusal(404, {"errors": [{"status": 404, "title": "Not Found"}]})
    return shown(call, entity.values, call.parts["id"])


def _answer(call: Call, entity: Entity, key: str, row_id: str) -> Answer:
    return json_answer({key: shown(call, entity.values, row_id)})


for _entity, _key, _model, _owners in (
    (ACCOUNT, "accountCustomFieldDatum", "AccountCustomFieldData", ("customerAccountId", "accountId")),
    (DEAL, "dealCustomFieldDatum", "DealCustomFieldData", ("dealId",)),
):
    routes.add("POST", _entity.values, partial(create, entity=_entity, key=_key, owner_keys=_owners))
    routes.add("PUT", f"{_entity.values}/{{id}}", partial(update, entity=_entity, key=_key))
    routes.add("DELETE", f"{_entity.values}/{{id}}", partial(delete, entity=_entity, model=_model))
