"""What rows about one contact say together, what of it the account has already, and what writes the rest."""

from dataclasses import replace

import pytest

from activecampaign_client.custom_fields import Definition
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.contacts.change import Change, Ending, merge
from destination_activecampaign.contacts.differences import difference, for_importer, is_same, needs_to_know
from destination_activecampaign.contacts.known import Association, Contact, after
from destination_activecampaign.contacts.pending import Pending, Said, merged, ready
from destination_activecampaign.contacts.snapshot import Snapshot
from destination_activecampaign.writer import Row

EMAIL = "ann@example.com"
FIELDS = {
    "1": Definition("1", "Plan", "text", "PLAN"),
    "2": Definition("2", "Size", "number", "SIZE"),
    "3": Definition("3", "Seen", "datetime", "SEEN"),
    "4": Definition("4", "Sports", "checkbox", "SPORTS", ("chess", "rowing")),
    "5": Definition("5", "Born", "date", "BORN"),
}
ANN = Contact(
    "7",
    EMAIL,
    {"firstName": "Ann", "lastName": "Lee", "phone": ""},
    {"1": "gold", "2": "7.50", "3": "2020-05-19T02:45:00-05:00", "4": "||rowing||chess||", "5": "1990-02-03"},
    {"vip": "70", "old": "71"},
    {"1": "1", "2": "2", "3": "3", "4": "0"},
    Association("80", "90", "CEO"),
)


# ---- rows of one contact


def test_the_last_value_of_each_column_wins():
    first = Change(EMAIL, standard={"firstName": "A", "phone": "1"}, values={"1": "x"}, lists={"1": True}, account="A")
    last = Change("Ann@example.com", standard={"firstName": "Ann"}, values={"2": "3"}, lists={"1": False, "2": True})
    assert merge(first, last) == Change(
        "Ann@example.com",
        standard={"firstName": "Ann", "phone": "1"},
        values={"1": "x", "2": "3"},
        lists={"1": False, "2": True},
        account="A",
    )


@pytest.mark.parametrize(
    ("earlier", "later", "whole", "added", "removed"),
    [
        (Change(add_tags={"a": "a"}), Change(add_tags={"b": "b"}), None, {"a", "b"}, set()),
        (Change(add_tags={"a": "a"}), Change(remove_tags=frozenset("a")), None, set(), {"a"}),
        (Change(remove_tags=frozenset("a")), Change(add_tags={"a": "a"}), None, {"a"}, set()),
        (Change(add_tags={"a": "a"}), Change(whole_tags={"b": "b"}), {"b"}, set(), set()),
        (Change(whole_tags={"b": "b"}), Change(remove_tags=frozenset("b")), {"b"}, set(), {"b"}),
        (Change(whole_tags={"b": "b"}), Change(whole_tags={}), set(), set(), set()),
    ],
)
def test_tags_are_what_the_rows_make_of_them_one_after_the_other(earlier, later, whole, added, removed):
    both = merge(earlier, later)
    assert both is not None
    assert (both.whole_tags if whole is None else set(both.whole_tags or ())) == whole
    assert (set(both.add_tags), set(both.remove_tags)) == (added, removed)


INSERT = Change(EMAIL, mode=Mode.INSERT)
UPDATE = Change(EMAIL, mode=Mode.UPDATE)
LEAVE = Change(EMAIL, mode=Mode.SOFT_DELETE, ending=Ending.UNSUBSCRIBE)
DELETE = Change(EMAIL, mode=Mode.SOFT_DELETE, ending=Ending.DELETE)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (INSERT, INSERT),
        (INSERT, Change(EMAIL)),
        (UPDATE, Change(EMAIL)),
        (Change(EMAIL), DELETE),
        (DELETE, Change(EMAIL)),
        (LEAVE, DELETE),
        (LEAVE, replace(LEAVE, lists={"3": False})),
        (Change(EMAIL), Change(id="7")),
    ],
)
def test_what_cannot_be_one_change_has_its_own_turn(earlier, later):
    assert merge(earlier, later) is None


def test_taking_a_tag_away_joins_an_upsert_and_never_creates_alone():
    untag = Change(EMAIL, mode=Mode.SOFT_DELETE, remove_tags=frozenset({"vip"}))
    for pair in ((Change(EMAIL), untag), (untag, Change(EMAIL))):
        both = merge(*pair)
        assert both is not None
        assert (both.mode, both.remove_tags) == (Mode.UPSERT, {"vip"})
    both = merge(untag, untag)
    assert both is not None
    assert both.mode is Mode.SOFT_DELETE


def pending(change: Change) -> Pending:
    row = Row(0, {})
    return Pending(EMAIL, change, [Said(Target("s", None, "contacts", change.mode, ("email",)), row, change)])


def test_only_one_change_of_a_contact_is_written_at_a_time_and_their_order_is_kept():
    changes = [Change(EMAIL, values={"1": "a"}), DELETE, Change(EMAIL, values={"1": "b"}), Change(EMAIL)]
    found = merged(map(pending, changes))
    assert [len(one.rows) for one in found] == [1, 1, 2]
    now, later = ready(found, ())
    assert [one.change.values for one in now] == [{"1": "a"}]
    assert ready(later, {EMAIL}) == ([], later)
    assert ready(later, ())[0][0].change is DELETE


def test_who_gets_another_email_address_is_in_the_way_of_both():
    renamed = Pending(EMAIL, Change("new@example.com", "7"), [])
    other = Pending("New@example.com", Change("New@example.com"), [])
    assert ready([renamed, other], ()) == ([renamed], [other])


ACME = Change(EMAIL, account="Acme", job_title="CEO")
LEFT_ACME = Change(EMAIL, mode=Mode.SOFT_DELETE, left_accounts=frozenset({"acme"}))
LEFT_OTHER = replace(LEFT_ACME, left_accounts=frozenset({"other"}))


@pytest.mark.parametrize(
    ("earlier", "later", "account", "title", "left"),
    [
        (ACME, Change(EMAIL, account="ACME"), "ACME", "CEO", set()),
        (ACME, Change(EMAIL, account="Other"), "Other", None, set()),
        (ACME, Change(EMAIL, account="acme", job_title="CTO"), "acme", "CTO", set()),
        (ACME, Change(EMAIL), "Acme", "CEO", set()),
        (ACME, LEFT_ACME, "", None, set()),
        (ACME, LEFT_OTHER, "Acme", "CEO", set()),
        (LEFT_ACME, ACME, "Acme", "CEO", set()),
        (LEFT_ACME, LEFT_OTHER, None, None, {"acme", "other"}),
        (LEFT_ACME, Change(EMAIL), None, None, {"acme"}),
    ],
)
def test_the_account_is_the_one_of_the_last_row_that_says_something_of_it(earlier, later, account, title, left):
    both = merge(earlier, later)
    assert both is not None
    assert (both.account, both.job_title, set(both.left_accounts)) == (account, title, left)


# ---- what the account has already


@pytest.mark.parametrize(
    ("field", "wanted", "stored", "same"),
    [
        ("1", "gold", "gold", True),
        ("1", "Gold", "gold", False),
        ("1", "", None, True),
        ("2", "7.5", "7.50", True),
        ("2", "100000000000000000000.1", "100000000000000000000.2", False),
        ("2", "7", "seven", False),
        ("2", "", "", True),
        ("3", "2020-05-19T07:45:00+00:00", "2020-05-19T02:45:00-05:00", True),
        ("3", "2020-05-19T07:45:01+00:00", "2020-05-19T02:45:00-05:00", False),
        ("4", "||chess||rowing||", "||rowing||chess||", True),
        ("4", "||chess||", "chess", True),
        ("4", "||chess||", "||chess||rowing||", False),
        ("4", "", "||", True),
        ("5", "1990-02-03", "1990-02-03 00:00:00", True),
        ("9", "x", "x", True),
        ("9", "x", None, False),
    ],
)
def test_values_are_compared_by_what_they_say(field, wanted, stored, same):
    assert is_same(FIELDS.get(field), wanted, stored) is same


def test_nothing_is_left_of_what_the_account_has():
    change = Change(
        EMAIL.upper(),
        standard={"firstName": "Ann", "phone": ""},
        values={"1": "gold", "2": "7.5", "3": "2020-05-19T07:45:00+00:00", "4": "||chess||rowing||"},
        add_tags={"vip": "VIP"},
        remove_tags=frozenset({"gone"}),
        lists={"1": True, "2": False},
        account="Acme",
    )
    assert difference(change, ANN, FIELDS, {"acme": "90"}).change.is_empty


def test_what_differs_is_left():
    change = Change(
        EMAIL,
        standard={"firstName": "Ann", "phone": "1"},
        values={"1": "silver", "2": "7.5"},
        whole_tags={"vip": "vip", "new": "New"},
        lists={"1": False, "4": True, "5": False},
        account="Other",
    )
    left = difference(change, ANN, FIELDS, {"other": "91"}).change
    assert (left.standard, left.values) == ({"phone": "1"}, {"1": "silver"})
    assert (left.add_tags, left.remove_tags, left.whole_tags) == ({"new": "New"}, {"old"}, None)
    assert (left.lists, left.account) == ({"1": False, "4": True, "5": False}, "Other")


@pytest.mark.parametrize(
    ("change", "account", "title"),
    [
        (Change(EMAIL, account="Acme", job_title="CEO"), None, None),
        (Change(EMAIL, account="Acme", job_title="CTO"), "Acme", "CTO"),
        (Change(EMAIL, account="Acme", job_title=""), "Acme", ""),
        (Change(EMAIL, account="Other", job_title="CEO"), "Other", "CEO"),
        (LEFT_ACME, "", None),
        (LEFT_OTHER, None, None),
    ],
)
def test_of_an_association_is_left_what_differs(change, account, title):
    left = difference(change, ANN, FIELDS, {"acme": "90", "other": "91"}).change
    assert (left.account, left.job_title, left.left_accounts) == (account, title, frozenset())
    assert left.is_empty is (account is None)


def test_a_contact_without_an_account_leaves_none():
    assert difference(LEFT_ACME, replace(ANN, account=None), FIELDS, {}).change.is_empty


def test_a_contact_that_is_not_there_has_nothing_to_clear_or_to_leave():
    change = Change(EMAIL, standard={"phone": ""}, values={"1": ""}, whole_tags={}, account="")
    left = difference(change, None, FIELDS).change
    assert left.is_empty
    assert left.email == EMAIL


def test_whoever_left_a_list_stays_away_unless_that_is_asked_for():
    change = Change(EMAIL, lists={"1": True, "2": True, "3": True})
    left, refused = difference(change, ANN, FIELDS)
    assert (left.lists, refused) == ({}, {"2": "2", "3": "3"})
    left, refused = difference(change, ANN, FIELDS, resubscribe=True)
    assert (left.lists, refused) == ({"2": True, "3": True}, {})


def test_to_leave_is_to_leave_what_one_is_on():
    assert difference(LEAVE, ANN, FIELDS).change.lists == {"1": False, "3": False, "4": False}
    some = replace(LEAVE, lists={"1": False, "2": False, "9": False})
    assert difference(some, ANN, FIELDS).change.lists == {"1": False}


# ---- what writes it


@pytest.mark.parametrize(
    "change",
    [
        INSERT,
        UPDATE,
        DELETE,
        Change(id="7"),
        Change(EMAIL, standard={"phone": ""}),
        Change(EMAIL, values={"1": ""}),
        Change(EMAIL, remove_tags=frozenset("a")),
        Change(EMAIL, whole_tags={}),
        Change(EMAIL, account="Acme"),
        Change(EMAIL, left_accounts=frozenset({"acme"})),
    ],
)
def test_what_needs_to_be_asked_for(change):
    assert needs_to_know(change)


def test_what_the_importer_cannot_do_follows_it():
    change = Change(
        EMAIL,
        "7",
        standard={"firstName": "Ann", "phone": ""},
        values={"1": "x", "2": ""},
        add_tags={"new": "New"},
        remove_tags=frozenset({"old"}),
        lists={"2": True, "5": True, "1": False},
        account="Other",
    )
    importer, rest = for_importer(change, ANN)
    assert importer == Change(
        EMAIL,
        "7",
        standard={"firstName": "Ann"},
        values={"1": "x"},
        add_tags={"new": "New"},
        lists={"5": True, "1": False},
    )
    assert rest == Change(
        EMAIL,
        "7",
        standard={"phone": ""},
        values={"2": ""},
        remove_tags=frozenset({"old"}),
        lists={"2": True},
        account="Other",
    )


def test_a_new_contact_enters_its_account_with_the_import_and_an_existing_one_without_account_too():
    change = Change(EMAIL, account="Acme")
    assert for_importer(change, None) == (change, None)
    assert for_importer(change, replace(ANN, account=None)) == (change, None)
    assert for_importer(change, ANN) == (None, change)
    # The importer has no place for what a contact is there.
    assert for_importer(ACME, None) == (Change(EMAIL), ACME)


def test_a_new_contact_of_which_nothing_else_is_known_is_imported():
    assert for_importer(Change(EMAIL), None) == (Change(EMAIL), None)


def test_another_email_address_is_not_for_the_importer():
    change = Change("new@example.com", "7", values={"1": "x"})
    assert for_importer(change, ANN) == (None, change)


# ---- what it has afterwards


def test_after_a_change_nothing_is_left_of_it():
    change = Change(
        EMAIL,
        standard={"phone": "1", "firstName": ""},
        values={"1": "silver", "3": "2024-05-06T07:08:09+00:00"},
        whole_tags={"vip": "vip", "new": "New"},
        remove_tags=frozenset({"vip"}),
        lists={"1": False, "5": True},
        account="Other",
        job_title="CTO",
    )
    for contact in (ANN, None):
        there = after(change, contact, "91")
        assert difference(change, there, FIELDS, {"other": "91"}).change.is_empty
        assert set(there.tags) == {"new"}
        assert not there.has_ids


def test_a_snapshot_gives_back_what_it_was_given():
    bob = Contact("8", "Bob@example.com")
    snapshot = Snapshot([ANN, bob])
    assert snapshot.of(["ANN@example.com", "bob@example.com", "eve@example.com"]) == {EMAIL: ANN, bob.key: bob}
    assert snapshot.of_ids(["8", "9"]) == {"8": bob}
    snapshot.put([replace(ANN, values={"1": "silver"})])
    assert snapshot.of([EMAIL])[EMAIL].values == {"1": "silver"}
    snapshot.forget([EMAIL])
    assert snapshot.of([EMAIL]) == {}
