"""What the account has of contacts, as its answers tell it."""

from typing import Any

from activecampaign_client.account import Account
from destination_activecampaign.contacts.known import Contact
from destination_activecampaign.contacts.reader import FIELD_VALUES, LISTS, TAGS, ContactReader
from unit_tests.client.transport import ROOT, Said, Transport

ANN: dict[str, Any] = {"id": "7", "email": "Ann@example.com", "firstName": "Ann", "lastName": None, "bounced_hard": "0"}
VALUE = {"id": "1", "contact": "7", "field": "3", "value": "x"}
TAG = {"id": "5", "contact": "7", "tag": "20"}
MEMBERSHIP = {"id": "6", "contact": 7, "list": 2, "status": 1}


def reader(answers: dict[str, Said]) -> tuple[ContactReader, Transport]:
    account = Account(ROOT, "key", 1000)
    transport = Transport(account, lambda: 0.0, lambda moment, path: answers[path])
    return ContactReader(account, [FIELD_VALUES, TAGS, LISTS], {"20": "vip"}.__getitem__), transport


def listing(contact: dict[str, Any], **beside: Any) -> Said:
    return 200, {"contacts": [contact], **beside, "meta": {"total": "1"}}


WHOLE = Contact(
    "7",
    "Ann@example.com",
    {"firstName": "Ann", "lastName": "", "phone": ""},
    {"3": "x"},
    {"vip": "5"},
    {"2": "1"},
)


def test_what_stands_beside_a_contact_is_its_own():
    named = {"fieldValues": ["1"], "contactTags": ["5"], "contactLists": ["6"]}
    other = {"id": "9", "contact": "8", "field": "3", "value": "not hers"}
    answer = listing({**ANN, **named}, fieldValues=[VALUE, other], contactTags=[TAG], contactLists=[MEMBERSHIP])
    found, _ = reader({"contacts": answer})
    assert list(found.all()) == [WHOLE]
    assert found.by_email("ann@EXAMPLE.com") == WHOLE
    assert found.by_email("bob@example.com") is None
    assert found.by_ids(["7", "8"]) == {"7": WHOLE}


def test_a_contact_that_names_more_than_stands_beside_it_is_not_taken_for_whole():
    named = {"fieldValues": ["1", "2"], "contactTags": ["5"], "contactLists": ["6"]}
    answer = listing({**ANN, **named}, fieldValues=[VALUE], contactTags=[TAG], contactLists=[MEMBERSHIP])
    more = {**VALUE, "id": "2", "field": "4", "value": "y"}
    found, transport = reader(
        {
            "contacts": answer,
            "contacts/7/fieldValues": (200, {"fieldValues": [VALUE, more]}),
            "contacts/7/contactTags": (200, {"contactTags": [TAG]}),
            "contacts/7/contactLists": (200, {"contactLists": [MEMBERSHIP]}),
        }
    )
    [contact] = found.all()
    assert not contact.is_whole
    # Asked for on its own it is read until it is.
    again = found.by_email("ann@example.com")
    assert again is not None
    assert (again.is_whole, again.values) == (True, {"3": "x", "4": "y"})
    assert "contacts/7/fieldValues" in transport.paths()


def test_a_relation_that_was_not_answered_is_not_taken_for_empty():
    found, _ = reader({"contacts": listing(ANN, contactTags=[], contactLists=[])})
    assert [contact.is_whole for contact in found.all()] == [False]
    empty = {"fieldValues": [], "contactTags": [], "contactLists": []}
    found, _ = reader({"contacts": listing({**ANN, **empty})})
    assert [contact.is_whole for contact in found.all()] == [True]


def test_who_has_bounced_is_known():
    found, _ = reader(
        {"contacts": listing({**ANN, "bounced_hard": "1"}, fieldValues=[], contactTags=[], contactLists=[])}
    )
    assert [contact.bounced for contact in found.all()] == [True]
