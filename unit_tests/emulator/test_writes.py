"""Writing through the API: what is served, what is refused, and how a handler is added."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
import requests

from emulator import Account, Fault
from emulator.answers import Answer, Refusal, json_answer
from emulator.calls import Call
from emulator.routing import Routes, Site

from .client import Client, ids, until

# --- tags ---------------------------------------------------------------------------------------------------


def test_given_a_tag_when_deleted_then_no_contact_has_it_any_more(own: Client) -> None:
    link = own.emulator.account.rows("contactTags")[0]
    own.emulator.account.watch(["tags", "contactTags"])
    response = own.send("DELETE", f"tags/{link['tag']}")
    assert (response.status_code, response.headers["Content-Type"], response.text) == (200, "application/json", "{}")
    assert link["tag"] not in ids(own.all("tags"))
    left = own.all("contactTags")
    assert left
    assert link["tag"] not in {row["tag"] for row in left}
    assert own.emulator.account.watches["tags"].deleted == [link["tag"]]
    assert link["id"] in own.emulator.account.watches["contactTags"].deleted
    assert link["id"] not in ids(own.json(f"contacts/{link['contact']}/contactTags")["contactTags"])


@pytest.mark.parametrize("tag", ["9999", "x", "0"])
def test_given_no_such_tag_when_deleted_then_it_is_the_recorded_404(own: Client, tag: str) -> None:
    response = own.send("DELETE", f"tags/{tag}")
    assert (response.status_code, response.json()) == (404, {"message": f"No Result found for Tag with id {tag}"})


def test_given_a_deleted_tag_when_deleted_again_then_it_is_404(own: Client) -> None:
    assert [own.send("DELETE", "tags/3").status_code for _ in range(2)] == [200, 404]


# --- what is not served -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("POST", "campaigns", 405, "GET"),
        ("PUT", "campaigns/1", 405, "GET"),
        ("POST", "contacts/1", 405, "DELETE, GET, PATCH, PUT"),
        ("POST", "tags/1", 405, "DELETE, GET"),
        ("PATCH", "customObjects/records/a-schema/a-record", 405, "DELETE, GET"),
        ("PUT", "customObjects/records/a-schema/a-record", 405, "DELETE, GET"),
        ("DELETE", "contacts/1/contactTags", 405, "GET"),
        ("POST", "contacts/1/nothing", 404, None),
        ("POST", "nothing", 404, None),
        ("POST", "", 404, None),
    ],
)
def test_given_a_write_that_is_not_served_then_it_is_405_or_404(
    client: Client, method: str, path: str, status: int, allowed: str | None
) -> None:
    response = client.send(method, path, {"contact": {"email": "a@example.com"}})
    assert (response.status_code, response.headers.get("Allow")) == (status, allowed)
    assert response.json()["message"].startswith(f'No route found for "{method} /api/3/{path}"')
    assert ("Method Not Allowed" in response.text) is (status == 405)


def test_given_a_write_when_the_key_or_the_right_is_missing_then_it_is_403(client: Client) -> None:
    before = len(client.emulator.account.rows("tags"))
    wrong = requests.delete(f"{client.emulator.url}/api/3/tags/1", headers={"Api-Token": "wrong"}, timeout=5)
    client.emulator.settings.forbidden = ["/tags"]
    forbidden = client.send("DELETE", "tags/1")
    assert (wrong.status_code, forbidden.status_code) == (403, 403)
    assert len(client.emulator.account.rows("tags")) == before


def test_given_the_rate_limit_then_writes_count_as_reads_do(client: Client) -> None:
    client.emulator.settings.patch({"rate_limit_window": "sliding", "requests_per_second": 1})
    answers = [client.get("tags"), client.send("DELETE", "tags/nothing")]
    assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.parametrize(("kind", "still_there"), [("drop", True), ("drop_midway", False), ("503", True)])
def test_given_a_fault_then_it_is_known_whether_the_write_was_done(own: Client, kind: str, still_there: bool) -> None:
    own.emulator.settings.faults = [Fault(kind, path="/tags/2", times=1)]
    try:
        assert own.send("DELETE", "tags/2").status_code == 503
    except requests.RequestException:
        assert kind != "503"
    assert ("2" in own.emulator.account.ids("tags")) is still_there


# --- handlers that are added --------------------------------------------------------------------------------


def serve(client: Client, routes: Routes) -> None:
    """What a new module of `endpoints/` comes to, for the emulator of a test."""
    sites = {one.site: one for one in client.emulator.api.sites}
    if routes.site in sites:
        sites[routes.site].include(routes)
    else:
        client.emulator.api.sites.append(routes)


def test_given_a_handler_for_json_when_written_then_the_row_is_there(own: Client) -> None:
    routes = Routes()

    @routes.on("POST", "notes")
    def create(call: Call) -> Answer:
        note = orjson.loads(call.request.body)["note"]
        return json_answer({"note": {**note, "id": call.account.insert("notes", **note)}}, 201)

    serve(own, routes)
    response = own.send("POST", "notes", {"note": {"note": "fresh", "reltype": "Deal"}})
    assert response.status_code == 201
    assert own.json(f"notes/{response.json()['note']['id']}")["note"]["note"] == "fresh"
    assert own.send("PUT", "notes").headers["Allow"] == "GET, POST"
    recorded = own.emulator.requests[0]
    assert (recorded.method, json.loads(recorded.body)) == ("POST", {"note": {"note": "fresh", "reltype": "Deal"}})
    assert own.control("GET", "requests")["requests"][0]["body"] == recorded.body.decode()


def test_given_a_second_host_then_forms_need_no_key_and_spend_nothing(own: Client) -> None:
    routes = Routes(Site("/events.test/", keyed=False, paced=False))

    class Events(list[dict[str, list[str]]]):
        pass

    @routes.on("POST", "event")
    def event(call: Call) -> Answer:
        events = call.memory.of(Events)
        if len(events) == 2:  # a limit of its own
            raise Refusal(400, {"success": 0, "message": "Rate limit exceeded."})
        events.append(parse_qs(call.request.body.decode(), keep_blank_values=True))
        return json_answer({"success": 1, "message": "Event spawned", "key": call.key})

    serve(own, routes)
    own.emulator.settings.patch({"rate_limit_window": "sliding", "requests_per_second": 0})
    url = f"{own.emulator.url}/events.test/event"
    answers = [requests.post(url, data={"event": name, "visit": '{"email": "a@b.test"}'}, timeout=5) for name in "abc"]
    assert [answer.status_code for answer in answers] == [200, 200, 400]
    assert answers[0].json() == {"success": 1, "message": "Event spawned", "key": ""}
    assert own.emulator.api.memory.of(Events) == [
        {"event": [name], "visit": ['{"email": "a@b.test"}']} for name in "ab"
    ]
    assert "RateLimit-Limit" not in answers[0].headers
    own.emulator.settings.faults = [Fault("502", path="/events.test/event")]
    assert requests.post(url, timeout=5).status_code == 502
    assert own.get("tags").status_code == 429


def test_given_a_large_body_when_written_then_it_arrives_whole(own: Client) -> None:
    routes, sizes = Routes(), []

    @routes.on("POST", "notes")
    def create(call: Call) -> Answer:
        sizes.append(len(call.request.body))
        return json_answer({})

    serve(own, routes)
    assert own.send("POST", "notes", {"text": "x" * 400_000}).status_code == 200
    assert sizes == [len(json.dumps({"text": "x" * 400_000}))]


def test_given_a_handler_when_it_runs_then_nobody_else_changes_rows(own: Client) -> None:
    routes, lock = Routes(), own.emulator.account.lock

    def try_to_change() -> bool:
        got = lock.acquire(blocking=False)
        if got:
            lock.release()
        return got

    with ThreadPoolExecutor(1) as another_thread:

        @routes.on("POST", "notes")
        def create(call: Call) -> Answer:
            return json_answer({"others": another_thread.submit(try_to_change).result(5)})

        serve(own, routes)
        assert own.send("POST", "notes").json() == {"others": False}
        assert another_thread.submit(try_to_change).result(5)


def test_given_a_client_that_hangs_up_in_a_body_then_no_handler_runs(own: Client) -> None:
    routes, bodies = Routes(), list[bytes]()

    @routes.on("POST", "notes")
    def create(call: Call) -> Answer:
        bodies.append(call.request.body)
        return json_answer({})

    serve(own, routes)
    host, port = own.emulator.url.removeprefix("http://").split(":")
    head = f"POST /api/3/notes HTTP/1.1\r\nHost: x\r\nApi-Token: {own.emulator.api_key}\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode() + b'{"note": ')
    until(lambda: len(own.emulator.server.server_state.connections) <= 1)
    assert own.send("POST", "notes", {}).status_code == 200
    assert bodies == [b"{}"]
    assert len(own.emulator.requests) == 1


# --- the one way to change rows -----------------------------------------------------------------------------


def test_given_options_when_added_then_they_are_served(own: Client) -> None:
    account = own.emulator.account
    given = account.insert("fieldOptions", field="5", value="Dawn", label="Dawn")
    made_up = account.insert("fieldOptions", field="5")
    shown = {row["id"]: row for row in own.json("fields", limit=100)["fieldOptions"]}
    assert (shown[given]["value"], shown[given]["field"]) == ("Dawn", "5")
    assert shown[made_up]["value"]


def test_given_a_field_that_a_row_lacks_when_written_then_it_is_shown() -> None:
    account = Account.demo(contacts=10)
    row = next(row for row in account.rows("dealCustomFieldData") if "fieldCurrency" not in row)
    account.update("dealCustomFieldData", row["id"], fieldCurrency="chf")
    shown = next(one for one in account.rows("dealCustomFieldData") if one["id"] == row["id"])
    assert shown["fieldCurrency"] == "chf"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda a: a.insert("nothing"), KeyError, "no such resource: nothing"),
        (lambda a: a.update("tags", "999", tag="x"), KeyError, "tags has no row 999"),
        (lambda a: a.delete("tags", "x"), KeyError, "tags has no row x"),
        (lambda a: a.update("tags", "1", name="x"), ValueError, "tags has no field name"),
        (
            lambda a: a.update("dealCustomFieldDataOld", "1", deal_id="2"),
            ValueError,
            "dealCustomFieldDataOld shows the rows of dealCustomFieldData; change those",
        ),
        (
            lambda a: a.insert("automationEntryCounts"),
            ValueError,
            "automationEntryCounts has no field contact, so no row can be added to it",
        ),
    ],
    ids=["no resource", "no row to update", "no row to delete", "no field", "a view", "no field for the owner"],
)
def test_given_a_change_that_cannot_be_then_it_says_why_and_changes_nothing(
    change: Any, error: type[Exception], message: str
) -> None:
    account = Account.demo(contacts=10)
    before = {name: account.rows(name) for name in ("tags", "dealCustomFieldData", "automationEntryCounts")}
    with pytest.raises(error, match=message):
        change(account)
    assert {name: account.rows(name) for name in before} == before


def test_given_changes_when_looked_up_by_value_then_the_rows_of_now_are_found() -> None:
    account = Account.demo(contacts=20)
    store = account.store("contacts")

    def found(email: str) -> list[str]:
        return [store.id_of(i) for i in store.rows_with("email", email)]

    first = str(account.rows("contacts")[0]["email"])
    assert found(first) == ["1"]
    new = account.insert("contacts", email="new@example.com")
    account.update("contacts", "2", email="new@example.com")
    account.update("contacts", "1", firstName="Changed")
    assert found("new@example.com") == ["2", new]
    assert found(first) == ["1"]
    account.delete("contacts", "2")
    account.update("contacts", new, email="newer@example.com")
    assert (found("new@example.com"), found("newer@example.com")) == ([], [new])
