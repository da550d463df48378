"""How records are asked for and written."""

from collections.abc import Mapping
from typing import Any

from activecampaign_client.account import Account
from activecampaign_client.answers import Answer, Request, said_by
from activecampaign_client.page import objects_in
from destination_activecampaign.cells import Rejected
from destination_activecampaign.reasons import api_refused
from destination_activecampaign.records.kind import Gone


class Requests:
    """Requests about records of one kind; every method raises ApiError.

    `permission` is what an administrator has to grant for them.
    """

    def __init__(self, account: Account, stream: str, permission: str) -> None:
        self.account = account
        self.sample = Request("", stream=stream, permission=permission)

    def one(self, path: str) -> Mapping[str, Any] | None:
        """The body about one record; None where there is none."""
        answer = self.account.send(self._request(path, "GET", may_be_gone=True))
        return None if answer.is_gone else answer.body

    def write(self, method: str, path: str, body: Any = None, *, repeatable: bool = True) -> Answer:
        """The answer to a write; `repeatable`: that a second one does no more than the first.

        Raises Rejected where it is refused, and Gone where a record is to be changed that is not there.
        """
        answer = self.answered(method, path, body, repeatable=repeatable)
        if answer.status == 404 and method != "POST":
            raise Gone
        if answer.status >= 300:
            raise Rejected(api_refused(said_by(answer), answer.status))
        return answer

    def answered(self, method: str, path: str, body: Any = None, *, repeatable: bool = True) -> Answer:
        """The answer to a write, also where it is refused (400, 404, 409, 413, 422)."""
        return self.account.send(self._request(path, method, body=body, may_be_refused=True, repeatable=repeatable))

    def _request(self, path: str, method: str, **more: Any) -> Request:
        sample = self.sample
        return Request(path, method=method, stream=sample.stream, permission=sample.permission, **more)


def object_in(answer: Answer | Mapping[str, Any] | None, key: str) -> Mapping[str, Any]:
    """The object under a key of an answer's body; {} where there is none."""
    body = answer.body if isinstance(answer, Answer) else answer
    return next(iter(objects_in(body, key)), {})
