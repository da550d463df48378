"""From a row of a stream to the change that it makes to a contact, or to why it cannot be written."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from activecampaign_client import exact_json
from activecampaign_client.custom_fields import UnknownOption, render
from activecampaign_client.letter_case import small_letters
from activecampaign_client.values import write_text
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.columns import Columns, Field, form
from destination_activecampaign.config import Config
from destination_activecampaign.contacts import reasons
from destination_activecampaign.contacts.change import Change, Ending, tags_of
from destination_activecampaign.contacts.objects import CONTACT_OBJECTS
from destination_activecampaign.directory import Directory
from destination_activecampaign.pyairbyte import with_numbers, with_offsets, without_padding
from destination_activecampaign.rejections import Rejection

LOGGER = logging.getLogger(__name__)

STANDARD = ("firstName", "lastName", "phone")
_OBJECTS = {one.name: one for one in CONTACT_OBJECTS}

_EMAIL = re.compile(r"[^\s@<>(),;:\\\"\[\]]+@(?!.*\.\.)[^\s@<>(),;:\\\"\[\]_]+\.[^\s@<>(),;:\\\"\[\].]{2,}")
_LONGEST_EMAIL = 254
_WHOLE = re.compile(r"(\d+)\.0+")
_STATUSES = {"subscribe": True, "1": True, "true": True, "unsubscribe": False, "2": False, "false": False}


@dataclass(frozen=True)
class Meaning:
    """What a row says: the change, and the options that have to be created before it is written, by field id."""

    change: Change
    new_options: tuple[tuple[str, str], ...] = ()


class _Rejected(Exception):
    """Ends the reading of a row."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.code)
        self.rejection = rejection


class RowReader:
    """What the rows of one stream say.

    Raises ApiError, with a sentence, where the stream's columns are not those of its object.
    """

    def __init__(self, target: Target, config: Config, directory: Directory) -> None:
        self._target = target
        self._config = config
        self._directory = directory
        kind = _OBJECTS[target.object]
        definitions = directory.fields.values() if kind.custom_fields else ()
        columns = dict.fromkeys((*target.columns, *target.key_columns))
        self._columns = Columns(target.stream, kind.fields, definitions, target.fields, list(columns))
        self._by_id = target.key == ("id",)
        # As PyAirbyte's cache spells them.
        self._moments = frozenset(form(column) for column in target.moments if self._columns.field_of(column))
        self._numbers = frozenset(form(column) for column in target.numbers if self._columns.field_of(column))
        self._said_utc = False

    @property
    def uses(self) -> frozenset[str]:
        """The fields that columns of the schema are written to, by name; `values` stands for custom fields."""
        fields = self._columns.declared.values()
        used = {"values" if field.definition else field.name for field in fields}
        # Whoever unsubscribes has to know from what.
        return frozenset({*used, "lists"} if self._is_deletion else used)

    def read(self, row: Mapping[str, Any]) -> Meaning | Rejection:
        """What a row says. Raises ApiError where something that it names cannot be looked up."""
        try:
            if mended := self._columns.mended_in(row):
                return reasons.EMAIL_INVALID if "email" in mended else _half_character(*mended.values())
            found = self._columns.read(with_numbers(self._with_offsets(row), self._numbers))
            return self._meaning({field.name: (field, value) for field, value in found.items()})
        except _Rejected as rejected:
            return rejected.rejection

    def _with_offsets(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        found = with_offsets(row, self._moments)
        if found is not row and not self._said_utc:
            self._said_utc = True
            LOGGER.warning(
                "Stream %s: PyAirbyte's cache keeps times without their offsets, so they are taken for UTC. Where the "
                "source sends others, write with cache=False.",
                self._target.stream,
            )
        return found

    @property
    def _is_deletion(self) -> bool:
        return self._target.mode is Mode.SOFT_DELETE

    def _meaning(self, values: Mapping[str, tuple[Field, Any]]) -> Meaning:
        said = {name: value for name, (_, value) in values.items()}
        change = Change(
            email=self._email(said.get("email")),
            id=self._id(said.get("id")) if self._by_id else "",
            mode=self._target.mode,
        )
        if self._target.object == "contact_tags":
            return Meaning(self._with_tags(change, said.get("tag")))
        if self._target.object == "contact_lists":
            return Meaning(self._with_list(change, said.get("list"), said.get("status")))
        if self._is_deletion:
            email = "" if self._by_id else change.email
            return Meaning(replace(change, email=email, ending=Ending(self._config.deletions)))
        return self._of_contact(change, values, said)

    # ---- whom it is about

    def _email(self, value: Any) -> str:
        email = _text(value).strip() if value is not None else ""
        if not email:
            if self._by_id:
                return ""
            raise _Rejected(reasons.EMAIL_MISSING)
        # U+FFFD stands for what somebody could not read.
        is_readable = email.isprintable() and "\ufffd" not in email
        if len(email) > _LONGEST_EMAIL or not _EMAIL.fullmatch(email) or not is_readable:
            raise _Rejected(reasons.EMAIL_INVALID)
        return email

    @staticmethod
    def _id(value: Any) -> str:
        identifier = _identifier(value)
        if not identifier:
            raise _Rejected(reasons.ID_MISSING)
        return identifier

    # ---- what it changes

    def _of_contact(self, change: Change, values: Mapping[str, tuple[Field, Any]], said: Mapping[str, Any]) -> Meaning:
        clears = self._config.null_values == "clear"
        empty = {field.name: (field, None) for field in self._columns.declared.values()} if clears else {}
        standard: dict[str, str] = {}
        custom: dict[str, str] = {}
        new_options: list[tuple[str, str]] = []
        for name, (field, value) in {**empty, **values}.items():
            if value is None and not clears:
                continue
            if field.definition:
                custom[name], created = self._custom(name, value)
                new_options += created
            elif name in STANDARD:
                standard[name] = "" if value is None else _text(value)
        tags = self._tags(said.get("tags"), clears="tags" in empty)
        account = said.get("account")
        return Meaning(
            replace(
                change,
                standard=standard,
                values=custom,
                lists=self._lists(said.get("lists")),
                account=self._account(account) if account is not None or "account" in empty else None,
                **tags,
            ),
            tuple(new_options),
        )

    def _custom(self, identifier: str, value: Any) -> tuple[str, list[tuple[str, str]]]:
        definition = self._directory.fields[identifier]
        unpadded = without_padding(value) if definition.type == "number" else value
        try:
            return str(render(definition, unpadded)), []
        except UnknownOption as error:
            if "options" not in self._config.create_missing:
                raise _Rejected(reasons.unknown_option(str(error))) from None
            created = error.choices
        except ValueError as error:
            raise _Rejected(reasons.value_invalid(str(error))) from None
        extended = definition._replace(options=(*definition.options, *created))
        return str(render(extended, unpadded)), [(identifier, choice) for choice in created]

    def _account(self, value: Any) -> str:
        name = "" if value is None else _text(value).strip()
        if name and "accounts" not in self._config.create_missing and not self._directory.account_id(name):
            raise _Rejected(reasons.UNKNOWN_ACCOUNT)
        return name

    def _tags(self, value: Any, *, clears: bool) -> dict[str, Any]:
        if value is None and not clears:
            return {}
        names = self._known(_tags_in(value))
        return {"whole_tags": names} if self._config.tags == "replace" else {"add_tags": names}

    def _known(self, tags: Mapping[str, str]) -> Mapping[str, str]:
        """The same tags, if there may be such."""
        if "tags" not in self._config.create_missing and not all(map(self._directory.has_tag, tags)):
            raise _Rejected(reasons.UNKNOWN_TAG)
        return tags

    def _lists(self, value: Any) -> dict[str, bool]:
        return dict(self._membership(one) for one in _items(value))

    def _membership(self, value: Any) -> tuple[str, bool]:
        if isinstance(value, Mapping):
            name = next((value[key] for key in ("id", "list", "listid", "name") if value.get(key) is not None), None)
            return self._list(name), self._status(value.get("status"))
        return self._list(value), True

    def _list(self, value: Any) -> str:
        name = _identifier(value)
        if not name:
            raise _Rejected(reasons.LIST_MISSING)
        found = self._directory.lists_called(name)
        if len(found) != 1:
            raise _Rejected(reasons.AMBIGUOUS_LIST if found else reasons.UNKNOWN_LIST)
        return next(iter(found))

    @staticmethod
    def _status(value: Any) -> bool:
        if value is None:
            return True
        status = _STATUSES.get(small_letters(_identifier(value)))
        if status is None:
            raise _Rejected(
                reasons.value_invalid("The status of a list is subscribe or unsubscribe, 1 or 2, true or false.")
            )
        return status

    def _with_tags(self, change: Change, value: Any) -> Change:
        tags = _tags_in(value)
        if not tags:
            raise _Rejected(reasons.TAG_MISSING)
        if self._is_deletion:
            return replace(change, remove_tags=frozenset(tags))
        return replace(change, add_tags=self._known(tags))

    def _with_list(self, change: Change, value: Any, status: Any) -> Change:
        wanted = {self._list(value): not self._is_deletion and self._status(status)}
        return replace(change, lists=wanted, ending=Ending.UNSUBSCRIBE if self._is_deletion else None)


def _half_character(column: str, *_: str) -> Rejection:
    return reasons.value_invalid(
        f"The column {column} has half a character in it: a surrogate without the other one of its pair."
    )


def _text(value: Any) -> str:
    """A value as a text; one that is none does not fit, and is not written as something else."""
    try:
        return write_text(value)
    except ValueError:
        sentence = "A list or an object stands where a text belongs."
        if isinstance(value, str):
            # Of a list that was JSON text.
            sentence = "A text has half a character in it: a surrogate without the other one of its pair."
        raise _Rejected(reasons.value_invalid(sentence)) from None


def _identifier(value: Any) -> str:
    """An id or name; a whole number is one also where it has become a decimal on the way, as PyAirbyte's cache does.

    >>> _identifier(3), _identifier("3.000000000"), _identifier(" Newsletter ")
    ('3', '3', 'Newsletter')
    """
    text = _text(value).strip() if value is not None else ""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _tags_in(value: Any) -> dict[str, str]:
    """The tags that a cell names, as `tags_of` has them.

    >>> _tags_in('["VIP", " new "]'), _tags_in("vip")
    ({'vip': 'VIP', 'new': 'new'}, {'vip': 'vip'})
    """
    return tags_of(tuple(name for one in _items(value) if (name := _text(one).strip())))


def _items(value: Any) -> Iterator[Any]:
    """The entries of a list, which may have become JSON text on the way; what is no list is one entry.

    >>> list(_items('["a", "b"]')), list(_items("a")), list(_items(None))
    (['a', 'b'], ['a'], [])
    """
    found = value
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            found = exact_json.loads(value.encode("utf-8", "surrogatepass"))
        except ValueError:
            found = value
    entries: Iterable[Any] = found if isinstance(found, (list, tuple)) else [found]
    return (entry for entry in entries if entry is not None and entry != "")
