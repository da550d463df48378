"""What it proves that each page of a listing starts with the last row of the page before.

The API pages by offset (https://developers.activecampaign.com/reference/pagination), and a row that is deleted while a
listing is read moves all later rows one place forward: plain offset paging misses one of them. Measured with one row
per second inserted, deleted and updated each: of 20,000 contacts plain paging lost 53, pages that overlap lost none.

So each page is asked for one row early. Where it does not start with a row that is known, the listing shifted, and the
reader steps back until the pages meet again:

    the listing          a b c d e f g h
    page at 0            a b c d
    `b` is deleted       a c d e f g h
    page at 3                  e f g h      does not meet a b c d: something is missing
    page at 0, again     a c d e            meets, and brings `e`, which had moved to before 3
                                            now `e f g h` meets, too

Insertions and updates only repeat rows, which are left out here. This proves a listing whole that keeps its order. One
that does not is recognised by new rows that stand before known ones, and by a total that is larger than the number of
rows that came. A total that is smaller than what came disproves itself: it counts as absent.

Without a total, rows that are moved to the front before they were read cannot be told from rows that are added there:
either way the next page starts with a few more of the rows that are known, and no page shows what now stands at the
front, which is new to the reader in both cases. So nothing is said then, as it would be said of every row added.
"""

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from activecampaign_client.errors import ApiError, UnstableOrder
from activecampaign_client.page import Identity, Page, Row

LOGGER = logging.getLogger(__name__)

# How many of the newest rows are remembered to recognise where pages overlap.
REMEMBERED_ROWS = 1000
# How many requests in a row may bring no new row before a listing is taken not to be readable: each steps back by a
# page, and thousands of rows may have been deleted at once.
REQUESTS_WITHOUT_NEW_ROWS = 50
# The rows that the API gives at once where it is not asked for any number.
SMALLEST_LIMIT = 20


def looks_like_a_limit(rows: int) -> bool:
    """Whether an endpoint may give so many rows at once and no more: a number that somebody chose is a round one.

    >>> [rows for rows in (10, 20, 21, 50, 99) if looks_like_a_limit(rows)]
    [20, 50]
    """
    return rows >= SMALLEST_LIMIT and rows % 5 == 0


class _Placed(NamedTuple):
    """A page, the offset that it was asked for with, and what its rows are known by."""

    offset: int
    page: Page
    identities: list[Identity]


class Overlap:
    """Joins the pages of one pass over a listing, so that each row comes once and none is missed.

    `page_again` gives what is at an offset now, whatever was answered before. `ordered` is False where the order is
    known to change: the pages are taken as they come, and prove nothing.

    Pages are joined in the order of `next_offsets`, for as long as `goes_on`; `compare_with_total` is for the end.

    >>> rows = [{"id": letter} for letter in "abcdefgh"]
    >>> def page_at(offset: int) -> Page:
    ...     return Page(rows[offset : offset + 4], {}, total=len(rows))
    >>> overlap = Overlap("letters", 4, lambda row: row["id"], page_at)
    >>> def joined(offset: int) -> list[str]:
    ...     return ["".join(row["id"] for row in page.rows) for page in overlap.join(offset, page_at(offset))]
    >>> joined(0)
    ['abcd']
    >>> next(overlap.next_offsets())
    3
    >>> del rows[1]
    >>> joined(3)
    ['e', 'fgh']
    """

    def __init__(
        self,
        name: str,
        page_size: int,
        identity: Callable[[Row], Identity],
        page_again: Callable[[int], Page],
        *,
        ordered: bool = True,
    ) -> None:
        self._name = name
        self._page_size = page_size
        self._identity = identity
        self._page_again = page_again
        self._ordered = ordered
        # The newest of the rows that came so far, in order; the next page is expected to overlap with them.
        self._known: dict[Identity, None] = {}
        self._last = _Placed(0, Page([], {}, None), [])
        self._new_rows_in_last = 0
        self._last_offset_named = 0
        # What the server gives at most, which may be less than the page size that it is asked for.
        self._most_at_once = 0
        self._unpaged = False
        # Whether the last page had a total that its own rows disproved.
        self._is_disproved = False
        self._warned_of_total = False
        self._rows = 0
        self._smallest_total: int | None = None
        # Rows that stood before some that were known already.
        self._misplaced = 0
        self._requests_since_new_row = 0

    def join(self, offset: int, page: Page) -> Iterator[Page]:
        """The page with only its new rows, after the pages with those that had moved to before it.

        Raises UnstableOrder where the pages do not meet, ApiError where the offset is ignored.
        """
        placed = self._placed(offset, page)
        if self._ordered:
            if self._meets_known_rows(placed):
                self._look_at_order(placed)
            else:
                yield from self._pages_before(placed)
        yield self._with_new_rows(placed)

    def goes_on(self) -> bool:
        """Whether there may be rows after the page that was joined last.

        Raises ApiError where there is always more, but nothing new.
        """
        more = self._has_more()
        if more and self._requests_since_new_row > REQUESTS_WITHOUT_NEW_ROWS:
            raise self._offset_ignored(self._last.offset)
        return more

    @property
    def total(self) -> int | None:
        """How many rows the listing has by the page that was joined last; None where it is silent or disproved."""
        return self._last.page.total

    @property
    def ended_early(self) -> bool:
        """Whether the last page was shorter than others: the offsets named so far are too high to meet it.

        Then they are void, and `next_offsets` begins anew at the end of this page.
        """
        return len(self._last.page.rows) < self._most_at_once

    def next_offsets(self) -> Iterator[int]:
        """Where the pages start that follow, one row early each, as far as the listing claims to reach.

        To be called once after each page. It goes on where the call before was left, unless the page `ended_early`, and
        what is taken from it is expected to be joined, in this order. There is at least one offset, unless one that was
        taken is still to be joined.
        """
        offset, page, _ = self._last
        end = page.total
        if end is None and len(page.rows) < self._page_size:
            end = offset + len(page.rows)
        if self.ended_early or self._last_offset_named <= offset:
            self._last_offset_named = offset + max(1, len(page.rows) - 1)
            yield self._last_offset_named
        step = max(1, self._most_at_once - 1)
        while end is None or self._last_offset_named + step + 1 < end:
            self._last_offset_named += step
            yield self._last_offset_named

    def compare_with_total(self) -> None:
        """Notice that fewer rows came than the API counted, all the time that they were read: with a warning.

        Raises UnstableOrder where so many rows were seen out of place that others may have been missed. A row or two
        are no sign of it: somebody may have added them, and the API is known to count too many.
        """
        if not self._ordered or self._smallest_total is None or self._rows >= self._smallest_total:
            return
        if self._misplaced * 4 >= self._smallest_total - self._rows:
            raise self._unstable(self._last.offset)
        LOGGER.warning(
            "Stream %s: the API counts %s rows and sent %s. A few may have come and gone meanwhile; if this persists, "
            "please report it to the maintainers of the connector.",
            self._name,
            f"{self._smallest_total:,}",
            f"{self._rows:,}",
        )

    def _placed(self, offset: int, page: Page) -> _Placed:
        identities = [self._identity(row) for row in page.rows]
        self._is_disproved = self._disproves_its_total(offset, page, identities)
        if self._is_disproved:
            self._warn_of_total(page)
            page = page._replace(total=None)
        return _Placed(offset, page, identities)

    def _disproves_its_total(self, offset: int, page: Page, identities: list[Identity]) -> bool:
        """Whether more rows stand up to the end of the page than it counts in all.

        Its place alone does not say so where the offset is ignored, nor the rows that came, which may be deleted again.
        """
        if page.total is None or not identities:
            return False
        came = self._rows + len(set(identities) - self._known.keys())
        return page.total < min(offset + len(identities), came)

    def _warn_of_total(self, page: Page) -> None:
        if not self._warned_of_total:
            self._warned_of_total = True
            LOGGER.warning(
                "Stream %s: the API counts %s rows and sent more than that, so its count is not believed and the "
                "listing is read to its end. Please report this to the maintainers of the connector.",
                self._name,
                f"{page.total:,}",
            )

    def _meets_known_rows(self, placed: _Placed) -> bool:
        return not self._known or any(identity in self._known for identity in placed.identities)

    def _pages_before(self, missed: _Placed) -> Iterator[Page]:
        """The rows between those that are known and a page that does not meet them: step back, then close the gap."""
        offset = max(0, missed.offset - (self._page_size - 1))
        while True:
            earlier = self._asked_again(offset)
            if self._meets_known_rows(earlier) or offset == 0:
                yield self._with_new_rows(earlier)
                if self._meets_known_rows(missed) or not self._has_more():
                    return
                # Something is being deleted right now, so half a page is to overlap, not only a row.
                offset += max(1, len(earlier.page.rows) // 2)
            else:
                offset = max(0, offset - (self._page_size - 1))

    def _asked_again(self, offset: int) -> _Placed:
        self._requests_since_new_row += 1
        if self._requests_since_new_row > REQUESTS_WITHOUT_NEW_ROWS:
            raise self._unstable(offset)
        return self._placed(offset, self._page_again(offset))

    def _look_at_order(self, placed: _Placed) -> None:
        """Notice a page that is the one before it again, or in which new rows stand before known ones."""
        identities, total = placed.identities, placed.page.total
        # A short page at the end may come again because a row was added in front of it.
        if len(identities) == self._most_at_once > 1 and identities == self._last.identities:
            if total != len(identities) and (total is not None or len(identities) == self._page_size):
                raise self._offset_ignored(placed.offset)
            # An endpoint that does not page, and has exactly as many rows as a page may have.
            self._unpaged = True
            if total is None:
                LOGGER.warning(
                    "Stream %s: the API sends the same %d rows whatever the offset, and no total. If the account has "
                    "more of them, please report this to the maintainers of the connector.",
                    self._name,
                    len(identities),
                )
        known = [place for place, identity in enumerate(identities) if identity in self._known]
        misplaced = known[-1] + 1 - len(known) if known else 0
        self._misplaced += misplaced
        # One row may have been added in between, however short the page.
        if misplaced > max(1, len(identities) // 4):
            raise self._unstable(placed.offset)

    def _with_new_rows(self, placed: _Placed) -> Page:
        """The page without the rows that are known; from now on, all of its rows are."""
        page = placed.page
        new = [row for row, identity in zip(page.rows, placed.identities, strict=True) if identity not in self._known]
        self._known.update(dict.fromkeys(placed.identities))
        for identity in list(islice(self._known, max(0, len(self._known) - REMEMBERED_ROWS))):
            del self._known[identity]
        self._last, self._new_rows_in_last = placed, len(new)
        self._most_at_once = max(self._most_at_once, len(page.rows))
        self._rows += len(new)
        self._requests_since_new_row = 0 if new else self._requests_since_new_row + 1
        if page.total is not None:
            self._smallest_total = page.total if self._smallest_total is None else min(self._smallest_total, page.total)
        return page._replace(rows=new)

    def _has_more(self) -> bool:
        page = self._last.page
        received, total = len(page.rows) + page.skipped, page.total
        if self._unpaged or received > self._page_size:
            # More rows than were asked for: this endpoint does not page, and has sent everything.
            return False
        if received == self._page_size:
            return True
        # A short page is the last one, unless the server gives no more at once.
        may_be_full = received == self._most_at_once > 1
        brought_new_rows = self._new_rows_in_last > 0
        if total is not None:
            # The total may claim more, rightly or wrongly.
            return self._last.offset + received < total and (brought_new_rows or may_be_full)
        # Without one, nothing says that this is the end; one that is wrong says that the answer is not to be trusted.
        return may_be_full and brought_new_rows and (self._is_disproved or looks_like_a_limit(received))

    def _unstable(self, offset: int) -> UnstableOrder:
        return UnstableOrder(
            f"The listing of {self._name} changes its order while it is read, so that rows could be missed. "
            "The stream was stopped rather than left incomplete; please run the sync again.",
            kind="transient",
            detail=f"pages of {self._name} do not meet at offset {offset}",
        )

    def _offset_ignored(self, offset: int) -> ApiError:
        return ApiError(
            f"The API sent the same page of {self._name} twice: it seems to ignore the offset, so the rest "
            "of the rows cannot be reached. Please report this to the maintainers of the connector.",
            kind="system",
            detail=f"offset {offset} ignored by the listing of {self._name}",
        )
