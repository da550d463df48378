"""Deals: https://developers.activecampaign.com/reference/create-a-deal-new and its neighbours."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from activecampaign_client.account import Account
from activecampaign_client.answers import Answer, Request
from activecampaign_client.errors import ApiError
from activecampaign_client.letter_case import small_letters
from activecampaign_client.page import total_of
from activecampaign_client.values import write_cents
from destination_activecampaign.catalog import Mode, ObjectType, Target
from destination_activecampaign.cells import Rejected, identifier_of, text_of
from destination_activecampaign.columns import Columns, Field
from destination_activecampaign.config import Config
from destination_activecampaign.directory import Directory
from destination_activecampaign.pyairbyte import without_padding
from destination_activecampaign.reasons import UNKNOWN_ACCOUNT, not_written, value_invalid
from destination_activecampaign.records import reasons
from destination_activecampaign.records.change import Change, Record
from destination_activecampaign.records.custom_values import CustomValues, currency_code, custom_value
from destination_activecampaign.records.kind import Gone
from destination_activecampaign.records.owners import owner_of
from destination_activecampaign.records.sending import Requests, object_in
from destination_activecampaign.same import is_same
from destination_activecampaign.writer import Outcome

LOGGER = logging.getLogger(__name__)

_TEXT: Mapping[str, Any] = {"type": ["null", "string"]}
_INTEGER: Mapping[str, Any] = {"type": ["null", "integer"]}

DEALS = ObjectType(
    name="deals",
    keys=(("id",),),
    modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.INSERT}),
    fields={
        "id": {**_TEXT, "description": "Id of the deal."},
        "title": {**_TEXT, "description": "Title of the deal."},
        "description": _TEXT,
        "value": {**_INTEGER, "description": "Value of the deal, in cents."},
        "currency": {**_TEXT, "description": "ISO code of the currency of the value."},
        "contact": {**_TEXT, "description": "Id or email address of the deal's contact."},
        "account": {**_TEXT, "description": "Id or name of the deal's company account."},
        "group": {**_TEXT, "description": "Id or name of the pipeline."},
        "stage": {**_TEXT, "description": "Id or name of the stage."},
        "owner": {**_TEXT, "description": "Id, email address or username of the user who owns it."},
        "status": {**_TEXT, "description": "open, won or lost (0, 1 and 2 are understood, too)."},
        "percent": {**_INTEGER, "description": "Percentage of the deal."},
    },
    custom_fields="dealCustomFieldMeta",
    reads=("deals", "dealCustomFieldMeta"),
    is_optional=True,
    has_custom_keys=True,
)

_OWN = tuple(name for name in DEALS.fields if name != "id")
_STATUSES = {"0": "0", "1": "1", "2": "2", "open": "0", "won": "1", "lost": "2"}
# How often a deal is sent of which nobody knows whether it has arrived; each time it is looked for first.
_ATTEMPTS = 6
# A deal that was sent just now is looked for among those of this time: the clocks may differ.
_RECENT = timedelta(days=1)


class Deals:
    """How deals are read and written (see `records.kind.Kind`).

    They have no key of their own, so that a row is known by the deal's id, or by a custom field that the streams name:
    then all deals are read, as there is no way to ask for one. A second POST makes a second deal, wherever it is not
    known whether the first one has arrived it is looked for.
    """

    type = DEALS
    asks_by_key = False
    lists_late = False

    def __init__(self, targets: Sequence[Target], account: Account, config: Config, directory: Directory) -> None:
        self._directory = directory
        self._creates_accounts = "accounts" in config.create_missing
        definitions = directory.definitions(DEALS.custom_fields)
        self.cost_of_asking = 2 if definitions else 1
        self._requests = Requests(account, DEALS.name, "the Deals permission")
        self._custom = CustomValues(
            self._requests,
            definitions,
            "deal",
            owners="deals",
            listing="dealCustomFieldData",
            beside="dealCustomFieldData",
            datum="dealCustomFieldDatum",
            owner_key="dealId",
        )
        self._key = self._key_field(targets)
        self._values: Mapping[str, Callable[[Any], Any]] = {
            "value": _cents,
            "currency": lambda given: (currency_code(given) or "").lower() or None,
            "status": _status,
            "percent": _percent,
            "owner": lambda given: owner_of(given, directory),
            **dict.fromkeys(("contact", "account", "group", "stage"), lambda given: identifier_of(given) or None),
            **dict.fromkeys(("title", "description"), lambda given: text_of(given) or None),
        }

    def _key_field(self, targets: Sequence[Target]) -> str:
        """The custom field that deals are known by, by its id; "" where they are by their own."""
        found: dict[str, str] = {}
        for target in targets:
            if target.key == ("id",):
                continue
            field = self.columns(target).field_of(target.key_columns[0])
            if field is None or field.definition is None or field.is_currency:
                raise ApiError(
                    f"The key of the stream {target.stream}, {target.key_columns[0]}, tells no deals apart: it has to "
                    "be id, or a column that is written to a custom field of deals.",
                    kind="config",
                )
            found[field.name] = target.stream
        if len(found) > 1:
            raise ApiError(
                f"The streams {' and '.join(found.values())} know deals by different fields. Write them with two "
                "connections.",
                kind="config",
            )
        return next(iter(found), "")

    # ---- what a row says

    def columns(self, target: Target) -> Columns:
        definitions = self._directory.definitions(DEALS.custom_fields).values()
        schema = dict.fromkeys((*target.columns, *target.key_columns))
        return Columns(target.stream, DEALS.fields, definitions, target.fields, list(schema))

    def value(self, field: Field, given: Any) -> Any:
        if field.definition:
            return custom_value(field, given, "deal")
        return self._values[field.name](given)

    def empties(self, field: Field) -> bool:
        return field.name == "description" or (field.definition is not None and field.name != self._key)

    def emails(self, values: Mapping[str, Any]) -> Sequence[str]:
        contact = values.get("contact")
        return [contact] if isinstance(contact, str) and "@" in contact else []

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(values)
        if contact := found.get("contact"):
            found["contact"] = self._directory.contact_id(contact) if "@" in contact else contact
            if not found["contact"].isdigit():
                raise Rejected(reasons.UNKNOWN_CONTACT)
        if account := found.get("account"):
            found["account"] = self._account(account)
        if group := found.get("group"):
            found["group"] = self._one("dealGroups", group, reasons.UNKNOWN_PIPELINE)
        if stage := found.get("stage"):
            found["stage"] = self._one("dealStages", stage, reasons.UNKNOWN_STAGE, within=found.get("group"))
        return found

    def _account(self, name: str) -> str:
        identifier = name if self._directory.has_account(name) else self._directory.account_id(name)
        if not identifier and self._creates_accounts:
            identifier = self._directory.created_account(name)
        if not identifier:
            raise Rejected(UNKNOWN_ACCOUNT)
        return identifier

    def _one(self, listing: str, name: str, why: Any, within: str | None = None) -> str:
        """The id of the only pipeline or stage with an id, else of the only one with a title."""
        pipelines = {str(row["id"]) for row in self._directory.rows("dealGroups")}
        rows = self._directory.rows(listing)
        if listing == "dealStages":
            # Stages outlive their pipelines (recorded).
            rows = [row for row in rows if str(row.get("group")) in ({within} if within else pipelines)]
        ids = [str(row["id"]) for row in rows if str(row["id"]) == name] or [
            str(row["id"]) for row in rows if small_letters(str(row.get("title")).strip()) == small_letters(name)
        ]
        if len(ids) != 1:
            raise Rejected(why)
        return ids[0]

    def key_of(self, values: Mapping[str, Any]) -> str:
        return _form_of_key(values.get(self._key)) if self._key else ""

    # ---- what the account has

    def total(self) -> int:
        sample = self._requests.sample
        request = Request("deals", {"limit": "1"}, stream="deals", permission=sample.permission, record_key="deals")
        return total_of(self._requests.account.send(request).body) or 0

    def all(self) -> Iterator[Record]:
        return self._listed({})

    def by_id(self, identifier: str) -> Record | None:
        found = object_in(self._requests.one(f"deals/{identifier}"), "deal") if identifier.isdigit() else {}
        return self._record(found, self._custom.of_one(identifier)) if found else None

    def by_key(self, key: str) -> Record | None:
        """The deal with a key among those that were made lately."""
        since = (datetime.now(timezone.utc) - _RECENT).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = self._listed({"filters[created_after]": since})
        return next((record for record in found if record.key == key), None)

    def must_ask(self, change: Change) -> bool:
        return True

    def _listed(self, params: Mapping[str, str]) -> Iterator[Record]:
        # https://developers.activecampaign.com/reference/list-all-deals
        ordered: dict[str, Any] = {**params, **self._custom.include, "orders[cdate]": "ASC"}
        pages = self._requests.account.pages("deals", request=self._requests.sample, **ordered)
        for row, values, is_whole in self._custom.beside(pages):
            yield self._record(row, values, is_whole)

    def _record(self, row: Mapping[str, Any], values: Mapping[str, Any], is_whole: bool = True) -> Record:
        own = {name: row.get(name) for name in (*_OWN, "isDisabled")}
        own["currency"] = str(own["currency"] or "").lower()
        return Record(str(row.get("id")), self.key_of(values), {**own, **values}, is_whole)

    # ---- what is written

    def left(self, change: Change, record: Record) -> dict[str, Any]:
        if record.values.get("isDisabled"):
            raise Rejected(reasons.DEAL_HIDDEN)
        return self._custom.left(change.values, record.values, ignoring=() if change.id else (self._key,))

    def create(self, change: Change) -> tuple[Record, Outcome]:
        entries = self._custom.entries(change.values, {})
        body = {"deal": _body(change.values, entries)}
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._requests.write("POST", "deals", body, repeatable=False)
            except ApiError as error:
                if error.kind != "transient" or attempt == _ATTEMPTS:
                    raise
                LOGGER.info("Whether a deal has arrived is not known, so it is looked for: %s", error)
                self._requests.account.rest(2.0**attempt)
                if found := self.by_key(change.key):
                    left = self.left(change, found)
                    return (self.update(found, left) if left else found), Outcome.CREATED
            else:
                return self._new(answer, change, entries), Outcome.CREATED
        raise AssertionError

    def _new(self, answer: Answer, change: Change, entries: Sequence[Mapping[str, Any]]) -> Record:
        """A deal that was made now. Where it has not become what it was to be it is taken back.

        A deal without its key would be made once more with every sync.
        """
        try:
            return self._confirmed(answer, change.values, entries, {})
        except Rejected:
            if identifier := object_in(answer, "deal").get("id"):
                # https://developers.activecampaign.com/reference/delete-a-deal
                with suppress(Gone, Rejected):
                    self._requests.write("DELETE", f"deals/{identifier}")
            raise

    def update(self, record: Record, values: Mapping[str, Any]) -> Record:
        entries = self._custom.entries(values, record.values)
        # https://developers.activecampaign.com/reference/update-a-deal-new
        answer = self._requests.write("PUT", f"deals/{record.id}", {"deal": _body(values, entries)})
        return self._confirmed(answer, values, entries, record.values)

    def delete(self, record: Record) -> None:
        """No stream deletes deals."""
        raise AssertionError

    def _confirmed(
        self,
        answer: Answer,
        values: Mapping[str, Any],
        entries: Sequence[Mapping[str, Any]],
        before: Mapping[str, Any],
    ) -> Record:
        """The deal after a write, once its answer has shown that everything is there."""
        echo = object_in(answer, "deal")
        identifier = str(echo.get("id") or "")
        others = [name for name in _OWN if name in values and not is_same(None, values[name], echo.get(name))]
        if not identifier:
            others.insert(0, "id")
        if others:
            raise Rejected(not_written(others))
        self._custom.confirm(identifier, entries, echo)
        after = {**before, **values}
        return Record(identifier, self.key_of(after), after)


def _body(values: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    own = {name: values[name] for name in _OWN if name in values}
    for name in ("status", "percent"):
        if name in own:
            own[name] = int(own[name])
    if "description" in own:
        own["description"] = own["description"] or ""
    return {**own, **({"fields": list(entries)} if entries else {})}


def _form_of_key(value: Any) -> str:
    """A key as it is compared: as text, numbers by their value.

    >>> _form_of_key("A-7"), _form_of_key("7.50"), _form_of_key(None)
    ('A-7', '7.5', '')
    """
    text = "" if value is None else str(value).strip()
    try:
        return f"{Decimal(text).normalize():f}"
    except InvalidOperation:
        return text


def _cents(given: Any) -> int | None:
    try:
        cents = write_cents(without_padding(given))
    except ValueError:
        cents = -1
    if cents is not None and cents < 0:
        raise Rejected(value_invalid("The value of a deal is a whole number of cents, which that of the row is not."))
    return cents


def _status(given: Any) -> str | None:
    name = small_letters(identifier_of(given))
    if name and name not in _STATUSES:
        raise Rejected(value_invalid("The status of a deal is open, won or lost, or 0, 1 or 2."))
    return _STATUSES.get(name)


def _percent(given: Any) -> str | None:
    percent = identifier_of(given)
    if percent and not percent.isdigit():
        raise Rejected(value_invalid("The percentage of a deal is a whole number."))
    return percent or None
