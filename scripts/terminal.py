"""What the commands of the Makefile say, and where: sentences, figures, and a live view on a terminal."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.live import Live

ROOT = Path(__file__).resolve().parent.parent
HEARTBEAT = 30.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Problem(Exception):
    """A sentence for the user about why there is nothing to do."""


class Screen:
    """Where the user looks: lines that stay, and on a terminal a live view of what goes on."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stdout, soft_wrap=True, highlight=False, markup=False)
        self.phase_name = ""
        self._began = self._said = time.monotonic()
        self._live = Live(
            console=self.console,
            get_renderable=self.view,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def say(self, text: str) -> None:
        self.console.print(text)
        self._said = time.monotonic()

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Show that something goes on until the block is left."""
        before, self.phase_name = self.phase_name, name
        live = self._live if self.console.is_terminal and not self._live.is_started else None
        try:
            with live or contextlib.nullcontext():
                yield
        finally:
            self.phase_name = before

    def beat(self) -> None:
        """Without a terminal, say now and then that it is alive."""
        if not self.console.is_terminal and time.monotonic() - self._said > HEARTBEAT:
            self.say(f"  ... {self.summary()}")

    def summary(self) -> str:
        """How far it is: by itself, only for how long it has been running."""
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes}:{seconds:02}"

    def view(self) -> str:
        """What a terminal shows."""
        return f"{self.phase_name}: {self.summary()}"


def counted(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`"""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def shown(path: Path) -> str:
    """A path as the user would write it."""
    with contextlib.suppress(ValueError):
        return str(path.absolute().relative_to(Path.cwd()))
    return str(path)


def place(variable: str, default: str) -> Path:
    """The absolute path that an environment variable names; the default lies in the project."""
    named = os.environ.get(variable)
    return Path(named).expanduser().absolute() if named else ROOT / default
