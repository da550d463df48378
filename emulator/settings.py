"""What can be switched while the emulator runs: pace, access, time zones and faults."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from .clock import CHICAGO

FAULT_KINDS = {
    **{str(status): "that status" for status in (200, 400, 401, 402, 403, 404, 422, 429, 500, 502, 503, 504, 520)},
    "empty": "a 200 with no body at all",
    "truncated": "JSON that stops in the middle, with a Content-Length that fits",
    "html": "a 200 that is a web page",
    "as_html": "the proper answer, whose Content-Type is text/html, as it was recorded of the importer",
    "drop": "the connection is reset before an answer, and nothing was done",
    "drop_midway": "the connection is reset in the middle of the answer, and everything was done",
    "drop_after": "the connection is reset before an answer, and everything was done",
    "hang": "`seconds` of silence, then the proper answer",
    "stall": "`seconds` of silence in the middle of the proper answer",
    "drip": "the proper answer, in pieces over `seconds`",
    "redirect": "a 302 to `url`",
    "envelope": "a 200 whose record key is another one",
    "map": "the rows of a list are an object by their number instead of an array",
    "total_small": "meta.total is half of what is true",
    "total_large": "meta.total is more than twice of what is true",
    "total_absent": "meta has no total",
    "ignore_offset": "every page is the first one",
    "limit_50": "no page has more than 50 rows",
    "batch_failed": "an import (/import/bulk_import) is queued, and ends as failed when `part` of it was applied",
    "batch_interrupted": "the same, and ends as interrupted",
    "batch_stuck": "the same, and never ends",
}


@dataclass
class Fault:
    """One misbehaviour, deterministic: of the requests that match, skip `after`, then hit `times` of them.

    `method` is that of the requests, "*" for any. `path` is matched under /api/3 (`/contacts`, wildcards allowed:
    `/contacts/*`), for other hosts with their prefix; `query` must be contained in the request's query. With `every=3`
    only each third matching request is hit. With `lasts` it is over so many seconds after its first hit: an outage,
    where it hits every path. `body` and `headers` are what a status comes with, where it is not the usual. With `done`
    the request was carried out before an answer that is made up (a status, empty, html): a gateway that gave up too
    early. `part` is the share of an import's contacts, 0 to 1. Raises ValueError for a kind that FAULT_KINDS does not
    have.
    """

    kind: str
    path: str = "*"
    times: int | None = None
    after: int = 0
    every: int = 1
    query: dict[str, str] = field(default_factory=dict)
    url: str = ""
    seconds: float = 0.0
    body: str | None = None
    headers: dict[str, str] | None = None
    lasts: float | None = None
    method: str = "*"
    done: bool = False
    part: float = 0.0
    seen: int = 0
    hits: int = 0
    began: float | None = None  # seconds of the monotonic clock

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(sorted(FAULT_KINDS))}")

    def strikes(self, path: str, query: Mapping[str, str], method: str = "GET") -> bool:
        """Whether it hits this request; counts it."""
        if self.method not in {"*", method}:
            return False
        if not fnmatchcase(path, self.path) or any(query.get(k) != v for k, v in self.query.items()):
            return False
        self.seen += 1
        position = self.seen - self.after
        if position < 1 or position % self.every or (self.times is not None and self.hits >= self.times):
            return False
        now = time.monotonic()
        self.began = now if self.began is None else self.began
        if self.lasts is not None and now >= self.began + self.lasts:
            return False
        self.hits += 1
        return True


@dataclass
class Settings:
    """Defaults are the documented behaviour, except that Retry-After is 1 second instead of 30.

    `python -m emulator --help` shows what is said here about each.
    """

    # Pace. The published limit is 5 requests per second and account, shared by all its keys.
    requests_per_second: float = field(default=5, metadata={"about": "requests that the account is given in a second"})
    rate_limit_window: str = field(
        default="sliding", metadata={"about": "what a second is: sliding, fixed or bucket; off: no limit"}
    )
    rate_limit_headers: str = field(
        default="arrival",
        metadata={
            "about": "when RateLimit-Remaining is counted: arrival or answer; or absent, zero, nonsense (a different "
            "one each time)"
        },
    )
    retry_after: float | str | None = field(
        default=1, metadata={"about": "Retry-After of a 429, in seconds; null: it says nothing"}
    )
    other_consumer_per_second: float = field(
        default=0, metadata={"about": "requests per second that somebody else spends"}
    )
    arrival_jitter_ms: float = field(
        default=0, metadata={"about": "longest random delay before a request is counted, in milliseconds"}
    )
    latency_ms: float = field(default=0, metadata={"about": "delay of every answer, in milliseconds"})
    latency_jitter: float = field(default=0, metadata={"about": "how much latency_ms varies, as a fraction of it"})
    latency_ms_per_1000_offset: float = field(
        default=0, metadata={"about": "further delay of deep pages, in milliseconds"}
    )

    # How a filter value is read; nothing is documented.
    filter_zone: str = field(
        default=str(CHICAGO), metadata={"about": "the time zone in which the digits of a filter value are read"}
    )
    honour_offset: bool = field(default=False, metadata={"about": "whether an offset in a filter value counts"})
    after_inclusive: bool = field(
        default=False, metadata={"about": 'whether "after" includes the second itself; for deals it always does'}
    )

    # Paging.
    max_limit: int = field(default=100, metadata={"about": "most rows of a page"})
    default_order: dict[str, str] = field(
        default_factory=dict, metadata={"about": 'resource -> "id", "updated desc", "shuffled"'}
    )

    # Access.
    forbidden: list[str] = field(
        default_factory=list, metadata={"about": 'prefixes of paths that are a 403, as "/lists"'}
    )
    closed_pipelines: dict[str, list[str]] = field(
        default_factory=dict, metadata={"about": 'name of a key -> ids of pipelines it may not open, ["*"] for all'}
    )
    masked_flag: bool | int = field(
        default=True, metadata={"about": "isDisabled of a masked deal: recorded true, the documented example says 1"}
    )
    custom_objects: str = field(
        default="on", metadata={"about": "on, or the status that is answered instead: 403 or 404"}
    )
    custom_object_filters: str = field(
        default="nothing", metadata={"about": "what range filters on timestamps do: match nothing, or work"}
    )
    custom_object_pages: str = field(
        default="overlap", metadata={"about": "pages without an order: overlap, or stable"}
    )

    missing_rows: str = field(
        default="recorded",
        metadata={
            "about": "what one fieldValue, form or group is that is not there: recorded (404, forms 403), published "
            '(403 for all three), or forbidden (403 {"message":"Forbidden"})'
        },
    )

    # Sideloads.
    ignored_includes: list[str] = field(
        default_factory=list, metadata={"about": "sideloads that are ignored in silence, as unknown ones are"}
    )
    empty_sideloads: str = field(
        default="kept", metadata={"about": "the key of a sideload that has no rows: kept, or left out"}
    )
    deal_custom_field_shape: str = field(
        default="new", metadata={"about": "shape of dealCustomFieldData beside deals: new, old or absent"}
    )

    # Writes. Where documents and recordings disagree, or nothing is known, there is a setting.
    body_bytes: int | None = field(
        default=None,
        metadata={"about": "largest body that the web server before the API lets pass, others are a 413; null: any"},
    )
    write_statuses: str = field(
        default="recorded",
        metadata={
            "about": "status of what creates or updates: recorded (201 if it created, else 200), or documented (sync "
            "and contactTags always 201, fieldValues and contactLists always 200)",
            "one_of": ("recorded", "documented"),
        },
    )
    email_case: str = field(
        default="ignored",
        metadata={"about": "case of an email that is looked up: ignored, or matters", "one_of": ("ignored", "matters")},
    )
    malformed_emails: str = field(
        default="",
        metadata={
            "about": "emails with this text are malformed, whatever they look like, as what the API takes is not "
            "published: they refuse an import, and a single write is a 422. Empty: none"
        },
    )
    existing_tag: str = field(
        default="returned",
        metadata={
            "about": "POST /tags with a name that exists in whatever case: returned (200), refused (422), "
            "or the database's error text with the status 400 or 500",
            "one_of": ("returned", "refused", "400", "500"),
        },
    )
    field_tags: str = field(
        default="refused",
        metadata={
            "about": "a personalization tag or title where a contact's values need the id of a field: refused (422), "
            "or ignored as unknown ids are",
            "one_of": ("refused", "ignored"),
        },
    )
    value_checks: str = field(
        default="off",
        metadata={
            "about": "values that do not fit their field (no such option, no date, no number): off (stored as sent), "
            "or on (422; an import fails for the contact)",
            "one_of": ("off", "on"),
        },
    )
    account_changes: str = field(
        default="applied",
        metadata={
            "about": "PUT /accountContacts with another account: applied, or ignored in silence",
            "one_of": ("applied", "ignored"),
        },
    )
    custom_field_save_status: str = field(
        default="success",
        metadata={"about": "what accounts and deals say of their custom fields; but for success: these are not saved"},
    )
    new_record_ids: str = field(
        default="absent",
        metadata={
            "about": "the id of a custom object record in the answer to its POST: absent (measured), or there "
            "(documented)",
            "one_of": ("absent", "there"),
        },
    )
    new_record_delay: float = field(
        default=0,
        metadata={"about": "seconds in which a new custom object record is missing from lists (measured: about 10)"},
    )

    # Tracking. What its host answers to a wrong key, or while tracking is off, is not known; nor is its pace.
    event_tracking: str = field(
        default="on", metadata={"about": "whether event tracking is on, or off", "one_of": ("on", "off")}
    )
    site_tracking: str = field(
        default="on", metadata={"about": "whether site tracking is on, or off", "one_of": ("on", "off")}
    )
    tracking_refusals: int = field(
        default=200, metadata={"about": "status of an event that is refused, with success 0 and a message"}
    )
    untracked_events: str = field(
        default="spawned",
        metadata={
            "about": "events while event tracking is off: spawned (and not saved, as documented of an older call), or "
            "refused",
            "one_of": ("spawned", "refused"),
        },
    )
    long_event_names: str = field(
        default="refused",
        metadata={
            "about": "names of events with more than 32 characters: refused, or cut",
            "one_of": ("refused", "cut"),
        },
    )
    whitelist_routes: list[str] = field(
        default_factory=lambda: ["prism/urlWhitelistings", "siteTracking/whitelist", "siteTrackingDomains"],
        metadata={"about": "the paths that sites can be allowed at; documents and clients name these three"},
    )

    # The importer.
    import_seconds: float = field(
        default=60, metadata={"about": "seconds of the minute in which 100 imports are taken, 20 with one contact"}
    )
    import_paced: bool = field(
        default=True, metadata={"about": "whether POST /import/bulk_import counts as one of the requests per second"}
    )
    import_bytes: int = field(
        default=399_999, metadata={"about": "largest body that the importer takes; other documents say 400000"}
    )
    import_content_type: str = field(
        default="text/html; charset=UTF-8", metadata={"about": "Content-Type of POST /import/bulk_import (recorded)"}
    )
    import_success_key: str = field(
        default="success",
        metadata={
            "about": "how the importer spells it: success (recorded), or Success (documented)",
            "one_of": ("success", "Success"),
        },
    )
    import_failure_reasons: str = field(
        default="objects",
        metadata={
            "about": 'failureReasons of rows: objects ({"contact": 1, "failureReason": ...}), or strings',
            "one_of": ("objects", "strings"),
        },
    )
    import_false_seconds: float = field(
        default=1, metadata={"about": "how long the status of a new import is false (measured: the first second)"}
    )
    import_delay: float = field(
        default=1,
        metadata={"about": "seconds in which an import whose turn it is waits and is claimed before it is active"},
    )
    import_contacts_per_second: float = field(
        default=1000, metadata={"about": "how fast an active import is applied; 0: at once"}
    )
    import_order: str = field(
        default="one by one",
        metadata={
            "about": "how several imports are applied: one by one, or parallel",
            "one_of": ("one by one", "parallel"),
        },
    )
    import_duplicates: str = field(
        default="last",
        metadata={
            "about": "which row of an import wins that has the same email twice: last or first",
            "one_of": ("last", "first"),
        },
    )
    import_empty: str = field(
        default="clear",
        metadata={
            "about": "an empty text in an import: clear (it overwrites), ignore, or reject (400, nothing is queued)",
            "one_of": ("clear", "ignore", "reject"),
        },
    )
    import_accounts: str = field(
        default="create",
        metadata={
            "about": "customer_acct_name that no account has: create it, or ignore",
            "one_of": ("create", "ignore"),
        },
    )
    import_account_links: str = field(
        default="replace",
        metadata={
            "about": "customer_acct_name of a contact that has another account: replace or keep that",
            "one_of": ("replace", "keep"),
        },
    )
    import_exclusion: str = field(
        default="either",
        metadata={
            "about": "where exclude_automations is heeded: either, top (of the body), contact, or nowhere",
            "one_of": ("either", "top", "contact", "nowhere"),
        },
    )
    contact_limit: int | None = field(
        default=None, metadata={"about": "contacts of the account's plan; imports skip further ones. null: no limit"}
    )

    faults: list[Fault] = field(default_factory=list, metadata={"about": "misbehaviours, see below"})

    def patch(self, changes: Mapping[str, Any]) -> None:
        """Apply a JSON object; a name that does not exist is an error, so that a typo cannot pass a test.

        Raises ValueError for such a name, for a word that is none of a setting's, and for a fault of an unknown kind.
        """
        known = {f.name: f for f in fields(self)}
        unknown = sorted(set(changes) - set(known))
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(unknown)}")
        for name, value in changes.items():
            words = known[name].metadata.get("one_of")
            if words and value not in words:
                raise ValueError(f"{name} is one of {', '.join(words)}, not {value!r}")
        for name, value in changes.items():
            ready = [f if isinstance(f, Fault) else Fault(**f) for f in value] if name == "faults" else value
            setattr(self, name, ready)

    def fault_for(self, path: str, query: Mapping[str, str], method: str = "GET") -> Fault | None:
        """The first fault that hits a request."""
        return next((fault for fault in self.faults if fault.strikes(path, query, method)), None)
