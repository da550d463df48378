"""States on their way in and out."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from airbyte_cdk.models import (
    AirbyteStateBlob,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    SyncMode,
)

# A wall clock is at most 14 hours away from UTC, and an hour is repeated when daylight saving time ends.
FARTHEST_ZONE = timedelta(hours=15)

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def of_incremental(
    states: Iterable[AirbyteStateMessage], catalog: ConfiguredAirbyteCatalog
) -> list[AirbyteStateMessage]:
    """The states of the streams that are to be read incrementally; the CDK would follow those of the others, too."""
    full = {one.stream.name for one in catalog.streams if one.sync_mode is SyncMode.full_refresh}
    return [state for state in states if not state.stream or state.stream.stream_descriptor.name not in full]


def not_past(state: AirbyteStateMessage, moment: datetime) -> AirbyteStateMessage:
    """The state with no cursor past `moment`, the beginning of the sync.

    A record dated in the future would otherwise carry the cursor past everything that changes until then, and a
    record read late in a sync past those that changed after they were read. Both would be lost next time.
    """
    if state.stream and state.stream.stream_state is not None:
        state.stream.stream_state = AirbyteStateBlob(_capped(state.stream.stream_state.__dict__, moment))
    return state


def _capped(value: Any, moment: datetime) -> Any:
    """
    >>> from datetime import timezone
    >>> _capped({"udate": "2031-01-01T00:00:00Z"}, datetime(2024, 6, 15, 12, tzinfo=timezone.utc))
    {'udate': '2024-06-15T12:00:00Z'}
    """
    if isinstance(value, dict):
        return {key: _capped(part, moment) for key, part in value.items()}
    if isinstance(value, list):
        return [_capped(part, moment) for part in value]
    if isinstance(value, str) and _TIMESTAMP.match(value):
        wall_clock = (moment - FARTHEST_ZONE).strftime("%Y-%m-%dT%H:%M:%S")
        limit = moment.strftime("%Y-%m-%dT%H:%M:%SZ") if value.endswith("Z") else wall_clock
        return limit if value[:19] > limit[:19] else value
    return value
