"""The end of a read: by a signal, or because nobody reads what it writes; whoever reads, and whatever it waits for."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.source.connector import configured

ROOT = Path(__file__).resolve().parents[2]
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
# The promise is two seconds; the rest is for a machine that is busy. It is about hanging, not about speed.
LIMIT = 6
PATIENCE = 60


class Reader:
    """Who reads the connector's output: `at_once`, `slowly`, or `stalled` until it is told to go on."""

    def __init__(self, manner: str, fd: int) -> None:
        self.received = bytearray()
        self._size, self._pause = (2048, 0.05) if manner == "slowly" else (65536, 0.0)
        self._fd = fd
        self._may_read = threading.Event()
        if manner != "stalled":
            self._may_read.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        self._may_read.wait()
        while received := os.read(self._fd, self._size):
            self.received += received
            if self._pause:
                time.sleep(self._pause)

    def to_the_end(self) -> bytes:
        """All that there is to read, once nobody writes any more."""
        self._pause = 0
        self._may_read.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return bytes(self.received)


class Read:
    """A read of contacts by a process of its own; its temporary files have a folder of their own, too."""

    def __init__(self, folder: Path, emulator: Emulator, manner: str, namespace: tuple[str, ...] = ()) -> None:
        self._emulator = emulator
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        stream = {"name": "contacts", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
        config = {"api_url": emulator.url, "api_key": emulator.api_key, "custom_fields": "off"}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "catalog.json").write_text(json.dumps(configured([stream])))
        output, self._input = os.pipe()
        self.process = subprocess.Popen(
            [
                # Whoever runs these tests may ignore signals, as `nohup` does, and a child would, too.
                *("env", "--default-signal=HUP,INT,TERM", *namespace),
                *(sys.executable, "-m", "source_activecampaign", "read"),
                *("--config", str(folder / "config.json"), "--catalog", str(folder / "catalog.json")),
            ],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            stdout=self._input,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._output: int | None = output
        self.reader = Reader(manner, output) if manner != "closed" else None

    def close_the_output(self) -> None:
        os.close(self._output or 0)
        self._output = None

    def output_is_full(self) -> bool:
        return not select.select([], [self._input], [], 0)[1]

    def output_has(self, text: bytes) -> bool:
        return self.reader is not None and text in self.reader.received

    def assert_ends(self, status: int) -> list[bytes]:
        """The lines that the reader got in the end, when it ends in time, with this status and without a word."""
        os.close(self._input)
        said = self.process.communicate(timeout=LIMIT)[1]
        ended = time.monotonic()
        lines = self.reader.to_the_end().splitlines(keepends=True) if self.reader else []
        assert self.process.returncode == status
        assert said == b""
        for line in lines:
            assert line.endswith(b"\n")
            json.loads(line)
        late = [request for request in self._emulator.requests if request.time > ended + 0.5]
        assert late == []
        return lines

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self._output is not None:
            os.close(self._output)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- what the read is doing -------------------------------------------------------------------------------------


def while_it_waits_for_the_first_record(emulator: Emulator, read: Read) -> None:
    until(lambda: any(request.fault == "hang" for request in emulator.requests))


def in_the_middle_of_a_page(emulator: Emulator, read: Read) -> None:
    """Right after the first record came, or when there is no room for more."""
    until(lambda: read.output_has(b'"type":"RECORD"') or read.output_is_full())


def during_a_pause(emulator: Emulator, read: Read) -> None:
    until(lambda: any(request.status == 429 for request in emulator.requests))


Phase = Callable[[Emulator, Read], None]
PHASES: dict[Phase, list[dict[str, Any]]] = {
    while_it_waits_for_the_first_record: [{"kind": "hang", "path": "/contacts", "seconds": 90}],
    in_the_middle_of_a_page: [],
    during_a_pause: [{"kind": "429", "path": "/contacts", "after": 2}],
}


@pytest.fixture(scope="module")
def account() -> Account:
    return Account.demo(seed=1, contacts=5000)


@pytest.fixture(params=PHASES, ids=lambda phase: phase.__name__)
def phase(request: pytest.FixtureRequest) -> Phase:
    found: Phase = request.param
    return found


@pytest.fixture
def emulator(account: Account, phase: Phase) -> Iterator[Emulator]:
    with Emulator(account) as running:
        running.settings.patch({"rate_limit_window": "off", "retry_after": 90, "faults": PHASES[phase]})
        yield running


@pytest.fixture
def start(tmp_path: Path, emulator: Emulator) -> Iterator[Callable[..., Read]]:
    started: list[Read] = []

    def make(manner: str, *namespace: str) -> Read:
        started.append(Read(tmp_path, emulator, manner, namespace))
        return started[-1]

    yield make
    for read in started:
        read.kill()


# --- the end ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manner", ["at_once", "slowly", "stalled"])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_it_in_time_after_a_whole_line(
    start: Callable[..., Read],
    emulator: Emulator,
    phase: Phase,
    manner: str,
    number: signal.Signals,
) -> None:
    read = start(manner)
    phase(emulator, read)
    read.process.send_signal(number)
    lines = read.assert_ends(-number)
    if phase is in_the_middle_of_a_page:
        assert any(json.loads(line)["type"] == "RECORD" for line in lines)
    left = b"".join(file.read_bytes() for file in read.temporary.rglob("*") if file.is_file())
    assert emulator.api_key.encode() not in left


def test_it_ends_when_nobody_reads_any_more(start: Callable[..., Read], emulator: Emulator, phase: Phase) -> None:
    read = start("closed")
    phase(emulator, read)
    read.close_the_output()
    read.assert_ends(128 + signal.SIGPIPE)


ONE_PHASE = pytest.mark.parametrize(
    "phase", [while_it_waits_for_the_first_record], indirect=True, ids=lambda phase: phase.__name__
)


@ONE_PHASE
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_ends_it_while_it_starts(start: Callable[..., Read], number: signal.Signals) -> None:
    read = start("at_once")
    until(lambda: blocks(read.process.pid, number))
    read.process.send_signal(number)
    assert read.assert_ends(-number) == []


def blocks(process: int, number: signal.Signals) -> bool:
    """Whether it keeps the signal from its default action."""
    [mask] = [
        line.split()[1]
        for line in Path(f"/proc/{process}/status").read_text().splitlines()
        if line.startswith("SigBlk")
    ]
    return bool(int(mask, 16) >> (number - 1) & 1)


def as_process_1() -> tuple[str, ...]:
    """What makes a command the first process of a namespace; nothing where that is not allowed."""
    command = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
    if shutil.which("unshare") and not subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        return command
    return ()


@ONE_PHASE
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_process_1_of_a_container_ends_with_the_status_that_a_shell_would_show(
    start: Callable[..., Read], emulator: Emulator, phase: Phase, number: signal.Signals
) -> None:
    if not as_process_1():
        pytest.skip("this machine makes no namespaces of processes")
    read = start("stalled", *as_process_1())
    phase(emulator, read)
    [child] = Path(f"/proc/{read.process.pid}/task/{read.process.pid}/children").read_text().split()
    os.kill(int(child), number)
    read.assert_ends(128 + number)
