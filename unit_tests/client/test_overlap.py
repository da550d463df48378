"""What the overlap proves: any pages, one after the other, of a listing in which anything happens in between."""

import doctest
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import overlap as module
from activecampaign_client.errors import ApiError, UnstableOrder
from activecampaign_client.overlap import REMEMBERED_ROWS, REQUESTS_WITHOUT_NEW_ROWS, Overlap
from activecampaign_client.page import Page


def page(ids: Iterable[object], total: int | None = None) -> Page:
    return Page([{"id": str(one)} for one in ids], {}, total)


def no_page(offset: int) -> Page:
    raise AssertionError(f"asked for {offset} again")


def overlap_of(page_size: int, page_again: Callable[[int], Page] = no_page, **options: bool) -> Overlap:
    return Overlap("tags", page_size, lambda row: row["id"], page_again, **options)


def joined(overlap: Overlap, offset: int, one: Page) -> list[str]:
    """The new rows of each page that joining one gives: ids of one letter."""
    return ["".join(row["id"] for row in part.rows) for part in overlap.join(offset, one)]


def rows_of(overlap: Overlap, page_at: Callable[[int], Page]) -> Iterator[str]:
    """The rows of a whole pass, each page asked for when it is wanted."""
    offset = 0
    while True:
        for part in overlap.join(offset, page_at(offset)):
            yield from (row["id"] for row in part.rows)
        if not overlap.goes_on():
            break
        offset = next(overlap.next_offsets())
    overlap.compare_with_total()


def sentences(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_the_examples_are_true():
    failed, tried = doctest.testmod(module)
    assert failed == 0
    assert tried > 0


# ---- which rows are new


def test_given_a_page_that_starts_with_a_known_row_when_joined_then_the_others_are_new():
    overlap = overlap_of(4)
    assert joined(overlap, 0, page("abcd")) == ["abcd"]
    assert joined(overlap, 3, page("defg")) == ["efg"]
    assert joined(overlap, 6, page("g")) == [""]


def test_given_rows_inserted_before_when_joined_then_what_they_repeat_is_left_out():
    overlap = overlap_of(4)
    joined(overlap, 0, page("abcd"))
    assert joined(overlap, 3, page("bcde")) == ["e"]


def test_when_joined_then_all_else_of_a_page_is_passed_on():
    one = Page([{"id": "a"}], {"tags": []}, 7, 12)
    assert list(overlap_of(4).join(0, one)) == [one]


def test_given_more_rows_than_are_remembered_when_one_of_the_first_comes_again_then_it_counts_as_new():
    size = 10
    rows = list(range(REMEMBERED_ROWS + size))
    overlap = overlap_of(size)
    for offset in range(0, len(rows), size - 1):
        list(overlap.join(offset, page(rows[offset : offset + size])))
    last, newest_forgotten, oldest_remembered = rows[-1], rows[size - 1], rows[size]
    [found] = overlap.join(0, page([last, newest_forgotten]))
    assert found.rows == [{"id": str(newest_forgotten)}]
    [found] = overlap.join(0, page([last, oldest_remembered + 1]))
    assert found.rows == []


# ---- where a page does not meet what is known


def test_given_a_row_deleted_when_its_page_does_not_meet_then_it_steps_back_until_it_does():
    asked = []

    def page_again(offset: int) -> Page:
        asked.append(offset)
        return page("acdefgh"[offset : offset + 4])

    overlap = overlap_of(4, page_again)
    joined(overlap, 0, page("abcd"))
    assert joined(overlap, 3, page("efgh")) == ["e", "fgh"]
    assert asked == [0]


def test_given_many_rows_deleted_when_a_page_does_not_meet_then_it_steps_back_by_pages_and_on_by_halves():
    listing, asked = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn", []

    def page_again(offset: int) -> Page:
        asked.append(offset)
        return page(left[offset : offset + 5])

    overlap = overlap_of(5, page_again)
    for offset in (0, 4, 8, 12):
        joined(overlap, offset, page(listing[offset : offset + 5]))
    left = listing[9:]
    # Q is the last known row. It stands at 7 now, and at 16 stands what was at 25 before.
    assert joined(overlap, 16, page(left[16:21])) == ["R", "ST", "UV", "WX", "YZ", "abcd"]
    assert asked == [12, 8, 4, 6, 8, 10, 12]


def test_given_all_known_rows_deleted_when_a_page_does_not_meet_then_the_listing_begins_anew():
    overlap = overlap_of(3, lambda offset: page("efghi"[offset : offset + 3]))
    joined(overlap, 0, page("abc"))
    assert joined(overlap, 2, page("ghi")) == ["ef" + "g", "hi"]


def test_given_a_listing_that_ends_before_the_page_when_it_does_not_meet_then_that_is_the_end():
    overlap = overlap_of(3, lambda offset: page("ac"[offset : offset + 3]))
    joined(overlap, 0, page("abc"))
    assert joined(overlap, 2, page("")) == ["", ""]
    assert not overlap.goes_on()


def test_given_a_page_of_one_row_when_it_steps_back_then_it_goes_on_behind_that_row():
    asked = []

    def page_again(offset: int) -> Page:
        asked.append(offset)
        # A row is added in front of `d` as soon as that has come.
        return page("d", 7) if offset == 0 else page("def", 8)

    overlap = overlap_of(3, page_again)
    joined(overlap, 0, page("abc", 10))
    assert joined(overlap, 2, page("fgh", 7)) == ["d", "ef", "gh"]
    assert asked == [0, 1]


def test_given_pages_that_never_meet_when_joined_then_an_unstable_order_after_a_limited_number_of_requests():
    asked = []

    def page_again(offset: int) -> Page:
        asked.append(offset)
        # Meets what is known, but never the page.
        return page("abc")

    overlap = overlap_of(3, page_again)
    joined(overlap, 0, page("abc"))
    with pytest.raises(UnstableOrder) as caught:
        joined(overlap, 50, page("xyz"))
    assert str(caught.value).startswith("The listing of tags changes its order while it is read")
    assert caught.value.kind == "transient"
    assert REQUESTS_WITHOUT_NEW_ROWS // 2 <= len(asked) <= REQUESTS_WITHOUT_NEW_ROWS


# ---- whether the order changes


def test_given_new_rows_before_known_ones_when_joined_then_an_unstable_order():
    overlap = overlap_of(8)
    joined(overlap, 0, page("abcdefgh"))
    with pytest.raises(UnstableOrder, match="changes its order"):
        joined(overlap, 7, page("xyzhijkl"))


def test_given_few_new_rows_before_known_ones_when_joined_then_only_a_larger_total_makes_it_unstable():
    for total, unstable in ((11, False), (14, True)):
        overlap = overlap_of(8)
        joined(overlap, 0, page("abcdefgh", total))
        assert joined(overlap, 7, page("xhijk", total)) == ["xijk"]
        assert not overlap.goes_on() or total == 14
        if unstable:
            with pytest.raises(UnstableOrder):
                overlap.compare_with_total()
        else:
            overlap.compare_with_total()


def test_given_a_row_added_before_the_short_end_when_joined_then_it_is_no_disorder():
    overlap = overlap_of(10)
    joined(overlap, 0, page("abcdefghij", 40))
    joined(overlap, 9, page("jkl", 40))
    assert joined(overlap, 11, page("xl", 40)) == ["x"]


def test_given_rows_added_before_when_the_short_end_comes_again_then_the_offset_is_not_taken_to_be_ignored():
    overlap = overlap_of(10)
    joined(overlap, 0, page("abcdefghij", 40))
    joined(overlap, 9, page("jkl", 40))
    assert joined(overlap, 11, page("jkl", 40)) == [""]
    assert not overlap.goes_on()


def test_given_no_order_when_joined_then_pages_are_taken_as_they_come(caplog):
    overlap = overlap_of(4, ordered=False)
    assert joined(overlap, 0, page("abcd", 99)) == ["abcd"]
    assert joined(overlap, 3, page("wxyz", 99)) == ["wxyz"]
    assert joined(overlap, 6, page("pqrd", 99)) == ["pqr"]
    assert joined(overlap, 9, page("pqrd", 99)) == [""]
    overlap.compare_with_total()
    assert sentences(caplog) == []


# ---- whether the offset is ignored


@pytest.mark.parametrize("total", [9, None])
def test_given_a_full_page_that_comes_again_when_joined_then_the_offset_is_ignored(total):
    overlap = overlap_of(4)
    joined(overlap, 0, page("abcd", total))
    with pytest.raises(ApiError) as caught:
        joined(overlap, 3, page("abcd", total))
    assert str(caught.value).startswith("The API sent the same page of tags twice: it seems to ignore the offset")
    assert caught.value.kind == "system"
    assert not isinstance(caught.value, UnstableOrder)


def test_given_a_page_with_all_that_the_total_counts_when_it_comes_again_then_that_is_all(caplog):
    overlap = overlap_of(4)
    joined(overlap, 0, page("abcd", 4))
    assert overlap.goes_on()
    assert joined(overlap, 3, page("abcd", 4)) == [""]
    assert not overlap.goes_on()
    overlap.compare_with_total()
    assert sentences(caplog) == []


def test_given_fewer_rows_than_asked_for_and_no_total_when_they_come_again_then_that_is_all_and_a_warning(caplog):
    overlap = overlap_of(100)
    list(overlap.join(0, page(range(20))))
    list(overlap.join(19, page(range(20))))
    assert not overlap.goes_on()
    [sentence] = sentences(caplog)
    assert sentence.startswith("Stream tags: the API sends the same 20 rows whatever the offset, and no total.")


def test_given_pages_with_nothing_new_when_they_go_on_then_the_offset_is_ignored_after_a_limited_number_of_requests():
    overlap = overlap_of(4)
    joined(overlap, 0, page("abcdef"))
    for number in range(REQUESTS_WITHOUT_NEW_ROWS + 1):
        assert number == 0 or overlap.goes_on()
        # The same rows in turns, so that no page equals the one before it.
        joined(overlap, 3 * number, page(("abcd", "bcde")[number % 2]))
    with pytest.raises(ApiError, match="ignore the offset"):
        overlap.goes_on()


# ---- when the end is reached


@pytest.mark.parametrize(
    ("rows", "page_size", "total", "more"),
    [
        (0, 100, None, False),
        (0, 100, 9, False),
        (1, 100, None, False),
        (1, 100, 1, False),
        (1, 100, 7, True),
        (99, 100, 99, False),
        (99, 100, 120, True),
        (99, 100, None, False),
        (100, 100, None, True),
        (100, 100, 100, True),
        (100, 100, 1, True),
        # More than was asked for: the endpoint does not page.
        (101, 100, 500, False),
        # A round number of rows may be the most that the server gives.
        (15, 100, None, False),
        (19, 100, None, False),
        (20, 100, None, True),
        (21, 100, None, False),
        (50, 100, None, True),
        # A total below what the page itself has is none, and may hide an end that is none.
        (20, 100, 0, True),
        (20, 100, 7, True),
        (37, 100, 0, True),
        (1, 100, 0, False),
    ],
)
def test_given_a_first_page_then_the_listing_goes_on_while_there_may_be_more(rows, page_size, total, more):
    overlap = overlap_of(page_size)
    list(overlap.join(0, page(range(rows), total)))
    assert overlap.goes_on() is more


@pytest.mark.parametrize(
    ("rows", "total", "more"),
    [
        # As many as the first page: the server gives no more at once.
        (range(39, 79), None, True),
        (range(39, 79), 250, True),
        (range(39, 79), 79, False),
        # Fewer: the last page, unless the total claims more and the page brought new rows.
        (range(39, 69), None, False),
        (range(39, 69), 250, True),
        (range(39, 40), 250, False),
        (range(39, 40), None, False),
        # As many, but none that is new.
        (range(39, -1, -1), None, False),
    ],
)
def test_given_a_server_that_gives_40_at_most_then_the_listing_goes_on_while_there_may_be_more(rows, total, more):
    overlap = overlap_of(100)
    list(overlap.join(0, page(range(40), total)))
    list(overlap.join(39, page(rows, total)))
    assert overlap.goes_on() is more


def test_given_a_server_that_gives_one_row_when_it_comes_again_then_that_is_all():
    overlap = overlap_of(100)
    joined(overlap, 0, page("a", 7))
    assert overlap.goes_on()
    assert joined(overlap, 1, page("a", 7)) == [""]
    assert not overlap.goes_on()


# ---- where the next pages start


def named(overlap: Overlap, most: int = 5) -> list[int]:
    return list(islice(overlap.next_offsets(), most))


@pytest.mark.parametrize(
    ("rows", "total", "offsets"),
    [
        (100, 400, [99, 198, 297, 396]),
        (100, 397, [99, 198, 297]),
        (100, 398, [99, 198, 297, 396]),
        # One at least, whatever the total says.
        (100, 100, [99]),
        # Without a total nobody knows where they end, and one below the rows that came is none.
        (100, None, [99, 198, 297, 396, 495]),
        (100, 1, [99, 198, 297, 396, 495]),
        # What the server gives at most is the step, and without a total it may have ended.
        (40, 130, [39, 78, 117]),
        (40, None, [39]),
        (1, 3, [1]),
    ],
)
def test_given_a_first_page_then_the_next_start_one_row_early_as_far_as_the_listing_reaches(rows, total, offsets):
    overlap = overlap_of(100)
    list(overlap.join(0, page(range(rows), total)))
    assert named(overlap) == offsets


def test_given_offsets_that_were_taken_when_the_next_are_named_then_each_once():
    overlap = overlap_of(100)
    list(overlap.join(0, page(range(100), 700)))
    assert named(overlap, 3) == [99, 198, 297]
    list(overlap.join(99, page(range(99, 199), 700)))
    assert named(overlap, 1) == [396]
    list(overlap.join(198, page(range(198, 298), 700)))
    # The total has become smaller: nothing more is worth asking for, and 297 and 396 are still to come.
    list(overlap.join(297, page(range(297, 397), 400)))
    assert named(overlap) == []
    list(overlap.join(396, page(range(396, 496), 496)))
    assert named(overlap) == [495]


def test_given_a_page_that_ends_early_when_the_next_are_named_then_from_its_end():
    overlap = overlap_of(100)
    list(overlap.join(0, page(range(100), 400)))
    assert named(overlap) == [99, 198, 297, 396]
    assert not overlap.ended_early
    list(overlap.join(99, page(range(99, 129), 400)))
    assert overlap.goes_on()
    assert overlap.ended_early
    assert named(overlap) == [128, 227, 326]


def test_given_a_server_that_gives_more_later_when_the_next_are_named_then_in_larger_steps():
    overlap = overlap_of(100)
    list(overlap.join(0, page(range(30), 400)))
    assert named(overlap, 2) == [29, 58]
    list(overlap.join(29, page(range(29, 129), 400)))
    assert named(overlap, 2) == [157, 256]


# ---- a total that the rows disprove


@pytest.mark.parametrize("total", [0, 7, -1, 25])
@pytest.mark.parametrize("most_at_once", [20, 37, 100])
def test_given_a_total_below_the_rows_that_came_when_read_then_every_row_and_one_warning(total, most_at_once, caplog):
    overlap = overlap_of(100)
    rows = list(rows_of(overlap, lambda offset: page(range(330)[offset : offset + most_at_once], total)))
    assert rows == [str(one) for one in range(330)]
    [sentence] = sentences(caplog)
    assert sentence.startswith(f"Stream tags: the API counts {total} rows and sent more than that")


def test_given_a_disproved_total_when_joined_then_the_page_that_is_passed_on_has_none():
    [found] = overlap_of(100).join(0, page(range(20), 7))
    assert found.total is None


@pytest.mark.parametrize("rows", [0, 1, 20, 37, 99])
def test_given_an_honest_total_when_a_short_page_came_then_no_further_request_and_no_warning(rows, caplog):
    overlap, asked = overlap_of(100), []

    def page_at(offset: int) -> Page:
        asked.append(offset)
        return page(range(rows), rows)

    assert len(list(rows_of(overlap, page_at))) == rows
    assert asked == [0]
    assert sentences(caplog) == []


def test_given_rows_deleted_while_read_when_the_total_falls_below_what_came_then_it_is_believed(caplog):
    overlap = overlap_of(4)
    joined(overlap, 0, page("abcd", 8))
    assert joined(overlap, 3, page("defg", 8)) == ["efg"]
    # Five of the seven are gone meanwhile: `g` stands at 1 now, and nothing is at 6.
    [found] = overlap.join(1, page("gh", 3))
    assert ([row["id"] for row in found.rows], found.total) == (["h"], 3)
    assert sentences(caplog) == []


# ---- comparison with the total


def test_given_fewer_rows_than_the_smallest_total_when_compared_then_a_warning_with_both(caplog):
    overlap = overlap_of(4)
    joined(overlap, 0, page("abcd", 6000))
    joined(overlap, 3, page("d", 5000))
    overlap.compare_with_total()
    assert [sentence.partition(". ")[0] for sentence in sentences(caplog)] == [
        "Stream tags: the API counts 5,000 rows and sent 4"
    ]


@pytest.mark.parametrize("totals", [(4, 4), (900, 4), (None, None)])
def test_given_as_many_rows_as_any_total_when_compared_then_nothing(totals, caplog):
    overlap = overlap_of(4)
    joined(overlap, 0, page("abcd", totals[0]))
    joined(overlap, 3, page("d", totals[1]))
    overlap.compare_with_total()
    assert sentences(caplog) == []


def test_given_a_disproved_total_and_a_larger_one_when_compared_then_only_the_larger_one_counts(caplog):
    overlap = overlap_of(4)
    joined(overlap, 0, page("abcd", 3))
    joined(overlap, 3, page("d", 900))
    overlap.compare_with_total()
    assert [sentence.split(",")[0] for sentence in sentences(caplog)] == [
        "Stream tags: the API counts 3 rows and sent more than that",
        "Stream tags: the API counts 900 rows and sent 4. A few may have come and gone meanwhile; if this persists",
    ]


# ---- a listing that changes


class Account:
    """A listing of numbered rows; before each request, what is planned for it happens."""

    def __init__(self, count: int, most_at_once: int, changes: Iterable[tuple[int, str, int, int]]) -> None:
        self.rows = list(range(count))
        self.there_throughout = set(self.rows)
        self.requests = 0
        self._most_at_once = most_at_once
        self._changes = list(changes)
        self._new_rows = itertools.count(1000)

    def page_at(self, offset: int) -> Page:
        self.requests += 1
        assert self.requests < 1000, "a loop"
        for when, what, where, many in self._changes:
            if when == self.requests:
                self._change(what, where, many)
        return page(self.rows[offset : offset + self._most_at_once], self.total)

    def _change(self, what: str, where: int, many: int) -> None:
        place = where % (len(self.rows) + 1)
        if what == "delete":
            self.there_throughout.difference_update(self.rows[place : place + many])
            del self.rows[place : place + many]
        else:
            place = place if what == "insert" else len(self.rows)
            self.rows[place:place] = islice(self._new_rows, many)

    @property
    def total(self) -> int | None:
        return len(self.rows)


def changes(*kinds: str, most: int, many: int) -> st.SearchStrategy[list[tuple[int, str, int, int]]]:
    return st.lists(
        st.tuples(st.integers(2, 14), st.sampled_from(kinds), st.integers(0, 200), st.integers(1, many)), max_size=most
    )


@given(count=st.integers(0, 120), most_at_once=st.sampled_from([10, 4]), plan=changes("delete", most=8, many=30))
def test_given_any_deletions_when_read_then_complete_and_in_order_without_an_error(count, most_at_once, plan):
    account = Account(count, most_at_once, plan)
    found = [int(row) for row in rows_of(overlap_of(10, account.page_at), account.page_at)]
    assert len(found) == len(set(found))
    # A row that went while the reader stepped back may come after one that stood behind it.
    assert [row for row in found if row in account.there_throughout] == sorted(account.there_throughout)


@given(count=st.integers(0, 120), plan=changes("append", most=8, many=30))
def test_given_rows_that_are_appended_when_read_then_all_that_were_there_in_order(count, plan):
    account = Account(count, 10, plan)
    found = [int(row) for row in rows_of(overlap_of(10, account.page_at), account.page_at)]
    assert found[:count] == list(range(count))
    assert len(found) == len(set(found))


@given(count=st.integers(0, 120), plan=changes("delete", "insert", "append", most=8, many=12))
def test_given_any_changes_when_read_then_complete_or_an_error(count, plan):
    account = Account(count, 10, plan)
    found = []
    try:
        found += [int(row) for row in rows_of(overlap_of(10, account.page_at), account.page_at)]
    except ApiError:
        assert any(what == "insert" for _, what, _, _ in plan), "rows that only go or are appended are no disorder"
        return
    assert account.there_throughout <= set(found)
    assert len(found) == len(set(found))


@given(count=st.integers(0, 120), most_at_once=st.integers(2, 10))
def test_given_a_listing_at_rest_when_read_then_each_row_once_and_no_request_too_many(count, most_at_once):
    account = Account(count, most_at_once, [])
    assert [int(row) for row in rows_of(overlap_of(10, account.page_at), account.page_at)] == list(range(count))
    rows_left = max(0, count - most_at_once)
    pages = 1 + -(-rows_left // (most_at_once - 1))
    # Where the last page is as long as was asked for, one more shows that it is the last.
    assert pages <= account.requests <= pages + (most_at_once == 10)


def test_given_a_row_inserted_and_a_total_that_is_too_large_when_read_then_a_warning_and_every_row(caplog):
    """One row out of place does not explain that dozens lack: the total is wrong, as totals are."""
    rows = [str(number) for number in range(27)]

    def page_at(offset: int) -> Page:
        if offset == 15:
            rows.insert(15, "new")
        return page(rows[offset : offset + 4], len(rows) + 35)

    assert set(rows_of(overlap_of(10, page_at), page_at)) == {"new", *(str(number) for number in range(27))}
    [sentence] = sentences(caplog)
    assert "the API counts 62 rows and sent 28" in sentence
