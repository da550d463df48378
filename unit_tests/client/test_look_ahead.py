"""What is requested ahead: in order, never too much, and cancelled when nobody wants it any more."""

import doctest
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import look_ahead
from activecampaign_client.look_ahead import LookAhead
from unit_tests.client.executors import AtLast, AtOnce, OnlyFirst


def test_the_examples_are_true():
    failed, tried = doctest.testmod(look_ahead)
    assert failed == 0
    assert tried > 0


def test_given_answers_that_come_in_reverse_when_taken_then_in_the_order_of_the_requests():
    answered = {place: threading.Event() for place in "abc"}
    order = []

    def send(place: str) -> str:
        later = {"a": "b", "b": "c"}.get(place)
        assert later is None or answered[later].wait(10)
        order.append(place)
        answered[place].set()
        return place.upper()

    places = iter("abc")
    with ThreadPoolExecutor(3) as executor, LookAhead(send, executor) as ahead:
        assert [ahead.next_answer(places, window=3) for _ in range(3)] == [("a", "A"), ("b", "B"), ("c", "C")]
    assert order == ["c", "b", "a"]


class Counting(AtLast):
    submitted = 0

    def submit(self, work, /, *args, **kwargs):
        self.submitted += 1
        return super().submit(work, *args, **kwargs)


@given(windows=st.lists(st.integers(1, 6), max_size=30), count=st.integers(0, 40))
def test_given_any_windows_when_answers_are_taken_then_as_much_is_under_way_as_allowed_and_no_more(windows, count):
    executor, sent = Counting(), []
    places = iter(range(count))

    def send(place: int) -> int:
        sent.append(place)
        return -place

    with LookAhead(send, executor) as ahead:
        for taken, window in enumerate(windows[:count]):
            under_way_before = executor.submitted - taken
            assert ahead.next_answer(places, window) == (taken, -taken)
            # A window that has become narrower takes nothing back.
            assert executor.submitted - taken == min(count - taken, max(window, under_way_before))
    assert sent == list(range(len(windows[:count])))


def test_given_room_for_one_when_answers_are_taken_then_one_request_after_the_other():
    sent = []
    places = iter("abc")
    with LookAhead(sent.append, AtOnce()) as ahead:
        for number in (1, 2, 3):
            ahead.next_answer(places, window=1)
            assert len(sent) == number


def test_given_a_window_that_is_full_when_an_answer_is_taken_then_no_more_places_are():
    places = iter("abcd")
    with LookAhead(str.upper, AtOnce()) as ahead:
        ahead.next_answer(places, window=3)
        assert next(places) == "d"


def test_given_several_places_when_an_answer_is_taken_then_each_is_requested_before_the_next_is_looked_at():
    executor = OnlyFirst(1)

    def places() -> Iterator[str]:
        yield "a"
        assert len(executor.futures) == 1
        yield "b"
        assert len(executor.futures) == 2

    with LookAhead(str.upper, executor) as ahead:
        assert ahead.next_answer(places(), window=5) == ("a", "A")
    assert len(executor.futures) == 2


def test_given_no_more_places_when_answers_are_taken_then_those_that_were_requested_and_then_an_error():
    with LookAhead(str.upper, AtOnce()) as ahead:
        assert ahead.next_answer("ab", window=5) == ("a", "A")
        assert ahead.next_answer("", window=5) == ("b", "B")
        with pytest.raises(IndexError):
            ahead.next_answer("", window=5)


def test_given_a_request_that_fails_when_answers_are_taken_then_the_error_comes_at_its_turn():
    def send(place: str) -> str:
        if place == "c":
            raise OSError("c is down")
        return place.upper()

    executor = OnlyFirst(3)
    places = iter("abcde")
    with LookAhead(send, executor) as ahead:
        assert ahead.next_answer(places, window=5) == ("a", "A")
        assert executor.futures[2].exception() is not None
        assert ahead.next_answer(places, window=5) == ("b", "B")
        with pytest.raises(OSError, match="c is down"):
            ahead.next_answer(places, window=5)
    assert executor.cancelled == [False, False, False, True, True]


def test_given_requests_ahead_when_forgotten_then_they_are_cancelled_and_others_take_their_place():
    executor = OnlyFirst(1)
    with LookAhead(str.upper, executor) as ahead:
        ahead.next_answer("abc", window=3)
        ahead.forget()
        assert executor.cancelled == [False, True, True]
        executor.number = 4
        assert ahead.next_answer("x", window=1) == ("x", "X")


def test_given_requests_ahead_when_closed_then_they_are_cancelled():
    executor = OnlyFirst(1)
    with LookAhead(str.upper, executor) as ahead:
        ahead.next_answer("abc", window=3)
        assert executor.cancelled == [False, False, False]
    assert executor.cancelled == [False, True, True]


def test_given_requests_ahead_when_the_consumer_fails_then_they_are_cancelled():
    executor = OnlyFirst(1)

    def consume() -> None:
        with LookAhead(str.upper, executor) as ahead:
            ahead.next_answer("abc", window=3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        consume()
    assert executor.cancelled == [False, True, True]


def test_given_a_generator_of_answers_when_its_consumer_stops_early_then_the_rest_is_cancelled():
    executor = OnlyFirst(1)

    def answers() -> Iterator[tuple[str, str]]:
        with LookAhead(str.upper, executor) as ahead:
            while True:
                yield ahead.next_answer("abc", window=3)

    generator = answers()
    assert next(generator) == ("a", "A")
    generator.close()
    assert executor.cancelled == [False, True, True]


def test_when_answers_are_taken_then_only_send_is_called_in_other_threads():
    threads = []

    def send(place: str) -> None:
        threads.append(threading.get_ident())

    def places() -> Iterator[str]:
        for place in "abc":
            assert threading.get_ident() == here
            yield place

    here = threading.get_ident()
    with ThreadPoolExecutor() as executor, LookAhead(send, executor) as ahead:
        ahead.next_answer(places(), window=3)
    assert threads
    assert here not in threads
