"""Time that passes only when all threads of a test sleep."""

import math
import threading
from collections.abc import Callable


class VirtualTime:
    """A clock for several threads that moves when all of them sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self._changed = threading.Condition()
        self._until: list[float] = []
        self._running = 0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            until = max(self.now + seconds, math.nextafter(self.now, math.inf))
            self._until.append(until)
            self._running -= 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.now >= until, timeout=10)

    def run(self, *works: Callable[[], None]) -> None:
        def run_one(work: Callable[[], None]) -> None:
            work()
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

        self._running = len(works)
        threads = [threading.Thread(target=run_one, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        while True:
            with self._changed:
                assert self._changed.wait_for(lambda: self._running == 0, timeout=10)
                if not self._until:
                    break
                self.now = min(self._until)
                awake = [until for until in self._until if until <= self.now]
                self._until = [until for until in self._until if until > self.now]
                self._running += len(awake)
                self._changed.notify_all()
