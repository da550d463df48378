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
