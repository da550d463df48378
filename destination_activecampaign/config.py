"""What the user configures: read, judged, and brought into the one form that the rest works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class StreamSettings:
    """What names and sync modes do not say about a stream by themselves; `fields` are by the name of a column."""

    stream: str
    object: str | None = None
    mode: str | None = None
    key: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tracking:
    """The keys of event tracking, from Settings > Tracking."""

    actid: str
    event_key: str = field(repr=False)


@dataclass(frozen=True)
class Config:
    """A configuration in its canonical form; what each setting means stands in spec.json."""

    api_url: str
    api_key: str = field(repr=False)
    requests_per_second: float = 5.0
    streams: tuple[StreamSettings, ...] = ()
    null_values: Literal["ignore", "clear"] = "ignore"
    create_missing: frozenset[str] = frozenset({"tags"})
    tags: Literal["add", "replace"] = "add"
    deletions: Literal["refuse", "unsubscribe", "delete"] = "refuse"
    run_automations: bool = False
    resubscribe: bool = False
    on_rejected: Literal["continue", "fail"] = "continue"
    rejected_records: str | None = None
    compare: Literal["auto", "always", "never"] = "auto"
    tracking: Tracking | None = None
    tracking_url: str = "https://trackcmp.net"
