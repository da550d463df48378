"""From an answer to records: envelope, types, and what is old."""

import logging

import pytest
from airbyte_cdk.sources.types import StreamSlice

from activecampaign_client.errors import ApiError
from activecampaign_client.page import rows_in
from source_activecampaign.records import SinceFilter, TypedRecord
from unit_tests.source.conftest import API, NOW, config, errors, ids, page, read, rows, warnings

# ---- the envelope


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"tags": [{"id": "1"}, {"id": "2"}], "meta": {}}, [{"id": "1"}, {"id": "2"}]),
        ({"tags": []}, []),
        ({"tags": {"id": "1"}}, [{"id": "1"}]),
    ],
)
def test_rows_in(body, found):
    assert rows_in(body, "tags", "tags") == found


@pytest.mark.parametrize(
    ("body", "received"),
    [
        ({"tag": [], "meta": {}}, "meta, tag"),
        ({"tags": None}, "tags"),
        ({"tags": "none"}, "tags"),
        ({"tags": [None]}, "tags"),
        ({"tags": [["id", "1"]]}, "tags"),
        ({}, "nothing"),
        ([], "list"),
        ([{"id": "1"}], "list"),
        (None, "NoneType"),
        ("OK", "str"),
    ],
)
def test_an_envelope_without_its_records_is_an_error_with_what_was_received(body, received):
    with pytest.raises(ApiError) as error:
        rows_in(body, "tags", "tags")
    assert error.value.kind == "system"
    assert str(error.value).startswith(
        f"The API's answer for the stream tags has no list of records under 'tags'; it has: {received}."
    )


def test_given_another_envelope_when_tags_read_then_error_and_never_zero_rows_in_silence(api):
    api.get(f"{API}/tags", json={"labels": [{"id": "1"}], "meta": {"total": "1"}})
    output = read("tags")
    assert rows(output) == []
    [(_, sentence)] = errors(output)
    assert "stream tags" in sentence
    assert "labels, meta" in sentence
    assert [status.value for status in output.get_stream_statuses("tags")][-1] == "INCOMPLETE"


def test_given_an_empty_object_in_between_when_tags_read_then_error(api):
    """An empty JSON object is not an empty page."""
    api.get(f"{API}/tags", json={})
    [(_, sentence)] = errors(read("tags"))
    assert "it has: nothing" in sentence


# ---- types


RAW_TAG = {
    "id": 7,
    "tag": "vip",
    "tagType": "contact",
    "subscriber_count": "12",
    "deleted": "0",
    "created_by": 3,
    "cdate": "2020-05-24T05:15:43-05:00",
    "created_timestamp": "2020-05-24 05:15:43",
    "updated_timestamp": "0000-00-00 00:00:00",
    "links": [],
    "brand_new": {"a": [1]},
}


def test_given_raw_values_when_tags_read_then_typed(api):
    api.get(f"{API}/tags", json=page("tags", [RAW_TAG], "1"))
    output = read("tags")
    [row] = rows(output)
    assert {key: value for key, value in row.items() if value is not None} == {
        "id": "7",
        "tag": "vip",
        "tagType": "contact",
        "subscriber_count": 12,
        "deleted": False,
        "created_by": "3",
        "cdate": "2020-05-24T10:15:43Z",
        "created_timestamp": "2020-05-24T05:15:43",
        "brand_new": {"a": [1]},
    }
    assert [message for message in warnings(output) if message.startswith("Stream")] == []


def test_given_misfits_when_tags_read_then_passed_on_with_one_warning_per_field(api):
    odd = {"subscriber_count": "many", "cdate": "last week", "links": "none"}
    api.get(f"{API}/tags", json=page("tags", [{"id": str(n), **odd} for n in range(3)], "3"))
    output = read("tags")
    assert rows(output) == [{"id": "0", **odd}, {"id": "1", **odd}, {"id": "2", **odd}]
    said = [message for message in warnings(output) if message.startswith("Stream tags:")]
    assert sorted(word for message in said for word in message.split() if word in odd) == sorted(odd)
    assert len(said) == 3


def test_a_misfit_is_not_quoted_in_the_warning(caplog):
    """Values are the users' data, and data does not belong into logs."""
    record = {"id": "1", "subscriber_count": "jane@example.com"}
    with caplog.at_level(logging.WARNING, logger="airbyte"):
        TypedRecord("tags").transform(record)
    assert record == {"id": "1", "subscriber_count": "jane@example.com"}
    assert "subscriber_count" in caplog.text
    assert "jane" not in caplog.text


def test_fields_that_are_absent_or_null_stay_so():
    record = {"id": None}
    TypedRecord("tags").transform(record)
    assert record == {"id": None}


def test_given_a_date_beyond_the_calendar_when_tags_read_then_passed_on(api):
    api.get(f"{API}/tags", json=page("tags", [{"id": "1", "cdate": "0001-01-01T00:00:00+01:00"}, {"id": "2"}], "2"))
    output = read("tags")
    assert errors(output) == []
    assert rows(output) == [{"id": "1", "cdate": "0001-01-01T00:00:00+01:00"}, {"id": "2"}]


# ---- what is old


def kept(records, start="2024-05-01T00:00:00Z", **fields):
    since = SinceFilter(config={}, parameters={}, **{"cursor_field": "udate", **fields})
    where = StreamSlice(partition={}, cursor_slice={"start_time": start} if start else {})
    return list(since.filter_records(records=records, stream_state={}, stream_slice=where))


@pytest.mark.parametrize(
    ("udate", "stays"),
    [
        ("2024-05-01T00:00:00Z", True),
        ("2024-05-01T00:00:00.000001Z", True),
        ("2024-05-01T00:00:00.999Z", True),
        ("2024-05-01T00:00:01Z", True),
        ("2024-04-30T23:59:59Z", False),
        ("2024-04-30T23:59:59.999999Z", False),
        ("1999-12-31T00:00:00Z", False),
        ("2099-01-01T00:00:00Z", True),
        (None, True),
        ("", True),
    ],
)
def test_since(udate, stays):
    record = {"id": "1", "udate": udate}
    assert kept([record]) == ([record] if stays else [])


def test_since_without_the_field_at_all():
    assert kept([{"id": "1", "title": "Masked", "isDisabled": True}]) != []


def test_since_without_a_start_keeps_everything():
    assert len(kept([{"udate": "1971-01-01T00:00:00Z"}, {}], start=None)) == 2


@pytest.mark.parametrize(
    ("record", "stays"),
    [
        ({"udate": None, "cdate": "2024-05-02T00:00:00Z"}, True),
        ({"udate": None, "cdate": "2024-04-02T00:00:00Z"}, False),
        ({"udate": "2024-05-02T00:00:00Z", "cdate": "2020-01-01T00:00:00Z"}, True),
        ({"udate": "2024-04-02T00:00:00Z", "cdate": "2024-05-02T00:00:00Z"}, False),
        ({"udate": None, "cdate": None}, True),
    ],
)
def test_since_with_a_fallback(record, stays):
    assert kept([record], cursor_fallback="cdate") == ([record] if stays else [])


@pytest.mark.parametrize("udate", ["2024-05-01 00:00:00", "1714550400", 1714550400, "05/02/2024"])
def test_since_keeps_a_record_whose_cursor_is_no_timestamp(udate):
    record = {"id": "1", "udate": udate}
    assert kept([record]) == [record]


def test_given_a_cursor_that_is_no_timestamp_when_contacts_read_then_emitted_and_state_stays_sound(api, today):
    api.get(
        f"{API}/contacts",
        json=page("contacts", [{"id": "1", "udate": "?"}, {"id": "2", "udate": "2024-05-02T00:00:00-05:00"}], "2"),
    )
    output = read("contacts", config(lookback_hours=0), {"udate": "2024-05-01T00:00:00Z"})
    assert errors(output) == []
    assert ids(output) == ["1", "2"]
    assert "2024-05-02T05:00:00Z" <= output.most_recent_state.stream_state.udate <= NOW


# ---- rows with several dates


@pytest.mark.parametrize(
    ("record", "stays"),
    [
        ({"udate": "2024-04-02T00:00:00Z", "mdate": "2024-05-01T00:00:00Z"}, True),
        ({"udate": "2024-05-02T00:00:00Z", "mdate": "2024-04-02T00:00:00Z"}, True),
        ({"udate": "2024-04-02T00:00:00Z", "mdate": "2024-04-03T00:00:00Z"}, False),
        ({"udate": "2024-04-02T00:00:00Z", "mdate": None}, False),
        ({"udate": None, "mdate": "2024-04-02T00:00:00Z"}, True),
        ({"udate": "2024-04-02T00:00:00Z", "mdate": "last week"}, False),
        # A wall clock may be 14 hours from UTC, on either side, and repeats an hour.
        ({"udate": "2024-04-02T00:00:00Z", "mdate": "2024-04-30T09:00:00"}, True),
        ({"udate": "2024-04-02T00:00:00Z", "mdate": "2024-04-30T08:59:59"}, False),
    ],
)
def test_since_with_another_date_of_a_change(record, stays):
    assert kept([record], other_dates=["mdate"]) == ([record] if stays else [])


@pytest.mark.parametrize(("udate", "stays"), [("2024-04-30T09:00:00Z", True), ("2024-04-30T08:59:59Z", False)])
def test_since_with_an_exact_date_beside_a_wall_clock(udate, stays):
    record = {"updated_timestamp": "2024-04-02T00:00:00", "udate": udate}
    found = kept([record], "2024-05-01T00:00:00", cursor_field="updated_timestamp", other_dates=["udate"])
    assert found == ([record] if stays else [])


EDITED = "2024-06-10T10:00:00-05:00"
OLD = "2020-01-01T00:00:00-06:00"
OLD_WALL_CLOCK, EDITED_WALL_CLOCK = "2020-01-01 00:00:00", "2024-06-10 10:00:00"


@pytest.mark.parametrize(
    ("stream", "endpoint", "cursor", "moved"),
    [
        ("task_types", "dealTasktypes", "updated_utc_timestamp", "udate"),
        ("task_outcomes", "taskOutcomes", "updated_utc_timestamp", "udate"),
        ("tasks", "dealTasks", "udate", "donedate"),
        ("contact_automations", "contactAutomations", "lastdate", "remdate"),
        ("contact_data", "contactData", "tstamp", "geoTstamp"),
        ("contact_data", "contactData", "tstamp", "updated_timestamp"),
        ("bounce_logs", "bounceLogs", "tstamp", "updated_timestamp"),
        ("saved_responses", "savedResponses", "mdate", "ldate"),
        ("sms", "sms", "tstamp", "ldate"),
        ("ecommerce_connections", "connections", "udate", "lastSync"),
        ("ecommerce_orders", "ecomOrders", "updatedDate", "tstamp"),
        ("ecommerce_order_products", "ecomOrderProducts", "updatedDate", "tstamp"),
        ("contact_lists", "contactLists", "updated_timestamp", "udate"),
        ("lists", "lists", "updated_timestamp", "udate"),
        ("campaigns", "campaigns", "updated_timestamp", "mdate"),
        ("campaigns", "campaigns", "updated_timestamp", "ldate"),
        ("configs", "configs", "updated_timestamp", "udate"),
    ],
)
def test_given_an_edit_that_moves_another_date_than_the_cursor_when_read_then_the_row_arrives(
    api, today, stream, endpoint, cursor, moved
):
    wall_clock = cursor == "updated_timestamp"
    before = OLD_WALL_CLOCK if wall_clock else OLD
    edited = {"id": "1", cursor: before, moved: EDITED_WALL_CLOCK if moved == "updated_timestamp" else EDITED}
    untouched = {"id": "2", cursor: before, moved: OLD_WALL_CLOCK if moved == "updated_timestamp" else OLD}
    api.get(f"{API}/{endpoint}", json=page(endpoint, [edited, untouched], "2"))
    state = {cursor: "2024-06-09T00:00:00" if wall_clock else "2024-06-09T00:00:00Z"}
    assert ids(read(stream, config(lookback_hours=0), state)) == ["1"]
