"""The destination with other limits than its own, so that few rows and little time show what many do.

It runs as a process that is forked from one that has imported everything: tests that start many of them spend no
seconds on each, and may kill them as any other.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

# Blocks of a few rows, imports of a few contacts, which are soon asked about, and soon given up: limits by their names
# in the modules that have them, and seconds.
SMALL_STEPS = {
    "BLOCK_ROWS": 60,
    "MOST_CONTACTS": 15,
    "IMPORTS_PER_MINUTE": 6000,
    "SINGLE_IMPORTS_PER_MINUTE": 6000,
    "first_question": 0.05,
    "shortest_pause": 0.02,
    "longest_batch": 1.5,
}

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["destination_activecampaign.commands"])
_NUMBERS = count()


class LimitedProcess:
    """A command of the destination with some limits; what Popen does, as far as tests need it."""

    def __init__(self, folder: Path, arguments: Sequence[str], limits: Mapping[str, float]) -> None:
        number = next(_NUMBERS)
        pipes = [str(folder / f"{name} of {number}") for name in ("stdin", "stdout", "stderr")]
        for path in pipes:
            os.mkfifo(path)
        self._process = _FORKING.Process(target=_run, args=(list(arguments), dict(limits), pipes), daemon=True)
        self._process.start()
        # Each waits until the other side opens it, too.
        self.stdin, self.stdout, self.stderr = (
            open(path, mode)  # noqa: PTH123, SIM115
            for path, mode in zip(pipes, ("wb", "rb", "rb"), strict=True)
        )

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> None:
        self._process.join(timeout)
        assert self._process.exitcode is not None, "it did not end in time"

    def kill(self) -> None:
        self._process.kill()


def _run(arguments: list[str], limits: dict[str, Any], pipes: list[str]) -> None:
    for fd, (path, flags) in enumerate(zip(pipes, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
        opened = os.open(path, flags)
        os.dup2(opened, fd)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115

    from destination_activecampaign import commands, hand, objects, run  # noqa: PLC0415
    from destination_activecampaign.contacts import delivery, importer, pipeline  # noqa: PLC0415

    run.take_over_stdout()
    for module in (delivery, hand, importer, pipeline):
        for name in limits.keys() & vars(module).keys():
            setattr(module, name, limits[name])

    def contacts_writer(*given: Any) -> pipeline.ContactsWriter:
        first = limits.get("first_question", importer.FIRST_QUESTION)
        durations = importer.Durations(first, limits.get("shortest_pause", 0.5))
        longest = limits.get("longest_batch", importer.LONGEST_BATCH)
        return pipeline.ContactsWriter(*given, durations=durations, longest_batch=longest)

    objects.FAMILIES = [
        family._replace(writer=contacts_writer) if family.writer is pipeline.ContactsWriter else family
        for family in objects.FAMILIES
    ]
    commands.run_command(arguments)
