"""Measures what custom fields cost the connector: records per CPU second with 0, 10 and 100 of them per contact.

usage: python benchmarks/custom_fields.py [--contacts 5000] [--runs 3]

The emulator serves each account from a process of its own, without a rate limit; the connector reads its contacts in
a fresh process, of which the CPU time counts: parsing the answers, the custom fields, and writing the records. What it
takes to start, the CPU time of reading an account without contacts, is not counted, as it says nothing about records.
Every account is read in turn, several times; a cell is the median. The plain read has `custom_fields: off` and is that
of the same contacts, for which the API then sends no values.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.measure import Server, run
from integration_tests.source.connector import SCRIPT, configured

FIELDS = (0, 10, 100)
HEADER = ("mode", "custom fields per contact", "CPU s", "records per CPU s", "of the plain read")


class Read(NamedTuple):
    """One read that is measured: the name of its row, and the files that the connector is given."""

    name: str
    fields: int
    config: dict[str, Any]
    catalog: dict[str, Any]


def prepared(name: str, fields: int, server: Server, mode: str) -> Read:
    """The read of an account's contacts in a mode, with the catalog that was discovered for it."""
    config = {"api_url": server.url, "api_key": server.api_key, "requests_per_second": 50, "custom_fields": mode}
    catalog = run(str(SCRIPT), "discover", {"config": config}).catalog
    return Read(name, fields, config, configured(catalog, "contacts"))


def measure(contacts: int, runs: int) -> Sequence[tuple[str, ...]]:
    """The rows of the table."""
    with ExitStack() as stack:

        def served(count: int, fields: int) -> Server:
            rows = {"contacts": count, "fields": fields, "fieldValues": count * fields}
            return stack.enter_context(Server(rows, {"rate_limit_window": "off"}))

        reads = [prepared("start", 0, served(0, 0), "off")]
        for fields in FIELDS:
            server = served(contacts, fields)
            if not fields:
                reads.append(prepared("off (plain read)", 0, server, "off"))
            reads.append(prepared("columns", fields, server, "columns"))

        taken: dict[int, list[float]] = defaultdict(list)
        for _ in range(runs):
            for place, read in enumerate(reads):
                done = run(str(SCRIPT), "read", {"config": read.config, "catalog": read.catalog})
                expected = contacts if place else 0
                if done.records["contacts"] != expected:
                    raise RuntimeError(f"{read.name}: {done.records['contacts']} of {expected} contacts arrived")
                taken[place].append(done.cpu_seconds)

    start, *seconds = (statistics.median(taken[place]) for place in range(len(reads)))
    plain = seconds[0] - start
    return [
        (
            read.name,
            str(read.fields) if read.config["custom_fields"] != "off" else "-",
            f"{total - start:.2f}",
            f"{contacts / (total - start):,.0f}",
            f"{plain / (total - start):.0%}",
        )
        for read, total in zip(reads[1:], seconds, strict=True)
    ] + [("(start, not counted)", "", f"{start:.2f}", "", "")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    table = [HEADER, *measure(given.contacts, given.runs)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADER))]
    for row in table:
        print(row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)))


if __name__ == "__main__":
    main()
