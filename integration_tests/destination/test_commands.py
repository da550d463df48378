"""`spec`, `check` and `discover` as processes, and command lines that cannot be followed."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator
from integration_tests.destination.connector import REAL, ROOT, Destination
from integration_tests.source.connector import Connector
from unit_tests.servers import answering, server

Configure = Callable[..., Destination]


def test_the_spec_offers_what_is_configured_and_every_sync_mode(configure: Configure) -> None:
    done = subprocess.run([sys.executable, "-m", REAL, "spec"], cwd=ROOT, capture_output=True, timeout=60, check=True)
    [message] = [json.loads(line) for line in done.stdout.splitlines()]
    spec = message["spec"]
    assert spec["supportsIncremental"] is True
    assert set(spec["supported_destination_sync_modes"]) == {
        *("append", "append_dedup", "overwrite", "update", "soft_delete")
    }
    written = json.loads((ROOT / "destination_activecampaign" / "spec.json").read_bytes())
    assert spec["connectionSpecification"] == written["connectionSpecification"]


def test_a_check_asks_what_the_objects_need(configure: Configure, emulator: Emulator) -> None:
    done = configure().check()
    assert (done.exit_code, done.connection) == (0, {"status": "SUCCEEDED"})
    paths = [request.path.removeprefix("/api/3/") for request in emulator.requests]
    assert paths == ["users/me", "contacts", "fields", "tags", "lists", "accounts", "accountContacts"]
    assert all(request.query["limit"] == "1" for request in emulator.requests[1:])


def test_a_check_asks_only_for_configured_objects(configure: Configure, emulator: Emulator) -> None:
    done = configure(streams=[{"stream": "x", "object": "contact_tags"}]).check()
    assert done.connection == {"status": "SUCCEEDED"}
    assert [request.path.removeprefix("/api/3/") for request in emulator.requests] == ["users/me", "contacts", "tags"]


def test_a_right_that_is_missing_is_named(configure: Configure, emulator: Emulator) -> None:
    emulator.settings.patch({"forbidden": ["/tags"]})
    done = configure().check()
    assert done.exit_code == 0
    assert done.connection["status"] == "FAILED"
    assert done.connection["message"].startswith("ActiveCampaign does not let this API key read tags (HTTP 403 at GET ")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"api_key": "no key of this account"}, "ActiveCampaign did not accept the API key. Copy the API key from "),
        ({"api_url": "http://example.com"}, "The API URL must begin with https://"),
        (
            {"api_url": "https://acme.example.invalid"},
            "The host of https://acme.example.invalid/api/3/users/me is unkno",
        ),
        ({"tracking": {"actid": "x", "event_key": "y"}}, "The actid of the Event Tracking setting has to be a number"),
        ({"streams": [{"stream": "x", "object": "people"}]}, "The stream x is to be written to people, which is no "),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(configure: Configure, wrong: dict[str, Any], sentence: str) -> None:
    done = configure(**wrong).check()
    assert done.exit_code == 0
    assert done.connection["status"] == "FAILED"
    assert done.connection["message"].startswith(sentence)


def test_a_url_that_leads_elsewhere_is_said(configure: Configure) -> None:
    with server(answering(302, "", Location="https://elsewhere.example")) as (url, _):
        done = configure(api_url=url).check()
    assert done.connection["message"].startswith(f"The API URL {url} redirects to another address")


def test_discover_offers_the_accounts_custom_fields_in_few_requests(configure: Configure, emulator: Emulator) -> None:
    done = configure(deletions="unsubscribe").discover()
    assert len(emulator.requests) <= 8
    assert done.exit_code == 0, done.text
    [message] = done.of("DESTINATION_CATALOG")
    operations = message["destination_catalog"]["operations"]
    assert {(one["object_name"], one["sync_mode"]) for one in operations} >= {
        *(("contacts", mode) for mode in ("append", "append_dedup", "update", "soft_delete")),
        ("contact_tags", "append_dedup"),
        ("contact_lists", "soft_delete"),
    }
    contacts = operations[1]
    assert contacts["matching_keys"] == [["email"], ["id"]]
    assert [name for name in contacts["json_schema"]["properties"] if name.startswith("custom_")]


def test_discover_names_custom_fields_as_the_source_does(configure: Configure, emulator: Emulator) -> None:
    destination = configure()
    [message] = destination.discover().of("DESTINATION_CATALOG")
    offered = message["destination_catalog"]["operations"][0]["json_schema"]["properties"]
    contacts = Connector(destination.folder, destination.config).discover().stream("contacts")["json_schema"]
    custom = {name: one for name, one in contacts["properties"].items() if name.startswith("custom_")}
    assert custom
    assert {name: one for name, one in offered.items() if name.startswith("custom_")} == custom


def test_discover_says_what_is_wrong(configure: Configure) -> None:
    done = configure(api_key="no key of this account").discover()
    assert done.exit_code == 1
    [error] = done.errors_traced
    assert error["message"].startswith("ActiveCampaign did not accept the API key. Copy the API key from ")
    assert error["failure_type"] == "config_error"


def refused(*arguments: str) -> str:
    """What the destination says to arguments that it cannot follow."""
    done = subprocess.run(
        [sys.executable, "-m", REAL, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode not in {0, -15}
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def test_no_command() -> None:
    assert refused() == "Say what to do: spec, check, discover or write. More with --help.\n"


UNKNOWN = (
    "The arguments have something in them that the connector does not know. It takes spec, check, discover or "
    "write, and all settings, the API key too, from the file that --config names. More with --help.\n"
)
KEY = "k3y0fn0b0dy1234567890"
INLINE = json.dumps({"api_url": "https://acme.api-us1.com", "api_key": KEY})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "--config", INLINE], "--config wants the name of a file, not what it holds ("),
        (["discover", f"--config={INLINE * 9}"], "--config wants the name of a file, not what it holds ("),
        (["check", "--config", KEY], "--config wants the name of a file, not what it holds ("),
        (
            ["write", "--config", "CONFIG", "--catalog", INLINE],
            "--catalog wants the name of a file, not what it holds (",
        ),
        (["check", "--config", "CONFIG", "--api_key", KEY], UNKNOWN),
        (["spec", "--config", INLINE], UNKNOWN),
        ([KEY], UNKNOWN),
        (["check"], "The command is not complete: the following arguments are required: --config.\n"),
    ],
)
def test_a_key_on_the_command_line_is_not_repeated(tmp_path: Path, arguments: list[str], said: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(INLINE)
    done = subprocess.run(
        [sys.executable, "-m", REAL, *(str(file) if one == "CONFIG" else one for one in arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert KEY not in done.stdout + done.stderr


def test_an_unknown_command() -> None:
    assert refused("read") == UNKNOWN


@pytest.mark.parametrize("command", ["check", "discover", "write"])
def test_a_configuration_that_is_not_there(tmp_path: Path, command: str) -> None:
    file = str(tmp_path / "config.json")
    catalog = ["--catalog", file] if command == "write" else []
    assert refused(command, "--config", file, *catalog) == (
        f"The file {file} cannot be opened: No such file or directory.\n"
    )


@pytest.mark.parametrize(("content", "sentence"), [("", "is empty"), ("{", "is not JSON"), ("[]", "no JSON object")])
def test_a_configuration_file_that_holds_none(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", REAL, "check", "--config", str(file)],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=True,
    )
    [message] = [json.loads(line) for line in done.stdout.splitlines()]
    assert message["connectionStatus"]["status"] == "FAILED"
    assert sentence in message["connectionStatus"]["message"]
