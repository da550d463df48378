"""Streams that are read contact by contact: what one contact costs, and what all of them do."""

import re
from typing import Any

import pytest
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput

from unit_tests.source.conftest import API, catalog, config, cursor, errors, listing, page, read, rows, sent, warnings

CONTACTS = f"{API}/contacts"
STREAM = "contact_goals"


def people(count: int, changed: str = "2024-05-01T00:00:00Z") -> list[dict[str, str]]:
    return [{"id": str(number), "udate": changed} for number in range(1, count + 1)]


def goal_of(request: Any, context: Any) -> dict[str, Any]:
    contact = request.path.split("/")[4]
    return page("contactGoals", [{"id": f"{contact}0", "tstamp": "2024-05-01T00:00:00Z"}])


def serve(api, contacts: list[dict[str, str]], broken: dict[str, int] | None = None) -> None:
    """Contacts with a goal each, except those that answer with another status."""
    broken = broken or {}

    def answer(request: Any, context: Any) -> dict[str, Any]:
        context.status_code = broken.get(request.path.split("/")[4], broken.get("*", 200))
        return goal_of(request, context) if context.status_code == 200 else {"message": "no"}

    api.get(CONTACTS, json=listing("contacts", contacts))
    api.get(re.compile(f"{CONTACTS}/\\d+/contactGoals"), json=answer)


def goals(output: EntrypointOutput) -> list[str]:
    return sorted((row["id"] for row in rows(output)), key=int)


def status(output: EntrypointOutput) -> str:
    return output.get_stream_statuses(STREAM)[-1].value


def asked(api) -> int:
    """Requests for the goals of contacts."""
    return sum(request.path.endswith("/contactgoals") for request in api.request_history)


# ---- one contact


def test_given_a_contact_that_fails_for_good_when_read_then_the_others_arrive_and_the_error_names_it(
    api, today, pauses
):
    serve(api, people(30), {"7": 500})
    output = read(STREAM)
    assert goals(output) == [f"{number}0" for number in range(1, 31) if number != 7]
    assert status(output) == "INCOMPLETE"
    [(kind, sentence)] = errors(output)
    assert kind == "transient_error"
    assert "contact 7" in sentence
    assert "HTTP 500" in sentence
    assert output.errors[-1].trace.error.stream_descriptor is None, "the exit status must not be 0"


def test_given_a_contact_that_failed_when_read_again_then_it_is_asked_again_and_of_the_others_only_the_changed_ones(
    api, today, pauses
):
    serve(api, people(30), {"7": 500})
    first = read(STREAM, config(lookback_hours=0))
    assert cursor(first)["parent_state"] == {"changed_contacts": {"udate": "2024-05-01T00:00:00Z"}}
    assert cursor(first)["state"] == {"tstamp": "2024-05-01T00:00:00Z"}

    changed = [*people(29, "2024-04-01T00:00:00Z"), {"id": "30", "udate": "2024-06-01T00:00:00Z"}]
    serve(api, changed, {"7": 500})
    second = read(STREAM, config(lookback_hours=0), cursor(first))
    assert goals(second) == ["300"]
    assert status(second) == "INCOMPLETE"

    serve(api, changed)
    third = read(STREAM, config(lookback_hours=0), cursor(second))
    assert goals(third) == ["70", "300"]
    assert status(third) == "COMPLETE"
    assert errors(third) == []
    assert "failed_contacts" not in cursor(third)

    fourth = read(STREAM, config(lookback_hours=0), cursor(third))
    assert goals(fourth) == ["300"]


def test_given_a_contact_that_failed_and_changed_when_read_again_then_it_is_asked_once(api, today, pauses):
    serve(api, people(3), {"2": 500})
    state = cursor(read(STREAM, config(lookback_hours=0)))
    changed = [*people(1, "2024-04-01T00:00:00Z"), {"id": "2", "udate": "2024-06-01T00:00:00Z"}]
    serve(api, changed)
    before = asked(api)
    output = read(STREAM, config(lookback_hours=0), state)
    assert goals(output) == ["20"]
    assert asked(api) - before == 1


def test_given_a_contact_that_failed_and_is_gone_when_read_again_then_it_is_forgotten(api, today, pauses):
    serve(api, people(3), {"2": 500})
    state = cursor(read(STREAM, config(lookback_hours=0)))
    serve(api, people(1), {"2": 404})
    output = read(STREAM, config(lookback_hours=0), state)
    assert status(output) == "COMPLETE"
    assert "failed_contacts" not in cursor(output)


def test_given_a_contact_deleted_meanwhile_when_read_then_nothing_is_said(api, today, pauses):
    serve(api, people(5), {"3": 404})
    output = read(STREAM)
    assert goals(output) == ["10", "20", "40", "50"]
    assert status(output) == "COMPLETE"


def test_given_a_contact_that_is_gone_by_one_answer_alone_when_read_then_its_rows_arrive(api, today, pauses):
    serve(api, people(3))
    once = [{"status_code": 404, "json": {"message": "no"}}, {"json": goal_of}]
    api.get(f"{CONTACTS}/2/contactGoals", once)
    output = read(STREAM)
    assert goals(output) == ["10", "20", "30"]
    assert status(output) == "COMPLETE"


def test_given_contacts_here_and_there_that_fail_when_read_then_all_others_arrive(api, today, pauses):
    serve(api, people(60), {str(number): 500 for number in range(5, 61, 10)})
    output = read(STREAM)
    assert goals(output) == [f"{number}0" for number in range(1, 61) if number % 10 != 5]
    [(_, sentence)] = errors(output)
    assert "6 contacts" in sentence
    assert sorted(cursor(output)["failed_contacts"]) == ["15", "25", "35", "45", "5", "55"]


def test_given_a_contact_that_fails_when_other_streams_are_read_then_they_complete(api, today, pauses):
    serve(api, people(3), {"2": 500})
    api.get(f"{API}/tags", json=page("tags", [{"id": "1"}], "1"))
    output = read(catalog(STREAM, "tags"))
    assert output.get_stream_statuses("tags")[-1].value == "COMPLETE"
    assert status(output) == "INCOMPLETE"


def test_given_an_untimed_stream_when_a_contact_failed_then_its_rows_come_with_the_date_of_the_contact(
    api, today, pauses
):
    def answer(request: Any, context: Any) -> dict[str, Any]:
        return {"contact": {}, "geoAddresses": [{"id": "1"}]}

    api.get(CONTACTS, json=listing("contacts", people(2)))
    api.get(f"{CONTACTS}/1", json=answer)
    api.get(f"{CONTACTS}/2", status_code=500)
    first = read("geo_addresses", config(lookback_hours=0))
    api.get(CONTACTS, json=listing("contacts", []))
    api.get(f"{CONTACTS}/2", json=answer)
    second = read("geo_addresses", config(lookback_hours=0), cursor(first))
    assert rows(second) == [{"id": "1", "contact": "2", "contact_udate": "2024-05-01T00:00:00Z"}]


def test_given_a_contact_that_was_never_updated_when_an_untimed_stream_is_read_then_its_rows_have_no_date(api, today):
    api.get(CONTACTS, json=page("contacts", [{"id": "1", "udate": None}], "1"))
    api.get(f"{CONTACTS}/1", json={"contact": {}, "geoAddresses": [{"id": "7"}]})
    output = read("geo_addresses")
    assert rows(output) == [{"id": "7", "contact": "1"}]
    assert [sentence for sentence in warnings(output) if "geo_addresses" in sentence] == []


# ---- all of them


@pytest.mark.parametrize(
    ("code", "kind", "requests"),
    [(403, "config_error", 8 * 3), (401, "config_error", 8 * 3), (402, "config_error", 8), (302, "config_error", 8)],
)
def test_given_a_refusal_when_read_then_the_stream_ends_without_asking_the_other_contacts(
    api, today, pauses, code, kind, requests
):
    serve(api, people(300), {"*": code})
    state = {
        "use_global_cursor": True,
        "state": {"tstamp": "2024-04-01T00:00:00Z"},
        "parent_state": {"changed_contacts": {"udate": "2024-04-01T00:00:00Z"}},
    }
    output = read(STREAM, config(lookback_hours=0), state)
    assert {found for found, _ in errors(output)} == {kind}
    assert len(errors(output)) == 1
    assert status(output) == "INCOMPLETE"
    assert asked(api) <= requests
    assert cursor(output)["state"] == state["state"]
    assert cursor(output)["parent_state"] == state["parent_state"]


def test_given_every_contact_fails_when_read_then_the_stream_ends_after_a_few(api, today, pauses):
    serve(api, people(300), {"*": 500})
    output = read(STREAM, config(lookback_hours=0))
    [(kind, sentence)] = errors(output)
    assert kind == "transient_error"
    assert "HTTP 500" in sentence
    assert status(output) == "INCOMPLETE"
    assert asked(api) <= (5 + 8) * 6
    assert cursor(output).get("parent_state", {}) in ({}, {"changed_contacts": {"udate": "1970-01-01T00:00:00Z"}})


def test_given_an_outage_when_read_again_then_what_failed_before_is_not_forgotten(api, today, pauses):
    serve(api, people(30), {"7": 500})
    state = cursor(read(STREAM, config(lookback_hours=0)))
    serve(api, people(30, "2024-06-01T00:00:00Z"), {"*": 403})
    output = read(STREAM, config(lookback_hours=0), state)
    assert cursor(output)["failed_contacts"] == state["failed_contacts"]
    assert cursor(output)["parent_state"] == state["parent_state"]


def test_given_a_refusal_when_read_then_the_rest_of_the_contacts_is_not_listed(api, today, pauses):
    serve(api, people(5_000), {"*": 403})
    read(STREAM, config(num_workers=4))
    assert len(sent(api, "contacts")) < 40


# ---- who is named


def test_given_helpers_when_read_then_only_selected_streams_are_named(api, today):
    serve(api, people(3))
    api.get(f"{API}/fields", json=page("fields", [{"id": "1", "title": "Size", "type": "text", "perstag": "S"}], "1"))
    api.get(f"{API}/fieldValues", json=page("fieldValues", [], "0"))
    output = read(catalog(STREAM, "contacts"), config(custom_fields="columns"))
    assert errors(output) == []
    traces = [message.trace for message in output.trace_messages]
    named = {trace.stream_status.stream_descriptor.name for trace in traces if trace.stream_status}
    assert named == {STREAM, "contacts"}
    estimates = [
        message.trace.estimate.name for message in output._messages if message.trace and message.trace.estimate
    ]
    assert set(estimates) == {"contacts"}
    lines = [entry.log.message for entry in output.logs if re.match(r"Stream \w*: \d", entry.log.message)]
    assert {line.split(":")[0] for line in lines} == {f"Stream {STREAM}", "Stream contacts"}
    counted = [int(found[1]) for line in lines if (found := re.search(r"in (\d+) requests", line))]
    assert sum(counted) == len(api.request_history)
    assert any(line.startswith(f"Stream {STREAM}: 3 records") for line in lines)
