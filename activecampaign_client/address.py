"""Where an account's API is."""

import ipaddress
import re
from urllib.parse import urlsplit

from activecampaign_client.pasted import trimmed

_WHERE = "Copy it from Settings > Developer in ActiveCampaign; it looks like https://youraccount.api-us1.com."
_OTHER_CHARACTERS = f"The API URL has a host name with characters that no host has. {_WHERE}"
_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
# https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4: 63 characters between two dots, 253 in all.
_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?")
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:\[\]]*)(:[0-9]*)?")
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

    Raises ValueError with a sentence for the user when the key could not be sent there safely, or at all.
    """
    text = trimmed(value)
    if _ACCOUNT_NAME.fullmatch(text) and text != "localhost":
        return f"https://{text.lower()}.api-us1.com"
    if "://" not in text:
        text = f"https://{text}"
    # In what people paste as an address, only the host is likely to have a space or an accented letter.
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError(_OTHER_CHARACTERS)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"The API URL is not a URL. {_WHERE}") from None
    if "@" in parts.netloc:
        raise ValueError(f"The API URL must not contain a user name or password. {_WHERE}")
    if not _PLACE.fullmatch(parts.netloc):
        raise ValueError(f"The API URL is not a URL. {_WHERE}")
    if not host:
        raise ValueError(f"The API URL has no host name. {_WHERE}")
    if not re.fullmatch(r"[A-Za-z0-9.:-]+", host):
        raise ValueError(_OTHER_CHARACTERS)
    address = _address(host)
    if not (address if "[" in parts.netloc else _HOST_NAME.fullmatch(host)):
        raise ValueError(f"The API URL has a host name that is empty between two dots, or too long. {_WHERE}")
    if "?" in text or "#" in text or not _API_PATH.fullmatch(parts.path):
        raise ValueError(f"The API URL must end after the host name. {_WHERE}")
    is_loopback = host == "localhost" or (address is not None and address.is_loopback)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback):
        raise ValueError(f"The API URL must begin with https://, so that the API key stays secret. {_WHERE}")
    netloc = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{netloc}{f':{port}' if port else ''}"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
