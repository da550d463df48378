"""The calls of RudderStack's guide for ActiveCampaign as rows: the account then holds what that guide says.

Where the guide has placeholders, an address or a URL, they are real ones here.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from emulator.tracked import Visit
from integration_tests.destination.connector import Destination, Process, configured, record, state
from integration_tests.destination.contacts import QUICK

Configure = Callable[..., Destination]
EMAIL = "name@surname.com"
OBJECTS = ("identify", "track", "screen", "page")
TRAITS: dict[str, Any] = {"email": EMAIL, "name": "John Doe", "phone": "2364556"}
TAGS = {"tags": ["Returning User", "Coupon Used"]}
FIELDS = {"fieldInfo": {"Interest": "Electronics", "Country": "USA", "Hobbies": ["Cricket", "Tennis"]}}
LISTS = {"lists": [{"id": 2, "status": "subscribe"}, {"id": 3, "status": "unsubscribe"}]}
IDS = {"userId": "userid", "anonymousId": "d80b66d5-b33d-412d-866f-r4fft5841af"}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An account with the fields and lists of the guide, one of its tags, and a template's tag of the other's name."""
    account = Account.empty()
    account.add_field("Interest")
    account.add_field("Country", "dropdown", options=["USA", "Canada"])
    account.add_field("Hobbies", "listbox", options=["Cricket", "Tennis", "Golf"])
    for name in ("One", "Two", "Three"):
        account.add_list(name)
    account.add_tag("returning user")
    account.add_tag("Coupon Used", "template")
    with Emulator(account, **QUICK) as running:
        yield running


@pytest.fixture
def write(configure: Configure, emulator: Emulator, tmp_path: Path) -> Callable[..., Process]:
    """Writes calls, each an object and its row, and wants everything acknowledged."""

    def run(*calls: tuple[str, dict[str, Any]], **settings: Any) -> Process:
        emulator.requests.clear()
        keys = {"tracking": emulator.tracking._asdict(), "tracking_url": emulator.url}
        destination = configure(**{**keys, "rejected_records": str(tmp_path / "rejected"), **settings})
        lines = [*(record(name, **row) for name, row in calls), *(state(name) for name in OBJECTS)]
        done = destination.write(configured(*OBJECTS, sync_mode="append"), lines)
        assert (done.exit_code, len(done.echoed)) == (0, len(OBJECTS)), done.text
        return done

    return run


def contact(account: Account, email: str = EMAIL) -> dict[str, Any]:
    """What the account holds of a contact: values by title, tags by name with their kind, status by list id."""
    [found] = [row for row in account.rows("contacts") if row["email"] == email]
    own = {
        name: [row for row in account.rows(name) if str(row["contact"]) == found["id"]]
        for name in ("fieldValues", "contactTags", "contactLists")
    }
    titles = {row["id"]: row["title"] for row in account.rows("fields")}
    tags = {row["id"]: (row["tag"], row["tagType"]) for row in account.rows("tags")}
    return {
        **{name: found[name] for name in ("firstName", "lastName", "phone")},
        "values": {titles[str(row["field"])]: row["value"] for row in own["fieldValues"]},
        "tags": {tags[str(row["tag"])] for row in own["contactTags"]},
        "lists": {str(row["list"]): str(row["status"]) for row in own["contactLists"]},
    }


def test_given_the_guides_identify_calls_when_written_one_by_one_then_each_adds_what_it_says(
    write: Callable[..., Process], emulator: Emulator
) -> None:
    named = {"firstName": "John", "lastName": "Doe", "phone": "2364556", "values": {}, "tags": set(), "lists": {}}
    write(("identify", {**IDS, "traits": TRAITS}))
    assert contact(emulator.account) == named

    write(("identify", {**IDS, "traits": {**TRAITS, **TAGS}}))
    tagged = {**named, "tags": {("returning user", "contact"), ("Coupon Used", "contact")}}
    assert contact(emulator.account) == tagged

    write(("identify", {**IDS, "traits": {**TRAITS, **TAGS, **FIELDS}}))
    values = {"Interest": "Electronics", "Country": "USA", "Hobbies": "||Cricket||Tennis||"}
    assert contact(emulator.account) == {**tagged, "values": values}

    write(("identify", {**IDS, "traits": {**TRAITS, **TAGS, **FIELDS, **LISTS}}))
    whole = {**tagged, "values": values, "lists": {"2": "1", "3": "2"}}
    assert contact(emulator.account) == whole
    assert len(emulator.account.rows("tags")) == 3, "the tag that was there is no second one"

    done = write(("identify", {**IDS, "traits": {**TRAITS, **TAGS, **FIELDS, **LISTS}}))
    assert {one.method for one in emulator.requests} == {"GET"}
    assert done.summary["streams"][0]["outcomes"] == {"unchanged": 1}

    # "If a user already exists, the new values will be updated for that user."
    write(("identify", {"traits": {"email": EMAIL.upper(), "phone": "1", "fieldInfo": {"Country": "canada"}}}))
    assert contact(emulator.account) == {**whole, "phone": "1", "values": {**values, "Country": "Canada"}}


def test_given_the_guides_events_when_written_then_they_are_there_with_all_of_their_properties(
    write: Callable[..., Process], emulator: Emulator, tmp_path: Path
) -> None:
    context = {**IDS, "context": {"traits": {"email": EMAIL}}}
    viewed = {"category": "category", "label": "label", "value": "value", "url": "www.rudderlabs.com"}
    bought = {"category": "category", "label": "label", "name": "Rubik's Cube"}
    home = {"path": "path", "url": "https://www.example.com/home", "title": "title", "referrer": "referrer"}
    write(
        ("identify", {**IDS, "traits": TRAITS}),
        ("track", {"event": "Product Purchased", "properties": bought, **context}),
        ("screen", {"event": "Screen Viewed", "properties": {**viewed, "info": "Rudder_Event_Screen_Test"}, **context}),
        ("page", {"name": "home", "properties": home, **context}),
        ("page", {"name": "home", "properties": {**home, "url": "url"}, **context}),
    )
    assert [(one.email, one.name, json.loads(one.data)) for one in emulator.tracked.events] == [
        (EMAIL, "Product Purchased", bought),
        (EMAIL, "Screen Viewed", {**viewed, "info": "Rudder_Event_Screen_Test"}),
    ]
    assert emulator.tracked.visits == [Visit(EMAIL, "https://www.example.com/home", "referrer", True)]
    assert {row["name"] for row in emulator.account.rows("eventTrackingEvents")} == {
        "Product Purchased",
        "Screen Viewed",
    }
    # "url" is a placeholder in the guide, and no page.
    [kept] = [json.loads(line) for line in (tmp_path / "rejected" / "rejected.jsonl").read_text().splitlines()]
    assert (kept["object"], kept["code"]) == ("page", "value_invalid")


def test_given_a_thousand_identify_calls_when_written_then_a_request_does_for_twenty(
    write: Callable[..., Process], emulator: Emulator
) -> None:
    emails = [f"person{number}@example.com" for number in range(1000)]
    traits = {**TRAITS, **TAGS, **FIELDS, **LISTS}
    done = write(*(("identify", {"traits": {**traits, "email": email}}) for email in emails))
    assert len(emulator.requests) <= 50, len(emulator.requests)
    assert done.summary["requests"] == len(emulator.requests)
    assert {row["email"] for row in emulator.account.rows("contacts")} == set(emails)
    expected = contact(emulator.account, emails[0])
    assert (expected["lists"], len(expected["tags"])) == ({"2": "1", "3": "2"}, 2)
    assert all(contact(emulator.account, email) == expected for email in emails[1::111])


def test_given_a_few_identify_calls_when_written_then_no_contact_takes_more_than_two_requests(
    write: Callable[..., Process], emulator: Emulator
) -> None:
    emails = [f"person{number}@example.com" for number in range(5)]
    for again in ("", "changed "):
        traits = {**TRAITS, **TAGS, **FIELDS, **LISTS, "phone": f"{again}1"}
        write(*(("identify", {"traits": {**traits, "email": email}}) for email in emails))
        paths = [one.path.removeprefix("/api/3/") for one in emulator.requests]
        # The key is proved, names and exclusions are read once, and so is whether events are tracked.
        shared = {"users/me", "fields", "tags", "lists", "lists/exclusions", "eventTracking", "siteTracking"}
        assert len([path for path in paths if path not in shared]) <= 2 * len(emails), paths


@pytest.mark.parametrize(
    "row",
    [
        {"traits": json.dumps({**TRAITS, **TAGS, **FIELDS})},
        {"context": json.dumps({"traits": {**TRAITS, **TAGS, **FIELDS}})},
        {"email": EMAIL, "name": "John Doe", "phone": "2364556", "tags": json.dumps(TAGS["tags"])}
        | {"fieldinfo": json.dumps(FIELDS["fieldInfo"])},
        {"context_traits_email": EMAIL, "traits_name": "John Doe", "traits_phone": "2364556"}
        | {"traits_tags": json.dumps(TAGS["tags"]), "traits_field_info_interest": "Electronics"}
        | {"traits_field_info_country": "USA", "traits_field_info_hobbies": '["Cricket", "Tennis"]'},
    ],
    ids=["traits as JSON", "context as JSON", "PyAirbyte's columns", "a warehouse's columns"],
)
def test_given_the_same_call_in_another_form_when_written_then_the_account_holds_the_same(
    write: Callable[..., Process], emulator: Emulator, row: dict[str, Any]
) -> None:
    write(("identify", {**row, "received_at": "2024-01-01T00:00:00Z"}))
    found = contact(emulator.account)
    assert (found["firstName"], found["lastName"], found["phone"]) == ("John", "Doe", "2364556")
    assert found["values"] == {"Interest": "Electronics", "Country": "USA", "Hobbies": "||Cricket||Tennis||"}
    assert {name for name, _ in found["tags"]} == {"returning user", "Coupon Used"}


def test_given_calls_that_cannot_be_written_then_each_is_rejected_and_the_others_are_written(
    write: Callable[..., Process], emulator: Emulator, tmp_path: Path
) -> None:
    emulator.account.add_field("Twice", tag="A")
    emulator.account.add_field("Twice", tag="B")
    emulator.account.add_exclusion("left@example.com")
    refused: list[tuple[str, dict[str, Any]]] = [
        ("email_missing", {"name": "John Doe"}),
        ("email_invalid", {"email": "undefined"}),
        ("unknown_option", {"email": EMAIL, "fieldInfo": {"Country": "Mars"}}),
        ("ambiguous_field", {"email": EMAIL, "fieldInfo": {"twice": "x"}}),
        ("unknown_list", {"email": EMAIL, "lists": [{"id": 99, "status": "subscribe"}]}),
        ("value_invalid", {"email": EMAIL, "lists": [{"id": 2, "status": "paused"}]}),
        ("excluded", {"email": "left@example.com", "phone": "1"}),
    ]
    rows = [traits for _, traits in refused]
    known = {"email": "known@example.com", "fieldInfo": {"interest": "Tea", "Shoe": "44"}}
    done = write(*(("identify", {"traits": traits}) for traits in [*rows, known]))
    kept = [json.loads(line) for line in (tmp_path / "rejected" / "rejected.jsonl").read_text().splitlines()]
    assert sorted((one["code"], one["row"]["traits"].get("email")) for one in kept) == sorted(
        (code, traits.get("email")) for code, traits in refused
    )
    # A title in another letter case is the same title; one that is nobody's is said.
    assert contact(emulator.account, known["email"])["values"] == {"Interest": "Tea"}
    assert [line for line in done.logs if "fieldInfo" in line and "Shoe" in line] == [
        "Stream identify: the entry Shoe of fieldInfo is left out, as no custom field has this name. Create the field "
        "in ActiveCampaign, or correct the name.",
        "Stream identify: entries of fieldInfo were left out, as no custom field has their names: Shoe (1).",
    ]
