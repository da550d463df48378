"""One answer of a listing."""

import doctest

import pytest

from activecampaign_client import page
from activecampaign_client.page import total_of


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
