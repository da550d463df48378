"""Events, track, screen and page calls reach the host of tracking, through the console script."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator, Fault
from emulator.tracked import Event, Visit
from integration_tests.destination.connector import Destination, Process, configured, record, state
from integration_tests.destination.contacts import QUICK

Configure = Callable[..., Destination]
ANN, BOB = "ann@example.com", "bob@example.com"
CONTEXT = {"context": {"traits": {"email": ANN}}}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An account in which Ann is a contact."""
    account = Account.empty()
    account.insert("contacts", email=ANN)
    with Emulator(account, **QUICK) as running:
        yield running


@pytest.fixture
def tracked(configure: Configure, emulator: Emulator, tmp_path: Path) -> Callable[..., Destination]:
    """Makes a destination with the keys of tracking, and a place for rejected rows."""

    def make(**settings: Any) -> Destination:
        keys = {"tracking": emulator.tracking._asdict(), "tracking_url": emulator.url}
        return configure(**{**keys, "rejected_records": str(tmp_path / "rejected"), **settings})

    return make


def appended(*names: str) -> dict[str, Any]:
    return configured(*names, sync_mode="append")


def outcomes(done: Process) -> dict[str, dict[str, int]]:
    return {one["stream"]: {**one["outcomes"], **one["codes"]} for one in done.summary["streams"]}


def rejected(folder: Path) -> dict[str, list[str]]:
    """The codes of rejected rows by object, in the order of the rows."""
    found: dict[str, list[str]] = {}
    for line in (folder / "rejected" / "rejected.jsonl").read_text().splitlines():
        entry = json.loads(line)
        found.setdefault(entry["object"], []).append(entry["code"])
    return found


def sent_to_tracking(emulator: Emulator) -> list[Any]:
    return [one for one in emulator.requests if not one.path.startswith("/api/3/")]


def test_given_rows_of_each_object_when_written_then_they_arrive_in_order_with_no_key_of_the_account(
    tracked: Callable[..., Destination], emulator: Emulator
) -> None:
    lines = [
        record("events", email=ANN, event="bought", eventdata={"price": 3}, event_id="1"),
        record("track", event="Product Purchased", properties={"category": "toys"}, **CONTEXT),
        record("screen", name="Home", properties={"label": "start"}, **CONTEXT),
        record("page", properties={"url": "https://www.example.com/a", "referrer": "https://example.org"}, **CONTEXT),
        record("page", url="https://www.example.com/b", context_traits_email=ANN),
        record("events", email=ANN, event="bought", eventdata="again", event_id="1"),
        record("events", email=BOB, event="left", eventdata=None, event_id="2"),
        *(state(name) for name in ("events", "track", "screen", "page")),
    ]
    done = tracked().write(appended("events", "track", "screen", "page"), lines)
    assert (done.exit_code, len(done.echoed)) == (0, 4)
    assert outcomes(done) == {
        "events": {"created": 2, "skipped": 1},
        "track": {"created": 1},
        "screen": {"created": 1},
        "page": {"created": 2},
    }
    assert [one for one in emulator.tracked.events if one.email == ANN] == [
        Event(ANN, "bought", '{"price":3}', "1"),
        Event(ANN, "Product Purchased", '{"category":"toys"}', "1"),
        Event(ANN, "Home", '{"label":"start"}', "1"),
    ]
    assert [one for one in emulator.tracked.events if one.email == BOB] == [Event(BOB, "left", "", None)]
    assert emulator.tracked.visits == [
        Visit(ANN, "https://www.example.com/a", "https://example.org", True),
        Visit(ANN, "https://www.example.com/b", "", True),
    ]
    names = {row["name"] for row in emulator.account.rows("eventTrackingEvents")}
    assert names == {"bought", "Product Purchased", "Home", "left"}
    # The site was allowed once.
    asked = [f"{one.method} {one.path}" for one in emulator.requests]
    assert asked.count("POST /api/3/prism/urlWhitelistings") == 1
    for one in sent_to_tracking(emulator):
        assert "Api-Token" not in one.headers
        assert emulator.api_key not in str(one)
    assert emulator.tracking.event_key not in done.text
    assert emulator.api_key not in done.text


def test_given_rows_that_cannot_be_sent_then_each_is_rejected_and_the_others_are_sent(
    tracked: Callable[..., Destination], emulator: Emulator, tmp_path: Path
) -> None:
    long, key = "x" * 33, emulator.tracking.event_key
    lines = [
        record("events", event="bought"),
        record("events", email="ann", event="bought"),
        record("events", email=ANN),
        record("events", email=ANN, event=long),
        record("events", email=["a"], event="bought"),
        record("events", email=ANN, event=f"my {key[:20]}", eventdata=key),
        record("track", event="bought", properties={"price": 3}),
        record("track", properties={"price": 3}, **CONTEXT),
        record("screen", name=long, **CONTEXT),
        record("page", properties={"url": "url"}, **CONTEXT),
        record("page", properties={"title": "none"}, **CONTEXT),
        record("page", properties={"url": "https://www.example.com"}),
        record("track", event="bought", **CONTEXT),
        record("events", email=ANN, event="", eventdata=key),
        *(state(name) for name in ("events", "track", "screen", "page")),
    ]
    done = tracked().write(appended("events", "track", "screen", "page"), lines)
    assert (done.exit_code, len(done.echoed)) == (0, 4)
    assert rejected(tmp_path) == {
        "events": [
            *("email_missing", "email_invalid", "event_missing", "event_name_too_long"),
            *("value_invalid", "event_missing"),
        ],
        "track": ["email_missing", "event_missing"],
        "screen": ["event_name_too_long"],
        "page": ["value_invalid", "url_missing", "email_missing"],
    }
    assert {one.name for one in emulator.tracked.events} == {"bought", f"my {key[:20]}"}
    # Of a page that somebody unknown has seen, the site is allowed all the same.
    assert [row["attributes"]["whitelisted_domain"] for row in emulator.account.rows("urlWhitelistings")] == [
        "www.example.com"
    ]
    assert key not in done.text + (tmp_path / "rejected" / "rejected.jsonl").read_text()


@pytest.mark.parametrize(
    "object_", ["events", "track", pytest.param("page", id="page, and contacts that would be written first")]
)
def test_given_no_tracking_keys_then_check_and_sync_fail_before_anything_is_written(
    configure: Configure, emulator: Emulator, object_: str
) -> None:
    destination = configure(streams=[{"stream": "done", "object": object_}])
    sentence = (
        f"Without the keys of tracking, nothing can be written to {object_}. Copy actid and Event Key from Settings > "
        "Tracking in ActiveCampaign into Event Tracking of the configuration."
    )
    assert destination.check().connection == {"status": "FAILED", "message": sentence}
    catalog = configured("contacts")
    catalog["streams"] += appended("done")["streams"]
    done = destination.write(catalog, [record("contacts", email=BOB), record("done", email=ANN, event="x"), state()])
    assert (done.exit_code, done.echoed) == (1, [])
    assert [(one["message"], one["failure_type"]) for one in done.errors_traced] == [(sentence, "config_error")]
    assert {one.method for one in emulator.requests} == {"GET"}


@pytest.mark.parametrize(
    ("off", "object_", "word"), [("event_tracking", "track", "event"), ("site_tracking", "page", "site")]
)
def test_given_tracking_that_is_off_then_check_and_sync_say_so(
    tracked: Callable[..., Destination], emulator: Emulator, off: str, object_: str, word: str
) -> None:
    emulator.settings.patch({off: "off"})
    destination = tracked(streams=[{"stream": object_}])
    sentence = (
        f"ActiveCampaign does not save what is written to {object_}, as {word} tracking is off. Turn it on under "
        "Settings > Tracking in ActiveCampaign."
    )
    assert destination.check().connection == {"status": "FAILED", "message": sentence}
    done = destination.write(appended(object_), [record(object_, event="x", url="a.example.com", **CONTEXT)])
    assert done.errors_traced[0]["message"] == sentence
    assert sent_to_tracking(emulator) == []


def test_given_keys_that_are_wrong_then_the_sync_ends_with_a_sentence(
    tracked: Callable[..., Destination], emulator: Emulator
) -> None:
    key = "abcdef0123456789abcdef0123456789abcdef01"
    destination = tracked(tracking={"actid": emulator.tracking.actid, "event_key": key})
    done = destination.write(appended("events"), [record("events", email=ANN, event="bought"), state("events")])
    assert (done.exit_code, done.echoed) == (1, [])
    [error] = done.errors_traced
    assert error["failure_type"] == "config_error"
    assert error["message"].startswith("ActiveCampaign's tracking does not take events with these keys (HTTP 200: ")
    assert key not in done.text


def test_given_a_host_that_does_not_acknowledge_then_each_event_arrives_at_least_once(
    tracked: Callable[..., Destination], emulator: Emulator
) -> None:
    faults = [Fault(kind, "/event", every=7, after=place) for place, kind in enumerate(("drop_after", "html", "503"))]
    emulator.settings.patch({"faults": faults})
    lines = [record("events", email=f"p{number % 9}@example.com", event=f"e{number}") for number in range(40)]
    done = tracked().write(appended("events"), [*lines, state("events")])
    assert (done.exit_code, outcomes(done)) == (0, {"events": {"created": 40}})
    arrived = [one.name for one in emulator.tracked.events]
    assert set(arrived) == {f"e{number}" for number in range(40)}
    assert len(arrived) > 40, "the dropped answers were those of events that had arrived"
    # What one contact did keeps its order, whatever came between.
    mine = list(dict.fromkeys(one.name for one in emulator.tracked.events if one.email == "p3@example.com"))
    assert mine == [f"e{number}" for number in range(3, 40, 9)]


def test_given_a_sync_that_is_killed_when_it_goes_on_from_its_last_state_then_no_event_is_missing(
    tracked: Callable[..., Destination], emulator: Emulator
) -> None:
    def lines(first: int) -> list[bytes]:
        return [
            line
            for number in range(first, 60)
            for line in (
                record("events", email=f"p{number}@example.com", event=f"e{number}", event_id=str(number)),
                *([state("events", at=number + 1)] if number % 10 == 9 else []),
            )
        ]

    emulator.settings.patch({"faults": [Fault("hang", "/event", after=25, seconds=60)]})
    destination = tracked()
    process = destination.start("write", catalog=appended("events"))
    process.send(*lines(0))
    process.until(lambda one: len(one.echoed) >= 1)
    process.kill()
    last = json.loads(process.echoed[-1])["state"]["stream"]["stream_state"]["at"]
    emulator.settings.patch({"faults": []})
    assert destination.write(appended("events"), lines(last)).exit_code == 0
    assert {one.name for one in emulator.tracked.events} == {f"e{number}" for number in range(60)}


def test_given_contacts_in_the_same_sync_then_they_are_there_before_what_they_did(
    tracked: Callable[..., Destination], emulator: Emulator
) -> None:
    catalog = appended("track", "identify")
    lines = [
        record("track", event="bought", **{"context": {"traits": {"email": BOB}}}),
        record("identify", traits={"email": BOB, "name": "Bob Lee"}),
        state("track"),
        state("identify"),
    ]
    done = tracked().write(catalog, lines)
    assert outcomes(done) == {"track": {"created": 1}, "identify": {"created": 1}}
    [event] = emulator.tracked.events
    assert event.contact is not None


@pytest.mark.parametrize("routes", [["siteTracking/whitelist"], ["siteTrackingDomains"], []])
def test_given_whichever_route_there_is_then_the_site_is_allowed_by_it(
    tracked: Callable[..., Destination], emulator: Emulator, tmp_path: Path, routes: list[str]
) -> None:
    emulator.settings.patch({"whitelist_routes": routes})
    emulator.account.insert("siteTrackingDomains", name="www.example.org")
    lines = [record("page", url=url, **CONTEXT) for url in ("https://www.example.com", "https://www.example.org")]
    done = tracked().write(appended("page"), [*lines, state("page")])
    assert done.exit_code == 0
    visits = {one.url: one.allowed for one in emulator.tracked.visits}
    # What somebody has allowed by hand needs no route.
    assert visits.pop("https://www.example.org") is True
    if routes:
        assert visits == {"https://www.example.com": True}
    else:
        assert visits == {}
        assert rejected(tmp_path) == {"page": ["site_refused"]}
        assert any("www.example.com could not be allowed for tracking" in line for line in done.logs)
