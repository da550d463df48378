"""A sync that is killed, and goes on from the last state that it gave back, leaves the account as if undisturbed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.destination.connector import Process, configured, line, record, state
from integration_tests.destination.contacts import QUICK, World
from unit_tests.emulator.client import until

CONTACTS, UNTAGGED = "contacts", "contact_tags"
ROWS = 700


@pytest.fixture
def world() -> Iterator[World]:
    with new_world() as found:
        yield found


class new_world:
    def __enter__(self) -> World:
        self.emulator = Emulator(Account.empty()).__enter__()
        self.emulator.settings.patch({**QUICK, "import_delay": 0.3})
        world = World(self.emulator)
        for number in range(0, ROWS, 7):
            world.add(email(number), firstName="Before", tags=["old", "vip"], lists={"Offers": "1"})
        return world

    def __exit__(self, *error: Any) -> None:
        self.emulator.__exit__(*error)


def email(number: int) -> str:
    return f"person{number}@example.com"


def lines() -> list[bytes]:
    """Contacts, tags that are taken away, and contacts again, with states in between."""
    found = []
    for number in range(ROWS):
        found.append(
            record(
                CONTACTS,
                email=email(number),
                firstName=f"Name {number}",
                custom_size=number,
                tags=["vip", "lead"],
                lists=["News"],
            )
        )
        if number % 5 == 4:
            found.append(record(UNTAGGED, email=email(number - 2), tag="vip"))
            found.append(record(CONTACTS, email=email(number - 3), lastName="Later", custom_size=0))
        if number % 60 == 59:
            found += [state(CONTACTS, at=number), state(UNTAGGED, at=number)]
    return [*found, state(CONTACTS, at=ROWS), state(UNTAGGED, at=ROWS)]


def catalog() -> dict[str, Any]:
    columns = ["email", "firstName", "lastName", "custom_size", "tags", "lists", "tag"]
    found = configured(CONTACTS, UNTAGGED)
    for stream, mode in zip(found["streams"], ("append_dedup", "soft_delete"), strict=True):
        stream["destination_sync_mode"] = mode
        stream["stream"]["json_schema"] = {"type": "object", "properties": {name: {} for name in columns}}
    return found


def config(world: World) -> dict[str, Any]:
    return {
        "api_url": world.emulator.url,
        "api_key": world.emulator.api_key,
        "requests_per_second": 50,
        "deletions": "unsubscribe",
    }


def start(world: World, folder: Path) -> Process:
    return Process(folder, "write", config=config(world), catalog=catalog())


def left_after(process: Process, given: list[bytes]) -> list[bytes]:
    """What the platform sends again: everything behind the last state that came back, per stream."""
    last = {CONTACTS: -1, UNTAGGED: -1}
    for one in process.echoed:
        described = json.loads(one)["state"]["stream"]
        name, at = described["stream_descriptor"]["name"], described["stream_state"]["at"]
        last[name] = next(
            place
            for place, other in enumerate(given)
            if b'"STATE"' in other
            and json.loads(other)["state"]["stream"] == described
            and json.loads(other)["state"]["stream"]["stream_state"]["at"] == at
        )

    def stream_of(one: bytes) -> str:
        message = json.loads(one)
        if message["type"] == "RECORD":
            return str(message["record"]["stream"])
        return str(message["state"]["stream"]["stream_descriptor"]["name"])

    return [one for place, one in enumerate(given) if place > last[stream_of(one)]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with new_world() as world:
        process = start(world, tmp_path_factory.mktemp("undisturbed"))
        process.send(*lines())
        assert process.end().exit_code == 0, process.text
        assert len(process.echoed) == sum(b'"STATE"' in one for one in lines())
        return world.contacts()


def requests_of(path: str, number: int) -> Callable[[World], bool]:
    return lambda world: sum(one.path.endswith(path) for one in world.emulator.requests) >= number


MOMENTS = {
    "before anything is written": requests_of("/contacts", 1),
    "as the first import is queued": requests_of("/bulk_import", 1),
    "while imports are under way": requests_of("/bulk_import", 3),
    "while it is asked what became of them": requests_of("/info", 2),
    "while tags are taken away": lambda world: any("/contactTags/" in one.path for one in world.emulator.requests),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_sync_that_was_killed_goes_on_as_if_undisturbed(world, tmp_path, undisturbed, moment):
    given = lines()
    process = start(world, tmp_path)
    try:
        process.send(*given)
        until(lambda: moment(world) or process.process.poll() is not None, 60)
    finally:
        process.kill()
    process.wait()
    assert process.exit_code < 0, "it was done before it could be killed"
    again = start(world, tmp_path)
    again.send(*left_after(process, given))
    assert again.end().exit_code == 0, again.text
    assert world.contacts() == undisturbed


def test_unknown_messages_between_rows_do_no_harm(world, tmp_path):
    process = start(world, tmp_path)
    process.send(record(CONTACTS, email="new@example.com"), line("TRACE", trace={"type": "ESTIMATE"}), state(at=1))
    assert process.end().exit_code == 0
    assert "new@example.com" in world.contacts()
