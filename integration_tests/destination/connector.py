"""Runs the destination as a user's platform does: a process, files for its arguments, messages through its pipes."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from integration_tests.destination.limited import LimitedProcess

ROOT = Path(__file__).resolve().parents[2]
JsonObject = dict[str, Any]
REAL = "destination_activecampaign"
# The same program with a writer that does what the rows say, see unit_tests/destination/fake_writer.py.
FAKE = "integration_tests.destination.with_fake_writer"
PATIENCE = 120


def record(stream: str = "contacts", **data: Any) -> bytes:
    return line("RECORD", record={"stream": stream, "data": data, "emitted_at": 1_700_000_000_000})


def state(stream: str = "contacts", **content: Any) -> bytes:
    described = {"stream_descriptor": {"name": stream}, "stream_state": content}
    return line("STATE", state={"type": "STREAM", "stream": described})


def line(kind: str, **message: Any) -> bytes:
    return json.dumps({"type": kind, **message}).encode() + b"\n"


def configured(*names: str, sync_mode: str = "append_dedup", **more: Any) -> JsonObject:
    """A configured catalog as PyAirbyte writes it."""
    return {
        "streams": [
            {
                "stream": {
                    "name": name,
                    "json_schema": {"type": "object", "properties": {"email": {"type": ["null", "string"]}}},
                    "supported_sync_modes": ["full_refresh"],
                    "namespace": None,
                },
                "sync_mode": "incremental",
                "destination_sync_mode": sync_mode,
                "generation_id": 1,
                "minimum_generation_id": 1,
                "sync_id": 1,
                **more,
            }
            for name in names
        ]
    }


class Process:
    """A command of the destination, whose stdin stays open until it is closed.

    `heard` gets each line as soon as it is read. With `limits` it is one that has these, see `limited`.
    """

    def __init__(
        self,
        folder: Path,
        command: str,
        *prefix: str,
        module: str = REAL,
        stdout: int = subprocess.PIPE,
        limits: Mapping[str, float] | None = None,
        heard: Callable[[bytes], None] = lambda line: None,
        **files: Any,
    ) -> None:
        arguments = [*prefix, sys.executable, "-m", module, command]
        for name, content in files.items():
            path = folder / f"{name}.json"
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            arguments += [f"--{name}", str(path)]
        self.process: subprocess.Popen[bytes] | LimitedProcess
        if limits is None:
            self.process = subprocess.Popen(
                arguments,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )
        else:
            self.process = LimitedProcess(folder, arguments[3:], limits)
        self._heard = heard
        self.lines: list[bytes] = []
        self.errors = b""
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._read, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        # Somebody else's, where another file was given.
        for one in self.process.stdout or ():
            self._heard(one)
            self.lines.append(one)

    def _read_errors(self) -> None:
        assert self.process.stderr
        self.errors = self.process.stderr.read()

    def send(self, *lines: bytes) -> None:
        """Feed lines; once nobody reads them any more they are lost, as with PyAirbyte."""
        assert self.process.stdin
        with suppress(BrokenPipeError):
            for one in lines:
                self.process.stdin.write(one)
            self.process.stdin.flush()

    def close(self) -> None:
        """Close stdin."""
        assert self.process.stdin
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def end(self) -> "Process":
        """Close stdin, and wait for the end."""
        self.close()
        return self.wait()

    def wait(self) -> "Process":
        self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        return self

    def until(self, condition: Callable[["Process"], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition(self):
            assert time.monotonic() < deadline, self.text
            assert self.process.poll() is None or condition(self), self.text
            time.sleep(0.01)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def exit_code(self) -> int:
        return self.process.returncode

    @property
    def text(self) -> str:
        return b"".join(self.lines).decode() + self.errors.decode()

    def of(self, kind: str) -> Iterator[JsonObject]:
        for one in list(self.lines):
            message = json.loads(one)
            if message["type"] == kind:
                yield message

    @property
    def echoed(self) -> list[bytes]:
        return [one for one in list(self.lines) if b'"STATE"' in one]

    @property
    def stats(self) -> list[tuple[float, float]]:
        found = [json.loads(one)["state"]["destinationStats"] for one in self.echoed]
        return [(one["recordCount"], one["rejectedRecordCount"]) for one in found]

    @property
    def logs(self) -> list[str]:
        return [message["log"]["message"] for message in self.of("LOG")]

    @property
    def errors_traced(self) -> list[JsonObject]:
        return [one["trace"]["error"] for one in self.of("TRACE") if one["trace"]["type"] == "ERROR"]

    @property
    def connection(self) -> JsonObject:
        [message] = self.of("CONNECTION_STATUS")
        found: JsonObject = message["connectionStatus"]
        return found

    @property
    def summary(self) -> JsonObject:
        [found] = [one["trace"]["analytics"] for one in self.of("TRACE") if one["trace"]["type"] == "ANALYTICS"]
        assert found["type"] == "activecampaign-write-summary"
        summary: JsonObject = json.loads(found["value"])
        return summary


class Destination:
    """The destination with one configuration."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self.folder = folder
        self.config = dict(config)
        self.started: list[Process] = []

    def start(self, command: str, *prefix: str, **more: Any) -> Process:
        self.started.append(Process(self.folder, command, *prefix, config=self.config, **more))
        return self.started[-1]

    def check(self) -> Process:
        return self.start("check").end()

    def discover(self) -> Process:
        return self.start("discover").end()

    def write(self, catalog: Any, lines: Iterable[bytes] = (), module: str = REAL) -> Process:
        """Write lines, and wait for the end."""
        process = self.start("write", module=module, catalog=catalog)
        process.send(*lines)
        return process.end()
