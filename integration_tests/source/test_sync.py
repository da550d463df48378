"""`make sync` as a user runs it: the connector, PyAirbyte and a DuckDB file, against an emulated account."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.make import environment

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-sync" / "bin" / "python"
# stream -> the emulator's name for what is in it
STREAMS = {
    "contacts": "contacts",
    "contact_custom_field_values": "fieldValues",
    "deals": "deals",
    "list_groups": "listGroups",
    "tags": "tags",
}


@dataclass
class Project:
    """One account, one DuckDB file, and the command that brings the one into the other."""

    emulator: Emulator
    folder: Path

    @property
    def duckdb_file(self) -> Path:
        return self.folder / "activecampaign.duckdb"

    @property
    def account(self) -> Account:
        return self.emulator.account

    def command(self, streams: Sequence[str], **config: Any) -> list[str]:
        """The command line; `config` is added to the connector's configuration."""
        file = self.folder / "config.json"
        complete = {
            "api_url": self.emulator.url,
            "api_key": self.emulator.api_key,
            "requests_per_second": 50,
            "lookback_hours": 0,
            **config,
        }
        file.write_text(json.dumps(complete))
        return [
            "make",
            "sync",
            f"STREAMS={' '.join(streams)}",
            f"CONFIG={file}",
            f"DUCKDB={self.duckdb_file}",
            f"CACHE={self.folder / 'cache'}",
        ]

    def sync(self, *streams: str, status: int = 0, **config: Any) -> str:
        """What `make sync` prints. Fails when it does not end well, or badly with `status=1`."""
        done = subprocess.run(
            self.command(streams, **config), cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
        )
        printed = done.stdout + done.stderr
        # make itself turns every failure into a 2
        assert (done.returncode == 0) is (status == 0), printed
        assert status == 0 or f"Error {status}" in printed
        assert "Traceback" not in printed
        assert "Warning" not in printed
        assert "\x1b" not in printed
        self.assert_no_secrets(printed)
        return printed

    def assert_no_secrets(self, printed: str) -> None:
        key = self.emulator.api_key
        assert key not in printed
        for file in self.folder.rglob("*"):
            if file.is_file() and file.name != "config.json":
                assert key.encode() not in file.read_bytes(), file

    def query(self, sql: str) -> list[list[Any]]:
        code = (
            "import duckdb, json, sys; db = duckdb.connect(sys.argv[1], read_only=True); "
            "print(json.dumps(db.sql(sys.argv[2]).fetchall(), default=str))"
        )
        done = subprocess.run([PYTHON, "-c", code, self.duckdb_file, sql], capture_output=True, text=True, check=True)
        rows: list[list[Any]] = json.loads(done.stdout)
        return rows

    def assert_holds_the_account(self, *streams: str) -> None:
        """Every table has exactly the account's rows, each once."""
        for stream in streams:
            ids = [row[0] for row in self.query(f"SELECT id FROM {stream}")]  # noqa: S608
            assert sorted(ids) == sorted(self.account.ids(STREAMS[stream])), stream
        if "contacts" in streams:
            stored = self.query("SELECT id, email, firstname FROM contacts")
            expected = [[row["id"], row["email"], row["firstName"]] for row in self.account.rows("contacts")]
            assert sorted(stored) == sorted(expected)


def figures(printed: str) -> dict[str, tuple[int, int, int]]:
    """Rows read, rows in the table and requests (-1: unknown) per stream, from the table at the end."""
    lines = re.findall(r"^(\w+) +([\d,]+) +([\d,]+) +([\d,]+|-) +[\d.]+", printed, re.MULTILINE)
    return {name: tuple(int(figure.replace(",", "").replace("-", "-1")) for figure in rest) for name, *rest in lines}  # type: ignore[misc]


@pytest.fixture
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Project]:
    with Emulator(Account.demo(seed=1, contacts=getattr(request, "param", 250))) as emulator:
        emulator.settings.patch({"rate_limit_window": "off"})
        yield Project(emulator, tmp_path)


@pytest.mark.parametrize("project", [120], indirect=True)
def test_every_stream_arrives_and_the_second_run_reads_what_changed(project: Project) -> None:
    account = project.account
    first = project.sync()
    project.assert_holds_the_account(*STREAMS)
    assert "Incremental" not in first
    assert figures(first)["contacts"][:2] == (120, 120)
    fields = {row["id"]: row["perstag"] for row in account.rows("fields")}
    players = {
        row["contact"]
        for row in account.rows("fieldValues")
        if fields.get(row["field"]) == "INTERESTS" and "Chess" in str(row["value"]).split("||")
    }
    typed = "SELECT id, custom_number_of_seats + 0, custom_date_of_first_visit + 0 FROM contacts"
    assert (
        {row[0] for row in project.query(f"{typed} WHERE list_contains(custom_interests, 'Chess')")} == players != set()
    )
    # A stream that comes with the pages of another one needs no request of its own.
    assert all(stored <= read and requests >= 0 for read, stored, requests in figures(first).values())

    added = account.insert("contacts", email="added@example.com")
    account.update("contacts", "7", email="changed@example.com")
    account.delete("listGroups", "3")  # a stream that is read as a whole, so that it notices
    second = project.sync()
    project.assert_holds_the_account(*STREAMS)
    assert project.query("SELECT id, email FROM contacts WHERE email LIKE '%ed@example.com' ORDER BY email") == [
        [added, "added@example.com"],
        ["7", "changed@example.com"],
    ]
    read, stored, _ = figures(second)["contacts"]
    assert 2 <= read <= 4, "the two that changed, and those at the boundary"
    assert stored == 121
    assert "went on where the last sync ended" in second

    (command,) = re.findall(r"^  (\S+python -c .*)$", second, re.MULTILINE)
    shown = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "email" in shown, "the query that is shown works"


def test_a_forbidden_stream_is_reported_and_the_others_are_stored(project: Project) -> None:
    project.emulator.settings.patch({"forbidden": ["/tags"]})
    project.account.update("contacts", "9", udate="the day before", cdate="the day before that")
    printed = project.sync("contacts", "tags", status=1)
    project.assert_holds_the_account("contacts")
    assert "are NULL: contacts.cdate (1), contacts.udate (1)" in printed
    assert re.search(r"1 stream did not finish:\n  tags: .*403.*\btags\b", printed)

    project.emulator.settings.patch({"forbidden": []})
    printed = project.sync("contacts", "tags")
    assert figures(printed)["contacts"][0] < 10, "the state of the stream that was complete is kept"
    project.assert_holds_the_account("contacts", "tags")


@pytest.mark.parametrize("project", [5000], indirect=True)
def test_what_was_read_before_an_interrupt_is_stored(project: Project) -> None:
    project.emulator.settings.patch({"latency_ms": 1000})
    process = subprocess.Popen(
        project.command(["contacts"]), cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    # of 51, so that at least 14 pages were answered, as 16 are requested ahead
    while len([request for request in project.emulator.requests if request.path.endswith("/contacts")]) < 30:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # as a terminal does it: to make, the script and the connector
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert "Interrupted: 1 stream did not finish" in printed
    assert "Traceback" not in printed
    assert 0 < figures(printed)["contacts"][1] < 5000

    project.emulator.settings.patch({"latency_ms": 0})
    project.sync("contacts")
    project.assert_holds_the_account("contacts")


@pytest.mark.parametrize(
    ("streams", "config", "sentence"),
    [
        (["contacts"], {"api_key": "wrong"}, "did not accept the API key"),
        (["contacts", "contact"], {}, "There is no stream contact. The streams are: "),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(
    project: Project, streams: list[str], config: dict[str, Any], sentence: str
) -> None:
    assert sentence in project.sync(*streams, status=1, **config)


def test_two_accounts_never_share_a_file(project: Project) -> None:
    project.sync("tags")
    with Emulator(Account.demo(seed=2)) as other:
        stranger = Project(other, project.folder)
        assert "holds the data of" in stranger.sync("tags", status=1)
    project.assert_holds_the_account("tags")
