"""Emulators for the tests, all through real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulator import Account, Emulator, Settings

from .client import Client


@pytest.fixture(scope="session")
def shared() -> Iterator[Emulator]:
    """One emulator for tests that change nothing but settings."""
    with Emulator(Account.demo(seed=1)) as emulator:
        yield emulator


@pytest.fixture
def client(shared: Emulator) -> Client:
    shared.settings.patch({**vars(Settings()), "rate_limit_window": "off"})
    shared.requests.clear()
    return Client(shared)


@pytest.fixture
def own() -> Iterator[Client]:
    """An emulator of the test's own, small, to be changed."""
    with Emulator(Account.demo(contacts=40, rows={"deals": 20}), rate_limit_window="off") as emulator:
        yield Client(emulator)
