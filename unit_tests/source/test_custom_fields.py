"""Custom fields on contacts, as a user's destination gets them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from activecampaign_client import account
from unit_tests.source.conftest import (
    API,
    catalog,
    config,
    discover,
    errors,
    ids,
    listing,
    page,
    read,
    rows,
    sent,
    warnings,
)

FIELDS_BODY = {
    "fields": [
        {"id": "3", "title": "Sports", "type": "checkbox", "perstag": "SPORTS"},
        {"id": "5", "title": "Size", "type": "number", "perstag": "SIZE"},
    ],
    "fieldOptions": [{"id": "1", "field": "3", "value": "Cricket", "label": "Cricket"}],
    "meta": {"total": "2"},
}
VALUES = [
    {"contact": "1", "field": "3", "value": "||Cricket||"},
    {"contact": "1", "field": "5", "value": "a few"},
    {"contact": "2", "field": "5", "value": "9"},
    {"contact": "2", "field": "88", "value": "old"},
    {"contact": "3", "field": "88", "value": "old"},
    {"contact": "77", "field": "5", "value": "of nobody on this page"},
]
CONTACTS = [{"id": "1", "email": "a@b.c"}, {"id": 2, "email": "d@e.f"}, {"id": "3", "email": "g@h.i"}]


def test_given_custom_fields_when_contacts_read_then_columns(api):
    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS, "3", fieldValues=VALUES))
    output = read("contacts", config(custom_fields="columns"))
    assert rows(output) == [
        {"id": "1", "email": "a@b.c", "custom_sports": ["Cricket"], "custom_size": "a few"},
        {"id": "2", "email": "d@e.f", "custom_size": 9},
        {"id": "3", "email": "g@h.i"},
    ]
    said = [message for message in warnings(output) if message.startswith("Stream contacts:")]
    assert len([message for message in said if " id 88 " in message]) == 1
    assert len([message for message in said if "custom_size" in message]) == 1
    assert len(said) == 2
    assert [params.get("include") for params in sent(api, "contacts")] == [["fieldvalues"]]


def test_given_custom_fields_when_contacts_read_as_object_then_one_object(api):
    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS[:1], "1", fieldValues=VALUES[:1]))
    output = read("contacts", config(custom_fields="object"))
    assert rows(output) == [{"id": "1", "email": "a@b.c", "customFields": {"sports": ["Cricket"]}}]


def test_given_custom_fields_off_when_contacts_read_then_no_request_for_them(api):
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS[:1], "1"))
    output = read("contacts", config(custom_fields="off"))
    assert rows(output) == [{"id": "1", "email": "a@b.c"}]
    assert sent(api, "fields") == []
    assert ["include" in params for params in sent(api, "contacts")] == [False]


def test_given_custom_fields_when_discovered_then_contacts_have_their_columns(api):
    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/dealCustomFieldMeta", json={"dealCustomFieldMeta": []})
    api.get(f"{API}/accountCustomFieldMeta", json={"accountCustomFieldMeta": []})
    properties = discover(config(custom_fields="columns", deals_access="full"), ["contacts"])["contacts"].json_schema[
        "properties"
    ]
    assert properties["custom_sports"] == {
        "type": ["null", "array"],
        "items": {"type": ["null", "string"]},
        "description": "Sports. Options: Cricket.",
    }
    assert properties["custom_size"]["type"] == ["null", "number"]


def test_given_definitions_that_never_come_when_read_then_only_the_stream_with_custom_fields_fails(api, pauses):
    api.get(f"{API}/fields", status_code=503, json={"message": "busy"})
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS[:1], "1", fieldValues=VALUES[:1]))
    api.get(f"{API}/tags", json=listing("tags", [{"id": str(number)} for number in range(250)]))
    output = read(catalog("contacts", "tags"), config(custom_fields="columns"))
    assert len(rows(output)) == 250
    assert [status.value for status in output.get_stream_statuses("tags")][-1] == "COMPLETE"
    assert [status.value for status in output.get_stream_statuses("contacts")][-1] == "INCOMPLETE"
    [(kind, sentence)] = errors(output)
    assert kind == "transient_error"
    assert "/fields" in sentence
    assert "503" in sentence


def test_given_no_values_beside_a_later_page_when_contacts_read_then_no_thread_waits_for_another(api, monkeypatch):
    """The listing that is read instead has pages of its own; threads that wait for it could be all there are."""

    class OneLevel(ThreadPoolExecutor):
        def submit(self, *work, **arguments):
            assert not threading.current_thread().name.startswith(self._thread_name_prefix), "work that waits for work"
            return super().submit(*work, **arguments)

    monkeypatch.setattr(account, "ThreadPoolExecutor", OneLevel)
    contacts = listing("contacts", [{"id": str(number)} for number in range(250)])
    values = [{"id": str(number), "contact": str(number), "field": "5", "value": "9"} for number in range(250)]

    def answer(request, context):
        body = contacts(request, context)
        return body if request.qs.get("offset") else {**body, "fieldValues": values[:100]}

    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/contacts", json=answer)
    api.get(f"{API}/fieldValues", json=listing("fieldValues", values))
    output = read("contacts", config(custom_fields="columns"))
    assert rows(output) == [{"id": str(number), "custom_size": 9} for number in range(250)]
    assert len(sent(api, "fieldValues")) == 3


def test_given_contacts_as_a_map_and_no_values_beside_when_read_then_the_values_of_their_own_listing(api):
    contacts = {row["id"]: row for row in [{"id": "1"}, {"id": "2"}]}
    values = [{"id": one, "contact": one, "field": "5", "value": "9"} for one in contacts]
    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/contacts", json={"contacts": contacts, "meta": {"total": "2"}})
    api.get(f"{API}/fieldValues", json=listing("fieldValues", values))
    output = read("contacts", config(custom_fields="columns"))
    assert errors(output) == []
    assert rows(output) == [{"id": "1", "custom_size": 9}, {"id": "2", "custom_size": 9}]


def test_given_contacts_that_have_no_values_when_read_then_the_listing_of_all_values_is_not(api):
    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/contacts", json=page("contacts", [{"id": "1", "fieldValues": []}, {"id": "2", "fieldValues": []}]))
    output = read("contacts", config(custom_fields="columns"))
    assert ids(output) == ["1", "2"]
    assert sent(api, "fieldValues") == []


@pytest.mark.parametrize("malformed", [None, "x", 5, ["1", "2"], [None]], ids=str)
def test_given_values_beside_contacts_that_are_no_rows_when_read_then_their_own_listing_and_a_word(malformed, api):
    api.get(f"{API}/fields", json=FIELDS_BODY)
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS, "3", fieldValues=malformed))
    values = [{"id": str(number), **value} for number, value in enumerate(VALUES)]
    api.get(f"{API}/fieldValues", json=listing("fieldValues", values))
    output = read("contacts", config(custom_fields="columns"))
    assert errors(output) == []
    assert [row.get("custom_size") for row in rows(output)] == ["a few", 9, None]
    assert output.is_in_logs("the API sent no custom field values beside the records")


def test_given_definitions_that_are_forbidden_when_contacts_read_then_a_warning_and_no_columns(api, pauses):
    api.get(f"{API}/fields", status_code=403, json={"message": "Forbidden"})
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS[:1], "1", fieldValues=VALUES[:1]))
    output = read("contacts", config(custom_fields="columns"))
    assert rows(output) == [{"id": "1", "email": "a@b.c"}]
    assert any("No custom fields are read" in message for message in warnings(output))
    assert any("fields" in message and "403" in message for message in warnings(output))
