"""The images, held tightly: the four commands of both connectors against the emulator, and what they have in common."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulator import Account, Emulator
from integration_tests.as_airbyte import connector_folder
from integration_tests.destination.connector import configured, record, state

pytestmark = pytest.mark.image

ROOT = Path(__file__).resolve().parent.parent
CONNECTORS = ("source-activecampaign", "destination-activecampaign")
METADATA = dict(
    zip(CONNECTORS, (ROOT / "metadata.yaml", ROOT / "destination_activecampaign" / "metadata.yaml"), strict=True)
)
PACKAGES = ("activecampaign_client", "source_activecampaign", "destination_activecampaign")
INCREMENTAL = "contacts"
FULL = ["lists", "tags"]


@dataclass(frozen=True)
class Answer:
    """What a container printed and how it ended."""

    code: int
    output: str
    errors: str

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        """Every line of the standard output; all must be messages of the protocol."""
        return [json.loads(line) for line in self.output.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message[_BODY[kind]] for message in self.messages if message["type"] == kind]

    def only(self, kind: str) -> dict[str, Any]:
        (body,) = self.of(kind)
        return body

    def rows(self, stream: str) -> list[dict[str, Any]]:
        return [record["data"] for record in self.of("RECORD") if record["stream"] == stream]


_BODY = {
    "SPEC": "spec",
    "CONNECTION_STATUS": "connectionStatus",
    "CATALOG": "catalog",
    "RECORD": "record",
    "DESTINATION_CATALOG": "destination_catalog",
    "LOG": "log",
    "STATE": "state",
    "TRACE": "trace",
}


class Image:
    def __init__(self, tag: str) -> None:
        self.tag = tag

    def run(self, *arguments: str, stdin: bytes = b"", **granted: Any) -> Answer:
        """Run a command with nothing but what Airbyte grants: its files, its network, a /tmp."""
        done = _docker("run", *_options(**granted), "--init", self.tag, *arguments, stdin=stdin.decode())
        return Answer(done.returncode, done.stdout, done.stderr)

    def run_as_airbyte(self, *arguments: str, stdin: bytes, **granted: Any) -> Answer:
        """Run a command as Airbyte's platform does: a shell reads AIRBYTE_ENTRYPOINT, where the files are."""
        shell = f'(eval "$AIRBYTE_ENTRYPOINT {" ".join(arguments)}")'
        options = [*_options(**granted), "--workdir", "/files", "--entrypoint", "sh"]
        done = _docker("run", *options, self.tag, "-c", shell, stdin=stdin.decode())
        return Answer(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, *arguments: str, **granted: Any) -> Iterator["subprocess.Popen[bytes]"]:
        """Start a command as the first process of a container, whose input stays open; `docker` passes signals on."""
        command = ["docker", "run", *_options(**granted), self.tag, *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def execute(self, program: str, *arguments: str) -> str:
        """Run another program of the image, and give what it prints."""
        options = ["--rm", "--network", "none", "--entrypoint", program]
        done = _docker("run", *options, self.tag, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def inspect(self) -> dict[str, Any]:
        (described,) = json.loads(_docker("image", "inspect", self.tag).stdout)
        config: dict[str, Any] = described["Config"]
        return config

    def layers(self) -> list[str]:
        """The digests of its file systems, the lowest first."""
        found: list[str] = json.loads(
            _docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", self.tag).stdout
        )
        return found


def _options(
    folder: Path | None = None,
    rejected: Path | None = None,
    network: str = "none",
    user: str | None = None,
    directory: str | None = None,
) -> list[str]:
    options = ["--rm", "--interactive", "--network", network, "--read-only", "--tmpfs", "/tmp"]  # noqa: S108
    options += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    if folder:
        options += ["--volume", f"{folder}:/files:ro"]
    if rejected:
        options += ["--volume", f"{rejected}:/rejected"]
    if user:
        options += ["--user", user]
    if directory:
        options += ["--workdir", directory]
    return options


@pytest.fixture(scope="session")
def images() -> dict[str, Image]:
    """The image of each connector, built from this tree; no engine is a reason to skip, except in CI."""
    if shutil.which("docker") is None or _docker("info").returncode:
        reason = "no container engine answers (`scripts/with-engine make test` starts one on Debian)"
        if os.environ.get("CI", "").lower() in {"", "0", "false"}:
            pytest.skip(reason)
        pytest.fail(reason, pytrace=False)
    built = subprocess.run([ROOT / "scripts" / "build-image", "test"], capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.fail(f"the images cannot be built:\n{built.stdout}{built.stderr}", pytrace=False)
    return {name: Image(f"{name}:test") for name in CONNECTORS}


@pytest.fixture(scope="session")
def image(images: dict[str, Image]) -> Image:
    """That of the source."""
    return images["source-activecampaign"]


@pytest.fixture(scope="session")
def destination(images: dict[str, Image]) -> Image:
    return images["destination-activecampaign"]


@pytest.fixture(scope="module")
def emulator(image: Image) -> Iterator[Emulator]:
    with Emulator(Account.demo(seed=1)) as emulator:
        yield emulator


@pytest.fixture
def folder(emulator: Emulator, tmp_path: Path) -> Path:
    """What is mounted in the container; any user may read it."""
    tmp_path.chmod(0o755)
    _write(tmp_path / "config.json", {"api_url": emulator.url, "api_key": emulator.api_key, "lookback_hours": 0})
    return tmp_path


@pytest.mark.parametrize("connector", CONNECTORS)
def test_the_image_is_what_airbyte_expects(images: dict[str, Image], connector: str) -> None:
    config = images[connector].inspect()
    assert config["Entrypoint"] == [f"/opt/connector/bin/{connector}"]
    assert f"AIRBYTE_ENTRYPOINT=/opt/connector/bin/{connector}" in config["Env"]
    assert config["User"] == "airbyte"
    assert config["WorkingDir"] == "/airbyte/integration_code"
    described = yaml.safe_load(METADATA[connector].read_text())["data"]
    assert config["Labels"]["io.airbyte.name"] == described["dockerRepository"] == f"airbyte/{connector}"
    assert config["Labels"]["io.airbyte.version"] == described["dockerImageTag"]


def test_the_images_have_the_same_files(images: dict[str, Image]) -> None:
    layers = [one.layers() for one in images.values()]
    assert layers[0]
    assert layers[1:] == layers[:-1]


def test_the_image_carries_neither_pip_nor_secrets_nor_tests(image: Image) -> None:
    names = image.execute("find", "/opt/connector", "-printf", r"%f\n").splitlines()
    assert set(PACKAGES) <= set(names)
    assert not {"pip", "secrets", "unit_tests", "integration_tests", "wheelhouse"} & set(names)


def test_nothing_of_the_connector_belongs_to_its_user(image: Image) -> None:
    assert image.execute("find", "/opt/connector", "!", "-user", "root") == ""


@pytest.mark.parametrize("name", PACKAGES)
def test_every_module_is_compiled_already(image: Image, name: str) -> None:
    packages = image.execute("find", "/opt/connector", "-type", "d", "-name", name).split()
    (package,) = packages
    modules = image.execute("find", package, "-name", "*.py").split()
    compiled = image.execute("find", package, "-name", "*.pyc").split()
    assert len(modules) == len(compiled) > 1


@pytest.mark.parametrize("user", [None, "12345:12345", "0:0"], ids=["airbyte", "any", "root"])
@pytest.mark.parametrize("directory", [None, "/"], ids=["workdir", "root"])
@pytest.mark.parametrize("connector", CONNECTORS)
def test_spec_needs_no_network_no_home_and_no_directory(
    images: dict[str, Image], connector: str, user: str | None, directory: str | None
) -> None:
    answer = images[connector].run("spec", user=user, directory=directory)
    assert answer.code == 0, answer.errors
    spec = answer.only("SPEC")
    assert {"api_url", "api_key"} <= set(spec["connectionSpecification"]["required"])
    assert bool(spec.get("supported_destination_sync_modes")) == connector.startswith("destination")


@pytest.mark.parametrize("user", [None, "12345:12345"], ids=["airbyte", "any"])
@pytest.mark.parametrize("connector", CONNECTORS)
def test_check_accepts_the_account(
    images: dict[str, Image], connector: str, folder: Path, emulator: Emulator, user: str | None
) -> None:
    answer = images[connector].run("check", "--config", "/files/config.json", folder=folder, network="host", user=user)
    assert answer.code == 0, answer.errors
    assert answer.only("CONNECTION_STATUS")["status"] == "SUCCEEDED"
    assert emulator.api_key not in answer.output + answer.errors


@pytest.mark.parametrize("connector", CONNECTORS)
def test_check_refuses_a_wrong_key_in_a_sentence(
    images: dict[str, Image], connector: str, folder: Path, emulator: Emulator
) -> None:
    wrong = "this-is-not-the-key-of-the-account"
    _write(folder / "config.json", {"api_url": emulator.url, "api_key": wrong})
    answer = images[connector].run("check", "--config", "/files/config.json", folder=folder, network="host")
    assert answer.code == 0, answer.errors
    status = answer.only("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert "API key" in status["message"]
    assert "Traceback" not in status["message"]
    assert wrong not in answer.output + answer.errors


def test_a_sync_and_the_next_one(image: Image, folder: Path, emulator: Emulator) -> None:
    discovered = image.run("discover", "--config", "/files/config.json", folder=folder, network="host")
    assert discovered.code == 0, discovered.errors
    streams = {stream["name"]: stream for stream in discovered.only("CATALOG")["streams"]}
    cursor = streams[INCREMENTAL]["default_cursor_field"]
    _write(folder / "catalog.json", {"streams": [_configured(streams[name]) for name in [INCREMENTAL, *FULL]]})
    read = ["read", "--config", "/files/config.json", "--catalog", "/files/catalog.json"]

    first = image.run(*read, folder=folder, network="host")
    assert first.code == 0, first.output[-4000:]
    for name in [INCREMENTAL, *FULL]:
        there = Counter(str(row["id"]) for row in emulator.account.rows(name))
        assert there
        assert Counter(row["id"] for row in first.rows(name)) == there

    # Airbyte keeps the last state of every stream, and gives it back to the incremental ones only.
    states = {state["stream"]["stream_descriptor"]["name"]: state for state in first.of("STATE")}
    _write(folder / "state.json", [states[INCREMENTAL]])
    latest = max(row[cursor[0]] for row in first.rows(INCREMENTAL))
    changed = str(emulator.account.rows(INCREMENTAL)[0]["id"])
    emulator.account.update(INCREMENTAL, changed, firstName="Renamed")

    second = image.run(*read, "--state", "/files/state.json", folder=folder, network="host")
    assert second.code == 0, second.output[-4000:]
    rows = {row["id"]: row for row in second.rows(INCREMENTAL)}
    assert rows[changed]["firstName"] == "Renamed"
    boundary = {row["id"] for row in first.rows(INCREMENTAL) if row[cursor[0]] == latest}
    assert set(rows) == boundary | {changed}
    for name in FULL:
        assert len(second.rows(name)) == len(emulator.account.rows(name))

    for answer in (discovered, first, second):
        assert emulator.api_key not in answer.output + answer.errors


WRITE = ("write", "--config", "config.json", "--catalog", "catalog.json")
WRITE_FILES = ("write", "--config", "/files/config.json", "--catalog", "/files/catalog.json")


@pytest.fixture
def rejected(folder: Path, emulator: Emulator) -> Path:
    """A folder for rejected rows that any user may write to, the configuration that names it, and a catalog."""
    place = folder / "rejected"
    place.mkdir()
    place.chmod(0o777)
    config = {"api_url": emulator.url, "api_key": emulator.api_key, "requests_per_second": 50}
    _write(folder / "config.json", {**config, "rejected_records": "/rejected", "compare": "always"})
    _write(folder / "catalog.json", configured("contacts"))
    return place


def test_the_destination_discovers_what_the_account_takes(destination: Image, folder: Path, emulator: Emulator) -> None:
    answer = destination.run("discover", "--config", "/files/config.json", folder=folder, network="host")
    assert answer.code == 0, answer.errors
    operations = answer.only("DESTINATION_CATALOG")["operations"]
    contacts = next(one for one in operations if one["object_name"] == "contacts")
    offered = {name for name in contacts["json_schema"]["properties"] if name.startswith("custom_")}
    assert len(offered) == len(emulator.account.rows("fields")) > 0
    assert emulator.api_key not in answer.output + answer.errors


@pytest.mark.parametrize("user", [None, "12345:12345"], ids=["airbyte", "any"])
def test_the_destination_writes_rejects_and_acknowledges(
    destination: Image, folder: Path, rejected: Path, emulator: Emulator, user: str | None
) -> None:
    name = "airbyte" if user is None else "any"
    emails = [f"{name}{number}@example.com" for number in range(30)]
    good = [record(email=email, firstName="Ann", tags=["from a container"]) for email in emails]
    lines = [*good[:10], state(at=1), record(email=f"{name} has no address"), *good[10:], state(at=2)]
    granted = {"folder": folder, "rejected": rejected, "network": "host", "user": user}

    first = destination.run(*WRITE_FILES, stdin=b"".join(lines), **granted)
    assert first.code == 0, first.output + first.errors
    written = {row["email"]: row["firstName"] for row in emulator.account.rows("contacts")}
    assert [written.get(email) for email in emails] == ["Ann"] * len(emails)
    states = [(one["stream"]["stream_state"]["at"], one["destinationStats"]) for one in first.of("STATE")]
    assert states == [
        (1, {"recordCount": 10.0, "rejectedRecordCount": 0.0}),
        (2, {"recordCount": 21.0, "rejectedRecordCount": 1.0}),
    ]
    [kept] = [json.loads(line) for line in (rejected / "rejected.jsonl").read_text().splitlines()]
    assert (kept["code"], kept["row"]) == ("email_invalid", {"email": f"{name} has no address"})

    before = len(emulator.writes)
    again = destination.run_as_airbyte(*WRITE, stdin=b"".join(lines), **granted)
    assert again.code == 0, again.output + again.errors
    assert again.output.splitlines()[-1].count("activecampaign-write-summary") == 1
    assert [one["destinationStats"] for one in again.of("STATE")] == [stats for _, stats in states]
    assert emulator.writes[before:] == []
    assert len((rejected / "rejected.jsonl").read_text().splitlines()) == 2
    for answer in (first, again):
        assert emulator.api_key not in answer.output + answer.errors
        assert "has no address" not in answer.output + answer.errors


def test_the_destination_writes_nothing_where_rejected_rows_cannot_be_kept(
    destination: Image, folder: Path, rejected: Path, emulator: Emulator
) -> None:
    rejected.chmod(0o755)
    before = len(emulator.writes)
    lines = record(email="nobody@example.com") + state(at=1)
    answer = destination.run(*WRITE_FILES, stdin=lines, folder=folder, rejected=rejected, network="host", user="7:7")
    assert answer.code == 1
    [trace] = [one["error"] for one in answer.of("TRACE") if one["type"] == "ERROR"]
    assert "/rejected" in trace["message"]
    assert trace["failure_type"] == "config_error"
    assert answer.of("STATE") == []
    assert emulator.writes[before:] == []


def test_the_destination_ends_at_once_when_its_container_is_stopped(
    destination: Image, folder: Path, rejected: Path, emulator: Emulator
) -> None:
    """What Kubernetes and `docker stop` do: SIGTERM to the first process, while the input is open."""
    with destination.started(*WRITE_FILES, folder=folder, rejected=rejected, network="host") as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(record(email="stopped@example.com") + state(at=1))
        process.stdin.flush()
        while b'"STATE"' not in (line := process.stdout.readline()):
            assert line, process.communicate()
        process.stdin.write(record(email="later@example.com") + state(at=2))
        process.stdin.flush()
        process.terminate()
        # Whoever ignored the signal would wait for more input for ever.
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert b"Traceback" not in output + errors
    assert [json.loads(one)["type"] for one in output.splitlines() if b'"at": 2' in one or b'"at":2' in one] == []
    assert "stopped@example.com" in {row["email"] for row in emulator.account.rows("contacts")}


@pytest.mark.parametrize("connector", CONNECTORS)
def test_a_command_that_cannot_be_done_ends_with_an_error(images: dict[str, Image], connector: str) -> None:
    answer = images[connector].run("check", "--config", "/files/config.json")
    assert answer.code != 0


def test_airbytes_own_tests_accept_the_image_of_the_source(image: Image, tmp_path: Path) -> None:
    tests = [sys.executable, "-m", "pytest", "-q", "-m", "image_tests", "--connector-image", image.tag]
    printed = _with_the_hosts_network(
        tmp_path, *tests, "--read-from-streams", "all", "integration_tests/source/test_airbyte_standards.py"
    )
    for name in ("spec", "check", "discover", "read"):
        assert f"test_docker_image_build_and_{name}" not in printed, "skipped"


def test_airbytes_own_tests_accept_the_image_of_the_destination(destination: Image, tmp_path: Path) -> None:
    """`airbyte-cdk image test`; it has no test of `discover` and `write`."""
    command = [str(Path(sys.executable).parent / "airbyte-cdk"), "image", "test", "--image", destination.tag]
    printed = _with_the_hosts_network(tmp_path, *command, str(connector_folder("destination")))
    passed = re.search(r"(\d+) passed", printed)
    # the spec, the form of a configuration, a check of two
    assert passed
    assert int(passed[1]) == 4, printed[-6000:]


def _with_the_hosts_network(folder: Path, *command: str) -> str:
    """Run tests of Airbyte, which start the image where it cannot reach the emulator: our `docker` lets it."""
    docker = folder / "docker"
    docker.write_text(
        f'#!/bin/sh\n[ "$1" = run ] && shift && set -- run --network host "$@"\nexec {shutil.which("docker")} "$@"\n'
    )
    docker.chmod(0o755)
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def _configured(stream: dict[str, Any]) -> dict[str, Any]:
    if stream["name"] == INCREMENTAL:
        modes = {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
        return {"stream": stream, **modes, "cursor_field": stream["default_cursor_field"]}
    return {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))
    path.chmod(0o644)


def _docker(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=300)
