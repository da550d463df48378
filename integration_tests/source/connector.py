"""Runs the connector as a user's platform does: a process, files for its arguments, messages from its stdout."""

import json
import multiprocessing
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPT = Path(sys.executable).with_name("source-activecampaign")
JsonObject = dict[str, Any]


@dataclass
class Output:
    """What one command said."""

    exit_code: int
    text: str
    messages: list[JsonObject] = field(default_factory=list)

    @property
    def records(self) -> dict[str, list[JsonObject]]:
        found: dict[str, list[JsonObject]] = defaultdict(list)
        for message in self.messages:
            if message["type"] == "RECORD":
                found[message["record"]["stream"]].append(message["record"]["data"])
        return found

    @property
    def state(self) -> list[JsonObject]:
        """The newest state of each stream, as the next read takes it."""
        newest = {
            message["state"]["stream"]["stream_descriptor"]["name"]: message["state"]
            for message in self.messages
            if message["type"] == "STATE"
        }
        return list(newest.values())

    def cursor(self, stream: str) -> JsonObject:
        [state] = [one for one in self.state if one["stream"]["stream_descriptor"]["name"] == stream]
        found: JsonObject = state["stream"]["stream_state"]
        return found

    @property
    def catalog(self) -> list[JsonObject]:
        [message] = [one for one in self.messages if one["type"] == "CATALOG"]
        streams: list[JsonObject] = message["catalog"]["streams"]
        return streams

    def stream(self, name: str) -> JsonObject:
        [found] = [one for one in self.catalog if one["name"] == name]
        return found

    @property
    def connection(self) -> JsonObject:
        [message] = [one for one in self.messages if one["type"] == "CONNECTION_STATUS"]
        found: JsonObject = message["connectionStatus"]
        return found

    @property
    def errors(self) -> list[JsonObject]:
        """The error traces, each with its sentence, its failure type and, mostly, its stream."""
        return [
            message["trace"]["error"]
            | {"stream": (message["trace"]["error"].get("stream_descriptor") or {}).get("name")}
            for message in self.messages
            if message["type"] == "TRACE" and message["trace"]["type"] == "ERROR"
        ]

    @property
    def statuses(self) -> dict[str, str]:
        """The last status of each stream: COMPLETE or INCOMPLETE."""
        return {
            message["trace"]["stream_status"]["stream_descriptor"]["name"]: message["trace"]["stream_status"]["status"]
            for message in self.messages
            if message["type"] == "TRACE" and message["trace"]["type"] == "STREAM_STATUS"
        }

    @property
    def logs(self) -> str:
        return "\n".join(message["log"]["message"] for message in self.messages if message["type"] == "LOG")


class Connector:
    """The connector with one configuration; its files are kept in `folder`. `script` runs the console script itself."""

    def __init__(self, folder: Path, config: Mapping[str, Any], script: bool = False) -> None:
        self._folder = folder
        self._script = script
        self.config = dict(config)

    def spec(self) -> Output:
        return self._run("spec")

    def check(self) -> Output:
        return self._run("check", config=self.config)

    def discover(self) -> Output:
        return self._run("discover", config=self.config)

    def read(self, catalog: Any, state: Any = None) -> Output:
        """Read a configured catalog; `state` is that of an earlier output."""
        return self._run("read", config=self.config, catalog=catalog, state=state)

    def _run(self, command: str, **files: Any) -> Output:
        arguments = [command]
        for name, content in files.items():
            if content is not None:
                path = self._folder / f"{name}.json"
                path.write_text(json.dumps(content))
                arguments += [f"--{name}", str(path)]
        exit_code, text = (in_a_script if self._script else in_a_fork)(arguments, self._folder / "output")
        messages = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return Output(exit_code, text, messages)


def in_a_script(arguments: list[str], output: Path) -> tuple[int, str]:
    """The installed console script, from the root folder, as the platform does not promise any other."""
    done = subprocess.run([SCRIPT, *arguments], cwd="/", capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


# A process that has imported the connector once, and forks for each command: importing takes most of a second.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["source_activecampaign.commands"])


def in_a_fork(arguments: list[str], output: Path) -> tuple[int, str]:
    """What the console script calls, in a process of its own."""
    process = _FORKS.Process(target=_command, args=(arguments, output))
    process.start()
    process.join(300)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{arguments} took more than 300 s")
    return process.exitcode, output.read_text()


def _command(arguments: list[str], output: Path) -> None:
    from source_activecampaign.run import run  # noqa: PLC0415

    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = [str(SCRIPT), *arguments]
    os.chdir("/")
    run()


def configured(streams: Iterable[JsonObject], *names: str, full_refresh: bool = False) -> JsonObject:
    """A configured catalog of discovered streams: all, or those named; incremental wherever they can be."""
    chosen = [stream for stream in streams if not names or stream["name"] in names]
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": "full_refresh"
                if full_refresh or "incremental" not in stream["supported_sync_modes"]
                else "incremental",
                "destination_sync_mode": "append_dedup",
                "primary_key": stream.get("source_defined_primary_key") or [],
                "cursor_field": stream.get("default_cursor_field") or [],
            }
            for stream in chosen
        ]
    }
