"""Lines from a pipe: of any size, read ahead within bounds."""

import os
import select
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from activecampaign_client.errors import ApiError
from destination_activecampaign.input import CHUNK_BYTES, CHUNKS_AHEAD, Lines


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    output, written = os.pipe()
    yield output, written
    for fd in (output, written):
        with suppress(OSError):
            os.close(fd)


def all_of(lines: Lines) -> list[bytes]:
    found: list[bytes] = []
    while (some := lines.next(10)) is not None:
        found += some
    return found


def test_no_input_has_no_lines(pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    assert all_of(Lines(pipe[0])) == []


def test_the_last_line_needs_no_end(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"one\n\ntwo")
    os.close(pipe[1])
    assert all_of(Lines(pipe[0])) == [b"one", b"", b"two"]


def test_a_line_may_come_in_pieces_and_be_of_any_size(pipe: tuple[int, int]) -> None:
    lines = Lines(pipe[0])

    def write() -> None:
        for piece in (b"a", b"b" * 3_000_000, b"c\nd", b"e\n"):
            view = memoryview(piece)
            while view:
                view = view[os.write(pipe[1], view) :]
        os.close(pipe[1])

    threading.Thread(target=write).start()
    assert all_of(lines) == [b"a" + b"b" * 3_000_000 + b"c", b"de"]


def test_it_says_when_nothing_comes(pipe: tuple[int, int]) -> None:
    assert Lines(pipe[0]).next(0.01) == []


def test_no_more_is_read_ahead_than_fits(pipe: tuple[int, int]) -> None:
    Lines(pipe[0])
    os.set_blocking(pipe[1], False)
    most, written = (CHUNKS_AHEAD + 4) * CHUNK_BYTES, 0
    # Until nobody takes anything out of the pipe for a while.
    while written <= most and select.select([], [pipe[1]], [], 0.5)[1]:
        written += os.write(pipe[1], b"x" * 4095 + b"\n")
    assert CHUNKS_AHEAD * 4096 <= written <= most


def test_an_input_that_cannot_be_read_is_no_end(tmp_path: object) -> None:
    folder = os.open(str(tmp_path), os.O_RDONLY)
    try:
        with pytest.raises(ApiError, match=r"^The input cannot be read any further: .*Is a directory") as failed:
            Lines(folder).next(10)
    finally:
        os.close(folder)
    assert failed.value.kind == "system"
