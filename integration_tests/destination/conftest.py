"""The destination pointed at a demo account of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator
from integration_tests.destination.connector import Destination


@pytest.fixture
def configure(tmp_path: Path, emulator: Emulator) -> Iterator[Callable[..., Destination]]:
    """Makes a destination of the emulator's account; settings can be given."""
    made: list[Destination] = []

    def make(**settings: Any) -> Destination:
        defaults = {"api_url": emulator.url, "api_key": emulator.api_key, "requests_per_second": 100}
        made.append(Destination(tmp_path, {**defaults, **settings}))
        return made[-1]

    yield make
    for one in made:
        for process in one.started:
            process.kill()
