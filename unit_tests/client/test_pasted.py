"""What pasting leaves around a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client.pasted import trimmed

UNSEEN = "\n\r\t \x00\u00a0\u2003\u3000\u200b\u200d\u2060\ufeff\u00ad\u2028"


@pytest.mark.parametrize("character", UNSEEN)
def test_given_what_is_not_seen_when_trimmed_then_gone_at_both_ends_and_kept_within(character):
    assert trimmed(f"{character}a{character}b{character * 2}") == f"a{character}b"
    assert trimmed(character) == ""


@given(st.text(alphabet=UNSEEN), st.text(alphabet="a1-é\ud800", min_size=1), st.text(alphabet=UNSEEN))
def test_given_what_is_seen_when_trimmed_then_all_of_it_stays(before, text, after):
    assert trimmed(before + text + after) == text


@pytest.mark.parametrize(
    "text", ['"a"', " 'a' ", "\u201ca\u201d", "\u201ea\u201c", "\u2018a\u2019", "`a`", "'\"a\"'", '" a "']
)
def test_given_a_pair_of_quotation_marks_around_it_when_trimmed_then_gone(text):
    assert trimmed(text) == "a"


@pytest.mark.parametrize("text", ['"', '"a', "a'", "'a\"", 'a"b"c', "\u201da\u201c"])
def test_given_a_quotation_mark_that_is_no_pair_when_trimmed_then_it_stays(text):
    assert trimmed(text) == text


@pytest.mark.parametrize("text", ['""', "''", '" "', '"' * 10_000], ids=len)
def test_given_nothing_in_quotation_marks_when_trimmed_then_nothing(text):
    assert trimmed(text) == ""
