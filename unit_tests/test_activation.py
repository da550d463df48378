"""What `make activate` makes of values of DuckDB and of what the destination says; without DuckDB itself."""

import doctest
import json
import logging
import math
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from activation import destination, report, rows
from activation.destination import Activation

from activecampaign_client.account import Account
from destination_activecampaign import writing
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.config import config_of
from destination_activecampaign.messages import Record, State, analytics, read
from destination_activecampaign.rejections import Rejection
from destination_activecampaign.writer import Outcome, Row, Settle
from destination_activecampaign.writing import Sync


@pytest.mark.parametrize("module", [rows, destination, report])
def test_the_examples_in_docstrings_are_true(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (2**70, "1180591620717411303424"),
        (-(2**63), "-9223372036854775808"),
        (Decimal("1234567890123456789.1230"), "1234567890123456789.123"),
        (Decimal("1.500000000"), "1.5"),
        (Decimal("-20.00"), "-20"),
        (Decimal("0E-9"), "0"),
        (Decimal("1E+3"), "1000"),
        (1.5, "1.5"),
        (float("inf"), '"inf"'),
        (date(2026, 11, 24), '"2026-11-24"'),
        (datetime(2026, 11, 24, 12, 30, 1, 500000), '"2026-11-24T12:30:01.500000"'),
        (datetime(2026, 11, 24, 12, 30, tzinfo=timezone(timedelta(hours=2))), '"2026-11-24T10:30:00Z"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ([{"at": date(2026, 11, 24), "n": None}], '[{"at":"2026-11-24","n":null}]'),
        ({1: Decimal("0.10")}, '{"1":0.1}'),
        ("line\nline", '"line\\nline"'),
    ],
)
def test_every_value_keeps_its_type_and_what_its_digits_say(value: Any, expected: str) -> None:
    line = rows.record("contacts", ["value"], [value])
    assert f'"data":{{"value":{expected}}},'.encode() in line
    assert line.count(b"\n") == 1


class Kind(NamedTuple):
    """A type as DuckDB describes it."""

    id: str
    children: Sequence[tuple[str, Any]] = ()


FLOAT = Kind("float")
LISTED = Kind("list", [("child", FLOAT)])


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (FLOAT, 0.10000000149011612, 0.1),
        (FLOAT, 19.989999771118164, 19.99),
        (FLOAT, -1.401298464324817e-45, -1e-45),
        (FLOAT, 0.3333333432674408, 0.33333334),
        (FLOAT, None, None),
        (FLOAT, math.inf, math.inf),
        (Kind("array", [("child", FLOAT), ("size", 2)]), (0.10000000149011612, None), [0.1, None]),
        (
            Kind("struct", [("size", FLOAT), ("of", LISTED), ("n", Kind("double"))]),
            {"size": 0.10000000149011612, "of": [0.20000000298023224], "n": 0.10000000149011612},
            {"size": 0.1, "of": [0.2], "n": 0.10000000149011612},
        ),
        (LISTED, None, None),
        (LISTED, [], []),
    ],
)
def test_numbers_of_32_bits_gain_no_digits(kind: Kind, value: Any, expected: Any) -> None:
    reading = rows.reading_of(kind)
    assert reading
    assert reading(value) == expected


def test_numbers_of_64_bits_stay_as_they_are() -> None:
    double = Kind("double")
    for kind in (double, Kind("list", [("child", double)]), Kind("struct", [("x", double)])):
        assert rows.reading_of(kind) is None


def test_lines_are_what_the_destination_reads() -> None:
    assert read(rows.record("contacts", ["email", "plan"], ["ann@example.com", None])) == Record(
        ("contacts", None), {"email": "ann@example.com", "plan": None}
    )
    held = read(rows.state("contacts", 7))
    assert isinstance(held, State)
    assert (held.stream, held.is_known) == (("contacts", None), True)


def test_json_keeps_the_digits_of_its_numbers_and_its_lines() -> None:
    value = rows.parsed('{"price":\n 1.100000000000000000001, "n": 18446744073709551616}')
    line = rows.record("contacts", ["value"], [value])
    assert b'{"price":1.100000000000000000001,"n":18446744073709551616}' in line
    assert rows.parsed("no JSON") == "no JSON"
    assert rows.parsed(None) is None


def test_a_mode_is_added_to_what_is_configured_for_the_stream() -> None:
    config = {"api_key": "k", "streams": [{"stream": "x"}, {"stream": "contacts", "mode": "upsert", "key": ["id"]}]}
    assert destination.with_mode(config, "contacts", "update")["streams"] == [
        {"stream": "x"},
        {"stream": "contacts", "mode": "update", "key": ["id"]},
    ]
    assert destination.with_mode(config, "contacts", "") == config
    assert destination.with_mode({}, "contacts", "insert") == {"streams": [{"stream": "contacts", "mode": "insert"}]}


# ---- what the destination says


def log(message: str, level: str = "INFO") -> str:
    return json.dumps({"type": "LOG", "log": {"level": level, "message": message}})


class WritesAtOnce:
    """Takes every row as created, and the second one as rejected."""

    def __init__(self, settle: Settle) -> None:
        self._settle = settle

    def take(self, target: Target, row: Row) -> None:
        self._settle(target, row, Rejection("email_invalid", "It is none.") if row.number == 1 else Outcome.CREATED)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def said_by_a_sync(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, count: int) -> list[str]:
    """The lines of a real sync of so many rows, as the destination prints them."""
    monkeypatch.setattr(writing, "SECONDS_BETWEEN_LINES", 0.01)
    account = Account("https://acme.api-us1.com", "the key")
    monkeypatch.setattr(account.progress, "waits", lambda: "; 3 wait for the budget")
    target = Target("contacts", None, "contacts", Mode.UPSERT, ("email",), ("email",))
    config = config_of({"api_url": "acme", "api_key": "the key"})
    printed: list[str] = []
    sync = Sync([target], config, account, lambda *given: WritesAtOnce(given[3]), printed.append)
    caplog.set_level(logging.INFO, "destination_activecampaign")
    with sync.reported():
        for number in range(count):
            sync.receive(rows.record("contacts", ["email"], [f"{number}@example.com"]))
        sync.receive(rows.state("contacts", count))
        deadline = time.monotonic() + 30
        while f"{count:,} rows done" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    levels = {"WARNING": "WARN"}
    return [*(log(one.message, levels.get(one.levelname, one.levelname)) for one in caplog.records), *printed]


def test_what_a_sync_says_is_understood(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    activation = Activation("contacts", 4000)
    shown = [activation.observe(line) for line in said_by_a_sync(monkeypatch, caplog, 1234)]
    assert "".join(shown) == "", "neither progress nor rejected rows are shown as they come"
    assert (activation.done, activation.acknowledged) == (1234, 1234)
    assert activation.reasons == {"email_invalid": "It is none."}
    assert report.outcomes_of(activation) == {"created": 1233, "rejected": 1}
    progress = activation.progress()
    assert progress.startswith("1,234 of 4,000 rows, ")
    assert progress.endswith(" left; 3 wait for the budget")


def test_the_rest_takes_as_long_as_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    activation = Activation("contacts", 40_000, done=10_000)
    monkeypatch.setattr(time, "monotonic", lambda: activation.began + 600)
    assert activation.progress() == "10,000 of 40,000 rows, 17 per second, 30 min left"
    activation.done = 0
    activation.waits = "; 3 wait for the budget"
    assert activation.progress() == "0 of 40,000 rows after 10 min; 3 wait for the budget"


def test_warnings_are_shown_and_errors_are_kept() -> None:
    activation = Activation("contacts", 1)
    assert activation.observe(log("Stream contacts: the column x is left out", "WARN")).endswith("x is left out")
    assert activation.observe(log("Something else")) == ""
    assert activation.observe("no message") == ""
    error = {"type": "TRACE", "trace": {"type": "ERROR", "error": {"message": "It failed."}}}
    assert activation.observe(json.dumps(error)) == ""
    assert activation.errors == ["It failed."]


def activation_of(
    exit_status: int = 0, codes: dict[str, int] | None = None, kind: str = "contacts", **outcomes: int
) -> Activation:
    one = Activation(kind, sum(outcomes.values()), exit_status=exit_status)
    stream = {"stream": kind, "object": kind, "rows": one.rows, "outcomes": outcomes, "codes": codes or {}}
    summary = {"streams": [stream], "requests": 1200, "seconds": 3.25, "rejected_records": "kept/rejected.jsonl"}
    one.observe(analytics(destination.SUMMARY, summary))
    return one


def reported(*activations: Activation) -> list[str]:
    said: list[str] = []
    report.report(activations, said.append)
    return [line for line in said if line]


def test_the_table_has_what_every_row_became() -> None:
    heads, line = reported(activation_of(created=1, updated=2000, unchanged=3))
    assert heads.split() == ["object", "rows", "created", "updated", "unchanged", "rejected", "requests", "seconds"]
    assert line.split() == ["contacts", "2,004", "1", "2,000", "3", "0", "1,200", "3.2"]
    assert len(heads) == len(line)


def test_the_table_has_seldom_outcomes_where_there_are_some() -> None:
    [heads, *_] = reported(activation_of(written=1, skipped=2))
    assert "created or updated  unchanged  skipped" in heads


@pytest.mark.parametrize(
    ("activations", "is_said"),
    [
        ([activation_of(unchanged=2)], True),
        ([activation_of(unchanged=2), activation_of(unchanged=1, rejected=1, codes={"x": 1})], True),
        ([activation_of(unchanged=2), activation_of(written=1)], False),
        ([activation_of(unchanged=2, exit_status=1)], False),
        ([activation_of(skipped=2)], False),
    ],
)
def test_that_nothing_changed_is_said_only_where_it_is_so(activations: list[Activation], is_said: bool) -> None:
    assert ("Nothing changed: the account had all of it already." in reported(*activations)) is is_said


def test_events_are_appended_and_it_is_said_that_nothing_else_changed() -> None:
    heads, contacts, events, *said = reported(activation_of(unchanged=2), activation_of(kind="events", created=7))
    assert heads.split()[2:5] == ["created", "updated", "appended"]
    assert contacts.split()[:6] == ["contacts", "2", "0", "0", "0", "2"]
    assert events.split()[:6] == ["events", "7", "0", "0", "7", "0"]
    assert " ".join(said) == (
        "Nothing changed but for 7 events: an event is appended each time it is sent, as ActiveCampaign does not know "
        "one again. The account had all of the rest already."
    )
    changed = reported(activation_of(updated=1, unchanged=1), activation_of(kind="events", created=7))
    assert len(changed) == 3, "nothing is said but the table"


def test_rejected_rows_are_counted_by_reason_the_most_frequent_first() -> None:
    codes = {f"code_{number}": number for number in range(1, 8)}
    one = activation_of(rejected=28, codes=codes)
    one.reasons["code_7"] = "Seven."
    _, _, head, *reasons = reported(one)
    assert head == "28 rows of contacts rejected, which are with their reasons in kept/rejected.jsonl:"
    assert reasons[0] == "  7 code_7: Seven."
    assert [reason.split()[0] for reason in reasons] == ["7", "6", "5", "4", "3", "3"]
    assert reasons[-1] == "  3 for other reasons"


def test_rejected_rows_in_s3_are_found_by_their_url() -> None:
    one = activation_of(rejected=1, codes={"exists": 1})
    assert one.summary
    one.summary["rejected_records"] = "s3://kept/rejected"
    assert "1 row of contacts rejected, which are with their reasons in s3://kept/rejected:" in reported(one)


def test_what_did_not_finish_is_marked() -> None:
    [_, line] = reported(activation_of(exit_status=1, created=1))
    assert line.endswith("  did not finish")
