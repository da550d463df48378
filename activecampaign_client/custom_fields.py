"""Custom field values as part of the contact, deal or account that they belong to, and as the API takes them.

Reading joins sideloaded rows to their owner (`by_owner`), names a column for each field (`tags`) and brings a value to
its field's type (`parse`, `flatten`). Writing makes of such a value what the API takes (`render`, `entry_of`).
API pages: https://developers.activecampaign.com/reference/custom-fields-1 (contacts),
https://developers.activecampaign.com/reference/custom-deal-fields,
https://developers.activecampaign.com/reference/custom-account-fields.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from activecampaign_client.column_names import apart
from activecampaign_client.letter_case import small_letters
from activecampaign_client.page import objects_in
from activecampaign_client.values import (
    as_it_came,
    to_date,
    to_integer,
    to_number,
    to_string,
    to_utc,
    write_cents,
    write_date,
    write_moment,
    write_number,
    write_text,
)

Mode = Literal["columns", "object", "off"]
# What has custom fields; a record is one of a custom object.
Owner = Literal["contact", "deal", "account", "record"]
MULTIPLE = frozenset({"checkbox", "listbox", "multiselect"})
SINGLE = frozenset({"dropdown", "radio"})
OBJECT_COLUMN = "customFields"
_BETWEEN = "||"


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


class DefinitionsPage(Protocol):
    """One page of a listing of definitions: its rows, and the body that they came in."""

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]: ...

    @property
    def body(self) -> Mapping[str, Any]: ...


def definitions_in(pages: Iterable[DefinitionsPage]) -> Iterator[Definition]:
    """The definitions of a listing, page by page, each with the options that stand beside or in its row.

    >>> class Page(NamedTuple):
    ...     rows: list
    ...     body: dict
    >>> size = {"id": "3", "title": "Size", "type": "radio", "perstag": "SIZE"}
    >>> list(definitions_in([Page([size], {"fieldOptions": [{"field": "3", "label": "S", "value": "s"}]})]))
    [Definition(id='3', title='Size', type='radio', tag='SIZE', options=('S',))]
    """
    for page in pages:
        labels: dict[str, list[str]] = {}
        for option in objects_in(page.body, "fieldOptions"):
            labels.setdefault(str(option.get("field")), []).append(str(option.get("label") or option.get("value")))
        for row in page.rows:
            yield definition_of(row, labels.get(str(row["id"]), ()))


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
    # For every value of every contact: no generator, which takes twice the time.
    for key in keys:
        if (value := row.get(key)) is not None:
            return value
    return None


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


def tags(definitions: Iterable[Definition], taken: Iterable[str] = (), prefix: str = "") -> dict[str, str]:
    """The name that each field goes by, by field id.

    The name is the personalization tag in lower case; the title in snake case where there is no tag; `field`
    where neither has a letter or digit. Where two fields would get the same name, both get `_<field id>`
    appended; so does a name that is `taken`, or that is what the currency of another field is called. A name that is
    too long, or that a destination would take for another, is cut and gets its id, too (see `column_names`). In the
    mode `columns` the `prefix` is `custom_`, so a tag may begin with a digit.

    >>> tags([Definition("1", "Colour", "text", "COLOUR"), Definition("2", "Größe", "number", "")], prefix="custom_")
    {'1': 'custom_colour', '2': 'custom_grosse'}
    >>> tags([Definition("3", "Size", "text", "SIZE"), Definition("4", "size!", "text", "")])
    {'3': 'size_3', '4': 'size_4'}
    >>> tags([Definition("5", "年齢", "number", ""), Definition("6", "名前", "text", "")])
    {'5': '年齢_5', '6': '名前_6'}
    """
    fields = {one.id: one for one in definitions}
    reserved = set(taken)
    plain = {key: prefix + (slug(one.tag) or slug(one.title) or "field") for key, one in fields.items()}
    names = dict(plain)

    def columns(key: str, name: str) -> list[str]:
        return [name, f"{name}_currency"] if fields[key].type == "currency" else [name]

    while True:
        count = Counter(column for key, name in names.items() for column in columns(key, name))
        clashing = [
            key
            for key, name in names.items()
            if name == plain[key] and any(count[column] > 1 or column in reserved for column in columns(key, name))
        ]
        if not clashing:
            return apart(names, str, reserved, columns)
        names.update({key: f"{plain[key]}_{key}" for key in clashing})


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
    elif raw.startswith(_BETWEEN):
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
    parts = raw.removeprefix(_BETWEEN).removesuffix(_BETWEEN).split(_BETWEEN)
    found = []
    while parts:
        # The longest run of parts that is an option; a part that belongs to none is a choice of its own.
        size = next((end for end in range(len(parts), 1, -1) if _BETWEEN.join(parts[:end]) in options), 1)
        found.append(_BETWEEN.join(parts[:size]))
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
        if mode == "columns":
            return cls(mode, fields, tags(fields.values(), taken, "custom_"))
        return cls(mode, fields, tags(fields.values()))

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


def flatten(values: Iterable[Value], plan: Plan, warn: Callable[[str, str], None]) -> dict[str, Any]:
    """What the values of one record add to it.

    Values of fields that no longer exist are left out; a value that does not fit its field's type is passed on
    as it came. Both are reported to `warn`, as `("gone", field id)` and `("misfit", name)`.

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
            found[name] = as_it_came(value.raw)
        if one.type == "currency" and found[name] is not None:
            found[f"{name}_currency"] = value.currency
    return found if plan.mode == "columns" else {OBJECT_COLUMN: found}


# ---- writing ----------------------------------------------------------------------------------------------------


class UnknownOption(ValueError):
    """Choices that a field does not offer. They are the user's data, so the sentence does not have them."""

    def __init__(self, sentence: str, choices: Sequence[str]) -> None:
        super().__init__(sentence)
        self.choices = tuple(choices)


def render(definition: Definition, value: Any, of: Owner = "contact") -> Any:
    """What the API takes for a value of a custom field: the other direction of `parse`.

    * contacts: always a string, several choices as `||a||b||`, a single one as `||a||`
      (https://developers.activecampaign.com/reference/create-fieldvalue)
    * deals, accounts: the same, but choices as an array, and money as an integer in cents, whose currency goes beside
      it (`entry_of`; https://developers.activecampaign.com/reference/bulk-create-a-custom-account-field-value)
    * records of a custom object: as for deals, but numbers as numbers, as in the vendor's only example of one
      (https://developers.activecampaign.com/reference/create-or-update-record)

    Takes what `parse` gives, and what else says the same: Decimal, date and datetime; numbers as strings; numbers,
    flags and dates in a text; choices as a JSON array, with `||` between them, or a single one. Dates leave as
    YYYY-MM-DD, times in UTC with their offset (the API stores them in the account's time zone).

    A choice is one of the field's options, as the field spells it. Some found the API to insist on that, a recorded
    answer shows that it did not; here another letter case is put right where it can only mean one option. A field of
    which no options are known takes any.

    None, "" and [] become what empties the field: "" for contacts, None otherwise. Both are assumed: no evidence shows
    which types of field and which endpoints are emptied so.

    `parse(render(x)) == x` for every x that `parse` gives, but for what is refused: what is not an option, and choices
    of a contact that would read as others between `||`. A choice with `||` in it reads as itself where it is an option.

    Raises ValueError with a sentence that names the field but not the value, which may be personal: UnknownOption for
    what the field does not offer.

    >>> sports = Definition("3", "Sports", "checkbox", "SPORTS", ("Cricket", "Tennis"))
    >>> render(sports, ["Cricket", "tennis"]), render(sports, ["Cricket"], of="deal"), render(sports, None)
    ('||Cricket||Tennis||', ['Cricket'], '')
    >>> render(Definition("4", "Fee", "currency", "FEE"), 9999, of="account")
    9999
    >>> render(Definition("5", "Size", "number", "SIZE"), "a few")
    Traceback (most recent call last):
    ValueError: The custom field "Size" (SIZE) takes a number, which the value is not.
    """
    try:
        found = _to_write(definition, value)
    except ValueError:
        wanted = _WANTED.get(definition.type, "a text")
        raise ValueError(f"{_called(definition)} takes {wanted}, which the value is not.") from None
    if found is None:
        return "" if of == "contact" else None
    if definition.type in MULTIPLE:
        choices = _offered(found, definition)
        return _between_bars(choices, definition) if of == "contact" else choices
    if definition.type in SINGLE:
        return _offered([found], definition)[0]
    if definition.type == "number" and of == "record":
        try:
            return to_number(found)
        except ValueError:
            # With digits that a number would lose.
            return found
    return str(found) if of == "contact" else found


def entry_of(
    definition: Definition,
    value: Any,
    of: Literal["contact", "deal", "account"] = "contact",
    currency: str | None = None,
) -> dict[str, Any]:
    """A value as it stands among the fields of a contact, deal or account in a request: the other way of `value_of`.

    * contacts: one of `fieldValues` of https://developers.activecampaign.com/reference/sync-a-contacts-data
    * deals, accounts: one of `fields` of https://developers.activecampaign.com/reference/create-a-deal-new and
      https://developers.activecampaign.com/reference/create-an-account-new. `currency` is the ISO code of an amount,
      which the API documents as required there.

    Raises ValueError like `render`, and where the currency is no code of three letters.

    >>> entry_of(Definition("3", "Sports", "checkbox", "SPORTS"), ["Cricket"])
    {'field': '3', 'value': '||Cricket||'}
    >>> entry_of(Definition("4", "Fee", "currency", "FEE"), 9999, of="deal", currency="cad")
    {'customFieldId': 4, 'fieldValue': 9999, 'fieldCurrency': 'CAD'}
    """
    rendered = render(definition, value, of)
    if of == "contact":
        return {"field": definition.id, "value": rendered}
    entry = {"customFieldId": int(definition.id), "fieldValue": rendered}
    if definition.type == "currency" and rendered is not None and currency:
        if not re.fullmatch("[A-Za-z]{3}", currency):
            raise ValueError(f"{_called(definition)} takes a currency by its ISO code of three letters, such as EUR.")
        entry["fieldCurrency"] = currency.upper()
    return entry


_WANTED: Mapping[str, str] = {
    "number": "a number",
    "currency": "a whole number of cents",
    "date": "a date such as 2018-12-31",
    "datetime": "a date and time with its offset from UTC, such as 2018-12-31T13:30:00Z",
    **dict.fromkeys(MULTIPLE, "a list of texts"),
}


def _called(definition: Definition) -> str:
    """
    >>> _called(Definition("3", "Shoe size", "number", "SHOE_SIZE")), _called(Definition("3", "", "number", ""))
    ('The custom field "Shoe size" (SHOE_SIZE)', 'The custom field with the id 3')
    """
    if definition.title and definition.tag:
        return f'The custom field "{definition.title}" ({definition.tag})'
    name = definition.title or definition.tag
    return f'The custom field "{name}"' if name else f"The custom field with the id {definition.id}"


def _to_write(definition: Definition, value: Any) -> Any:
    """The value in the type that is written, choices as a list; None where it is empty."""
    if value is None or value in ("", [], ()):
        return None
    if definition.type in MULTIPLE:
        if isinstance(value, str):
            choices = _choices(write_text(value), definition.options) or ()
        else:
            choices = value if isinstance(value, (list, tuple)) else [value]
        return [write_text(choice) for choice in choices if choice not in (None, "")] or None
    write: Callable[[Any], Any] = _WRITE.get(definition.type, write_text)
    return write(value)


_WRITE: Mapping[str, Callable[[Any], Any]] = {
    "number": write_number,
    "currency": write_cents,
    "date": write_date,
    "datetime": write_moment,
}


def _offered(choices: Sequence[str], definition: Definition) -> list[str]:
    """The choices as the field's options spell them."""
    if not definition.options:
        return list(choices)
    alike = {choice: _alike(choice, definition.options) for choice in choices}
    if unknown := [choice for choice, options in alike.items() if not options]:
        raise UnknownOption(f"{_called(definition)} does not offer the value as one of its options.", unknown)
    if any(len(options) > 1 for options in alike.values()):
        raise ValueError(f"{_called(definition)} has several options that differ from the value in letter case only.")
    return [alike[choice][0] for choice in choices]


def _alike(choice: str, options: Collection[str]) -> list[str]:
    if choice in options:
        return [choice]
    return sorted({option for option in options if small_letters(option) == small_letters(choice)})


def _between_bars(choices: Sequence[str], definition: Definition) -> str:
    rendered = f"{_BETWEEN}{_BETWEEN.join(choices)}{_BETWEEN}"
    if _choices(rendered, definition.options) != choices:
        raise ValueError(
            f"{_called(definition)} has {_BETWEEN} between choices, and the value's could not be told apart."
        )
    return rendered
