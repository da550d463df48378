"""The host that events and visits go to, and what the API knows of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from emulator import Account, Emulator
from emulator.tracked import Event, Visit

from .client import Client

SPAWNED = {"success": 1, "message": "Event spawned"}


@pytest.fixture
def blank() -> Iterator[Client]:
    """An emulator with an account that has one contact."""
    account = Account.empty()
    account.insert("contacts", email="ann@example.com")
    with Emulator(account, rate_limit_window="off") as emulator:
        yield Client(emulator)


def form(emulator: Emulator, **changes: str) -> dict[str, str]:
    usual = {"event": "bought", "eventdata": "a book", "visit": '{"email": "Ann@example.com"}'}
    keys = {"actid": emulator.tracking.actid, "key": emulator.tracking.event_key}
    return {name: value for name, value in {**usual, **keys, **changes}.items() if value}


def send(emulator: Emulator, **changes: str) -> requests.Response:
    return requests.post(f"{emulator.url}/event", data=form(emulator, **changes), timeout=5)


def test_given_an_event_when_sent_as_a_form_then_it_is_kept_and_its_name_listed(blank: Client) -> None:
    emulator = blank.emulator
    response = send(emulator)
    assert (response.status_code, response.json()) == (200, SPAWNED)
    assert emulator.tracked.events == [Event("Ann@example.com", "bought", "a book", "1")]
    assert send(emulator).json() == SPAWNED
    assert blank.json("eventTrackingEvents")["eventTrackingEvents"] == [{"name": "bought"}]


def test_given_an_email_that_no_contact_has_when_an_event_is_sent_then_the_answer_is_the_same(blank: Client) -> None:
    assert send(blank.emulator, visit='{"email": "nobody@example.com"}').json() == SPAWNED
    assert send(blank.emulator, visit='{"email": "a"b@example.com"}').json() == SPAWNED
    assert [(one.email, one.contact) for one in blank.emulator.tracked.events] == [
        ("nobody@example.com", None),
        ("", None),
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"actid": ""}, "An account ID must be provided."),
        ({"actid": "1"}, "The event key is not valid for this account."),
        ({"key": "wrong"}, "The event key is not valid for this account."),
        ({"event": ""}, "An event name must be provided."),
        ({"event": "x" * 33}, f"The event name {'x' * 33} is too long."),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_given_a_mistake_when_an_event_is_sent_then_success_is_0(
    blank: Client, changes: dict[str, str], said: str, status: int
) -> None:
    blank.emulator.settings.patch({"tracking_refusals": status})
    response = send(blank.emulator, **changes)
    assert (response.status_code, response.json()) == (status, {"success": 0, "message": said})
    assert blank.emulator.tracked.events == []


def test_given_json_when_an_event_is_sent_then_there_is_no_account_id(blank: Client) -> None:
    emulator = blank.emulator
    response = requests.post(f"{emulator.url}/event", json=form(emulator), timeout=5)
    assert response.json() == {"success": 0, "message": "An account ID must be provided."}


def test_given_tracking_that_is_off_when_an_event_is_sent_then_it_is_not_saved(blank: Client) -> None:
    emulator = blank.emulator
    assert blank.send("PUT", "eventTracking", {"eventTracking": {"enabled": False}}).json() == {
        "eventTracking": {"enabled": False}
    }
    assert blank.json("eventTracking") == {"eventTracking": {"enabled": False}}
    assert send(emulator).json() == SPAWNED
    assert [one.off for one in emulator.tracked.events] == [True]
    assert blank.json("eventTrackingEvents")["eventTrackingEvents"] == []
    emulator.settings.patch({"untracked_events": "refused"})
    assert send(emulator).json()["success"] == 0
    assert blank.send("PUT", "eventTracking", {"eventTracking": {}}).status_code == 400


def test_given_a_long_name_that_is_cut_when_an_event_is_sent_then_32_characters_are_left(blank: Client) -> None:
    blank.emulator.settings.patch({"long_event_names": "cut"})
    assert send(blank.emulator, event="x" * 40).json() == SPAWNED
    assert blank.emulator.tracked.events[0].name == "x" * 32


@pytest.mark.parametrize(
    ("path", "body", "echo"),
    [
        ("siteTrackingDomains", {"siteTrackingDomain": {"name": "www.example.com"}}, "siteTrackingDomain"),
        ("siteTracking/whitelist", {"siteTrackingWhitelist": {"name": "www.example.com"}}, "siteTrackingWhitelist"),
        (
            "prism/urlWhitelistings",
            {"data": {"type": "urlWhitelistings", "attributes": {"whitelisted_domain": "www.example.com"}}},
            "data",
        ),
    ],
)
def test_given_a_site_when_allowed_then_visits_of_it_count(blank: Client, path: str, body: object, echo: str) -> None:
    emulator = blank.emulator
    visit = {"actid": emulator.tracking.actid, "e": "ann@example.com", "u": "https://www.example.com/a", "r": ""}
    before = requests.get(f"{emulator.url}/visit", params=visit, timeout=5)
    assert before.headers["Content-Type"].startswith("text/javascript")
    response = blank.send("POST", path, body)
    assert (response.status_code, list(response.json())) == (201, [echo])
    requests.get(f"{emulator.url}/visit", params=visit, timeout=5)
    requests.get(f"{emulator.url}/visit", params={**visit, "actid": "1"}, timeout=5)
    assert emulator.tracked.visits == [
        Visit("ann@example.com", "https://www.example.com/a", "", allowed) for allowed in (False, True)
    ]
    again = blank.send("POST", path, body)
    assert again.status_code == (409 if path.startswith("prism") else 201)

    emulator.settings.patch({"whitelist_routes": []})
    assert blank.send("POST", path, body).status_code == 404


def test_given_another_page_when_asked_for_then_it_is_not_the_tracking_host(blank: Client) -> None:
    response = requests.get(f"{blank.emulator.url}/events", timeout=5)
    assert (response.status_code, response.headers["Content-Type"]) == (404, "text/html; charset=UTF-8")
    # The host asks for no key, and has no part in the account's budget.
    assert all("Api-Token" not in one.headers for one in blank.emulator.requests)
