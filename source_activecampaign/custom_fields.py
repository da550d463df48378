"""Custom field values as part of the contact, deal or account that they belong to.

The functions up to `flatten` are pure and know nothing of the CDK: they join sideloaded rows to their owner,
name a column, and parse a value by its field's type. The two components at the end put them to work.
API pages: https://developers.activecampaign.com/reference/custom-fields-1 (contacts),
https://developers.activecampaign.com/reference/custom-deal-fields,
https://developers.activecampaign.com/reference/custom-account-fields.
"""

import json
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client.values import to_date, to_integer, to_number, to_string, to_utc
from activecampaign_client.warn import Warn
from source_activecampaign.account import Account
from source_activecampaign.deals import is_masked
from source_activecampaign.http import body_of
from source_activecampaign.pages import PageRetriever
from source_activecampaign.records import EnvelopeExtractor
from source_activecampaign.schemas import StreamSchema, stream_schema

LOGGER = logging.getLogger("airbyte")

Mode = Literal["columns", "object", "off"]
MULTIPLE = frozenset({"checkbox", "listbox", "multiselect"})
OBJECT_COLUMN = "customFields"


class Definition(NamedTuple):
    """A custom field of an account: what its values mean and what their column is called."""

    id: str
    title: str
    type: str
    tag: str
    options: tuple[str, ...] = ()


class Value(NamedTuple):
    """One value of one field for one owner, in whichever shape the API sent it."""

    owner: str
    field: str
    raw: Any
    currency: str | None = None


def definition_of(row: Mapping[str, Any], options: Iterable[str] = ()) -> Definition:
    """A definition from a row of `/fields`, `/dealCustomFieldMeta` or `/accountCustomFieldMeta`.

    `options` are the labels that `/fields` keeps in the sibling `fieldOptions`; the others have them in the row.

    >>> definition_of({"id": "3", "title": "Shoe size", "type": "number", "perstag": "SHOE_SIZE"})
    Definition(id='3', title='Shoe size', type='number', tag='SHOE_SIZE', options=())
    """
    own = row.get("fieldOptions")
    return Definition(
        id=str(row["id"]),
        title=str(row.get("title") or row.get("fieldLabel") or ""),
        type=str(row.get("type") or row.get("fieldType") or "text").lower(),
        tag=str(row.get("perstag") or row.get("personalization") or ""),
        options=tuple(str(option) for option in own) if isinstance(own, list) else tuple(options),
    )


def value_of(row: Mapping[str, Any]) -> Value:
    """A value from a sideloaded row; the API has three shapes for the same thing.

    * contacts: `{"contact": "1", "field": "3", "value": "42"}`
    * deals, accounts: `{"dealId": 40, "customFieldId": 33, "fieldValue": "bogus", "fieldCurrency": "usd"}`
    * older deals, accounts: `{"deal_id": "40", "custom_field_id": "33", "custom_field_text_value": "bogus",
      "custom_field_number_value": null, ...}` with one key per type, of which one is filled
    """
    owner = _first(row, "contact", "dealId", "deal_id", "accountId", "customer_account_id")
    identifier = _first(row, "field", "customFieldId", "custom_field_id")
    if "custom_field_id" in row:
        typed = (row.get(f"custom_field_{kind}") for kind in _TYPED_VALUES)
        raw = next((value for value in typed if value not in (None, "") and not _is_zero_date(value)), None)
        currency = row.get("custom_field_currency_type")
    else:
        raw, currency = _first(row, "value", "fieldValue"), row.get("fieldCurrency")
    return Value(str(owner), str(identifier), raw, str(currency).upper() if currency else None)


_TYPED_VALUES = (
    "text_value",
    "text_blob",
    "date_value",
    "datetime_value",
    "number_value",
    "currency_value",
)


def _first(row: Mapping[str, Any], *keys: str) -> Any:
    return next((row[key] for key in keys if row.get(key) is not None), None)


def _is_zero_date(value: Any) -> bool:
    return value in ("0000-00-00", "0000-00-00 00:00:00")


def by_owner(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Value]]:
    """Sideloaded rows, joined to the id of the record that they belong to."""
    values: dict[str, list[Value]] = {}
    for row in rows:
        value = value_of(row)
        values.setdefault(value.owner, []).append(value)
    return values


def slug(text: str) -> str:
    """A title or tag as part of a column name: lower case, words joined by one underscore.

    Latin letters lose their accents; letters of other scripts stay as they are, as destinations allow.

    >>> slug("Größe (cm)"), slug("%FAVOURITE-COLOUR%"), slug("年齢")
    ('grosse_cm', 'favourite_colour', '年齢')
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char) or _is_not_latin_mark(char))
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", plain)).strip("_").lower()


def _is_not_latin_mark(char: str) -> bool:
    return not "\u0300" <= char <= "\u036f"


def tags(definitions: Iterable[Definition], taken: Iterable[str] = ()) -> dict[str, str]:
    """The name that each field goes by, by field id.

    The name is the personalization tag in lower case; the title in snake case where there is no tag; `field`
    where neither has a letter or digit. Where two fields would get the same name, both get `_<field id>`
    appended; so does a name that is `taken`, or that is what the currency of another field is called. In the
    mode `columns` the column is `custom_<name>`, so a name may begin with a digit.

    >>> tags([Definition("1", "Colour", "text", "COLOUR"), Definition("2", "Größe", "number", "")])
    {'1': 'colour', '2': 'grosse'}
    >>> tags([Definition("3", "Size", "text", "SIZE"), Definition("4", "size!", "text", "")])
    {'3': 'size_3', '4': 'size_4'}
    """
    fields = list(definitions)
    reserved = set(taken)
    plain = {one.id: slug(one.tag) or slug(one.title) or "field" for one in fields}
    names = dict(plain)
    while True:
        count = Counter(name for one in fields for name in _occupied(names[one.id], one.type))
        clashing = [
            one.id
            for one in fields
            if names[one.id] == plain[one.id]
            and any(count[name] > 1 or name in reserved for name in _occupied(names[one.id], one.type))
        ]
        if not clashing:
            return names
        names.update({identifier: f"{plain[identifier]}_{identifier}" for identifier in clashing})


def _occupied(name: str, kind: str) -> list[str]:
    return [name, f"{name}_currency"] if kind == "currency" else [name]


def parse(kind: str, raw: Any, options: Collection[str] = ()) -> Any:
    """A value by its field's type; None where it is empty. Raises ValueError where it does not fit.

    `options` are the field's; they tell a `||` inside of an option from one between two.

    >>> parse("checkbox", "||Cricket||Tennis||"), parse("listbox", "Cricket"), parse("multiselect", ["a"])
    (['Cricket', 'Tennis'], ['Cricket'], ['a'])
    >>> parse("number", "100.99"), parse("date", "2018-12-31"), parse("text", "")
    (100.99, '2018-12-31', None)
    """
    if raw is None or raw == "":
        return None
    if kind in MULTIPLE:
        return _choices(raw, options)
    if kind == "date":
        return to_date(raw)
    if kind == "datetime":
        return to_utc(raw)
    if kind == "number":
        return to_number(raw)
    if kind == "currency":
        return to_integer(raw)
    return to_string(raw)


def _choices(raw: Any, options: Collection[str]) -> list[str] | None:
    if isinstance(raw, list):
        found = raw
    elif not isinstance(raw, str):
        raise ValueError
    elif raw.startswith("||"):
        found = _split(raw, options)
    else:
        choices = _json_list(raw)
        found = [raw] if choices is None else choices
    return [to_string(choice) for choice in found if choice not in (None, "")] or None


def _split(raw: str, options: Collection[str]) -> list[str]:
    """
    >>> _split("||Chess||Rowing || sailing||", ["Chess", "Rowing || sailing"])
    ['Chess', 'Rowing || sailing']
    """
    parts = raw.removeprefix("||").removesuffix("||").split("||")
    found = []
    while parts:
        # The longest run of parts that is an option; a part that belongs to none is a choice of its own.
        size = next((end for end in range(len(parts), 1, -1) if "||".join(parts[:end]) in options), 1)
        found.append("||".join(parts[:size]))
        parts = parts[size:]
    return found


def _json_list(text: str) -> list[Any] | None:
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) and all(isinstance(one, str) for one in found) else None


def column_schema(one: Definition) -> dict[str, Any]:
    """The schema of a field's column, with its title and options as the description."""
    description = one.title or one.tag
    if one.options:
        description += f". Options: {', '.join(one.options)}"
    if one.type == "currency":
        description += ". In cents of the currency in the column beside it"
    return {**_TYPES.get(one.type, {"type": ["null", "string"]}), "description": f"{description}."}


_TYPES: Mapping[str, Mapping[str, Any]] = {
    "number": {"type": ["null", "number"]},
    "currency": {"type": ["null", "integer"]},
    "date": {"type": ["null", "string"], "format": "date"},
    "datetime": {
        "type": ["null", "string"],
        "format": "date-time",
        "airbyte_type": "timestamp_with_timezone",
    },
    **{kind: {"type": ["null", "array"], "items": {"type": ["null", "string"]}} for kind in MULTIPLE},
}


@dataclass(frozen=True)
class Plan:
    """How the values of one kind of record are written into it: the fields by id, and their names."""

    mode: Mode
    fields: Mapping[str, Definition]
    names: Mapping[str, str]

    @classmethod
    def of(cls, mode: Mode, definitions: Iterable[Definition], taken: Iterable[str] = ()) -> "Plan":
        fields = {one.id: one for one in definitions}
        prefix = "custom_" if mode == "columns" else ""
        reserved = {name[len(prefix) :] for name in taken if prefix and name.startswith(prefix)}
        names = tags(fields.values(), reserved)
        return cls(mode, fields, {identifier: prefix + name for identifier, name in names.items()})

    def properties(self) -> dict[str, Any]:
        """The schema of what `flatten` adds to a record."""
        columns: dict[str, Any] = {}
        for identifier, one in self.fields.items():
            name = self.names[identifier]
            columns[name] = column_schema(one)
            if one.type == "currency":
                columns[f"{name}_currency"] = {
                    "type": ["null", "string"],
                    "description": f"ISO code of the currency of {name}.",
                }
        if self.mode == "columns":
            return columns
        return {
            OBJECT_COLUMN: {
                "type": ["null", "object"],
                "additionalProperties": True,
                "properties": columns,
                "description": "Custom field values by personalization tag.",
            }
        }


def flatten(values: Iterable[Value], plan: Plan, warn: Warn) -> dict[str, Any]:
    """What the values of one record add to it.

    Values of fields that no longer exist are left out; a value that does not fit its field's type is passed on
    as it came. Both are reported to `warn`.

    >>> plan = Plan.of("columns", [Definition("3", "Sports", "checkbox", "SPORTS")])
    >>> flatten([Value("1", "3", "||Cricket||")], plan, print)
    {'custom_sports': ['Cricket']}
    """
    found: dict[str, Any] = {}
    for value in values:
        one = plan.fields.get(value.field)
        if one is None:
            warn("gone", value.field)
            continue
        name = plan.names[one.id]
        try:
            found[name] = parse(one.type, value.raw, one.options)
        except ValueError:
            warn("misfit", name)
            found[name] = value.raw
        if one.type == "currency" and found[name] is not None:
            found[f"{name}_currency"] = value.currency
    return found if plan.mode == "columns" else {OBJECT_COLUMN: found}


def read_definitions(listing: PageRetriever, account: Account) -> list[Definition]:
    """All custom field definitions of a listing, read once per run.

    Definitions that the key may not read cost a warning and the custom fields, not the stream.
    """

    def read() -> list[Definition]:
        found: list[Definition] = []
        try:
            for page in listing.pages(_EVERYTHING):
                labels: dict[str, list[str]] = {}
                for option in page.body.get("fieldOptions") or []:
                    labels.setdefault(str(option.get("field")), []).append(
                        str(option.get("label") or option.get("value"))
                    )
                found += [definition_of(row, labels.get(str(row["id"]), ())) for row in page.rows]
        except AirbyteTracedException as error:
            if error.failure_type is not FailureType.config_error:
                raise
            LOGGER.warning("No custom fields are read from %s: %s", listing.name, error.message)
        return found

    return account.once(f"definitions:{listing.name}", read)


@dataclass
class CustomFieldsExtractor(EnvelopeExtractor):
    """Takes records out of their envelope together with the values sideloaded beside them.

    `{"contacts": [{"id": "1", ...}], "fieldValues": [{"contact": "1", "field": "3", "value": "42"}]}` gives one
    contact with the column `custom_shoe_size` (mode `columns`) or the object `customFields` (mode `object`).
    Where the sideload was not answered, the listing `values` is read instead, once per run and whole.
    """

    config: Config
    sideload: str
    definitions: PageRetriever
    api_budget: Account
    values: PageRetriever | None = field(default=None, kw_only=True)
    _warn: Warn = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._warn = Warn(self.name)

    def extract_records(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        records = super().extract_records(response)
        plan = None if self.config["custom_fields"] == "off" else _plan(self)
        if not plan or not plan.fields:
            yield from records
            return
        values = self._values(body_of(response))
        for record in records:
            if is_masked(record):
                # Who may not see the deal may not see its values either, whatever the sideload says.
                yield record
            else:
                yield {**record, **flatten(values.get(str(record.get("id")), ()), plan, self._warn)}

    def _values(self, body: Mapping[str, Any]) -> Mapping[str, list[Value]]:
        if self.sideload in body:
            return by_owner(body[self.sideload] or [])
        if self.values is None or all(row.get(self.sideload) == [] for row in body.get(self.record_key) or ()):
            # The records themselves say that there are none.
            return {}
        listing = self.values
        self._warn("listed", listing.name)
        return self.api_budget.once(
            f"values:{listing.name}",
            lambda: by_owner(row for page in listing.pages(_EVERYTHING) for row in page.rows),
        )


_EVERYTHING = StreamSlice(partition={}, cursor_slice={})


@dataclass
class CustomFieldsSchema(StreamSchema):
    """The stream's schema file with the account's custom fields added, as they are at discovery."""

    config: Config
    definitions: PageRetriever
    api_budget: Account

    def get_json_schema(self) -> Mapping[str, Any]:
        schema = stream_schema(self.name)
        if self.config["custom_fields"] != "off":
            schema["properties"].update(_plan(self).properties())
        return schema


def _plan(component: CustomFieldsExtractor | CustomFieldsSchema) -> Plan:
    account, listing = component.api_budget, component.definitions
    return account.once(
        f"custom fields:{component.name}",
        lambda: Plan.of(
            component.config["custom_fields"],
            read_definitions(listing, account),
            stream_schema(component.name)["properties"],
        ),
    )
