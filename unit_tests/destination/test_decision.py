"""Whether the account is asked before it is written to, and how."""

import pytest

from destination_activecampaign.decision import Load, Way, way_of


def never() -> int:
    raise AssertionError("nobody should have to count the contacts")


@pytest.mark.parametrize(
    ("rows", "contacts", "way"),
    [
        # The same rows again, and a first sync into an account half as large.
        (10_000, 10_000, Way.WHOLE),
        (10_000, 5_000, Way.WHOLE),
        # Many rows for a larger account, and few rows.
        (10_000, 50_000, Way.UNASKED),
        (300, 1_000_000, Way.UNASKED),
        (300, 100, Way.WHOLE),
    ],
)
def test_what_takes_the_fewest_requests(rows, contacts, way):
    load = Load(ask=rows, ask_needy=0, write=3 * -(-rows // 250))
    assert way_of("auto", load, lambda: contacts) is way


def test_a_row_or_two_are_asked_for_without_counting():
    assert way_of("auto", Load(ask=1, ask_needy=0, write=3), never) is Way.EACH


def test_rows_that_have_to_be_asked_for_are_until_reading_all_takes_less():
    load = Load(ask=30, ask_needy=30, write=0)
    assert way_of("auto", load, lambda: 10_000) is Way.EACH
    assert way_of("auto", load, lambda: 1_000) is Way.WHOLE


def test_what_is_still_to_come_counts():
    load = Load(ask=10_000, ask_needy=0, write=120)
    assert way_of("auto", load, lambda: 20_000) is Way.UNASKED
    assert way_of("auto", Load(10_000, 0, 120, more=2), lambda: 20_000) is Way.WHOLE


def test_always_asks_and_never_does_so_only_where_it_has_to():
    unasked = Load(ask=300, ask_needy=0, write=6)
    assert way_of("always", unasked, lambda: 10_000) is Way.WHOLE
    assert way_of("always", unasked, lambda: 1_000_000) is Way.EACH
    assert way_of("never", unasked, never) is Way.UNASKED
    needy = Load(ask=300, ask_needy=300, write=0)
    assert way_of("never", needy, lambda: 10_000) is Way.WHOLE
    assert way_of("never", needy, lambda: 1_000_000) is Way.UNASKED
