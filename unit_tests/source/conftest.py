"""What the tests share: a configuration, answers of the API, and reading a stream as Airbyte would."""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import freezegun
import pytest
import requests_mock
from airbyte_cdk.models import ConfiguredAirbyteCatalog, SyncMode
from airbyte_cdk.sources.declarative import concurrent_declarative_source
from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.catalog_builder import CatalogBuilder, ConfiguredAirbyteStreamBuilder
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput
from airbyte_cdk.test.state_builder import StateBuilder

from activecampaign_client.account import Account
from activecampaign_client.pace import Pace
from source_activecampaign import SourceActiveCampaign
from source_activecampaign.source import load_manifest, with_streams

# The CDK parses its own 6,000 lines of YAML for every source that is made; once is enough for all tests.
concurrent_declarative_source.get_declarative_component_schema = cache(
    concurrent_declarative_source.get_declarative_component_schema
)
freezegun.configure(extend_ignore_list=["airbyte_cdk.sources.concurrent_source", "transformers"])

HOST = "https://acme.api-us1.com"
API = f"{HOST}/api/3"
KEY = "k3y-0f-acme-1234567890abcdef-N0B0DY-SEES-ME"
MANIFEST = load_manifest()
NOW = "2024-06-15T12:00:00Z"

Answer = Mapping[str, Any]


def config(**changes: Any) -> dict[str, Any]:
    """The smallest configuration, with changes; fast, so that no test waits for the budget."""
    return {"api_url": HOST, "api_key": KEY, "requests_per_second": 100, "custom_fields": "off", **changes}


def catalog(*names: str, mode: SyncMode = SyncMode.incremental, fields: Sequence[str] = ()) -> ConfiguredAirbyteCatalog:
    """A configured catalog of streams, with `fields` as their schema's properties."""
    builder = CatalogBuilder()
    for name in names:
        stream = ConfiguredAirbyteStreamBuilder().with_name(name).with_sync_mode(mode)
        stream = stream.with_json_schema({"type": "object", "properties": {field: {} for field in fields}})
        builder = builder.with_stream(stream)
    return builder.build()


def source(names: Iterable[str]) -> SourceActiveCampaign:
    """A source that knows these streams only, since building all of them takes a second."""
    return SourceActiveCampaign({**with_streams(MANIFEST, set(names)), "dynamic_streams": []})


def read(
    selection: str | ConfiguredAirbyteCatalog,
    settings: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
) -> EntrypointOutput:
    """What Airbyte gets from reading a stream by name, or a configured catalog."""
    chosen = catalog(selection) if isinstance(selection, str) else selection
    given = config() if settings is None else dict(settings)
    states = StateBuilder()
    if state is not None:
        states = states.with_stream_state(chosen.streams[0].stream.name, state)
    built = states.build()
    names = [one.stream.name for one in chosen.streams]
    return entrypoint_wrapper.read(source(names), given, chosen, built)


def discover(settings: Mapping[str, Any] | None = None, names: Sequence[str] = ()) -> dict[str, Any]:
    """The discovered streams by name; only those of `names`, where there are some."""
    given = config() if settings is None else dict(settings)
    output = entrypoint_wrapper.discover(source(names) if names else SourceActiveCampaign(), given)
    return {stream.name: stream for stream in output.catalog.catalog.streams}


def check(settings: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """Status and sentence of the check."""
    given = config() if settings is None else dict(settings)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(given))
        file.flush()
        output = entrypoint_wrapper._run_command(source([]), ["check", "--config", file.name])
    [status] = output.connection_status_messages
    return status.connectionStatus.status.value, status.connectionStatus.message or ""


def rows(output: EntrypointOutput) -> list[dict[str, Any]]:
    return [message.record.data for message in output.records]


def ids(output: EntrypointOutput) -> list[str]:
    return [row["id"] for row in rows(output)]


def cursor(output: EntrypointOutput) -> dict[str, Any]:
    """The last state of the only stream, as a dictionary."""
    return dict(output.most_recent_state.stream_state.__dict__)


def warnings(output: EntrypointOutput) -> list[str]:
    return [entry.log.message for entry in output.logs if entry.log.level.value == "WARN"]


def errors(output: EntrypointOutput) -> list[tuple[str, str]]:
    """Failure type and sentence of each stream that failed."""
    found = [message.trace.error for message in output.errors]
    return [(error.failure_type.value, error.message) for error in found if error.stream_descriptor]


def page(key: str, records: Sequence[Mapping[str, Any]], total: Any = None, **siblings: Any) -> dict[str, Any]:
    """The body of a listing's page; `meta` is there where there is a total."""
    return {key: list(records), **siblings, **({} if total is None else {"meta": {"total": total}})}


def listing(
    key: str, records: Sequence[Mapping[str, Any]], total: Any = "right", clamp: int = 100
) -> Callable[[Any, Any], dict[str, Any]]:
    """A server's listing that understands limit and offset and gives at most `clamp` rows at once."""

    def answer(request: Any, _: Any) -> dict[str, Any]:
        offset = int(request.qs.get("offset", ["0"])[0])
        limit = min(int(request.qs.get("limit", ["20"])[0]), clamp)
        shown = str(len(records)) if total == "right" else total
        return page(key, records[offset : offset + limit], shown)

    return answer


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch):
    """Every Account that a test makes; none outlives it, so that no request strays into the next test."""
    made: list[Account] = []
    make = Account.__init__

    def remember(self: Account, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(Account, "__init__", remember)
    yield made
    for account in made:
        account.executor.shutdown(wait=True, cancel_futures=True)


@pytest.fixture
def api(accounts: list[Account]):
    """The API; a request to anything that a test did not register is an error."""
    with requests_mock.Mocker() as mocker:
        mocker.get(f"{API}/customObjects/schemas", status_code=404, json={"message": "Not Found"})
        mocker.get(f"{API}/users/me", json={"user": {"id": "1", "username": "a"}})
        yield mocker
        for account in accounts:
            account.executor.shutdown(wait=True, cancel_futures=True)


def sent(api: requests_mock.Mocker, endpoint: str) -> list[dict[str, list[str]]]:
    """The parameters of each request to an endpoint, in lower case."""
    return [request.qs for request in api.request_history if request.path == f"/api/3/{endpoint}".lower()]


class JumpingTime:
    """A clock that moves only when somebody sleeps, and then at once."""

    def __init__(self) -> None:
        self._now, self._lock = 0.0, threading.Lock()

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
        # Other threads get on with what they do, which is to take no time.
        time.sleep(0.001)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that requests would have waited before they are sent again; the account's clock moves by them."""
    slept: list[float] = []
    clock = JumpingTime()
    make = Account.__init__

    def with_this_clock(self: Account, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **{"clock": clock, "sleep": clock.sleep, **kwargs})

    def rest(_: Account, seconds: float) -> None:
        slept.append(seconds)
        clock.sleep(seconds)

    monkeypatch.setattr(Account, "__init__", with_this_clock)
    monkeypatch.setattr(Account, "rest", rest)
    return slept


@pytest.fixture
def no_pacing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests leave at once, whatever the budget says."""
    monkeypatch.setattr(Pace, "wait", lambda _: 0.0)


@pytest.fixture
def today():
    """It is noon of 15 June 2024."""
    with freezegun.freeze_time(NOW) as frozen:
        yield frozen
