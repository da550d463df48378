"""The scenario `activation` of the benchmarks: its judge sees what is wrong, RudderStack's calls are as published."""

import doctest
from collections.abc import Callable, Iterator

import pytest

from benchmarks import activation
from benchmarks.activation import TABLES, Differences, Phase, differences, large, mixed, person
from benchmarks.rudderstack import RudderStack
from emulator import Account, Emulator

PEOPLE = [person(number) for number in range(4)]
ANN = PEOPLE[0]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    account = Account.empty()
    activation.define(account.insert)
    with Emulator(account, rate_limit_window="off") as running:
        yield running


def lists_of(emulator: Emulator) -> dict[str, str]:
    return {row["name"]: row["id"] for row in emulator.account.rows("lists")}


def write(emulator: Emulator) -> None:
    calls = RudderStack(emulator.url, emulator.api_key, 1000)
    assert calls.write([one.traits(lists_of(emulator)) for one in PEOPLE]).given_up == []


def found(emulator: Emulator) -> Differences:
    return differences(PEOPLE, {name: emulator.account.rows(name) for name in TABLES})


def test_given_rows_that_were_written_when_they_are_compared_then_nothing_differs(emulator):
    write(emulator)
    assert found(emulator) == Differences([], [], [])


def first(account: Account, resource: str) -> str:
    contact = next(row["id"] for row in account.rows("contacts") if row["email"] == ANN.email)
    return next(str(row["id"]) for row in account.rows(resource) if str(row["contact"]) == contact)


def one_tag_more(account: Account) -> None:
    link = first(account, "contactTags")
    contact = next(str(row["contact"]) for row in account.rows("contactTags") if row["id"] == link)
    has = {str(row["tag"]) for row in account.rows("contactTags") if str(row["contact"]) == contact}
    other = next(row["id"] for row in account.rows("tags") if row["id"] not in has)
    account.insert("contactTags", contact=contact, tag=other)


@pytest.mark.parametrize(
    "change",
    [
        lambda account: account.update("fieldValues", first(account, "fieldValues"), value="else"),
        lambda account: account.delete("fieldValues", first(account, "fieldValues")),
        lambda account: account.delete("contactTags", first(account, "contactTags")),
        one_tag_more,
        lambda account: account.update("contactLists", first(account, "contactLists"), status="2"),
        lambda account: account.delete("contactLists", first(account, "contactLists")),
        lambda account: account.update("contacts", account.rows("contacts")[0]["id"], lastName="else"),
    ],
    ids=["value", "no value", "no tag", "one tag more", "status of a list", "no list", "name"],
)
def test_given_something_else_of_one_contact_when_compared_then_it_is_wrong(
    emulator: Emulator, change: Callable[[Account], None]
) -> None:
    write(emulator)
    change(emulator.account)
    differing = found(emulator)
    assert (differing.lost, len(differing.wrong), differing.others) == ([], 1, [])


def test_given_contacts_and_tags_that_no_row_has_when_compared_then_they_are_told(emulator):
    write(emulator)
    account = emulator.account
    account.insert("contacts", email="nobody@example.com", firstName="", lastName="", phone="")
    account.insert("contacts", email=ANN.email, firstName="", lastName="", phone="")
    account.add_tag("strange")
    assert found(emulator).others == [
        "contact nobody@example.com",
        "1 contacts more than email addresses",
        "tag strange",
    ]


def test_given_a_contact_that_is_not_there_when_compared_then_it_is_lost(emulator):
    write(emulator)
    emulator.account.delete("contacts", emulator.account.rows("contacts")[0]["id"])
    assert len(found(emulator).lost) == 1


def test_given_a_row_when_rudderstack_writes_it_then_its_calls_are_those_of_its_code_in_their_order(emulator):
    RudderStack(emulator.url, emulator.api_key, 1000).write([ANN.traits(lists_of(emulator))])
    assert [f"{one.method} {one.path.removeprefix('/api/3/')}" for one in emulator.requests] == [
        "POST contact/sync",
        "GET tags",
        *["POST contactTags"] * 3,
        *["POST contactLists"] * 2,
        "GET fields",
        "POST contact/sync",
    ]


def test_given_fields_that_there_are_not_when_rudderstack_writes_then_they_are_dropped_and_new_tags_are_created(
    emulator,
):
    traits = {"email": "bob@example.com", "tags": ["fresh"], "fieldInfo": {"Plan": "gold", "plan": "x", "Pet": "cat"}}
    assert RudderStack(emulator.url, emulator.api_key, 1000).write([traits]).given_up == []
    account = emulator.account
    assert [row["value"] for row in account.rows("fieldValues")] == ["gold"]
    assert [row["tag"] for row in account.rows("tags")][-1] == "fresh"


def test_given_a_call_that_always_fails_when_rudderstack_writes_then_the_contact_is_given_up(emulator):
    emulator.settings.patch({"faults": [{"kind": "500", "path": "/tags"}]})
    calls = RudderStack(emulator.url, emulator.api_key, 1000)
    assert calls.write([ANN.traits(lists_of(emulator))]).given_up == [ANN.email]


def test_given_phases_when_they_are_planned_then_each_has_the_least_requests_that_it_takes() -> None:
    def least(phases: list[Phase]) -> list[tuple[int, int]]:
        return [(one.requests, one.imports) for one in phases]

    assert least(large(50_000)) == [(405, 200), (505, 0), (509, 2)]
    assert least(mixed(10_000))[1:] == [(135, 40), (105, 0)]


def test_doctests_of_the_benchmark() -> None:
    assert doctest.testmod(activation).failed == 0
    assert doctest.testmod(activation).attempted
