"""What the user configures, brought into the one form that the manifest works with."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

_WHERE = "Copy it from Settings > Developer in ActiveCampaign; it looks like https://youraccount.api-us1.com."
_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_API_PATH = re.compile(r"(/api(/3)?)?/*")


def normalize_api_url(value: str) -> str:
    """The root of an account's API: scheme and host, no path, no trailing slash.

    Accepts what people paste: spaces around it, a trailing slash, `/api/3`, no scheme, or only the name of
    the account, which stands for `https://NAME.api-us1.com`.
    See https://developers.activecampaign.com/reference/url.

    >>> normalize_api_url(" https://acme.api-us1.com/api/3/ ")
    'https://acme.api-us1.com'
    >>> normalize_api_url("acme")
    'https://acme.api-us1.com'

    Raises ValueError with a sentence for the user when the key could not be sent there safely.
    """
    text = value.strip()
    if _ACCOUNT_NAME.fullmatch(text) and text != "localhost":
        return f"https://{text.lower()}.api-us1.com"
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"The API URL is not a URL ({error}). {_WHERE}") from None
    if not host:
        raise ValueError(f"The API URL has no host name. {_WHERE}")
    if not re.fullmatch(r"[A-Za-z0-9.:-]+", host):
        raise ValueError(f"The API URL has a host name with characters that no host has. {_WHERE}")
    if parts.username or parts.password:
        raise ValueError(f"The API URL must not contain a user name or password. {_WHERE}")
    if parts.query or parts.fragment or not _API_PATH.fullmatch(parts.path):
        raise ValueError(f"The API URL must end after the host name. {_WHERE}")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError(f"The API URL must begin with https://, so that the API key stays secret. {_WHERE}")
    netloc = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{netloc}{f':{port}' if port else ''}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def normalize_start_date(value: str) -> str:
    """A date or date-time as UTC to the second; one without an offset is UTC.

    >>> normalize_start_date("2024-03-01T00:00:00.000+01:00")
    '2024-02-29T23:00:00Z'
    """
    text = value.strip().replace("Z", "+00:00")
    text = re.sub(r"\.\d+", "", text)
    text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text) if "T" in text or " " in text else text
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return f"{moment.astimezone(timezone.utc).isoformat()[:19]}Z"
    except (ValueError, OverflowError):
        raise ValueError(f"The start date {value!r} is not a date. Write it as YYYY-MM-DDTHH:MM:SSZ.") from None


_NORMALIZERS: Mapping[str, Callable[[str], str]] = {
    "api_url": normalize_api_url,
    "start_date": normalize_start_date,
}


def normalize(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with every default filled in and every value in its canonical form.

    A value that has no canonical form stays as it is, for `validate` to complain about.
    """
    complete = {**defaults, **{key: value for key, value in config.items() if value is not None}}
    for key, canonical in _NORMALIZERS.items():
        if isinstance(value := complete.get(key), str):
            with suppress(ValueError):
                complete[key] = canonical(value)
    return complete


def validate(config: Mapping[str, Any]) -> None:
    """Raises a configuration error that says in one sentence what is wrong."""
    for key, canonical in _NORMALIZERS.items():
        if isinstance(value := config.get(key), str):
            try:
                canonical(value)
            except ValueError as error:
                raise AirbyteTracedException(
                    message=str(error), internal_message=str(error), failure_type=FailureType.config_error
                ) from None
