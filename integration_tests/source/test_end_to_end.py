"""The whole connector, through its console script, against the emulator."""

import json
import os
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from emulator import Account, Emulator, Fault
from integration_tests.source.connector import Connector, Output, configured

Connect = Callable[..., Connector]
INCREMENTAL = {"contacts": "contacts", "deals": "deals"}


def ids(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(str(row["id"]) for row in rows)


def read_everything(connector: Connector, *names: str, state: Any = None) -> Output:
    discovered = connector.discover()
    assert discovered.exit_code == 0, discovered.text
    return connector.read(configured(discovered.catalog, *names), state)


# ---- the main job ---------------------------------------------------------------------------------------------


def test_given_the_demo_account_when_read_then_every_record_arrives_exactly_once(
    emulator: Emulator, connect: Connect
) -> None:
    connector = connect(emulator, script=True)
    discovered = connector.discover()
    output = connector.read(configured(discovered.catalog))

    assert output.exit_code == 0, output.text
    resources = {
        "contact_custom_fields": "fields",
        "contact_custom_field_values": "fieldValues",
        "deal_groups": "dealGroups",
        "deal_stages": "dealStages",
    }
    names = {stream["name"] for stream in discovered.catalog}
    for stream in [
        "accounts",
        "campaigns",
        "contacts",
        "contact_custom_fields",
        "contact_custom_field_values",
        "deal_groups",
        "deal_stages",
        "deals",
        "forms",
        "lists",
        "segments",
        "tags",
        "users",
    ]:
        assert stream in names
        assert ids(output.records[stream]) == ids(emulator.account.rows(resources.get(stream, stream))), stream
        assert output.statuses[stream] == "COMPLETE"


def test_given_a_state_when_read_again_then_only_changed_records_arrive(emulator: Emulator, connect: Connect) -> None:
    connector = connect(emulator)
    catalog = configured(connector.discover().catalog, *INCREMENTAL)
    first = connector.read(catalog)
    tables = {stream: {row["id"]: row for row in first.records[stream]} for stream in INCREMENTAL}

    changed = {}
    for stream in INCREMENTAL:
        known = sorted(tables[stream], key=int)
        emulator.account.update(stream, known[3])
        emulator.account.update(stream, known[70])
        changed[stream] = {known[3], known[70], str(emulator.account.insert(stream))}
    second = connector.read(catalog, first.state)

    assert second.exit_code == 0, second.text
    for stream, cursor in (("contacts", "udate"), ("deals", "mdate")):
        newest = max(row[cursor] for row in first.records[stream] if cursor in row)
        boundary = {row["id"] for row in first.records[stream] if row.get(cursor) == newest}
        assert ids(second.records[stream]) == Counter(changed[stream] | boundary), stream
        for row in second.records[stream]:
            tables[stream][row["id"]] = row
        assert set(tables[stream]) == set(ids(emulator.account.rows(stream)))
        assert second.cursor(stream)[cursor] > first.cursor(stream)[cursor]


def test_given_nothing_changed_when_read_again_then_the_state_stays(emulator: Emulator, connect: Connect) -> None:
    connector = connect(emulator)
    catalog = configured(connector.discover().catalog, *INCREMENTAL)
    first = connector.read(catalog)
    second = connector.read(catalog, first.state)
    assert {stream: second.cursor(stream) for stream in INCREMENTAL} == {
        stream: first.cursor(stream) for stream in INCREMENTAL
    }


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago", "Pacific/Honolulu"])
def test_given_any_time_zone_of_the_date_filter_when_read_again_then_no_contact_is_lost(
    emulator: Emulator, connect: Connect, zone: str
) -> None:
    emulator.settings.patch({"filter_zone": zone})
    connector = connect(emulator)
    catalog = configured(connector.discover().catalog, "contacts")
    first = connector.read(catalog)
    since = datetime.strptime(first.cursor("contacts")["udate"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    changed = {}
    for place, minutes in enumerate((1, 61, 5 * 60 + 59, 9 * 60 + 59, 10 * 60 + 1, 30 * 60)):
        row_id = sorted(ids(first.records["contacts"]), key=int)[place]
        moment = since + timedelta(minutes=minutes)
        emulator.account.update("contacts", row_id, udate=moment.isoformat())
        changed[row_id] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    second = connector.read(catalog, first.state)

    arrived = {row["id"]: row["udate"] for row in second.records["contacts"]}
    assert changed.items() <= arrived.items()
    [*_, asked] = [request for request in emulator.requests if request.path == "/api/3/contacts"]
    assert asked.query["filters[updated_after]"] < first.cursor("contacts")["udate"]


def test_given_a_start_date_when_read_then_older_records_stay_away(emulator: Emulator, connect: Connect) -> None:
    everything = read_everything(connect(emulator), "contacts").records["contacts"]
    middle = sorted(row["udate"] for row in everything)[125]
    since = read_everything(connect(emulator, start_date=middle), "contacts").records["contacts"]
    assert ids(since) == ids([row for row in everything if row["udate"] >= middle])


# ---- what a key may see of deals ------------------------------------------------------------------------------


def test_given_a_full_key_when_deals_are_read_then_they_are_incremental_with_all_fields(
    emulator: Emulator, connect: Connect
) -> None:
    connector = connect(emulator)
    stream = connector.discover().stream("deals")
    assert "incremental" in stream["supported_sync_modes"]
    assert {"mdate", "value", "stage", "owner"} <= set(stream["json_schema"]["properties"])
    output = connector.read(configured([stream]))
    assert ids(output.records["deals"]) == ids(emulator.account.rows("deals"))


def test_given_a_key_without_one_pipeline_when_deals_are_read_then_masked_rows_arrive_and_the_cursor_moves(
    emulator: Emulator, connect: Connect
) -> None:
    connector = connect(emulator, api_key=emulator.keys["partial"])
    stream = connector.discover().stream("deals")
    assert "incremental" in stream["supported_sync_modes"]
    output = connector.read(configured([stream]))
    masked = [row for row in output.records["deals"] if row["isDisabled"]]
    full = [row for row in output.records["deals"] if not row["isDisabled"]]
    assert ids(output.records["deals"]) == ids(emulator.account.rows("deals"))
    assert masked
    assert all(set(row) == {"id", "title", "isDisabled"} for row in masked)
    assert output.cursor("deals") == {"mdate": max(row["mdate"] for row in full)}
    assert f"{len(masked)} of {len(masked) + len(full)} deals arrived with id, title and isDisabled only" in output.logs


def test_given_a_key_without_any_pipeline_when_discovered_then_deals_have_three_fields_and_no_cursor(
    emulator: Emulator, connect: Connect
) -> None:
    connector = connect(emulator, api_key=emulator.keys["none"])
    stream = connector.discover().stream("deals")
    assert set(stream["json_schema"]["properties"]) == {"id", "title", "isDisabled"}
    assert stream["supported_sync_modes"] == ["full_refresh"]
    output = connector.read(configured([stream]))
    assert ids(output.records["deals"]) == ids(emulator.account.rows("deals"))

    # The key gets more rights: the catalog still decides what is read, and the log says what to do.
    connector.config["api_key"] = emulator.api_key
    later = connector.read(configured([stream]))
    assert all(set(row) == {"id", "title", "isDisabled"} for row in later.records["deals"])
    assert "Refresh the schema of this connection" in later.logs


def test_given_a_key_without_crm_when_read_then_deals_fail_with_a_sentence_and_the_rest_completes(
    emulator: Emulator, connect: Connect
) -> None:
    connector = connect(emulator, api_key=emulator.keys["nocrm"])
    output = read_everything(connector, "deals", "contacts", "tags")
    assert output.exit_code == 1
    assert output.statuses == {"deals": "INCOMPLETE", "contacts": "COMPLETE", "tags": "COMPLETE"}
    assert ids(output.records["contacts"]) == ids(emulator.account.rows("contacts"))
    [error] = [one for one in output.errors if one["stream"] == "deals"]
    assert error["failure_type"] == "config_error"
    assert "the Deals permission" in error["message"]
    assert "/api/3/deals" in error["message"]


def test_given_an_account_without_deals_when_discovered_then_access_is_full(connect: Connect) -> None:
    with Emulator(Account.demo(seed=1, rows={"deals": 0})) as emulator:
        assert "incremental" in connect(emulator).discover().stream("deals")["supported_sync_modes"]


# ---- check ----------------------------------------------------------------------------------------------------


def refused(output: Output) -> str:
    """The one sentence of a failed check."""
    assert output.exit_code == 0, output.text
    assert output.connection["status"] == "FAILED"
    assert "Traceback" not in output.text
    message: str = output.connection["message"]
    return message


def test_given_the_right_key_when_checked_then_it_succeeds_with_one_request(
    emulator: Emulator, connect: Connect
) -> None:
    assert connect(emulator).check().connection["status"] == "SUCCEEDED"
    assert [request.path for request in emulator.requests] == ["/api/3/users/me"]


def test_given_a_wrong_key_when_checked_then_the_sentence_names_the_key(emulator: Emulator, connect: Connect) -> None:
    output = connect(emulator, api_key="k3y-of-someone-else").check()
    assert "did not accept the API key" in refused(output)
    assert "Settings > Developer" in refused(output)
    assert "k3y-of-someone-else" not in output.text


def test_given_a_url_that_is_not_the_api_when_checked_then_the_sentence_names_the_url(
    emulator: Emulator, connect: Connect
) -> None:
    for kind in ("404", "html"):
        emulator.settings.patch({"faults": [Fault(kind)]})
        message = refused(connect(emulator).check())
        assert "API URL" in message
        assert emulator.url in message


def test_given_a_redirect_to_another_host_when_checked_then_the_key_stays(emulator: Emulator, connect: Connect) -> None:
    with Emulator(Account.demo(seed=2)) as elsewhere:
        emulator.settings.patch({"faults": [Fault("redirect", url=f"{elsewhere.url}/api/3/users/me")]})
        output = connect(emulator).check()
        assert "redirects to another address" in refused(output)
        assert elsewhere.requests == []
        connector = connect(emulator, deals_access="full", custom_fields="off")
        tags = {"name": "tags", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
        for output in (connector.discover(), connector.read(configured([tags]))):
            assert output.exit_code == 1
            assert "redirects to another address" in output.text
        assert elsewhere.requests == []


def test_given_an_unknown_account_when_checked_then_the_sentence_names_the_account(connect: Connect) -> None:
    class Nobody:
        url = "https://no-such-account-0000.api-us1.invalid"
        api_key = "k3y-of-nobody-at-all"

    output = connect(Nobody()).check()
    assert "is unknown. Check the API URL and the account name" in refused(output)
    assert "k3y-of-nobody-at-all" not in output.text


def test_given_plain_http_when_checked_then_the_key_is_not_sent(connect: Connect) -> None:
    class Insecure:
        url = "http://acme.api-us1.com"
        api_key = "k3y-in-the-clear"

    assert "must begin with https://" in refused(connect(Insecure()).check())


def test_given_a_closed_port_when_checked_then_the_sentence_names_the_url(connect: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        class Closed:
            url = f"http://127.0.0.1:{port}"
            api_key = "k3y"

        assert "Check the API URL" in refused(connect(Closed()).check())


def test_given_the_configuration_of_airbytes_first_connector_when_checked_then_it_is_migrated(
    emulator: Emulator, connect: Connect
) -> None:
    connector = connect(emulator)
    connector.config = {"account_username": emulator.url, "api_key": emulator.api_key}
    output = connector.check()
    assert output.connection["status"] == "SUCCEEDED"
    [control] = [one["control"] for one in output.messages if one["type"] == "CONTROL"]
    assert control["connectorConfig"]["config"]["api_url"] == emulator.url
    assert "account_username" not in control["connectorConfig"]["config"]


def test_the_key_is_in_no_output_of_any_command(emulator: Emulator, connect: Connect) -> None:
    emulator.settings.patch({"forbidden": ["/lists"], "faults": [Fault("503", "/tags", times=1)]})
    connector = connect(emulator)
    discovered = connector.discover()
    outputs = [connector.check(), discovered, connector.read(configured(discovered.catalog, "lists", "tags"))]
    assert all(emulator.api_key not in output.text for output in outputs)
    assert all(request.headers["Api-Token"] == emulator.api_key for request in emulator.requests)


# ---- trouble on the way ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["503", "empty", "truncated", "html", "drop", "drop_midway", "429", "403"])
def test_given_a_passing_fault_when_read_then_nothing_is_lost(emulator: Emulator, connect: Connect, kind: str) -> None:
    emulator.settings.patch({"faults": [Fault(kind, "/contacts", times=1, after=1)]})
    output = read_everything(connect(emulator, custom_fields="off"), "contacts")
    assert output.exit_code == 0, output.text
    assert [request.fault for request in emulator.requests if request.fault] == [kind]
    assert ids(output.records["contacts"]) == ids(emulator.account.rows("contacts"))


@pytest.mark.parametrize("kind", ["limit_50", "total_small", "total_large", "total_absent"])
def test_given_a_server_that_clamps_or_lies_when_read_then_nothing_is_lost(
    emulator: Emulator, connect: Connect, kind: str
) -> None:
    emulator.settings.patch({"faults": [Fault(kind, "/contacts")]})
    output = read_everything(connect(emulator, custom_fields="off"), "contacts")
    assert output.exit_code == 0, output.text
    assert ids(output.records["contacts"]) == ids(emulator.account.rows("contacts"))


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("envelope", "has no list of records under 'contacts'"),
        ("ignore_offset", "it seems to ignore the offset"),
    ],
)
def test_given_an_answer_that_cannot_be_trusted_when_read_then_the_stream_fails_with_a_sentence(
    emulator: Emulator, connect: Connect, kind: str, sentence: str
) -> None:
    emulator.settings.patch({"faults": [Fault(kind, "/contacts")]})
    output = read_everything(connect(emulator, custom_fields="off"), "contacts", "tags")
    assert output.exit_code == 1
    assert output.statuses == {"contacts": "INCOMPLETE", "tags": "COMPLETE"}
    assert any(sentence in error["message"] for error in output.errors)


def test_given_a_forbidden_stream_when_read_then_it_fails_with_a_sentence_and_the_others_complete(
    emulator: Emulator, connect: Connect
) -> None:
    emulator.settings.patch({"forbidden": ["/lists"]})
    output = read_everything(connect(emulator), "lists", "tags", "contacts")
    assert output.exit_code == 1
    assert output.statuses == {"lists": "INCOMPLETE", "tags": "COMPLETE", "contacts": "COMPLETE"}
    [error] = [one for one in output.errors if one["stream"] == "lists"]
    assert error["failure_type"] == "config_error"
    assert "/api/3/lists" in error["message"]


def test_given_a_contact_that_fails_when_read_then_the_others_arrive_and_it_does_as_soon_as_it_answers(
    emulator: Emulator, connect: Connect
) -> None:
    goals = emulator.account.rows("contactGoals")
    broken = str(goals[0]["contact"])
    missing = ids([row for row in goals if str(row["contact"]) == broken])
    emulator.settings.patch({"faults": [Fault("400", f"/contacts/{broken}/contactGoals")]})
    first = read_everything(connect(emulator), "contact_goals")
    assert first.exit_code == 1
    assert ids(first.records["contact_goals"]) == ids(goals) - missing
    assert first.statuses == {"contact_goals": "INCOMPLETE"}
    [error] = [one for one in first.errors if one["stream"]]
    assert f"contact {broken} " in error["message"]

    emulator.settings.patch({"faults": []})
    second = read_everything(connect(emulator), "contact_goals", state=first.state)
    assert second.exit_code == 0, second.text
    assert second.statuses == {"contact_goals": "COMPLETE"}
    assert missing <= ids(second.records["contact_goals"])
    assert len(second.records["contact_goals"]) < len(goals) / 2


@pytest.mark.parametrize(("stream", "resource"), [("task_types", "dealTasktypes"), ("lists", "lists")])
def test_given_an_edit_that_moves_only_udate_when_read_again_then_the_row_arrives(
    emulator: Emulator, connect: Connect, stream: str, resource: str
) -> None:
    first = read_everything(connect(emulator), stream)
    edited = str(emulator.account.rows(resource)[0]["id"])
    before = emulator.account.rows(resource)[0]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    emulator.account.update(resource, edited, _updated="2019-01-01T00:00:00+00:00", udate=now)
    cursor = next(name for name in ("updated_utc_timestamp", "updated_timestamp") if name in before)
    assert emulator.account.rows(resource)[0][cursor] <= before[cursor]
    second = read_everything(connect(emulator), stream, state=first.state)
    assert edited in ids(second.records[stream])


def test_given_a_damaged_state_of_one_stream_when_read_again_then_the_others_go_on(
    emulator: Emulator, connect: Connect
) -> None:
    first = read_everything(connect(emulator), "contacts", "tags")
    damaged = [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "contacts"}, "stream_state": {"udate": 1714550400}}}
    ]
    kept = [one for one in first.state if one["stream"]["stream_descriptor"]["name"] == "tags"]
    second = read_everything(connect(emulator), "contacts", "tags", state=damaged + kept)
    assert second.exit_code == 0, second.text
    assert ids(second.records["contacts"]) == ids(emulator.account.rows("contacts"))
    assert len(second.records["tags"]) < len(first.records["tags"])
    assert second.logs.count("Stream contacts: its state cannot be used") == 1


# Streams by how their listing is paged and ordered, with the resource behind each.
PAGED = {
    "contacts": "contacts",  # by id
    "deals": "deals",  # by creation
    "contact_custom_field_values": "fieldValues",  # in whatever order the API has
    "contact_tags": "contactTags",  # beside the contacts
    "custom_object_service-visit": "customObjectRecords",  # in pages that overlap
}
# More seeds: SEEDS=50 python -m pytest integration_tests/test_end_to_end.py -k come_and_go
SEEDS = range(1, int(os.environ.get("SEEDS", "2")) + 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_given_rows_that_come_and_go_when_read_then_none_that_stayed_is_missed(connect: Connect, seed: int) -> None:
    rows = {"deals": 1500, "fieldValues": 2500}
    with Emulator(Account("busy", seed=seed, contacts=1200, rows=rows)) as emulator:
        account = emulator.account
        emulator.settings.patch({"rate_limit_window": "off", "latency_ms": 20})
        connector = connect(emulator, custom_fields="off")
        groups = [("contacts", "contact_tags"), ("deals",), ("contact_custom_field_values",), (list(PAGED)[-1],)]
        streams = connector.discover().catalog
        for group in groups:
            resources = [PAGED[stream] for stream in group]
            account.watch(resources)
            done, chosen = threading.Event(), random.Random(seed)

            def work(resources: list[str] = resources, done: threading.Event = done, chosen: Any = chosen) -> None:
                # At a tenth of the API's pace this would be 2 rows per second of each.
                while not done.wait(0.05):
                    for kind in ("insert", "update", "delete"):
                        with account.lock:
                            emulator.mutator.step(kind, chosen, resources)

            worker = threading.Thread(target=work)
            worker.start()
            output = connector.read(configured(streams, *group))
            done.set()
            worker.join()
            assert output.exit_code == 0, output.text
            for stream in group:
                watch = account.watches[PAGED[stream]]
                assert watch.deleted
                here = {str(one) for one in watch.throughout} & set(own_ids(emulator, stream))
                assert here <= set(ids(output.records[stream])), (stream, seed)


def own_ids(emulator: Emulator, stream: str) -> set[str]:
    """The ids of a stream's rows; the records of a custom object are some of those of all objects."""
    rows = emulator.account.rows(PAGED[stream])
    if stream.startswith("custom_object_"):
        slug = stream.removeprefix("custom_object_")
        [schema] = [one["id"] for one in emulator.account.rows("customObjectSchemas") if one["slug"] == slug]
        rows = [row for row in rows if row["schemaId"] == schema]
    return set(ids(rows))


def test_spec_from_the_root_folder(emulator: Emulator, connect: Connect) -> None:
    output = connect(emulator, script=True).spec()
    [message] = [one for one in output.messages if one["type"] == "SPEC"]
    assert message["spec"]["connectionSpecification"]["required"] == ["api_url", "api_key"]
    assert json.dumps(message).count("airbyte_secret") == 1


def test_given_a_state_for_a_full_refresh_when_read_then_everything_arrives(
    emulator: Emulator, connect: Connect
) -> None:
    connector = connect(emulator, custom_fields="off")
    streams = connector.discover().catalog
    state = connector.read(configured(streams, "contacts")).state
    again = connector.read(configured(streams, "contacts", full_refresh=True), state)
    assert ids(again.records["contacts"]) == ids(emulator.account.rows("contacts"))


# ---- each URL once --------------------------------------------------------------------------------------------

SIDELOADS = {
    "contact_custom_field_values": "fieldValues",
    "contact_tags": "contactTags",
    "contact_lists": "contactLists",
    "contact_automations": "contactAutomations",
    "contact_score_values": "scoreValues",
    "account_contacts": "accountContacts",
}


def test_given_streams_that_contacts_carry_when_read_together_then_one_pass_serves_them_all(
    emulator: Emulator, connect: Connect
) -> None:
    connector = connect(emulator)
    streams = connector.discover().catalog
    asked = len(emulator.requests)
    alone = connector.read(configured(streams, "contacts"))
    alone_asked, asked = len(emulator.requests) - asked, len(emulator.requests)
    together = connector.read(configured(streams, "contacts", *SIDELOADS))
    assert together.exit_code == alone.exit_code == 0
    # One request counts the rows of each that has a listing of its own.
    counted = [request for request in emulator.requests[asked:] if request.query.get("limit") == "1"]
    assert {request.path.rpartition("/")[2] for request in counted} == {*SIDELOADS.values()} - {"scoreValues"}
    assert len(emulator.requests) - asked == alone_asked + len(counted) == alone_asked + len(SIDELOADS) - 1
    assert ids(together.records["contacts"]) == ids(emulator.account.rows("contacts"))
    for stream, resource in SIDELOADS.items():
        assert ids(together.records[stream]) == ids(emulator.account.rows(resource)), stream


@pytest.mark.parametrize(("contacts", "path"), [(250, "/api/3/contacts"), (450, "/api/3/contactTags")])
def test_given_one_stream_that_contacts_carry_when_read_alone_then_in_the_way_that_takes_fewer_requests(
    connect: Connect, contacts: int, path: str
) -> None:
    """400 tags take 4 requests, or as many as there are pages of contacts."""
    with Emulator(Account.demo(seed=1, contacts=contacts, rows={"contactTags": 400})) as emulator:
        emulator.settings.patch({"rate_limit_window": "off"})
        output = read_everything(connect(emulator), "contact_tags")
        pages = [request for request in emulator.requests if request.query.get("limit") == "100"]
        assert {request.path for request in pages if "contact" in request.path} == {path}
        assert ids(output.records["contact_tags"]) == ids(emulator.account.rows("contactTags"))


def test_given_changed_contacts_only_when_read_again_then_the_streams_beside_them_are_still_complete(
    emulator: Emulator, connect: Connect
) -> None:
    connector = connect(emulator)
    streams = connector.discover().catalog
    first = connector.read(configured(streams, "contacts"))
    later = connector.read(configured(streams, "contacts", "contact_tags", "contact_lists"), first.state)
    assert len(later.records["contacts"]) < 5
    assert ids(later.records["contact_tags"]) == ids(emulator.account.rows("contactTags"))
    assert ids(later.records["contact_lists"]) == ids(emulator.account.rows("contactLists"))


def test_given_a_server_that_sends_no_sideloads_when_read_then_the_own_listings_are_read(
    emulator: Emulator, connect: Connect
) -> None:
    # An unknown include is ignored by the API, as any unknown parameter is.
    emulator.settings.patch({"ignored_includes": ["contactTags", "fieldValues"]})
    output = read_everything(connect(emulator), "contacts", *SIDELOADS)
    assert output.exit_code == 0, output.text
    for stream, resource in SIDELOADS.items():
        assert ids(output.records[stream]) == ids(emulator.account.rows(resource)), stream
    assert "its own listing is read instead" in output.logs
    assert any(key.startswith("custom_") for record in output.records["contacts"] for key in record)


def test_given_the_three_streams_of_fields_when_read_then_the_listing_is_asked_for_once(
    emulator: Emulator, connect: Connect
) -> None:
    names = ["contact_custom_fields", "contact_custom_field_options", "contact_custom_field_rels", "contacts"]
    streams = connect(emulator).discover().catalog
    asked = len(emulator.requests)
    connect(emulator).read(configured(streams, *names))
    assert [one.path for one in emulator.requests[asked:]].count("/api/3/fields") == 1


def test_given_a_fault_on_a_shared_page_when_read_then_nothing_is_lost(emulator: Emulator, connect: Connect) -> None:
    for kind in ("503", "truncated", "drop"):
        emulator.settings.patch({"faults": [Fault(kind, "/contacts", times=1, after=1)]})
        output = read_everything(connect(emulator), "contacts", "contact_tags", "contact_lists")
        assert output.exit_code == 0, output.text
        assert ids(output.records["contacts"]) == ids(emulator.account.rows("contacts"))
        assert ids(output.records["contact_tags"]) == ids(emulator.account.rows("contactTags"))


def test_given_many_custom_fields_and_objects_when_discovered_then_six_requests_are_enough(connect: Connect) -> None:
    account = Account.demo(seed=1)
    while len(account.rows("fields")) < 100:
        account.insert("fields")
    while len(account.rows("customObjectSchemas")) < 20:
        account.insert("customObjectSchemas", slug=f"thing-{len(account.rows('customObjectSchemas'))}")
    with Emulator(account) as emulator:
        discovered = connect(emulator).discover()
        assert len(emulator.requests) <= 6
    columns = discovered.stream("contacts")["json_schema"]["properties"]
    assert sum(name.startswith("custom_") for name in columns) == 100
    assert sum(stream["name"].startswith("custom_object_") for stream in discovered.catalog) == 20 + 1


@pytest.mark.parametrize("answer", ["403", "404"])
def test_given_an_account_without_custom_objects_when_discovered_then_there_is_a_catalog(
    emulator: Emulator, connect: Connect, answer: str
) -> None:
    emulator.settings.patch({"custom_objects": answer})
    names = {stream["name"] for stream in connect(emulator).discover().catalog}
    assert "contacts" in names
    assert not any(name.startswith("custom_object_") for name in names - {"custom_object_schemas"})
