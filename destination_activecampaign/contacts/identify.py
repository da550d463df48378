"""From an identify call to the change that it makes to a contact, or to why it cannot be written."""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from activecampaign_client.errors import ApiError
from destination_activecampaign.calls import Call
from destination_activecampaign.catalog import Target
from destination_activecampaign.cells import Rejected, text_of
from destination_activecampaign.columns import Columns
from destination_activecampaign.config import Config
from destination_activecampaign.contacts import reasons
from destination_activecampaign.contacts.change import Change
from destination_activecampaign.contacts.parts import Parts, email_of
from destination_activecampaign.contacts.rows import STANDARD, Meaning
from destination_activecampaign.directory import Directory
from destination_activecampaign.rejections import Rejection

LOGGER = logging.getLogger(__name__)

# Where the traits of a contact stand, the best place first.
_TRAITS = (("traits",), ("context", "traits"), ())


class IdentifyReader:
    """What the identify calls of one stream say; a trait that is null or absent says nothing.

    Custom fields are the entries of the trait `fieldInfo` alone, by title or by whatever else columns are matched by.
    Raises ApiError where the account's custom fields cannot be read.
    """

    uses = frozenset({"values", "tags", "lists"})

    def __init__(self, target: Target, config: Config, directory: Directory) -> None:
        self._target = target
        self._parts = Parts(config, directory)
        self._fields = Columns(target.stream, (), directory.fields.values())
        self._said: set[str] = set()
        self._left_out: Counter[str] = Counter()

    def read(self, row: Mapping[str, Any]) -> Meaning | Rejection:
        """What a call says. Raises ApiError where something that it names cannot be looked up."""
        try:
            return self._meaning(Call(row, self._target.fields))
        except Rejected as rejected:
            return rejected.rejection

    def report(self) -> None:
        """Say how many entries of fieldInfo were left out since the last time."""
        if self._left_out:
            LOGGER.warning(
                "Stream %s: entries of fieldInfo were left out, as no custom field has their names: %s.",
                self._target.stream,
                ", ".join(f"{name} ({count:,})" for name, count in self._left_out.most_common(20)),
            )
            self._left_out.clear()

    def _meaning(self, call: Call) -> Meaning:
        email = email_of(next((found for place in _TRAITS if (found := call.get(*place, "email"))), None))
        if not email:
            raise Rejected(reasons.EMAIL_MISSING)
        custom, new_options = self._custom(call)
        tags = _trait(call, "tags")
        change = Change(
            email=email,
            standard=_standard(call),
            values=custom,
            lists=self._parts.lists(_trait(call, "lists")),
            **(self._parts.tags(tags) if tags is not None else {}),
        )
        return Meaning(change, tuple(new_options))

    def _custom(self, call: Call) -> tuple[dict[str, str], list[tuple[str, str]]]:
        custom: dict[str, str] = {}
        new_options: list[tuple[str, str]] = []
        entries = next((found for place in _TRAITS if (found := call.object(*place, "fieldInfo"))), {})
        for name, value in entries.items():
            if value is not None and (identifier := self._field_called(name)):
                custom[identifier], created = self._parts.custom(identifier, value)
                new_options += created
        return custom, new_options

    def _field_called(self, name: str) -> str:
        """The id of the custom field of an entry; empty where there is none, which is said once."""
        try:
            field = self._fields.find(name)
        except ApiError:
            raise Rejected(reasons.AMBIGUOUS_FIELD) from None
        if field:
            return field.name
        if name not in self._said:
            self._said.add(name)
            LOGGER.warning(
                "Stream %s: the entry %s of fieldInfo is left out, as no custom field has this name. Create the field "
                "in ActiveCampaign, or correct the name.",
                self._target.stream,
                name,
            )
        self._left_out[name] += 1
        return ""


def _trait(call: Call, name: str) -> Any:
    return next((found for place in _TRAITS if (found := call.get(*place, name)) is not None), None)


def _standard(call: Call) -> dict[str, str]:
    """First and last name and phone; those that are not given are taken from the whole name, if there is one."""
    whole = _trait(call, "name")
    first, _, last = (text_of(whole).strip() if whole is not None else "").partition(" ")
    named = {name: part.strip() for name, part in (("firstName", first), ("lastName", last)) if part}
    given = {name: text_of(value) for name in STANDARD if (value := _trait(call, name)) is not None}
    return {**named, **given}
