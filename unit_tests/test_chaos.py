"""The scenario `chaos` of the benchmarks: its judge sees what is wrong, and its plans leave nothing out."""

import doctest
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import chaos_judge, chaos_plan
from benchmarks.chaos import Result, Stream, read, table_rows
from benchmarks.chaos_judge import Findings, Witness, disagreements, kept, states_after
from benchmarks.chaos_plan import TROUBLES, families, plan_of, streams_of
from emulator import Account
from integration_tests.source.connector import Output

Rows = list[dict[str, Any]]


def found_in(stream: str, change: Callable[[Account, Rows], None], **more: Any) -> tuple[list[str], list[str]]:
    """What is found where the account's own rows come out of a read, with a change to them or to the account."""
    account = Account("small", contacts=20, rows={"tags": 5, "notes": 30, "deals": 12}, **more)
    witness = Witness(account, [stream])
    known = chaos_judge.rows_by_key(account, stream)
    rows = [row if len(key) == 1 else {"contact": key[0], **row} for key, row in known.items()]
    change(account, rows)
    witness.look_again()
    found = witness.findings(stream, rows)
    return list(found.lost), list(found.invented)


def nothing(account: Account, rows: Rows) -> None:
    pass


@pytest.mark.parametrize("stream", ["tags", "deals", "contact_notes", "contact_automation_entry_counts", "configs"])
@pytest.mark.parametrize("odd_values", [False, True])
def test_nothing_is_wrong_with_the_accounts_own_rows(stream: str, odd_values: bool) -> None:
    assert found_in(stream, nothing, odd_values=odd_values) == ([], [])


def test_a_row_that_does_not_come_is_lost_and_one_that_is_deleted_meanwhile_is_not() -> None:
    assert found_in("tags", lambda account, rows: rows.pop(1)) == (["tags 2"], [])

    def deleted(account: Account, rows: Rows) -> None:
        rows.pop(1)
        account.delete("tags", "2")

    assert found_in("tags", deleted) == ([], [])


def test_a_row_that_never_was_is_invented_and_one_that_was_there_for_a_moment_is_not() -> None:
    assert found_in("tags", lambda account, rows: rows.append({"id": "77"})) == (
        [],
        ["tags 77 never was in the account"],
    )

    def for_a_moment(account: Account, rows: Rows) -> None:
        new = account.insert("tags")
        rows.append({"id": new})
        account.delete("tags", new)

    assert found_in("tags", for_a_moment) == ([], [])


def test_a_row_that_gets_the_id_of_a_deleted_one_is_another_row() -> None:
    def instead(account: Account, rows: Rows) -> None:
        rows.pop(-1)
        account.delete("tags", "5")
        assert account.insert("tags") == "5"

    assert found_in("tags", instead, reuse_ids=True) == ([], [])


def test_the_rows_of_a_contact_that_gets_the_id_of_a_deleted_one_are_not_expected() -> None:
    # Of what belongs to contacts, notes stay when they go.
    account = Account("small", contacts=20, rows={"notes": 30}, reuse_ids=True)
    last = max(account.ids("contacts"), key=int)
    witness = Witness(account, ["contact_notes"])
    account.delete("contacts", last)
    assert account.insert("contacts") == last
    witness.look_again()
    others = [note for note in account.rows("notes") if note["relid"] != last]
    assert len(others) < len(account.rows("notes"))
    assert witness.findings("contact_notes", others) == Findings([], [])


def test_an_address_that_a_contact_had_lost_meanwhile_is_not_expected() -> None:
    account = Account("small", contacts=20, rows={"geoIps": 5, "geoAddresses": 1})
    witness = Witness(account, ["geo_addresses"])
    row, *_ = account.rows("geoIps")
    account.delete("geoIps", row["id"])
    account.insert("geoIps", contact=row["contact"], geoaddrid=row["geoaddrid"])
    witness.look_again()
    there = chaos_judge.rows_by_key(account, "geo_addresses")
    lost = witness.findings("geo_addresses", []).lost
    assert len(lost) == len(there) - 1 > 0


def test_an_id_that_was_given_again_for_a_moment_is_not_invented() -> None:
    account = Account("small", contacts=20, rows={"tags": 5}, gone={"tags": 1}, reuse_ids=True)
    witness = Witness(account, ["tags"])
    assert "5" not in account.ids("tags")
    rows = [*account.rows("tags"), {"id": account.insert("tags")}]
    account.delete("tags", "5")
    witness.look_again()
    assert (rows[-1]["id"], witness.findings("tags", rows)) == ("5", Findings([], []))


def test_a_value_that_a_row_never_had_is_invented_and_that_of_a_row_that_changes_is_not_looked_at() -> None:
    def other(account: Account, rows: Rows) -> None:
        rows[1]["tag"] = "other"

    def changed(account: Account, rows: Rows) -> None:
        other(account, rows)
        account.update("tags", "2", description="changed")

    lost, invented = found_in("tags", other)
    assert lost == []
    assert [one.partition(" and not ")[0] for one in invented] == ["tags 2: tag is 'other'"]
    assert found_in("tags", changed) == ([], [])


def test_the_rows_of_broken_contacts_are_not_expected_and_those_of_others_are() -> None:
    account = Account("small", contacts=20, rows={"contactGoals": 40})
    first, second, *_ = sorted({row["contact"] for row in account.rows("contactGoals")})
    witness = Witness(account, ["contact_goals"], broken=[first])
    witness.look_again()
    others = [row for row in account.rows("contactGoals") if row["contact"] not in {first, second}]
    lost = witness.findings("contact_goals", others).lost
    assert len(lost) == len([row for row in account.rows("contactGoals") if row["contact"] == second]) > 0


@pytest.mark.parametrize(
    ("sent", "came"),
    [
        ("12", 12),
        ("100.10", 100.1),
        ("0", False),
        ("", None),
        ([], None),
        ("2019-11-22 14:15:37", "2019-11-22T14:15:37"),
        ("2021-04-16T16:12:22.222685095Z", "2021-04-16T16:12:22.222685Z"),
        ("half \ud83d of it", "half \ufffd of it"),
        ({"a": ["1"]}, {"a": [1]}),
    ],
)
def test_values_are_compared_without_what_conversions_change(sent: Any, came: Any) -> None:
    assert chaos_judge.plain(sent) == chaos_judge.plain(came)


@pytest.mark.parametrize(
    ("sent", "came"),
    [("12", 13), ("a", None), ("2019-09-06T11:29:48-05:00", "2019-09-06T11:29:48Z"), (["1"], []), ("NaN", None)],
)
def test_values_that_are_others_are_not_taken_for_the_same(sent: Any, came: Any) -> None:
    assert chaos_judge.plain(sent) != chaos_judge.plain(came)


def record(identifier: str, stream: str = "tags") -> dict[str, Any]:
    return {"type": "RECORD", "record": {"stream": stream, "data": {"id": identifier}}}


def state(cursor: str, stream: str = "tags") -> dict[str, Any]:
    return {"type": "STATE", "state": {"stream": {"stream_descriptor": {"name": stream}, "stream_state": cursor}}}


def status(what: str, stream: str = "tags") -> dict[str, Any]:
    ended = {"stream_descriptor": {"name": stream}, "status": what}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": ended}}


def error(stream: str | None = "tags") -> dict[str, Any]:
    descriptor = {"stream_descriptor": {"name": stream}} if stream else {}
    said = {"message": "It failed.", "failure_type": "transient_error", **descriptor}
    return {"type": "TRACE", "trace": {"type": "ERROR", "error": said}}


def test_of_a_stream_that_did_not_complete_a_destination_has_what_stands_before_its_last_state() -> None:
    messages = [record("1"), state("a"), record("2"), state("b", "lists"), record("3", "lists")]
    assert kept(Output(-9, "", messages), "tags") == ([{"id": "1"}], [{"id": "2"}])
    assert kept(Output(0, "", [*messages, status("COMPLETE")]), "tags") == ([{"id": "1"}, {"id": "2"}], [])
    after = states_after(Output(-9, "", messages), {"tags": "old", "forms": "old"})
    assert {name: one if one == "old" else one["stream"]["stream_state"] for name, one in after.items()} == {
        "tags": "a",
        "forms": "old",
        "lists": "b",
    }


@pytest.mark.parametrize(
    ("exit_code", "messages", "wrong"),
    [
        (0, [status("COMPLETE")], []),
        (1, [status("INCOMPLETE"), error()], []),
        (1, [error(None)], []),
        (1, [status("COMPLETE")], ["the exit code is 1"]),
        (0, [status("INCOMPLETE"), error()], ["the exit code is 0"]),
        (137, [status("INCOMPLETE"), error()], ["the exit code is 137"]),
        (1, [status("INCOMPLETE")], ["tags is INCOMPLETE, and no error names it"]),
        (1, [status("COMPLETE"), error()], ["tags is COMPLETE, and has an error"]),
        (1, [status("RUNNING")], ["tags has the last status RUNNING"]),
    ],
)
def test_ends_that_do_not_agree_are_seen(exit_code: int, messages: list[dict[str, Any]], wrong: list[str]) -> None:
    found = list(disagreements(Output(exit_code, "", messages), ["tags"]))
    assert [one.partition(", with ")[0].partition(", and nothing")[0] for one in found] == wrong


CONNECTOR = """
import json, sys, time
print(json.dumps({"type": "LOG", "log": {"message": sys.argv[1]}}))
for number in range(5):
    print(json.dumps({"type": "RECORD", "record": {"stream": "tags", "data": {"id": str(number)}}}), flush=True)
"""


@pytest.fixture
def command(tmp_path: Path) -> Callable[[str], str]:
    """A connector of which only the end is given."""

    def make(end: str) -> str:
        (tmp_path / "connector.py").write_text(CONNECTOR + end)
        return f"{shlex.quote(sys.executable)} {shlex.quote(str(tmp_path / 'connector.py'))}"

    return make


def test_a_read_is_killed_at_its_moment_given_up_when_it_hangs_and_left_alone_otherwise(
    command: Callable[[str], str], tmp_path: Path
) -> None:
    until = time.monotonic() + 60
    ended = read(command("sys.exit(1)"), {"config": {}}, tmp_path, until=until)
    assert (ended.output.exit_code, ended.killed, ended.hung, len(ended.output.messages)) == (1, False, False, 6)
    killed = read(command("time.sleep(60)"), {"config": {}}, tmp_path, until=until, kill_after=3)
    assert (killed.output.exit_code, killed.killed, killed.hung) == (-9, True, False)
    assert [one["type"] for one in killed.output.messages][:2] == ["LOG", "RECORD"]
    hung = read(command("time.sleep(60)"), {"config": {}}, tmp_path, until=time.monotonic() + 1)
    assert (hung.killed, hung.hung) == (True, True)
    assert time.monotonic() < until


def test_what_is_no_message_is_seen(command: Callable[[str], str], tmp_path: Path) -> None:
    odd = read(command("print('{\"type\": NaN}')"), {"config": {}}, tmp_path, until=time.monotonic() + 60)
    assert odd.output.text == '{"type": NaN}\n'


def test_a_hundred_seeds_leave_out_no_stream_and_no_trouble() -> None:
    plans = [plan_of(seed, moment=0) for seed in range(1, 101)]
    everything = {stream for streams in families().values() for stream in streams}
    assert {stream for plan in plans for stream in plan.streams} == everything
    assert all(len(set(plan.streams)) == len(plan.streams) for plan in plans)
    for trouble in TROUBLES:
        assert sum(trouble in plan.troubles for plan in plans) >= 5, trouble
    for plan in plans:
        assert {chaos_plan.family_of(stream) for stream in plan.streams} == set(families())


def test_a_seed_is_the_same_plan_whenever_it_is_run() -> None:
    first, second = (plan_of(17, moment=0) for _ in range(2))
    for name in ("streams", "account", "settings", "config", "troubles", "passing", "lasting", "changes", "kills"):
        assert getattr(first, name) == getattr(second, name)
    assert plan_of(18, moment=0).passing != first.passing
    assert streams_of(17) == first.streams


def test_the_table_counts_each_seed_in_all_of_its_troubles() -> None:
    good = Result(1, ["rows change"], [Stream("tags", 7, True, [], [])], seconds=4)
    bad = Result(
        2, ["rows change", "kill -9"], [Stream("tags", 5, False, ["tags 3"], []), Stream("users", 1, True, [], [])]
    )
    bad.met["kill -9"] += 2
    bad.unknown = ["Oh."]
    lines = {line[0]: line[1:] for line in table_rows([good, bad])}
    assert lines["everything"][:8] == ("2", "3", "1", "2", "13", "**1**", "**0**", "**1**")
    assert lines["kill -9"][:6] == ("1", "2", "1", "2", "6", "**1**")
    assert lines["rows change"][:3] == ("2", "3", "1")
    assert lines["streams: full_refresh"][:2] == ("1", "1")


def test_the_examples_are_true() -> None:
    assert doctest.testmod(chaos_plan).failed == doctest.testmod(chaos_judge).failed == 0
