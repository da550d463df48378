"""Measures a connector from outside: an emulated account in one process, the connector in another.

A connector is a command. It is run as `COMMAND read --config FILE --catalog FILE` and says what it read on its stdout,
as messages of the Airbyte protocol or of Singer's.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import orjson
import requests

from emulator import Account
from emulator.table import resources
from source_activecampaign.source import declared_streams, load_manifest

ROOT = Path(__file__).resolve().parent.parent
PAGE_SIZE = 100
_SECONDS_BETWEEN_SAMPLES = 0.2
_CHUNK = 1 << 16

JsonObject = dict[str, Any]


class Server:
    """The emulator with one account, in a process of its own. Use it as a context manager."""

    def __init__(self, rows: Mapping[str, int], settings: Mapping[str, Any], account: str = "benchmark") -> None:
        self._arguments = [
            *("--account", account),
            *("--rows", ",".join(f"{name}={count}" for name, count in rows.items())),
            *("--settings", json.dumps(settings)),
        ]

    def __enter__(self) -> "Server":
        command = [sys.executable, "-m", "emulator", *self._arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)  # noqa: S603
        assert self._process.stdout  # noqa: S101 - asked for above
        greeting = json.loads(self._process.stdout.readline())
        self.url, self.api_key = greeting["url"], greeting["api_key"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()

    def control(self, what: str, method: str = "GET", body: Any = None, **query: str) -> Any:
        """Ask one of the emulator's control endpoints."""
        response = requests.request(method, f"{self.url}/_emulator/{what}", json=body, params=query, timeout=300)
        response.raise_for_status()
        return orjson.loads(response.content)


def account(rows: Mapping[str, int]) -> Account:
    """The account that a server with these rows has."""
    return _account(tuple(sorted(rows.items())))


@cache
def _account(rows: tuple[tuple[str, int], ...]) -> Account:
    sizes = dict(rows)
    return Account("benchmark", contacts=sizes.pop("contacts", 1000), rows=sizes)


class Listing(NamedTuple):
    """Where a stream's rows come from: what is paged, which resource the rows are, and whether `id` is their key.

    `carrier` is the stream beside whose rows the API can send them.
    """

    paged: str
    resource: str
    by_id: bool
    carrier: str | None


@cache
def listings() -> Mapping[str, Listing]:
    """The listing of every stream, but for those that are read contact by contact."""
    found = {}
    manifest = load_manifest()
    for name, entry in declared_streams(manifest).items():
        parameters = entry["$parameters"]
        paged = _resource(parameters["endpoint"], parameters.get("page_key") or parameters["record_key"])
        resource = _resource(None if "page_key" in parameters else parameters["endpoint"], parameters["record_key"])
        if paged and resource and "per_contact" not in entry["$ref"]:
            family = entry.get("retriever", {}).get("$ref", "").rpartition("/")[2]
            carrier = manifest["definitions"].get(family, {}).get("carrier")
            found[name] = Listing(paged, resource, entry.get("primary_key", "id") == "id", carrier)
    return found


def _resource(path: str | None, key: str) -> str | None:
    return next((one.name for one in resources().values() if one.key == key and path in (None, one.path)), None)


def requests_needed(streams: Sequence[str], rows: Mapping[str, int], filtered: Sequence[str] = ()) -> int:
    """One request per 100 rows of each listing, but one at least; of those in `filtered` nothing is left to read.

    A stream that the API can send beside another one of these streams takes none of its own.
    """
    stores = account(rows).store
    paged = {listings()[stream].paged for stream in streams if listings()[stream].carrier not in streams}
    return sum(1 if one in filtered else max(1, -(-len(stores(one).alive) // PAGE_SIZE)) for one in paged)


class Sample(NamedTuple):
    """How much memory the process had resident when it had sent so many records."""

    seconds: float
    records: int
    megabytes: float


@dataclass
class Run:
    """What one command took and said."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_megabytes: float = 0.0
    records: Counter[str] = field(default_factory=Counter)
    ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    states: dict[str, JsonObject] = field(default_factory=dict)
    catalog: list[JsonObject] = field(default_factory=list)
    summary: JsonObject = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    stderr: str = ""

    def take(self, message: JsonObject) -> None:
        """Note one message."""
        kind = message.get("type")
        if kind == "RECORD":
            record = message["record"]
            stream, row = (message["stream"], record) if "stream" in message else (record["stream"], record["data"])
            self.records[stream] += 1
            self.ids[stream].add(str(row.get("id")))
        elif kind == "STATE" and "stream" in message.get("state", {}):
            self.states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
        elif kind == "CATALOG":
            self.catalog = message["catalog"]["streams"]
        elif kind == "TRACE" and message["trace"]["type"] == "ANALYTICS":
            self.summary = orjson.loads(message["trace"]["analytics"]["value"])


def run(
    command: str,
    what: str,
    files: Mapping[str, Any] | None = None,
    *,
    stdin: Iterable[bytes] = (),
    environment: Mapping[str, str] | None = None,
    bytes_per_second: float | None = None,
) -> Run:
    """Run one command of a connector; `files` are its arguments. Raises RuntimeError where it fails.

    `stdin` are the lines that it can read from the beginning. `bytes_per_second` makes whoever reads its stdout a slow
    reader.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = [*shlex.split(command), what]
        for name, content in (files or {}).items():
            path = Path(folder, f"{name}.json")
            path.write_bytes(orjson.dumps(content))
            arguments += [f"--{name}", str(path)]
        given, stderr = Path(folder, "stdin"), Path(folder, "stderr")
        with given.open("wb") as content:
            content.writelines(stdin)
        measured = Run()
        began = time.monotonic()
        with given.open("rb") as content, stderr.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603
                arguments,
                stdin=content,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                env={**os.environ, **(environment or {})},
            )
        assert process.stdout  # noqa: S101 - asked for above
        sampler = threading.Thread(target=_sample, args=(process.pid, measured, began), daemon=True)
        sampler.start()
        last = b""
        for line in lines(process.stdout.fileno(), bytes_per_second):
            if line.startswith(b"{"):
                measured.take(orjson.loads(line))
                last = line if b"ERROR" in line or b"FATAL" in line else last
        _, status, usage = os.wait4(process.pid, 0)
        measured.seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        measured.cpu_seconds = usage.ru_utime + usage.ru_stime
        sampler.join()
        measured.stderr = stderr.read_text(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{command} {what} failed: {(last.decode() or measured.stderr)[-2000:]}")
    return measured


def lines(stdout: int, bytes_per_second: float | None) -> Iterator[bytes]:
    """What comes out of a pipe until it is closed, line by line, read no faster than so."""
    rest, received, began = b"", 0, time.monotonic()
    while chunk := os.read(stdout, _CHUNK):
        received += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        if bytes_per_second:
            time.sleep(max(0.0, began + received / bytes_per_second - time.monotonic()))
    if rest:
        yield rest


def _sample(pid: int, measured: Run, began: float) -> None:
    """Follow the memory of a process until it ends.

    The kernel's VmHWM is the peak of this program alone; wait4's begins with that of the process it was forked from.
    """
    status = Path("/proc", str(pid), "status")
    while True:
        try:
            values = dict(line.split(":", 1) for line in status.read_text().splitlines())
            resident, peak = (int(values[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
        except (OSError, KeyError):
            return
        measured.peak_megabytes = peak
        measured.samples.append(Sample(time.monotonic() - began, measured.records.total(), resident))
        time.sleep(_SECONDS_BETWEEN_SAMPLES)
