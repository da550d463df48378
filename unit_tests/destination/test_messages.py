"""The protocol's lines: what is tolerated, and states that go back without a changed digit."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_activecampaign.messages import Other, Record, State, Unreadable, read, with_stats


def line(kind: str, **message: Any) -> bytes:
    return json.dumps({"type": kind, **message}).encode()


@pytest.mark.parametrize("emitted_at", [1_700_000_000_000, 1_700_000_000, 1_700_000_000.5, None, "now"])
@pytest.mark.parametrize("namespace", [None, ""])
def test_a_record_is_read_whatever_stands_beside_its_data(emitted_at: Any, namespace: Any) -> None:
    changes = [{"field": "a", "change": "NULLED", "reason": "A_REASON_OF_TOMORROW"}]
    record = {"stream": "people", "namespace": namespace, "emitted_at": emitted_at, "data": {"a": None}, "x": 1}
    read_one = read(line("RECORD", record={**record, "meta": {"changes": changes}}, log=None, state=None))
    assert read_one == Record(("people", None), {"a": None})


def test_numbers_of_a_record_keep_their_digits() -> None:
    read_one = read(b'{"type":"RECORD","record":{"stream":"s","data":{"id":123456789012345678901234567890}}}')
    assert read_one == Record(("s", None), {"id": "123456789012345678901234567890"})


@pytest.mark.parametrize("kind", ["LOG", "TRACE", "CONTROL", "SPEC", "A_TYPE_OF_TOMORROW"])
def test_other_messages_mean_nothing(kind: str) -> None:
    assert read(line(kind, trace={"emitted_at": 1.5})) == Other(kind)


@pytest.mark.parametrize(
    ("text", "of"),
    [
        (b"", ""),
        (b"Traceback (most recent call last):", ""),
        (b"[1, 2]", ""),
        (b'{"no": "type"}', ""),
        (b"\xff\xfe", ""),
        (b'{"type":"RECORD","record":{"stream":"s","da', "RECORD"),
        (b' { "type" : "RECORD", "record": nonsense}', "RECORD"),
        (b'{"type":"RECORD","record":{"stream":"s","data":[1]}}', "RECORD"),
        (b'{"type":"RECORD","record":{"data":{}}}', "RECORD"),
        (b'{"type":"RECORD"}', "RECORD"),
        (b'{"type":"STATE","state":{"type":"STR', "STATE"),
    ],
)
def test_what_is_no_message_is_told_apart_by_the_type_that_it_has(text: bytes, of: str) -> None:
    found = read(text)
    assert isinstance(found, Unreadable)
    assert found.of == of


def state(**content: Any) -> State:
    found = read(line("STATE", state=content))
    assert isinstance(found, State)
    return found


@pytest.mark.parametrize(
    "text",
    [
        b'{"type":"RECORD","record":{"stream":"people","data":{"email":"m\xfcller@example.com"}}}',
        b'{"record":{"stream":"people","data":{"n":12345678901234567890,"m\xfc":1}},"type":"RECORD"}',
        b'{"type":"RECORD","record":{"stream":"people","data":{"name":"\xed\xa0\x80"}}}',
    ],
)
def test_a_row_of_bytes_that_are_no_utf_8_cannot_be_read(text: bytes) -> None:
    found = read(text)
    assert found == Unreadable(text.decode("utf-8", "surrogateescape"), "RECORD")


DESCRIBED = {"stream_descriptor": {"name": "people", "namespace": None}, "stream_state": {"at": 1}}


@pytest.mark.parametrize(
    ("content", "stream", "is_known"),
    [
        ({"type": "STREAM", "stream": DESCRIBED}, ("people", None), True),
        ({"stream": DESCRIBED}, ("people", None), True),
        ({"type": "STREAM", "stream": DESCRIBED, "global_": None, "data": None}, ("people", None), True),
        ({"type": "GLOBAL", "global": {"stream_states": []}}, None, True),
        ({"type": "GLOBAL", "global_": {"stream_states": []}, "stream": None}, None, True),
        ({"type": "LEGACY", "data": {"at": 1}}, None, True),
        ({"data": {"at": 1}}, None, True),
        ({"type": "GLOBAL"}, None, False),
        ({"type": "STREAM", "stream": {"stream_descriptor": "people"}}, None, False),
        ({"type": "A_SHAPE_OF_TOMORROW", "stream": DESCRIBED}, None, False),
    ],
)
def test_what_a_state_covers(content: Any, stream: Any, is_known: bool) -> None:
    found = state(**content)
    assert (found.stream, found.is_known) == (stream, is_known)


def test_a_state_that_is_no_object_has_an_unknown_shape() -> None:
    assert read(b'{"type":"STATE","state":[]}') == State('{"type":"STATE","state":[]}', None, False)


def test_stats_change_not_a_byte_beside_them() -> None:
    before = '{ "type" : "STATE","state":{"type":"STREAM","stream":{"at":1.50, "big":12345678901234567890123,"e":1E400}'
    after = ' , "id": 7 }, "x": "\\u00e9\\ud800" }'
    with_them = with_stats(before + after, 2, 1)
    stats = ',"destinationStats":{"recordCount":2.0,"rejectedRecordCount":1.0}'
    assert with_them == before + after.replace(" }, ", f" {stats}}}, ")


def test_a_state_may_have_what_readers_of_json_refuse() -> None:
    text = '{"type":"STATE","state":{"data":{"text":"a\tb","n":[NaN,' + "7" * 5000 + "]}}}"
    found = read(text.encode())
    assert isinstance(found, State)
    assert found.is_known
    assert with_stats(found.line, 0, 0).startswith(text[:-2])


@pytest.mark.parametrize("present", ["null", '{"recordCount":7.0}'])
def test_stats_that_are_there_already_are_replaced(present: str) -> None:
    text = f'{{"state":{{"destinationStats": {present}, "type":"STREAM"}}}}'
    expected = {"destinationStats": {"recordCount": 4.0, "rejectedRecordCount": 0.0}, "type": "STREAM"}
    assert json.loads(with_stats(text, 4, 0)) == {"state": expected}


def test_pyairbytes_global_is_called_global() -> None:
    text = '{"type":"STATE","state":{"type":"GLOBAL","stream":null,"global_":{"shared_state":{"a":1.10}}}}'
    assert with_stats(text, 0, 0).startswith(text.replace("global_", "global")[:-2])


def test_pyairbytes_global_wins_over_a_null_beside_it() -> None:
    text = '{"state":{"type":"GLOBAL","global":null,"global_":{"shared_state":{"a":1.10}}}}'
    assert '"global":{"shared_state":{"a":1.10}}' in with_stats(text, 0, 0)


def test_a_null_global_of_another_state_stays_as_it_is() -> None:
    assert '"global_":null' in with_stats('{"state":{"type":"STREAM","global_":null}}', 0, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), JSON, st.sampled_from([None, 1]), st.integers(0, 10**9))
def test_whatever_a_state_has_it_keeps(content: Any, beside: Any, indent: int | None, records: int) -> None:
    content = {name: value for name, value in content.items() if name not in ("global", "global_")}
    text = json.dumps({"type": "STATE", "beside": beside, "state": content}, indent=indent)
    found = json.loads(with_stats(text, records, 0), parse_float=Decimal)
    stats = found["state"].pop("destinationStats")
    content.pop("destinationStats", None)
    assert stats == {"recordCount": Decimal(records), "rejectedRecordCount": Decimal(0)}
    expected = json.dumps({"type": "STATE", "beside": beside, "state": content})
    assert found == json.loads(expected, parse_float=Decimal)
