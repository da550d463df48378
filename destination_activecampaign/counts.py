"""How many rows of each stream came, and what became of them."""

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

from destination_activecampaign.catalog import Target
from destination_activecampaign.messages import StreamName
from destination_activecampaign.rejections import Rejection
from destination_activecampaign.writer import Outcome


class Counts:
    """The rows of a sync by stream and outcome; safe to share between threads.

    Rows of which not even the stream can be read are those of the stream "".
    """

    def __init__(self, targets: Iterable[Target]) -> None:
        self._lock = threading.Lock()
        self._objects = {(target.stream, target.namespace): target.object for target in targets}
        self._outcomes: dict[StreamName, Counter[str]] = {stream: Counter() for stream in self._objects}
        self._codes: dict[StreamName, Counter[str]] = {}

    def add(self, stream: StreamName, outcome: Outcome | Rejection) -> bool:
        """Count a row; whether it is the first one of its stream that was rejected with this code."""
        with self._lock:
            outcomes = self._outcomes.setdefault(stream, Counter())
            if isinstance(outcome, Outcome):
                outcomes[outcome.value] += 1
                return False
            outcomes["rejected"] += 1
            codes = self._codes.setdefault(stream, Counter())
            codes[outcome.code] += 1
            return codes[outcome.code] == 1

    def rows(self) -> int:
        """All rows that are settled."""
        with self._lock:
            return sum(one.total() for one in self._outcomes.values())

    def rejected(self) -> int:
        with self._lock:
            return sum(one["rejected"] for one in self._outcomes.values())

    def lines(self) -> list[str]:
        """One line for each stream."""
        return [
            f"Stream {entry['stream'] or 'unknown'}{' to ' + entry['object'] if entry['object'] else ''}: "
            f"{entry['rows']:,} rows: {_listed(entry['outcomes']) or 'nothing to write'}"
            + (f" ({_listed(entry['codes'])})" if entry["codes"] else "")
            for entry in self.as_json()
        ]

    def reasons(self) -> str:
        """How many rows of all streams were rejected for which reason, the most frequent first; empty where none was.

        >>> counts = Counts([])
        >>> for code in ("exists", "no_match", "exists"):
        ...     _ = counts.add(("people", None), Rejection(code, "..."))
        >>> counts.reasons()
        '2 exists, 1 no_match'
        """
        with self._lock:
            return _listed(dict(sum(self._codes.values(), Counter[str]()).most_common()))

    def as_json(self) -> list[dict[str, Any]]:
        """The figures as JSON objects, one for each stream; zeros are left out of `outcomes` and `codes`."""
        with self._lock:
            return [
                {
                    "stream": stream[0] or None,
                    "object": self._objects.get(stream),
                    "rows": outcomes.total(),
                    "outcomes": dict(outcomes),
                    "codes": dict(self._codes.get(stream, {})),
                }
                for stream, outcomes in self._outcomes.items()
            ]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())
