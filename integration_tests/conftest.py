"""A demo account behind the emulator, and the connector pointed at it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.source.connector import Connector

ROOT = Path(__file__).parent.parent


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


@pytest.fixture(scope="session", autouse=True)
def standard_test_configurations() -> Iterator[None]:
    """The configurations that acceptance-test-config.yml names, for an emulator that runs for the whole session."""
    folder = ROOT / ".tmp" / "standard_tests"
    folder.mkdir(parents=True, exist_ok=True)
    with Emulator(Account.demo(seed=1)) as running:
        # The emulator's own limit would make the whole catalog slow; nothing here is about pace.
        running.settings.patch({"rate_limit_window": "off"})
        config = {"api_url": running.url, "api_key": running.api_key, "requests_per_second": 100}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "wrong_key.json").write_text(json.dumps({**config, "api_key": "not-a-key-of-this-account"}))
        yield
