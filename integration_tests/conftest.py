"""A demo account behind the emulator, and the connector pointed at it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.source.connector import Connector


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A demo account of its own for each test that changes it."""
    with Emulator(Account.demo(seed=1)) as running:
        # These tests are about what arrives, not about pace.
        running.settings.patch({"rate_limit_window": "off"})
        yield running


@pytest.fixture
def connect(tmp_path: Path) -> Callable[..., Connector]:
    """Makes a connector for an emulator; settings and another key can be given."""

    def make(emulator: Emulator, script: bool = False, **config: Any) -> Connector:
        # No lookback, so that a second read shows exactly what changed.
        defaults = {
            "api_url": emulator.url,
            "api_key": emulator.api_key,
            "lookback_hours": 0,
            "requests_per_second": 50,
        }
        return Connector(tmp_path, {**defaults, **config}, script)

    return make
