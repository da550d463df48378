"""What the user configures: read, judged, and brought into the one form that the rest works with.

Everything that can be wrong with it is said here, in a sentence that calls the setting by its title in the form.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from activecampaign_client.pasted import trimmed
from activecampaign_client.secrets import forms_of
from activecampaign_client.settings import canonical, choice, instead_of, require_account

MODES = ("upsert", "update", "insert", "soft_delete", "append")
_FROM_TRACKING = "Copy it from Settings > Tracking in ActiveCampaign."


@dataclass(frozen=True)
class StreamSettings:
    """What names and sync modes do not say about a stream by themselves.

    `fields` are by the name of a column; the field of a column that is to be left out is an empty text.
    """

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


@cache
def settings() -> Mapping[str, Any]:
    """The properties of the spec."""
    spec = json.loads((Path(__file__).parent / "spec.json").read_bytes())
    return cast(Mapping[str, Any], spec["connectionSpecification"]["properties"])


def config_of(given: Mapping[str, Any]) -> Config:
    """The configuration that was given, in its canonical form; what the spec does not name has no meaning.

    >>> config_of({"api_url": "acme", "api_key": "the key", "tags": "REPLACE"}).tags
    'replace'

    Raises ValueError with one sentence that says what is wrong.
    """
    found = {}
    for name, setting in settings().items():
        if setting["type"] not in ("array", "object"):
            found[name] = canonical(name, setting, given.get(name))
    account = {name: found[name] for name in ("api_url", "api_key") if found[name] is not None}
    require_account(account)
    return Config(
        **{
            **found,
            "streams": _streams(given.get("streams")),
            "create_missing": frozenset(
                choice("Create What Is Missing", ("tags", "options", "accounts"), one)
                for one in _texts("Create What Is Missing", given.get("create_missing"), ["tags"])
            ),
            "rejected_records": _place(found["rejected_records"]),
            "tracking": _tracking(given.get("tracking")),
            "tracking_url": _tracking_url(found["tracking_url"]),
        }
    )


def secrets_in(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Every form of every secret in a configuration, whatever else is wrong with it; the longest first."""
    tracking = given.get("tracking")
    keys = [given.get("api_key"), tracking.get("event_key") if isinstance(tracking, Mapping) else None]
    forms = {form for key in keys if isinstance(key, str) for form in forms_of(key)}
    return tuple(sorted(forms, key=len, reverse=True))


def _streams(given: Any) -> tuple[StreamSettings, ...]:
    found: dict[str, StreamSettings] = {}
    for entry in _entries("The Streams setting", given):
        name = _text(entry.get("stream"))
        if not name:
            raise ValueError('Each entry of the Streams setting needs the name of its stream, as "stream".')
        if name in found:
            raise ValueError(f"The Streams setting of {name} is there twice: put both entries into one.")
        if unknown := entry.keys() - settings()["streams"]["items"]["properties"].keys():
            raise ValueError(
                f"The Streams setting of {name} has {_quoted(unknown)}, which is no part of it: correct or remove it."
            )
        mode = entry.get("mode")
        key = entry.get("key")
        found[name] = StreamSettings(
            stream=name,
            object=(_text(entry.get("object")) or "").lower() or None,
            mode=None if mode in (None, "") else choice(f"Mode (stream {name})", MODES, mode),
            key=tuple(_texts(f"Key of {name}", [key] if isinstance(key, str) else key, [])),
            fields=_fields(name, entry.get("columns")),
        )
    return tuple(found.values())


def _fields(stream: str, given: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in _entries(f"The Columns setting of {stream}", given):
        column = _text(entry.get("column"))
        if not column:
            raise ValueError(f'Each entry of the Columns of {stream} needs the name of its column, as "column".')
        if column in found:
            raise ValueError(f"The column {column} stands twice under the Columns of {stream}.")
        if unknown := entry.keys() - {"column", "field"}:
            raise ValueError(
                f"The Columns setting of {stream} has {_quoted(unknown)}, which is no part of it: correct or remove it."
            )
        found[column] = _text(entry.get("field")) or ""
    return found


def _entries(title: str, given: Any) -> list[Mapping[str, Any]]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(entry, Mapping) for entry in given):
        raise ValueError(f"{title} has to be a list of objects.")
    return given


def _texts(title: str, given: Any, default: list[str]) -> list[str]:
    if given is None:
        return default
    if not isinstance(given, list) or not all(isinstance(one, str) and trimmed(one) for one in given):
        raise ValueError(f"The {title} setting has to be a list of texts.")
    return [trimmed(one) for one in given]


def _text(value: Any) -> str | None:
    """A name; ids of fields are written as numbers, too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return trimmed(value) if isinstance(value, str) else None


def _quoted(names: set[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(map(str, names)))


def _place(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str):
        raise ValueError(
            "The Rejected Records setting has to be the path of a folder, or a URL such as "
            f"s3://bucket/folder{instead_of(given)}."
        )
    if "://" not in given:
        return given
    scheme, _, rest = given.partition("://")
    bucket, _, folder = rest.partition("/")
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    if scheme.lower() != "s3" or not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", bucket):
        raise ValueError(
            "The URL of the Rejected Records setting has to be one such as s3://bucket/folder, and no other can be "
            "written to. Credentials have no place in it: the AWS settings of the environment hold."
        )
    return "/".join(filter(None, (f"s3://{bucket}", folder.strip("/"))))


def _tracking(given: Any) -> Tracking | None:
    if given is None or given == {}:
        return None
    if not isinstance(given, Mapping):
        raise ValueError(f"The Event Tracking setting has to be an object with actid and event_key{instead_of(given)}.")
    actid, event_key = _text(given.get("actid")) or "", _text(given.get("event_key")) or ""
    if not re.fullmatch("[0-9]{1,20}", actid):
        raise ValueError(
            f"The actid of the Event Tracking setting has to be a number of digits alone. {_FROM_TRACKING}"
        )
    if not re.fullmatch("[A-Za-z0-9]+", event_key):
        raise ValueError(
            "The Event Key of the Event Tracking setting "
            f"{'has characters that no key has' if event_key else 'is missing'}. {_FROM_TRACKING}"
        )
    return Tracking(actid, event_key)


def _tracking_url(given: Any) -> str:
    try:
        parts = urlsplit(given if isinstance(given, str) else "")
        _ = parts.port
    except ValueError:
        raise ValueError("The Tracking URL is not a URL.") from None
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))):
        raise ValueError("The Tracking URL has to begin with https://, so that the event key stays secret.")
    if "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("The Tracking URL must end after the host name.")
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
