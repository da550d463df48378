"""The API key in nothing that the destination prints or keeps, of a server that repeats it everywhere."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration_tests.destination.connector import FAKE, Destination, configured, record, state
from integration_tests.source.test_secrets import FORMS, KEY, PASTED, found_in, repeating
from unit_tests.servers import answering, server

Configure = Callable[..., Destination]


@pytest.fixture
def repeater() -> Iterator[str]:
    with server(repeating) as (url, _):
        yield url


def test_check_and_discover_do_not_print_it(configure: Configure, repeater: str) -> None:
    destination = configure(api_url=repeater, api_key=PASTED)
    check, discovered = destination.check(), destination.discover()
    assert "Odd ****" in check.text
    assert check.connection["status"] == "FAILED"
    assert found_in(check.text + discovered.text) == []


def test_a_write_does_neither_print_nor_keep_it(configure: Configure, tmp_path: Path) -> None:
    of_the_key = FORMS[: len(FORMS) // 2]  # the others are of what was pasted around it
    rows = [record(email=form, do="reject") for form in of_the_key]
    with server(answering(200, '{"user": {"id": "1"}}')) as (url, _):
        destination = configure(api_url=url, api_key=PASTED, rejected_records=str(tmp_path / "rejected"))
        done = destination.write(configured("contacts"), [*rows, record(do=f"raise {FORMS}"), state()], FAKE)
    kept = (tmp_path / "rejected" / "rejected.jsonl").read_text()
    assert len(kept.splitlines()) == len(rows)
    assert done.exit_code == 1
    assert [error["failure_type"] for error in done.errors_traced] == ["system_error"]
    assert "raise ['****'" in done.text
    assert found_in(done.text + kept) == []


def test_a_wrong_configuration_does_not_print_it(configure: Configure) -> None:
    done = configure(api_key={"key": KEY}, tracking={"actid": KEY, "event_key": f"{KEY} {KEY}"}).check()
    assert done.connection["status"] == "FAILED"
    assert found_in(done.text) == []
    assert json.dumps(KEY)[1:-1] not in done.text
