"""Reading a listing: complete, whatever the server claims, whatever happens meanwhile, and whenever answers come."""

import doctest
import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import listing as module
from activecampaign_client.errors import ApiError, UnstableOrder
from activecampaign_client.listing import LOOK_AHEAD, Listing, Page
from unit_tests.client.executors import AtLast, AtOnce, OnlyFirst

Send = Callable[[int, bool], Page]


def tags(count: int) -> list[dict[str, str]]:
    return [{"id": str(number), "tag": f"tag {number}"} for number in range(count)]


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def listing_of(send: Send, page_size: int, executor: Executor, **options: Any) -> Listing[Page]:
    return Listing("tags", send, lambda answer: answer, lambda row: row["id"], page_size, executor, **options)


def ids(listing: Listing[Page]) -> list[Any]:
    return [row["id"] for page in listing.pages() for row in page.rows]


class Account:
    """An account at rest, and what it was asked for."""

    def __init__(self, count: int, total: int | None = None, most_at_once: int = 100) -> None:
        self.rows = tags(count)
        self.asked: list[int] = []
        self.uncached: list[int] = []
        self._total = total
        self._most_at_once = most_at_once

    def send(self, offset: int, uncached: bool) -> Page:
        assert len(self.asked) < 1000, "a loop"
        self.asked.append(offset)
        if uncached:
            self.uncached.append(offset)
        return Page(self.rows[offset : offset + self._most_at_once], {}, self._total)


def test_the_examples_are_true():
    failed, tried = doctest.testmod(module)
    assert failed == 0
    assert tried > 0


# ---- each row once, whatever the server claims and whatever happens meanwhile


@pytest.mark.parametrize("executor", [AtOnce(), AtLast()], ids=["early", "late"])
@pytest.mark.parametrize("count", [0, 2, 9, 10, 11, 19, 20, 25, 123])
@pytest.mark.parametrize("total", ["right", None, 1, 7, 500, 0])
def test_each_row_comes_once_whatever_the_total(executor, count, total):
    account = tags(count)
    claimed = count if total == "right" else total

    def send(offset: int, uncached: bool) -> Page:
        return Page(account[offset : offset + 10], {}, claimed)

    assert ids(listing_of(send, 10, executor)) == names(count)


CHANGES = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["delete", "insert", "append"]), st.integers(0, 200)), max_size=6
)


@pytest.mark.parametrize("executor", [AtOnce(), AtLast()], ids=["early", "late"])
@given(
    count=st.integers(0, 60),
    clamp=st.sampled_from([10, 10, 4]),
    total=st.sampled_from(["right", "right", "none", "large"]),
    changes=CHANGES,
)
def test_no_row_that_was_there_throughout_is_missed(executor, count, clamp, total, changes):
    listed = list(range(count))
    there_throughout = set(listed)
    requests = []
    if total == "none":
        clamp = 10  # a short page without a total is the last one

    def send(offset: int, uncached: bool) -> Page:
        found = [{"id": str(number)} for number in listed[offset : offset + clamp]]
        claimed = {"right": len(listed), "none": None, "large": len(listed) + 35}[total]
        # No two rows of a listing have one key, so each change inserts a row of its own.
        for new_row, (when, what, where) in enumerate(changes, 1000):
            if when != len(requests):
                continue
            if what == "delete" and listed:
                there_throughout.discard(listed.pop(where % len(listed)))
            elif what == "insert":
                listed.insert(where % (len(listed) + 1), new_row)
            elif what == "append":
                listed.append(new_row)
        requests.append(offset)
        assert len(requests) < 500, "a loop"
        return Page(found, {}, claimed)

    try:
        found = [int(row) for row in ids(listing_of(send, 10, executor))]
    except ApiError:
        # Rows that move by a whole page look like an ignored offset or an unstable order; a few do not, but where a
        # handful are all there is.
        assert len(changes) > 2 or count < 4, "a listing that hardly changes is read without an error"
        return
    assert there_throughout <= set(found)
    if not changes:
        assert found == listed


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("when", [3, 20])
@pytest.mark.parametrize("gone", [1, 99, 100, 350, 1000, 1900])
def test_no_row_is_missed_when_many_are_deleted_at_once(gone, when, shared):
    account, kept = [{"id": number} for number in range(5000)], {}
    there_throughout = {row["id"] for row in account[gone:]}
    requests = 0

    def send(offset: int, uncached: bool) -> Page:
        nonlocal requests
        requests += 1
        if requests == when:
            del account[:gone]
        if not shared or uncached or offset not in kept:
            kept[offset] = Page(account[offset : offset + 100], {}, len(account))
        return kept[offset]

    with ThreadPoolExecutor(1) as executor:
        found = set(ids(listing_of(send, 100, executor)))
    assert there_throughout <= found


def test_given_rows_deleted_when_read_then_only_the_steps_back_ask_the_server_itself():
    account = Account(50, most_at_once=10)

    def send(offset: int, uncached: bool) -> Page:
        if len(account.asked) == 3:
            del account.rows[:7]
        return account.send(offset, uncached)

    assert ids(listing_of(send, 10, AtLast())) == names(50)
    assert account.asked == [0, 9, 18, 27, 18, 36]
    assert account.uncached == [18]


# ---- no more requests than needed


@given(count=st.integers(0, 600), early=st.booleans())
def test_given_a_right_total_when_read_then_one_request_per_99_rows(count, early):
    account = Account(count, count)
    assert ids(listing_of(account.send, 100, AtOnce() if early else AtLast())) == names(count)
    # The first page has 100 rows, the others repeat one.
    assert len(account.asked) == 1 + max(0, count - 1) // 99


@given(count=st.integers(0, 600), most_at_once=st.integers(2, 99), early=st.booleans())
def test_given_a_server_that_gives_fewer_when_read_then_one_request_for_each_page_that_it_gives(
    count, most_at_once, early
):
    account = Account(count, count, most_at_once)
    assert ids(listing_of(account.send, 100, AtOnce() if early else AtLast())) == names(count)
    assert len(account.asked) == 1 + -(-max(0, count - most_at_once) // (most_at_once - 1))


@given(count=st.integers(100, 600), is_busy=st.booleans())
def test_given_no_total_when_read_then_what_lies_behind_the_end_is_limited(count, is_busy):
    account = Account(count, None)
    assert ids(listing_of(account.send, 100, AtOnce(), is_busy=lambda: is_busy)) == names(count)
    pages = 1 + (count - 1) // 99
    # With each page that came one more request is under way; on a busy budget it stays at one.
    assert len(account.asked) - pages == (0 if is_busy else pages - 1)


@pytest.mark.parametrize(("is_busy", "in_vain"), [(True, 1), (False, 16)])
def test_without_a_total_a_busy_budget_is_not_spent_behind_the_end(is_busy, in_vain):
    rows, asked = [{"id": number} for number in range(1990)], []

    def send(offset: int, uncached: bool) -> Page:
        asked.append(offset)
        return Page(rows[offset : offset + 100], {}, None)

    with ThreadPoolExecutor(32) as executor:
        listing = listing_of(send, 100, executor, is_busy=lambda: is_busy)
        assert [row for page in listing.pages() for row in page.rows] == rows
    behind = sum(offset >= len(rows) for offset in asked)
    assert behind <= in_vain
    assert is_busy or behind > 1


@pytest.mark.parametrize(("look_ahead", "size", "most"), [(1, 0, 1), (4, 0, 4), (16, 0, 16), (16, 5_000_000, 3)])
@pytest.mark.parametrize("total", [5000, None])
def test_given_a_look_ahead_when_read_then_so_many_requests_are_under_way_and_no_more(look_ahead, size, most, total):
    rows, asked = tags(5000), []

    def send(offset: int, uncached: bool) -> Page:
        asked.append(offset)
        return Page(rows[offset : offset + 100], {}, total, size)

    ahead = 0
    for number, _ in enumerate(listing_of(send, 100, AtOnce(), look_ahead=look_ahead).pages()):
        # One of those under way has just come.
        ahead = max(ahead, len(asked) - number)
    assert ahead == most
    assert look_ahead != LOOK_AHEAD or size or ahead == LOOK_AHEAD


def test_given_a_large_page_and_no_total_when_read_then_it_looks_farther_ahead_again_step_by_step():
    rows, asked, ahead = tags(5000), [], []

    def send(offset: int, uncached: bool) -> Page:
        asked.append(offset)
        return Page(rows[offset : offset + 100], {}, None, 20_000_000 if len(asked) == 10 else 0)

    for number, _ in enumerate(listing_of(send, 100, AtOnce()).pages()):
        ahead.append(len(asked) - number)
    assert ahead[:16] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 9, 8, 8, 9, 10, 11]


def test_large_pages_are_not_requested_as_far_ahead():
    rows = [{"id": number} for number in range(5000)]
    with ThreadPoolExecutor(32) as executor:

        def most_ahead(size: int) -> int:
            asked, most = [0], 0

            def send(offset: int, uncached: bool) -> Page:
                asked[0] += 1
                return Page(rows[offset : offset + 100], {}, len(rows), size)

            for read, _ in enumerate(listing_of(send, 100, executor).pages(), 1):
                most = max(most, asked[0] - read)
            return most

        assert most_ahead(200_000) > 10
        assert most_ahead(8_000_000) <= 2


def test_given_a_short_page_when_read_then_what_was_requested_ahead_is_asked_for_elsewhere():
    account = Account(400, 400)

    def send(offset: int, uncached: bool) -> Page:
        page = account.send(offset, uncached)
        return page._replace(rows=page.rows[:30]) if offset == 99 else page

    assert ids(listing_of(send, 100, AtLast())) == names(400)
    # 198, 297 and 396 would not have met the page that ends with 128.
    assert account.asked == [0, 99, 128, 227, 326]
    assert account.uncached == []


def test_an_endpoint_that_does_not_page_may_have_exactly_one_page():
    rows, asked = [{"id": number} for number in range(100)], []

    def send(offset: int, uncached: bool) -> Page:
        asked.append(offset)
        assert len(asked) < 10, "it never ends"
        return Page(rows, {}, 100)

    with ThreadPoolExecutor(4) as executor:
        found = [row for page in listing_of(send, 100, executor).pages() for row in page.rows]
    assert found == rows
    assert len(asked) == 2


def test_given_nobody_who_takes_a_page_when_read_then_no_request():
    account = Account(250, 250)
    pages = listing_of(account.send, 100, AtOnce()).pages()
    assert account.asked == []
    next(pages)
    assert account.asked == [0]
    next(pages)
    assert account.asked == [0, 99, 198]


def test_when_read_twice_then_each_pass_is_one_of_its_own():
    account = Account(250, 250)
    listing = listing_of(account.send, 100, AtOnce())
    assert ids(listing) == ids(listing) == names(250)


# ---- who does what, and until when


def test_when_read_then_answers_become_pages_in_the_thread_that_takes_them():
    account = Account(950, 950)
    sent, read = [], []

    def send(offset: int, uncached: bool) -> Page:
        sent.append(threading.get_ident())
        return account.send(offset, uncached)

    def read_answer(answer: Page) -> Page:
        read.append(threading.get_ident())
        return answer

    with ThreadPoolExecutor(4) as executor:
        listing = Listing("tags", send, read_answer, lambda row: row["id"], 100, executor)
        assert ids(listing) == names(950)
    here = threading.get_ident()
    assert set(read) == {here}
    assert len(read) == len(sent) == 10
    assert set(sent) - {here}


def test_given_a_request_that_fails_when_read_then_the_pages_before_it_come_first_and_the_rest_is_cancelled():
    account, executor = Account(950, 950), OnlyFirst(3)

    def send(offset: int, uncached: bool) -> Page:
        if offset == 297:
            raise OSError("down")
        return account.send(offset, uncached)

    pages = listing_of(send, 100, executor).pages()
    assert [len(next(pages).rows) for _ in range(3)] == [100, 99, 99]
    with pytest.raises(OSError, match="down"):
        next(pages)
    assert executor.cancelled == [False] * 3 + [True] * 6


def test_given_an_answer_that_cannot_be_read_when_read_then_the_rest_is_cancelled():
    account, executor = Account(950, 950), OnlyFirst(2)

    def read(answer: Page) -> Page:
        if account.rows[198] in answer.rows[:1]:
            raise ApiError("no list of records", kind="system")
        return answer

    listing = Listing("tags", account.send, read, lambda row: row["id"], 100, executor)
    with pytest.raises(ApiError, match="no list of records"):
        ids(listing)
    assert executor.cancelled == [False] * 2 + [True] * 7


def test_given_a_consumer_that_stops_early_when_read_then_the_rest_is_cancelled():
    account, executor = Account(950, 950), OnlyFirst(2)
    pages = listing_of(account.send, 100, executor).pages()
    assert [len(next(pages).rows) for _ in range(3)] == [100, 99, 99]
    assert executor.cancelled == [False] * 9
    pages.close()
    assert executor.cancelled == [False] * 2 + [True] * 7


def test_given_more_requested_than_there_is_when_read_then_what_is_left_at_the_end_is_cancelled():
    account, executor = Account(250, None), OnlyFirst(2)
    assert ids(listing_of(account.send, 100, executor)) == names(250)
    assert executor.cancelled == [False, False, True, True]


# ---- a listing that cannot be read completely


def test_given_an_order_that_changes_when_read_then_an_unstable_order():
    chance = random.Random(1)

    def send(offset: int, uncached: bool) -> Page:
        return Page(chance.sample(tags(950), 950)[offset : offset + 100], {}, 950)

    with pytest.raises(UnstableOrder) as caught:
        ids(listing_of(send, 100, AtOnce()))
    assert (
        str(caught.value)
        == "The listing of tags changes its order while it is read, so that rows could be missed. The stream was "
        "stopped rather than left incomplete; please run the sync again."
    )
    assert caught.value.kind == "transient"
    assert caught.value.detail.startswith("pages of tags do not meet at offset ")


def test_given_an_order_that_is_known_to_change_when_read_then_no_error_and_no_warning(caplog):
    chance, asked = random.Random(1), []

    def send(offset: int, uncached: bool) -> Page:
        asked.append(offset)
        return Page(chance.sample(tags(950), 950)[offset : offset + 100], {}, 950)

    found = ids(listing_of(send, 100, AtOnce(), ordered=False))
    assert len(found) == len(set(found)) < 950
    assert len(asked) == 10
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_given_a_server_that_ignores_the_offset_when_read_then_an_error():
    account = Account(100, 250)
    with pytest.raises(ApiError) as caught:
        ids(listing_of(lambda _, uncached: account.send(0, uncached), 100, AtOnce()))
    assert (
        str(caught.value)
        == "The API sent the same page of tags twice: it seems to ignore the offset, so the rest of the rows cannot be "
        "reached. Please report this to the maintainers of the connector."
    )
    assert caught.value.kind == "system"
    assert caught.value.detail == "offset 99 ignored by the listing of tags"


def test_given_more_in_the_total_than_in_the_listing_when_read_then_a_warning_of_the_client(caplog):
    account = Account(250, 5000)
    assert ids(listing_of(account.send, 100, AtLast())) == names(250)
    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.name.startswith("activecampaign_client.")
    assert record.getMessage() == (
        "Stream tags: the API counts 5,000 rows and sent 250. A few may have come and gone meanwhile; "
        "if this persists, please report it to the maintainers of the connector."
    )
