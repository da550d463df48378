"""Whatever goes wrong on the way, nothing is lost, nothing is there twice, and only wrong rows are rejected."""

import json
import os
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from emulator import Fault
from integration_tests.destination.connector import Process
from integration_tests.destination.contacts import QUICK
from integration_tests.destination.limited import SMALL_STEPS
from integration_tests.destination.plans import Plan, written_twice

IMPORT, INFO = "/import/bulk_import", "/import/info"
OVER_BUDGET = json.dumps({"success": 0, "message": "Rate limit exceeded.", "failureReasons": ["Up to 100 imports"]})
# What it says where no contact is to blame.
NOT_TAKEN = json.dumps({"success": 0, "message": "JSON payload did not pass validation.", "failureReasons": ["So."]})
SINGLE_WRITES = ("/contact/sync", "/contactTags", "/contactLists", "/tags", "/accounts", "/accountContacts")
READS = ("/contacts", "/contacts/*", "/fields", "/tags", "/lists", "/lists/exclusions", "/accounts", "/users/me")
ANYWHERE = ("drop", "drop_after", "drop_midway", "500", "502", "503", "429", "403", "html", "empty", "truncated")
ENDINGS = ("batch_failed", "batch_interrupted", "batch_stuck")


def fault_of(chosen: random.Random) -> Fault:
    """One trouble: of an import, of the questions about it, of a single write, or of what is read."""
    times, after = chosen.choice((1, 1, 2)), chosen.randrange(5)
    where = chosen.choice(("ending", "import", "import", "info", "single", "single", "read"))
    if where == "ending":
        return Fault(chosen.choice(ENDINGS), IMPORT, times, after, method="POST", part=chosen.random())
    path, method = {
        "import": (IMPORT, "POST"),
        "info": (INFO, "GET"),
        "single": (chosen.choice(SINGLE_WRITES), "POST"),
        "read": (chosen.choice(READS), "GET"),
    }[where]
    kind = chosen.choice((*ANYWHERE, "as_html", *(("over budget", "not taken") if where == "import" else ())))
    if kind in ("over budget", "not taken"):
        # Whether it says how long to wait is not known.
        headers = chosen.choice(({}, {"Retry-After": "1"}))
        return Fault(
            "400",
            path,
            1,
            after,
            method=method,
            body={"over budget": OVER_BUDGET}.get(kind, NOT_TAKEN),
            headers=headers,
        )
    if where == "info" and chosen.random() < 0.2:
        # It does not know the batch any more.
        return Fault(chosen.choice(("400", "404")), path, 1, after, method=method)
    # A gateway may give up when the work is done.
    done = kind in ("502", "503", "html", "empty") and chosen.random() < 0.5
    headers = {"Retry-After": chosen.choice(("0.3", "1"))} if kind == "429" else None
    return Fault(kind, path, times, after, method=method, done=done, headers=headers)


def faults_of(chosen: random.Random) -> list[Fault]:
    """Some of them. A 403 passes where it comes once: what is refused again and again is not allowed."""
    found = [fault_of(chosen) for _ in range(chosen.randint(4, 10))]
    once = {one.path: replace(one, times=1) for one in found if one.kind == "403"}
    return [*(one for one in found if one.kind != "403"), *once.values()]


# More seeds: SEEDS=50 python -m pytest integration_tests/destination/test_faults.py -k much_goes_wrong
SEEDS = range(1, int(os.environ.get("SEEDS", "2")) + 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_much_goes_wrong_and_the_account_has_what_the_rows_say(tmp_path, seed):
    plan, chosen = Plan(1000 + seed), random.Random(seed)
    faults = faults_of(chosen)
    settings: dict[str, Any] = {
        **QUICK,
        "import_false_seconds": chosen.choice((0, 0.2)),
        "import_contacts_per_second": chosen.choice((0, 200)),
        "import_order": chosen.choice(("one by one", "parallel")),
        "import_failure_reasons": chosen.choice(("objects", "strings")),
        "existing_tag": chosen.choice(("returned", "refused", "400", "500")),
        "account_changes": chosen.choice(("applied", "ignored")),
        "import_seconds": 0.05,
    }
    with plan.world(**settings) as world:
        config = {
            **plan.config,
            "api_url": world.emulator.url,
            "api_key": world.emulator.api_key,
            "rejected_records": str(tmp_path / "rejected"),
        }
        world.emulator.settings.patch({"faults": faults})
        files = {"config": config, "catalog": plan.catalog}
        process = Process(tmp_path, "write", limits=SMALL_STEPS, **files)
        process.send(*(one.line for one in plan.given))
        assert process.end().exit_code == 0, process.text
        assert world.contacts() == plan.after
        assert written_twice(world.account) == []
        met = Counter({f"{one.kind} {one.path}": one.hits for one in faults if one.hits})
    echoed = [json.loads(one) for one in process.echoed]
    stats = [one["state"].pop("destinationStats") for one in echoed]
    assert echoed == [json.loads(one.line) for one in plan.states]
    assert sum(one["recordCount"] for one in stats) == sum(one.row is not None for one in plan.given)
    rejected = [json.loads(one) for one in (tmp_path / "rejected" / "rejected.jsonl").read_text().splitlines()]
    assert Counter((one["stream"], one["code"], json.dumps(one["row"])) for one in rejected) == plan.rejected()
    assert sum(one["rejectedRecordCount"] for one in stats) == len(rejected)
    assert met, "no fault was met"
    print(f"{seed}: {dict(met)}")
