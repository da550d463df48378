"""Custom fields of accounts and deals: how values come beside their owner, and how they ride along with a write."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from activecampaign_client.custom_fields import Definition, Owner, UnknownOption, by_owner, render, value_of
from activecampaign_client.page import Page, Row, objects_in
from activecampaign_client.stored_values import StoredValues
from destination_activecampaign.cells import Rejected, text_of
from destination_activecampaign.columns import Field, currency_of
from destination_activecampaign.pyairbyte import without_padding
from destination_activecampaign.reasons import not_written, value_invalid
from destination_activecampaign.records import reasons
from destination_activecampaign.records.kind import Gone
from destination_activecampaign.records.sending import Requests, object_in
from destination_activecampaign.same import is_same

_SAVED = "success"


def custom_value(field: Field, given: Any, of: Owner) -> Any:
    """What the API takes for the value of a custom field, None for what empties it. Raises Rejected."""
    assert field.definition  # noqa: S101
    if field.is_currency:
        return currency_code(given)
    value = without_padding(given) if field.definition.type in ("number", "currency") else given
    try:
        return render(field.definition, value, of)
    except UnknownOption as error:
        raise Rejected(reasons.unknown_option(str(error))) from None
    except ValueError as error:
        raise Rejected(value_invalid(str(error))) from None


def currency_code(given: Any) -> str | None:
    """The ISO code of a currency in capital letters. Raises Rejected.

    >>> currency_code("eur")
    'EUR'
    """
    code = text_of(given).strip().upper()
    if code and not re.fullmatch("[A-Z]{3}", code):
        raise Rejected(value_invalid("A currency is given by its ISO code of three letters, such as EUR."))
    return code or None


class CustomValues:
    """The custom field values of all owners of one kind, by field: the field's id, and `<id>:currency`.

    `listing` is that of the values, which is also what a listing of owners calls them when it is asked to include them,
    under the key `beside`; `datum` is what one of them is called in a request, and `owner_key` what its owner is.
    """

    def __init__(
        self,
        requests: Requests,
        definitions: Mapping[str, Definition],
        of: Literal["account", "deal"],
        *,
        owners: str,
        listing: str,
        beside: str,
        datum: str,
        owner_key: str,
    ) -> None:
        self._requests = requests
        self._definitions = definitions
        self._of = of
        self._owners, self._listing, self._beside, self._datum, self._owner_key = (
            owners,
            listing,
            beside,
            datum,
            owner_key,
        )

    # ---- what there is

    @property
    def include(self) -> dict[str, str]:
        """The parameters of a listing of owners that is to bring their values along."""
        return {"include": self._listing} if self._definitions else {}

    def beside(self, pages: Iterable[Page]) -> Iterator[tuple[Row, dict[str, Any], bool]]:
        """The owners on pages of a listing, each with its values, and whether these are all that it has.

        Where the listing does not bring them along, they are read from their own one.
        """
        stored: StoredValues | None = None
        for page in pages:
            ids = [str(row.get("id")) for row in page.rows]
            if stored is None and self._definitions and self._are_missing(page):
                # https://developers.activecampaign.com/reference/list-all-custom-field-values-2 and its neighbours
                stored = StoredValues(self._requests.account.rows(self._listing, request=self._requests.sample))
            found = stored.of(ids) if stored else by_owner(objects_in(page.body, self._beside))
            for identifier, row in zip(ids, page.rows, strict=True):
                mine = found.get(identifier, [])
                named = row.get(self._listing)
                is_whole = stored is not None or not isinstance(named, list) or len(named) <= len(mine)
                yield row, _by_field(mine), is_whole

    def of_one(self, owner: str) -> dict[str, Any]:
        """The values of one owner."""
        rows = self._rows(owner) if self._definitions else []
        return _by_field(value_of({**row, **self._owner(owner)}) for row in rows)

    def _are_missing(self, page: Page) -> bool:
        """Whether the owners on a page may have values, by what they name, and none came beside them."""
        return self._beside not in page.body and any(row.get(self._listing) != [] for row in page.rows)

    def _rows(self, owner: str) -> list[Row]:
        body = self._requests.one(f"{self._owners}/{owner}/{self._listing}")
        return objects_in(body, self._beside) or objects_in(body, self._listing)

    def _owner(self, owner: str) -> dict[str, str]:
        return {"dealId": owner} if self._of == "deal" else {"accountId": owner}

    # ---- what is written

    def left(
        self, wanted: Mapping[str, Any], stored: Mapping[str, Any], ignoring: Sequence[str] = ()
    ) -> dict[str, Any]:
        """What of the wanted values, custom fields or not, is not what is stored; an empty amount has no currency."""
        after = {**stored, **wanted}
        ignored = {*ignoring, *(currency_of(one) for one in self._definitions if after.get(one) in (None, ""))}
        return {
            name: value
            for name, value in wanted.items()
            if name not in ignored and not is_same(self._definitions.get(name), value, stored.get(name))
        }

    def entries(self, wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What a request about an owner has as its `fields`, of what is to be written and what the owner has.

        An amount and its currency go together, whichever of both is to change.
        """
        return [
            {"customFieldId": int(one), **_amount(one, definition, wanted, stored)}
            for one, definition in self._definitions.items()
            if one in wanted or currency_of(one) in wanted
        ]

    def confirm(self, owner: str, sent: Sequence[Mapping[str, Any]], echo: Mapping[str, Any]) -> None:
        """Make sure that the values which were sent along with a write are there, by its answer about the owner.

        `{"fields": [...], "customFieldSaveStatus": {"status": "success"}}` was recorded; what a failure looks like is
        documented nowhere. Where it is no success, the values are read, and those that differ written one by one.
        Raises Rejected where they differ even then.
        """
        if not sent:
            return
        status = echo.get("customFieldSaveStatus")
        says = status.get("status") if isinstance(status, Mapping) else status
        echoed = {str(one.get("customFieldId")): one.get("fieldValue") for one in objects_in(echo, "fields")}
        if says in (None, _SAVED) and all(self._is_in(one, echoed) for one in sent):
            return
        rows = {value_of({**row, **self._owner(owner)}).field: row for row in self._rows(owner)}
        stored = {one: value_of({**row, **self._owner(owner)}).raw for one, row in rows.items()}
        failed = [one for one in sent if not self._is_in(one, stored) and not self._written(owner, one, rows)]
        if failed:
            fields = [self._definitions[str(one["customFieldId"])] for one in failed]
            raise Rejected(not_written(field.title or field.tag or field.id for field in fields))

    def _is_in(self, entry: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
        identifier = str(entry["customFieldId"])
        return is_same(self._definitions[identifier], entry["fieldValue"], stored.get(identifier))

    def _written(self, owner: str, entry: Mapping[str, Any], rows: Mapping[str, Row]) -> bool:
        """Write a value by itself; whether it is there then."""
        identifier = str(entry["customFieldId"])
        value = {name: entry[name] for name in ("fieldValue", "fieldCurrency") if name in entry}
        try:
            if row := rows.get(identifier):
                answer = self._requests.write("PUT", f"{self._listing}/{row.get('id')}", {self._datum: value})
            else:
                new = {self._owner_key: int(owner), "customFieldId": int(identifier), **value}
                answer = self._requests.write("POST", self._listing, {self._datum: new})
        except (Gone, Rejected):
            return False
        return self._is_in(entry, {identifier: value_of(dict(object_in(answer, self._datum))).raw})


def _by_field(values: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in values:
        found[value.field] = value.raw
        if value.currency:
            found[currency_of(value.field)] = value.currency
    return found


def _amount(one: str, definition: Definition, wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    both = {**stored, **wanted}
    if definition.type != "currency":
        return {"fieldValue": both.get(one)}
    amount, currency = both.get(one), both.get(currency_of(one))
    return {
        "fieldValue": int(amount) if isinstance(amount, str) and amount.lstrip("-").isdigit() else amount,
        **({"fieldCurrency": currency} if currency and amount is not None else {}),
    }
