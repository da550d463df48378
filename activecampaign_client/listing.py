"""Reading a listing: pages requested ahead, passed on in order, and proven to leave no row out."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from itertools import islice
from typing import Generic, TypeVar

from activecampaign_client.look_ahead import LookAhead
from activecampaign_client.overlap import Overlap
from activecampaign_client.page import Identity, Page, Row, total_of

__all__ = ["BYTES_AHEAD", "LOOK_AHEAD", "Identity", "Listing", "Page", "Row", "total_of"]

Answer = TypeVar("Answer")

# At 5 requests per second and 2 s of latency ten requests are under way; a few more wait for their turn.
LOOK_AHEAD = 16
# But where pages are large, as with hundreds of custom fields per contact, not more bytes than this at once.
BYTES_AHEAD = 16_000_000


class Listing(Generic[Answer]):
    """One listing of an account, by offset.

    `send(offset, uncached)` asks for what is at an offset; where its second argument is True, the server itself,
    whatever it answered before. `read` makes the answer a page, `identity` says what a row is known by, `page_size` is
    the number of rows that `send` asks for.

    Only `send` is called in threads of the executor, and it waits for the network alone: `read` may itself need
    listings (of custom field definitions, say), which must not wait for threads that wait for them.

    `look_ahead` is the most that is requested at once, `is_busy` tells whether requests wait for the budget already.
    `ordered` is False where the order is known to change: the pages are taken as they come, and prove nothing.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> account = {"tags": [{"id": str(number)} for number in range(250)], "meta": {"total": "250"}}
    >>> def send(offset: int, uncached: bool) -> dict:
    ...     return {**account, "tags": account["tags"][offset : offset + 100]}
    >>> def read(answer: dict) -> Page:
    ...     return Page(answer["tags"], answer, total_of(answer))
    >>> with ThreadPoolExecutor() as executor:
    ...     tags = Listing("tags", send, read, lambda row: row["id"], 100, executor)
    ...     [len(page.rows) for page in tags.pages()]
    [100, 99, 51]
    """

    def __init__(
        self,
        name: str,
        send: Callable[[int, bool], Answer],
        read: Callable[[Answer], Page],
        identity: Callable[[Row], Identity],
        page_size: int,
        executor: Executor,
        *,
        look_ahead: int = LOOK_AHEAD,
        is_busy: Callable[[], bool] = lambda: False,
        ordered: bool = True,
    ) -> None:
        self._name = name
        self._send = send
        self._read = read
        self._identity = identity
        self._page_size = page_size
        self._executor = executor
        self._look_ahead = look_ahead
        self._is_busy = is_busy
        self._ordered = ordered

    def pages(self) -> Iterator[Page]:
        """One pass over the listing: all pages in order, each with only the rows that no page before it had.

        Raises ApiError where the listing cannot be read completely: UnstableOrder where rows change places while it
        is read, kind "system" where the offset is ignored; and what `send` and `read` raise, after the pages before.
        """
        overlap = Overlap(self._name, self._page_size, self._identity, self._page_again, ordered=self._ordered)
        with LookAhead(self._send_ahead, self._executor) as ahead:
            offset, page, window = 0, self._read(self._send(0, False)), 1
            yield from overlap.join(offset, page)
            while overlap.goes_on():
                if overlap.ended_early:
                    ahead.forget()
                window = self._window_after(page, overlap.total, window)
                offset, answer = ahead.next_answer(self._worth_asking(overlap.next_offsets(), overlap.total), window)
                page = self._read(answer)
                yield from overlap.join(offset, page)
        overlap.compare_with_total()

    def _send_ahead(self, offset: int) -> Answer:
        return self._send(offset, False)

    def _page_again(self, offset: int) -> Page:
        return self._read(self._send(offset, True))

    def _window_after(self, page: Page, total: int | None, window: int) -> int:
        """How many requests may be under way after a page, given how many might be before it.

        With a total the end is known; without one, look farther ahead as the listing goes on.
        """
        window = self._look_ahead if total is not None else min(2 * window, self._look_ahead)
        return min(window, max(2, BYTES_AHEAD // max(1, page.size)))

    def _worth_asking(self, offsets: Iterable[int], total: int | None) -> Iterable[int]:
        """All of the offsets where the end is known.

        Without a total what is requested ahead may lie behind the end, so it is no more than the budget has room for:
        one in place of the page that came, and one more while no request waits for its turn.
        """
        if total is not None:
            return offsets
        return self._while_not_busy(islice(offsets, 2))

    def _while_not_busy(self, offsets: Iterable[int]) -> Iterator[int]:
        for offset in offsets:
            yield offset
            if self._is_busy():
                return
