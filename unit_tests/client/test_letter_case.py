"""Names that differ in letter case only are one, and all others are not."""

import doctest

import pytest

from activecampaign_client import letter_case
from activecampaign_client.letter_case import small_letters


def test_examples() -> None:
    failed, tried = doctest.testmod(letter_case)
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize(("one", "other"), [("VIP", "vip"), ("ÉTÉ", "été"), ("STRAẞE", "straße"), ("Ωmega", "ωMEGA")])
def test_given_another_letter_case_then_they_are_one(one: str, other: str) -> None:
    assert small_letters(one) == small_letters(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Straße", "Strasse"), ("\ufb01ne", "fine"), ("\u017fea", "sea"), ("é", "e")]
)
def test_given_other_characters_then_they_are_two(one: str, other: str) -> None:
    assert small_letters(one) != small_letters(other)
