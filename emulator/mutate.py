"""Changes while somebody reads: a plan of inserts, updates and deletes that is the same for the same seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import Any

from .account import Account

_TICK = 0.02


@dataclass
class Plan:
    """How many rows of each kind of change a second, spread over some resources; 0 for none of a kind."""

    inserts_per_second: float = 0
    updates_per_second: float = 0
    deletes_per_second: float = 0
    resources: list[str] = field(default_factory=lambda: ["contacts"])
    seed: int = 1


class Mutator:
    """Runs one plan at a time; which rows it takes depends on the seed alone, not on the clock."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.plan: Plan | None = None
        self.steps = 0
        self._task: asyncio.Task[None] | None = None

    def start(self, plan: Plan) -> None:
        """Begin, and record from now on which rows of the plan's resources exist throughout."""
        if not plan.resources:
            raise ValueError("a plan needs resources")
        self.account.watch(plan.resources)
        self.plan = plan
        self.steps = 0
        self._task = asyncio.get_running_loop().create_task(self._run(plan))

    async def stop(self) -> None:
        """End the plan; what it did stays on record."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, plan: Plan) -> None:
        chosen = random.Random(plan.seed)
        rates = {
            "insert": plan.inserts_per_second,
            "update": plan.updates_per_second,
            "delete": plan.deletes_per_second,
        }
        due = {kind: 1 / rate for kind, rate in rates.items() if rate > 0}
        if not due:
            return
        started = time.monotonic()
        while True:
            kind = min(due, key=lambda k: due[k])
            wait = started + due[kind] - time.monotonic()
            if wait > 0:
                await asyncio.sleep(max(wait, _TICK))
            elif self.steps % 20 == 0:
                await asyncio.sleep(0)
            due[kind] += 1 / rates[kind]
            with self.account.lock:
                self.step(kind, chosen, plan.resources)

    def step(self, kind: str, chosen: random.Random, resources: list[str]) -> None:
        self.steps += 1
        resource = resources[chosen.randrange(len(resources))]
        store = self.account.store(resource)
        alive = store.alive
        place = chosen.random()
        if kind == "insert":
            self.account.insert(resource)
            return
        if not alive:
            return
        row_id = store.id_of(alive[int(place * len(alive))])
        if kind == "delete":
            self.account.delete(resource, row_id)
        else:
            self.account.update(resource, row_id)

    def report(self, ids: bool = True) -> dict[str, Any]:
        resources: dict[str, Any] = {}
        with self.account.lock:
            for name, watch in self.account.watches.items():
                resources[name] = watch.counts()
                if ids:
                    resources[name] = {
                        "throughout": sorted(watch.throughout, key=lambda i: (len(i), i)),
                        "inserted": watch.inserted,
                        "updated": watch.updated,
                        "deleted": watch.deleted,
                    }
        running = self._task is not None and not self._task.done()
        return {"running": running, "steps": self.steps, "resources": resources}
