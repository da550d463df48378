"""Company accounts: https://developers.activecampaign.com/reference/create-an-account-new and its neighbours."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from activecampaign_client.account import Account
from activecampaign_client.answers import Answer, Request, codes_in, said_by
from activecampaign_client.letter_case import small_letters
from activecampaign_client.page import total_of
from destination_activecampaign.catalog import Mode, ObjectType, Target
from destination_activecampaign.cells import Rejected, text_of
from destination_activecampaign.columns import Columns, Field
from destination_activecampaign.directory import Directory
from destination_activecampaign.reasons import api_refused, not_written
from destination_activecampaign.records import reasons
from destination_activecampaign.records.change import Change, Record
from destination_activecampaign.records.custom_values import CustomValues, custom_value
from destination_activecampaign.records.kind import Gone
from destination_activecampaign.records.owners import owner_of
from destination_activecampaign.records.sending import Requests, object_in
from destination_activecampaign.same import is_same
from destination_activecampaign.writer import Outcome

_TEXT: Mapping[str, Any] = {"type": ["null", "string"]}

ACCOUNTS = ObjectType(
    name="accounts",
    keys=(("name",), ("id",)),
    modes=frozenset(Mode) - {Mode.APPEND},
    fields={
        "id": {**_TEXT, "description": "Id of the account."},
        "name": {**_TEXT, "description": "Name of the account."},
        "accountUrl": {**_TEXT, "description": "Website of the account."},
        "owner": {**_TEXT, "description": "Id, email address or username of the user who owns it."},
    },
    custom_fields="accountCustomFieldMeta",
    reads=("accounts", "accountCustomFieldMeta"),
    is_optional=True,
)


class Accounts:
    """How company accounts are read and written (see `records.kind.Kind`).

    They are known by their name, of which the API takes no second one. What its search matches is documented nowhere,
    and a filter that it does not know would give the first account that there is: all of them are read to find one.
    """

    type = ACCOUNTS
    asks_by_key = False
    lists_late = False

    def __init__(self, account: Account, directory: Directory) -> None:
        self._directory = directory
        self.cost_of_asking = 2 if directory.definitions(ACCOUNTS.custom_fields) else 1
        self._requests = Requests(account, ACCOUNTS.name, "access to accounts")
        self._custom = CustomValues(
            self._requests,
            directory.definitions(ACCOUNTS.custom_fields),
            "account",
            owners="accounts",
            listing="accountCustomFieldData",
            beside="customerAccountCustomFieldData",
            datum="accountCustomFieldDatum",
            owner_key="customerAccountId",
        )

    # ---- what a row says

    def columns(self, target: Target) -> Columns:
        definitions = self._directory.definitions(ACCOUNTS.custom_fields).values()
        schema = dict.fromkeys((*target.columns, *target.key_columns))
        return Columns(target.stream, ACCOUNTS.fields, definitions, target.fields, list(schema))

    def value(self, field: Field, given: Any) -> Any:
        if field.definition:
            return custom_value(field, given, "account")
        if field.name == "owner":
            return owner_of(given, self._directory)
        text = text_of(given)
        return text if text.strip() else None

    def empties(self, field: Field) -> bool:
        return field.name not in ("name", "owner")

    def emails(self, values: Mapping[str, Any]) -> Sequence[str]:
        return ()

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return dict(values)

    def key_of(self, values: Mapping[str, Any]) -> str:
        return small_letters(str(values.get("name") or "").strip())

    # ---- what the account has

    def total(self) -> int:
        answer = self._requests.account.send(
            Request("accounts", {"limit": "1"}, stream=ACCOUNTS.name, record_key="accounts")
        )
        return total_of(answer.body) or 0

    def all(self) -> Iterator[Record]:
        names: list[tuple[str, str]] = []
        for record in self._listed():
            names.append((record.key, record.id))
            yield record
        self._directory.know_accounts(names)

    def by_id(self, identifier: str) -> Record | None:
        found = object_in(self._requests.one(f"accounts/{identifier}"), "account") if identifier.isdigit() else {}
        return self._record(found, self._custom.of_one(identifier)) if found else None

    def by_key(self, key: str) -> Record | None:
        return next((record for record in self._listed() if record.key == key), None)

    def must_ask(self, change: Change) -> bool:
        return True

    def _listed(self) -> Iterator[Record]:
        # https://developers.activecampaign.com/reference/list-all-accounts
        params: dict[str, Any] = self._custom.include
        pages = self._requests.account.pages("accounts", request=self._requests.sample, **params)
        for row, values, is_whole in self._custom.beside(pages):
            yield self._record(row, values, is_whole)

    def _record(self, row: Mapping[str, Any], values: Mapping[str, Any], is_whole: bool = True) -> Record:
        own = {name: row.get(name) for name in ("name", "accountUrl", "owner")}
        return Record(str(row.get("id")), self.key_of(own), {**own, **values}, is_whole)

    # ---- what is written

    def left(self, change: Change, record: Record) -> dict[str, Any]:
        return self._custom.left(change.values, record.values, ignoring=() if change.id else ("name",))

    def create(self, change: Change) -> tuple[Record, Outcome]:
        entries = self._custom.entries(change.values, {})
        body = {"account": _body(change.values, entries)}
        answer = self._requests.answered("POST", "accounts", body)
        if "duplicate" in codes_in(answer):
            return self._found(change)
        if answer.status >= 300:
            raise Rejected(api_refused(said_by(answer), answer.status))
        return self._confirmed(answer, change.values, entries, {}), Outcome.CREATED

    def _found(self, change: Change) -> tuple[Record, Outcome]:
        """An account that was not there a moment ago: somebody else's, or our own whose answer was lost."""
        record = self.by_key(change.key)
        if record is None:
            raise Rejected(reasons.NAME_TAKEN)
        left = self.left(change, record)
        if not left:
            return record, Outcome.CREATED
        if change.mode is Mode.INSERT:
            raise Rejected(reasons.EXISTS)
        return self.update(record, left), Outcome.UPDATED

    def update(self, record: Record, values: Mapping[str, Any]) -> Record:
        entries = self._custom.entries(values, record.values)
        body = {"account": _body(values, entries)}
        # https://developers.activecampaign.com/reference/update-an-account-new
        answer = self._requests.answered("PUT", f"accounts/{record.id}", body)
        if "duplicate" in codes_in(answer):
            raise Rejected(reasons.NAME_TAKEN)
        if answer.status == 404:
            raise Gone
        if answer.status >= 300:
            raise Rejected(api_refused(said_by(answer), answer.status))
        updated = self._confirmed(answer, values, entries, record.values)
        if updated.key != record.key:
            self._directory.forget_account(record.key, record.id)
        return updated

    def delete(self, record: Record) -> None:
        # https://developers.activecampaign.com/reference/delete-an-account
        with suppress(Gone):
            self._requests.write("DELETE", f"accounts/{record.id}")
        self._directory.forget_account(record.key, record.id)

    def _confirmed(
        self,
        answer: Answer,
        values: Mapping[str, Any],
        entries: Sequence[Mapping[str, Any]],
        before: Mapping[str, Any],
    ) -> Record:
        """The account after a write, once its answer has shown that everything is there."""
        echo = object_in(answer, "account")
        identifier = str(echo.get("id") or "")
        # What an answer does not show is not doubted: the owner is in no recorded one.
        others = [one for one in ("name", "accountUrl", "owner") if one in values and one in echo]
        others = [one for one in others if not is_same(None, values[one], echo[one])]
        if not identifier:
            others.insert(0, "id")
        if others:
            raise Rejected(not_written(others))
        self._custom.confirm(identifier, entries, echo)
        after = {**before, **values}
        record = Record(identifier, self.key_of(after), after)
        self._directory.know_account(record.key, identifier)
        return record


def _body(values: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    own = {name: values[name] or "" for name in ("name", "accountUrl") if name in values}
    owner = {"owner": int(values["owner"])} if "owner" in values else {}
    return {**own, **owner, **({"fields": list(entries)} if entries else {})}
