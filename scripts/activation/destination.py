"""The process of the destination: rows from a file go in, and what it says comes out."""

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from terminal import ROOT, Screen, counted

DESTINATION = ROOT / ".venv" / "bin" / "destination-activecampaign"
# What the destination is told to end by, and how long that may take.
SECONDS_TO_END = 5
# What the destination logs while it writes, and of the first row that it rejects for a reason.
PROGRESS = re.compile(r"Writing: (?P<rows>[\d,]+) rows done.* requests per second(?P<waits>; .+)?\.$")
REJECTED = re.compile(r"row \d+ is rejected \((?P<code>\w+)\)\.(?: (?P<sentence>.+))?$")
SUMMARY = "activecampaign-write-summary"
MODES = {"upsert": "upsert", "update": "update", "insert": "insert", "delete": "soft_delete"}


@dataclass
class Activation:
    """What is known of the rows that are written to one object; `rows` is how many there are.

    `done` are written or rejected as far as the destination has said so, of which `acknowledged` are what it answers
    for. `summary` is what it says in the end, and `reasons` has the sentence of each code of rejected rows.
    """

    object: str
    rows: int
    done: int = 0
    acknowledged: int = 0
    waits: str = ""
    reasons: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    summary: Mapping[str, Any] | None = None
    exit_status: int | None = None
    interrupted: bool = False
    began: float = field(default_factory=time.monotonic)

    @property
    def is_complete(self) -> bool:
        return self.exit_status == 0

    def observe(self, line: str) -> str:
        """Learn from a line of the destination; gives back what the user should read of it, mostly nothing."""
        try:
            message = json.loads(line)
            kind = message["type"]
        except (ValueError, TypeError, KeyError):
            return ""
        if kind == "STATE":
            self.acknowledged = message["state"]["stream"]["stream_state"]["rows"]
            self.done = max(self.done, self.acknowledged)
        elif kind == "LOG":
            return self._logged(message["log"]["level"], message["log"]["message"])
        elif kind == "TRACE" and message["trace"]["type"] == "ERROR":
            self.errors.append(message["trace"]["error"]["message"])
        elif kind == "TRACE" and message["trace"].get("analytics", {}).get("type") == SUMMARY:
            self.summary = json.loads(message["trace"]["analytics"]["value"])
        return ""

    def _logged(self, level: str, text: str) -> str:
        if match := PROGRESS.search(text):
            self.done = max(self.done, int(match["rows"].replace(",", "")))
            self.waits = match["waits"] or ""
        elif match := REJECTED.search(text):
            if match["sentence"]:
                self.reasons.setdefault(match["code"], match["sentence"])
        elif level == "WARN":
            return text
        return ""

    def progress(self) -> str:
        """How far it is, how fast, for how long still, and what it waits for."""
        seconds = time.monotonic() - self.began
        if not self.done:
            # It may be reading the account for long before the first row is done.
            return f"0 of {counted(self.rows, 'row')} after {_lasting(seconds)}{self.waits}"
        rate = self.done / seconds if seconds else 0.0
        left = f", {_lasting((self.rows - self.done) / rate)} left" if rate and self.done < self.rows else ""
        return f"{self.done:,} of {counted(self.rows, 'row')}, {rate:,.0f} per second{left}{self.waits}"


class WritingScreen(Screen):
    """Shows how far one activation after another is."""

    activation: Activation | None = None

    def summary(self) -> str:
        return self.activation.progress() if self.activation else super().summary()


def write(activation: Activation, lines: IO[bytes], config: Mapping[str, Any], catalog: Mapping[str, Any],
          private: Path, log: IO[str], screen: WritingScreen) -> None:  # fmt: skip
    """Have the destination write the lines of a file, and learn what becomes of them until it ends.

    The configuration is handed over in the folder `private`. An interrupt ends the process, and is noted.
    """
    for name, content in (("config", config), ("catalog", catalog)):
        (private / f"{name}.json").write_text(json.dumps(content))
    arguments = ["write", "--config", f"{private}/config.json", "--catalog", f"{private}/catalog.json"]
    screen.activation = activation
    # In a session of its own: whether an interrupt of the terminal ends it is decided here.
    with (
        subprocess.Popen(  # noqa: S603
            [DESTINATION, *arguments],
            stdin=lines,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        ) as process,
        _ended(process),
    ):
        try:
            _observe(process, activation, log, screen)
        except KeyboardInterrupt:
            activation.interrupted = True
            process.terminate()
            _observe(process, activation, log, screen)
        activation.exit_status = process.wait(SECONDS_TO_END)
    screen.activation = None


def _observe(process: subprocess.Popen[str], activation: Activation, log: IO[str], screen: Screen) -> None:
    for line in process.stdout or ():
        log.write(line)
        if text := activation.observe(line):
            screen.say(f"  {text}")
        screen.beat()


@contextlib.contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Leave no process behind, whatever happens."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()


def catalog_of(stream: str, json_schema: Mapping[str, Any]) -> dict[str, Any]:
    """The configured catalog of one stream, which is written to the object of its name."""
    described = {"name": stream, "json_schema": json_schema, "supported_sync_modes": ["full_refresh"]}
    return {"streams": [{"stream": described, "sync_mode": "full_refresh", "destination_sync_mode": "append_dedup"}]}


def with_mode(config: Mapping[str, Any], stream: str, mode: str) -> dict[str, Any]:
    """A configuration in which a stream is written in one of MODES; an empty one leaves it as it is.

    >>> with_mode({"streams": [{"stream": "contacts", "key": ["id"]}]}, "contacts", "delete")
    {'streams': [{'stream': 'contacts', 'key': ['id'], 'mode': 'soft_delete'}]}
    """
    streams = config.get("streams") or []
    if not mode or not isinstance(streams, list):
        return dict(config)
    mine = next((one for one in streams if isinstance(one, dict) and one.get("stream") == stream), {"stream": stream})
    return {**config, "streams": [*(one for one in streams if one is not mine), {**mine, "mode": MODES[mode]}]}


def _lasting(seconds: float) -> str:
    """
    >>> _lasting(40), _lasting(400), _lasting(40_000)
    ('40 s', '7 min', '11.1 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
