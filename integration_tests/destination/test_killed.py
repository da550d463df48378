"""A sync that is killed, and goes on from the last state that it gave back, leaves the account as if undisturbed."""

import json
import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.destination.connector import Process, configured, line, record, state
from integration_tests.destination.contacts import QUICK, Has, World
from integration_tests.destination.limited import SMALL_STEPS
from integration_tests.destination.plans import STREAMS, Given, Plan, facts_in, facts_of, written_twice
from unit_tests.emulator.client import until

CONTACTS, UNTAGGED = "contacts", "contact_tags"
ROWS = 700
# No batch counts as failed because it waits in the importer's queue until a test lets go of it.
PATIENT = {**SMALL_STEPS, "longest_batch": 60}


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


def start(world: World, folder: Path, limits: Mapping[str, float] | None = None) -> Process:
    return Process(folder, "write", limits=limits, config=config(world), catalog=catalog())


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


def requests_of(path: str, number: int, method: str = "GET") -> Callable[[World], bool]:
    def are_there(world: World) -> bool:
        return sum(one.method == method and one.path.endswith(path) for one in world.emulator.requests) >= number

    return are_there


MOMENTS = {
    "before anything is written": requests_of("/contacts", 1),
    "as the first import is queued": requests_of("/bulk_import", 1, "POST"),
    "while imports are under way": requests_of("/bulk_import", 3, "POST"),
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


def test_what_a_killed_sync_had_handed_over_is_not_written_over_what_the_next_one_has(world, tmp_path):
    """The importer takes its time, and does not care who is still there."""
    world.emulator.settings.patch({"import_delay": 3600})
    world.add("ann@example.com", firstName="Ann")
    process = start(world, tmp_path, PATIENT)
    try:
        process.send(record(CONTACTS, email="ann@example.com", firstName="Outdated"), state(CONTACTS, at=1))
        process.close()
        process.until(lambda one: requests_of("/info", 1)(world))
    finally:
        process.kill()
    seen = len(world.emulator.requests)

    again = start(world, tmp_path, PATIENT)
    again.send(record(CONTACTS, email="ann@example.com", firstName="Ann"), state(CONTACTS, at=1))
    again.close()
    # It has asked something twice, which is to wait, or has ended.
    asked = world.emulator.requests
    until(lambda: len({one.path for one in asked[seen:]}) < len(asked[seen:]) or again.process.poll() is not None, 60)
    assert again.echoed == []
    world.emulator.settings.patch({"import_delay": 0})
    assert again.wait().exit_code == 0, again.text
    until(lambda: not importing(world))
    assert len(again.echoed) == 1
    assert world.has("ann@example.com").names[0] == "Ann"


# ---- at moments that a seed chooses


@dataclass
class Heard:
    """A state as it came back: which of the plan's it is, and what the account and the emulator's books had then."""

    place: int
    contacts: dict[str, Has]
    written: frozenset[str]


@dataclass
class Platform:
    """Sends a plan's lines, and after a kill those that are not acknowledged yet, until all of them are."""

    plan: Plan
    world: World
    folder: Path
    heard: list[Heard] = field(default_factory=list)
    echoes: list[bytes] = field(default_factory=list)

    def start(self) -> Process:
        config = {
            **self.plan.config,
            "api_url": self.world.emulator.url,
            "api_key": self.world.emulator.api_key,
            "rejected_records": str(self.folder / "rejected"),
        }
        files = {"config": config, "catalog": self.plan.catalog}
        process = Process(self.folder, "write", limits=PATIENT, heard=self._hear, **files)
        process.send(*(one.line for one in self.left()))
        process.close()
        return process

    def left(self) -> list[Given]:
        """What stands behind the last state that came back: of each stream, or of all of them."""
        last = dict.fromkeys((None, *STREAMS), -1)
        for one in self.heard:
            last[self.plan.given[one.place].stream] = one.place
        return [
            one
            for place, one in enumerate(self.plan.given)
            if place > last[None if self.plan.is_global else one.stream]
        ]

    def _hear(self, line: bytes) -> None:
        if b'"STATE"' not in line:
            return
        self.echoes.append(line)
        said = json.loads(line)
        del said["state"]["destinationStats"]
        [place] = [place for place, one in enumerate(self.plan.given) if one.is_state and json.loads(one.line) == said]
        with self.world.account.lock:
            written = frozenset(one.email for one in self.world.emulator.writes)
            self.heard.append(Heard(place, self.world.contacts(), written))

    def check_promise(self) -> None:
        """No state came back before every row that it covers was written: by the emulator's books, and in its account.

        A column may have what a later row says already, but nothing that an earlier one did.
        """
        given, before = self.plan.given, self.plan.before
        for one in self.heard:
            mark, has = given[one.place], facts_in(one.contacts)
            covers = [place < one.place and mark.stream in (None, row.stream) for place, row in enumerate(given)]
            later = [row.facts for row, is_covered in zip(given, covers, strict=True) if not is_covered]
            for fact, value in facts_of(compress(given, covers), {}).items():
                allowed = {one or None for one in (value, *(facts[fact] for facts in later if fact in facts))}
                assert (has.get(fact) or None) in allowed, (fact, allowed, has.get(fact))
                if (before.get(fact) or None) not in allowed:
                    assert fact[0] in one.written, f"acknowledged, and not written by then: {fact}"


# More seeds: SEEDS=50 python -m pytest integration_tests/destination/test_killed.py -k random_moments
SEEDS = range(1, int(os.environ.get("SEEDS", "2")) + 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_moments_and_gone_on_it_leaves_the_account_as_if_undisturbed(tmp_path, seed):
    plan, chosen = Plan(seed), random.Random(seed)
    settings = {
        **QUICK,
        "import_false_seconds": chosen.choice((0, 0.2)),
        "import_delay": chosen.choice((0, 0.1, 0.5)),
        "import_contacts_per_second": chosen.choice((0, 100)),
        "import_order": chosen.choice(("one by one", "parallel")),
        "import_seconds": 0.05,
    }
    with plan.world(**settings) as world:
        platform = Platform(plan, world, tmp_path)
        kills = sum(is_killed(chosen, platform, settings["import_delay"]) for _ in range(chosen.randint(1, 4)))
        again = platform.start()
        let_go(chosen, platform, again, settings["import_delay"])
        assert again.wait().exit_code == 0, again.text
        assert kills, "it was done before it could be killed"
        until(lambda: not importing(world))
        assert world.contacts() == plan.after
        assert written_twice(world.account) == []
        platform.check_promise()
        print(f"{kills} kills, {len(platform.echoes)} states, {len(world.emulator.writes)} writes")
    rejected = (tmp_path / "rejected" / "rejected.jsonl").read_text().splitlines()
    found = {(one["stream"], one["code"], json.dumps(one["row"])) for one in map(json.loads, rejected)}
    assert found == set(plan.rejected())


@pytest.mark.parametrize("seed", SEEDS)
def test_undisturbed_it_leaves_the_account_as_the_rows_say(tmp_path, seed):
    plan = Plan(seed)
    with plan.world(**QUICK, import_seconds=0.05) as world:
        platform = Platform(plan, world, tmp_path)
        done = platform.start().wait()
        assert done.exit_code == 0, done.text
        assert world.contacts() == plan.after
        assert len(platform.echoes) == len(plan.states)
        platform.check_promise()


def is_killed(chosen: random.Random, platform: Platform, delay: float) -> bool:
    """Start it and kill it at some moment; whether it was still there."""
    process = platform.start()
    try:
        let_go(chosen, platform, process, delay)
        moment = moment_of(chosen, platform)
        until(lambda: moment() or process.process.poll() is not None, 120)
        threading.Event().wait(chosen.random() * 0.05)
    finally:
        process.kill()
    # What it had handed over is not carried out before the next one is there, or at once.
    if chosen.random() < 0.7:
        platform.world.emulator.settings.patch({"import_delay": 3600})
    process.wait()
    assert process.exit_code in (0, -9), process.text
    return process.exit_code == -9


def moment_of(chosen: random.Random, platform: Platform) -> Callable[[], bool]:
    """When it is to be killed: after so many more requests, writes or states."""
    of: Callable[[], int]
    of, most = chosen.choice(
        (
            (lambda: len(platform.world.emulator.requests), 60),
            (lambda: len(platform.world.emulator.writes), 150),
            (lambda: len(platform.echoes), 8),
        )
    )
    wanted = of() + chosen.randint(1, most)
    return lambda: of() >= wanted


def let_go(chosen: random.Random, platform: Platform, process: Process, delay: float) -> None:
    """Let the importer go on once a process has asked it what it has in hand, or has ended without that."""
    emulator, seen = platform.world.emulator, len(platform.world.emulator.requests)
    if emulator.settings.import_delay > delay:
        until(lambda: asked_for_backlog(emulator, seen) or process.process.poll() is not None, 120)
        threading.Event().wait(chosen.random() * 0.3)
        emulator.settings.patch({"import_delay": delay})


def asked_for_backlog(emulator: Emulator, since: int) -> bool:
    return any(one.method == "GET" and one.path.endswith("/bulk_import") for one in emulator.requests[since:])


def importing(world: World) -> bool:
    from emulator.import_queue import ImportQueue  # noqa: PLC0415

    return any(not batch.has_ended for batch in world.emulator.api.memory.of(ImportQueue).batches.values())
