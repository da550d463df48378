"""From the names of columns to the fields of an object."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from activecampaign_client.column_names import replaced
from activecampaign_client.custom_fields import Definition, Plan
from activecampaign_client.errors import ApiError
from activecampaign_client.exact_json import OddObject, oddities
from activecampaign_client.letter_case import small_letters

LOGGER = logging.getLogger(__name__)
# More names than these are only counted where columns are left out.
MOST_NAMES = 50


# What the currency of a custom field is called, after the field's id.
_CURRENCY = ":currency"


class Field(NamedTuple):
    """A field of an object: a standard one by its name, or a custom field by its id, with its definition.

    The currency of an amount is a field of its own, `<id>:currency`.
    """

    name: str
    definition: Definition | None = None

    @property
    def is_currency(self) -> bool:
        return self.definition is not None and self.name.endswith(_CURRENCY)


def currency_of(identifier: str) -> str:
    """The name of the field that has the currency of a custom field."""
    return f"{identifier}{_CURRENCY}"


def form(name: str) -> str:
    """What is left of a name wherever PyAirbyte has rewritten it: case and special characters do not count.

    >>> form("Fav Color"), form("fav_color"), form("3")
    ('fav_color', 'fav_color', '_3')
    """
    rewritten = replaced(name)
    return f"_{rewritten}" if rewritten[:1].isdigit() else rewritten


def snake_case(name: str) -> str:
    """
    >>> snake_case("firstName"), snake_case("email")
    ('first_name', 'email')
    """
    return re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def value_in(row: Mapping[str, Any], column: str) -> Any:
    """The value of a column of a row, however the row spells it; None where there is none.

    >>> value_in({"fav_color": "red"}, "Fav Color")
    'red'
    """
    if column in row:
        return row[column]
    return next((value for name, value in row.items() if form(name) == form(column)), None)


class Columns:
    """Which field each column of a stream is written to.

    `standard` are the object's own fields, `definitions` its custom fields, `mapping` the fields that the user named
    for some columns, as a name, tag, title or id; an empty text leaves the column out. `titles` are what fields of the
    object itself are called besides, by their names. A column matches, best first:
    what the user named, a standard field (`firstName`, also as `first_name`), the name that the source gives a custom
    field (`custom_shoe_size`), the id of one, its personalization tag, its title. Names match without regard to case
    and to how PyAirbyte rewrites them.

    >>> size = Definition("3", "Shoe size", "number", "SHOE_SIZE")
    >>> columns = Columns("people", ["email", "firstName"], [size], {}, ["Email", "first_name", "Shoe Size", "plan"])
    >>> {name: field.name for name in ("Email", "first_name", "shoe_size") if (field := columns.field_of(name))}
    {'Email': 'email', 'first_name': 'firstName', 'shoe_size': '3'}
    >>> columns.field_of("plan") is None  # said in the log, with all others of the schema
    True

    Raises ApiError of the kind "config", with a sentence, for a column that matches two fields, and for a field that
    the user named and that is not there. Where two columns match one field the better match is taken, and the other
    is said and left out; equally good ones raise.
    """

    def __init__(
        self,
        stream: str,
        standard: Iterable[str],
        definitions: Iterable[Definition] = (),
        mapping: Mapping[str, str] | None = None,
        schema: Sequence[str] = (),
        titles: Mapping[str, str] | None = None,
    ) -> None:
        self._stream = stream
        self._mapping = dict(mapping or {})
        self._ranks = _ranks(list(standard), list(definitions), titles or {})
        self._found: dict[str, Field | None] = {}
        self._unsaid: list[str] = []
        for column in self._mapping:
            self.field_of(column)
        spelled = {form(column) for column in schema}
        columns = [*schema, *(column for column in self._mapping if form(column) not in spelled)]
        self._keep_one_column_per_field(columns)
        self.declared: Mapping[str, Field] = {
            column: field for column in dict.fromkeys(schema) if (field := self.field_of(column))
        }
        """The fields that columns of the stream's schema are written to, by these columns as the schema spells them."""
        self._say_what_is_left_out()

    def field_of(self, column: str) -> Field | None:
        """The field that a column of a record is written to; None where it is written to none."""
        if column not in self._found:
            match = self._match(column)
            if match is None and not any(form(other) == form(column) for other in self._found):
                self._unsaid.append(column)
            self._found[column] = match[1] if match else None
        return self._found[column]

    def find(self, name: str) -> Field | None:
        """The field that a column of this name would be written to, without a word where there is none."""
        match = self._match(name)
        return match[1] if match else None

    def read(self, row: Mapping[str, Any]) -> dict[Field, Any]:
        """The values of a row by the fields that they are written to. Columns without any are said once."""
        values = {field: value for column, value in row.items() if (field := self.field_of(column))}
        if self._unsaid:
            self._say_what_is_left_out()
        return values

    def mended_in(self, row: Mapping[str, Any]) -> dict[str, str]:
        """The columns of a row that are written, by the names of their fields, in which half a surrogate pair stood.

        Instead of it, which is no character, there is U+FFFD now (see `exact_json`).
        """
        if not isinstance(row, OddObject):
            return {}
        mended = [column for kind, column in oddities(row) if kind == "mended"]
        return {field.name: column for column in mended if (field := self.field_of(column))}

    def _say_what_is_left_out(self) -> None:
        if not self._unsaid:
            return
        more = len(self._unsaid) - MOST_NAMES
        names = ", ".join(self._unsaid[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
        self._unsaid = []
        LOGGER.warning(
            "Stream %s: columns that are left out, as no field has their name: %s. Call them what their fields are "
            "called, or name these under Streams in the configuration.",
            self._stream,
            names,
        )

    def _keep_one_column_per_field(self, columns: Iterable[str]) -> None:
        matches: dict[Field, list[tuple[int, str]]] = {}
        for column in columns:
            rank, field = self._match(column) or (0, None)
            if field:
                matches.setdefault(field, []).append((rank, column))
        for field, found in matches.items():
            (best, kept), *others = sorted(found)
            for rank, column in others:
                if rank == best:
                    raise ApiError(
                        f"The columns {kept} and {column} of the stream {self._stream} are both written to "
                        f"{_called(field)}. Say under Streams in the configuration which of them is, and leave the "
                        "other one out there by naming it without a field.",
                        kind="config",
                    )
                self._mapping[column] = ""
                self._found.pop(column, None)
                LOGGER.warning(
                    "Stream %s: the column %s is left out, as the column %s is written to the same field.",
                    self._stream,
                    column,
                    kept,
                )

    def _match(self, column: str) -> "_Match | None":
        """The field of a column and how well it matches, 0 being the best; no field where it is to be left out."""
        if is_of_airbyte(column):
            return 0, None
        named = next((one for one in self._mapping if one == column or form(one) == form(column)), None)
        if named is None:
            return self._best(column)
        wanted = self._mapping[named]
        if not wanted:
            return 0, None
        match = self._best(wanted)
        if match is None:
            raise ApiError(
                f"The column {named} of the stream {self._stream} is to be written to the field {wanted}, which the "
                "account does not have. Correct it under Streams in the configuration.",
                kind="config",
            )
        return 0, match[1]

    def _best(self, name: str) -> "_Match | None":
        for rank, names in enumerate(self._ranks, start=1):
            exact = [field for field, spelled in names if small_letters(spelled) == small_letters(name)]
            alike = exact or [field for field, spelled in names if form(spelled) == form(name)]
            fields = list(dict.fromkeys(alike))
            if len(fields) > 1:
                raise ApiError(
                    f"The column {name} of the stream {self._stream} could be written to "
                    f"{' or '.join(_called(field) for field in fields)}. Name its field by its id under Streams in the "
                    "configuration.",
                    kind="config",
                )
            if fields:
                return rank, fields[0]
        return None


_Match = tuple[int, Field | None]


def is_of_airbyte(column: str) -> bool:
    """Whether Airbyte has put a column beside those of the stream, such as `_airbyte_raw_id`."""
    return column.lower().startswith("_airbyte_")


def _ranks(
    standard: list[str], definitions: list[Definition], titles: Mapping[str, str]
) -> list[list[tuple[Field, str]]]:
    """What fields are called, the best kind of name first; a personalization tag may be written as %TAG%."""
    custom = {one.id: Field(one.id, one) for one in definitions}
    names = Plan.of("columns", definitions).names
    return [
        [(Field(name), spelled) for name in standard for spelled in (name, snake_case(name))],
        [
            *((custom[key], name) for key, name in names.items()),
            # As the source calls it.
            *(
                (Field(currency_of(one.id), one), f"{names[one.id]}_currency")
                for one in definitions
                if one.type == "currency"
            ),
        ],
        [(field, field.name) for field in custom.values()],
        [(custom[one.id], tag) for one in definitions if one.tag for tag in (one.tag, f"%{one.tag.strip('%')}%")],
        [
            *((custom[one.id], one.title) for one in definitions if one.title),
            *((Field(name), title) for name, title in titles.items() if title),
        ],
    ]


def _called(field: Field) -> str:
    if field.definition is None:
        return field.name
    called = f'the custom field "{field.definition.title or field.definition.tag}" (id {field.definition.id})'
    return f"the currency of {called}" if field.is_currency else called
