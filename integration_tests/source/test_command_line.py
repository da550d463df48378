"""Command lines that cannot be followed: a sentence for whoever typed it, and a status that is not zero."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def refused(*arguments: str) -> str:
    """What the connector says to arguments that it cannot follow."""
    done = subprocess.run(
        [sys.executable, "-m", "source_activecampaign", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode not in {0, -15}
    assert {json.loads(line)["type"] for line in done.stdout.splitlines()} <= {"LOG"}
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def test_no_command() -> None:
    assert refused() == "Say what to do: spec, check, discover or read. More with --help.\n"


def test_an_unknown_command() -> None:
    assert "invalid choice: 'sync'" in refused("sync")


@pytest.mark.parametrize("command", ["check", "discover", "read"])
def test_a_configuration_that_is_not_there(tmp_path: Path, command: str) -> None:
    file = str(tmp_path / "config.json")
    catalog = ["--catalog", file] if command == "read" else []
    assert refused(command, "--config", file, *catalog) == (
        f"The file {file} cannot be opened: No such file or directory.\n"
    )


@pytest.mark.parametrize("option", ["--config", "--catalog", "--state"])
def test_a_folder_where_a_file_should_be(tmp_path: Path, option: str) -> None:
    files = {name: str(tmp_path / name) for name in ("--config", "--catalog", "--state")}
    for name, path in files.items():
        if name == option:
            Path(path).mkdir()
        else:
            Path(path).write_text('{"streams": []}')
    arguments = [one for pair in files.items() for one in pair]
    assert refused("read", *arguments) == f"The file {files[option]} cannot be opened: Is a directory.\n"


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{}")
    # A path through a file: root may read every file, but not this.
    assert "cannot be opened: Not a directory." in refused("check", "--config", str(file / "config.json"))
