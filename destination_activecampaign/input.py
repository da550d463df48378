"""Lines from stdin, read ahead by a thread, so that the rest goes on while nothing comes."""

import os
import queue
import threading

from activecampaign_client.errors import ApiError

CHUNK_BYTES = 262_144
CHUNKS_AHEAD = 16


class Lines:
    """The lines that come from a file descriptor, which few of are in memory, whatever their size.

    >>> output, input = os.pipe()
    >>> os.write(input, b"one\\ntwo\\nthree"), os.close(input)
    (13, None)
    >>> lines = Lines(output)
    >>> [lines.next(1.0) for _ in range(3)]
    [[b'one', b'two'], [b'three'], None]
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._chunks: queue.Queue[list[bytes] | Exception | None] = queue.Queue(CHUNKS_AHEAD)
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    def next(self, seconds: float) -> list[bytes] | None:
        """The next lines, none where none came in so many seconds; None when there are no more.

        Raises ApiError where they cannot be read.
        """
        try:
            chunk = self._chunks.get(timeout=seconds)
        except queue.Empty:
            return []
        if isinstance(chunk, Exception):
            raise ApiError(f"The input cannot be read any further: {chunk}.", kind="system") from None
        return chunk

    def _read(self) -> None:
        # Of a line that is longer than a chunk, what came so far.
        begun: list[bytes] = []
        try:
            while received := os.read(self._fd, CHUNK_BYTES):
                head, newline, tail = received.rpartition(b"\n")
                if newline:
                    self._chunks.put((b"".join(begun) + head).split(b"\n"))
                    begun.clear()
                begun.append(tail)
        except OSError as error:
            self._chunks.put(error)
            return
        if last := b"".join(begun):
            self._chunks.put([last])
        self._chunks.put(None)
