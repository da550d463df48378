"""Contacts and what belongs to them, written one request at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from emulator import Account, Emulator, Fault

from .client import Client, ids, instant

Row = dict[str, Any]
ANN = "ann@example.com"


@pytest.fixture
def blank() -> Iterator[Client]:
    """An emulator with an empty account."""
    with Emulator(Account.empty(), rate_limit_window="off") as emulator:
        yield Client(emulator)


def sync(client: Client, email: str = ANN, **more: Any) -> requests.Response:
    return client.send("POST", "contact/sync", {"contact": {"email": email, **more}})


def new(client: Client, email: str = ANN, **more: Any) -> str:
    return str(sync(client, email, **more).json()["contact"]["id"])


def contact(client: Client, contact_id: str) -> Row:
    return dict(client.json(f"contacts/{contact_id}")["contact"])


def values(client: Client, contact_id: str) -> dict[str, str]:
    return {row["field"]: row["value"] for row in client.json(f"contacts/{contact_id}/fieldValues")["fieldValues"]}


# --- create and update --------------------------------------------------------------------------------------


def test_given_a_new_contact_when_created_then_only_what_was_sent_comes_back(blank: Client) -> None:
    sent = {"email": ANN, "firstName": "Ann", "phone": 7223224241, "unknown": "ignored", "orgname": "ignored"}
    response = blank.send("POST", "contacts", {"contact": sent})
    assert response.status_code == 201
    echo = response.json()["contact"]
    assert set(echo) == {
        *("email", "firstName", "phone", "email_empty", "cdate", "udate", "orgid", "orgname", "links", "hash", "id"),
        "organization",
    }
    assert (echo["phone"], echo["orgid"], echo["orgname"], echo["organization"]) == (7223224241, "", "", "")
    stored = contact(blank, echo["id"])
    assert (stored["phone"], stored["lastName"], stored["organization"]) == ("7223224241", "", None)
    assert stored["cdate"] == echo["cdate"]
    assert blank.json("contacts", email=ANN)["contacts"] == blank.json("contacts")["contacts"]


def test_given_an_email_that_exists_when_created_or_moved_to_then_422(blank: Client) -> None:
    new(blank)
    other = new(blank, "bea@example.com")
    answers = [
        blank.send("POST", "contacts", {"contact": {"email": ANN}}),
        blank.send("PUT", f"contacts/{other}", {"contact": {"email": ANN}}),
    ]
    expected = {
        "title": "Email address already exists in the system",
        "detail": "",
        "code": "duplicate",
        "source": {"pointer": "/data/attributes/email"},
    }
    assert [(a.status_code, a.json()) for a in answers] == [(422, {"errors": [expected]})] * 2
    assert contact(blank, other)["email"] == "bea@example.com"
    assert blank.send("PUT", f"contacts/{other}", {"contact": {"email": "bea@example.com"}}).status_code == 200


def test_given_a_contact_when_synced_then_only_what_is_sent_changes_and_empties_overwrite(blank: Client) -> None:
    first = sync(blank, firstName="Ann", lastName="Lovelace", phone="1")
    again = sync(blank, firstName="", phone="2")
    assert (first.status_code, again.status_code) == (201, 200)
    assert "lastName" in first.json()["contact"]
    row = again.json()["contact"]
    assert (row["id"], row["sentcnt"]) == (first.json()["contact"]["id"], "0")
    assert [row[key] for key in ("firstName", "lastName", "phone")] == ["", "Lovelace", "2"]
    stored = contact(blank, row["id"])
    assert [stored[key] for key in ("firstName", "lastName", "phone")] == ["", "Lovelace", "2"]


def test_given_the_documented_statuses_then_a_setting_gives_them(blank: Client) -> None:
    account = blank.emulator.account
    field, tag, list_id = account.add_field("A"), account.add_tag("red"), account.add_list("One")
    ann = new(blank)

    def statuses() -> list[int]:
        link = {"contactTag": {"contact": ann, "tag": tag}}
        member = {"contactList": {"contact": ann, "list": list_id, "status": 1}}
        value = {"fieldValue": {"contact": ann, "field": field, "value": "x"}}
        calls = [("contactTags", link), ("contactLists", member), ("fieldValues", value)]
        return [sync(blank).status_code, *(blank.send("POST", path, body).status_code for path, body in calls)]

    assert statuses() == [200, 201, 201, 201]
    assert statuses() == [200, 200, 200, 200]
    blank.emulator.settings.write_statuses = "documented"
    assert statuses() == [201, 201, 200, 200]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_given_an_id_when_updated_then_the_answer_has_dates_of_before(blank: Client, method: str) -> None:
    ann = blank.emulator.account.insert("contacts", email=ANN, firstName="Ann", _created="2026-01-01T00:00:00Z")
    blank.emulator.account.update("contacts", ann, _updated="2026-01-02T00:00:00Z")
    response = blank.send(method, f"contacts/{ann}", {"contact": {"email": "bea@example.com"}})
    row = response.json()["contact"]
    assert (response.status_code, row["email"], row["firstName"]) == (200, "bea@example.com", "Ann")
    assert row["udate"] > "2026-02"
    assert row["updated_timestamp"] == row["updated_utc_timestamp"] == "2026-01-01 18:00:00"
    assert contact(blank, ann)["updated_timestamp"] > "2026-02"


def test_given_a_wrong_wrapper_then_nothing_is_written(blank: Client) -> None:
    ann = new(blank, firstName="Ann")
    response = blank.send("PUT", f"contacts/{ann}", {"contacts": {"firstName": "Bea"}})
    assert (response.status_code, response.json()["contact"]["firstName"]) == (200, "Ann")
    assert blank.send("POST", "tags", {"contactTag": {"tag": "red"}}).status_code == 201
    assert blank.json("tags")["tags"] == []
    assert [write.kind for write in blank.emulator.writes] == ["create"]


@pytest.mark.parametrize("body", [{"contact": {}}, {"contact": {"email": ""}}, {"email": ANN}, []])
def test_given_no_email_when_synced_then_400(blank: Client, body: Any) -> None:
    response = blank.send("POST", "contact/sync", body)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error == {"status": 400, "title": "Bad Request", "detail": "Contact email must be provided for sync"}


@pytest.mark.parametrize("email", ["nobody", "a b@example.com", "a@b", "a'b@example.com"])
def test_given_no_address_as_an_email_then_422(blank: Client, email: str) -> None:
    ann = new(blank)
    answers = [
        sync(blank, email),
        blank.send("POST", "contacts", {"contact": {"email": email}}),
        blank.send("PUT", f"contacts/{ann}", {"contact": {"email": email}}),
    ]
    assert [(a.status_code, a.json()["errors"][0]["code"]) for a in answers] == [(422, "email_invalid")] * 3
    assert len(blank.all("contacts")) == 1


def test_given_no_json_then_400(blank: Client) -> None:
    response = blank.session.post(f"{blank.emulator.url}/api/3/contact/sync", data=b"{", timeout=5)
    assert response.status_code == 400


def test_given_a_contact_when_deleted_then_all_of_it_is_gone_and_the_second_time_404(blank: Client) -> None:
    blank.emulator.account.add_field("A")
    ann = new(blank, fieldValues=[{"field": "1", "value": "x"}])
    first, second = (blank.send("DELETE", f"contacts/{ann}") for _ in range(2))
    assert (first.status_code, first.json()) == (200, {})
    assert (second.status_code, second.json()) == (404, {"message": f"No result found for contact with id {ann}"})
    assert (blank.all("contacts"), blank.all("fieldValues")) == ([], [])
    missing = blank.send("PUT", f"contacts/{ann}", {"contact": {"phone": "1"}})
    assert (missing.status_code, missing.json()["message"]) == (404, f"No Result found for Subscriber with id {ann}")
    assert new(blank) != ann


@pytest.mark.parametrize(("case", "status", "count"), [("ignored", 200, 1), ("matters", 201, 2)])
def test_given_an_email_in_another_case_then_a_setting_says_whether_it_exists(
    blank: Client, case: str, status: int, count: int
) -> None:
    blank.emulator.settings.email_case = case
    new(blank, "Ann@Example.com")
    assert sync(blank).status_code == status
    assert len(blank.all("contacts")) == count
    assert blank.all("contacts")[0]["email"] == "Ann@Example.com"


# --- custom fields ------------------------------------------------------------------------------------------


def test_given_values_of_every_type_when_synced_then_they_are_texts_and_all_come_back(blank: Client) -> None:
    account = blank.emulator.account
    given = {
        "text": "x",
        "textarea": "two\nlines",
        "hidden": "<b>",
        "number": 5,
        "date": "2026-01-02",
        "datetime": "2020-05-19T07:45:00Z",
        "dropdown": "a",
        "radio": "b",
        "checkbox": "||a||b||",
        "listbox": "a",
    }
    fields = {kind: account.add_field(f"The {kind}", kind, options=["a", "b"]) for kind in given}
    rows = [{"field": fields[kind], "value": value} for kind, value in given.items()]
    response = sync(blank, fieldValues=rows).json()
    assert [row["value"] for row in response["fieldValues"]] == [
        *("x", "two\nlines", "<b>", "5", "2026-01-02", "2020-05-19T02:45:00-05:00", "a", "b", "||a||b||", "a")
    ]
    assert [row["type"] for row in response["fields"]] == list(given)
    assert response["contact"]["fieldValues"] == ids(response["fieldValues"])
    again = sync(blank, fieldValues=[{"field": fields["text"], "value": ""}]).json()
    assert len(again["fieldValues"]) == len(given)
    assert values(blank, again["contact"]["id"])[fields["text"]] == ""
    assert "fieldValues" not in sync(blank, phone="1").json()
    page = blank.json("contacts", include="fieldValues")
    assert ids(page["fieldValues"]) == page["contacts"][0]["fieldValues"] == ids(again["fieldValues"])


@pytest.mark.parametrize("as_field", ["SHOE_SIZE", "Shoe size"])
@pytest.mark.parametrize(("setting", "status"), [("refused", 422), ("ignored", 201)])
def test_given_a_tag_or_title_as_a_field_then_it_is_refused_or_ignored(
    blank: Client, as_field: str, setting: str, status: int
) -> None:
    blank.emulator.settings.field_tags = setting
    blank.emulator.account.add_field("Shoe size")
    response = sync(blank, fieldValues=[{"field": as_field, "value": "x"}, {"field": "99", "value": "unknown"}])
    assert response.status_code == status
    assert blank.all("fieldValues") == []
    assert len(blank.all("contacts")) == (status == 201)
    single = {"fieldValue": {"contact": new(blank), "field": as_field, "value": "x"}}
    refused = blank.send("POST", "fieldValues", single)
    assert (refused.status_code, refused.json()["errors"][0]["title"]) == (422, "Field id not valid")


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("dropdown", "a", True),
        ("dropdown", "bogus value", False),
        ("listbox", "||a||b||", True),
        ("checkbox", "||a||c||", False),
        ("checkbox", "b", True),
        ("date", "2026-02-28", True),
        ("date", "2026-02-30", False),
        ("datetime", "soon", False),
        ("number", "-1.5", True),
        ("number", "many", False),
        ("date", "", True),
        ("text", "anything", True),
    ],
)
def test_given_a_value_that_does_not_fit_then_a_setting_says_whether_anybody_asks(
    blank: Client, kind: str, value: str, fits: bool
) -> None:
    field = blank.emulator.account.add_field("A", kind, options=["a", "b"] if kind not in {"text", "date"} else ())
    blank.emulator.settings.value_checks = "on"
    checked = sync(blank, fieldValues=[{"field": field, "value": value}])
    assert checked.status_code == (201 if fits else 422)
    blank.emulator.settings.value_checks = "off"
    unchecked = sync(blank, "bea@example.com", fieldValues=[{"field": field, "value": value}])
    assert values(blank, unchecked.json()["contact"]["id"]) == {field: value}


def test_given_one_value_when_written_then_the_pair_keeps_its_id(blank: Client) -> None:
    field = blank.emulator.account.add_field("When", "datetime")
    ann = new(blank)

    def write(value: str) -> requests.Response:
        body = {"fieldValue": {"contact": int(ann), "field": int(field), "value": value}}
        return blank.send("POST", "fieldValues", body)

    first, second = write("2026-07-01T00:00:00Z"), write("2026-07-02T00:00:00Z")
    assert (first.status_code, second.status_code) == (201, 200)
    echo = second.json()["fieldValue"]
    assert (echo["contact"], echo["field"], echo["value"]) == (int(ann), int(field), "2026-07-02T00:00:00Z")
    assert echo["id"] == first.json()["fieldValue"]["id"]
    assert ids(second.json()["contacts"]) == [ann]
    assert values(blank, ann) == {field: "2026-07-01T19:00:00-05:00"}
    changed = blank.send("PUT", f"fieldValues/{echo['id']}", {"fieldValue": {"value": "2026-07-03"}})
    assert (changed.status_code, {"created_by", "updated_by"} <= set(changed.json()["fieldValue"])) == (200, True)
    assert values(blank, ann) == {field: "2026-07-03T00:00:00-05:00"}
    gone = [blank.send("DELETE", f"fieldValues/{echo['id']}") for _ in range(2)]
    assert [(a.status_code, a.json()) for a in gone] == [
        (200, {}),
        (404, {"message": f"No Result found for FieldValue with id {echo['id']}"}),
    ]
    assert values(blank, ann) == {}


def test_given_options_when_added_in_bulk_then_they_come_back_and_a_body_without_is_refused(blank: Client) -> None:
    field = blank.emulator.account.add_field("Size", "dropdown", options=["S"])
    options = [{"field": field, "value": "L", "label": "Large", "orderid": 2, "isdefault": False}]
    response = blank.send("POST", "fieldOption/bulk", {"fieldOptions": options})
    (echo,) = response.json()["fieldOptions"]
    assert (response.status_code, echo["orderid"], echo["isdefault"]) == (201, 2, 0)
    shown = blank.json("fields")
    assert [(row["value"], row["orderid"]) for row in shown["fieldOptions"]] == [("S", "1"), ("L", "2")]
    assert shown["fields"][0]["options"] == ids(shown["fieldOptions"])
    refused = blank.send("POST", "fieldOption/bulk", options)
    assert refused.status_code == 422
    assert refused.json()["errors"].startswith("Bulk operation failed. Request must contain an array")


# --- tags ---------------------------------------------------------------------------------------------------


def test_given_a_name_when_a_tag_is_created_then_it_is_there(blank: Client) -> None:
    response = blank.send("POST", "tags", {"tag": {"tag": "red", "tagType": "contact", "description": "hot"}})
    assert response.status_code == 201
    echo = response.json()["tag"]
    assert sorted(echo) == ["cdate", "description", "id", "links", "tag", "tagType"]
    (row,) = blank.json("tags", search="RED")["tags"]
    assert (row["id"], row["description"], row["subscriber_count"]) == (echo["id"], "hot", "0")


@pytest.mark.parametrize(("setting", "status"), [("returned", 200), ("refused", 422), ("400", 400), ("500", 500)])
def test_given_a_tag_that_exists_when_created_then_a_setting_says_what_happens(
    blank: Client, setting: str, status: int
) -> None:
    blank.emulator.settings.existing_tag = setting
    tag = blank.emulator.account.add_tag("red")
    response = blank.send("POST", "tags", {"tag": {"tag": "RED", "tagType": "contact"}})
    body = response.json()
    assert response.status_code == status
    if setting == "returned":
        assert (body["tag"]["id"], body["tag"]["tag"]) == (tag, "red")
    elif setting == "refused":
        assert body["errors"][0]["code"] == "duplicate"
    else:
        assert body == {
            "message": "Could not process request",
            "error": "Duplicate entry 'contact-RED' for key 'typetag'",
        }
    assert len(blank.all("tags")) == 1
    assert blank.send("POST", "tags", {"tag": {"tag": "red", "tagType": "template"}}).status_code == 201


def test_given_a_tag_when_put_on_a_contact_twice_then_the_second_changes_nothing(blank: Client) -> None:
    tag, ann = blank.emulator.account.add_tag("red"), new(blank)
    blank.emulator.account.clock = lambda: instant("2027-01-01T00:00:00+00:00").timestamp()
    first = blank.send("POST", "contactTags", {"contactTag": {"contact": ann, "tag": int(tag)}})
    assert contact(blank, ann)["udate"] == "2026-12-31T18:00:00-06:00"
    blank.emulator.account.clock = lambda: instant("2027-01-02T00:00:00+00:00").timestamp()
    second = blank.send("POST", "contactTags", {"contactTag": {"contact": ann, "tag": int(tag)}})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["contactTag"] == second.json()["contactTag"]
    assert sorted(first.json()["contactTag"]) == ["cdate", "contact", "id", "links", "tag"]
    assert first.json()["contactTag"]["tag"] == int(tag)
    assert contact(blank, ann)["udate"] == "2026-12-31T18:00:00-06:00"
    assert blank.json("tags")["tags"][0]["subscriber_count"] == "1"
    link = first.json()["contactTag"]["id"]
    gone = [blank.send("DELETE", f"contactTags/{link}") for _ in range(2)]
    assert [(a.status_code, a.json()) for a in gone] == [
        (200, {}),
        (404, {"message": f"No Result found for SubscriberTag with id {link}"}),
    ]
    assert blank.json(f"contacts/{ann}/contactTags")["contactTags"] == []
    assert blank.json("tags")["tags"][0]["subscriber_count"] == "0"


@pytest.mark.parametrize(
    ("link", "status", "key", "said"),
    [
        ({"contact": "1"}, 400, "detail", "No tag id provided"),
        ({"contact": "1", "tag": "red"}, 422, "detail", "No tag id provided"),
        ({"tag": "1"}, 422, "title", "Missing attribute"),
        ({"contact": "99", "tag": "1"}, 404, "detail", "Contact not found"),
        ({"contact": "1", "tag": "99"}, 404, "detail", "Tag not found"),
    ],
)
def test_given_a_link_that_cannot_be_then_it_is_refused(
    blank: Client, link: Row, status: int, key: str, said: str
) -> None:
    blank.emulator.account.add_tag("red")
    new(blank)
    response = blank.send("POST", "contactTags", {"contactTag": link})
    assert (response.status_code, response.json()["errors"][0][key]) == (status, said)
    assert blank.all("contactTags") == []


# --- lists --------------------------------------------------------------------------------------------------


def test_given_a_list_when_a_contact_comes_and_goes_then_its_membership_keeps_its_id(blank: Client) -> None:
    account = blank.emulator.account
    list_id, ann = account.add_list("One", "one-list"), new(blank, firstName="Ann")
    account.update("contacts", ann, _updated="2026-11-01T00:00:00Z")

    def put(status: int, at: str) -> Row:
        account.clock = lambda: instant(at).timestamp()
        response = blank.send("POST", "contactLists", {"contactList": {"list": 1, "contact": ann, "status": status}})
        assert response.status_code in {200, 201}
        return dict(response.json()["contactList"])

    first = put(1, "2027-01-01T00:00:00+00:00")
    assert (first["status"], first["list"], first["contact"], first["sourceid"]) == (1, 1, ann, 4)
    assert (first["first_name"], first["udate"], first["sdate"]) == ("Ann", None, "2026-12-31T18:00:00-06:00")
    assert put(1, "2027-01-02T00:00:00+00:00") == first
    left = put(2, "2027-01-03T00:00:00+00:00")
    assert (left["id"], left["sdate"], left["udate"]) == (first["id"], first["sdate"], "2027-01-02T18:00:00-06:00")
    back = put(1, "2027-01-04T00:00:00+00:00")
    assert (back["id"], back["status"], back["sdate"]) == (first["id"], 1, "2027-01-03T18:00:00-06:00")
    (row,) = blank.json(f"contacts/{ann}")["contactLists"]
    assert (row["status"], row["sourceid"]) == ("1", "4")
    assert contact(blank, ann)["udate"] == "2026-10-31T19:00:00-05:00"
    (shown,) = blank.json("lists")["lists"]
    assert (shown["id"], shown["stringid"], int(shown["active_subscribers"])) == (list_id, "one-list", 1)
    assert blank.json("contacts", listid="1", status="2")["contacts"] == []


@pytest.mark.parametrize(
    ("membership", "status"),
    [
        ({"list": 1, "contact": 1, "status": 0}, 201),
        ({"list": 1, "contact": 1, "status": 3}, 201),
        ({"list": 1, "contact": 1, "status": 4}, 422),
        ({"list": 1, "contact": 1, "status": "subscribe"}, 422),
        ({"list": 1, "contact": 99, "status": 1}, 404),
        ({"list": 99, "contact": 1, "status": 1}, 400),
        ({"contact": 1, "status": 1}, 400),
    ],
)
def test_given_a_status_then_those_up_to_three_are_taken(blank: Client, membership: Row, status: int) -> None:
    blank.emulator.account.add_list("One")
    new(blank)
    response = blank.send("POST", "contactLists", {"contactList": membership})
    assert response.status_code == status
    assert len(blank.all("contactLists")) == (status == 201)
    if status == 422:
        assert response.json()["errors"][0]["title"] == "The value you selected is not a valid choice."


# --- looking up ---------------------------------------------------------------------------------------------


def test_given_filters_when_looked_up_then_documented_ones_work_and_others_are_ignored(blank: Client) -> None:
    ann, bea, cleo = (new(blank, f"{name}@example.com") for name in ("ann", "bea", "cleo"))
    assert ids(blank.json("contacts", **{"ids[]": [cleo, ann, "99"]})["contacts"]) == [ann, cleo]
    assert ids(blank.json("contacts", ids=f"{bea},{cleo}")["contacts"]) == [bea, cleo]
    assert ids(blank.json("contacts", email="Bea@Example.com")["contacts"]) == [bea]
    assert ids(blank.json("contacts", email="bea@example.com", **{"ids[]": [ann]})["contacts"]) == []
    assert ids(blank.json("contacts", **{"ids[]": [ann], "email": "bea@example.com"})["contacts"]) == []
    assert ids(blank.json("contacts", **{"ids[]": [ann, bea], "email": "bea@example.com"})["contacts"]) == [bea]
    assert ids(blank.json("contacts", email="dora@example.com")["contacts"]) == []
    assert len(blank.json("contacts", **{"filters[nothing]": "x"})["contacts"]) == 3
    blank.send("DELETE", f"contacts/{bea}")
    assert ids(blank.json("contacts", email="bea@example.com")["contacts"]) == []


# --- faults and books ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "is_written"),
    [
        (Fault("429", "/contact/sync"), False),
        (Fault("503", "/contact/sync"), False),
        (Fault("504", "/contact/sync", done=True), True),
        (Fault("html", "/contact/sync"), False),
        (Fault("html", "/contact/sync", done=True), True),
        (Fault("drop", "/contact/sync"), False),
        (Fault("drop_after", "/contact/sync"), True),
        (Fault("drop_midway", "/contact/sync"), True),
        (Fault("503", "/contact/sync", method="GET"), True),
    ],
    ids=lambda value: f"{value.kind}{' done' * value.done}" if isinstance(value, Fault) else "",
)
def test_given_a_fault_when_written_then_it_is_known_whether_it_was_done(
    blank: Client, fault: Fault, is_written: bool
) -> None:
    blank.emulator.settings.faults = [fault]
    if fault.kind.startswith("drop"):
        with pytest.raises(requests.RequestException):
            sync(blank)
    else:
        sync(blank)
    assert len(blank.all("contacts")) == is_written
    assert [write.kind for write in blank.emulator.writes] == ["create"] * is_written


def test_given_writes_then_the_books_have_them_in_order(blank: Client) -> None:
    account = blank.emulator.account
    account.add_field("A"), account.add_tag("red"), account.add_list("One")
    ann = new(blank)
    sync(blank, phone="1")
    value = {"fieldValue": {"contact": ann, "field": "1", "value": "x"}}
    row = blank.send("POST", "fieldValues", value).json()["fieldValue"]["id"]
    link = blank.send("POST", "contactTags", {"contactTag": {"contact": ann, "tag": "1"}}).json()["contactTag"]["id"]
    blank.send("POST", "contactLists", {"contactList": {"contact": ann, "list": "1", "status": 1}})
    blank.send("POST", "contactTags", {"contactTag": {"contact": ann, "tag": "99"}})
    for path in (f"contactTags/{link}", f"fieldValues/{row}", f"contacts/{ann}"):
        blank.send("DELETE", path)
    writes = blank.emulator.writes
    assert [w.kind for w in writes] == ["create", "update", "value", "tag", "list", "untag", "unvalue", "delete"]
    assert {w.email for w in writes} == {ANN}
    assert all(w.automations and w.request.time <= w.time for w in writes)
    assert sorted(w.time for w in writes) == [w.time for w in writes]
