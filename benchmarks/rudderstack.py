"""The calls that RudderStack's destination makes for a contact, made again, to be measured beside ours.

Which calls, in which order and with what in them is told by its published code, `src/v0/destinations/active_campaign/
transform.js` of https://github.com/rudderlabs/rudder-transformer, commit c98d160 of August 2026: for each identify call
the contact is synced; all tags are read, those that are new are created, and each is put on the contact; each list is
set; all custom fields are read; and the contact is synced again, with their values. Fields are found by their title,
and one that no field has is left out; so is a list with a status other than two words.

That code has no budget and does not wait after a 429; a contact of which one call fails is begun anew. Here its calls
leave evenly at the account's limit, for several contacts at once, and a 429 is waited for: the best that could be.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests

from activecampaign_client.pace import Pace

# As many as it takes to reach the limit at a latency of half a second.
AT_ONCE = 4
# How often a contact is begun.
ATTEMPTS = 3
_PAGE = 100
_STATUSES = {"subscribe": "1", "unsubscribe": "2"}

Traits = Mapping[str, Any]
"""Of an identify call: `email`, `firstName`, `lastName`, `phone`, `tags`, `fieldInfo` (values by title), `lists`."""


class Refused(Exception):
    """A call was not answered as it should be, and what is left of the contact is not written."""


@dataclass
class Sent:
    """What writing took, and the email addresses of the contacts that were given up."""

    seconds: float
    given_up: list[str]


class RudderStack:
    """Writes contacts to the account at a URL, with its key."""

    def __init__(self, url: str, api_key: str, requests_per_second: float) -> None:
        self._root = f"{url}/api/3"
        self._pace = Pace(requests_per_second)
        self._session = requests.Session()
        self._session.headers["Api-Token"] = api_key

    def write(self, contacts: Sequence[Traits]) -> Sent:
        """Make the calls for each of them."""
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as executor:
            written = list(executor.map(self._written, contacts))
        given_up = [str(one["email"]) for one, done in zip(contacts, written, strict=True) if not done]
        return Sent(time.monotonic() - began, given_up)

    def _written(self, traits: Traits) -> bool:
        for _ in range(ATTEMPTS):
            with suppress(Refused):
                self._identify(traits)
                return True
        return False

    def _identify(self, traits: Traits) -> None:
        contact = {name: traits[name] for name in ("email", "phone", "firstName", "lastName") if name in traits}
        contact_id = self._post("contact/sync", {"contact": contact})["contact"]["id"]
        for tag in self._tag_ids(traits.get("tags", ())):
            self._post("contactTags", {"contactTag": {"contact": contact_id, "tag": tag}})
        for one in traits.get("lists", ()):
            if status := _STATUSES.get(one["status"]):
                self._post(
                    "contactLists", {"contactList": {"list": one["id"], "contact": contact_id, "status": status}}
                )
        values = self._values(traits.get("fieldInfo", {}))
        self._post("contact/sync", {"contact": {**contact, "fieldValues": values}})

    def _tag_ids(self, names: Sequence[str]) -> list[str]:
        if not names:
            return []
        there = {row["tag"]: row["id"] for row in self._all("tags")}
        new = [
            self._post("tags", {"tag": {"tag": name, "tagType": "contact", "description": ""}})["tag"]["id"]
            for name in names
            if name not in there
        ]
        return [*(there[name] for name in names if name in there), *new]

    def _values(self, by_title: Mapping[str, Any]) -> list[dict[str, Any]]:
        if not by_title:
            return []
        ids = {row["title"]: row["id"] for row in self._all("fields")}
        return [
            {"field": ids[title], "value": f"||{'||'.join(value)}||" if isinstance(value, list) else value}
            for title, value in by_title.items()
            if title in ids
        ]

    # ---- how it is asked

    def _all(self, path: str) -> list[dict[str, Any]]:
        """All rows of a listing: a page, and then as many as its total has whole pages."""
        first = self._send("GET", f"{path}?limit={_PAGE}")
        total = int(first["meta"]["total"])
        offsets = range(_PAGE, total // _PAGE * _PAGE + 1, _PAGE) if total > _PAGE else ()
        pages = [first, *(self._send("GET", f"{path}?limit={_PAGE}&offset={offset}") for offset in offsets)]
        return [row for page in pages for row in page[path]]

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        departure = self._pace.wait()
        answer = self._session.request(method, f"{self._root}/{path}", json=body, timeout=60)
        if not answer.ok:
            if answer.status_code == requests.codes.too_many_requests:
                self._pace.throttled(float(answer.headers.get("Retry-After", 1)), departure)
            raise Refused(f"{method} {path}: HTTP {answer.status_code}")
        found: dict[str, Any] = answer.json()
        return found
