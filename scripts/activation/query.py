"""The user's query, run by DuckDB, and its rows in a file."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

import duckdb
from terminal import Problem, shown

from activation import rows

T = TypeVar("T")
# Rows of which each state says that they are written. What is fetched at once is as many.
ROWS_PER_STATE = 1000
# What DuckDB's messages repeat of where a database is and how it is entered.
_PASSWORD = re.compile(r"""(\bpassword\s*=\s*|://[^\s:/@]+:)('(?:[^'\\]|\\.)*'|[^\s'";@]+)""", re.IGNORECASE)


@dataclass
class Result:
    """The rows of a query as a stream, which are fetched when they are asked for; `types` are those of its columns."""

    stream: str
    types: dict[str, str]
    chunks: Iterator[list[tuple[Any, ...]]]
    written: int = field(default=0, init=False)

    def write(self, file: IO[bytes]) -> Iterator[int]:
        """Write records and states to a file; yields the number of rows so far. Raises Problem where DuckDB fails."""
        columns = list(self.types)
        for chunk in self.chunks:
            file.writelines(rows.record(self.stream, columns, values) for values in chunk)
            self.written += len(chunk)
            file.write(rows.state(self.stream, self.written))
            yield self.written


@contextlib.contextmanager
def opened(attached: Path, spill: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A database that is empty, and a sentence about what could not be attached to it.

    The DuckDB file of `make sync` can be read in it under its own name, where there is one; nothing can be written to
    it. What does not fit into memory goes to the folder `spill`.
    """
    with duckdb.connect(config={"temp_directory": str(spill)}) as database:
        problem = ""
        if attached.exists():
            quoted_path, quoted_name = str(attached).replace("'", "''"), attached.stem.replace('"', '""')
            try:
                database.execute(f"ATTACH '{quoted_path}' AS \"{quoted_name}\" (READ_ONLY)")
            except duckdb.Error:
                problem = f"{shown(attached)} is open in another program, or no DuckDB file: it cannot be queried now."
        yield database, problem


def run(database: duckdb.DuckDBPyConnection, text: str, stream: str) -> Result:
    """Run the statements of a query, the last of which has the rows. Raises Problem where it has none, or fails."""
    description = _done(database, lambda: _execute(database, text))
    types = {name: kind.id for name, kind, *_ in description}
    if len(types) < len(description):
        names = [name for name, *_ in description]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem(f"QUERY has two columns that are called {twice}: give one of them another name with AS.")
    readings = {place: read for place, (_, kind, *_) in enumerate(description) if (read := rows.reading_of(kind))}
    return Result(stream, types, _chunks(database, readings))


def _execute(database: duckdb.DuckDBPyConnection, text: str) -> list[Any]:
    """Run the statements; gives back the names and types of the columns."""
    statements = database.extract_statements(text)
    if not statements or statements[-1].expected_result_type != [duckdb.ExpectedResultType.QUERY_RESULT]:
        raise Problem("QUERY has to end with a SELECT, whose rows are written.")
    for statement in statements:
        database.execute(statement)
    return database.description or []


def _chunks(
    database: duckdb.DuckDBPyConnection, readings: Mapping[int, Callable[[Any], Any]]
) -> Iterator[list[tuple[Any, ...]]]:
    while chunk := _done(database, lambda: database.fetchmany(ROWS_PER_STATE)):
        if readings:
            chunk = [
                tuple(readings[place](value) if place in readings else value for place, value in enumerate(row))
                for row in chunk
            ]
        yield chunk


def _done(database: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """What DuckDB is asked to do, in a thread of its own: in this one it does not always notice an interrupt.

    Raises Problem with what DuckDB says, without passwords and the place in the query that it draws below.
    """
    with ThreadPoolExecutor(1, "query") as thread:
        under_way = thread.submit(work)
        try:
            return under_way.result()
        except KeyboardInterrupt:
            while not under_way.done():
                # It has no effect on what has not begun.
                database.interrupt()
                wait([under_way], 0.1)
            raise
        except duckdb.Error as error:
            message = _PASSWORD.sub(r"\1***", " ".join(str(error).partition("\n\n")[0].split()))
            raise Problem(f"The query failed: {message}{'' if message.endswith(('.', '!', '?')) else '.'}") from None
