"""The bulk importer: what it takes, what it refuses, and what becomes of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from emulator import Account, Emulator, Fault

from .client import Client, ids, until

Row = dict[str, Any]


@pytest.fixture
def blank() -> Iterator[Client]:
    """An emulator with an empty account, whose imports are applied at once."""
    with Emulator(Account.empty(), rate_limit_window="off") as emulator:
        at_once = {"import_false_seconds": 0, "import_delay": 0, "import_contacts_per_second": 0}
        emulator.settings.patch(at_once)
        yield Client(emulator)


def rows(count: int, **more: Any) -> list[Row]:
    return [{"email": f"ann{n}@example.com", "first_name": f"Ann {n}", **more} for n in range(count)]


def send(client: Client, contacts: Any, **more: Any) -> requests.Response:
    return client.send("POST", "import/bulk_import", {"contacts": contacts, **more})


def status(client: Client, batch: str) -> Any:
    return client.json("import/info", batchId=batch)["status"]


def imported(client: Client, contacts: list[Row], **more: Any) -> dict[str, Any]:
    """What is said of a batch once it is complete."""
    batch = send(client, contacts, **more).json()["batchId"]
    until(lambda: status(client, batch) == "completed")
    found: dict[str, Any] = client.json("import/info", batchId=batch)
    return found


def contact(client: Client, email: str) -> Row:
    (found,) = client.json("contacts", email=email)["contacts"]
    return dict(found)


def values(client: Client, email: str) -> dict[str, str]:
    found = client.json(f"contacts/{contact(client, email)['id']}/fieldValues")["fieldValues"]
    return {row["field"]: row["value"] for row in found}


def tags(client: Client, email: str) -> list[str]:
    names = {row["id"]: row["tag"] for row in client.all("tags")}
    links = client.json(f"contacts/{contact(client, email)['id']}/contactTags")["contactTags"]
    return [names[link["tag"]] for link in links]


def memberships(client: Client, email: str) -> dict[str, str]:
    found = client.json(f"contacts/{contact(client, email)['id']}/contactLists")["contactLists"]
    return {row["list"]: row["status"] for row in found}


# --- what an import does ------------------------------------------------------------------------------------


def test_given_a_batch_when_imported_then_all_of_it_can_be_read(blank: Client) -> None:
    account = blank.emulator.account
    text, several, when = (account.add_field(n, k) for n, k in (("A", "text"), ("B", "checkbox"), ("C", "datetime")))
    for name in ("One", "Two"):
        account.add_list(name)
    given = {
        **rows(1)[0],
        "last_name": "Lovelace",
        "phone": "+1 200 555",
        "customer_acct_name": "Acme",
        "tags": ["red", "blue"],
        "fields": [
            {"id": int(text), "value": "x"},
            {"id": int(several), "value": "||a||b||"},
            {"id": int(when), "value": "2026-01-02T12:00:00Z"},
            {"id": 99, "value": "unknown ids are ignored"},
        ],
        "subscribe": [{"listid": 1}],
        "unsubscribe": [{"listid": "2"}],
        "firstName": "names of contact/sync are ignored",
        "fieldValues": [{"field": text, "value": "as these are"}],
    }
    response = send(blank, [given])
    body = response.json()
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert (body["success"], body["queued_contacts"], body["message"]) == (1, 1, "Contact import queued")
    until(lambda: status(blank, body["batchId"]) == "completed")
    found = contact(blank, "ann0@example.com")
    assert blank.json("import/info", batchId=body["batchId"]) == {
        "status": "completed",
        "success": [found["id"]],
        "failure": [],
    }
    assert (found["firstName"], found["lastName"], found["phone"]) == ("Ann 0", "Lovelace", "+1 200 555")
    assert values(blank, "ann0@example.com") == {text: "x", several: "||a||b||", when: "2026-01-02T06:00:00-06:00"}
    assert tags(blank, "ann0@example.com") == ["red", "blue"]
    assert memberships(blank, "ann0@example.com") == {"1": "1", "2": "2"}
    (company,) = blank.json("accounts", count_deals="true")["accounts"]
    assert (company["name"], company["contactCount"]) == ("Acme", "1")
    page = blank.json("contacts", include="fieldValues,contactTags.tag,contactLists,accountContacts")
    assert [len(page[key]) for key in ("fieldValues", "contactTags", "contactLists", "accountContacts")] == [3, 2, 2, 1]
    assert {row["tag"]: row["subscriber_count"] for row in page["tags"]} == {"red": "1", "blue": "1"}
    assert [str(row["active_subscribers"]) for row in blank.json("lists")["lists"]] == ["1", "0"]


def test_given_a_contact_when_imported_again_then_only_what_is_sent_changes(blank: Client) -> None:
    one, two = (blank.emulator.account.add_field(name) for name in "AB")
    fields = [{"id": int(one), "value": "x"}, {"id": int(two), "value": "y"}]
    imported(blank, rows(1, last_name="Lovelace", tags=["red"], fields=fields))
    before = contact(blank, "ann0@example.com")["id"]
    again = {"email": "ann0@example.com", "phone": "1", "tags": ["Red", "blue"], "fields": [{"id": one, "value": "z"}]}
    assert imported(blank, [again])["success"] == [before]
    found = contact(blank, "ann0@example.com")
    assert [found[key] for key in ("firstName", "lastName", "phone")] == ["Ann 0", "Lovelace", "1"]
    assert values(blank, "ann0@example.com") == {one: "z", two: "y"}
    assert tags(blank, "ann0@example.com") == ["red", "blue"]


def test_given_who_unsubscribed_when_imported_then_only_contact_lists_subscribes_again(blank: Client) -> None:
    blank.emulator.account.add_list("One")
    imported(blank, rows(1, subscribe=[{"listid": 1}]))
    imported(blank, rows(1, unsubscribe=[{"listid": 1}]))
    assert imported(blank, rows(1, subscribe=[{"listid": 1}]))["failure"] == []
    assert memberships(blank, "ann0@example.com") == {"1": "2"}
    found = contact(blank, "ann0@example.com")["id"]
    blank.send("POST", "contactLists", {"contactList": {"list": 1, "contact": found, "status": 1}})
    assert memberships(blank, "ann0@example.com") == {"1": "1"}


@pytest.mark.parametrize(
    ("phrase", "match", "channel", "lists", "skipped"),
    [
        ("ANN1@example.com", "exact", "all", [], ["ann1@example.com"]),
        ("ann1", "begin", "allEmail", [], ["ann1@example.com"]),
        ("@example.com", "end", "several", [], ["ann0@example.com", "ann1@example.com"]),
        ("@example.com", "exact", "all", [], []),
        ("@example.com", "end", "allSms", [], []),
        ("@example.com", "end", "all", ["1"], ["ann0@example.com", "ann1@example.com"]),
        ("@example.com", "end", "all", ["2"], []),
    ],
)
def test_given_exclusions_when_imported_then_who_is_on_them_is_skipped_without_a_reason(
    blank: Client, phrase: str, match: str, channel: str, lists: list[str], skipped: list[str]
) -> None:
    account = blank.emulator.account
    account.add_list("One")
    account.add_exclusion(phrase, match, channel, lists)
    (shown,) = blank.json("lists/exclusions")["exclusions"]
    assert (shown["matchPhrase"], shown["matchType"], shown["channel"], shown["lists"]) == (
        phrase,
        match,
        channel,
        lists,
    )
    found = imported(blank, rows(2, subscribe=[{"listid": 1}]))
    assert (found["failure"], len(found["success"])) == (skipped, 2 - len(skipped))
    assert len(blank.all("contacts")) == 2 - len(skipped)


def test_given_bounces_limits_and_addresses_that_are_none_when_imported_then_these_are_skipped(blank: Client) -> None:
    imported(blank, rows(2))
    bounced = contact(blank, "ann1@example.com")["id"]
    blank.emulator.account.update("contacts", bounced, bounced_hard="1")
    blank.emulator.settings.contact_limit = 3
    bad = ["invalid.email@invalidDomain", "invalid'character@example.com"]
    found = imported(blank, [*({"email": email} for email in bad), *rows(4, phone="1")])
    assert found["failure"] == [*bad, "ann1@example.com", "ann3@example.com"]
    assert {row["email"]: row["phone"] for row in blank.all("contacts")} == {
        "ann0@example.com": "1",
        "ann1@example.com": "",
        "ann2@example.com": "1",
    }


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"first_name": "Ann"}, "Field 'email' not found"),
        ({"email": "nobody"}, "Field 'email' incorrect format"),
        ({"email": " ann@example.com"}, "Field 'email' incorrect format"),
        ({"email": "ann@example.com", "tags": "red"}, "Field 'tags' incorrect format"),
        ({"email": "ann@example.com", "fields": [{"field": 1, "value": "x"}]}, "Field 'fields' incorrect format"),
        ("ann@example.com", "Field 'email' not found"),
    ],
)
@pytest.mark.parametrize("form", ["objects", "strings"])
def test_given_one_row_that_is_not_in_order_then_nothing_is_queued(
    blank: Client, row: Any, reason: str, form: str
) -> None:
    blank.emulator.settings.import_failure_reasons = form
    response = send(blank, [*rows(2), row])
    assert response.status_code == 400
    body = response.json()
    assert (body["success"], body["message"][:35]) == (0, "JSON payload did not pass validatio")
    assert body["failureReasons"] == [
        {"contact": 3, "failureReason": reason} if form == "objects" else f"Contact 3: {reason}"
    ]
    assert imported(blank, [{"email": "after@example.com"}])["success"]
    assert [row["email"] for row in blank.all("contacts")] == ["after@example.com"]


def test_given_emails_that_are_malformed_to_the_api_alone_then_imports_and_single_writes_are_refused(
    blank: Client,
) -> None:
    blank.emulator.settings.malformed_emails = "odd"
    assert send(blank, [*rows(1), {"email": "odd@example.com"}]).json()["failureReasons"] == [
        {"contact": 2, "failureReason": "Field 'email' incorrect format"}
    ]
    assert blank.send("POST", "contact/sync", {"contact": {"email": "odd@example.com"}}).status_code == 422
    assert blank.all("contacts") == []


@pytest.mark.parametrize("body", [{}, {"contacts": []}, {"contacts": {}}, {"contact": {"email": "a@example.com"}}, []])
def test_given_no_contacts_then_400(blank: Client, body: Any) -> None:
    response = blank.send("POST", "import/bulk_import", body)
    assert (response.status_code, response.json()["failureReasons"]) == (400, ["Field 'contacts' not found"])


def test_given_more_than_250_contacts_then_400(blank: Client) -> None:
    assert send(blank, rows(251)).status_code == 400
    assert len(imported(blank, rows(250))["success"]) == 250


@pytest.mark.parametrize(
    ("most", "size", "expected"), [(399_999, 399_999, 200), (399_999, 400_000, 400), (400_000, 400_000, 200)]
)
def test_given_a_large_body_then_the_limit_counts_bytes(blank: Client, most: int, size: int, expected: int) -> None:
    blank.emulator.settings.import_bytes = most
    head = json.dumps({"contacts": rows(2), "padding": ""}).encode()
    body = head[:-2] + b"x" * (size - len(head)) + b'"}'
    url = f"{blank.emulator.url}/api/3/import/bulk_import"
    assert blank.session.post(url, data=body, timeout=5).status_code == expected


def test_given_a_body_that_the_web_server_does_not_let_pass_then_413_and_nothing_is_queued(blank: Client) -> None:
    blank.emulator.settings.body_bytes = 200
    refused = send(blank, rows(20))
    assert (refused.status_code, refused.headers["Content-Type"]) == (413, "text/html; charset=UTF-8")
    assert blank.json("import/bulk_import") == {"outstanding": [], "recentlyCompleted": []}
    assert send(blank, rows(2)).status_code == 200


def test_given_a_hundred_imports_in_a_minute_then_the_next_is_400_until_the_minute_is_over(blank: Client) -> None:
    blank.emulator.settings.import_seconds = 600
    assert [send(blank, rows(2)).status_code for _ in range(100)] == [200] * 100
    refused = send(blank, rows(2))
    assert (refused.status_code, refused.json()["message"]) == (400, "Rate limit exceeded.")
    assert refused.json()["failureReasons"][0].startswith("Up to 100 imports may be requested per minute")
    blank.emulator.settings.import_seconds = 0.01
    until(lambda: send(blank, rows(2)).status_code == 200)


def test_given_imports_of_one_contact_then_twenty_are_taken_in_a_minute(blank: Client) -> None:
    assert [send(blank, rows(1)).status_code for _ in range(21)] == [200] * 20 + [400]
    assert send(blank, rows(2)).status_code == 200


@pytest.mark.parametrize(("paced", "expected"), [(True, [200, 429]), (False, [200, 200])])
def test_given_the_rate_limit_then_a_setting_says_whether_imports_spend_of_it(
    blank: Client, paced: bool, expected: list[int]
) -> None:
    blank.emulator.settings.patch({"rate_limit_window": "sliding", "requests_per_second": 1, "import_paced": paced})
    assert [send(blank, rows(2)).status_code for _ in range(2)] == expected
    assert [blank.get("tags").status_code for _ in range(2)][-1] == 429


# --- the queue ----------------------------------------------------------------------------------------------


def test_given_a_slow_queue_when_asked_then_all_states_pass_by_in_order(blank: Client) -> None:
    slow = {"import_false_seconds": 0.1, "import_delay": 0.4, "import_contacts_per_second": 20}
    blank.emulator.settings.patch(slow)
    batch = send(blank, rows(5)).json()["batchId"]
    seen: list[Any] = []

    def ended() -> bool:
        said = blank.json("import/info", batchId=batch)
        partial = 0 < len(said["success"]) < 5
        seen.extend([said["status"]] if said["status"] not in seen else [])
        assert not partial or said["status"] == "active"
        return bool(said["status"] == "completed")

    assert blank.all("contacts") == []
    until(ended)
    assert seen == [False, "waiting", "claimed", "active", "completed"]
    assert len(blank.all("contacts")) == 5


def test_given_no_batch_when_asked_then_it_is_said(blank: Client) -> None:
    assert blank.json("import/info", batchId="unknown") == {"status": False, "success": [], "failure": []}
    missing = blank.get("import/info")
    assert (missing.status_code, missing.json()) == (
        400,
        {"success": 0, "message": "'batchId' is a required field."},
    )


@pytest.mark.parametrize(("order", "others"), [("one by one", "waiting"), ("parallel", "active")])
def test_given_several_batches_then_they_are_applied_one_by_one_or_in_parallel(
    blank: Client, order: str, others: str
) -> None:
    blank.emulator.settings.patch({"import_order": order, "import_contacts_per_second": 20})
    first, second = (send(blank, rows(20)).json()["batchId"] for _ in range(2))
    until(lambda: blank.json("import/info", batchId=first)["success"])
    assert (status(blank, first), status(blank, second)) == ("active", others)
    outstanding = blank.json("import/bulk_import")["outstanding"]
    assert [(day["batches"], day["contacts"]) for day in outstanding] == [("2", "40")]
    blank.emulator.settings.import_contacts_per_second = 0
    until(lambda: status(blank, second) == "completed")
    report = blank.json("import/bulk_import")
    assert report["outstanding"] == []
    assert [(day["batches"], day["contacts"]) for day in report["recentlyCompleted"]] == [("2", "40")]


@pytest.mark.parametrize(
    ("kind", "ending"), [("batch_failed", "failed"), ("batch_interrupted", "interrupted"), ("batch_stuck", "active")]
)
@pytest.mark.parametrize(("part", "applied"), [(0.0, 0), (0.5, 2)])
def test_given_a_batch_that_goes_wrong_then_nothing_or_a_part_of_it_was_applied(
    blank: Client, kind: str, ending: str, part: float, applied: int
) -> None:
    blank.emulator.settings.faults = [Fault(kind, "/import/bulk_import", method="POST", after=1, times=1, part=part)]
    good, bad, later = (send(blank, rows(n)).json()["batchId"] for n in (2, 4, 3))
    until(lambda: status(blank, later) == "completed")
    assert (status(blank, good), status(blank, bad)) == ("completed", ending)
    assert len(blank.json("import/info", batchId=bad)["success"]) == applied


def test_given_a_write_that_is_queued_when_the_connection_breaks_then_it_is_applied(blank: Client) -> None:
    blank.emulator.settings.faults = [Fault("drop_after", "/import/bulk_import", method="POST", times=1)]
    with pytest.raises(requests.ConnectionError):
        send(blank, rows(2))
    until(lambda: len(blank.all("contacts")) == 2)


# --- what nobody knows for certain --------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["success", "Success"])
def test_given_two_spellings_then_a_setting_chooses(blank: Client, key: str) -> None:
    blank.emulator.settings.patch({"import_success_key": key, "import_content_type": "application/json"})
    response = send(blank, rows(2))
    assert sorted(response.json()) == sorted([key, "queued_contacts", "batchId", "message"])
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("empty", "first_name", "value"), [("clear", "", ""), ("ignore", "Ann 0", "x"), ("reject", "Ann 0", "x")]
)
def test_given_empty_texts_when_imported_then_a_setting_says_what_they_do(
    blank: Client, empty: str, first_name: str, value: str
) -> None:
    field = blank.emulator.account.add_field("A")
    imported(blank, rows(1, fields=[{"id": 1, "value": "x"}]))
    blank.emulator.settings.import_empty = empty
    row = {"email": "ann0@example.com", "first_name": "", "phone": "1", "fields": [{"id": 1, "value": ""}]}
    if empty == "reject":
        reasons = [
            send(blank, [{**row, key: full}]).json()["failureReasons"] for key, full in (("a", 1), ("first_name", "x"))
        ]
        assert [reason[0]["failureReason"] for reason in reasons] == [
            "Field 'first_name' must not be empty",
            "Field 'fields' must not be empty",
        ]
    else:
        imported(blank, [row])
    found = contact(blank, "ann0@example.com")
    assert (found["firstName"], found["phone"]) == (first_name, "" if empty == "reject" else "1")
    assert values(blank, "ann0@example.com") == {field: value}


@pytest.mark.parametrize(("wins", "expected"), [("last", "two"), ("first", "one")])
def test_given_an_email_twice_then_a_setting_says_which_row_wins(blank: Client, wins: str, expected: str) -> None:
    blank.emulator.settings.import_duplicates = wins
    twice = [{"email": "ann@example.com", "phone": phone} for phone in ("one", "two")]
    imported(blank, twice)
    assert contact(blank, "ann@example.com")["phone"] == expected


@pytest.mark.parametrize(
    ("missing", "links", "first", "second"),
    [
        ("create", "replace", "Acme", "Other"),
        ("create", "keep", "Acme", "Acme"),
        ("ignore", "replace", None, "Known"),
    ],
)
def test_given_account_names_then_settings_say_what_is_created_and_linked(
    blank: Client, missing: str, links: str, first: str | None, second: str
) -> None:
    blank.emulator.settings.patch({"import_accounts": missing, "import_account_links": links})
    account = blank.emulator.account
    account.insert("accounts", name="Known")

    def linked() -> str | None:
        names = {row["id"]: row["name"] for row in account.rows("accounts")}
        found = [names[row["account"]] for row in account.rows("accountContacts")]
        return found[0] if found else None

    imported(blank, rows(1, customer_acct_name="Acme"))
    assert linked() == first
    imported(blank, rows(1, customer_acct_name="known" if missing == "ignore" else "Other"))
    assert linked() == second
    assert len(account.rows("accountContacts")) == 1


@pytest.mark.parametrize(
    ("heeded", "started"),
    [
        ("either", ["c"]),
        ("top", ["b", "c"]),
        ("contact", ["a", "c"]),
        ("nowhere", ["a", "b", "c"]),
    ],
)
def test_given_exclude_automations_then_the_books_say_who_may_have_started_some(
    blank: Client, heeded: str, started: list[str]
) -> None:
    blank.emulator.settings.import_exclusion = heeded
    imported(blank, [{"email": "a@example.com"}], exclude_automations=True)
    imported(blank, [{"email": "b@example.com", "exclude_automations": True}, {"email": "c@example.com"}])
    assert [write.email[0] for write in blank.emulator.writes if write.automations] == started


@pytest.mark.parametrize(("case", "expected"), [("ignored", 1), ("matters", 2)])
def test_given_an_email_in_other_case_then_a_setting_says_whether_it_is_the_same(
    blank: Client, case: str, expected: int
) -> None:
    blank.emulator.settings.email_case = case
    for email in ("Ann@Example.com", "ann@example.com"):
        imported(blank, [{"email": email}])
        blank.send("POST", "contact/sync", {"contact": {"email": email}})
    assert len(blank.all("contacts")) == expected
    assert len(blank.json("contacts", email="ANN@example.com")["contacts"]) == (1 if case == "ignored" else 0)


@pytest.mark.parametrize(("checks", "failure"), [("off", []), ("on", ["ann0@example.com"])])
def test_given_a_value_that_does_not_fit_then_a_setting_says_whether_the_contact_fails(
    blank: Client, checks: str, failure: list[str]
) -> None:
    blank.emulator.settings.value_checks = checks
    blank.emulator.account.add_field("Size", "radio", options=["S", "L"])
    assert imported(blank, rows(1, fields=[{"id": 1, "value": "XXL"}]))["failure"] == failure
    assert imported(blank, rows(2, fields=[{"id": 1, "value": "L"}]))["failure"] == []


# --- the books ----------------------------------------------------------------------------------------------


def test_given_an_import_then_the_books_say_when_it_was_applied_and_who_asked(blank: Client) -> None:
    blank.emulator.settings.import_delay = 0.2
    imported(blank, rows(2))
    request = next(r for r in blank.emulator.requests if r.method == "POST")
    assert [(w.kind, w.email, w.request) for w in blank.emulator.writes] == [
        ("import", "ann0@example.com", request),
        ("import", "ann1@example.com", request),
    ]
    assert all(request.time + 0.2 <= write.time <= time.monotonic() for write in blank.emulator.writes)
    shown = blank.control("GET", "writes")["writes"]
    assert [(w["kind"], w["email"], w["request"]["path"]) for w in shown] == [
        ("import", "ann0@example.com", "/api/3/import/bulk_import"),
        ("import", "ann1@example.com", "/api/3/import/bulk_import"),
    ]
    blank.control("DELETE", "writes")
    assert blank.emulator.writes == []


def test_given_many_contacts_when_imported_then_requests_are_answered_meanwhile(blank: Client) -> None:
    for n in range(10):
        blank.emulator.account.add_field(f"Field {n}")
    fields = [{"id": n, "value": f"value {n}"} for n in range(1, 11)]
    batches = [
        [{"email": f"p{b}.{n}@example.com", "tags": ["red", "blue"], "fields": fields} for n in range(250)]
        for b in range(4)
    ]
    last = [send(blank, batch).json()["batchId"] for batch in batches][-1]
    waits: list[float] = []

    def ended() -> bool:
        before = time.monotonic()
        found = status(blank, last) == "completed"
        waits.append(time.monotonic() - before)
        return found

    until(ended, 20)
    assert len(blank.all("contacts")) == 1000
    assert len(ids(blank.all("fieldValues"))) == 10_000
    # No question took a large part of the time in which the contacts were imported.
    assert max(waits) < sum(waits) / 3
