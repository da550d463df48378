"""Options of Airbyte's standard tests, the account that they read, and what every test may use."""

import fcntl
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from airbyte_cdk.test.standard_tests import ConnectorTestSuiteBase, DestinationTestSuiteBase
from hypothesis import settings

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]

settings.register_profile("quick", max_examples=60, deadline=None)
settings.load_profile("quick")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with few tests take long and come first, so that all processes end at about the same time."""
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: ("unit_tests" in item.path.parts, sizes[item.path], str(item.path)))


STANDARD_TESTS = Path(__file__).parent / ".tmp" / "standard_tests"


@pytest.fixture(scope="class", autouse=True)
def account_of_the_standard_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """The configurations that acceptance-test-config.yml names, and an emulator that they lead to.

    They are there while a class of Airbyte's standard tests runs: ours, or the one that `airbyte-cdk connector test`
    writes. Another process that runs the same waits until then. Every other test goes on without them.
    """
    if request.cls is None or not issubclass(request.cls, ConnectorTestSuiteBase):
        yield
        return

    from emulator import Account, Emulator  # noqa: PLC0415  # only these tests pay for the server

    kind = "destination" if issubclass(request.cls, DestinationTestSuiteBase) else "source"
    folder = STANDARD_TESTS / kind
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock, Emulator(Account.demo(seed=1)) as running:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The emulator's own limit would make the whole catalog slow; nothing here is about pace.
        running.settings.patch({"rate_limit_window": "off"})
        config = {"api_url": running.url, "api_key": running.api_key, "requests_per_second": 100}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "wrong_key.json").write_text(json.dumps({**config, "api_key": "no-key-of-this-account"}))
        yield
