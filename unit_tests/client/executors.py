"""Executors that decide when what is requested ahead is answered: in no thread, and the same in each run."""

from concurrent.futures import Executor, Future
from typing import Any


class AtOnce(Executor):
    """Runs work when it is submitted: everything requested ahead is as old as can be."""

    def submit(self, work, /, *args, **kwargs):
        future = Future()
        future.set_result(work(*args, **kwargs))
        return future


class Late(Future):
    def __init__(self, work):
        super().__init__()
        self._work = work

    def result(self, timeout=None):
        return self._work()


class AtLast(AtOnce):
    """Runs work when its result is wanted: everything requested ahead is as new as can be."""

    def submit(self, work, /, *args, **kwargs):
        return Late(lambda: work(*args, **kwargs))


class OnlyFirst(Executor):
    """Runs only so much of the work, when it is submitted; the rest waits until it is cancelled."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.futures: list[Future[Any]] = []

    def submit(self, work, /, *args, **kwargs):
        future: Future[Any] = Future()
        self.futures.append(future)
        if len(self.futures) <= self.number:
            try:
                future.set_result(work(*args, **kwargs))
            except OSError as error:
                future.set_exception(error)
        return future

    @property
    def cancelled(self) -> list[bool]:
        return [future.cancelled() for future in self.futures]
