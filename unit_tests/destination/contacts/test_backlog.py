"""What the importer has in hand when a sync begins is waited for, but not for ever."""

from typing import Any

import pytest

from activecampaign_client.account import Account
from destination_activecampaign.contacts.backlog import LONGEST_STANDSTILL, Backlog
from unit_tests.client.transport import ROOT, Transport
from unit_tests.client.virtual_time import VirtualTime


def days(*batches: int) -> list[dict[str, str]]:
    return [{"forDate": f"2026-10-{day:02}", "batches": str(one)} for day, one in enumerate(batches, 1)]


def waited(*said: tuple[int, Any], longest: float = 600.0) -> tuple[float, int]:
    """The seconds for which it was waited, and how often it was asked; the last answer is repeated."""
    time, left = VirtualTime(), list(said)
    account = Account(ROOT, "key", 1000, clock=time, sleep=time.sleep)
    transport = Transport(account, time, lambda moment, path: left.pop(0) if len(left) > 1 else left[0])
    time.run(Backlog(account, longest=longest, wait=time.sleep, clock=time).wait_until_done)
    assert set(transport.paths()) == {"import/bulk_import"}
    return time(), len(transport.requests)


def report(outstanding: Any, done: Any) -> tuple[int, Any]:
    return 200, {"outstanding": outstanding, "recentlyCompleted": done}


@pytest.mark.parametrize(
    "said",
    [
        report([], days(17)),
        report(days(0), days(3)),
        report(None, None),
        report({"batches": "3"}, []),
        (200, []),
        (404, {"message": "Not Found"}),
    ],
)
def test_nothing_in_hand_or_nothing_that_can_be_understood_is_not_waited_for(said: tuple[int, Any]) -> None:
    assert waited(said) == (0.0, 1)


def test_it_waits_until_nothing_is_left() -> None:
    seconds, asked = waited(report(days(2, 1), []), report(days(1), []), report([], days(9)))
    assert (seconds, asked) == (pytest.approx(1.5, abs=0.1), 3)


def test_others_that_go_on_importing_are_not_waited_for() -> None:
    # Two were in hand: when two more are done than were, those may be done.
    busy = [report(days(2), days(10, 5)), report(days(4), days(10, 6)), report(days(3), days(10, 7))]
    assert waited(*busy)[1] == 3


def test_what_does_not_move_is_not_waited_for_any_longer() -> None:
    seconds, _ = waited(report(days(1), days(5)))
    assert LONGEST_STANDSTILL <= seconds < LONGEST_STANDSTILL + 10
    assert waited(report(days(1), days(5)), longest=3.0)[0] < 10


def test_what_moves_without_an_end_is_not_waited_for_longer_than_a_batch() -> None:
    falling = [report(days(100_000 - one), []) for one in range(1000)]
    assert 600 <= waited(*falling)[0] < 620


def test_a_key_that_may_not_ask_goes_on_without() -> None:
    assert waited((403, {"message": "Forbidden"}))[1] == 3
