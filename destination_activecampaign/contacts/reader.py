"""Reads contacts as the account has them: all of them, or those that are asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from activecampaign_client.account import PAGE_SIZE, Account
from activecampaign_client.answers import Request
from activecampaign_client.custom_fields import value_of
from activecampaign_client.page import Row, objects_in, rows_in, total_of
from destination_activecampaign.contacts.known import Association, Contact, key_of

FIELD_VALUES, TAGS, LISTS, ACCOUNTS = "fieldValues", "contactTags", "contactLists", "accountContacts"


class ContactReader:
    """Contacts with what belongs to them; `relations` are those of it that are of interest, and may grow.

    `tag_of` gives the name of a tag, in small letters, by its id.
    """

    def __init__(
        self, account: Account, relations: Iterable[str], tag_of: Callable[[str], str], stream: str = "contacts"
    ) -> None:
        self._account = account
        self.relations = frozenset(relations)
        self._tag_of = tag_of
        self._request = Request("contacts", stream=stream, permission="the Contacts permission", record_key="contacts")

    def total(self) -> int:
        """How many contacts the account has. Raises ApiError."""
        answer = self._account.send(replace(self._request, params={"limit": "1"}))
        return total_of(answer.body) or 0

    def all(self) -> Iterator[Contact]:
        """Every contact that is there throughout; 100 to a request. Raises ApiError."""
        # https://developers.activecampaign.com/reference/list-all-contacts
        params: dict[str, Any] = {"orders[id]": "ASC", **self._include}
        for page in self._account.pages("contacts", request=self._request, **params):
            yield from self._contacts(page.rows, page.body)

    def by_email(self, email: str) -> Contact | None:
        """The contact with an email address. Raises ApiError."""
        found = self._asked({"email": email, **self._include})
        return next((contact for contact in found if contact.key == key_of(email)), None)

    def by_ids(self, ids: Sequence[str]) -> dict[str, Contact]:
        """The contacts with these ids, by id; 100 to a request. Raises ApiError."""
        found: dict[str, Contact] = {}
        for start in range(0, len(ids), PAGE_SIZE):
            some = ids[start : start + PAGE_SIZE]
            contacts = self._asked({"ids[]": list(some), "limit": str(PAGE_SIZE), **self._include})
            found.update((contact.id, contact) for contact in contacts if contact.id in some)
        return found

    @property
    def _include(self) -> dict[str, str]:
        return {"include": ",".join(sorted(self.relations))} if self.relations else {}

    def _asked(self, params: Mapping[str, str | Sequence[str]]) -> list[Contact]:
        body = self._account.send(replace(self._request, params=params)).body
        contacts = self._contacts(rows_in(body, "contacts", "contacts"), body)
        return [contact if contact.is_whole else self._completed(contact) for contact in contacts]

    def _completed(self, contact: Contact) -> Contact:
        """The contact with what belongs to it from listings of its own."""
        beside = {
            name: [
                {"contact": contact.id, **row}
                for row in self._account.rows(f"contacts/{contact.id}/{name}", name, request=self._request)
            ]
            for name in self.relations
        }
        return replace(contact, is_whole=True, **self._parts(contact.id, beside))

    def _contacts(self, rows: Iterable[Row], body: Any) -> Iterator[Contact]:
        beside = {name: _by_contact(objects_in(body, name)) for name in self.relations}
        for row in rows:
            identifier = str(row.get("id"))
            own = {name: found.get(identifier, []) for name, found in beside.items()}
            yield Contact(
                identifier,
                str(row.get("email") or ""),
                {name: str(row.get(name) or "") for name in ("firstName", "lastName", "phone")},
                bounced=str(row.get("bounced_hard") or "0") != "0",
                is_whole=all(_is_complete(row, body, name, rows_) for name, rows_ in own.items()),
                **self._parts(identifier, own),
            )

    def _parts(self, identifier: str, beside: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
        values = map(value_of, beside.get(FIELD_VALUES, ()))
        links = [
            Association(str(row.get("id")), str(row.get("account")), str(row.get("jobTitle") or ""))
            for row in beside.get(ACCOUNTS, ())
        ]
        return {
            "values": {value.field: value.raw for value in values},
            "tags": {self._tag_of(str(row.get("tag"))): str(row.get("id")) for row in beside.get(TAGS, ())},
            "lists": {str(row.get("list")): str(row.get("status")) for row in beside.get(LISTS, ())},
            "account": links[0] if links else None,
        }


def _by_contact(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row.get("contact")), []).append(row)
    return found


def _is_complete(row: Row, body: Mapping[str, Any], name: str, beside: Sequence[Row]) -> bool:
    """Whether as many rows are beside a contact as it says itself: it names the ids of what is sideloaded."""
    named = row.get(name)
    return len(named) == len(beside) if isinstance(named, list) else name in body
