"""Names of columns that stay apart wherever they are written."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import column_names
from activecampaign_client.column_names import apart, replaced, shortened


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("custom_size", "custom_size"),
        ("externalId", "externalid"),
        ("custom_Größe", "custom_gr__e"),
        ("年齢", "__"),
        ("field_a-b", "field_a_b"),
        # An Arabic digit is a digit to Python, and none to a destination.
        ("a٣", "a_"),
    ],
)
def test_replaced(name, form):
    assert replaced(name) == form


@pytest.mark.parametrize(
    ("name", "size", "short"),
    [
        ("abc", 3, "abc"),
        ("abc", 2, "ab"),
        ("ab_c", 3, "ab"),
        ("年齢", 6, "年齢"),
        ("年齢", 5, "年"),
        ("年齢", 2, ""),
        ("abc", 0, ""),
        ("abc", -5, ""),
    ],
)
def test_shortened(name, size, short):
    assert shortened(name, size) == short


@pytest.mark.parametrize(
    ("names", "taken", "found"),
    [
        ({}, [], {}),
        ({1: "a", 2: "b"}, [], {1: "a", 2: "b"}),
        ({1: "a" * 63, 2: "b" * 64}, [], {1: "a" * 63, 2: "b" * 61 + "_2"}),
        ({1: "a-b", 2: "a_b"}, [], {1: "a-b_1", 2: "a_b_2"}),
        ({1: "size"}, ["SIZE"], {1: "size_1"}),
        ({1: "size"}, ["size", "size_1", "size-1_1"], {1: "size_1_1_1"}),
        # What stays as it is comes first.
        ({1: "a-b", 2: "a_b", 3: "a_b_1"}, [], {1: "a-b_1_1", 2: "a_b_2", 3: "a_b_1"}),
    ],
)
def test_apart(names, taken, found):
    assert apart(names, str, taken) == found


def test_given_names_that_stand_for_several_columns_then_all_of_them_stay_apart():
    def columns(key: int, name: str) -> list[str]:
        return [name, f"{name}_currency"] if key == 1 else [name]

    assert apart({1: "fee", 2: "fee-currency"}, str, columns=columns) == {1: "fee_1", 2: "fee-currency_2"}
    assert apart({1: "a" * 60, 2: "b" * 60}, str, columns=columns) == {1: "a" * 52 + "_1", 2: "b" * 60}


@given(st.dictionaries(st.integers(1, 40), st.text(max_size=70), max_size=8), st.lists(st.text(max_size=5), max_size=3))
def test_all_names_stay_apart(names, taken):
    found = apart(names, str, taken)
    assert list(found) == list(names)
    assert all(len(name.encode()) <= 63 for name in found.values())
    forms = [replaced(name) for name in found.values()]
    assert len(forms) == len(set(forms))
    assert set(forms).isdisjoint(map(replaced, taken))


def test_the_examples_are_true():
    assert doctest.testmod(column_names).failed == 0
