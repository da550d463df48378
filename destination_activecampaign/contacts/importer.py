"""The bulk importer: 250 contacts in a request, which it works through later.

https://developers.activecampaign.com/reference/bulk-import-contacts and its siblings. What its answers mean beyond
that was told by others who use it: `status` is `false` in the first second, one malformed contact stops a whole
request, and emails that it does not import come back without a reason.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import orjson
import requests

from activecampaign_client.account import Account
from activecampaign_client.answers import Answer, Request
from activecampaign_client.pace import Allowance
from destination_activecampaign.contacts.change import Change
from destination_activecampaign.contacts.known import key_of

LOGGER = logging.getLogger(__name__)

MOST_CONTACTS = 250
# "Under 400,000 bytes", of which the frame around the contacts takes some.
MOST_BYTES = 399_000
IMPORTS_PER_MINUTE = 100
# Of requests with a single contact.
SINGLE_IMPORTS_PER_MINUTE = 20
# A batch that has not ended by then counts as failed.
LONGEST_BATCH = 600.0
# Seconds after which the first batch is asked about: a single contact was seen to take 6.
FIRST_QUESTION = 2.0
# Seconds until a thread looks again what is known of how long batches take.
LONGEST_LOOK_AWAY = 1.0
# Malformed contacts are left out, and the rest is sent again, so often.
MOST_ROUNDS = 5

Entry = dict[str, Any]


def entry_of(change: Change, *, run_automations: bool) -> Entry:
    """A change as the importer takes it.

    >>> entry_of(Change("ann@example.com", standard={"firstName": "Ann"}, lists={"3": True}), run_automations=True)
    {'email': 'ann@example.com', 'first_name': 'Ann', 'subscribe': [{'listid': 3}]}
    """
    entry: Entry = {"email": change.email}
    for name, key in _NAMES.items():
        if name in change.standard:
            entry[key] = change.standard[name]
    if change.values:
        entry["fields"] = [{"id": int(one), "value": text} for one, text in change.values.items()]
    if change.add_tags:
        entry["tags"] = list(change.add_tags.values())
    for key, wanted in (("subscribe", True), ("unsubscribe", False)):
        if lists := [{"listid": int(one)} for one, is_wanted in change.lists.items() if is_wanted is wanted]:
            entry[key] = lists
    if change.account:
        entry["customer_acct_name"] = change.account
    if not run_automations:
        # The text has it beside the contacts, the example inside of each. Unknown keys are ignored in both places.
        entry["exclude_automations"] = True
    return entry


_NAMES = {"firstName": "first_name", "lastName": "last_name", "phone": "phone"}


def size_of(entry: Entry) -> int:
    """The bytes of an entry in a request."""
    return len(orjson.dumps(entry)) + 1


def batches(sizes: Sequence[int]) -> Iterator[slice]:
    """Where a sequence of contacts with these sizes is cut, so that each piece fits into a request.

    A single contact takes from a smaller budget, so that none is left over where the piece before has one to spare.

    >>> list(batches([10] * 251)), list(batches([300_000, 200_000]))
    ([slice(0, 249, None), slice(249, 251, None)], [slice(0, 1, None), slice(1, 2, None)])
    """
    cuts, size = [0], 0
    for place, more in enumerate(sizes):
        if place > cuts[-1] and (place - cuts[-1] == MOST_CONTACTS or size + more > MOST_BYTES):
            cuts.append(place)
            size = 0
        size += more
    if len(cuts) > 1 and cuts[-1] == len(sizes) - 1 and cuts[-1] - cuts[-2] > 2 and sum(sizes[-2:]) <= MOST_BYTES:
        cuts[-1] -= 1
    return (slice(start, end) for start, end in pairwise([*cuts, len(sizes)]) if start < end)


class Durations:
    """How long a batch takes before it is worth asking about, learnt from those before it.

    One that has not ended shows that batches take longer, and one that has at the first question may have ended much
    earlier, so that the next is asked about a little sooner. All batches that are under way go by what any of them
    has shown last: that costs little more than one question for each. Safe to share between threads.

    >>> durations = Durations(first=2.0)
    >>> durations.has_not_ended(2.0)
    >>> durations.usual
    2.6
    >>> durations.has_ended(questions=1)
    >>> round(durations.usual, 2)
    2.42
    """

    # By what 40 batches take in a simulation, one after the other or at the same time, each of 0.3 to 20 seconds: 40 to
    # 61 questions, and at most 5 seconds until the end of the last is known.
    LONGER, SHORTER = 1.3, 0.93

    def __init__(self, first: float, shortest: float = 0.5) -> None:
        self._lock = threading.Lock()
        self._usual = first
        self._shortest = shortest

    @property
    def usual(self) -> float:
        """Seconds from when a batch was sent until it is asked about."""
        with self._lock:
            return self._usual

    def has_not_ended(self, age: float) -> None:
        """A batch that is so many seconds old has not ended; one that takes very long says little about the others."""
        with self._lock:
            self._usual = max(self._usual, min(age, self._usual) * self.LONGER)

    def pause(self, age: float) -> float:
        """Seconds until a batch that is so many seconds old, and has not ended, is asked about again."""
        return max(self._shortest, min(age / 2, max(5.0, age / 4)))

    def has_ended(self, questions: int) -> None:
        with self._lock:
            if questions == 1:
                self._usual = max(self._usual * self.SHORTER, self._shortest)


@dataclass
class Imported:
    """What became of a batch: `failed` are places in it that the importer did not import, for no reason that it gives;
    `malformed` those that it did not take, with what it says about each. `ids` are those of the contacts that it did
    import, in no order. Where it did not `end`, nothing is known of any other."""

    ended: bool
    ids: list[str] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    malformed: dict[int, str] = field(default_factory=dict)


def placed(imported: Imported, places: Sequence[int], malformed: Mapping[int, str]) -> Imported:
    """What became of a part of a batch, as places in the whole of it, beside what was `malformed` there already."""
    return replace(
        imported,
        failed=[places[place] for place in imported.failed],
        malformed={**malformed, **{places[place]: why for place, why in imported.malformed.items()}},
    )


class Importer:
    """Sends batches of contacts and waits for what becomes of them; safe to share between threads.

    `wait(seconds)` waits until it is time for the next question about a batch, `clock` tells seconds, and `longest` is
    for how many a batch may take.
    """

    def __init__(
        self,
        account: Account,
        *,
        run_automations: bool = False,
        durations: Durations | None = None,
        wait: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        longest: float = LONGEST_BATCH,
        stream: str = "contacts",
    ) -> None:
        self._account = account
        self._run_automations = run_automations
        self._durations = durations or Durations(FIRST_QUESTION)
        self._wait = wait
        self._clock = clock
        self._longest = longest
        self._stream = stream
        self._imports = Allowance(IMPORTS_PER_MINUTE, 60)
        self._single_imports = Allowance(SINGLE_IMPORTS_PER_MINUTE, 60)

    def entry(self, change: Change) -> Entry:
        return entry_of(change, run_automations=self._run_automations)

    def write(self, entries: Sequence[Entry]) -> Imported:
        """What became of the entries, at most as many as `batches` cuts. Raises ApiError where it cannot be sent."""
        malformed: dict[int, str] = {}
        for _ in range(MOST_ROUNDS):
            places = [place for place in range(len(entries)) if place not in malformed]
            if not places:
                return Imported(True, malformed=malformed)
            answer, sent_at = self._send([entries[place] for place in places])
            if answer.status < 300:
                return self._result(answer, sent_at, entries, places, malformed)
            if answer.status == requests.codes.request_entity_too_large:
                return self._in_halves(entries, places, malformed)
            reasons = _malformed_in(answer)
            if not reasons:
                break
            malformed.update((places[one], why) for one, why in reasons.items() if one < len(places))
        LOGGER.info("ActiveCampaign's importer takes %d contacts not together; each is sent on its own.", len(entries))
        return Imported(False, malformed=malformed)

    def _in_halves(self, entries: Sequence[Entry], places: Sequence[int], malformed: Mapping[int, str]) -> Imported:
        """What became of entries that are too large for one request, whatever is documented; of one alone, nothing."""
        if len(places) == 1:
            return Imported(True, failed=[*places], malformed=dict(malformed))
        middle = len(places) // 2
        halves = [
            placed(self.write([entries[place] for place in half]), half, {})
            for half in (places[:middle], places[middle:])
        ]
        return Imported(
            all(half.ended for half in halves),
            ids=[one for half in halves for one in half.ids],
            failed=[place for half in halves for place in half.failed],
            malformed={**malformed, **halves[0].malformed, **halves[1].malformed},
        )

    def _send(self, entries: Sequence[Entry]) -> tuple[Answer, float]:
        body: dict[str, Any] = {"contacts": list(entries)}
        if not self._run_automations:
            body["exclude_automations"] = True
        request = Request(
            "import/bulk_import",
            method="POST",
            body=body,
            stream=self._stream,
            permission="the Contacts permission",
            may_be_refused=True,
            # It finds contacts by their email address.
            repeatable=True,
            allowance=self._imports,
        )
        with self._single_imports.turn() if len(entries) == 1 else nullcontext():
            answer = self._account.send(request)
        return answer, self._clock()

    def _result(
        self,
        answer: Answer,
        sent_at: float,
        entries: Sequence[Entry],
        places: Sequence[int],
        malformed: Mapping[int, str],
    ) -> Imported:
        batch = answer.body.get("batchId") if isinstance(answer.body, Mapping) else None
        info = self._ended(str(batch), sent_at) if batch else None
        if info is None:
            return Imported(False, malformed=dict(malformed))
        by_email = {key_of(entries[place]["email"]): place for place in places}
        failed = {by_email.get(key_of(str(email))) for email in _list_in(info, "failure")}
        return Imported(
            True,
            ids=[str(one) for one in _list_in(info, "success")],
            failed=sorted(place for place in failed if place is not None),
            malformed=dict(malformed),
        )

    def _ended(self, batch: str, sent_at: float) -> Mapping[str, Any] | None:
        """What the importer says of a batch that is complete; None of one that failed, or that it does not know."""
        # https://developers.activecampaign.com/reference/bulk-import-status-info
        question = Request("import/info", {"batchId": batch}, stream=self._stream, may_be_refused=True, anew=True)
        questions, due = 0, 0.0
        while True:
            while (left := sent_at + (due or min(self._durations.usual, self._longest)) - self._clock()) > 0:
                self._wait(min(left, LONGEST_LOOK_AWAY))
            answer, questions = self._account.send(question), questions + 1
            age = self._clock() - sent_at
            status = answer.body.get("status") if isinstance(answer.body, Mapping) else None
            if answer.status >= 300 or status in ("failed", "interrupted"):
                LOGGER.warning("A batch of the importer ended as %s.", status or f"HTTP {answer.status}")
                return None
            if status == "completed":
                self._durations.has_ended(questions)
                info: Mapping[str, Any] = answer.body
                return info
            if age >= self._longest:
                LOGGER.warning("A batch of the importer did not end in %.0f minutes.", self._longest / 60)
                return None
            self._durations.has_not_ended(age)
            due = min(age + self._durations.pause(age), self._longest)


def _malformed_in(answer: Answer) -> dict[int, str]:
    """The contacts that a refusal of a whole request is about, by place from 0, with what it says of each.

    `{"failureReasons": [{"contact": 1, "failureReason": "Field 'email' not found"}]}` counts from 1; some answers have
    texts there, such as "Contact 1: Field 'email' not found".
    """
    reasons = answer.body.get("failureReasons") if answer.is_json and isinstance(answer.body, Mapping) else None
    found = {}
    for reason in reasons if isinstance(reasons, list) else ():
        if isinstance(reason, Mapping):
            number, why = str(reason.get("contact")), str(reason.get("failureReason") or "")
        else:
            match = re.fullmatch(r"contact (\d+)\W*(.*)", str(reason), re.IGNORECASE | re.DOTALL)
            number, why = match.groups() if match else ("", "")
        if number.isdigit() and int(number) > 0:
            found[int(number) - 1] = why
    return found


def _list_in(info: Mapping[str, Any], key: str) -> Iterable[Any]:
    found = info.get(key)
    return found if isinstance(found, list) else ()
