"""States that Airbyte hands over: of any version, in any form, and damaged ones."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import freezegun
import pytest
import requests_mock
from airbyte_cdk.models import AirbyteStateMessageSerializer, ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput
from hypothesis import given, settings
from hypothesis import strategies as st

from source_activecampaign.states import Cursor, messages, usable
from unit_tests.source.conftest import API, NOW, catalog, config, page, source, warnings

BEGAN = datetime(2024, 6, 15, 12, tzinfo=timezone.utc)
STREAMS = ("contacts", "tags", "contact_goals")
ALL = {stream: ["1", "2"] for stream in STREAMS}
PER_CONTACT = {
    "use_global_cursor": True,
    "state": {"tstamp": "2024-06-01T00:00:00Z"},
    "lookback_window": 7,
    "parent_state": {"changed_contacts": {"udate": "2024-06-02T00:00:00Z"}},
}


@pytest.fixture
def account() -> Iterator[requests_mock.Mocker]:
    """Two contacts, each with a goal, and two tags; one of each is old, and one has just changed."""
    with requests_mock.Mocker() as mocker:
        serve(mocker)
        yield mocker


def serve(mocker: requests_mock.Mocker) -> None:
    old, new = "2020-01-01T00:00:00Z", NOW
    mocker.get(f"{API}/contacts", json=page("contacts", [{"id": "1", "udate": old}, {"id": "2", "udate": new}], "2"))
    tags = [
        {"id": "1", "updated_timestamp": "2020-01-01 00:00:00"},
        {"id": "2", "updated_timestamp": "2024-06-15 12:00:00"},
    ]
    mocker.get(f"{API}/tags", json=page("tags", tags, "2"))
    for identifier, moment in (("1", old), ("2", new)):
        goals = [{"id": identifier, "tstamp": moment}]
        mocker.get(f"{API}/contacts/{identifier}/contactGoals", json=page("contactGoals", goals))


def stream_state(name: str, state: Any) -> dict[str, Any]:
    return {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": state}}


def read_with(tmp_path: Path, states: Any, *streams: str) -> EntrypointOutput:
    """What Airbyte gets with this content of the file of states."""
    files = {"config": config(lookback_hours=0), "state": states}
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    chosen = catalog(*(streams or STREAMS))
    (tmp_path / "catalog.json").write_text(json.dumps(ConfiguredAirbyteCatalogSerializer.dump(chosen)))
    arguments = ["read"]
    for name in (*files, "catalog"):
        arguments += [f"--{name}", str(tmp_path / f"{name}.json")]
    return entrypoint_wrapper._run_command(source(streams or STREAMS), arguments)


def arrived(output: EntrypointOutput, stream: str) -> list[str]:
    return sorted(message.record.data["id"] for message in output.records if message.record.stream == stream)


def everything(output: EntrypointOutput) -> dict[str, list[str]]:
    return {stream: arrived(output, stream) for stream in STREAMS}


def said(output: EntrypointOutput, stream: str) -> list[str]:
    return [sentence for sentence in warnings(output) if sentence.startswith(f"Stream {stream}:")]


def statuses(output: EntrypointOutput) -> dict[str, str]:
    return {
        message.trace.stream_status.stream_descriptor.name: message.trace.stream_status.status.value
        for message in output.trace_messages
        if message.trace.stream_status
    }


# ---- what is no state at all


DAMAGED = [
    None,
    7,
    True,
    "yesterday",
    "",
    ["2024-06-01T00:00:00Z"],
    {"deeper": {"down": [None]}},
    "2024-13-45T99:00:00Z",
    "0000-00-00T00:00:00Z",
]


CURSORS = {"contacts": "udate", "tags": "updated_timestamp", "contact_goals": "tstamp"}


@pytest.mark.parametrize("value", DAMAGED, ids=str)
def test_given_damaged_cursors_when_read_then_each_stream_is_read_anew_with_one_warning(
    account, today, tmp_path, value
):
    output = read_with(tmp_path, [stream_state(stream, {field: value}) for stream, field in CURSORS.items()])
    assert everything(output) == ALL
    assert set(statuses(output).values()) == {"COMPLETE"}
    for stream, field in CURSORS.items():
        [sentence] = said(output, stream)
        assert "read anew" in sentence
        assert f"'{field}'" in sentence


@pytest.mark.parametrize("state", [7, "text", [], [1], True, {"mdate": "2024-06-01T00:00:00Z"}, {"slices": 3}], ids=str)
def test_given_states_of_something_else_when_read_then_each_stream_is_read_anew_with_one_warning(
    account, today, tmp_path, state
):
    output = read_with(tmp_path, [stream_state(stream, state) for stream in STREAMS])
    assert everything(output) == ALL
    assert [len(said(output, stream)) for stream in STREAMS] == [1, 1, 1]


@pytest.mark.parametrize("state", [None, {}, {"__ab_no_cursor_state_message": True}], ids=str)
def test_given_no_state_when_read_then_everything_without_a_word(account, today, tmp_path, state):
    output = read_with(tmp_path, [stream_state(stream, state) for stream in STREAMS])
    assert everything(output) == ALL
    assert [said(output, stream) for stream in STREAMS] == [[], [], []]


@pytest.mark.parametrize(
    "damage",
    [
        {"state": 5},
        {"state": {"tstamp": None}},
        {"parent_state": "x"},
        {"parent_state": {"changed_contacts": []}},
        {"parent_state": {"changed_contacts": {"udate": 3}}},
        {"failed_contacts": {"../users/me": None}},
        {"failed_contacts": ["1"]},
    ],
    ids=str,
)
def test_given_damage_within_the_state_of_contacts_when_read_then_all_of_them_are_asked(
    account, today, tmp_path, damage
):
    output = read_with(tmp_path, [stream_state("contact_goals", {**PER_CONTACT, **damage})], "contact_goals")
    assert arrived(output, "contact_goals") == ["1", "2"]
    assert len(said(output, "contact_goals")) == 1


# ---- other forms


@pytest.mark.parametrize(
    "value",
    ["2024-06-01", "2024-06-01T00:00:00+01:00", "2024-06-01 00:00:00", "2024-06-01T00:00:00.123456789Z"],
)
def test_given_a_date_in_another_form_when_read_then_the_stream_goes_on_from_it(account, today, tmp_path, value):
    states = [stream_state(stream, {CURSORS[stream]: value}) for stream in ("contacts", "tags")]
    output = read_with(tmp_path, states)
    assert everything(output) == {**ALL, "contacts": ["2"], "tags": ["2"]}
    assert set(statuses(output).values()) == {"COMPLETE"}


@pytest.mark.parametrize(
    ("value", "utc", "wall_clock"),
    [
        ("2024-06-01T00:00:00Z", "2024-06-01T00:00:00Z", "2024-05-31T09:00:00"),
        ("2024-06-01T00:00:00", "2024-05-31T09:00:00Z", "2024-06-01T00:00:00"),
        ("2024-06-01T00:00:00.5Z", "2024-06-01T00:00:00Z", "2024-05-31T09:00:00"),
        ("2024-06-01T00:00:00+01:00", "2024-05-31T23:00:00Z", "2024-05-31T08:00:00"),
        ("2024-06-01T00:00:00-0600", "2024-06-01T06:00:00Z", "2024-05-31T15:00:00"),
        ("2024-06-01", "2024-05-31T09:00:00Z", "2024-06-01T00:00:00"),
        ("2099-01-01T00:00:00Z", "2024-06-15T12:00:00Z", "2024-06-14T21:00:00"),
        ("2024-06-15T11:00:00", "2024-06-14T20:00:00Z", "2024-06-14T21:00:00"),
        ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00"),
    ],
)
def test_the_moment_that_a_state_is_taken_for_is_never_later_than_it_may_mean(value, utc, wall_clock):
    for is_wall_clock, expected in ((False, utc), (True, wall_clock)):
        assert understood({"udate": value}, Cursor("udate", is_wall_clock)) == {"udate": expected}


def understood(state: Any, cursor: Cursor) -> dict[str, Any]:
    return usable(messages({"contacts": state}), catalog("contacts"), {"contacts": cursor}, bool, BEGAN).get(
        "contacts", {}
    )


def test_the_state_of_this_version_is_taken_as_it_is(caplog):
    failed = {**PER_CONTACT, "failed_contacts": {"17": "2024-05-01T00:00:00Z", "18": None}}
    without = {key: value for key, value in failed.items() if key != "lookback_window"}
    assert understood(failed, Cursor("tstamp", per_contact=True)) == without
    assert understood({"udate": "2024-06-01T00:00:00Z"}, Cursor("udate")) == {"udate": "2024-06-01T00:00:00Z"}
    assert understood({"x": "2024-06-01T00:00:00"}, Cursor("x", is_wall_clock=True)) == {"x": "2024-06-01T00:00:00"}
    assert caplog.text == ""


def test_given_a_first_sync_without_rows_then_its_state_is_taken_as_it_is(caplog):
    """Nothing was read of any contact, so that the stream has no cursor yet."""
    state = {"use_global_cursor": True, "parent_state": {"changed_contacts": {"udate": "2024-06-02T00:00:00Z"}}}
    assert understood({**state, "lookback_window": 1}, Cursor("tstamp", per_contact=True)) == state
    assert caplog.text == ""


@pytest.mark.parametrize("stream", STREAMS)
def test_given_a_state_from_2099_when_read_then_from_the_beginning_of_this_sync_with_one_warning(
    account, today, tmp_path, stream
):
    moment = "2099-01-01T00:00:00"
    state = {
        "contacts": {"udate": f"{moment}Z"},
        "tags": {"updated_timestamp": moment},
        "contact_goals": {
            "use_global_cursor": True,
            "state": {"tstamp": f"{moment}Z"},
            "parent_state": {"changed_contacts": {"udate": f"{moment}Z"}},
        },
    }[stream]
    output = read_with(tmp_path, [stream_state(stream, state)], stream)
    [sentence] = said(output, stream)
    assert "in the future" in sentence
    today.move_to("2024-06-16T12:00:00Z")
    changed = {"id": "3", "udate": "2024-06-15T20:00:00Z", "updated_timestamp": "2024-06-15 15:00:00"}
    account.get(f"{API}/contacts", json=page("contacts", [changed], "1"))
    account.get(f"{API}/tags", json=page("tags", [changed], "1"))
    goals = [{"id": "3", "tstamp": "2024-06-15T20:00:00Z"}]
    account.get(f"{API}/contacts/3/contactGoals", json=page("contactGoals", goals))
    again = read_with(
        tmp_path, [AirbyteStateMessageSerializer.dump(message.state) for message in output.state_messages][-1:], stream
    )
    assert arrived(again, stream) == ["3"]
    assert said(again, stream) == []


# ---- the messages of the protocol


SINCE = {"udate": "2024-06-01T00:00:00Z"}
BY_STREAM = [{"stream_descriptor": {"name": "contacts"}, "stream_state": SINCE}]


@pytest.mark.parametrize(
    "states",
    [
        [{"type": "STREAM", "stream": BY_STREAM[0]}],
        [{"type": "GLOBAL", "global": {"stream_states": BY_STREAM}}],
        [{"type": "GLOBAL", "global": {"shared_state": {"lsn": 1}, "stream_states": BY_STREAM}}],
        [{"type": "LEGACY", "data": {"contacts": SINCE}}],
        [{"data": {"contacts": SINCE}}],
        {"contacts": SINCE},
        [{"type": "STREAM", "stream": BY_STREAM[0]}, {"type": "STREAM"}],
        [{"type": "STREAM", "stream": BY_STREAM[0]}, {"type": "STREAM", "stream": {"stream_state": SINCE}}],
        [{"type": "STREAM", "stream": BY_STREAM[0]}, 5],
    ],
    ids=json.dumps,
)
def test_given_any_message_of_the_protocol_when_read_then_the_stream_goes_on_from_it(account, today, tmp_path, states):
    output = read_with(tmp_path, states, "contacts")
    assert arrived(output, "contacts") == ["2"]


@pytest.mark.parametrize("states", [None, [], {}, ""], ids=str)
def test_given_an_empty_file_of_states_when_read_then_everything_without_a_word(account, today, tmp_path, states):
    output = read_with(tmp_path, states, "contacts")
    assert arrived(output, "contacts") == ["1", "2"]
    assert not [sentence for sentence in warnings(output) if "state" in sentence]


def test_given_the_state_of_a_stream_that_is_gone_when_read_then_one_line_says_so(account, today, tmp_path):
    states = [stream_state("contacts", SINCE), stream_state("goats", {"udate": 3}), stream_state("apples", None)]
    output = read_with(tmp_path, states, "contacts")
    assert arrived(output, "contacts") == ["2"]
    assert output.is_in_logs("^Ignored the states of streams that do not exist: apples, goats.$")
    assert not [sentence for sentence in warnings(output) if "state" in sentence]


# ---- anything


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.datetimes().map(str)
)
LEAVES |= st.datetimes().map(lambda moment: moment.isoformat() + "Z")
KEYS = st.sampled_from(["udate", "updated_timestamp", "tstamp", "state", "parent_state", "changed_contacts", "slices"])
KEYS |= st.sampled_from(["failed_contacts", "use_global_cursor", "states", "lookback_window", "state_type", "legacy"])
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


# Each is a whole read.
@settings(max_examples=20)
@given(stream=st.sampled_from(STREAMS), state=ANYTHING)
def test_given_anything_as_a_state_when_read_then_all_that_is_new_arrives_or_a_sentence(
    tmp_path_factory, stream, state
):
    folder: Path = tmp_path_factory.mktemp("states")
    with requests_mock.Mocker() as mocker, freezegun.freeze_time(NOW):
        serve(mocker)
        output = read_with(folder, [stream_state(stream, state)])
    for other in set(STREAMS) - {stream}:
        assert arrived(output, other) == ["1", "2"]
    assert statuses(output) == dict.fromkeys(STREAMS, "COMPLETE")
    assert len(said(output, stream)) <= 1
    # What is old may stay away where the state names a moment.
    assert arrived(output, stream) in (["1", "2"], ["2"] if re.search(r"\d{4}-\d\d-\d\d", json.dumps(state)) else None)
