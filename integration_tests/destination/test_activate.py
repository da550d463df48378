"""`make activate` as a user runs it: a query, DuckDB, the destination, and an emulated account."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator
from integration_tests.make import environment

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-sync" / "bin" / "python"
PATIENCE = 120


@dataclass
class Project:
    """One account, a folder with what is written to it, and the command that does it."""

    emulator: Emulator
    folder: Path
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        return self.emulator.account

    def file(self, name: str, *lines: str) -> Path:
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def environment(self, query: str = "", kind: str = "contacts", mode: str = "", **more: str) -> dict[str, str]:
        config = {"api_url": self.emulator.url, "api_key": self.emulator.api_key, "requests_per_second": 100}
        path = self.folder / "destination.json"
        path.write_text(json.dumps({**config, **self.config}))
        asked = {"QUERY": query, "OBJECT": kind, "MODE": mode}
        return {**environment(), "CONFIG": str(path), "CACHE": str(self.folder / "cache"), **asked, **more}

    def activate(self, query: str = "", *arguments: str, status: int = 0, **asked: str) -> str:
        """What `make activate` prints. Fails when it does not end well, or badly with another `status`."""
        done = subprocess.run(
            ["make", "activate", *arguments], cwd=ROOT, env=self.environment(query, **asked), capture_output=True,
            text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        printed = done.stdout + done.stderr
        # make itself turns every failure into a 2
        assert (done.returncode == 0) is (status == 0), printed
        assert status == 0 or f"Error {status}" in printed
        self.assert_nothing_odd(printed)
        return printed

    def assert_nothing_odd(self, printed: str) -> None:
        assert "Traceback" not in printed
        assert "\x1b" not in printed
        assert self.emulator.api_key not in printed
        for file in self.folder.rglob("*"):
            if file.is_file() and file.name != "destination.json":
                assert self.emulator.api_key.encode() not in file.read_bytes(), file

    def contact(self, email: str) -> dict[str, Any]:
        [found] = [one for one in self.account.rows("contacts") if one["email"] == email]
        return found

    def values(self, email: str) -> dict[str, str]:
        """A contact's custom field values, by personalization tag."""
        tags = {one["id"]: one["perstag"] for one in self.account.rows("fields")}
        contact = self.contact(email)["id"]
        return {
            tags[one["field"]]: one["value"] for one in self.account.rows("fieldValues") if one["contact"] == contact
        }

    def tags(self, email: str) -> set[str]:
        names = {one["id"]: one["tag"] for one in self.account.rows("tags")}
        contact = self.contact(email)["id"]
        return {names[one["tag"]] for one in self.account.rows("contactTags") if one["contact"] == contact}


def figures(printed: str) -> list[dict[str, str]]:
    """The lines of every table, by the names of the columns."""
    found, heads = [], []
    for line in printed.splitlines():
        cells = re.split(r" {2,}", line.strip())
        if cells[0] == "object":
            heads = cells
        elif heads and len(cells) >= len(heads):
            found.append(dict(zip(heads, cells, strict=False)))
    return found


def counts(printed: str) -> dict[str, int]:
    """The outcomes in the only line of the only table, without those that no row had."""
    [line] = figures(printed)
    named = {name: int(figure.replace(",", "")) for name, figure in line.items() if name not in ("object", "seconds")}
    return {name: count for name, count in named.items() if count and name != "requests"}


@pytest.fixture
def project(tmp_path: Path, emulator: Emulator) -> Project:
    return Project(emulator, tmp_path)


def test_a_file_is_written_and_the_second_call_changes_nothing(project: Project) -> None:
    file = project.file(
        "customers.csv",
        "email,first_name,stone,seats,visited,meeting,interests,labels",
        "ann@example.com,Ann,Opal,3.50,2026-11-24,2026-11-24 12:30:00+02,Hiking;Chess,One;Two",
        "ben@example.com,Ben,,,,,,",
    )
    query = f"""
        SELECT email, first_name, stone AS favourite_mineral, seats::DECIMAL(30, 10) AS custom_number_of_seats,
            visited::DATE AS date_of_first_visit, meeting::TIMESTAMPTZ AS next_appointment,
            string_split(interests, ';') AS interests, string_split(labels, ';') AS tags,
            12345678901234567890.500::DECIMAL(38, 9) AS phone, 0.1::FLOAT AS last_name
        FROM '{file}'
    """  # noqa: S608
    first = project.activate(query)
    assert f"Writing into {project.emulator.url.removeprefix('http://')}" in first
    assert counts(first) == {"rows": 2, "created": 2}
    assert "Nothing changed" not in first
    assert project.contact("ann@example.com")["firstName"] == "Ann"
    assert project.contact("ann@example.com")["lastName"] == "0.1"
    assert project.contact("ann@example.com")["phone"] == "12345678901234567890.5"
    assert project.tags("ann@example.com") == {"One", "Two"}
    values = project.values("ann@example.com")
    assert values["FAVOURITE_MINERAL"] == "Opal"
    assert float(values["NUMBER_OF_SEATS"]) == 3.5
    assert values["DATE_OF_FIRST_VISIT"] == "2026-11-24"
    assert set(values["INTERESTS"].strip("|").split("||")) == {"Hiking", "Chess"}
    assert project.values("ben@example.com") == {}, "what is null stays as it is"

    before = len(project.emulator.writes)
    second = project.activate(query)
    assert counts(second) == {"rows": 2, "unchanged": 2}
    assert "Nothing changed: the account had all of it already." in second
    assert project.emulator.writes[before:] == []
    assert list((project.folder / "cache" / "activate").iterdir()) == [], "nothing is left of what went well"


def test_the_examples_are_written_and_the_same_again_changes_nothing_but_appends_events(project: Project) -> None:
    if (ROOT / "secrets" / "destination.json").exists():
        pytest.skip("there is a real account in secrets/destination.json")
    without = {"CONFIG", "QUERY", "OBJECT", "MODE"}
    asked = {name: value for name, value in project.environment().items() if name not in without}
    done = subprocess.run(
        ["make", "activate"], cwd=ROOT, env=asked, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    first, again = figures(printed)[:5], figures(printed)[5:]
    objects = ["contacts", "contact_tags", "contact_lists", "accounts", "events"]
    assert [(one["object"], one["unchanged"], one["rejected"]) for one in first] == [(one, "0", "0") for one in objects]
    assert [one["object"] for one in again] == objects
    assert [one["unchanged"] for one in again[:-1]] == [one["rows"] for one in first[:-1]]
    assert {(one["rows"], one["created"], one["appended"]) for one in (first[-1], again[-1])} == {("15", "0", "15")}
    assert printed.count("Nothing changed but for 15 events: an event is appended each time it is sent,") == 1
    assert "Nothing changed: " not in printed
    assert "columns that are left out" not in printed

    command = re.search(r"^make activate OBJECT=contact_tags QUERY=\"(.+)\"$", printed, re.MULTILINE)
    assert command, printed
    assert counts(project.activate(command[1], kind="contact_tags"))["rows"] == 20, "the command that is shown works"


def test_a_bad_row_is_counted_and_kept_and_the_others_are_written(project: Project) -> None:
    file = project.file("customers.csv", "email,plan,size", "ann@example.com,gold,S", "eve-at-example,gold,S")
    printed = project.activate(f"SELECT email, plan, size FROM '{file}'")  # noqa: S608
    assert counts(printed) == {"rows": 2, "created": 1, "rejected": 1}
    assert "columns that are left out, as no field has their name: plan. " in printed
    found = re.search(r"^1 row of contacts rejected, which are with their reasons in (.+):$", printed, re.MULTILINE)
    assert found, printed
    assert "  1 email_invalid: The email address is none that ActiveCampaign takes." in printed
    assert "eve-at-example" not in printed
    [kept] = [json.loads(line) for line in (ROOT / found[1]).read_text().splitlines()]
    assert (kept["code"], kept["row"]["email"]) == ("email_invalid", "eve-at-example")
    assert project.values("ann@example.com") == {"SIZE": "S"}


def test_a_sync_that_fails_on_rejected_rows_is_no_success(project: Project) -> None:
    project.config = {"on_rejected": "fail", "rejected_records": str(project.folder / "mine")}
    printed = project.activate("SELECT unnest(['ann@example.com', 'x']) AS email", status=1)
    assert "1 of 2 rows could not be written; they stand in " in printed
    assert "did not finish" in printed
    assert len((project.folder / "mine" / "rejected.jsonl").read_text().splitlines()) == 1
    assert project.contact("ann@example.com")


def test_modes_are_those_of_the_destination(project: Project) -> None:
    project.account.insert("contacts", email="old@example.com", firstName="Old")
    both = "SELECT unnest(['old@example.com', 'new@example.com']) AS email, 'Young' AS first_name"
    assert counts(project.activate(both, mode="update")) == {"rows": 2, "updated": 1, "skipped": 1}
    assert project.contact("old@example.com")["firstName"] == "Young"
    assert counts(project.activate(both, mode="insert")) == {"rows": 2, "created": 1, "rejected": 1}
    printed = project.activate(both, mode="delete")
    assert counts(printed) == {"rows": 2, "rejected": 2}
    assert "2 deletion_refused: The stream deletes, which the connection does not allow" in printed
    # What the configuration says about the stream is kept.
    project.config = {
        "deletions": "delete",
        "streams": [{"stream": "contacts", "columns": [{"column": "e", "field": "email"}]}],
    }
    project.activate("SELECT 'new@example.com' AS e", mode="delete")
    assert [one for one in project.account.rows("contacts") if one["email"] == "new@example.com"] == []


@pytest.mark.parametrize(
    ("query", "asked", "sentence"),
    [
        ("SELEC 1", {}, 'The query failed: Parser Error: syntax error at or near "SELEC".'),
        ("SELECT plan FROM (SELECT 1 AS email)", {}, 'Referenced column "plan" not found in FROM clause! Candidate'),
        ("FROM 'nowhere.csv'", {}, 'IO Error: No files found that match the pattern "nowhere.csv".'),
        (
            "SELECT CASE WHEN i = 2500 THEN error('too much') ELSE 'a@example.com' END AS email FROM range(3000) t(i)",
            {},
            "The query failed: Invalid Input Error: too much.",
        ),
        (
            "SELECT error('at \"host=h password=''o p'' dbname=x\", postgres://me:sw0rd@h/x, Password = pa:ss;') AS a",
            {},
            'at "host=h password=*** dbname=x", postgres://me:***@h/x, Password = ***;.',
        ),
        ("SELECT 1 AS a, 2 AS a", {}, "QUERY has two columns that are called a: give one of them another name"),
        ("CREATE TABLE t (i INT)", {}, "QUERY has to end with a SELECT, whose rows are written."),
        ("", {"kind": ""}, "QUERY has to say which rows are written into the account: make activate QUERY="),
        ("", {}, "QUERY has to say which rows are written: make activate QUERY="),
        ("SELECT 1", {"kind": ""}, "OBJECT has to say what the rows of QUERY are: make activate QUERY="),
        (
            "SELECT 1",
            {"mode": "overwrite"},
            "There is no MODE overwrite. The modes are: upsert, update, insert, delete.",
        ),
        ("SELECT 1", {"kind": "people"}, "which is no object of ActiveCampaign's. Name one for it under Streams in "),
        ("SELECT 1", {"kind": "contact_tags", "mode": "insert"}, "in the mode insert, which they do not have: choose "),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(
    project: Project, query: str, asked: dict[str, str], sentence: str
) -> None:
    printed = project.activate(query, status=1, **asked)
    assert sentence in printed
    assert "acknowledged" not in printed
    assert project.emulator.requests == []


def test_a_wrong_key_is_answered_with_a_sentence(project: Project) -> None:
    project.config = {"api_key": "no-key-of-this-account"}
    printed = project.activate("SELECT 'ann@example.com' AS email", status=1)
    assert "ActiveCampaign did not accept the API key. Copy the API key from" in printed
    assert "no-key-of-this-account" not in printed


def test_no_rows_are_nothing_to_write(project: Project) -> None:
    assert "The query has no rows" in project.activate("SELECT 'ann@example.com' AS email WHERE false")
    assert project.emulator.requests == []


@pytest.mark.parametrize("place", ["environment", "command line"])
def test_no_shell_and_no_make_reads_the_query(project: Project, place: str) -> None:
    name = f"$(shell touch {project.folder}/by_make) `touch {project.folder}/by_shell` $HOME \"'"
    query = f"SELECT 'ann@example.com' AS email, $${name}$$ AS first_name"
    if place == "environment":
        project.activate(query)
    else:
        project.activate("", f"QUERY={query}", "OBJECT=contacts", kind="")
    assert project.contact("ann@example.com")["firstName"] == name
    assert not list(project.folder.glob("by_*"))


def test_the_duckdb_file_of_make_sync_can_be_queried_and_not_changed(project: Project) -> None:
    file = project.folder / "activecampaign.duckdb"
    made = "CREATE TABLE contacts AS SELECT 'ann@example.com' AS email, 'Ann' AS firstname, 7 AS id"
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.argv[2])"
    subprocess.run([PYTHON, "-c", code, file, made], check=True)
    printed = project.activate("FROM activecampaign.contacts", DUCKDB=str(file))
    assert counts(printed) == {"rows": 1, "created": 1}
    assert project.contact("ann@example.com")["firstName"] == "Ann"
    printed = project.activate("DELETE FROM activecampaign.contacts; SELECT 1", status=1, DUCKDB=str(file))
    assert "attached in read-only mode" in printed


@pytest.fixture
def postgres() -> Iterator[tuple[str, str]]:
    """A PostgreSQL server of the test's own: how DuckDB attaches its database as `shop`, and what psql is started by.

    None is a reason to skip, except in CI.
    """
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), Path(shutil.which("pg_ctl") or "none").parent]
    extensions = list(
        (ROOT / ".venv-sync").glob("lib/*/site-packages/duckdb_extension_postgres_scanner/**/*_extension")
    )
    if not (found[0] / "pg_ctl").exists() or not extensions:
        reason = "no PostgreSQL is installed, or no extension of DuckDB for it (`make test` installs that)"
        if os.environ.get("CI", "").lower() in {"", "0", "false"}:
            pytest.skip(reason)
        pytest.fail(reason, pytrace=False)
    folder = Path(tempfile.mkdtemp())
    # It does not run as root.
    other: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}
    if other:
        shutil.chown(folder, other["user"])

    def run(program: str, *arguments: str) -> None:
        command = [found[0] / program, "-D", folder / "data", *arguments]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE, **other)

    try:
        run("initdb", "-A", "trust", "-U", "me", "--no-sync")
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", f"-k {folder} -c listen_addresses=", "start")
        try:
            address = f"host={folder} user=me dbname=postgres"
            yield f"LOAD '{extensions[0]}'; ATTACH '{address}' AS shop (TYPE postgres, READ_ONLY)", address
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def test_a_table_of_postgresql_is_written(project: Project, postgres: tuple[str, str]) -> None:
    attach, address = postgres
    table = """
        CREATE TABLE customers (email text, first_name varchar(20), phone numeric(20, 4), tags text[],
            next_appointment timestamptz);
        INSERT INTO customers VALUES ('ann@example.com', 'Ann', 3.5000, '{One,Two}', '2026-11-24 12:30:00+02'),
            ('ben@example.com', NULL, 10, NULL, NULL)
    """
    subprocess.run(["psql", address, "-c", table], check=True, capture_output=True, timeout=PATIENCE)
    assert counts(project.activate(f"{attach}; FROM shop.customers")) == {"rows": 2, "created": 2}
    assert project.contact("ann@example.com")["firstName"] == "Ann"
    assert project.contact("ann@example.com")["phone"] == "3.5"
    assert project.contact("ben@example.com")["phone"] == "10"
    assert project.tags("ann@example.com") == {"One", "Two"}
    assert project.values("ann@example.com").keys() == {"NEXT_APPOINTMENT"}
    assert counts(project.activate(f"{attach}; FROM shop.customers")) == {"rows": 2, "unchanged": 2}
    refused = project.activate(f"{attach}; DELETE FROM shop.customers; SELECT 1", status=1)  # noqa: S608
    assert "attached in read-only mode" in refused


@pytest.mark.parametrize("kind", ["parquet", "json", "duckdb"])
def test_other_files_are_written_as_a_csv_is(project: Project, kind: str) -> None:
    file = project.folder / f"customers.{kind}"
    rows = (
        "SELECT 'ann@example.com' AS email, 'Ann' AS first_name, 3.50::DECIMAL(9, 4) AS phone, ['One', 'Two'] AS tags"
    )
    made, query = f"COPY ({rows}) TO '{file}'", f"FROM '{file}'"
    if kind == "duckdb":
        made = f"ATTACH '{file}' AS shop; CREATE TABLE shop.customers AS {rows}"
        query = f"ATTACH '{file}' AS shop (READ_ONLY); FROM shop.customers"
    subprocess.run([PYTHON, "-c", "import duckdb, sys; duckdb.execute(sys.argv[1])", made], check=True)
    assert counts(project.activate(query)) == {"rows": 1, "created": 1}
    written = project.contact("ann@example.com")
    assert (written["firstName"], written["phone"]) == ("Ann", "3.5")
    assert project.tags("ann@example.com") == {"One", "Two"}


def processes_with(text: str) -> list[str]:
    """The command lines of running processes that have a text in them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [one for one in found if text in one]


def test_an_interrupt_ends_everything_and_the_same_again_completes_it(project: Project) -> None:
    project.emulator.settings.patch({"import_contacts_per_second": 200})
    query = "SELECT 'row' || i || '@example.com' AS email, 'Row' AS first_name FROM range(1500) t(i)"
    process = subprocess.Popen(
        ["make", "activate"], cwd=ROOT, env=project.environment(query), stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while len(project.emulator.writes) < 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # as a terminal does it: to make and the script
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    project.assert_nothing_odd(printed)
    said = re.search(
        r"Interrupted: ([\d,]+) of 1,500 rows are acknowledged as written, and further ones may be", printed
    )
    assert said, printed
    written = {one["email"] for one in project.account.rows("contacts") if one["email"].startswith("row")}
    assert int(said[1].replace(",", "")) <= len(written) < 1500
    assert processes_with(str(project.folder)) == []

    project.emulator.settings.patch({"import_contacts_per_second": 0})
    project.activate(query)
    emails = [one["email"] for one in project.account.rows("contacts") if one["email"].startswith("row")]
    assert sorted(emails) == sorted(f"row{number}@example.com" for number in range(1500))


def test_an_interrupt_ends_a_query_that_takes_long(project: Project) -> None:
    query = "SELECT sum(a.i * b.i) AS email FROM range(1000000) a(i), range(1000000) b(i)"
    process = subprocess.Popen(
        [PYTHON, "-u", "scripts/activate.py"],
        cwd=ROOT,
        env=project.environment(query),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline().startswith("Writing into ")
    used = Path(f"/proc/{process.pid}/stat")
    deadline = time.monotonic() + PATIENCE
    # ticks of the processor, of which only the query takes as many
    while sum(map(int, used.read_text().split()[13:15])) < 100:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "Interrupted.\n"
    assert process.returncode == 130
    assert project.emulator.requests == []


def test_a_terminal_shows_how_far_it_is(project: Project) -> None:
    ours, theirs = pty.openpty()
    query = "SELECT 'row' || i || '@example.com' AS email FROM range(20) t(i)"
    process = subprocess.Popen(
        [PYTHON, "scripts/activate.py"], cwd=ROOT, env={**project.environment(query), "TERM": "xterm"}, stdout=theirs
    )
    os.close(theirs)
    shown = b"".join(chunks_of(ours))
    assert process.wait(PATIENCE) == 0
    assert b"Running the query: " in shown
    assert re.search(rb"Writing contacts: \d+ of 20 rows(, \d+ per second| after \d+ s)", shown), shown
    assert b"\x1b" in shown


def chunks_of(fd: int) -> Iterator[bytes]:
    """What comes from a terminal until nobody has it open any more."""
    while True:
        try:
            chunk = os.read(fd, 65_536)
        except OSError:
            return
        if not chunk:
            return
        yield chunk
