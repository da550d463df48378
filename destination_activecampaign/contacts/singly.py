"""Writes to one contact at a time, for what the importer cannot do, and to learn why it did not."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from activecampaign_client.account import Account
from activecampaign_client.answers import Answer, Request, said_by
from activecampaign_client.custom_fields import value_of
from activecampaign_client.page import objects_in
from destination_activecampaign.cells import Rejected
from destination_activecampaign.contacts import reasons
from destination_activecampaign.contacts.change import Change, Ending
from destination_activecampaign.contacts.known import Contact, key_of
from destination_activecampaign.directory import Directory
from destination_activecampaign.reasons import not_written
from destination_activecampaign.rejections import Rejection
from destination_activecampaign.same import is_same
from destination_activecampaign.writer import Outcome

# https://developers.activecampaign.com/reference/update-list-status-for-contact: what the account shows as the source
# of a subscription that follows an unsubscription.
_SUBSCRIBED_AGAIN = 4


class SingleWriter:
    """Writes changes one by one; safe to share between threads."""

    def __init__(self, account: Account, directory: Directory, stream: str = "contacts") -> None:
        self._account = account
        self._directory = directory
        self._stream = stream

    def write(self, change: Change, contact: Contact | None) -> Outcome | Rejection:
        """Write what is left of a change, given what the account has of the contact; None is one that it may not have.

        What the API shows of it afterwards is compared with what was to be written. Raises ApiError.
        """
        try:
            return self._written(change, contact)
        except Rejected as refused:
            return refused.rejection

    def _written(self, change: Change, contact: Contact | None) -> Outcome:
        if change.ending is Ending.DELETE:
            return self._deleted(contact)
        identifier, outcome = self._own_values(change, contact)
        for name in change.add_tags.values():
            self._tag(identifier, name)
        for tag in change.remove_tags:
            self._untag(contact.tags[tag] if contact else "")
        for one, wanted in change.lists.items():
            self._membership(identifier, one, wanted, contact)
        if change.account is not None:
            self._account_of(identifier, change.account, change.job_title, contact)
        return outcome

    def _deleted(self, contact: Contact | None) -> Outcome:
        if contact is None:
            return Outcome.UNCHANGED
        # https://developers.activecampaign.com/reference/delete-contact
        self._send("DELETE", f"contacts/{contact.id}", may_be_gone=True)
        return Outcome.UPDATED

    # ---- email address, names, custom fields

    def _own_values(self, change: Change, contact: Contact | None) -> tuple[str, Outcome]:
        """The contact's id, once its own values are written."""
        is_renamed = contact is not None and change.renames(contact.email)
        if contact and contact.id and not (change.standard or change.values or is_renamed):
            return contact.id, Outcome.UPDATED
        body: dict[str, Any] = {"email": change.email, **change.standard}
        if change.values:
            body["fieldValues"] = [{"field": one, "value": text} for one, text in change.values.items()]
        if contact and is_renamed:
            # https://developers.activecampaign.com/reference/update-a-contact-new
            answer = self._send("PUT", f"contacts/{contact.id}", {"contact": body})
        else:
            # https://developers.activecampaign.com/reference/sync-a-contacts-data
            answer = self._send("POST", "contact/sync", {"contact": body})
        echo = _object_in(answer, "contact")
        identifier = str(echo.get("id") or "")
        self._compare(change, echo, answer, identifier)
        return identifier, Outcome.CREATED if answer.status == 201 else Outcome.UPDATED

    def _compare(self, change: Change, echo: Mapping[str, Any], answer: Answer, identifier: str) -> None:
        others = [name for name, text in change.standard.items() if str(echo.get(name) or "") != text]
        if key_of(str(echo.get("email") or "")) != key_of(change.email) or not identifier:
            others.insert(0, "email")
        if change.values and identifier:
            rows = objects_in(answer.body, "fieldValues")
            if not rows:
                # Some answers have no more than the ids of values.
                path = f"contacts/{identifier}/fieldValues"
                rows = list(self._account.rows(path, "fieldValues", request=self._sample))
            stored = {value.field: value.raw for value in map(value_of, rows)}
            fields = self._directory.fields
            others += [
                fields[one].title or one
                for one, text in change.values.items()
                if not is_same(fields.get(one), text, stored.get(one))
            ]
        if others:
            raise Rejected(not_written(others, said_by(answer)))

    # ---- what belongs to it

    def _tag(self, contact: str, name: str) -> None:
        # https://developers.activecampaign.com/reference/create-contact-tag; a second one is answered with the first.
        tag = self._directory.tag_id(name)
        answer = self._send("POST", "contactTags", {"contactTag": {"contact": contact, "tag": tag}})
        if str(_object_in(answer, "contactTag").get("tag")) != tag:
            raise Rejected(not_written(["tags"]))

    def _untag(self, link: str) -> None:
        # https://developers.activecampaign.com/reference/delete-contact-tag
        self._send("DELETE", f"contactTags/{link}", may_be_gone=True)

    def _membership(self, contact: str, one: str, wanted: bool, known: Contact | None) -> None:
        # https://developers.activecampaign.com/reference/update-list-status-for-contact
        status = 1 if wanted else 2
        body = {"list": int(one), "contact": int(contact), "status": status}
        if wanted and known and one in known.lists:
            body["sourceid"] = _SUBSCRIBED_AGAIN
        answer = self._send("POST", "contactLists", {"contactList": body})
        if str(_object_in(answer, "contactList").get("status")) != str(status):
            raise Rejected(not_written(["lists"]))

    def _account_of(self, contact: str, name: str, title: str | None, known: Contact | None) -> None:
        """Associate the contact with a company account, and with no other: it can only have one."""
        link = known.account.id if known and known.account else ""
        if not name:
            self._send("DELETE", f"accountContacts/{link}", may_be_gone=True)
            return
        wanted: dict[str, Any] = {"contact": int(contact), "account": int(self._directory.created_account(name))}
        if title is not None:
            wanted["jobTitle"] = title
        body = {"accountContact": wanted}
        if link:
            # That it takes another account was not seen, https://developers.activecampaign.com/reference/update-an-association
            with suppress(Rejected):
                answer = self._send("PUT", f"accountContacts/{link}", body)
                if not _others(wanted, _object_in(answer, "accountContact")):
                    return
            self._send("DELETE", f"accountContacts/{link}", may_be_gone=True)
        # https://developers.activecampaign.com/reference/create-an-account-1
        try:
            associated = [_object_in(self._send("POST", "accountContacts", body), "accountContact")]
        except Rejected as refused:
            # A second one is refused, also where the first had been written when its connection broke.
            path = f"contacts/{contact}/accountContacts"
            associated = list(self._account.rows(path, "accountContacts", request=self._sample))
            if not associated:
                raise refused from None
        if others := _others(wanted, associated[0]):
            raise Rejected(not_written(others))

    # ---- how it is sent

    @property
    def _sample(self) -> Request:
        return Request("", stream=self._stream)

    def _send(self, method: str, path: str, body: Any = None, *, may_be_gone: bool = False) -> Answer:
        """The answer to a write; a refusal ends the writing of the contact. Raises ApiError."""
        request = Request(
            path,
            method=method,
            body=body,
            stream=self._stream,
            permission="the Contacts permission",
            may_be_refused=True,
            may_be_gone=may_be_gone,
            # Every one of them is known by the email address, or by what it connects.
            repeatable=True,
            # They answer under the key that they are sent.
            record_key=next(iter(body or {}), ""),
        )
        answer = self._account.send(request)
        if answer.status >= 300 and not (may_be_gone and answer.is_gone):
            raise Rejected(reasons.refused(answer))
        return answer


def _object_in(answer: Answer, key: str) -> Mapping[str, Any]:
    found = answer.body.get(key) if isinstance(answer.body, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _others(wanted: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    """What an association is not as it was to be written."""
    names = wanted.keys() - {"contact"}
    return sorted(name for name in names if str(shown.get(name) or "") != str(wanted[name]))
