"""The end of a process that writes lines to stdout: by a signal, or because nobody reads them any more.

A connector is stopped while it waits for a server, for the account's budget or for a reader that is slow or does not
read at all. It ends all the same: on SIGTERM, SIGINT and SIGHUP within `SECONDS` and the time that a thread needs to be
woken, without waiting for any other thread, and without a word. What its parent sees:

* A process dies of the signal itself: -15 for Python's subprocess (of all failures the one that PyAirbyte takes for a
  stop), 143 in a shell, also where `tini` or `docker run --init` stands before it.
* As the first process of a container (`docker stop`, Kubernetes) it cannot: Linux keeps the default actions of signals
  from it. It exits with 128 + the signal's number, which is the same 143.
* When stdout is closed by whoever read it: 141, as a shell shows it for a program that died of SIGPIPE.

A reader that goes on to the end never gets half a line. The kernel takes as much of a write as a pipe has room for, and
the line under way may have been cut there when the signal comes. So only one write, of a few whole lines, is under way
at any time, and in the end the pipe is made larger by its size: the kernel takes the rest at once, whether or not
somebody reads, and keeps it for whoever reads later. Where that is not possible (no pipe, not Linux, a line so large
that the pipe would exceed `/proc/sys/fs/pipe-max-size`, by default 1 MiB), the reader has `SECONDS` to take the rest:
one that stalls for longer and then goes on gets half a line after all.
"""

import fcntl
import io
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
# How long the line under way may take in the end. Two are promised.
SECONDS = 1.0
# What a pipe holds on Linux, when nobody has changed it.
WRITE_BYTES = 65_536


class Lines(io.TextIOBase):
    """A text stream that writes whole lines to a file descriptor, and can be ended between two of them.

    It keeps nothing back but the beginning of a line. Safe to share between threads.

    >>> output, input = os.pipe()
    >>> lines = Lines(input)
    >>> print("one", "two", sep="\\n", end="", file=lines)
    >>> os.read(output, 100)
    b'one\\n'
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        # Held while lines are written, and from the end on for ever.
        self._lock = threading.Lock()
        self._begun = ""
        self._under_way = 0
        self._ended = False

    def write(self, text: str) -> int:
        """Write the lines that are whole by now.

        Does not return where the end keeps it from that: nobody may go on as if they were written.
        """
        with self._lock:
            head, newline, tail = text.rpartition("\n")
            if not newline:
                self._begun += tail
                return len(text)
            whole, self._begun = self._begun + head + newline, tail
            complete = all(self._write(some) for some in _few_at_a_time(whole.encode(errors="backslashreplace")))
        if not complete:
            threading.Event().wait()
        return len(text)

    def _write(self, lines: bytes) -> bool:
        """Whether the lines were written, which they are unless the end has begun."""
        self._under_way = len(lines)
        if self._ended:
            return False
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except ConnectionError:  # EPIPE; of a socket with unread bytes ECONNRESET
            end_unread()
        return True

    def end(self, seconds: float) -> None:
        """Let the lines that are under way be the last: no other is written any more.

        Returns when they are complete, or cannot be completed in so many seconds.
        """
        self._ended = True
        try:
            size = fcntl.fcntl(self._fd, fcntl.F_GETPIPE_SZ)
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, size + self._under_way)
        except (AttributeError, OSError):
            pass  # no pipe, not on Linux, or larger than is allowed: the reader has to make room
        self._lock.acquire(timeout=seconds)


def _few_at_a_time(lines: bytes) -> Iterator[bytes]:
    """As many whole lines as WRITE_BYTES hold, but at least one.

    >>> [len(some) for some in _few_at_a_time((b"." * 29_999 + b"\\n") * 3 + b"." * 99_999 + b"\\n")]
    [60000, 30000, 100000]
    """
    begin = 0
    while begin < len(lines):
        last = lines.rfind(b"\n", begin, begin + WRITE_BYTES)
        end = (lines.index(b"\n", begin) if last < 0 else last) + 1
        yield lines[begin:end]
        begin = end


def end_unread() -> NoReturn:
    """End the process at once, as nobody reads its stdout."""
    os._exit(128 + signal.SIGPIPE)


def take_over_stdout() -> None:
    """Make stdout write whole lines, and let signals and a closed stdout end the process from now on.

    To be called once, by the main thread, before anything starts other threads: they inherit that the signals are
    left to the one thread that waits for them. Python's own handlers would have to wait for the main thread, which may
    be looking up a host or hold a lock that writing needs. Signals that the parent has ignored (`nohup`) stay ignored.
    """
    if sys.__stdout__ is None:
        end_unread()
    lines = Lines(1)
    sys.stdout = sys.__stdout__ = lines  # type: ignore[assignment, misc]
    awaited = {number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    for number in awaited:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    threading.Thread(target=_end_on_a_signal, args=(awaited, lines), name="signals", daemon=True).start()
    if not os.isatty(1):
        threading.Thread(target=_end_when_closed, args=(1,), name="stdout", daemon=True).start()


def _end_on_a_signal(awaited: set[signal.Signals], lines: Lines) -> None:
    number = signal.sigwait(awaited)
    lines.end(SECONDS)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    signal.raise_signal(number)
    # Only the first process of a container gets here.
    os._exit(128 + number)


def _end_when_closed(fd: int) -> None:
    """Wait until nobody can read from a pipe or socket any more; for a file, for ever."""
    poll = select.poll()
    poll.register(fd, 0)
    [(_, event)] = poll.poll()
    if event & (select.POLLERR | select.POLLHUP):
        end_unread()
