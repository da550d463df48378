"""Sets of ids that take little memory."""

import doctest
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import id_set
from activecampaign_client.id_set import IdSet

IDS = st.one_of(
    st.integers(0, 2**70).map(str),
    st.uuids().map(str),
    st.text(max_size=4),
    st.sampled_from(["0", "00", "7", "07", "\u0667"]),
)


def test_the_examples_are_true() -> None:
    failed, tried = doctest.testmod(id_set)
    assert (failed, tried > 0) == (0, True)


@given(st.lists(IDS), st.lists(IDS))
def test_it_holds_what_was_added_and_nothing_else(added: list[str], others: list[str]) -> None:
    ids = IdSet()
    ids.update(added)
    ids.update(added[:3])
    assert len(ids) == len(set(added))
    assert [one for one in added if one not in ids] == []
    assert [one for one in others if one in ids] == [one for one in others if one in set(added)]


def test_a_million_ids_take_less_than_a_megabyte() -> None:
    ids = IdSet()
    tracemalloc.start()
    ids.update(str(number) for number in range(1_000_000))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(ids) == 1_000_000
    assert taken < 1_000_000
