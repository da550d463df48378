"""What rows about one record say together, what of it the account has, and what is known of records."""

from collections.abc import Iterator
from typing import Any

import pytest

from activecampaign_client.account import Account
from activecampaign_client.custom_fields import Definition
from activecampaign_client.errors import ApiError, UnstableOrder
from destination_activecampaign.catalog import Mode
from destination_activecampaign.cells import Rejected
from destination_activecampaign.columns import Field
from destination_activecampaign.records.accounts import ACCOUNTS
from destination_activecampaign.records.book import Book
from destination_activecampaign.records.change import Change, Record, merge
from destination_activecampaign.records.custom_values import CustomValues, custom_value
from destination_activecampaign.records.pending import Pending
from destination_activecampaign.records.sending import Requests

FIELDS = {
    "1": Definition("1", "Region", "dropdown", "REGION", ("North", "South")),
    "2": Definition("2", "Fee", "currency", "FEE"),
    "3": Definition("3", "Modules", "multiselect", "MODULES"),
}


@pytest.fixture
def values() -> CustomValues:
    account = Account("https://acme.api-us1.com", "key")
    return CustomValues(
        Requests(account, "accounts", "access to accounts"),
        FIELDS,
        "account",
        owners="accounts",
        listing="accountCustomFieldData",
        beside="customerAccountCustomFieldData",
        datum="accountCustomFieldDatum",
        owner_key="customerAccountId",
    )


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (Mode.UPSERT, Mode.UPSERT, {"a": 1, "b": 3}),
        (Mode.UPDATE, Mode.UPDATE, {"a": 1, "b": 3}),
        # Each has a row that says something else if the record is there.
        (Mode.INSERT, Mode.INSERT, None),
        (Mode.UPSERT, Mode.UPDATE, None),
        (Mode.SOFT_DELETE, Mode.UPSERT, None),
    ],
)
def test_given_two_changes_of_a_record_when_their_modes_agree_then_they_are_one(first, second, together) -> None:
    both = merge(Change("x", mode=first, values={"a": 1, "b": 2}), Change("x", mode=second, values={"b": 3}))
    assert (both and dict(both.values)) == together


def test_given_values_when_the_account_has_them_in_another_form_then_they_are_not_left(values: CustomValues) -> None:
    stored = {"accountUrl": None, "1": "North", "2": "1250", "2:currency": "EUR", "3": "||b||a||", "owner": "1"}
    same = {"accountUrl": "", "1": "North", "2": 1250, "2:currency": "EUR", "3": ["a", "b"], "owner": "1"}
    assert values.left(same, stored) == {}
    other = {"accountUrl": "x", "1": None, "2": 1251, "2:currency": "USD", "3": ["a"], "owner": "2"}
    assert values.left(other, stored) == other
    assert values.left({"name": "ACME"}, {"name": "Acme"}, ignoring=("name",)) == {}
    # What is empty has no currency.
    assert values.left({"2": None, "2:currency": "EUR"}, {}) == {}


def test_given_an_amount_when_it_or_its_currency_changes_then_both_are_sent(values: CustomValues) -> None:
    stored = {"2": "1250", "2:currency": "EUR"}
    assert values.entries({"2": 7}, stored) == [{"customFieldId": 2, "fieldValue": 7, "fieldCurrency": "EUR"}]
    assert values.entries({"2:currency": "USD"}, stored) == [
        {"customFieldId": 2, "fieldValue": 1250, "fieldCurrency": "USD"}
    ]
    assert values.entries({"2": None, "1": "South"}, stored) == [
        {"customFieldId": 1, "fieldValue": "South"},
        {"customFieldId": 2, "fieldValue": None},
    ]


def test_given_a_value_that_does_not_fit_then_it_is_rejected_without_saying_it() -> None:
    for identifier, given, code in (("1", "East", "unknown_option"), ("2", "12.5", "value_invalid")):
        with pytest.raises(Rejected) as refused:
            custom_value(Field(identifier, FIELDS[identifier]), given, "account")
        assert refused.value.rejection.code == code
        assert given not in refused.value.rejection.sentence


class Listed:
    """A kind of record whose listing has these records, or fails."""

    type = ACCOUNTS
    lists_late = False
    cost_of_asking = 1

    def __init__(self, *records: Record, asks_by_key: bool = True, error: ApiError | None = None) -> None:
        self.records, self.asks_by_key, self.error = records, asks_by_key, error

    def all(self) -> Iterator[Record]:
        yield from self.records
        if self.error:
            raise self.error

    def total(self) -> int:
        if self.error:
            raise self.error
        return len(self.records)


def book_of(kind: Any) -> Book:
    return Book(kind)


def test_given_records_when_all_are_read_then_they_are_known_by_id_and_by_key() -> None:
    book = book_of(Listed(Record("7", "acme"), Record("8", "acme"), Record("9", "beta"), asks_by_key=False))
    book.read_all()
    assert book.is_whole
    assert {key: [one.id for one in found] for key, found in book.with_keys(["acme", "beta", "c"]).items()} == {
        "acme": ["7", "8"],
        "beta": ["9"],
    }
    book.put(Record("9", "gamma", {"name": "Gamma"}))
    book.forget([Record("8", "acme")])
    assert book.with_keys(["beta"]) == {}
    assert book.with_ids(["8", "9"]) == {"9": Record("9", "gamma", {"name": "Gamma"})}
    assert [one.id for one in book.with_keys(["acme"])["acme"]] == ["7"]


def test_given_a_key_that_is_one_records_when_its_id_becomes_known_then_there_is_still_one() -> None:
    book = book_of(Listed())
    book.put(Record("", "acme"))
    book.put(Record("7", "acme"))
    assert book.with_keys(["acme"]) == {"acme": [Record("7", "acme")]}


@pytest.mark.parametrize("error", [ApiError("no", kind="config"), UnstableOrder("moves", kind="system")])
def test_given_a_listing_that_cannot_be_read_then_records_are_asked_for_where_that_can_be(error: ApiError) -> None:
    book = book_of(Listed(error=error))
    book.read_all()
    assert not book.is_whole
    assert book.count() > 10**9
    with pytest.raises(ApiError, match=str(error)):
        book_of(Listed(asks_by_key=False, error=error)).read_all()
    with pytest.raises(ApiError, match="later"):
        book_of(Listed(error=ApiError("later", kind="transient"))).read_all()


def test_given_a_record_that_is_renamed_then_nothing_else_may_be_written_to_either_name() -> None:
    book = book_of(Listed())
    one = Pending(book, Change(id="7"), record=Record("7", "acme"), renamed="beta")
    assert one.keys == {"accounts id 7", "accounts key acme", "accounts key beta"}
    assert Pending(book, Change("beta")).key in one.keys
