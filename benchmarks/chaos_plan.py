"""What one seed of the scenario `chaos` is: an account, the streams that are read from it, and all that goes wrong.

The same seed gives the same plan on every machine, but for the moments that a Retry-After names.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from random import Random
from typing import Any

from emulator import Fault
from emulator.table import resources
from integration_tests.source.account_rows import ENTRIES, KEYS, STREAMS, is_per_contact, resource_of

# The account's requests per second, and this connection's share of them.
PACE = 50

# What goes wrong by other means than faults of the emulator.
CHANGES, BROKEN, BAD_STATE, KILLED = "rows change", "contacts that fail for good", "a bad state", "kill -9"

# How many streams of a family one seed reads.
_SHARES = {
    "full_refresh": 4,
    "incremental": 6,
    "incremental_wall_clock": 2,
    "per_contact": 1,
    "per_contact_untimed": 1,
    "sideloaded": 2,
    "custom fields": 2,
    "custom objects": 1,
}
_WITH_CUSTOM_FIELDS = ("contacts", "deals", "accounts")
_CUSTOM_OBJECTS = ("custom_object_service-visit", "custom_object_warranty")
# What the streams are made of; changing it while they are read is another matter than changing rows.
_DEFINITIONS = {"fields", "dealCustomFieldMeta", "accountCustomFieldMeta", "customObjectSchemas"}


def family_of(stream: str) -> str:
    """The manifest's family of a stream, or what else it has in common with others.

    >>> family_of("tags"), family_of("contact_tags"), family_of("custom_object_warranty")
    ('incremental_wall_clock', 'sideloaded', 'custom objects')
    """
    if stream not in ENTRIES:
        return "custom objects"
    if stream in _WITH_CUSTOM_FIELDS:
        return "custom fields"
    if "sideloaded" in ENTRIES[stream].get("retriever", {}).get("$ref", ""):
        return "sideloaded"
    return str(ENTRIES[stream]["$ref"].rpartition("/")[2])


@cache
def families() -> Mapping[str, Sequence[str]]:
    """The streams of the catalog by family."""
    found: dict[str, list[str]] = {family: [] for family in _SHARES}
    for stream in (*ENTRIES, *_CUSTOM_OBJECTS):
        found[family_of(stream)].append(stream)
    return found


def streams_of(seed: int) -> list[str]:
    """The streams that a seed reads: each family is dealt out in turns, so that every stream has its seeds."""
    return [
        streams[((seed - 1) * _SHARES[family] + place) % len(streams)]
        for family, streams in families().items()
        for place in range(min(_SHARES[family], len(streams)))
    ]


@dataclass
class Plan:
    """What is done with one account.

    `account` are the arguments of an Account, `settings` those of the emulator, `config` the connector's, `right` is
    that of its key. `troubles` are the groups of what goes wrong; `passing` and `lasting` the faults of each. `kills`
    says after how many messages each of the first reads is killed, `bad_state` a stream and the state that it is given,
    `forbidden` a stream that may not be read.
    """

    seed: int
    streams: list[str]
    random: Random
    account: dict[str, Any]
    settings: dict[str, Any]
    config: dict[str, Any]
    unflattering: bool = False
    right: str = "full"
    troubles: list[str] = field(default_factory=list)
    passing: list[tuple[str, Fault]] = field(default_factory=list)
    lasting: list[tuple[str, Fault]] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    kills: list[int] = field(default_factory=list)
    bytes_per_second: float | None = None
    bad_state: tuple[str, Any] | None = None
    broken_contacts: int = 0
    forbidden: str = ""
    full_refresh: bool = False

    def add(self, trouble: str, kind: str, path: str = "", **more: Any) -> None:
        """A fault that passes: it hits some requests of one listing or of all, and spares others among them."""
        chosen = self.random
        path = path or chosen.choice(["*", path_of(chosen.choice(self.streams))])
        if path == "*":
            usual = {"after": chosen.randint(0, 25), "every": chosen.randint(2, 6), "times": chosen.randint(1, 6)}
        else:
            usual = {"after": chosen.randint(0, 1), "every": chosen.randint(1, 2), "times": chosen.randint(1, 2)}
        self.passing.append((trouble, Fault(kind, path, **{**usual, **more})))


def path_of(stream: str) -> str:
    """The emulator's path of a stream's listing, as faults match it."""
    if stream not in STREAMS:
        return "/customObjects/records/*"
    endpoint = STREAMS[stream]["endpoint"]
    if is_per_contact(stream):
        return f"/contacts/*/{endpoint}" if endpoint else "/contacts/*"
    return f"/{endpoint}"


def plan_of(seed: int, moment: float | None = None) -> Plan:
    """The plan of a seed; `moment` is the epoch second that dates in headers are near to, by default now."""
    chosen = Random(seed)
    streams = streams_of(seed)
    sizes = {
        resource_of(stream): chosen.choice([0, 1, 20, 40, 99, 100, 101, 150, 230])
        for stream in streams
        if stream in STREAMS and chosen.random() < 0.6 and _may_be_sized(resource_of(stream))
    }
    plan = Plan(
        seed,
        streams,
        chosen,
        account={"seed": seed, "contacts": chosen.choice([3, 25, 60, 60, 101, 130]), "rows": sizes},
        settings={
            "requests_per_second": PACE,
            "rate_limit_window": chosen.choice(["sliding", "fixed", "bucket"]),
            "latency_ms": chosen.choice([2, 5, 15]),
            "latency_jitter": 0.5,
        },
        config={
            "requests_per_second": PACE,
            "custom_fields": chosen.choice(["columns", "object", "off"]),
            "deals_access": chosen.choice(["full", "full", "partial"]),
            "lookback_hours": chosen.choice([0, 24]),
            "num_workers": chosen.choice([2, 8, 16]),
        },
        full_refresh=chosen.random() < 0.15,
    )
    for trouble, (share, mix_in) in TROUBLES.items():
        if chosen.random() < share:
            plan.troubles.append(trouble)
            mix_in(plan, trouble, time.time() if moment is None else moment)
    return plan


def _may_be_sized(resource: str) -> bool:
    """The account's own size is that of its contacts; views and definitions have none, and other rows only so many as
    there are names for them."""
    fixed = resource in {"contacts", *_DEFINITIONS} or resources()[resource].view_of
    return not fixed and _is_known_by_id(resource)


# ---- what goes wrong ------------------------------------------------------------------------------------------------


def _throttled(plan: Plan, trouble: str, moment: float) -> None:
    dates = [formatdate(moment + plan.random.uniform(-60, 9), usegmt=True) for _ in range(2)]
    values = ["0", "1", "2", "0.3", "-5", "nan", "soon", "", *dates]
    for _ in range(plan.random.randint(1, 3)):
        headers = {} if plan.random.random() < 0.3 else {"Retry-After": plan.random.choice(values)}
        plan.add(trouble, "429", headers=headers, times=plan.random.randint(1, 2))
    plan.settings["retry_after"] = plan.random.choice([1, 0, None, "-5", "nan"])


def _server_errors(plan: Plan, trouble: str, moment: float) -> None:
    kinds = ["500", "502", "503", "504", "520", "empty", "truncated", "html", "drop", "drop_midway"]
    for kind in plan.random.sample(kinds, plan.random.randint(2, 5)):
        plan.add(trouble, kind)


def _slow_answers(plan: Plan, trouble: str, moment: float) -> None:
    for kind in plan.random.sample(["hang", "stall", "drip"], plan.random.randint(1, 3)):
        plan.add(trouble, kind, seconds=plan.random.uniform(0.5, 3))


def _odd_answers(plan: Plan, trouble: str, moment: float) -> None:
    bodies = [
        '{"message": "Please try again"}',
        '{"errors": [{"title": "Odd", "detail": "It happens"}]}',
        '{"errors": {}}',
    ]
    for kind in plan.random.sample(["200", "400", "404", "403"], plan.random.randint(1, 3)):
        body = plan.random.choice(bodies) if kind == "200" else None
        # In the middle of a listing: its first answer was a good one.
        plan.add(trouble, kind, path_of(plan.random.choice(plan.streams)), after=1, times=1, every=1, body=body)


def _outage(plan: Plan, trouble: str, moment: float) -> None:
    kind = plan.random.choice(["503", "502", "drop", "empty", "html"])
    after, lasts = plan.random.randint(0, 60), plan.random.uniform(1, 5)
    plan.add(trouble, kind, "*", after=after, lasts=lasts, every=1, times=None)


def _changing_rows(plan: Plan, trouble: str, moment: float) -> None:
    named = {resource_of(stream) for stream in plan.streams if stream in STREAMS} | {"contacts", "customObjectRecords"}
    fixed = {name for name in named if resources()[name].view_of or not _is_known_by_id(name)}
    plan.changes = {
        "inserts_per_second": plan.random.choice([0, 2, 8]),
        "updates_per_second": plan.random.choice([1, 2, 8]),
        "deletes_per_second": plan.random.choice([0, 2, 8]),
        "resources": sorted(named - fixed - _DEFINITIONS),
        "seed": plan.seed,
    }


def _is_known_by_id(resource: str) -> bool:
    return all(KEYS[name] == "id" for name in ENTRIES if resource_of(name) == resource)


def _odd_rows(plan: Plan, trouble: str, moment: float) -> None:
    plan.account["odd_values"] = True
    for stream in plan.random.sample(plan.streams, 4):
        plan.lasting.append((trouble, Fault("map", path_of(stream), every=plan.random.randint(1, 2))))


def _unflattering(plan: Plan, trouble: str, moment: float) -> None:
    plan.unflattering = True
    plan.account["contacts"] = max(60, plan.account["contacts"])
    plan.right = plan.random.choice(["full", "full", "none"])


def _totals(plan: Plan, trouble: str, moment: float) -> None:
    for stream in plan.random.sample(plan.streams, 6):
        kind = plan.random.choice(["total_small", "total_large", "total_absent"])
        # Of whole pages: where a listing that nobody reads is only counted, the count is all that there is.
        fault = Fault(kind, path_of(stream), query={"limit": "100"}, every=plan.random.randint(1, 2))
        plan.lasting.append((trouble, fault))


def _missing_keys(plan: Plan, trouble: str, moment: float) -> None:
    plan.settings["empty_sideloads"] = "left out"
    includes = ["fieldValues", "contactTags", "contactLists", "contactAutomations", "accountContacts"]
    includes += ["accountCustomFieldData", "dealCustomFieldData"]
    plan.settings["ignored_includes"] = plan.random.sample(includes, plan.random.randint(0, 4))
    plan.settings["deal_custom_field_shape"] = plan.random.choice(["new", "old", "absent"])


def _budget_headers(plan: Plan, trouble: str, moment: float) -> None:
    plan.settings["rate_limit_headers"] = plan.random.choice(["answer", "absent", "zero", "nonsense"])
    plan.settings["other_consumer_per_second"] = plan.random.choice([0, 5])
    plan.settings["arrival_jitter_ms"] = plan.random.choice([0, 20])


def _broken_contacts(plan: Plan, trouble: str, moment: float) -> None:
    plan.broken_contacts = 1
    # It is asked for during half a minute by each of its streams: at the same time, so that it does not add up.
    plan.config["num_workers"] = 16


def _forbidden(plan: Plan, trouble: str, moment: float) -> None:
    plan.forbidden = plan.random.choice([one for one in plan.streams if one != "contacts"])
    plan.lasting.append((trouble, Fault("403", path_of(plan.forbidden))))


def _bad_state(plan: Plan, trouble: str, moment: float) -> None:
    stream = plan.random.choice([one for one in plan.streams if STREAMS.get(one, {}).get("cursor_field")])
    cursor = STREAMS[stream]["cursor_field"]
    values = ["yesterday", "2024-13-45T99:00:00Z", 12, {"a": 1}, None, ""]
    state = plan.random.choice([{"something": "else"}, {cursor: plan.random.choice(values)}])
    plan.bad_state = (stream, state)


def _killed(plan: Plan, trouble: str, moment: float) -> None:
    plan.kills = [int(10 ** plan.random.uniform(0.5, 3.5)) for _ in range(plan.random.randint(1, 2))]


def _slow_reader(plan: Plan, trouble: str, moment: float) -> None:
    plan.bytes_per_second = plan.random.choice([100e3, 300e3])


# What goes wrong, in which share of the seeds, and how it is mixed in.
TROUBLES: Mapping[str, tuple[float, Callable[[Plan, str, float], None]]] = {
    "429 with an odd Retry-After": (0.4, _throttled),
    "5xx, cut-off answers, dropped connections": (0.5, _server_errors),
    "slow answers": (0.4, _slow_answers),
    "a single odd answer": (0.4, _odd_answers),
    "an outage": (0.3, _outage),
    CHANGES: (0.5, _changing_rows),
    "odd values, rows as a map": (0.4, _odd_rows),
    "an unflattering account": (0.4, _unflattering),
    "totals that lie or lack": (0.4, _totals),
    "sideloads and keys that lack": (0.4, _missing_keys),
    "headers of the budget": (0.4, _budget_headers),
    BROKEN: (0.1, _broken_contacts),
    "a forbidden stream": (0.2, _forbidden),
    BAD_STATE: (0.3, _bad_state),
    KILLED: (0.3, _killed),
    "a slow reader": (0.2, _slow_reader),
}
