"""Rows that cannot be written: why, and the lines about them."""

import json
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from activecampaign_client.secrets import Mask
from destination_activecampaign.places import Place


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
    """A JSON object a line for each rejected row, in `place`; without one nothing is kept. Safe to share.

    `mask` takes secrets out of what is written. Every method raises ApiError of the kind "config", with a sentence,
    where `place` cannot be written to.
    """

    def __init__(self, place: Place | None, mask: Mask) -> None:
        self._place = place
        self._mask = mask
        self._lock = threading.Lock()

    @property
    def where(self) -> str | None:
        """The path of the file, or the URL of the folder in S3."""
        return self._place.where if self._place else None

    def prove(self) -> None:
        """Make sure that lines can be kept; nothing is there afterwards that was not before, but the folder."""
        if self._place:
            self._place.prove()

    def add(
        self,
        stream: str | None,
        kind: str | None,
        key: Mapping[str, Any] | None,
        rejection: Rejection,
        row: Mapping[str, Any] | str,
    ) -> None:
        """Take a row with the reason; it is safe from a crash after `keep` only.

        `row` is its text where it is none that can be read.
        """
        if not self._place:
            return
        entry = {"stream": stream, "object": kind, "key": key, "code": rejection.code, "message": rejection.message}
        line = self._mask(_json({**entry, "row": row})).encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            self._place.add(line)

    def keep(self) -> None:
        """Return when everything that was added is safe."""
        if self._place:
            with self._lock:
                self._place.keep()


def _json(entry: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(entry).decode()
    except TypeError:
        # Half a surrogate pair, or a number of more than 64 bits.
        return json.dumps(entry)
