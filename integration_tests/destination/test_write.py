"""`write` as a process: what comes on stdin, and what goes back; with a writer that does what the rows say."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator
from integration_tests.destination.connector import FAKE, REAL, Destination, Process, configured, line, record, state

Configure = Callable[..., Destination]
CATALOG = configured("contacts")


def write(destination: Destination, *lines: bytes, catalog: Any = CATALOG) -> Process:
    return destination.write(catalog, lines, FAKE)


def test_what_pyairbyte_sends_is_written_and_acknowledged(configure: Configure) -> None:
    normalised = {"email": "ann@example.com", "_airbyte_raw_id": "01H", "_airbyte_meta": {}, "size": "1.500000000"}
    sent_state = (
        '{"type":"STATE","log":null,"state":{"type":"GLOBAL","stream":null,"global_":{"shared_state":{"big":'
        '12345678901234567890123,"e":1.50},"stream_states":[]},"data":null,"sourceStats":null,"destinationStats":null}}'
    )
    done = write(
        configure(),
        line("LOG", log={"level": "INFO", "message": "Starting"}),
        line("TRACE", trace={"type": "STREAM_STATUS", "emitted_at": 1700000000000.5}),
        line("RECORD", record={"stream": "contacts", "data": normalised, "emitted_at": 1_700_000_000, "meta": None}),
        b"\n",
        line("RECORD", record={"stream": "contacts", "data": {}, "emitted_at": 1.5, "namespace": None}, state=None),
        sent_state.encode() + b"\n",
        line("A_TYPE_OF_TOMORROW", x=1),
    )
    assert done.exit_code == 0
    expected = sent_state.replace("global_", "global").replace(
        '"destinationStats":null', '"destinationStats":{"recordCount":2.0,"rejectedRecordCount":0.0}'
    )
    assert done.echoed == [expected.encode() + b"\n"]


def test_every_line_that_is_printed_is_a_message(configure: Configure) -> None:
    done = write(configure(), b"garbage\n", record(), state(), b'{"type":"RECORD"')
    assert {json.loads(one)["type"] for one in done.lines} == {"LOG", "STATE", "TRACE"}
    assert done.errors == b""


def test_no_input_is_nothing_to_do(configure: Configure) -> None:
    done = write(configure())
    assert (done.exit_code, done.echoed) == (0, [])
    assert done.summary["streams"][0]["rows"] == 0


def test_without_any_stdin_there_is_nothing_to_do(configure: Configure) -> None:
    process = configure().start("write", "sh", "-c", 'exec "$@" <&-', "sh", module=FAKE, catalog=CATALOG)
    assert process.end().exit_code == 0, process.text


def test_the_last_line_needs_no_end(configure: Configure) -> None:
    done = write(configure(), record(), state().rstrip(b"\n"))
    assert done.stats == [(1.0, 0.0)]


def test_a_row_of_several_megabytes_is_a_row(configure: Configure) -> None:
    done = write(configure(), record(text="x" * 5_000_000), state())
    assert done.stats == [(1.0, 0.0)]


def test_states_go_back_while_the_input_is_open(configure: Configure) -> None:
    process = configure().start("write", module=FAKE, catalog=CATALOG)
    process.send(record(), state(at=1))
    process.until(lambda one: one.echoed)
    process.send(record(), record(), state(at=2))
    process.until(lambda one: len(one.echoed) == 2)
    assert process.end().exit_code == 0
    assert process.stats == [(1.0, 0.0), (2.0, 0.0)]


def test_many_rows_and_one_state_take_little_memory(configure: Configure) -> None:
    rows, many = 1_000_000, record(email="ann@example.com") * 1000
    process = configure().start("write", module=FAKE, catalog=CATALOG)
    process.send(record())
    process.until(lambda one: one.logs or _peak(one) > 0)
    for _ in range(100):
        process.send(many)
    early = _peak(process)
    for _ in range(rows // 1000 - 100):
        process.send(many)
    late = _peak(process)
    process.send(state())
    assert process.end().exit_code == 0
    assert process.stats == [(float(rows + 1), 0.0)]
    assert late - early < 20_000


def _peak(process: Process) -> int:
    """The most memory that a process has had, in kilobytes."""
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    [peak] = [one.split()[1] for one in status.splitlines() if one.startswith("VmHWM")]
    return int(peak)


def test_rejected_rows_are_on_disk_and_counted(configure: Configure, tmp_path: Path) -> None:
    folder = tmp_path / "rejected" / "here"
    destination = configure(rejected_records=str(folder))
    done = write(destination, record(email="ann", do="reject"), record(), state())
    assert done.exit_code == 0
    assert done.stats == [(2.0, 1.0)]
    write(destination, record(email="bob", do="reject"))
    rows = [json.loads(one)["row"]["email"] for one in (folder / "rejected.jsonl").read_text().splitlines()]
    assert rows == ["ann", "bob"]
    assert done.summary["rejected_records"] == f"{folder}/rejected.jsonl"
    assert done.summary["streams"][0]["outcomes"] == {"rejected": 1, "created": 1}


def test_a_disk_that_is_full_ends_the_sync_and_acknowledges_nothing(configure: Configure, tmp_path: Path) -> None:
    # A file may not get larger than nothing: as a full disk, but for one process only.
    process = configure(rejected_records=str(tmp_path / "rejected")).start(
        "write", "sh", "-c", "trap '' XFSZ; exec prlimit --fsize=3 \"$@\"", "sh", module=FAKE, catalog=CATALOG
    )
    process.send(record(email="ann", do="reject"), state())
    done = process.end()
    assert (done.exit_code, done.echoed) == (1, [])
    [error] = done.errors_traced
    assert error["failure_type"] == "config_error"
    assert error["message"].startswith(f"The rejected records cannot be written to {tmp_path}/rejected/rejected.jsonl")


def test_a_folder_that_cannot_be_made_ends_the_sync_before_anything_is_written(
    configure: Configure, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = write(configure(rejected_records=str(tmp_path / "file" / "folder")), record(), state())
    assert (done.exit_code, done.echoed) == (1, [])
    assert done.errors_traced[0]["message"].startswith("The rejected records cannot be written to")


def test_where_rejected_rows_are_to_fail_they_do_in_the_end(configure: Configure) -> None:
    done = write(configure(on_rejected="fail"), record(), state(), record(do="reject"), record(), state())
    assert done.exit_code == 1
    assert done.stats == [(1.0, 0.0)]
    [error] = done.errors_traced
    assert error["message"].startswith("1 of 3 rows could not be written")
    assert done.summary["streams"][0]["outcomes"] == {"created": 2, "rejected": 1}


def test_an_error_ends_the_sync_with_its_sentence(configure: Configure) -> None:
    done = write(configure(), record(do="CREATED"), state(), record(), state(), record(do="fail"), record(), state())
    assert done.exit_code == 1
    assert done.stats == [(1.0, 0.0)]
    [error] = done.errors_traced
    assert error["message"] == "ActiveCampaign did not accept the API key."
    assert error["internal_message"] == "ActiveCampaign did not accept the API key. (for the maintainer)"
    assert error["failure_type"] == "config_error"
    assert "ActiveCampaign did not accept the API key." in done.logs
    assert not [one for one in done.logs if "Traceback" in one]


def test_an_error_ends_the_sync_while_the_input_is_open(configure: Configure) -> None:
    process = configure().start("write", module=FAKE, catalog=CATALOG)
    process.send(record(do="fail"))
    assert process.wait().exit_code == 1


def test_what_nobody_foresaw_ends_the_sync_with_a_trace(configure: Configure) -> None:
    done = write(configure(), record(do=["no", "name"]), state())
    assert (done.exit_code, done.echoed) == (1, [])
    assert [one["failure_type"] for one in done.errors_traced] == ["system_error"]


def test_streams_without_an_object_end_the_sync_before_a_request_is_sent(
    configure: Configure, emulator: Emulator
) -> None:
    done = write(configure(), record("customers"), state("customers"), catalog=configured("customers"))
    assert (done.exit_code, done.echoed) == (1, [])
    assert done.errors_traced[0]["message"].startswith("The stream customers is to be written to customers, which is ")
    assert done.errors_traced[0]["failure_type"] == "config_error"
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"api_key": "no key of this account"}, "ActiveCampaign did not accept the API key. Copy the API key from "),
        ({"api_key": None}, "The API Key is missing."),
        ({"tags": "some"}, "The Tags setting has to be add or replace"),
    ],
)
def test_a_wrong_configuration_ends_the_sync_before_a_row_is_taken(
    configure: Configure, wrong: dict[str, Any], sentence: str
) -> None:
    done = write(configure(**wrong), record(do="CREATED"), state())
    assert (done.exit_code, done.echoed) == (1, [])
    assert done.errors_traced[0]["message"].startswith(sentence)
    assert done.errors_traced[0]["failure_type"] == "config_error"


def test_deletions_are_refused_where_nobody_allowed_them(configure: Configure, emulator: Emulator) -> None:
    done = write(
        configure(), record(email="a@example.com"), state(), catalog=configured("contacts", sync_mode="soft_delete")
    )
    assert done.exit_code == 0
    assert done.stats == [(1.0, 1.0)]
    assert done.summary["streams"][0]["codes"] == {"deletion_refused": 1}
    assert {request.method for request in emulator.requests} <= {"GET"}


def test_a_catalog_that_is_no_json_is_said(configure: Configure) -> None:
    done = write(configure(), record(), catalog="{")
    assert done.errors_traced[0]["message"] == "The catalog file is not JSON: write it anew."


def test_progress_is_said_while_it_lasts(configure: Configure) -> None:
    process = configure().start("write", module=FAKE, catalog=CATALOG)
    process.send(record(do="CREATED"), record(do="reject"), record(do="hold"))
    process.until(lambda one: [log for log in one.logs if log.startswith("Writing: ")])
    [said] = [log for log in process.logs if log.startswith("Writing: ")]
    assert said.startswith("Writing: 2 rows done (1 of them rejected), 1 in hand. 0.1 rows and 0.1 requests per second")
    process.end()


# --- the end -----------------------------------------------------------------------------------------------------

LIMIT = 6


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_it_in_time_and_acknowledges_nothing_more(configure: Configure, number: signal.Signals) -> None:
    process = configure().start("write", "env", "--default-signal=HUP,INT,TERM", module=FAKE, catalog=CATALOG)
    process.send(record(do="CREATED"), state())
    process.until(lambda one: one.echoed)
    process.send(record(do="hold"), state())
    process.process.send_signal(number)
    process.process.wait(LIMIT)
    process.wait()
    assert process.exit_code == -number
    assert process.stats == [(1.0, 0.0)]
    assert all(one.endswith(b"\n") for one in process.lines)
    assert process.errors == b""


def test_it_ends_when_nobody_reads_any_more(configure: Configure) -> None:
    read, written = os.pipe()
    process = configure().start("write", module=FAKE, stdout=written, catalog=CATALOG)
    os.close(written)
    os.close(read)
    process.send(record(do="CREATED"), state())
    assert process.wait().exit_code == 128 + signal.SIGPIPE
    assert process.errors == b""


def test_killed_at_any_moment_the_states_that_went_back_are_those_that_were_done(configure: Configure) -> None:
    process = configure().start("write", module=FAKE, catalog=CATALOG)
    process.send(record(do="CREATED"), state(at=1), record(do="hold"), state(at=2))
    process.until(lambda one: one.echoed)
    process.kill()
    process.wait()
    assert process.stats == [(1.0, 0.0)]


def test_the_program_itself_takes_rows_of_unknown_streams(configure: Configure) -> None:
    """Without a stream in the catalog nothing has to be written: the real program, from end to end."""
    done = configure().write({"streams": []}, [record("orders", id=1), state("orders")], REAL)
    assert done.exit_code == 0
    assert done.stats == [(1.0, 1.0)]
    assert done.summary["streams"][0]["codes"] == {"stream_unknown": 1}
