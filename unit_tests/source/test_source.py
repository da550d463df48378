"""The source as Airbyte uses it: cursors, states and what is asked of the server for them."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import requests_mock
from airbyte_cdk.models import FailureType, SyncMode
from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput

from source_activecampaign import SourceActiveCampaign
from source_activecampaign.runs import account_of
from source_activecampaign.source import requests_per_second
from unit_tests.source.conftest import (
    API,
    HOST,
    MANIFEST,
    NOW,
    catalog,
    check,
    config,
    cursor,
    discover,
    errors,
    ids,
    listing,
    page,
    read,
    rows,
    warnings,
)

CONTACTS = f"{API}/contacts"


def contact(identifier: int, udate: str | None, **fields: object) -> dict[str, object]:
    return {"id": str(identifier), "udate": udate, **fields}


def asked(api, parameter: str) -> list[str | None]:
    """The values of a parameter in the requests for contacts, letter by letter; None where it was absent."""
    urls = [urlsplit(request.url) for request in api.request_history]
    return [parse_qs(url.query).get(parameter, [None])[0] for url in urls if url.path == "/api/3/contacts"]


HISTORY = [
    contact(1, "2019-09-06T11:29:48-05:00"),
    contact(2, "2024-04-30T18:59:59-05:00"),
    contact(3, "2024-04-30T19:00:00-05:00"),
    contact(4, "2024-05-01T10:00:00-05:00"),
    contact(5, None),
    contact(6, "2024-06-15T06:59:00-05:00"),
]


def test_given_no_state_when_contacts_read_then_everything_without_a_filter(api, today):
    api.get(CONTACTS, json=page("contacts", HISTORY, "6"))
    output = read("contacts")
    assert ids(output) == ["1", "2", "3", "4", "5", "6"]
    assert asked(api, "filters[updated_after]") == [None]
    assert cursor(output) == {"udate": "2024-06-15T11:59:00Z"}


def test_given_start_date_when_contacts_read_then_nothing_older_and_the_filter_is_12_hours_early(api, today):
    api.get(CONTACTS, json=page("contacts", HISTORY, "6"))
    output = read("contacts", config(start_date="2024-05-01T00:00:00Z"))
    assert ids(output) == ["3", "4", "5", "6"]
    assert asked(api, "filters[updated_after]") == ["2024-04-30T12:00:00Z"]


def test_given_state_and_no_lookback_when_contacts_read_then_changed_ones_and_the_boundary(api, today):
    api.get(CONTACTS, json=page("contacts", HISTORY, "6"))
    output = read("contacts", config(lookback_hours=0), {"udate": "2024-05-01T00:00:00Z"})
    assert ids(output) == ["3", "4", "5", "6"]
    assert asked(api, "filters[updated_after]") == ["2024-04-30T12:00:00Z"]
    assert cursor(output) == {"udate": "2024-06-15T11:59:00Z"}


def test_given_state_when_contacts_read_then_the_default_lookback_is_24_hours(api, today):
    api.get(CONTACTS, json=page("contacts", HISTORY, "6"))
    output = read("contacts", None, {"udate": "2024-05-02T00:00:00Z"})
    assert ids(output) == ["3", "4", "5", "6"]
    assert asked(api, "filters[updated_after]") == ["2024-04-30T12:00:00Z"]


def test_given_state_near_start_date_when_contacts_read_then_lookback_does_not_go_before_it(api, today):
    api.get(CONTACTS, json=page("contacts", HISTORY, "6"))
    output = read("contacts", config(start_date="2024-05-01T00:00:00Z"), {"udate": "2024-05-01T06:00:00Z"})
    assert ids(output) == ["3", "4", "5", "6"]


def test_given_the_state_of_a_first_read_when_read_again_then_only_what_changed_and_the_boundary(api, today):
    api.get(CONTACTS, json=page("contacts", HISTORY, "6"))
    settings = config(lookback_hours=0)
    first = read("contacts", settings)

    today.move_to("2024-06-16T12:00:00Z")
    changed = [contact(1, "2024-06-15T20:00:00-05:00"), *HISTORY[1:], contact(7, "2024-06-15T07:00:01-05:00")]
    api.get(CONTACTS, json=page("contacts", changed, "7"))
    second = read("contacts", settings, cursor(first))
    assert ids(second) == ["1", "5", "6", "7"]
    assert cursor(second) == {"udate": "2024-06-16T01:00:00Z"}
    assert asked(api, "filters[updated_after]") == [None, "2024-06-14T23:59:00Z"]

    third = read("contacts", settings, cursor(second))
    assert ids(third) == ["1", "5"]
    assert cursor(third) == cursor(second)


def test_given_nothing_new_when_contacts_read_then_state_stays(api, today):
    api.get(CONTACTS, json=page("contacts", [], "0"))
    output = read("contacts", None, {"udate": "2024-05-02T00:00:00Z"})
    assert cursor(output) == {"udate": "2024-05-02T00:00:00Z"}


def test_given_a_future_date_when_contacts_read_then_emitted_and_state_not_past_the_beginning(api, today):
    future = contact(9, "2031-01-01T00:00:00-06:00")
    api.get(CONTACTS, json=page("contacts", [*HISTORY, future], "7"))
    output = read("contacts", config(lookback_hours=0), {"udate": "2024-05-01T00:00:00Z"})
    assert ids(output) == ["3", "4", "5", "6", "9"]
    assert rows(output)[-1] == {"id": "9", "udate": "2031-01-01T06:00:00Z"}
    assert "2024-06-15T11:59:00Z" <= cursor(output)["udate"] <= NOW

    today.move_to("2024-06-16T12:00:00Z")
    api.get(CONTACTS, json=page("contacts", [contact(4, "2024-06-15T12:00:00+00:00"), future], "2"))
    again = read("contacts", config(lookback_hours=0), cursor(output))
    assert ids(again) == ["4", "9"]


def test_given_a_record_changed_during_the_sync_when_read_then_state_not_past_the_beginning(api, today):
    def later(request, _):
        today.move_to("2024-06-15T12:30:00Z")
        return page("contacts", [contact(1, "2024-06-15T12:20:00Z"), contact(2, "2024-06-15T11:00:00Z")], "2")

    api.get(CONTACTS, json=later)
    assert cursor(read("contacts")) == {"udate": NOW}


def test_given_fractions_of_a_second_when_contacts_read_then_the_boundary_is_read_again(api, today):
    rows_of_account = [contact(1, "2024-05-01T00:00:00.250Z"), contact(2, "2024-05-01T00:00:00.750Z")]
    api.get(CONTACTS, json=page("contacts", rows_of_account, "2"))
    first = read("contacts", config(lookback_hours=0))
    assert cursor(first) == {"udate": "2024-05-01T00:00:00Z"}
    assert ids(read("contacts", config(lookback_hours=0), cursor(first))) == ["1", "2"]


def test_given_two_streams_when_read_then_each_has_its_own_state(api, today):
    api.get(CONTACTS, json=page("contacts", HISTORY, "6"))
    api.get(f"{API}/deals", json=page("deals", [{"id": "1", "mdate": "2024-06-01T00:00:00-05:00", "group": "1"}], 1))
    output = read(catalog("contacts", "deals"))
    last = {
        message.state.stream.stream_descriptor.name: message.state.stream.stream_state.__dict__
        for message in output.state_messages
    }
    assert last == {"contacts": {"udate": "2024-06-15T11:59:00Z"}, "deals": {"mdate": "2024-06-01T05:00:00Z"}}
    assert {message.state.type.value for message in output.state_messages} == {"STREAM"}
    assert sum(message.state.sourceStats.recordCount for message in output.state_messages) == 7


def test_given_many_pages_when_contacts_read_then_in_one_order_and_each_once(api, today):
    people = [contact(number, "2024-05-01T00:00:00Z") for number in range(1, 1001)]
    api.get(CONTACTS, json=listing("contacts", people))
    output = read("contacts")
    assert ids(output) == [str(number) for number in range(1, 1001)]
    assert set(asked(api, "orders[id]")) == {"ASC"}


def test_given_a_fault_on_the_way_when_contacts_read_then_state_covers_only_what_was_emitted(api, today, pauses):
    people = [contact(number, "2024-05-01T00:00:00Z") for number in range(1, 301)]
    rows_of = listing("contacts", people)

    def broken(request, context):
        if int(request.qs.get("offset", ["0"])[0]) > 150:
            context.status_code = 500
            return {}
        return rows_of(request, context)

    api.get(CONTACTS, json=broken)
    output = read("contacts", None, {"udate": "2024-04-01T00:00:00Z"})
    [(kind, _)] = errors(output)
    assert kind == "transient_error"
    assert [status.value for status in output.get_stream_statuses("contacts")][-1] == "INCOMPLETE"
    for message in output.state_messages:
        assert message.state.stream.stream_state.__dict__ in ({}, {"udate": "2024-04-01T00:00:00Z"})


@pytest.mark.parametrize("mode", [SyncMode.full_refresh, SyncMode.incremental])
def test_given_a_full_refresh_stream_when_read_then_its_state_is_the_protocols_marker(mode, api):
    api.get(f"{API}/fields", json=page("fields", [{"id": "1"}], "1"))
    output = read(catalog("contact_custom_fields", mode=mode))
    assert cursor(output) == {"__ab_no_cursor_state_message": True}


def test_given_an_address_of_two_contacts_when_read_then_their_two_rows_have_two_keys(api, today):
    api.get(CONTACTS, json=page("contacts", HISTORY[:2], "2"))
    for identifier in ("1", "2"):
        beside = {"contact": {"id": identifier}, "geoAddresses": [{"id": "7", "city": "Berlin"}]}
        api.get(f"{CONTACTS}/{identifier}", json=beside)
    output = read("geo_addresses")
    assert sorted((row["contact"], row["id"]) for row in rows(output)) == [("1", "7"), ("2", "7")]
    [stream] = discover(config(deals_access="full"), ["geo_addresses"]).values()
    assert stream.source_defined_primary_key == [["contact"], ["id"]]


def test_given_a_sync_when_finished_then_rows_and_requests_are_said(api):
    api.get(f"{API}/tags", json=listing("tags", [{"id": str(number)} for number in range(3)]))
    output = read("tags")
    assert output.is_in_logs(r"^Stream tags: 3 records in 1 requests, ")


def test_given_custom_object_schemas_that_never_come_when_read_then_the_other_streams_are_read(api, pauses):
    api.get(f"{API}/customObjects/schemas", status_code=503, json={"message": "busy"})
    api.get(f"{API}/tags", json=listing("tags", [{"id": str(number)} for number in range(3)]))
    chosen = catalog("custom_object_visit", "tags")
    output = entrypoint_wrapper.read(SourceActiveCampaign(), config(), chosen, [])
    assert ids(output) == ["0", "1", "2"]
    assert [status.value for status in output.get_stream_statuses("tags")][-1] == "COMPLETE"
    assert [status.value for status in output.get_stream_statuses("custom_object_visit")] == ["INCOMPLETE"]
    error = output.errors[-1].trace.error
    assert error.failure_type.value == "transient_error"
    assert "customObjects/schemas" in error.message


@pytest.mark.parametrize(("setting", "seconds"), [(5, 0.204), (2.5, 0.51), (0.5, 2.04)])
def test_the_budget_of_the_manifest_is_the_pace(setting, seconds):
    assert requests_per_second(MANIFEST["api_budget"], config(requests_per_second=setting)) == setting
    account = account_of(config(), requests_per_second(MANIFEST["api_budget"], config(requests_per_second=setting)))
    assert account.pace.interval() == pytest.approx(seconds)


def statuses(output: EntrypointOutput) -> dict[str, str]:
    """The last status of each stream."""
    found = [message.trace.stream_status for message in output.trace_messages if message.trace.stream_status]
    return {status.stream_descriptor.name: status.status.value for status in found}


@pytest.mark.parametrize("others", [[], ["tags"], ["custom_object_gone"]])
def test_given_a_stream_that_does_not_exist_when_read_then_the_others_come_and_the_read_fails_and_says_so(others, api):
    api.get(f"{API}/tags", json=page("tags", [{"id": "1"}], 1))
    api.get(f"{API}/customObjects/schemas", json=page("schemas", [], 0))
    output = entrypoint_wrapper.read(SourceActiveCampaign(), config(), catalog("nope", *others), [])
    sentence = (
        "The stream nope is not one of this connector's. Refresh the schema of the connection, or leave the stream out."
    )
    told = {message.trace.error.stream_descriptor.name: message.trace.error.message for message in output.errors[:-1]}
    assert told.pop("nope") == sentence
    assert list(told) == [name for name in others if name == "custom_object_gone"]
    last = output.errors[-1].trace.error
    assert (last.stream_descriptor, last.failure_type) == (None, FailureType.config_error)
    assert statuses(output) == {name: "COMPLETE" if name == "tags" else "INCOMPLETE" for name in ["nope", *others]}
    assert ids(output) == ["1"] * others.count("tags")


WHERE = "Settings > Developer in ActiveCampaign"
HTML = {"text": "<html>", "status_code": 404}


@pytest.mark.parametrize(
    ("everywhere", "sentence"),
    [
        (
            {"json": {"message": "Forbidden"}, "status_code": 403},
            f"ActiveCampaign did not accept the API key. Copy the API key from {WHERE}.",
        ),
        (
            {"headers": {"Location": "https://acme.example.com/login"}, "status_code": 302},
            f"The API URL {HOST} redirects to another address, as it does for an account that does not exist. "
            f"Copy the API URL from {WHERE}.",
        ),
        (HTML, f"The API URL {HOST} does not lead to ActiveCampaign's API (HTTP 404). Copy the API URL from {WHERE}."),
    ],
)
def test_given_a_wrong_key_or_url_when_discovered_then_it_fails_with_the_sentence_of_check(
    everywhere, sentence, api, pauses
):
    api.get(requests_mock.ANY, **everywhere)
    output = entrypoint_wrapper.discover(
        SourceActiveCampaign(), config(custom_fields="columns"), expecting_exception=True
    )
    assert not [message for message in output.get_message_iterator() if message.catalog]
    [error] = [message.trace.error for message in output.errors]
    assert (error.failure_type, error.message) == (FailureType.config_error, sentence)
    assert check() == ("FAILED", sentence)


@pytest.mark.parametrize("status", [403, 404])
def test_given_a_good_key_that_may_not_read_the_custom_fields_when_discovered_then_a_warning(status, api, pauses):
    api.get(re.compile(f"{API}/.+"), status_code=status, json={})
    api.get(f"{API}/users/me", json={"user": {"id": "1"}})
    output = entrypoint_wrapper.discover(SourceActiveCampaign(), config(custom_fields="columns", deals_access="full"))
    assert "contacts" in {stream.name for stream in output.catalog.catalog.streams}
    assert sum(sentence.startswith("No custom fields are read from ") for sentence in warnings(output)) == 3


@pytest.mark.parametrize(
    ("deals", "kind", "sentence"),
    [
        (
            {"status_code": 400, "json": {"message": "Bad"}},
            "system_error",
            "ActiveCampaign did not accept GET /api/3/deals ",
        ),
        ({"status_code": 418, "json": {}}, "system_error", "ActiveCampaign did not accept GET /api/3/deals (HTTP 418)"),
        (
            {"json": {"rows": []}},
            "system_error",
            "The API's answer for the stream deals has no list of records under '",
        ),
        ({"exc": requests.ConnectionError("Failed to resolve")}, "transient_error", "The host of "),
    ],
)
def test_given_an_answer_that_makes_no_sense_when_discovered_then_its_sentence_and_kind(
    deals, kind, sentence, api, pauses
):
    api.get(f"{API}/deals", **deals)
    output = entrypoint_wrapper.discover(SourceActiveCampaign(), config(), expecting_exception=True)
    [error] = [message.trace.error for message in output.errors]
    assert error.failure_type.value == kind
    assert error.message.startswith(sentence)
