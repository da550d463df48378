"""However many rows come before the only state, little of them is in memory."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration_tests.destination.connector import ROOT, JsonObject, Process, configured, record, state
from integration_tests.destination.contacts import QUICK

# It takes some minutes: ROWS=1000000 python -m pytest integration_tests/destination/test_memory.py -s
ROWS = int(os.environ.get("ROWS", "0"))
MOST_MEGABYTES = 250
PER_CHUNK = 1000


@contextmanager
def empty_account() -> Iterator[tuple[JsonObject, Callable[[], float]]]:
    """An empty account in a process of its own: its greeting, and the most memory that it has had, in megabytes."""
    settings = {**QUICK, "import_seconds": 0.001}
    command = [sys.executable, "-m", "emulator", "--account", "empty", "--settings", json.dumps(settings)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        yield json.loads(process.stdout.readline()), lambda: peak_of(process.pid)
    finally:
        process.kill()
        process.wait()


def peak_of(pid: int) -> float:
    """The most memory that a process has had, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    [peak] = [one.split()[1] for one in status.splitlines() if one.startswith("VmHWM")]
    return int(peak) / 1024


def chunk(first: int) -> bytes:
    rows = (
        record(
            email=f"person{number}@example.com",
            firstName=f"Name {number}",
            lastName="Lee",
            phone=f"+1 555 {number}",
            tags=["vip"],
        )
        for number in range(first, min(first + PER_CHUNK, ROWS))
    )
    return b"".join(rows)


def write(folder: Path, greeting: JsonObject, compare: str) -> tuple[Process, float]:
    """Write all rows with one state behind them; the process, and its peak in megabytes."""
    config = {
        "api_url": greeting["url"],
        "api_key": greeting["api_key"],
        "requests_per_second": 100,
        "compare": compare,
    }
    catalog = configured("contacts")
    names = ("email", "firstName", "lastName", "phone", "tags")
    catalog["streams"][0]["stream"]["json_schema"] = {"properties": {name: {} for name in names}}
    # The importer's own limit would make it last forty minutes.
    limits = {"IMPORTS_PER_MINUTE": 1_000_000}
    process = Process(folder, "write", limits=limits, config=config, catalog=catalog)
    peaks = [0.0]

    def feed() -> None:
        for first in range(0, ROWS, PER_CHUNK):
            process.send(chunk(first))
        process.send(state(at=ROWS))
        process.close()

    feeding = threading.Thread(target=feed, daemon=True)
    feeding.start()
    while process.process.poll() is None:
        try:
            peaks.append(peak_of(process.process.pid))
        except (OSError, ValueError):
            break
        time.sleep(0.1)
    feeding.join()
    process.wait()
    return process, max(peaks)


@pytest.mark.skipif(not ROWS, reason="ROWS says how many")
def test_many_rows_and_one_state_take_little_memory_new_or_unchanged(tmp_path: Path) -> None:
    with empty_account() as (greeting, emulators_peak):
        for outcome, compare in (("created", "auto"), ("unchanged", "always")):
            began = time.monotonic()
            process, peak = write(tmp_path, greeting, compare)
            seconds = time.monotonic() - began
            print(
                f"{ROWS:,} rows {outcome}: {peak:.0f} MB, {seconds:.0f} s, {process.summary['requests']:,} requests; "
                f"the emulator {emulators_peak():.0f} MB"
            )
            assert process.exit_code == 0, process.text
            [stream] = process.summary["streams"]
            assert stream["outcomes"] == {outcome: ROWS}
            assert process.stats == [(float(ROWS), 0.0)]
            assert peak < MOST_MEGABYTES
