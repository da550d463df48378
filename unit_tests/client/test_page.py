"""One answer of a listing."""

import doctest
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import page
from activecampaign_client.page import rows_in, total_of
from activecampaign_client.warn import Warn


def test_the_examples_are_true():
    failed, tried = doctest.testmod(page)
    assert failed == 0
    assert tried > 0


@pytest.mark.parametrize(
    ("body", "total"),
    [
        ({"meta": {"total": "250"}}, 250),
        ({"meta": {"total": 250}}, 250),
        ({"meta": {"total": "0"}}, 0),
        ({"meta": {"total": None}}, None),
        ({"meta": {"total": "many"}}, None),
        ({"meta": {"total": {}}}, None),
        ({"meta": []}, None),
        ({"meta": {}}, None),
        ({}, None),
        ([], None),
    ],
)
def test_total_of(body, total):
    assert total_of(body) == total


# ---- rows in odd forms

NAMES = st.text(max_size=5).filter(lambda name: name not in ("id", "links"))
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
OBJECTS = st.dictionaries(NAMES, PLAIN, max_size=3)
# An id, or a value that is no object.
ROWS = st.builds(
    lambda objects, own: {**objects, **own},
    st.dictionaries(NAMES, OBJECTS, max_size=3),
    st.fixed_dictionaries({"id": PLAIN}) | st.dictionaries(NAMES, PLAIN, min_size=1, max_size=3),
)


@given(ROWS)
def test_a_single_row_stays_one_record_whatever_objects_are_in_it(row):
    assert rows_in({"tags": row}, "tags", "tags") == [row]


@given(st.dictionaries(NAMES, ROWS, min_size=1, max_size=5))
def test_a_map_of_rows_is_read_as_its_values(rows):
    assert rows_in({"tags": rows}, "tags", "tags") == list(rows.values())


@given(st.lists(ROWS | PLAIN.filter(lambda value: value != {}), max_size=6))
def test_entries_that_are_no_objects_are_left_out_and_never_all_of_them(entries):
    rows = [entry for entry in entries if isinstance(entry, dict)]
    if entries and not rows:
        with pytest.raises(page.ApiError):
            rows_in({"tags": entries}, "tags", "tags")
    else:
        assert rows_in({"tags": entries}, "tags", "tags") == rows
    assert page.skipped_in({"tags": entries}, "tags") == len(entries) - len(rows)


def test_a_map_is_said_once_and_what_is_left_out_with_every_answer(caplog):
    warn = Warn("tags")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            rows_in({"tags": {"7": {"id": "7"}}}, "tags", "tags", warn)
            rows_in({"tags": [None, {"id": "7"}]}, "tags", "tags", warn)
    assert [message.split(":")[1].split()[:2] for message in caplog.messages] == [
        ["the", "API"],
        ["1", "of"],
        ["1", "of"],
    ]


def test_a_map_without_rows_is_no_row():
    """PHP writes an empty list and an empty map alike; which of both depends on how it was filled before."""
    assert rows_in({"tags": {}}, "tags", "tags") == []
