"""Command lines that cannot be followed: a sentence for whoever typed it, and a status that is not zero."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "source_activecampaign", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def the_error(stdout: str) -> dict[str, Any]:
    """The only error of a run."""
    messages = [json.loads(line) for line in stdout.splitlines()]
    [error] = [one["trace"]["error"] for one in messages if one["type"] == "TRACE" and one["trace"].get("error")]
    return dict(error)


def refused(*arguments: str) -> str:
    """What the connector says to arguments that it cannot follow."""
    done = run(*arguments)
    assert done.returncode not in {0, -15}
    assert {json.loads(line)["type"] for line in done.stdout.splitlines()} <= {"LOG"}
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def test_no_command() -> None:
    assert refused() == "Say what to do: spec, check, discover or read. More with --help.\n"


UNKNOWN = (
    "The arguments have something in them that the connector does not know. It takes spec, check, discover or "
    "read, and all settings, the API key too, from the file that --config names. More with --help.\n"
)
KEY = "k3y0fn0b0dy1234567890"
INLINE = json.dumps({"api_url": "https://acme.api-us1.com", "api_key": KEY})


def test_an_unknown_command() -> None:
    assert refused("sync") == UNKNOWN


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "--config", INLINE], "--config wants the name of a file, not what it holds ("),
        (["check", f"--config={INLINE}"], "--config wants the name of a file, not what it holds ("),
        (["discover", "--config", INLINE * 9], "--config wants the name of a file, not what it holds ("),
        (
            ["check", "--config", f"api_url: https://acme.test\napi_key: {KEY}"],
            "--config wants the name of a file, not",
        ),
        (["check", "--config", KEY], "--config wants the name of a file, not what it holds ("),
        (
            ["read", "--config", "CONFIG", "--catalog", INLINE],
            "--catalog wants the name of a file, not what it holds (",
        ),
        (["read", "--config", "CONFIG", "--catalog", "CATALOG", "--state", INLINE], "--state wants the name of a file"),
        (["check", "--config", "CONFIG", "--api_key", KEY], UNKNOWN),
        (["spec", "--config", INLINE], UNKNOWN),
        ([KEY], UNKNOWN),
        (["check", f"--debug={KEY}", "--config", "CONFIG"], UNKNOWN),
        (["read", f"--c={KEY}"], UNKNOWN),
        (["check"], "The command is not complete: the following arguments are required: --config.\n"),
        (["check", "--config"], "The command is not complete: argument --config: expected one argument.\n"),
    ],
)
def test_a_key_on_the_command_line_is_not_repeated(tmp_path: Path, arguments: list[str], said: str) -> None:
    files = {"CONFIG": tmp_path / "config.json", "CATALOG": tmp_path / "catalog.json"}
    files["CONFIG"].write_text(INLINE)
    files["CATALOG"].write_text('{"streams": []}')
    done = run(*[str(files.get(one, one)) for one in arguments])
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert KEY not in done.stdout + done.stderr


ALMOST = {"stream": {"name": "tags", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}}
NO_CATALOG = "The catalog file holds no configured catalog: "


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("catalog", "[]", f'{NO_CATALOG}it is not of type "object".'),
        ("catalog", "null", f'{NO_CATALOG}it is not of type "object".'),
        ("catalog", "{}", f"{NO_CATALOG}streams is a required property."),
        ("catalog", json.dumps({"streams": [ALMOST]}), f"{NO_CATALOG}streams/0/sync_mode is a required property."),
        (
            "catalog",
            json.dumps({"streams": [{**ALMOST, "sync_mode": "full_refresh", "destination_sync_mode": KEY}]}),
            f"{NO_CATALOG}streams/0/destination_sync_mode is not one of [",
        ),
        ("catalog", "", "The catalog file is empty: it has to hold a JSON object with streams."),
        ("catalog", "{", "The catalog file is not JSON (from line 1, column 2 on): correct it there."),
        ("catalog", "[" * 100_000, "The catalog file is not JSON: write it anew, as UTF-8 text."),
        ("state", " ", "The state file is empty: it has to hold the states of an earlier sync."),
        ("state", "[]\n[]\n", "The state file is not JSON (from line 2, column 1 on): correct it there."),
        ("state", "[" * 100_000, "The state file is not JSON: write it anew, as UTF-8 text."),
    ],
)
def test_a_file_that_holds_something_else(tmp_path: Path, option: str, content: str, said: str) -> None:
    contents = {"config": INLINE, "catalog": '{"streams": []}', "state": "[]", option: content}
    arguments = []
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
        arguments += [f"--{name}", str(tmp_path / name)]
    done = run("read", *arguments)
    assert done.returncode == 1
    error = the_error(done.stdout)
    assert error["message"].startswith(said)
    assert (error["failure_type"], error.get("stack_trace")) == ("config_error", None)
    assert "Traceback" not in done.stdout + done.stderr
    assert KEY not in done.stdout + done.stderr


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    for name, text in {"config": INLINE, "catalog": '{"streams": []}', "state": "[]"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
    files = [one for name in ("config", "catalog", "state") for one in (f"--{name}", str(tmp_path / name))]
    assert run("read", *files).returncode == 0


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
