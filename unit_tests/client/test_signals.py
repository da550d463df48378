"""The end of processes that write lines; a whole connector's is in integration_tests/source/test_signals.py."""

import doctest
import fcntl
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from activecampaign_client import signals
from activecampaign_client.signals import Lines

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30
# Two are promised, the rest is for a machine that is busy.
LIMIT = 6


def start(program: str, stdout: int, through: str = "{}", **options: Any) -> subprocess.Popen[bytes]:
    """A process that takes over stdout and then runs the program; `through` is what a shell runs for it."""
    head = "import sys, threading, time\nfrom activecampaign_client.signals import take_over_stdout\n"
    command = shlex.join([sys.executable, "-c", f"{head}take_over_stdout()\n{program}"])
    # Whoever runs these tests may ignore signals, as `nohup` and `&` do, and a child would, too.
    shell = ["env", "--default-signal=HUP,INT,TERM", "sh", "-c", through.format(f"exec {command}")]
    return subprocess.Popen(shell, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, **options)  # noqa: S603


def assert_ends(process: subprocess.Popen[bytes], status: int) -> None:
    assert process.communicate(timeout=LIMIT)[1] == b""
    assert process.returncode == status


def until_full(fd: int) -> None:
    """Wait until a pipe or socket has no room for more."""
    for _ in range(PATIENCE * 100):
        if not select.select([], [fd], [], 0)[1]:
            return
        threading.Event().wait(0.01)
    raise TimeoutError


def all_of(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()


def test_the_examples_are_true() -> None:
    failed, tried = doctest.testmod(signals)
    assert (failed, tried > 0) == (0, True)


def test_a_line_that_comes_in_parts_is_written_when_it_is_whole() -> None:
    output, input_ = os.pipe()
    lines = Lines(input_)
    lines.write('{"a":')
    lines.flush()
    assert select.select([output], [], [], 0)[0] == []
    lines.write(' "ä"}')
    lines.write("\n[")
    os.close(input_)
    assert all_of(output).decode() == '{"a": "ä"}\n'


LONG, SHORT, MANY = (
    "while True: print('x' * 700_000)",
    "while True: print('x' * 900)",
    "print('\\n'.join(['x' * 9_000] * 3000))",  # after which the program would be done
)
THREADS = (
    "def write(name):\n    while True: sys.stdout.write(name * 5_000 + '\\n')\n"
    "for name in 'abcd': threading.Thread(target=write, args=(name,)).start()\n"
    "time.sleep(90)"
)


@pytest.mark.parametrize("number", sorted(signals.SIGNALS), ids=lambda number: number.name)
@pytest.mark.parametrize("program", [LONG, SHORT, MANY, THREADS], ids=["long", "short", "many", "threads"])
def test_a_reader_that_stalls_and_goes_on_after_the_end_gets_whole_lines(program: str, number: signal.Signals) -> None:
    output, input_ = os.pipe()
    process = start(program, input_)
    until_full(input_)
    os.close(input_)
    process.send_signal(number)
    assert_ends(process, -number)
    received = all_of(output)
    assert received.endswith(b"\n")
    assert all(len(set(line)) == 1 for line in received.splitlines()), "and none is mixed with another one"
    assert len(received) < 2_000_000, "what was begun is completed, not all that was to come"


@pytest.mark.parametrize("number", sorted(signals.SIGNALS), ids=lambda number: number.name)
def test_a_reader_that_does_not_make_room_is_not_waited_for(number: signal.Signals) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = start(LONG, theirs.fileno())
        until_full(theirs.fileno())
        process.send_signal(number)
        assert_ends(process, -number)


@pytest.mark.parametrize("program", [SHORT, "time.sleep(90)"], ids=["writing", "waiting"])
@pytest.mark.parametrize(
    "make", [os.pipe, lambda: [one.detach() for one in socket.socketpair()]], ids=["pipe", "socket"]
)
def test_it_ends_when_its_reader_goes_away(make: Callable[[], tuple[int, int]], program: str) -> None:
    output, input_ = make()
    process = start(f"print('ready')\n{program}", input_)
    os.close(input_)
    assert os.read(output, 6) == b"ready\n"
    os.close(output)
    assert_ends(process, 141)


def test_a_file_is_read_by_nobody_and_written_to_the_end(tmp_path: Path) -> None:
    with (tmp_path / "output").open("wb") as file:
        assert_ends(start("for number in range(9): print(number)", file.fileno()), 0)
    assert (tmp_path / "output").read_text().split() == list("012345678")


def test_without_a_stdout_it_ends_at_once() -> None:
    process = start("print('never')", subprocess.DEVNULL, through="{} >&-")
    assert_ends(process, 141)


def test_what_the_parent_ignores_stays_ignored() -> None:
    output, input_ = os.pipe()
    process = start(
        "print('ready')\nprint(sys.stdin.readline(), end='')",
        input_,
        through="trap '' HUP; {}",
        stdin=subprocess.PIPE,
    )
    os.close(input_)
    assert os.read(output, 6) == b"ready\n"
    process.send_signal(signal.SIGHUP)
    assert process.communicate(b"alive\n", timeout=PATIENCE)[1] == b""
    assert process.returncode == 0
    assert all_of(output) == b"alive\n"


def test_after_the_end_nothing_is_begun() -> None:
    output, input_ = os.pipe()
    lines = Lines(input_)
    lines.write("acknowledged\n")
    lines.end(1)
    threading.Thread(target=lines.write, args=("never\n",), daemon=True).start()
    assert os.read(output, 100) == b"acknowledged\n"
    assert select.select([output], [], [], 0.1)[0] == []


def test_lines_that_cannot_be_completed_in_time_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fcntl, "F_SETPIPE_SZ")  # as on other systems than Linux
    output, input_ = os.pipe()
    lines = Lines(input_)
    text = ("x" * 200_000 + "\n") * 2
    writer = threading.Thread(target=lines.write, args=(text,), daemon=True)
    writer.start()
    until_full(input_)
    lines.end(0.05)
    # Were the process still there, the reader would get the rest of what was begun, and nothing else.
    received = b""
    while len(received) < 200_001:
        received += os.read(output, 100_000)
    assert received == text[:200_001].encode()
    assert select.select([output], [], [], 0.1)[0] == []
    writer.join(0.1)
    assert writer.is_alive(), "else a program would be done, and end as if all were written"


def test_a_line_that_nobody_reads_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "_exit", sys.exit)
    output, input_ = os.pipe()
    os.close(output)
    with pytest.raises(SystemExit) as ended:
        Lines(input_).write("line\n")
    os.close(input_)
    assert ended.value.code == 141
