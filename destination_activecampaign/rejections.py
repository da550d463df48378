"""Rows that cannot be written: why, and where they are kept."""

import json
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from activecampaign_client.errors import ApiError
from activecampaign_client.secrets import Mask

FILE_NAME = "rejected.jsonl"


class Rejection(NamedTuple):
    """Why a row cannot be written.

    `code` is one word for programs, such as `email_invalid`; `sentence` is for the person who mends the row, and has
    no value of it: it stands in the log, too. `detail` is what the API says of it, which may have anything in it: it
    stands beside the row, and nowhere else.

    >>> Rejection("api_refused", "ActiveCampaign refused the row.", "Ann Lee has this phone").message
    'ActiveCampaign refused the row. It says: Ann Lee has this phone.'
    """

    code: str
    sentence: str
    detail: str = ""

    @property
    def message(self) -> str:
        return f"{self.sentence} It says: {self.detail}." if self.detail else self.sentence


class RejectedRecords:
    """The file `rejected.jsonl` in a folder, which gets a JSON object a line for each rejected row; safe to share.

    `folder` is made where it is not there; without one nothing is kept. `mask` takes secrets out of what is written.
    Every method raises ApiError of the kind "config", with a sentence, where the file cannot be written.
    """

    def __init__(self, folder: str | None, mask: Mask) -> None:
        self._folder = Path(folder).expanduser() if folder else None
        self._mask = mask
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._is_dirty = False

    @property
    def path(self) -> Path | None:
        return self._folder / FILE_NAME if self._folder else None

    def prove(self) -> None:
        """Make the folder, and write something into it that is gone at once."""
        if self._folder:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=self._folder) as file:
                    file.write(b"{}\n")
            except OSError as error:
                raise self._failure(error) from None

    def add(
        self,
        stream: str | None,
        kind: str | None,
        key: Mapping[str, Any] | None,
        rejection: Rejection,
        row: Mapping[str, Any] | str,
    ) -> None:
        """Write a row with the reason; it is safe from a crash of the machine after `keep` only.

        `row` is its text where it is none that can be read.
        """
        if not self._folder:
            return
        entry = {"stream": stream, "object": kind, "key": key, "code": rejection.code, "message": rejection.message}
        line = self._mask(_json({**entry, "row": row})).encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            try:
                if self._fd is None:
                    self._fd = self._open()
                while line:
                    line = line[os.write(self._fd, line) :]
            except OSError as error:
                raise self._failure(error) from None
            self._is_dirty = True

    def keep(self) -> None:
        """Return when the disk has everything that was added."""
        with self._lock:
            if self._is_dirty and self._fd is not None:
                try:
                    os.fsync(self._fd)
                except OSError as error:
                    raise self._failure(error) from None
                self._is_dirty = False

    def _open(self) -> int:
        assert self.path is not None  # noqa: S101
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        size = os.fstat(fd).st_size
        # What was cut off when the disk was full, or the machine went down.
        if size and os.pread(fd, 1, size - 1) != b"\n":
            os.write(fd, b"\n")
        return fd

    def _failure(self, error: OSError) -> ApiError:
        return ApiError(
            f"The rejected records cannot be written to {self.path}: {error.strerror}. Make room there, or choose "
            "another folder under Rejected Records in the configuration. Nothing that is not kept is acknowledged.",
            kind="config",
        )


def _json(entry: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(entry).decode()
    except TypeError:
        # Half a surrogate pair, or a number of more than 64 bits.
        return json.dumps(entry)
