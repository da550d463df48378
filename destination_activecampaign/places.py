"""Where the lines about rejected rows are kept: in a file of a folder, or in objects under an s3:// URL."""

import os
import tempfile
from pathlib import Path
from typing import Protocol

from activecampaign_client.errors import ApiError
from destination_activecampaign.bucket import SCHEME, Bucket

FILE_NAME = "rejected.jsonl"


class Place(Protocol):
    """Keeps lines; used by one thread at a time. Every method raises ApiError of the kind "config" where it cannot."""

    @property
    def where(self) -> str:
        """What people find the lines by."""

    def prove(self) -> None:
        """Make sure that lines can be kept, and keep none."""

    def add(self, line: bytes) -> None:
        """Take a line; it may be lost in a crash until `keep` returns."""

    def keep(self) -> None:
        """Return when every line that was added is safe."""


def place_of(setting: str | None) -> Place | None:
    """The place that the setting `rejected_records` names, in its canonical form. Raises ApiError."""
    if setting is None:
        return None
    return Bucket(setting) if setting.startswith(SCHEME) else Folder(setting)


class Folder:
    """The file `rejected.jsonl` in a folder, which is made where it is not there; lines are added at its end."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).expanduser()
        self._fd: int | None = None
        self._is_dirty = False

    @property
    def where(self) -> str:
        return str(self._folder / FILE_NAME)

    def prove(self) -> None:
        """Make the folder, and write something into it that is gone at once."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder) as file:
                file.write(b"{}\n")
        except OSError as error:
            raise self._failure(error) from None

    def add(self, line: bytes) -> None:
        try:
            if self._fd is None:
                self._fd = self._open()
            while line:
                line = line[os.write(self._fd, line) :]
        except OSError as error:
            raise self._failure(error) from None
        self._is_dirty = True

    def keep(self) -> None:
        if self._is_dirty and self._fd is not None:
            try:
                os.fsync(self._fd)
            except OSError as error:
                raise self._failure(error) from None
            self._is_dirty = False

    def _open(self) -> int:
        fd = os.open(self.where, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        size = os.fstat(fd).st_size
        # What was cut off when the disk was full, or the machine went down.
        if size and os.pread(fd, 1, size - 1) != b"\n":
            os.write(fd, b"\n")
        return fd

    def _failure(self, error: OSError) -> ApiError:
        return ApiError(
            f"The rejected records cannot be written to {self.where}: {error.strerror}. Make room there, or choose "
            "another folder under Rejected Records in the configuration. Nothing that is not kept is acknowledged.",
            kind="config",
        )
