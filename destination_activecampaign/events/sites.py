"""The sites whose pages ActiveCampaign tracks: those that it allows."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from activecampaign_client.account import Account
from activecampaign_client.answers import Request, codes_in, said_by
from activecampaign_client.errors import ApiError
from destination_activecampaign.events import reasons
from destination_activecampaign.rejections import Rejection

LOGGER = logging.getLogger(__name__)


class Sites:
    """Allows sites, each once per sync; safe to share between threads."""

    def __init__(self, account: Account, stream: str = "page") -> None:
        self._account = account
        self._stream = stream

    def allow(self, site: str) -> Rejection | None:
        """Why a site is not tracked; None where it is. Raises ApiError where nobody answers."""
        return self._account.once(f"site {site}", lambda: self._allowed(site))

    def _allowed(self, site: str) -> Rejection | None:
        said = ""
        for path, body in _routes(site):
            # What is there already stays so.
            request = self._request(path, method="POST", body=body, may_be_refused=True, repeatable=True)
            try:
                answer = self._account.send(request)
            except ApiError as error:
                if error.kind == "transient":
                    raise
                said = str(error)
                continue
            if answer.status < 300 or answer.status == 409 or "duplicate" in codes_in(answer):
                return None
            said = said_by(answer) or f"HTTP {answer.status}"
        if site in self._listed():
            return None
        LOGGER.warning("The site %s could not be allowed for tracking: %s", site, said)
        return reasons.SITE_REFUSED

    def _listed(self) -> Iterator[str]:
        """The sites that are allowed, as far as they can be read."""
        for path, key in (("prism/urlWhitelistings", "data"), ("siteTrackingDomains", "siteTrackingDomains")):
            try:
                for row in self._account.rows(path, key, key=_KEYS[path], request=self._request(path)):
                    attributes = row.get("attributes")
                    found = attributes.get("whitelisted_domain") if isinstance(attributes, Mapping) else row.get("name")
                    yield str(found).lower()
            except ApiError as error:
                if error.kind == "transient":
                    raise

    def _request(self, path: str, **more: Any) -> Request:
        return Request(path, stream=self._stream, permission="access to the tracking settings", **more)


_KEYS = {"prism/urlWhitelistings": ("id",), "siteTrackingDomains": ("name",)}


def _routes(site: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The requests that allow a site: the one that is documented, then those that others use."""
    # POST /prism/urlWhitelistings of the vendor's OpenAPI document of 2026; 409 where the site is allowed.
    wanted = {"whitelisted_domain": site, "whitelisted_page": "*", "tracking_enabled": True}
    others = {"conversations_enabled": False, "wp_enabled": False}
    yield "prism/urlWhitelistings", {"data": {"type": "urlWhitelistings", "attributes": {**wanted, **others}}}
    # What a client was seen to use in 2026, and what the documents had before.
    yield "siteTracking/whitelist", {"siteTrackingWhitelist": {"name": site}}
    yield "siteTrackingDomains", {"siteTrackingDomain": {"name": site}}
