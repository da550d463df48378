"""When rows of events are looked at and sent, without a platform around it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from activecampaign_client.account import Account
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.config import Config, Tracking
from destination_activecampaign.directory import Directory
from destination_activecampaign.events import pipeline
from destination_activecampaign.events.pipeline import EventsWriter
from destination_activecampaign.hand import Closed
from destination_activecampaign.writer import Outcome, Row
from unit_tests.client.test_tracking import SPAWNED, Script
from unit_tests.servers import answering, server

TARGET = Target("done", None, "events", Mode.APPEND, (), ("email", "event", "event_id"))
EMAIL = "ann@example.com"


class Written:
    """A writer whose host takes everything, and what happened, in order: `settled` rows, and what is `earlier`."""

    def __init__(self, url: str, script: Script) -> None:
        self.script = script
        self.settled: dict[int, Any] = {}
        self.earlier: list[int] = []
        self.changed = threading.Condition()
        config = Config(url, "key", 1000, tracking=Tracking("1", "key"), tracking_url=url)
        account = Account(url, "key", 1000)
        self.writer = EventsWriter([TARGET], account, config, self.settle, Directory(account), self.write_earlier)
        script.asked.clear()

    def write_earlier(self) -> None:
        self.earlier.append(len(self.script.asked))

    def settle(self, _: Target, row: Row, result: Any) -> None:
        with self.changed:
            self.settled[row.number] = result
            self.changed.notify_all()

    def take(self, number: int, **data: Any) -> None:
        self.writer.take(TARGET, Row(number, {"email": EMAIL, "event": f"e{number}", **data}))

    def until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout=30)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    monkeypatch.setattr(pipeline, "BLOCK", 3)
    script = Script(answering(200, SPAWNED))
    with server(script) as (url, _):
        one = Written(url, script)
        yield one
        one.writer.close()


def test_a_block_of_rows_is_sent_once_what_came_before_is_written(written: Written) -> None:
    for number in (0, 1):
        written.take(number)
    assert (written.earlier, written.script.asked) == ([], [])
    written.take(2)
    written.until(lambda: len(written.settled) == 3)
    assert written.earlier == [0], "nothing was sent before"
    assert set(written.settled.values()) == {Outcome.CREATED}


def test_what_was_taken_is_sent_where_the_sync_wants_it(written: Written) -> None:
    written.take(0)
    written.writer.push()
    written.until(lambda: 0 in written.settled)
    written.take(1)
    written.writer.flush()
    assert set(written.settled) == {0, 1}
    assert len(written.script.asked) == 2


def test_an_id_is_sent_once_in_a_sync_however_far_apart_it_comes(written: Written) -> None:
    written.take(0, event_id="x")
    written.writer.flush()
    written.take(1, event_id="x")
    written.take(2, event_id="")
    written.take(3, event_id="")
    written.writer.flush()
    assert written.settled == {0: Outcome.CREATED, 1: Outcome.SKIPPED, 2: Outcome.CREATED, 3: Outcome.CREATED}
    assert len(written.script.asked) == 3


def test_whoever_ends_the_sync_waits_for_nothing(written: Written) -> None:
    written.script.answers = [answering(503, "")]
    written.take(0)
    written.writer.push()
    written.writer.close()
    with pytest.raises(Closed):
        written.writer.flush()
    assert written.settled == {}
