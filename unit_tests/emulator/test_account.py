"""A generated account: the same from the same seed, of the size that was asked for, and lazy."""

from __future__ import annotations

import random

import pytest

from emulator import Account, Emulator
from emulator.alive import Alive
from emulator.query import Part
from emulator.table import resources
from emulator.value_index import ValueIndex

from .client import Client


def test_the_same_seed_gives_the_same_account() -> None:
    one, two, other = (Account.demo(seed=seed) for seed in (5, 5, 6))
    for name in resources():
        assert one.rows(name) == two.rows(name)
    assert one.keys == two.keys
    assert one.rows("contacts") != other.rows("contacts")


def test_sizes_are_as_asked() -> None:
    account = Account("sized", contacts=3000, rows={"deals": 700, "fieldValues": 5000})
    for name, size in (("contacts", 3000), ("deals", 700), ("fieldValues", 5000)):
        assert len(account.rows(name)) == size
    with pytest.raises(ValueError, match="no such resources: contcts"):
        Account("typo", rows={"contcts": 1})


def test_no_list_of_a_large_account_is_made_in_advance() -> None:
    with Emulator(Account("large", contacts=100_000), rate_limit_window="off") as emulator:
        client = Client(emulator)
        last = client.json("contacts", limit=100, offset=99_950)["contacts"]
        assert len(last) == 50
        assert len(client.json("contacts", **{"orders[id]": "ASC", "id_greater": last[0]["id"]})["contacts"]) == 20


def test_the_sequence_of_existing_rows() -> None:
    alive, expected = Alive(50), list(range(50))
    for dead in (10, 11, 0, 49, 30, 12, 9, 1):
        alive.kill(dead)
        expected.remove(dead)
        assert list(alive) == expected
        assert [alive[i] for i in range(len(alive))] == expected
        assert alive[5:25] == expected[5:25]
        assert alive[::-1] == expected[::-1]
    alive.slots += 2
    assert alive[-1] == 51
    with pytest.raises(IndexError):
        alive[44]


def test_given_changes_when_an_index_of_values_is_asked_then_it_knows_what_a_search_would_find() -> None:
    chosen = random.Random(1)
    values = {row: chosen.choice("abc") for row in range(20)}
    index = ValueIndex(values.items())
    for _ in range(200):
        row = chosen.randrange(30)
        if chosen.random() < 0.3:
            values.pop(row, None)
            index.drop(row)
        else:
            values[row] = chosen.choice("abc")
            index.put(row, values[row])
        for value in "abcd":
            assert index.rows_with(value) == sorted(row for row, its in values.items() if its == value)


def test_given_a_part_of_a_sequence_when_sliced_then_it_is_as_a_copy_would_be() -> None:
    alive = Alive(50)
    for dead in (0, 20, 21, 49):
        alive.kill(dead)
    part, copy = Part(alive, 5, 40), list(alive)[5:40]
    assert list(part) == copy
    assert [part[i] for i in range(-len(part), len(part))] == copy + copy
    for piece in (slice(0, 10), slice(30, 90), slice(90, 99), slice(None, None, -1), slice(-3, None)):
        assert part[piece] == copy[piece]
    with pytest.raises(IndexError):
        part[35]
