"""A generated account: the same from the same seed, of the size that was asked for, and lazy."""

from __future__ import annotations

import pytest

from emulator import Account, Emulator
from emulator.store import Alive
from emulator.table import resources

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
