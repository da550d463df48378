"""The writers of a sync as one."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from activecampaign_client.account import Account
from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.config import Config
from destination_activecampaign.directory import Directory
from destination_activecampaign.writer import Row
from destination_activecampaign.writers import Family, Writers

COMPANIES, PEOPLE, VISITS = (
    Target(name, None, name, Mode.UPSERT, ("id",)) for name in ("companies", "people", "visits")
)


class Noted:
    """A writer that notes what is done to it, as `companies flush`."""

    def __init__(self, name: str, notes: list[str], write_earlier: Callable[[], None], fails: bool) -> None:
        self._name, self._notes, self._write_earlier, self._fails = name, notes, write_earlier, fails

    def take(self, target: Target, row: Row) -> None:
        self._notes.append(f"{self._name} take {row.data['id']}")

    def flush(self) -> None:
        self._write_earlier()
        self._notes.append(f"{self._name} flush")

    def close(self) -> None:
        self._notes.append(f"{self._name} close")
        if self._fails:
            raise RuntimeError(self._name)


def writers(notes: list[str], *targets: Target, failing: str = "") -> Writers:
    def family(name: str) -> Family:
        def make(
            mine: Sequence[Target],
            account: Account,
            config: Config,
            settle: Any,
            directory: Directory,
            write_earlier: Callable[[], None],
        ) -> Noted:
            assert {target.object for target in mine} == {name}
            return Noted(name, notes, write_earlier, name == failing)

        return Family(name.__eq__, make)

    url = "https://acme.api-us1.com"
    account = Account(url, "key", 5)
    families = [family(name) for name in ("companies", "people", "visits")]
    return Writers(families, targets, account, Config(url, "key"), lambda *_: None, Directory(account))


def test_given_rows_of_several_families_when_taken_then_each_goes_to_its_own_writer() -> None:
    notes: list[str] = []
    both = writers(notes, PEOPLE, COMPANIES)
    for target, identifier in ((PEOPLE, 1), (COMPANIES, 2), (PEOPLE, 3)):
        both.take(target, Row(0, {"id": identifier}))
    assert notes == ["people take 1", "companies take 2", "people take 3"]


def test_given_families_when_one_looks_at_its_rows_then_those_that_it_may_name_are_written_first() -> None:
    notes: list[str] = []
    writers(notes, VISITS, PEOPLE, COMPANIES).flush()
    assert notes[-1] == "visits flush"
    assert notes.index("companies flush") < notes.index("people flush")
    # Those that nobody writes to have no writer.
    notes.clear()
    writers(notes, VISITS, COMPANIES).flush()
    assert set(notes) == {"companies flush", "visits flush"}


def test_given_a_writer_that_fails_to_close_when_closed_then_the_others_are_closed_too() -> None:
    notes: list[str] = []
    with pytest.raises(RuntimeError, match="people"):
        writers(notes, COMPANIES, PEOPLE, VISITS, failing="people").close()
    assert set(notes) == {"companies close", "people close", "visits close"}
