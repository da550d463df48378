"""Where an account's API is."""

import ipaddress
import re
from urllib.parse import urlsplit

_WHERE = "Copy it from Settings > Developer in ActiveCampaign; it looks like https://youraccount.api-us1.com."
_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_API_PATH = re.compile(r"(/api(/3)?)?/*")


def api_root(value: str) -> str:
    """The root of an account's API: scheme and host, no path, no trailing slash.

    Accepts what people paste: spaces around it, a trailing slash, `/api/3`, no scheme, or only the name of
    the account, which stands for `https://NAME.api-us1.com`.
    See https://developers.activecampaign.com/reference/url.

    >>> api_root(" https://acme.api-us1.com/api/3/ ")
    'https://acme.api-us1.com'
    >>> api_root("acme")
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
