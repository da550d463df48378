"""Requests that are under way before their answers are wanted, and answers in the order of the requests.

An answer takes longer than the account's budget makes us wait between two requests (0.2 s): whoever asks for one page
only when the one before has come is held up by the network, not by the budget. Measured with 20,000 contacts, 5,000
deals and 300 ms per answer: 146 s one request after the other, 55 s with 16 requested ahead; 51 s is the least that 5
requests per second allow.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from itertools import islice
from types import TracebackType
from typing import Generic, TypeVar

Place = TypeVar("Place")
Answer = TypeVar("Answer")


class LookAhead(Generic[Place, Answer]):
    """Sends requests from an executor's threads and hands their answers out in order, one at a time.

    Each call says which places will probably follow and how many requests may be under way, and gets the answer that
    is next. At the end of the `with` block, however it ends, what has not been sent yet is cancelled. For one thread;
    only `send` is called in others.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> places = iter(["a", "b", "c", "d"])
    >>> with ThreadPoolExecutor() as executor, LookAhead(str.upper, executor) as ahead:
    ...     first = ahead.next_answer(places, window=3)
    ...     left = list(places)
    ...     second = ahead.next_answer(places, window=3)
    >>> first, left, second
    (('a', 'A'), ['d'], ('b', 'B'))
    """

    def __init__(self, send: Callable[[Place], Answer], executor: Executor) -> None:
        self._send = send
        self._executor = executor
        self._requested: deque[tuple[Place, Future[Answer]]] = deque()

    def __enter__(self) -> "LookAhead[Place, Answer]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.forget()

    def next_answer(self, places: Iterable[Place], window: int) -> tuple[Place, Answer]:
        """The oldest request's place and answer, after as many of the places were requested as the window has room for.

        A place that is taken from `places` is requested; an iterator can so be given to the next call again, and
        decide between one place and the next whether there is to be another. The window counts the request whose
        answer is returned.

        Raises what `send` raised for this place, IndexError where nothing was requested.
        """
        for place in islice(places, max(0, window - len(self._requested))):
            self._requested.append((place, self._executor.submit(self._send, place)))
        place, future = self._requested.popleft()
        return place, future.result()

    def forget(self) -> None:
        """Cancel what was requested ahead; what is being sent already runs to its end, for nobody."""
        for _, future in self._requested:
            future.cancel()
        self._requested.clear()
