"""What the user is told when the API's answer is not what was asked for."""

import json
import logging
from dataclasses import asdict

import pytest
import requests
import requests_mock
from airbyte_cdk.test import entrypoint_wrapper

from activecampaign_client.answers import Limits
from source_activecampaign import SourceActiveCampaign
from source_activecampaign.source import with_streams
from unit_tests.servers import answering, server
from unit_tests.source.conftest import (
    API,
    KEY,
    MANIFEST,
    catalog,
    check,
    config,
    errors,
    ids,
    listing,
    page,
    read,
    rows,
    sent,
    warnings,
)

TAGS = page("tags", [{"id": "1", "tag": "vip"}], "1")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_given_a_redirect_when_read_then_config_error_and_the_key_stays_here(status, pauses):
    with server(answering()) as (elsewhere, theirs):
        with server(answering(status, Location=f"{elsewhere}/login")) as (here, ours):
            output = read("tags", config(api_url=here))
        [(kind, sentence)] = errors(output)
        assert kind == "config_error"
        assert sentence.startswith(f"The API URL {here} redirects to another address")
        assert len(ours) == 1
        assert ours[0]["Api-Token"] == KEY
        assert theirs == []


def test_a_request_has_what_the_api_wants(api):
    api.get(f"{API}/tags", json=TAGS)
    read("tags")
    headers = api.last_request.headers
    assert headers["Api-Token"] == KEY
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"]
    assert KEY not in api.last_request.url
    assert api.last_request.timeout not in (None, (None, None))


TAGS_URL = f"{API}/tags"
FAULTS = {
    "500": {"status_code": 500, "json": {"message": "Internal Server Error"}},
    "502": {"status_code": 502, "text": "<html>Bad Gateway</html>"},
    "503": {"status_code": 503, "text": ""},
    "504": {"status_code": 504, "text": ""},
    "520": {"status_code": 520, "text": "<html>Cloudflare</html>"},
    "408": {"status_code": 408, "text": ""},
    "empty": {"text": ""},
    "truncated": {"text": '{"tags": [{"id": "1", "ta'},
    "html": {"text": "<html>Maintenance</html>"},
    "read timeout": {"exc": requests.ReadTimeout("slow")},
    "connect timeout": {"exc": requests.ConnectTimeout("slow")},
    "connection": {"exc": requests.ConnectionError("Connection aborted.")},
    "unknown host": {"exc": requests.ConnectionError("Failed to resolve 'acme.api-us1.com'")},
    "certificate": {"exc": requests.exceptions.SSLError("certificate verify failed")},
    "chunk": {"exc": requests.exceptions.ChunkedEncodingError("Connection broken")},
}
SENTENCES = {
    "empty": f"{TAGS_URL} answered with an empty body (HTTP 200).",
    "truncated": f"{TAGS_URL} answered with a body that is not complete JSON (HTTP 200).",
    "html": f"{TAGS_URL} answered with an HTML page (HTTP 200).",
    "read timeout": f"{TAGS_URL} did not answer in time.",
    "connect timeout": f"{TAGS_URL} did not answer in time.",
    "connection": f"The connection to {TAGS_URL} failed (ConnectionError).",
    "unknown host": f"The host of {TAGS_URL} is unknown. Check the API URL",
    "certificate": f"The TLS certificate of {TAGS_URL} could not be verified. Check the API URL.",
    "chunk": f"The connection to {TAGS_URL} failed (ChunkedEncodingError).",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_given_a_passing_fault_when_read_then_nothing_is_lost(fault, api, pauses):
    api.get(TAGS_URL, [FAULTS[fault], FAULTS[fault], {"json": TAGS}])
    output = read("tags")
    assert ids(output) == ["1"]
    assert errors(output) == []
    assert len(pauses) == 2
    assert min(pauses) > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_given_a_lasting_fault_when_read_then_transient_error(fault, api, pauses):
    api.get(TAGS_URL, **FAULTS[fault])
    output = read("tags")
    [(kind, sentence)] = errors(output)
    assert kind == "transient_error"
    assert sentence.startswith(SENTENCES.get(fault, ""))
    assert sentence.endswith("It was tried 6 times.")
    assert "Exception" not in sentence
    assert "Traceback" not in sentence
    assert len(sent(api, "tags")) == 6


EVERYTHING = requests_mock.ANY


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("unknown host", "certificate")])
def test_given_an_account_that_answers_nothing_when_read_then_ten_minutes_and_transient_error(fault, api, pauses):
    api.get(EVERYTHING, **FAULTS[fault])
    output = read("tags")
    [(kind, sentence)] = errors(output)
    assert kind == "transient_error"
    assert sentence.startswith("ActiveCampaign has answered nothing for 10 minutes. The last attempt: ")
    assert SENTENCES.get(fault, TAGS_URL) in sentence
    assert 600 <= sum(pauses) <= 700
    assert output.is_in_logs("Everything waits; the next try is in")


def test_given_an_outage_of_minutes_when_read_then_nothing_is_lost_and_it_is_said(api, pauses):
    api.get(EVERYTHING, [*[{"status_code": 503}] * 14, {"json": TAGS}])
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == ["1"]
    assert sum(pauses) > 60
    assert output.is_in_logs("ActiveCampaign answers again, after")


def test_given_other_numbers_in_the_manifest_when_read_then_these_count(api, pauses):
    changed = with_streams(MANIFEST, {"tags"})
    retries = {**changed["definitions"]["requester"]["error_handler"], "attempts": 3, "patience": 30}
    requester = {**changed["definitions"]["requester"], "error_handler": retries}
    changed = {**changed, "definitions": {**changed["definitions"], "requester": requester}, "dynamic_streams": []}
    api.get(TAGS_URL, status_code=503)
    output = entrypoint_wrapper.read(SourceActiveCampaign(changed), config(), catalog("tags"), [])
    [(_, sentence)] = errors(output)
    assert sentence.endswith("It was tried 3 times.")
    assert len(sent(api, "tags")) == 3
    pauses.clear()
    api.get(EVERYTHING, status_code=503)
    entrypoint_wrapper.read(SourceActiveCampaign(changed), config(), catalog("tags"), [])
    assert 30 <= sum(pauses) < 70


def test_the_manifest_declares_what_the_client_does_by_itself():
    declared = MANIFEST["definitions"]["requester"]["error_handler"]
    assert {name: declared[name] for name in Limits.__dataclass_fields__ if name != "total"} == {
        name: value for name, value in asdict(Limits()).items() if name != "total"
    }


ODD = {
    "message": {"json": {"message": "Something went wrong"}},
    "errors": {"json": {"errors": [{"title": "Something went wrong"}]}},
    "400": {"status_code": 400, "json": {"message": "Something went wrong"}},
    "404": {"status_code": 404, "json": {"message": "Something went wrong"}},
}
MANY = [{"id": str(number), "tag": "vip"} for number in range(250)]


def with_one_page_odd(url: str, odd: str, api, times: int, key: str = "tags") -> None:
    """A listing whose second page is odd for so many times."""
    left = [ODD[odd]] * times
    rows_of = listing(key, MANY)

    def answer(request, context):
        if request.qs.get("offset", ["0"]) != ["0"] and left:
            said = left.pop()
            context.status_code = said.get("status_code", 200)
            return said["json"]
        return rows_of(request, context)

    api.get(url, json=answer)


@pytest.mark.parametrize("odd", ODD)
def test_given_one_odd_answer_in_the_middle_when_read_then_nothing_is_lost(odd, api, pauses):
    with_one_page_odd(TAGS_URL, odd, api, times=1)
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == [str(number) for number in range(250)]


@pytest.mark.parametrize("odd", ODD)
def test_given_odd_answers_from_the_middle_on_when_read_then_the_apis_own_sentence(odd, api, pauses):
    with_one_page_odd(TAGS_URL, odd, api, times=100)
    output = read("tags")
    [(kind, sentence)] = errors(output)
    assert kind == "transient_error"
    assert "GET /api/3/tags" in sentence
    assert "Something went wrong" in sentence
    assert len(rows(output)) >= 99
    assert sum(pauses) < 60


def test_given_odd_answers_to_one_contact_when_read_then_nothing_is_lost(api, pauses):
    people = [{"id": str(number), "udate": "2024-05-01T00:00:00Z"} for number in range(5)]
    api.get(f"{API}/contacts", json=listing("contacts", people))
    for number in range(5):
        answers = [{"json": page("contactGoals", [{"id": str(number), "tstamp": "2024-05-01T00:00:00Z"}], 1)}]
        api.get(f"{API}/contacts/{number}/contactGoals", [ODD["400"], *answers] if number == 3 else answers)
    output = read("contact_goals", config(num_workers=2))
    assert errors(output) == []
    assert sorted(ids(output)) == ["0", "1", "2", "3", "4"]


def test_given_a_passing_403_when_read_then_nothing_is_lost(api, pauses):
    api.get(TAGS_URL, [{"status_code": 403, "json": {"message": "Forbidden"}}, {"json": TAGS}])
    output = read("tags")
    assert ids(output) == ["1"]
    assert errors(output) == []


def test_given_a_lasting_403_when_read_then_config_error_naming_permission_and_endpoint(api, pauses):
    api.get(f"{API}/deals", status_code=403, json={"message": "Upgrade your account to enable the CRM"})
    output = read("deals")
    [(kind, sentence)] = errors(output)
    assert kind == "config_error"
    assert "GET /api/3/deals" in sentence
    assert "the Deals permission" in sentence
    assert "Settings > Users and groups" in sentence
    assert len(sent(api, "deals")) == 3
    assert sum(pauses) <= 30


def test_given_429s_and_then_a_passing_403_when_read_then_nothing_is_lost(api, pauses, no_pacing):
    busy = {"status_code": 429, "headers": {"Retry-After": "1"}}
    api.get(TAGS_URL, [busy, busy, {"status_code": 403, "json": {}}, {"json": TAGS}])
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == ["1"]


def test_given_many_429s_and_then_a_passing_503_when_read_then_nothing_is_lost(api, pauses, no_pacing):
    busy = {"status_code": 429, "headers": {"Retry-After": "1"}}
    api.get(TAGS_URL, [*[busy] * 6, {"status_code": 503}, {"json": TAGS}])
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == ["1"]


def test_given_429_when_read_then_it_waits_as_long_as_it_was_told(api, pauses, no_pacing):
    api.get(TAGS_URL, [{"status_code": 429, "headers": {"Retry-After": "30"}}, {"json": TAGS}])
    output = read("tags")
    assert ids(output) == ["1"]
    assert 30 <= sum(pauses) <= 32
    assert output.is_in_logs(r"asked for a pause of 30 s \(HTTP 429\)")


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, {"Retry-After": "soon"}])
def test_given_429_that_does_not_say_how_long_when_read_then_it_waits_anyway(headers, api, pauses, no_pacing):
    api.get(TAGS_URL, [{"status_code": 429, "headers": headers}, {"json": TAGS}])
    output = read("tags")
    assert ids(output) == ["1"]
    assert 1 <= sum(pauses) <= 60


def test_given_429_forever_when_read_then_transient_error(api, pauses, no_pacing):
    api.get(TAGS_URL, status_code=429, headers={"Retry-After": "1"})
    [(kind, sentence)] = errors(read("tags"))
    assert kind == "transient_error"
    assert "limit" in sentence
    assert len(sent(api, "tags")) <= 40


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (401, "config_error", "does not let this API key read tags"),
        (402, "config_error", "ActiveCampaign has suspended this account's API for an unpaid invoice (HTTP 402)."),
        (404, "config_error", "ActiveCampaign has nothing at GET /api/3/tags for this account (HTTP 404)"),
        (400, "system_error", ""),
    ],
)
def test_given_an_answer_that_is_final_when_read_then_its_sentence(status, kind, sentence, api, pauses):
    api.get(TAGS_URL, status_code=status, json={"message": "No"})
    [(failure, message)] = errors(read("tags"))
    assert failure == kind
    assert sentence in message
    assert len(sent(api, "tags")) <= 3


def test_given_a_stream_that_fails_when_read_then_the_others_complete(api, pauses):
    api.get(TAGS_URL, json=TAGS)
    api.get(f"{API}/lists", status_code=403, json={})
    output = read(catalog("lists", "tags"))
    assert [record.record.stream for record in output.records] == ["tags"]
    assert [status.value for status in output.get_stream_statuses("tags")] == ["STARTED", "RUNNING", "COMPLETE"]
    assert [status.value for status in output.get_stream_statuses("lists")] == ["STARTED", "INCOMPLETE"]
    [(kind, sentence)] = errors(output)
    assert kind == "config_error"
    assert "/api/3/lists" in sentence


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ({"lists": 503}, "transient_error"),
        ({"lists": 503, "forms": 403}, "transient_error"),
        ({"forms": 403}, "config_error"),
        ({"forms": 403, "segments": 422}, "config_error"),
        ({"segments": 422}, "system_error"),
    ],
)
def test_given_streams_that_fail_when_read_then_the_error_that_ends_it_is_of_their_kind(faults, kind, api, pauses):
    api.get(TAGS_URL, json=TAGS)
    for endpoint, status in faults.items():
        api.get(f"{API}/{endpoint}", status_code=status, json={})
    output = read(catalog("tags", *faults))
    assert ids(output) == ["1"]
    last = output.errors[-1].trace.error
    assert last.stream_descriptor is None
    assert last.message.startswith("During the sync, the following streams did not sync successfully")
    assert last.failure_type.value == kind
    assert len(errors(output)) == len(faults)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"status_code": 403, "json": {"message": "Forbidden"}}, "API key"),
        ({"status_code": 401, "json": {}}, "API key"),
        ({"status_code": 404, "text": "<html>"}, "API URL"),
        ({"status_code": 302, "headers": {"Location": "https://www.activecampaign.com/login"}}, "API URL"),
        ({"exc": requests.ConnectionError("Failed to resolve 'acme.api-us1.com'")}, "API URL"),
        ({"exc": requests.ConnectTimeout("slow")}, "API URL"),
        ({"exc": requests.exceptions.SSLError("certificate verify failed")}, "API URL"),
        ({"text": "<html>A shop</html>"}, "API URL"),
        ({"status_code": 402, "json": {}}, "unpaid"),
    ],
)
def test_given_wrong_key_or_url_when_checked_then_failed_with_a_sentence(answer, sentence, api, pauses):
    api.get(f"{API}/users/me", **answer)
    status, message = check()
    assert status == "FAILED"
    assert sentence in message
    assert "Traceback" not in message
    assert KEY not in message
    if sentence == "API key":
        assert "Settings > Developer" in message


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        ({}, ""),
        ({"hello": "world"}, ""),
        ([], ""),
        ("ok", ": ok"),
        (5, ""),
        ({"user": None}, ""),
        ({"user": []}, ""),
        ({"user": {}}, ""),
        ({"user": "a"}, ""),
        ({"message": "Invalid key"}, ": Invalid key"),
        ({"errors": [{"title": "Forbidden", "detail": "No such key"}]}, ": Forbidden: No such key"),
    ],
    ids=str,
)
def test_given_an_answer_that_names_no_user_when_checked_then_failed_naming_the_url(body, quoted, api):
    api.get(f"{API}/users/me", json=body)
    assert check() == (
        "FAILED",
        "The API URL https://acme.api-us1.com does not answer as ActiveCampaign's API does: GET /api/3/users/me names "
        f"no user{quoted}. Copy the API URL from Settings > Developer in ActiveCampaign.",
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_given_a_lasting_fault_when_checked_then_failed_within_half_a_minute(fault, api, pauses):
    api.get(f"{API}/users/me", **FAULTS[fault])
    status, message = check()
    assert status == "FAILED"
    assert message.endswith("It was tried 2 times.")
    assert sum(pauses) <= 22


def test_given_a_long_pause_when_checked_then_failed_at_once_and_said(api, pauses):
    api.get(f"{API}/users/me", status_code=429, headers={"Retry-After": "3600"})
    status, message = check()
    assert status == "FAILED"
    assert "asked for a pause of 3600 s" in message
    assert pauses == []


def test_given_a_valid_key_when_checked_then_succeeded_with_one_request(api):
    api.get(f"{API}/users/me", json={"user": {"id": "1", "username": "a"}})
    assert check() == ("SUCCEEDED", "")
    assert api.call_count == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 403, "json": {"message": f"Key {KEY} is not known"}},
        {"status_code": 500, "text": f"<html>{KEY}</html>"},
        {"status_code": 302, "headers": {"Location": f"https://evil.example/?api_key={KEY}"}},
        {"status_code": 400, "json": {"errors": [{"title": KEY}]}},
        {"text": f"not JSON, {KEY}"},
        {"json": {KEY: []}},
        {"exc": requests.ConnectionError(f"headers were Api-Token: {KEY}")},
    ],
)
def test_given_a_server_that_echoes_the_key_when_read_then_it_is_nowhere_in_the_output(answer, api, pauses):
    api.get(TAGS_URL, **answer)
    output = read("tags")
    assert len(errors(output)) == 1
    messages = [str(message) for message in output.get_message_iterator() if message.trace or message.log]
    assert [message for message in messages if KEY in message] == []


def test_given_a_healthy_read_when_all_is_well_then_the_key_is_nowhere_in_the_output(api):
    api.get(TAGS_URL, json=TAGS)
    output = read("tags")
    assert rows(output) == [{"id": "1", "tag": "vip"}]
    assert [message for message in warnings(output) if message.startswith("Stream")] == []
    assert KEY not in json.dumps([str(message) for message in output.get_message_iterator()])


def test_given_rows_without_a_date_when_read_then_they_come_without_a_word(api):
    api.get(TAGS_URL, json=page("tags", [{"id": "1", "updated_timestamp": None}, {"id": "2"}], "2"))
    output = read("tags")
    assert ids(output) == ["1", "2"]
    assert warnings(output) == []


def test_other_warnings_of_the_cdk_are_not_silenced(caplog):
    logger = logging.getLogger("airbyte")
    logger.warning("Could not find cursor field `mdate` in record for stream deals. The sync stops.")
    logger.warning("Could not find the file.")
    logger.warning("%d%% sure", 100)
    assert len(caplog.messages) == 3
