"""What is installed: the wheel and the source distribution, the editable install, the lock files."""

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from emulator import Account, Emulator

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTION = "airbyte-activecampaign"
PACKAGES = {"activecampaign_client", "destination_activecampaign", "source_activecampaign"}
COMMAND = "source-activecampaign"
EDITABLE = Path(sys.executable).parent / COMMAND
CONNECTORS = {"source": ROOT / "metadata.yaml", "destination": ROOT / "destination_activecampaign" / "metadata.yaml"}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and with the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (wheel,) = dist.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of the wheel, alone in an environment with the locked dependencies."""
    environment = tmp_path_factory.mktemp("wheel") / "environment"
    _run("scripts/venv", str(environment), "--require-hashes", "-r", "requirements/runtime.txt")
    _run("scripts/venv", str(environment), "--no-deps", str(wheel))
    return environment / "bin" / COMMAND


def test_the_wheel_carries_the_packages_the_manifest_and_every_schema(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {name for name in names if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in ours} == PACKAGES
    assert "source_activecampaign/manifest.yaml" in ours
    assert "destination_activecampaign/spec.json" in ours
    schemas = {f"source_activecampaign/schemas/{path.name}" for path in (ROOT / "schemas").glob("*.json")}
    assert schemas
    assert {name for name in ours if "/schemas/" in name} == schemas
    for package in PACKAGES:
        modules = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
        assert modules
        assert modules <= ours


def test_the_source_distribution_carries_no_more_than_it_needs(dist: Path) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tops = {name.split("/")[1] for name in tar.getnames() if "/" in name}
    assert tops <= PACKAGES | {
        ".gitignore",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "manifest.yaml",
        "pyproject.toml",
        "schemas",
    }


def test_the_installed_wheel_answers_from_anywhere(installed: Path) -> None:
    assert _spec(str(installed), "spec") == _spec(str(EDITABLE), "spec")


def test_the_installed_wheel_has_the_destination(installed: Path) -> None:
    script = installed.with_name("destination-activecampaign")
    assert _spec(str(script), "spec") == _spec(sys.executable, "-m", "destination_activecampaign", "spec")


def test_the_editable_install_answers_from_anywhere() -> None:
    assert _spec(str(EDITABLE), "spec") == _spec(sys.executable, "-m", "source_activecampaign", "spec")


def test_the_installed_wheel_finds_its_schemas(installed: Path, tmp_path: Path) -> None:
    with Emulator(Account.demo(seed=1)) as emulator:
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"api_url": emulator.url, "api_key": emulator.api_key}))
        catalogs = [
            _only("CATALOG", str(command), "discover", "--config", str(config))["catalog"]
            for command in (installed, EDITABLE)
        ]
    assert catalogs[0] == catalogs[1]
    streams = {stream["name"]: stream for stream in catalogs[0]["streams"]}
    declared = json.loads((ROOT / "schemas" / "contacts.json").read_text())["properties"]
    assert set(declared) <= set(streams["contacts"]["json_schema"]["properties"])


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_a_lock_pins_by_hash_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(-index-url|-extra-index-url|i|f|-find-links|-trusted-host)\b", text, re.MULTILINE)
    for line in text.replace("\\\n", "").splitlines():
        assert "--hash=sha256:" in line, line
        assert "==" in line, line


@pytest.mark.parametrize(("lock", "extra"), [("runtime", ""), ("dev", "dev"), ("sync", "sync")])
def test_the_locks_fit_the_project(lock: str, extra: str) -> None:
    """`make lock` was run after the last change of a dependency."""
    pinned = _pins(lock)
    for line in metadata.requires(DISTRIBUTION) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            versions = pinned.get(canonicalize_name(requirement.name), [])
            assert versions, f"{requirement} is not in requirements/{lock}.txt: run `make lock`"
            for version in versions:
                assert requirement.specifier.contains(version), f"{requirement} but {version}: run `make lock`"


def test_what_is_tested_is_what_is_shipped() -> None:
    development = _pins("dev")
    assert {name: development.get(name) for name in _pins("runtime")} == _pins("runtime")


@pytest.mark.parametrize("connector", CONNECTORS)
def test_names_and_versions_agree(connector: str) -> None:
    described = yaml.safe_load(CONNECTORS[connector].read_text())["data"]
    _, _, stage = (ROOT / "Dockerfile").read_text().partition(f"FROM runtime AS {connector}\n")
    stage, _, _ = stage.partition("\nFROM ")
    labels = dict(re.findall(r'(io\.airbyte\.\w+)="([^"]+)"', stage))
    assert labels == {
        "io.airbyte.name": described["dockerRepository"],
        "io.airbyte.version": described["dockerImageTag"],
    }
    assert described["connectorType"] == connector
    assert described["dockerRepository"] == f"airbyte/{connector}-activecampaign"
    entrypoint = f"/opt/connector/bin/{connector}-activecampaign"
    assert f'ENV AIRBYTE_ENTRYPOINT="{entrypoint}"\nENTRYPOINT ["{entrypoint}"]' in stage
    assert metadata.version(DISTRIBUTION) == described["dockerImageTag"]
    assert described["remoteRegistries"]["pypi"]["packageName"] == DISTRIBUTION
    if connector == "source":
        assert set(re.findall(r"source-activecampaign:(\d\S+)", (ROOT / "README.md").read_text())) == {
            described["dockerImageTag"]
        }


def test_both_connectors_are_built_on_one_base_and_look_alike() -> None:
    source, destination = (yaml.safe_load(path.read_text())["data"] for path in CONNECTORS.values())
    assert destination["connectorBuildOptions"] == source["connectorBuildOptions"]
    assert destination["definitionId"] != source["definitionId"]
    assert destination["supportsDataActivation"] is True
    icons = [path.with_name("icon.svg").read_bytes() for path in CONNECTORS.values()]
    assert icons[0] == icons[1]


def test_the_image_is_the_source_where_no_stage_is_named() -> None:
    stages = re.findall(r"^FROM \S+ AS (\w+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert stages[-1] == "source"


def test_the_image_gets_every_package() -> None:
    dockerfile, let_through = (ROOT / "Dockerfile").read_text(), (ROOT / ".dockerignore").read_text().splitlines()
    for package in PACKAGES:
        assert f"COPY {package}/ {package}/\n" in dockerfile
        assert f"!{package}" in let_through


def _pins(lock: str) -> dict[str, list[str]]:
    """Every version of every package; there may be several, for different Pythons."""
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(
        r"^([A-Za-z0-9._-]+)==([^ ]+)", (ROOT / "requirements" / f"{lock}.txt").read_text(), re.MULTILINE
    ):
        pins.setdefault(canonicalize_name(name), []).append(version)
    return pins


def _spec(*command: str) -> dict[str, Any]:
    specification: dict[str, Any] = _only("SPEC", *command)["spec"]
    return specification


def _only(kind: str, *command: str) -> dict[str, Any]:
    """The only message of that kind that the command prints when started in a directory that is not ours."""
    messages: list[dict[str, Any]] = [json.loads(line) for line in _run(*command, cwd=Path("/")).splitlines()]
    (message,) = [message for message in messages if message["type"] == kind]
    return message


def _run(*command: str, cwd: Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PYTHON"] = sys.executable
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
