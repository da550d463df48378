"""What rows of contacts, contact_tags and contact_lists make of an account, over HTTP."""

import json
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from activecampaign_client.errors import ApiError
from destination_activecampaign.catalog import Mode
from destination_activecampaign.contacts import delivery
from destination_activecampaign.contacts.differences import difference
from destination_activecampaign.rejections import Rejection
from destination_activecampaign.writer import Row
from emulator import Account, Emulator
from integration_tests.destination.contacts import QUICK, Has, World, Written, target_of

WHOLE = {
    "email": "ann@example.com",
    "firstName": "Ann",
    "lastName": "Lee",
    "phone": "+1 555 0100",
    "custom_plan": "gold",
    "custom_size": 7.5,
    "custom_born": "1990-02-03",
    "custom_seen": "2024-05-06T07:08:09Z",
    "custom_colour": "Red",
    "custom_sports": ["chess", "rowing"],
    "tags": ["vip", "fresh"],
    "lists": ["News", {"id": "Offers", "status": "unsubscribe"}],
}
EMAILS = [f"person{number}@example.com" for number in range(30)]


@pytest.fixture
def world() -> Iterator[World]:
    with Emulator(Account.empty()) as emulator:
        emulator.settings.patch(QUICK)
        yield World(emulator)


def rows(*emails: str, **columns: Any) -> list[dict[str, Any]]:
    return [{"email": email, **columns} for email in emails]


# ---- what is written, whichever way


@pytest.mark.parametrize("run_automations", [False, True], ids=["by the importer", "one by one"])
def test_a_whole_contact_is_written_and_the_same_row_again_changes_nothing(world, run_automations):
    assert world.write([WHOLE], run_automations=run_automations) == ["created"]
    has = world.has("ann@example.com")
    assert has.names == ("Ann", "Lee", "+1 555 0100")
    seen = has.values.pop("seen")
    assert seen.startswith("2024-05-06T0")
    assert has.values == {
        "plan": "gold",
        "size": "7.5",
        "born": "1990-02-03",
        "colour": "red",
        "sports": "||chess||rowing||",
    }
    assert has.tags == {"vip", "fresh"}
    assert has.lists == {"News": "1", "Offers": "2"}
    assert ("import/bulk_import" in str(world.writes)) is not run_automations

    assert world.write([WHOLE], run_automations=run_automations) == ["unchanged"]
    assert world.writes == []


def test_only_what_differs_is_written(world):
    world.add("ann@example.com", firstName="Ann", values={"plan": "gold", "size": "3"}, tags=["vip"])
    row = {"email": "Ann@Example.com", "firstName": "Ann", "custom_plan": "gold", "custom_size": 4, "tags": ["VIP"]}
    assert world.write([row], run_automations=True) == ["updated"]
    [request] = [one for one in world.emulator.requests if one.method != "GET"]
    assert request.path.endswith("contact/sync")
    assert b"gold" not in request.body
    assert b"firstName" not in request.body
    assert world.has("ann@example.com").values == {"plan": "gold", "size": "4"}


def test_what_differs_in_more_than_letter_case_is_not_the_same(world):
    world.account.add_tag("Strasse")
    world.account.add_list("Gass")
    world.account.insert("accounts", name="Gross AG")
    world.add("gross@example.com", tags=[], lists={"News": "1"})
    given = rows("groß@example.com", "gross@example.com", firstName="One", tags=["Straße"], account="Groß AG")
    given[1] |= {"firstName": "Two", "tags": ["STRASSE"], "account": "GROSS AG"}
    assert world.write(given, create_missing={"tags", "accounts"}) == ["created", "updated"]
    one, two = world.has("groß@example.com"), world.has("gross@example.com")
    assert (one.names[0], one.tags, one.account) == ("One", {"Straße"}, "Groß AG")
    assert (two.names[0], two.tags, two.account) == ("Two", {"Strasse"}, "Gross AG")
    assert world.write(given, create_missing={"tags", "accounts"}) == ["unchanged", "unchanged"]
    assert world.write(rows("gross@example.com", lists=["Gaß"])) == ["unknown_list"]


def test_values_in_the_form_that_pyairbytes_cache_gives_them_are_understood(world):
    [news] = [world.lists["News"]]
    row = {
        "email": "ann@example.com",
        "firstname": "Ann",
        "custom_size": "1.500000000",
        "custom_sports": '["chess"]',
        "tags": '["vip", "lead"]',
        "lists": f'[{{"id": "{news}.000000000", "status": "1"}}]',
        "_airbyte_raw_id": "1",
    }
    assert world.write([row]) == ["created"]
    has = world.has("ann@example.com")
    assert (has.names[0], has.values) == ("Ann", {"size": "1.5", "sports": "||chess||"})
    assert (has.tags, has.lists) == ({"vip", "lead"}, {"News": "1"})


def test_lists_go_by_id_string_id_and_name(world):
    third = world.account.add_list("Third", "third-list")
    assert world.write([{"email": "a@example.com", "lists": [int(world.lists["News"]), "THIRD-LIST", "offers"]}]) == [
        "created"
    ]
    assert world.has("a@example.com").lists == {"News": "1", "Offers": "1", "Third": "1"}
    assert third


@pytest.mark.parametrize("null_values", ["ignore", "clear"])
def test_a_null_or_absent_column_clears_only_where_that_is_asked_for(world, null_values):
    world.add("ann@example.com", firstName="Ann", lastName="Lee", values={"plan": "gold", "size": "3"})
    row = {"email": "ann@example.com", "lastName": None, "custom_size": 4}
    columns = ["email", "lastName", "firstName", "custom_plan", "custom_size"]
    assert world.write([row], columns=columns, null_values=null_values) == ["updated"]
    has = world.has("ann@example.com")
    assert has.values["size"] == "4"
    if null_values == "clear":
        assert (has.names, has.values) == (("", "", ""), {"size": "4"})
        assert world.write([row], columns=columns, null_values=null_values) == ["unchanged"]
    else:
        assert (has.names[:2], has.values["plan"]) == (("Ann", "Lee"), "gold")


@pytest.mark.parametrize(
    ("given", "null_values", "left"),
    [
        (["lead"], "ignore", {"lead"}),
        ([], "ignore", set()),
        (None, "ignore", {"vip", "old"}),
        (None, "clear", set()),
    ],
)
def test_tags_that_replace_are_all_that_the_contact_has(world, given, null_values, left):
    world.add("ann@example.com", tags=["vip", "old"])
    world.write([{"email": "ann@example.com", "tags": given}], tags="replace", null_values=null_values)
    assert world.has("ann@example.com").tags == left


def test_account_moves_the_association_and_is_created_only_where_that_is_allowed(world):
    assert world.write([{"email": "a@example.com", "account": "Acme"}]) == ["unknown_account"]
    assert world.contacts() == {}
    allowed = {"create_missing": {"accounts"}}
    assert world.write([{"email": "a@example.com", "account": "Acme"}], **allowed) == ["created"]
    assert world.has("a@example.com").account == "Acme"
    assert world.write([{"email": "a@example.com", "account": "acme"}], **allowed) == ["unchanged"]
    assert world.write([{"email": "a@example.com", "account": "Other"}], **allowed) == ["updated"]
    assert world.has("a@example.com").account == "Other"
    assert sorted(row["name"] for row in world.account.rows("accounts")) == ["Acme", "Other"]


def test_an_account_that_cannot_be_changed_in_place_is_left_and_entered_anew(world):
    world.emulator.settings.patch({"account_changes": "ignored"})
    allowed = {"create_missing": {"accounts"}}
    world.write([{"email": "a@example.com", "account": "Acme"}], **allowed)
    assert world.write([{"email": "a@example.com", "account": "Other"}], **allowed) == ["updated"]
    assert world.has("a@example.com").account == "Other"


def test_tags_and_options_are_created_only_where_that_is_allowed(world):
    row = {
        "email": "a@example.com",
        "tags": ["brand new"],
        "custom_colour": "green",
        "custom_sports": ["golf", "chess"],
    }
    assert world.write([{"email": "a@example.com", "tags": ["brand new"]}], create_missing=()) == ["unknown_tag"]
    assert world.write([row]) == ["unknown_option"]
    assert world.contacts() == {}
    assert world.write([row], create_missing=("tags", "options")) == ["created"]
    has = world.has("a@example.com")
    assert (has.values, has.tags) == ({"colour": "green", "sports": "||golf||chess||"}, {"brand new"})
    assert world.writes.count("POST fieldOption/bulk") == 1
    assert sorted(one["value"] for one in world.account.rows("fieldOptions")) == sorted(
        ["red", "blue", "chess", "rowing", "green", "golf"]
    )


# ---- modes


@pytest.mark.parametrize("number", [1, 30], ids=["few rows", "many rows"])
def test_update_never_creates_and_insert_never_changes(world, number):
    emails = EMAILS[:number]
    world.add(emails[0], firstName="Before")
    assert world.write(rows(*emails, firstName="After"), mode=Mode.INSERT) == ["exists"] + ["created"] * (number - 1)
    assert world.has(emails[0]).names[0] == "Before"
    new = [f"x{email}" for email in emails]
    assert (
        world.write(rows(*emails, *new, firstName="Later"), mode=Mode.UPDATE)
        == ["updated"] * number + ["skipped"] * number
    )
    assert set(world.contacts()) == set(emails)
    assert {has.names[0] for has in world.contacts().values()} == {"Later"}


def test_two_rows_that_insert_the_same_contact_are_one_too_many(world):
    assert world.write(rows("a@example.com", "A@example.com"), mode=Mode.INSERT) == ["created", "exists"]


@pytest.mark.parametrize(("deletions", "left"), [("delete", set()), ("unsubscribe", {"ann@example.com"})])
def test_soft_delete_does_what_the_configuration_says(world, deletions, left):
    world.add("ann@example.com", lists={"News": "1", "Offers": "2"})
    given = rows("ann@example.com", "nobody@example.com")
    assert world.write(given, mode=Mode.SOFT_DELETE, deletions=deletions) == ["updated", "unchanged"]
    assert set(world.contacts()) == left
    if left:
        assert world.has("ann@example.com").lists == {"News": "2", "Offers": "2"}
    assert world.write(given, mode=Mode.SOFT_DELETE, deletions=deletions) == ["unchanged", "unchanged"]


def test_rows_with_an_id_change_that_contact_and_its_email_address(world):
    ann, bob = world.add("ann@example.com"), world.add("bob@example.com")
    given = [
        {"id": ann, "email": "new@example.com", "firstName": "Ann", "custom_plan": "gold", "tags": ["vip"]},
        {"id": f"{bob}.000000000", "firstName": "Bob"},
        {"id": "999999", "firstName": "Nobody"},
        {"id": bob, "email": "new@example.com"},
        {"id": None},
    ]
    assert world.write(given, key=["id"]) == ["updated", "updated", "no_match", "exists", "id_missing"]
    assert set(world.contacts()) == {"new@example.com", "bob@example.com"}
    assert world.has("new@example.com").names[0] == "Ann"
    assert world.has("new@example.com").values == {"plan": "gold"}
    assert world.has("new@example.com").tags == {"vip"}
    assert world.has("bob@example.com").names[0] == "Bob"
    assert world.write([{"id": "999999"}], mode=Mode.UPDATE, key=["id"]) == ["skipped"]


def test_contact_tags_are_added_and_removed(world):
    world.add("ann@example.com", tags=["old"])
    given = [{"email": "ann@example.com", "tag": "vip"}, {"email": "new@example.com", "tag": "vip"}]
    assert world.write(given, "contact_tags") == ["updated", "created"]
    assert (world.has("ann@example.com").tags, world.has("new@example.com").tags) == ({"old", "vip"}, {"vip"})
    given = [
        {"email": "ann@example.com", "tag": "OLD"},
        {"email": "ann@example.com", "tag": "never"},
        {"email": "nobody@example.com", "tag": "vip"},
    ]
    assert world.write(given, "contact_tags", Mode.SOFT_DELETE) == ["updated", "updated", "unchanged"]
    assert world.has("ann@example.com").tags == {"vip"}
    assert "nobody@example.com" not in world.contacts()


def test_contact_lists_are_joined_and_left(world):
    world.add("ann@example.com", lists={"News": "1"})
    given = [
        {"email": "ann@example.com", "list": "News", "status": "unsubscribe"},
        {"email": "ann@example.com", "list": "Offers"},
        {"email": "bob@example.com", "list": "News", "status": "2"},
    ]
    assert world.write(given, "contact_lists") == ["updated", "updated", "created"]
    assert world.has("ann@example.com").lists == {"News": "2", "Offers": "1"}
    # Whoever is not to be written to stays so, also where somebody else would subscribe them.
    assert world.has("bob@example.com").lists == {"News": "2"}
    given = [{"email": "ann@example.com", "list": "Offers"}, {"email": "ann@example.com", "list": "News"}]
    assert world.write(given, "contact_lists", Mode.SOFT_DELETE) == ["updated", "updated"]
    assert world.has("ann@example.com").lists == {"News": "2", "Offers": "2"}


def test_streams_of_one_contact_keep_their_order(world):
    contacts = target_of([{"email": "", "firstName": "", "tags": ""}])
    tags, no_tags = (target_of([{}], "contact_tags", mode) for mode in (Mode.UPSERT, Mode.SOFT_DELETE))
    email = "ann@example.com"
    steps = [
        (contacts, {"email": email, "firstName": "One", "tags": ["vip"]}),
        (no_tags, {"email": email, "tag": "vip"}),
        (tags, {"email": email, "tag": "lead"}),
        (contacts, {"email": email, "firstName": "Two"}),
        (no_tags, {"email": email, "tag": "lead"}),
        (tags, {"email": email, "tag": "vip"}),
    ]
    assert set(world.sync(steps).codes) <= {"created", "updated"}
    assert world.has(email).names[0] == "Two"
    assert world.has(email).tags == {"vip"}


@pytest.mark.parametrize("run_automations", [False, True], ids=["by the importer", "one by one"])
def test_a_tag_that_this_sync_has_created_can_be_taken_away_again(world, run_automations):
    # The account's tags are read before there is another one.
    world.add("somebody@example.com", tags=["vip"])
    contacts = target_of([{"email": "", "tags": ""}], mode=Mode.INSERT)
    no_tags = target_of([{}], "contact_tags", Mode.SOFT_DELETE)
    given = [(contacts, {"email": email, "tags": ["brand new", "vip"]}) for email in EMAILS]
    given.append((no_tags, {"email": EMAILS[0], "tag": "Brand New"}))
    assert world.sync(given, run_automations=run_automations).codes == ["created"] * 30 + ["updated"]
    assert [world.has(email).tags for email in EMAILS[:2]] == [{"vip"}, {"brand new", "vip"}]


def test_whoever_is_excluded_or_has_bounced_can_still_leave(world):
    world.account.insert("exclusions", matchPhrase="ann@example.com", matchType="exact", channel="all", lists=[])
    world.add("ann@example.com", lists={"News": "1"})
    world.add("bob@example.com", lists={"News": "1"}, bounced_hard="1")
    for compare in ("auto", "never"):
        given = [{"email": email, "list": "News"} for email in ("ann@example.com", "bob@example.com")]
        found = world.write(given, "contact_lists", Mode.SOFT_DELETE, compare=compare)
        assert found == (["updated"] * 2 if compare == "auto" else ["unchanged"] * 2)
        assert {has.lists["News"] for has in world.contacts().values()} == {"2"}


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another row"])
def test_tags_are_taken_away_from_whoever_is_excluded_or_has_bounced(world, beside):
    world.account.insert("exclusions", matchPhrase="ann@example.com", matchType="exact", channel="all", lists=[])
    world.add("ann@example.com", tags=["vip", "old"], lists={"News": "1"})
    world.add("bob@example.com", tags=["vip", "old"], lists={"News": "1"}, bounced_hard="1")
    emails = ["ann@example.com", "bob@example.com"]
    no_tags = target_of([{}], "contact_tags", Mode.SOFT_DELETE)
    given = [(no_tags, {"email": email, "tag": "Old"}) for email in emails]
    expected = ["updated", "updated"]
    if beside:
        names = target_of([{"email": "", "firstName": ""}])
        given += [(names, {"email": email, "firstName": "New"}) for email in emails]
        leaves = target_of([{"email": "", "list": "", "status": ""}], "contact_lists")
        given += [(leaves, {"email": email, "list": "News", "status": "unsubscribe"}) for email in emails]
        expected += ["excluded", "bounced", "updated", "updated"]
    assert world.sync(given).codes == expected
    assert [(has.names[0], has.tags) for has in world.contacts().values()] == [("", {"vip"})] * 2
    assert {has.lists["News"] for has in world.contacts().values()} == {"2" if beside else "1"}


def test_tags_that_replace_can_be_fewer_for_whoever_has_bounced(world):
    world.add("bob@example.com", tags=["vip", "old"], bounced_hard="1")
    assert world.write([{"email": "bob@example.com", "tags": ["vip"]}], tags="replace") == ["updated"]
    assert world.has("bob@example.com").tags == {"vip"}
    assert world.write([{"email": "bob@example.com", "tags": ["lead"]}], tags="replace") == ["bounced"]
    assert world.has("bob@example.com").tags == {"vip"}


def test_rows_of_one_contact_are_one_write_and_the_last_value_of_each_column_wins(world):
    given = [
        {"email": "ann@example.com", "firstName": "A", "lastName": "Lee"},
        {"email": "ANN@example.com", "firstName": "Ann"},
    ]
    assert world.write(given, run_automations=True) == ["created", "created"]
    assert world.has("ann@example.com" if "ann@example.com" in world.contacts() else "ANN@example.com").names[:2] == (
        "Ann",
        "Lee",
    )
    assert world.writes == ["POST contact/sync"]


# ---- rejections


BAD = [
    ({"email": None}, "email_missing"),
    ({"email": " "}, "email_missing"),
    ({"email": "nobody"}, "email_invalid"),
    ({"email": "a b@example.com"}, "email_invalid"),
    ({"email": ["a@example.com"]}, "value_invalid"),
    ({"lists": ["Nowhere"]}, "unknown_list"),
    ({"lists": [{"status": 1}]}, "list_missing"),
    ({"lists": [{"id": "News", "status": "perhaps"}]}, "value_invalid"),
    ({"custom_size": "a few"}, "value_invalid"),
    ({"custom_born": "yesterday"}, "value_invalid"),
    ({"custom_colour": "green"}, "unknown_option"),
    ({"firstName": {"first": "Ann"}}, "value_invalid"),
    ({"email": "stranger@blocked.example.com"}, "excluded"),
    ({"email": "bounced@example.com"}, "bounced"),
]


@pytest.mark.parametrize("number", [1, 30], ids=["few rows", "many rows"])
def test_one_bad_row_costs_nobody_else_and_nothing_of_it_is_written(world, number):
    world.account.insert("exclusions", matchPhrase="@blocked.example.com", matchType="end", channel="all", lists=[])
    world.add("bounced@example.com", bounced_hard="1", firstName="Before")
    good = rows(*EMAILS[:number], firstName="Ann")
    bad = [{"email": "bad@example.com", "firstName": "Ann", "tags": ["unwritten"], **columns} for columns, _ in BAD]
    found = world.write([*good, *bad])
    assert found == ["created"] * number + [code for _, code in BAD]
    assert set(world.contacts()) == {*EMAILS[:number], "bounced@example.com"}
    assert world.has("bounced@example.com").names[0] == "Before"
    assert "unwritten" not in [row["tag"] for row in world.account.rows("tags")]


def test_whoever_unsubscribed_is_not_subscribed_again_unless_that_is_asked_for(world):
    world.add("ann@example.com", lists={"News": "2"})
    given = rows("ann@example.com", *EMAILS, firstName="Ann", lists=["News", "Offers"])
    assert world.write(given)[:2] == ["resubscribe_refused", "created"]
    # The rest of the row is written.
    assert world.has("ann@example.com").names[0] == "Ann"
    assert world.has("ann@example.com").lists == {"News": "2", "Offers": "1"}
    assert world.write(given, resubscribe=True)[:2] == ["updated", "unchanged"]
    assert world.has("ann@example.com").lists == {"News": "1", "Offers": "1"}


@pytest.mark.parametrize("resubscribe", [False, True])
def test_the_same_holds_where_the_account_is_not_asked_first(world, resubscribe):
    world.add("ann@example.com", lists={"News": "2"})
    given = rows("ann@example.com", *EMAILS, lists=["News"])
    found = world.write(given, resubscribe=resubscribe, compare="never")
    assert found == ["written" if resubscribe else "resubscribe_refused"] + ["written"] * 30
    assert world.has("ann@example.com").lists == {"News": "1" if resubscribe else "2"}
    assert {has.lists["News"] for email, has in world.contacts().items() if email != "ann@example.com"} == {"1"}


def test_rows_are_pushed_without_waiting_for_what_becomes_of_them(world):
    given = rows(*EMAILS, firstName="Ann")
    target = target_of(given)
    written, may_go_on = Written([None] * len(given)), threading.Event()

    def settle(*what: Any) -> None:
        assert may_go_on.wait(60)
        written.settle(*what)

    with world.writer([target], settle, compare="never") as writer:
        for number, row in enumerate(given):
            writer.take(target, Row(number, row))
        writer.push()
        assert written.results == [None] * len(given)
        may_go_on.set()
        writer.flush()
    assert written.codes == ["written"] * len(given)


def test_what_the_importer_leaves_out_without_a_reason_is_explained_by_a_single_write(world):
    # It takes the address, and leaves it out; a single write is told why.
    given = rows(*EMAILS, "o'brien@example.com", firstName="Ann")
    assert world.write(given) == ["created"] * 30 + ["email_invalid"]
    assert world.writes == ["POST import/bulk_import", "POST contact/sync"]


def test_what_the_importer_leaves_out_and_a_single_write_does_not_is_written(world):
    world.emulator.settings.patch({"contact_limit": 30})
    given = rows(*EMAILS, "last@example.com", firstName="Ann", tags=["vip"], lists=["News"])
    assert world.write(given) == ["created"] * 31
    assert world.has("last@example.com") == world.has(EMAILS[0])


def test_contacts_that_are_too_large_together_are_written_and_one_that_is_so_alone_is_rejected(world):
    world.emulator.settings.patch({"body_bytes": 2000})
    given = rows(*EMAILS, firstName="Ann") + rows("large@example.com", firstName="x" * 2000)
    written = world.sync([(target_of(given), row) for row in given])
    assert written.codes == ["created"] * 30 + ["api_refused"]
    assert written.results[-1] == Rejection("api_refused", "ActiveCampaign refused the row (HTTP 413).")
    assert set(world.contacts()) == set(EMAILS)
    # Nobody else is written one by one.
    assert world.writes.count("POST contact/sync") == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "duplicate", "source": {"pointer": "/data/attributes/email"}}, "exists"),
        ({"code": "duplicate", "source": {"pointer": "/data/attributes/phone"}}, "api_refused"),
        ({"code": "duplicate"}, "api_refused"),
        ({"code": "email_invalid", "source": {"pointer": "/data/attributes/email"}}, "email_invalid"),
    ],
)
def test_a_refusal_is_about_the_address_where_it_says_so(world, error, expected):
    body = json.dumps({"errors": [{"title": "Taken by bob@example.com", **error}]})
    world.emulator.settings.patch({"faults": [fault("422", "/contact/sync", body=body)]})
    given = rows("ann@example.com", firstName="Ann")
    [refused] = world.sync([(target_of(given), row) for row in given], run_automations=True).results
    assert isinstance(refused, Rejection)
    assert refused.code == expected
    assert "bob" not in refused.sentence
    assert refused.detail == ("Taken by bob@example.com" if expected == "api_refused" else "")


@pytest.mark.parametrize("body", [{"errors": [{"title": "Ann is busy"}]}, {"message": "Ann is busy"}, {}])
def test_an_answer_without_the_contact_is_asked_for_again_and_rejects_it_in_the_end(world, body):
    said = fault("200", "/contact/sync", times=4, body=json.dumps(body))
    world.emulator.settings.patch({"faults": [said]})
    given = rows("ann@example.com", firstName="Ann")
    [rejected] = world.sync([(target_of(given), row) for row in given], run_automations=True).results
    assert isinstance(rejected, Rejection)
    assert (rejected.code, rejected.detail) == ("not_written", "Ann is busy" if body else "")
    said = fault("200", "/contact/sync", times=1, body=json.dumps(body))
    world.emulator.settings.patch({"faults": [said]})
    assert world.write(given, run_automations=True) == ["created"]


@pytest.mark.parametrize("reason", [{"contact": 2, "failureReason": "Field 'email' not found"}, "Contact 2: no email"])
def test_a_batch_that_is_refused_for_one_contact_is_sent_without_it(world, reason):
    body = {"success": 0, "message": "JSON payload did not pass validation.", "failureReasons": [reason]}
    world.emulator.settings.patch({"faults": [fault("400", "/import/bulk_import", times=1, body=json.dumps(body))]})
    assert world.write(rows(*EMAILS)) == ["created", "email_invalid"] + ["created"] * 28
    assert EMAILS[1] not in world.contacts()


def test_a_batch_that_is_refused_for_no_contact_is_written_one_by_one(world):
    body = json.dumps({"success": 0, "message": "JSON payload did not pass validation.", "failureReasons": ["So."]})
    world.emulator.settings.patch({"faults": [fault("400", "/import/bulk_import", body=body)]})
    assert world.write(rows(*EMAILS, firstName="Ann")) == ["created"] * 30
    assert {has.names[0] for has in world.contacts().values()} == {"Ann"}


# ---- how many requests it takes


def test_a_thousand_contacts_take_few_requests_and_the_same_again_no_write(world):
    for number in range(500):
        world.add(f"person{number}@example.com", firstName="Before", values={"size": "1"}, tags=["vip"])
    given = [
        {**WHOLE, "email": f"person{number}@example.com", "firstName": f"Name {number}", "custom_size": number}
        for number in range(1000)
    ]
    assert world.write(given) == ["updated"] * 500 + ["created"] * 500
    assert world.writes == ["POST import/bulk_import"] * 4
    # Fields, tags, lists, exclusions, what the importer has in hand, the number of contacts, pages that overlap, and
    # the imports; how often each of these is asked about is a matter of time.
    assert len([one for one in world.asked() if one != "GET import/info"]) <= 6 + 6 + 4
    assert world.write(given) == ["unchanged"] * 1000
    assert world.writes == []
    assert len(world.asked()) <= 1000 / 100 + 6


def test_one_row_for_a_large_account_does_not_read_all_of_it(world):
    for number in range(300):
        world.add(f"person{number}@example.com")
    assert world.write([{"email": "person7@example.com", "firstName": "Ann"}]) == ["updated"]
    assert world.asked("GET").count("GET contacts") == 1


# ---- what goes wrong on the way


def fault(kind: str, path: str = "*", **more: Any) -> dict[str, Any]:
    # What the importer has in hand is asked for at the same place.
    return {"kind": kind, "path": path, **({"method": "POST"} if path == IMPORT else {}), **more}


MANY = [
    {
        "email": f"person{number}@example.com",
        "firstName": f"Name {number}",
        "custom_size": number,
        "custom_sports": ["chess"],
        "tags": ["vip", f"tag {number % 3}"],
        "lists": ["News"],
    }
    for number in range(60)
]


def expected(number: int) -> Has:
    values = {"size": str(number), "sports": "||chess||"}
    return Has((f"Name {number}", "", ""), values, frozenset({"vip", f"tag {number % 3}"}), {"News": "1"}, None)


def check_all(world: World, codes: list[str]) -> None:
    assert set(codes) <= {"created", "updated", "unchanged"}
    assert world.contacts() == {f"person{number}@example.com": expected(number) for number in range(60)}


IMPORT, INFO = "/import/bulk_import", "/import/info"


@pytest.mark.parametrize(
    "faults",
    [
        [fault("batch_failed", IMPORT, times=1)],
        [fault("batch_interrupted", IMPORT, times=1, part=0.5)],
        [fault("batch_stuck", IMPORT, times=1, part=0.5)],
        [fault("batch_failed", IMPORT)],
        [fault("batch_interrupted", IMPORT, part=0.9)],
        [fault("drop_after", IMPORT, times=1)],
        [fault("drop_midway", IMPORT, times=1)],
        [fault("drop", IMPORT, times=1)],
        [fault("503", IMPORT, times=1)],
        [fault("html", IMPORT, times=1)],
        [fault("empty", IMPORT, times=1)],
        [fault("truncated", IMPORT, times=1)],
        [fault("429", IMPORT, times=2)],
        [fault("429", INFO, times=2)],
        [fault("400", INFO, times=1)],
        [fault("404", INFO, times=1)],
        [fault("html", INFO, times=1)],
        [fault("drop_midway", INFO, times=1)],
        [fault("500", "/contacts", times=1)],
        [fault("drop", "/fields", times=1)],
    ],
    ids=lambda faults: f"{faults[0]['kind']} {faults[0]['path']} {faults[0].get('times', 'always')}",
)
def test_nothing_is_lost_and_nothing_is_there_twice_whatever_happens_to_an_import(world, faults):
    world.longest_batch = 1.0
    world.emulator.settings.patch({"faults": faults})
    check_all(world, world.write(MANY))
    world.emulator.settings.patch({"faults": []})
    assert world.write(MANY) == ["unchanged"] * 60
    assert world.writes == []


@pytest.mark.parametrize("kind", ["drop", "drop_after", "drop_midway", "503", "429", "html", "empty"])
def test_nothing_is_lost_and_nothing_is_there_twice_whatever_happens_to_single_writes(world, kind):
    paths = ["/contact/sync", "/contactTags", "/contactLists", "/tags", "/accountContacts", "/accounts"]
    faults = [fault(kind, path, times=1, method="POST") for path in paths]
    world.emulator.settings.patch({"faults": faults})
    given = [{**row, "account": "Acme"} for row in MANY[:3]]
    allowed = {"create_missing": {"tags", "accounts"}, "run_automations": True}
    assert set(world.write(given, **allowed)) == {"created"}
    account = world.account
    assert [world.has(row["email"]) for row in given] == [
        expected(number)._replace(account="Acme") for number in range(3)
    ]
    for resource, number in {"contacts": 3, "contactTags": 6, "contactLists": 3, "accounts": 1}.items():
        assert len(account.rows(resource)) == number
    names = [row["tag"] for row in account.rows("tags")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", ["batch_failed", "batch_interrupted"])
def test_a_batch_that_failed_is_sent_again_before_its_contacts_are_written_one_by_one(world, kind):
    world.emulator.settings.patch({"faults": [fault(kind, IMPORT, times=1, part=0.5)]})
    check_all(world, world.write(MANY))
    assert world.writes == ["POST import/bulk_import"] * 2


def test_what_a_sync_has_written_it_knows_of(world):
    world.add("ann@example.com", firstName="Ann", values={"plan": "gold"}, tags=["vip"], lists={"News": "1"})
    target = target_of([dict.fromkeys(("email", "firstName", "custom_plan", "lists"))])

    def row(name: str, plan: str, status: str) -> tuple[Any, dict[str, Any]]:
        return target, {
            "email": "ann@example.com",
            "firstName": name,
            "custom_plan": plan,
            "lists": [{"id": "News", "status": status}],
        }

    there, back = row("Eve", "silver", "unsubscribe"), row("Ann", "gold", "unsubscribe")
    # Enough others for all contacts to be read.
    others = [(target, {"email": email}) for email in EMAILS]
    found = world.sync([*others, there], [back], [back]).codes
    assert found == [*["created"] * 30, "updated", "updated", "unchanged"]
    assert world.has("ann@example.com").names[0] == "Ann"
    assert world.has("ann@example.com").values == {"plan": "gold"}
    # They were counted once, and read once.
    assert world.asked("GET").count("GET contacts") == 2


def test_where_rows_of_one_contact_cannot_be_written_together_each_is_written_on_its_own(world, monkeypatch):
    monkeypatch.setattr("emulator.contacts.put_values", lambda account, contact, values: None)
    given = [
        {"email": "a@example.com", "firstName": "Ann"},
        {"email": "a@example.com", "custom_plan": "gold"},
        {"email": "a@example.com", "lastName": "Lee"},
    ]
    found = world.write(given, run_automations=True)
    assert [code == "not_written" for code in found] == [False, True, False]
    assert world.has("a@example.com").names[:2] == ("Ann", "Lee")


def test_options_are_created_once_whatever_happens_to_the_answer(world):
    world.emulator.settings.patch({"faults": [fault("drop_after", "/fieldOption/bulk", times=1)]})
    assert world.write([{"email": "a@example.com", "custom_colour": "green"}], create_missing={"options"}) == [
        "created"
    ]
    assert [row["value"] for row in world.account.rows("fieldOptions")].count("green") == 1


def test_the_importers_own_limit_is_waited_for_and_is_no_refusal(world):
    body = json.dumps({"success": 0, "message": "Rate limit exceeded.", "failureReasons": ["Up to 100 imports"]})
    world.emulator.settings.patch({"faults": [fault("400", IMPORT, times=1, body=body)]})
    check_all(world, world.write(MANY))


def test_an_importer_that_names_fewer_contacts_than_it_was_sent_is_not_believed(world, monkeypatch):
    from emulator.import_queue import ImportQueue  # noqa: PLC0415

    apply_next, lost = ImportQueue._apply_next, []

    def forget_one(call: Any, batch: Any) -> None:
        if not lost:
            lost.append(batch.rows[batch.applied])
            batch.applied += 1
            return
        apply_next(call, batch)

    monkeypatch.setattr(ImportQueue, "_apply_next", staticmethod(forget_one))
    check_all(world, world.write(MANY))
    assert lost


def test_what_the_api_accepts_and_does_not_write_is_rejected(world, monkeypatch):
    # Recorded and measured: some answers are 200, and show the old values.
    monkeypatch.setattr("emulator.contacts.put_values", lambda account, contact, values: None)
    given = {"email": "a@example.com", "firstName": "Ann", "custom_plan": "gold"}
    assert world.write([given], run_automations=True) == ["not_written"]


def test_an_error_that_stays_ends_the_sync_and_settles_no_row_that_may_not_be_written(world):
    world.emulator.settings.patch({"faults": [fault("403", IMPORT)]})
    with pytest.raises(ApiError, match="does not let this API key write"):
        world.write(MANY)


def test_given_many_rows_when_they_are_compared_then_the_first_batches_leave_before_the_last_row(world, monkeypatch):
    compared = count(1)

    def difference_of(*arguments, **named):
        if next(compared) == 1000:
            deadline = time.monotonic() + 30
            while not world.writes:
                assert time.monotonic() < deadline, "no batch left before the last row was compared"
                time.sleep(0.01)
        return difference(*arguments, **named)

    monkeypatch.setattr(delivery, "difference", difference_of)
    emails = [f"person{number}@example.com" for number in range(1001)]
    assert world.write(rows(*emails, firstName="Ann"), compare="always") == ["created"] * 1001
    # The last of them takes no import of its own from the small budget for single contacts.
    sizes = sorted(len(json.loads(one.body)["contacts"]) for one in world.emulator.requests if one.method == "POST")
    assert sizes == [2, 249, 250, 250, 250]
    assert len(world.contacts()) == 1001


COMPARE = ["always", "never", "auto"]


@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.UPDATE])
@pytest.mark.parametrize("compare", COMPARE)
def test_given_addresses_that_change_hands_when_rows_name_ids_then_each_reaches_its_own_contact(world, compare, mode):
    first = world.add("a@example.com", firstName="First")
    second = world.add("b@example.com", firstName="Second")
    given = [
        {"id": first, "email": "free@example.com"},
        {"id": second, "email": "a@example.com"},
        {"id": first, "phone": "1"},
        {"id": second, "lastName": "Second"},
        {"id": first, "lastName": "First"},
    ]
    assert world.write(given, mode=mode, key=["id"], compare=compare) == ["updated"] * 5
    names = {email: has.names for email, has in world.contacts().items()}
    assert names == {"free@example.com": ("First", "First", "1"), "a@example.com": ("Second", "Second", "")}


@pytest.mark.parametrize("compare", COMPARE)
def test_given_an_address_that_is_another_contacts_by_now_when_an_id_is_deleted_then_the_other_stays(world, compare):
    first = world.add("a@example.com", firstName="First")
    second = world.add("b@example.com", firstName="Second")
    moves = [{"id": first, "email": "free@example.com"}, {"id": second, "email": "a@example.com"}]
    gone = {"id": first}
    rows_of = [
        *((target_of(moves, key=["id"]), row) for row in moves),
        (target_of([gone], mode=Mode.SOFT_DELETE, key=["id"]), gone),
        # Whoever comes after is somebody else.
        (target_of([gone], key=["id"], columns=["id", "phone"]), {"id": first, "phone": "1"}),
    ]
    found = world.sync(rows_of, compare=compare, deletions="delete").codes
    assert found == ["updated", "updated", "updated", "no_match"]
    assert {email: has.names for email, has in world.contacts().items()} == {"a@example.com": ("Second", "", "")}


def test_given_a_contact_that_was_deleted_by_its_address_when_a_row_names_its_id_then_none_is_created(world):
    contact = world.add("a@example.com", firstName="First")
    gone, more = {"email": "a@example.com"}, {"id": contact, "phone": "1"}
    rows_of = [
        (target_of([gone], mode=Mode.SOFT_DELETE), gone),
        (target_of([more], key=["id"]), more),
    ]
    assert world.sync(rows_of, deletions="delete").codes == ["updated", "no_match"]
    assert world.contacts() == {}


def test_given_rows_of_one_id_that_are_written_singly_when_the_first_changes_the_address_then_the_next_finds_it(world):
    contact = world.add("a@example.com", firstName="First")
    given = [
        {"id": contact, "email": "free@example.com", "phone": "1"},
        {"id": contact, "email": "free@example.com", "lastName": "Last"},
    ]
    world.emulator.settings.patch({"faults": [fault("422", "/contacts/*", times=1)]})
    assert world.write(given, key=["id"]) == ["updated"] * 2
    assert world.contacts().keys() == {"free@example.com"}
    assert world.has("free@example.com").names == ("First", "Last", "1")


@pytest.mark.parametrize("compare", COMPARE)
def test_given_batches_that_failed_after_they_were_applied_then_what_was_refused_is_still_said(world, compare):
    world.add("ann@example.com", firstName="Before", lists={"News": "2"})
    world.emulator.settings.patch({"faults": [fault("batch_failed", IMPORT, part=1.0)]})
    assert world.write(rows("ann@example.com", firstName="Ann", lists=["News"]), compare=compare) == [
        "resubscribe_refused"
    ]
    assert world.has("ann@example.com").names[0] == "Ann"
    assert world.has("ann@example.com").lists == {"News": "2"}


@pytest.mark.parametrize("parts", [1, 2])
def test_whether_an_unsubscription_is_undone_does_not_depend_on_what_comes_together(world, parts):
    world.add("ann@example.com", lists={"News": "1"})
    given = [{"email": "ann@example.com", "lists": [{"id": "News", "status": status}]} for status in (2, 1)]
    said = [(target_of(given), row) for row in given]
    found = world.sync(*([said] if parts == 1 else ([one] for one in said))).codes
    assert found == ["updated", "resubscribe_refused"]
    assert world.has("ann@example.com").lists == {"News": "2"}
