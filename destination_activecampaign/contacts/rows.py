"""From a row of a stream to the change that it makes to a contact, or to why it cannot be written."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from activecampaign_client.letter_case import small_letters
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.cells import Rejected, half_character, identifier_of, text_of
from destination_activecampaign.columns import Columns, Field
from destination_activecampaign.config import Config
from destination_activecampaign.contacts import reasons
from destination_activecampaign.contacts.change import Change, Ending
from destination_activecampaign.contacts.objects import CONTACT_OBJECTS
from destination_activecampaign.contacts.parts import Parts, email_of, tags_in
from destination_activecampaign.directory import Directory
from destination_activecampaign.pyairbyte import Restored
from destination_activecampaign.rejections import Rejection

LOGGER = logging.getLogger(__name__)

STANDARD = ("firstName", "lastName", "phone")
_OBJECTS = {one.name: one for one in CONTACT_OBJECTS}


@dataclass(frozen=True)
class Meaning:
    """What a row says: the change, and the options that have to be created before it is written, by field id."""

    change: Change
    new_options: tuple[tuple[str, str], ...] = ()


class RowReader:
    """What the rows of one stream say.

    Raises ApiError, with a sentence, where the stream's columns are not those of its object.
    """

    def __init__(self, target: Target, config: Config, directory: Directory) -> None:
        self._target = target
        self._config = config
        self._parts = Parts(config, directory)
        kind = _OBJECTS[target.object]
        definitions = directory.fields.values() if kind.custom_fields else ()
        columns = dict.fromkeys((*target.columns, *target.key_columns))
        self._columns = Columns(target.stream, kind.fields, definitions, target.fields, list(columns))
        self._by_id = target.key == ("id",)
        self._restored = Restored(target, self._columns)

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
                return reasons.EMAIL_INVALID if "email" in mended else half_character(*mended.values())
            found = self._columns.read(self._restored.row(row))
            return self._meaning({field.name: (field, value) for field, value in found.items()})
        except Rejected as rejected:
            return rejected.rejection

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
        if self._target.object == "account_contacts":
            return Meaning(self._with_account(change, said))
        if self._is_deletion:
            email = "" if self._by_id else change.email
            return Meaning(replace(change, email=email, ending=Ending(self._config.deletions)))
        return self._of_contact(change, values, said)

    # ---- whom it is about

    def _email(self, value: Any) -> str:
        email = email_of(value)
        if not email and not self._by_id:
            raise Rejected(reasons.EMAIL_MISSING)
        return email

    @staticmethod
    def _id(value: Any) -> str:
        identifier = identifier_of(value)
        if not identifier:
            raise Rejected(reasons.ID_MISSING)
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
                custom[name], created = self._parts.custom(name, value)
                new_options += created
            elif name in STANDARD:
                standard[name] = "" if value is None else text_of(value)
        tags = said.get("tags")
        account = said.get("account")
        return Meaning(
            replace(
                change,
                standard=standard,
                values=custom,
                lists=self._parts.lists(said.get("lists")),
                account=self._parts.account(account) if account is not None or "account" in empty else None,
                **(self._parts.tags(tags) if tags is not None or "tags" in empty else {}),
            ),
            tuple(new_options),
        )

    def _with_tags(self, change: Change, value: Any) -> Change:
        tags = tags_in(value)
        if not tags:
            raise Rejected(reasons.TAG_MISSING)
        if self._is_deletion:
            return replace(change, remove_tags=frozenset(tags))
        return replace(change, add_tags=self._parts.known(tags))

    def _with_list(self, change: Change, value: Any, status: Any) -> Change:
        wanted = {self._parts.list(value): not self._is_deletion and self._parts.status(status)}
        return replace(change, lists=wanted, ending=Ending.UNSUBSCRIBE if self._is_deletion else None)

    def _with_account(self, change: Change, said: Mapping[str, Any]) -> Change:
        name, job = said.get("account"), said.get("jobTitle")
        named = text_of(name).strip() if name is not None else ""
        if not named:
            raise Rejected(reasons.ACCOUNT_MISSING)
        if self._is_deletion:
            return replace(change, left_accounts=frozenset({small_letters(named)}))
        declared = {field.name for field in self._columns.declared.values()}
        if job is None and not (self._config.null_values == "clear" and "jobTitle" in declared):
            return replace(change, account=self._parts.account(name))
        title = "" if job is None else text_of(job).strip()
        return replace(change, account=self._parts.account(name), job_title=title)
