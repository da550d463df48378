"""A sync: what is done with each line, when rows are written without waiting for more, and what is said of them."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from activecampaign_client.account import Account
from activecampaign_client.errors import ApiError
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.config import Config
from destination_activecampaign.writing import Sync, is_due
from unit_tests.destination.fake_writer import FakeWriter, fake_writer_of

KEY = "k3y-0f-acme-1234567890abcdef"
PEOPLE = Target("people", None, "contacts", Mode.UPSERT, ("email",), ("email", "do"))
GONE = Target("gone", None, "contacts", Mode.SOFT_DELETE, ("email",))


class Said(list[str]):
    """The lines that a sync prints."""

    @property
    def states(self) -> list[Any]:
        return [json.loads(line)["state"] for line in self if '"STATE"' in line]

    @property
    def stats(self) -> list[tuple[float, float]]:
        found = [state["destinationStats"] for state in self.states]
        return [(one["recordCount"], one["rejectedRecordCount"]) for one in found]

    @property
    def summary(self) -> Any:
        [line] = [line for line in self if '"ANALYTICS"' in line]
        analytics = json.loads(line)["trace"]["analytics"]
        assert analytics["type"] == "activecampaign-write-summary"
        return json.loads(analytics["value"])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Running:
    """A sync of people with a writer that does what it is told."""

    def __init__(self, *targets: Target, **settings: Any) -> None:
        self.said, self.clock = Said(), Clock()
        self.writers: list[FakeWriter] = []

        def writer_of(*arguments: Any) -> FakeWriter:
            self.writers.append(fake_writer_of(*arguments))
            return self.writers[-1]

        account = Account("https://acme.api-us1.com", KEY)
        config = Config("https://acme.api-us1.com", KEY, **settings)
        self.sync = Sync(targets or (PEOPLE,), config, account, writer_of, self.said.append, self.clock)

    @property
    def writer(self) -> FakeWriter:
        return self.writers[0]

    def row(self, stream: str = "people", namespace: str | None = None, **data: Any) -> None:
        record = {"stream": stream, "namespace": namespace, "data": data, "emitted_at": 1.5}
        self.sync.receive(json.dumps({"type": "RECORD", "record": record}).encode())

    def state(self, stream: str = "people", namespace: str | None = None) -> None:
        described = {"name": stream, "namespace": namespace}
        content = {"type": "STREAM", "stream": {"stream_descriptor": described, "stream_state": {}}}
        self.sync.receive(json.dumps({"type": "STATE", "state": content}).encode())

    def end(self) -> None:
        with self.sync.reported():
            self.sync.finish()


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "destination_activecampaign")
    return caplog


def test_rows_are_written_and_states_go_back_at_the_end() -> None:
    running = Running()
    for number in range(10):
        running.row(email=f"{number}@example.com")
    running.state()
    assert running.said.states == []
    running.end()
    assert running.said.stats == [(10.0, 0.0)]


def test_a_state_goes_back_before_the_end_when_nothing_else_comes() -> None:
    running = Running()
    running.row(email="ann@example.com")
    running.state()
    running.clock.now += 4
    running.sync.look()
    assert running.said.states == []
    running.clock.now += 2
    running.sync.look()
    assert running.said.stats == [(1.0, 0.0)]


def test_a_state_goes_back_within_a_minute_while_rows_go_on_coming() -> None:
    running = Running()
    running.row(email="first@example.com")
    running.state()
    began = running.clock.now
    while not running.said.states:
        running.clock.now += 0.5
        running.row(email="another@example.com", do="hold")
    assert running.clock.now - began <= 60


def test_rows_without_a_state_wait_for_others_but_not_for_ever() -> None:
    running = Running()
    running.row(email="ann@example.com")
    running.clock.now += 30
    running.sync.look()
    assert running.writer.pushes == 0
    running.clock.now += 31
    running.sync.look()
    assert running.writer.pushes == 1
    running.clock.now += 100
    running.sync.look()
    assert running.writer.pushes == 1


def test_what_waits_for_nothing_is_not_due() -> None:
    assert not is_due(None, 1000.0, has_new=False)


def test_what_is_being_written_is_not_waited_for_while_rows_go_on_coming() -> None:
    running = Running()
    running.row(email="first@example.com", do="slow")
    running.state()
    for _ in range(200):
        running.clock.now += 0.5
        running.row(email="another@example.com", do="hold")
    # Once for the state; the rows after it may wait for more.
    assert (running.writer.pushes, running.said.states) == (1, [])
    running.state()
    for _ in range(100):
        running.clock.now += 0.5
        running.row(email="another@example.com", do="hold")
    assert (running.writer.pushes, running.said.states) == (2, [])
    running.end()
    assert running.said.stats == [(1.0, 0.0), (200.0, 0.0)]


def test_rejected_rows_are_kept_counted_and_said_without_data(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    running = Running(rejected_records=str(tmp_path))
    running.row(email="ann", do="reject")
    running.row(email="bob@example.com", do="UPDATED")
    running.row(email="eve", do="reject")
    running.state()
    running.end()
    kept = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert [(one["stream"], one["object"], one["key"], one["code"]) for one in kept] == [
        ("people", "contacts", {"email": "ann"}, "email_invalid"),
        ("people", "contacts", {"email": "eve"}, "email_invalid"),
    ]
    assert kept[0]["row"] == {"email": "ann", "do": "reject"}
    assert running.said.stats == [(3.0, 2.0)]
    said = [record.message for record in log.records if "rejected" in record.message.lower()]
    assert said == [
        "Stream people: row 1 is rejected (email_invalid). The email address is not valid.",
        "Stream people to contacts: 3 rows: 2 rejected, 1 updated (2 email_invalid)",
        "Rejected in all streams: 2 email_invalid.",
        f"The rejected rows are in {tmp_path}/rejected.jsonl.",
    ]
    assert "ann" not in "".join(said)


def test_the_reasons_of_all_streams_are_counted_together(log: pytest.LogCaptureFixture) -> None:
    running = Running(PEOPLE, GONE)
    running.row("orders")
    running.row("gone")
    for _ in range(2):
        running.row(do="reject")
        running.row("visits")
    running.end()
    assert "Rejected in all streams: 3 stream_unknown, 2 email_invalid, 1 deletion_refused." in log.messages


def test_without_a_place_for_them_each_rejected_row_is_said(log: pytest.LogCaptureFixture) -> None:
    running = Running()
    running.row(do="reject")
    running.row(do="reject")
    running.end()
    assert [record.message for record in log.records if "row " in record.message] == [
        "Stream people: row 1 is rejected (email_invalid). The email address is not valid.",
        "Stream people: row 2 is rejected (email_invalid).",
    ]


def test_the_summary_has_the_figures_for_programs() -> None:
    running = Running(PEOPLE, GONE)
    for do in ("CREATED", "UPDATED", "UPDATED", "UNCHANGED", "SKIPPED", "WRITTEN", "reject"):
        running.row(do=do)
    running.clock.now += 12.34
    running.end()
    outcomes = {"created": 1, "updated": 2, "unchanged": 1, "skipped": 1, "written": 1, "rejected": 1}
    assert running.said.summary == {
        "streams": [
            {
                "stream": "people",
                "object": "contacts",
                "rows": 7,
                "outcomes": outcomes,
                "codes": {"email_invalid": 1},
            },
            {"stream": "gone", "object": "contacts", "rows": 0, "outcomes": {}, "codes": {}},
        ],
        "requests": 0,
        "seconds": 12.3,
        "rejected_records": None,
    }


def test_a_row_of_a_stream_that_is_not_in_the_catalog_is_rejected_and_costs_no_other(tmp_path: Path) -> None:
    running = Running(rejected_records=str(tmp_path))
    running.row("orders", id=7)
    running.state("orders")
    running.row(email="ann@example.com")
    running.state()
    running.end()
    [kept] = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert (kept["stream"], kept["object"], kept["key"], kept["code"]) == ("orders", None, None, "stream_unknown")
    assert running.said.stats == [(1.0, 1.0), (1.0, 0.0)]


def test_a_row_that_cannot_be_read_is_rejected_with_its_text(tmp_path: Path) -> None:
    running = Running(rejected_records=str(tmp_path))
    running.sync.receive(b'{"type":"RECORD","record":{"stream":"people","data":{"email":"an')
    running.row(email="ann@example.com")
    running.state()
    running.state()
    running.end()
    assert running.said.stats == [(2.0, 1.0), (0.0, 0.0)]
    [kept] = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert (kept["stream"], kept["code"]) == (None, "unreadable")
    assert kept["row"] == '{"type":"RECORD","record":{"stream":"people","data":{"email":"an'
    assert running.said.summary["streams"][1]["outcomes"] == {"rejected": 1}


def test_lines_that_are_no_messages_are_said_once_and_counted(log: pytest.LogCaptureFixture) -> None:
    running = Running()
    for line in (b"Traceback", b"", b"  ", b'{"type":"LOG"}', b"ann@example.com", b'{"type":"TOMORROW"}'):
        running.sync.receive(line)
    running.end()
    said = [record.message for record in log.records if "the input" in record.message]
    assert said == [
        "Line 1 of the input is no message of the protocol, and is left out; further ones are counted.",
        "2 lines of the input were no messages of the protocol.",
    ]


def test_a_state_that_is_cut_off_acknowledges_nothing(log: pytest.LogCaptureFixture) -> None:
    running = Running()
    running.row()
    running.sync.receive(b'{"type":"STATE","state":{"type":"STREAM","stre')
    running.end()
    assert running.said.states == []
    assert "Line 2 of the input is a state that is not complete, and is left out." in log.messages


@pytest.mark.parametrize(("in_catalog", "in_row", "in_state"), [("public", None, None), (None, "public", "public")])
def test_a_namespace_that_only_one_side_knows_does_no_harm(
    in_catalog: str | None, in_row: str | None, in_state: str | None
) -> None:
    running = Running(Target("people", in_catalog, "contacts", Mode.UPSERT, ("email",)))
    running.row(namespace=in_row)
    running.state(namespace=in_state)
    assert running.said.states == []
    running.end()
    assert running.said.stats == [(1.0, 0.0)]


def test_rows_of_streams_of_one_name_are_told_apart_by_their_namespace() -> None:
    running = Running(*(Target("people", one, "contacts", Mode.UPSERT, ("email",)) for one in ("a", "b")))
    running.row(namespace="a", do="hold")
    running.row(namespace="b", do="CREATED")
    running.state(namespace="b")
    assert running.said.stats == [(1.0, 0.0)]


def test_deletions_that_are_not_allowed_are_rejected() -> None:
    running = Running(PEOPLE, GONE)
    running.row("gone", email="ann@example.com")
    running.end()
    assert running.said.summary["streams"][1]["codes"] == {"deletion_refused": 1}


@pytest.mark.parametrize("deletions", ["unsubscribe", "delete"])
def test_deletions_that_are_allowed_are_the_writers(deletions: str) -> None:
    running = Running(GONE, deletions=deletions)
    running.row("gone", email="ann@example.com")
    running.end()
    assert running.said.summary["streams"][0]["outcomes"] == {"created": 1}


def test_where_rejected_rows_are_to_fail_every_row_is_tried_first() -> None:
    running = Running(on_rejected="fail")
    running.row()
    running.state()
    running.row(do="reject")
    running.row()
    running.state()
    with pytest.raises(ApiError) as failed:
        running.end()
    assert failed.value.kind == "config"
    assert str(failed.value) == (
        "1 of 3 rows could not be written; they stand in the log, by stream and number. All other rows are written. "
        "Correct those rows, or choose continue under On Rejected Rows."
    )
    assert running.said.summary["streams"][0]["outcomes"] == {"created": 2, "rejected": 1}
    assert running.said.stats == [(1.0, 0.0)]
    assert not running.writer.is_closed


def test_after_an_error_nothing_is_acknowledged_and_nothing_waited_for() -> None:
    running = Running()
    running.row()
    running.state()
    with pytest.raises(ApiError, match="did not accept the API key"), running.sync.reported():
        running.row(do="fail")
    assert running.writer.is_closed
    running.writer.flush()
    assert running.said.states == []
    assert running.said.summary["streams"][0]["rows"] == 0


def test_an_error_in_a_thread_that_nobody_asks_ends_the_sync(tmp_path: Path) -> None:
    running = Running(rejected_records=str(tmp_path / "folder"))
    (tmp_path / "folder").rmdir()
    with pytest.raises(ApiError, match="rejected records cannot be written"), running.sync.reported():
        running.row(do="fail in a thread")
    assert running.writer.is_closed


def test_a_row_of_which_nothing_is_heard_is_no_success() -> None:
    running = Running()
    running.row(do="lose")
    running.state()
    with pytest.raises(ApiError, match=r"^Rows that were neither written nor rejected: 1\.") as failed:
        running.end()
    assert failed.value.kind == "system"
    assert running.said.states == []


def test_without_streams_no_writer_is_made() -> None:
    said = Said()

    def no_writer(*_: Any) -> Any:
        raise AssertionError("nothing can be written")

    config = Config("https://acme.api-us1.com", KEY)
    sync = Sync((), config, Account(config.api_url, KEY), no_writer, said.append)
    sync.receive(b'{"type":"STATE","state":{"type":"GLOBAL","global":{}}}')
    with sync.reported():
        sync.finish()
    assert said.stats == [(0.0, 0.0)]
