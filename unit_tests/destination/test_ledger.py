"""A state goes back once, in order, when every row before it is settled, and says how many rows it stands for."""

import json
import random
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_activecampaign.ledger import Ledger
from destination_activecampaign.messages import State, read

PEOPLE, ORDERS = ("people", None), ("orders", None)


def stream_state(name: str, **content: Any) -> State:
    described = {"stream_descriptor": {"name": name}, "stream_state": content}
    return state({"type": "STREAM", "stream": described})


def global_state(**content: Any) -> State:
    return state({"type": "GLOBAL", "global": {"shared_state": content, "stream_states": []}})


def state(content: Any) -> State:
    found = read(json.dumps({"type": "STATE", "state": content}).encode())
    assert isinstance(found, State)
    return found


class Echoed(list[str]):
    """The lines that went back, and a ledger that echoes into it."""

    def ledger(self, **settings: Any) -> Ledger:
        return Ledger(self.append, [PEOPLE, ORDERS], **{"stops_at_rejected": False, **settings})

    @property
    def stats(self) -> list[tuple[float, float]]:
        found = [json.loads(line)["state"]["destinationStats"] for line in self]
        return [(one["recordCount"], one["rejectedRecordCount"]) for one in found]


@pytest.fixture
def echoed() -> Echoed:
    return Echoed()


def test_a_state_waits_for_the_rows_before_it_and_for_no_other(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    first = ledger.take(PEOPLE)
    ledger.hold(stream_state("people"))
    second = ledger.take(PEOPLE)
    ledger.settle(PEOPLE, second)
    assert echoed == []
    ledger.settle(PEOPLE, first)
    assert echoed.stats == [(1.0, 0.0)]


def test_a_state_of_a_stream_without_rows_goes_back_at_once(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    ledger.take(ORDERS)
    ledger.hold(stream_state("people"))
    assert echoed.stats == [(0.0, 0.0)]


def test_a_state_of_a_stream_does_not_wait_for_rows_of_another(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    ledger.take(ORDERS)
    ledger.settle(PEOPLE, ledger.take(PEOPLE))
    ledger.hold(stream_state("people"))
    assert echoed.stats == [(1.0, 0.0)]


def test_states_go_back_in_the_order_in_which_they_came(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    person, order = ledger.take(PEOPLE), ledger.take(ORDERS)
    ledger.hold(stream_state("people", at=1))
    ledger.hold(stream_state("orders", at=2))
    ledger.settle(ORDERS, order)
    assert echoed == []
    ledger.settle(PEOPLE, person)
    assert [json.loads(line)["state"]["stream"]["stream_state"] for line in echoed] == [{"at": 1}, {"at": 2}]


def test_a_global_state_waits_for_every_stream_and_counts_all(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    person, order = ledger.take(PEOPLE), ledger.take(ORDERS)
    ledger.hold(global_state())
    ledger.settle(PEOPLE, person, rejected=True)
    assert echoed == []
    ledger.settle(ORDERS, order)
    assert echoed.stats == [(2.0, 1.0)]


def test_each_row_is_counted_in_one_state(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    for number in range(5):
        ledger.settle(PEOPLE, ledger.take(PEOPLE), rejected=number in (0, 3, 4))
        if number in (1, 4):
            ledger.hold(stream_state("people"))
    ledger.hold(stream_state("people"))
    assert echoed.stats == [(2.0, 1.0), (3.0, 2.0), (0.0, 0.0)]


def test_rows_that_no_state_is_about_are_counted_once_in_the_next_one(echoed: Echoed) -> None:
    ledger = echoed.ledger()

    def stray(name: str) -> None:
        ledger.settle((name, None), ledger.take((name, None)), rejected=True)

    stray("")
    person = ledger.take(PEOPLE)
    ledger.hold(stream_state("people"))
    stray("")
    stray("strange")
    ledger.hold(stream_state("orders"))
    stray("strange")
    ledger.hold(stream_state("strange"))
    stray("")
    ledger.hold(global_state())
    ledger.settle(PEOPLE, person)
    ledger.hold(stream_state("people"))
    assert echoed.stats == [(2.0, 1.0), (2.0, 2.0), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0)]


def test_a_row_rejected_early_counts_for_its_own_state(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    first = ledger.take(PEOPLE)
    ledger.hold(stream_state("people"))
    second = ledger.take(PEOPLE)
    ledger.hold(stream_state("people"))
    third = ledger.take(PEOPLE)
    ledger.settle(PEOPLE, third, rejected=True)
    ledger.settle(PEOPLE, second, rejected=True)
    ledger.settle(PEOPLE, first)
    ledger.hold(stream_state("people"))
    assert echoed.stats == [(1.0, 0.0), (1.0, 1.0), (1.0, 1.0)]


def test_a_state_of_unknown_shape_goes_back_byte_for_byte_after_all_rows(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    person = ledger.take(PEOPLE)
    odd = '{ "type":"STATE", "state":{"type":"ODD","n":1.50} }'
    found = read(odd.encode())
    assert isinstance(found, State)
    ledger.hold(found)
    assert echoed == []
    ledger.settle(PEOPLE, person)
    assert echoed == [odd]
    ledger.settle(PEOPLE, ledger.take(PEOPLE), rejected=True)
    ledger.hold(stream_state("people"))
    assert json.loads(echoed[1])["state"]["destinationStats"] == {"recordCount": 2.0, "rejectedRecordCount": 1.0}


def test_behind_a_rejected_row_no_state_goes_back_where_that_is_to_fail(echoed: Echoed) -> None:
    ledger = echoed.ledger(stops_at_rejected=True)
    ledger.settle(PEOPLE, ledger.take(PEOPLE))
    bad = ledger.take(PEOPLE)
    order = ledger.take(ORDERS)
    ledger.hold(stream_state("orders"))
    ledger.settle(PEOPLE, bad, rejected=True)
    ledger.settle(ORDERS, order)
    ledger.hold(stream_state("people"))
    assert echoed == []
    assert ledger.waited(0.0) is None


def test_before_a_rejected_row_states_go_back_where_that_is_to_fail(echoed: Echoed) -> None:
    ledger = echoed.ledger(stops_at_rejected=True)
    good = ledger.take(PEOPLE)
    ledger.hold(stream_state("people"))
    bad = ledger.take(PEOPLE)
    ledger.settle(PEOPLE, bad, rejected=True)
    ledger.settle(PEOPLE, good)
    assert echoed.stats == [(1.0, 0.0)]


def test_rejected_rows_are_safe_before_a_state_goes_back() -> None:
    happened: list[str] = []
    ledger = Ledger(
        lambda _: happened.append("echo"), [PEOPLE], stops_at_rejected=False, keep=lambda: happened.append("keep")
    )
    row = ledger.take(PEOPLE)
    ledger.hold(stream_state("people"))
    ledger.settle(PEOPLE, row, rejected=True)
    assert happened == ["keep", "echo"]


def test_what_cannot_be_kept_is_not_acknowledged(echoed: Echoed) -> None:
    def full() -> None:
        raise OSError("No space left on device")

    ledger = echoed.ledger(keep=full)
    row = ledger.take(PEOPLE)
    ledger.hold(stream_state("people"))
    with pytest.raises(OSError, match="No space"):
        ledger.settle(PEOPLE, row, rejected=True)
    assert echoed == []


def test_after_the_end_nothing_goes_back(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    row = ledger.take(PEOPLE)
    ledger.hold(stream_state("people"))
    ledger.stop()
    ledger.settle(PEOPLE, row)
    assert echoed == []


def test_a_row_is_settled_once(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    row = ledger.take(PEOPLE)
    ledger.settle(PEOPLE, row)
    with pytest.raises(KeyError):
        ledger.settle(PEOPLE, row)


def test_it_tells_how_long_the_first_state_waits(echoed: Echoed) -> None:
    now = 100.0
    ledger = echoed.ledger(clock=lambda: now)
    assert ledger.waited(0.0) is None
    row = ledger.take(PEOPLE)
    ledger.hold(stream_state("people"))
    now = 107.0
    ledger.take(PEOPLE)
    ledger.hold(stream_state("people"))
    assert ledger.waited(0.0) == 7.0
    # The first one is being seen to already.
    assert ledger.waited(101.0) == 0.0
    ledger.settle(PEOPLE, row)
    assert ledger.waited(0.0) == 0.0
    assert ledger.waited(108.0) is None


def test_of_many_rows_before_one_state_only_those_in_hand_take_memory(echoed: Echoed) -> None:
    ledger = echoed.ledger()
    order, in_hand = random.Random(7), []
    tracemalloc.start()
    try:
        for _ in range(200_000):
            in_hand.append(ledger.take(PEOPLE))
            if len(in_hand) > 2000:
                # The first row stays in hand for as long as possible.
                ledger.settle(PEOPLE, in_hand.pop(order.randrange(1, len(in_hand))))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # All of them would take 14 MB; other threads of the process may have taken some, too.
    assert most < 5_000_000
    ledger.hold(stream_state("people"))
    assert echoed == []
    while in_hand:
        ledger.settle(PEOPLE, in_hand.pop())
    assert echoed.stats == [(200_000.0, 0.0)]


@given(st.lists(st.sampled_from(["p", "o", "P", "O", "G", "?"]), max_size=30), st.randoms(use_true_random=False))
def test_whatever_order_rows_are_settled_in_states_cover_what_is_done(events: list[str], chance: random.Random) -> None:
    """Small letters are rows, capitals states; rows are settled at any time after they came."""
    echoed = Echoed()
    ledger = echoed.ledger()
    open_rows: list[tuple[tuple[str, None], int]] = []
    came: dict[str, set[tuple[tuple[str, None], int]]] = {}
    done: set[tuple[tuple[str, None], int]] = set()
    rows: set[tuple[tuple[str, None], int]] = set()

    def settle_one() -> None:
        row = open_rows.pop(chance.randrange(len(open_rows)))
        done.add(row)
        before = len(echoed)
        ledger.settle(*row)
        for line in echoed[before:]:
            at = json.loads(line)["state"]["at"]
            assert came[at] <= done

    for number, event in enumerate(events):
        while open_rows and chance.random() < 0.4:
            settle_one()
        if event in "po":
            stream = PEOPLE if event == "p" else ORDERS
            open_rows.append((stream, ledger.take(stream)))
            rows.add(open_rows[-1])
            continue
        name = {"P": PEOPLE, "O": ORDERS}.get(event)
        came[str(number)] = {row for row in rows if name is None or row[0] == name}
        content: dict[str, Any] = {"at": str(number), "type": "ODD" if event == "?" else "STREAM" if name else "GLOBAL"}
        if name:
            content["stream"] = {"stream_descriptor": {"name": name[0]}}
        elif event == "G":
            content["global"] = {}
        ledger.hold(state(content))
    while open_rows:
        settle_one()
    assert [json.loads(line)["state"]["at"] for line in echoed] == list(came)
    assert ledger.open_rows() == 0
