"""What rows name: custom fields and their options, tags, lists, company accounts and schemas of custom objects.

Each is read once per sync, when it is first needed, and what is created on the way is added.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from activecampaign_client.account import Account
from activecampaign_client.answers import Request, said_by
from activecampaign_client.custom_fields import Definition, definitions_in
from activecampaign_client.errors import ApiError
from activecampaign_client.letter_case import small_letters
from activecampaign_client.page import rows_in

LOGGER = logging.getLogger(__name__)

_CUSTOM_OBJECTS = "access to custom objects"
_ACCOUNT_IDS = "accounts:ids"


class Directory:
    """The names of an account, safe to share between threads; every method raises ApiError where it has to ask."""

    def __init__(self, account: Account, stream: str = "contacts") -> None:
        self._account = account
        self._stream = stream
        self._lock = threading.RLock()
        self._tables: dict[str, Any] = {}
        # Tags that the importer was told to create, and ids that no tag has.
        self._expected: set[str] = set()
        self._strange: set[str] = set()

    # ---- custom fields

    @property
    def fields(self) -> Mapping[str, Definition]:
        """The custom fields of contacts, by id."""
        # https://developers.activecampaign.com/reference/retrieve-fields
        return self.definitions("fields")

    def definitions(self, listing: str) -> Mapping[str, Definition]:
        """The custom fields in a listing of definitions (see `ObjectType.custom_fields`), by id; none without one."""
        definitions: Mapping[str, Definition] = self._table(
            listing, lambda: {one.id: one for one in definitions_in(self._pages(listing))} if listing else {}
        )
        return definitions

    def add_options(self, choices: Iterable[tuple[str, str]]) -> None:
        """Create options, each a field's id and what it is called, in one request.

        Options have no key by which a second one would be refused, so what did not surely fail is looked up before it
        is sent again.
        """
        # https://developers.activecampaign.com/reference/create-custom-field-options
        with self._lock:
            missing = [(one, text) for one, text in dict.fromkeys(choices) if text not in self.fields[one].options]
            if not missing:
                return
            options = [{"field": one, "value": text, "label": text} for one, text in missing]
            request = self._write("fieldOption/bulk", {"fieldOptions": options}, repeatable=False)
            try:
                answer = self._account.send(request)
            except ApiError:
                del self._tables["fields"]
                if all(text in self.fields[one].options for one, text in missing):
                    return
                answer = self._account.send(request)
            if answer.status >= 300:
                LOGGER.warning("ActiveCampaign created no options of custom fields: %s.", said_by(answer))
                return
            fields = dict(self.fields)
            for one, text in missing:
                fields[one] = fields[one]._replace(options=(*fields[one].options, text))
            self._tables["fields"] = fields

    # ---- tags

    @property
    def _tags(self) -> dict[str, str]:
        """The ids of the tags of contacts, by their name in small letters."""
        # https://developers.activecampaign.com/reference/retrieve-all-tags; there are tags of templates, too.
        tags: dict[str, str] = self._table(
            "tags",
            lambda: {
                small_letters(str(row.get("tag"))): str(row["id"])
                for row in self._rows("tags")
                if row.get("tagType", "contact") == "contact"
            },
        )
        return tags

    def has_tag(self, name: str) -> bool:
        return small_letters(name) in self._tags

    def expect_tags(self, names: Iterable[str]) -> None:
        """The importer creates these tags, in small letters, where there are none, and does not say their ids."""
        with self._lock:
            if "tags" in self._tables:
                self._expected.update(name for name in names if name not in self._tags)

    def tag_by_id(self, identifier: str) -> str:
        """A tag's name in small letters; `#` and its id where it is none of contacts, or is no more."""
        with self._lock:
            name = self._tag_names().get(identifier)
            if name is None and self._expected and identifier not in self._strange:
                self._forget("tags")
                name = self._tag_names().get(identifier)
                self._expected -= self._tags.keys()
                if name is None:
                    # It is not worth a second look.
                    self._strange.add(identifier)
            return name or f"#{identifier}"

    def _tag_names(self) -> dict[str, str]:
        tags = self._tags
        names: dict[str, str] = self._table("tags by id", lambda: {one: name for name, one in tags.items()})
        return names

    def tag_id(self, name: str) -> str:
        """A tag's id; it is created where there is none."""
        # https://developers.activecampaign.com/reference/create-a-new-tag
        body = {"tag": {"tag": name, "tagType": "contact", "description": ""}}
        return self._found_or_created("tags", small_letters(name), lambda: self._tags, "tags", body, "tag")

    # ---- lists

    @property
    def _lists(self) -> list[dict[str, set[str]]]:
        """The ids of lists by what they may be called: by id, by string id, by name, in small letters."""

        def read() -> list[dict[str, set[str]]]:
            names: list[dict[str, set[str]]] = [{}, {}, {}]
            # https://developers.activecampaign.com/reference/retrieve-all-lists
            for row in self._rows("lists"):
                for by, key in zip(names, ("id", "stringid", "name"), strict=True):
                    by.setdefault(small_letters(str(row.get(key) or "").strip()), set()).add(str(row["id"]))
            return names

        lists: list[dict[str, set[str]]] = self._table("lists", read)
        return lists

    def lists_called(self, name: str) -> set[str]:
        """The ids of the lists with this id, else with this string id, else with this name."""
        wanted = small_letters(name.strip())
        return next((by[wanted] for by in self._lists if wanted and wanted in by), set())

    # ---- company accounts

    @property
    def _accounts(self) -> dict[str, str]:
        # https://developers.activecampaign.com/reference/list-all-accounts; what its search matches is not documented.
        def read() -> dict[str, str]:
            rows = list(self._rows("accounts"))
            self._tables[_ACCOUNT_IDS] = {str(row["id"]) for row in rows}
            return {small_letters(str(row.get("name"))): str(row["id"]) for row in rows}

        accounts: dict[str, str] = self._table("accounts", read)
        return accounts

    def account_id(self, name: str | None) -> str:
        """The id of a company account; empty where there is none."""
        return self._accounts.get(small_letters(name), "") if name else ""

    def created_account(self, name: str) -> str:
        """The id of a company account, which is created where there is none."""
        # https://developers.activecampaign.com/reference/create-an-account-new
        body = {"account": {"name": name}}
        key = small_letters(name)
        identifier = self._found_or_created("accounts", key, lambda: self._accounts, "accounts", body, "account")
        self.know_account(key, identifier)
        return identifier

    def has_account(self, identifier: str) -> bool:
        """Whether a company account has this id; two of them may have one name."""
        with self._lock:
            _ = self._accounts
            return identifier in self._tables[_ACCOUNT_IDS]

    def know_accounts(self, names: Iterable[tuple[str, str]]) -> None:
        """All company accounts were read: their names in small letters, and their ids."""
        with self._lock:
            self._tables["accounts"] = {}
            self._tables[_ACCOUNT_IDS] = set()
            for name, identifier in names:
                self.know_account(name, identifier)

    def know_account(self, name: str, identifier: str) -> None:
        """A company account has this name now."""
        with self._lock:
            if "accounts" in self._tables:
                self._tables["accounts"][small_letters(name)] = identifier
                self._tables[_ACCOUNT_IDS].add(identifier)

    def forget_account(self, name: str, identifier: str) -> None:
        """A company account does not have this name any more."""
        with self._lock:
            if self._tables.get("accounts", {}).get(small_letters(name)) == identifier:
                del self._tables["accounts"][small_letters(name)]

    # ---- users and contacts

    def users_called(self, name: str) -> set[str]:
        """The ids of the users with this id, else with this email address, username or full name."""
        # https://developers.activecampaign.com/reference/list-all-users
        wanted = small_letters(name.strip())
        users = self.rows("users")
        names = [{str(one["id"]): {str(one["id"])} for one in users}, _names_of_users(users)]
        return next((by[wanted] for by in names if wanted and wanted in by), set())

    def contact_id(self, email: str) -> str:
        """The id of the contact with an email address; empty where there is none. Asked for once if there is one."""
        # https://developers.activecampaign.com/reference/list-all-contacts; what is not filtered is compared here.
        wanted = small_letters(email.strip())
        with self._lock:
            known: dict[str, str] = self._tables.setdefault("contacts", {})
        if wanted and wanted not in known:
            request = Request("contacts", {"email": email.strip()}, stream=self._stream, record_key="contacts")
            for row in rows_in(self._account.send(request).body, "contacts", "contacts"):
                known[small_letters(str(row.get("email") or ""))] = str(row["id"])
        return known.get(wanted, "")

    # ---- whole listings

    def rows(self, listing: str) -> list[Mapping[str, Any]]:
        """The rows of a short listing, such as that of the pipelines."""
        rows: list[Mapping[str, Any]] = self._table(f"{listing}:rows", lambda: list(self._rows(listing)))
        return rows

    @property
    def schemas(self) -> list[Mapping[str, Any]]:
        """The schemas of custom objects."""
        # https://developers.activecampaign.com/reference/list-schemas
        path = "customObjects/schemas"
        schemas: list[Mapping[str, Any]] = self._table(
            path,
            lambda: [
                {**row, **{part: _with_ids(row.get(part)) for part in ("fields", "relationships")}}
                for row in self._account.rows(path, "schemas", request=Request(path, permission=_CUSTOM_OBJECTS))
                if row.get("id")
            ],
        )
        return schemas

    # ---- how it is asked

    def _found_or_created(
        self, table: str, key: str, read: Any, path: str, body: Mapping[str, Any], record_key: str
    ) -> str:
        """The id under a key, of a new row if need be.

        What happens to a second one of the same name is told differently: 200 with the first, 422, or an error of the
        database. So whatever is not a new row is looked up again.
        """
        with self._lock:
            if key in read():
                return str(read()[key])
            try:
                answer = self._account.send(self._write(path, body, repeatable=True))
                created = answer.body.get(record_key) if answer.status < 300 else None
                if isinstance(created, Mapping) and created.get("id"):
                    read()[key] = str(created["id"])
                    self._tables.pop(f"{table} by id", None)
                    return str(created["id"])
                error = ApiError(f"ActiveCampaign created no {record_key} in {path}: {said_by(answer)}.", kind="config")
            except ApiError as failed:
                error = failed
            self._forget(table)
            if key in read():
                return str(read()[key])
            raise error

    def _forget(self, table: str) -> None:
        for name in (table, f"{table} by id"):
            self._tables.pop(name, None)

    def _write(self, path: str, body: Mapping[str, Any], *, repeatable: bool) -> Request:
        return Request(path, method="POST", body=body, stream=self._stream, may_be_refused=True, repeatable=repeatable)

    def _table(self, name: str, read: Any) -> Any:
        with self._lock:
            if name not in self._tables:
                self._tables[name] = read()
            return self._tables[name]

    def _pages(self, path: str) -> Any:
        return self._account.pages(path, request=Request(path, stream=self._stream))

    def _rows(self, path: str) -> Any:
        return self._account.rows(path, request=Request(path, stream=self._stream))


def _with_ids(parts: Any) -> list[Any]:
    """The fields or relationships of a schema that can be named."""
    return [one for one in parts or [] if isinstance(one, Mapping) and one.get("id")]


def _names_of_users(users: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for one in users:
        for name in (one.get("email"), one.get("username"), f"{one.get('firstName')} {one.get('lastName')}"):
            names.setdefault(small_letters(str(name or "").strip()), set()).add(str(one["id"]))
    return names
