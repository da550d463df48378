"""Rows that are hard to pass on: what no JSON number holds, half characters, maps of rows, entries that are no rows."""

import json

import pytest

from unit_tests.source.conftest import API, config, cursor, errors, ids, page, read, rows, sent, warnings

DIGITS = "123456789012345678901234567890"


def answer(field: str, value: str, key: str = "tags", **more: str) -> str:
    """The text of an answer with three rows, the second of which has a value as it is written here."""
    others = "".join(f', "{name}": {text}' for name, text in more.items())
    return f'{{"{key}": [{{"id": "1"}}, {{"id": "2", "{field}": {value}{others}}}, {{"id": "3"}}]}}'


def said(output) -> list[str]:
    return [message for message in warnings(output) if message.startswith("Stream ")]


# ---- what orjson refuses


@pytest.mark.parametrize(
    ("value", "text"),
    [("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity"), ("1e400", "1e400"), ("-1E999", "-1E999")],
)
def test_given_a_number_that_is_not_finite_when_read_then_all_rows_and_its_text_with_one_warning(value, text, api):
    api.get(f"{API}/tags", text=answer("subscriber_count", value))
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == ["1", "2", "3"]
    assert rows(output)[1]["subscriber_count"] == text
    [sentence] = said(output)
    assert sentence.startswith("Stream tags: a value of the field subscriber_count does not fit its type")


@pytest.mark.parametrize("value", [r'"vip \ud800!"', r'"vip \uDFFF!"'])
def test_given_half_a_character_when_read_then_all_rows_and_a_mark_in_its_place_with_one_warning(value, api):
    api.get(f"{API}/tags", text=answer("tag", value, description=r'"\ud83d\ude00"'))
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == ["1", "2", "3"]
    assert rows(output)[1]["tag"] == "vip \ufffd!"
    assert rows(output)[1]["description"] == "\U0001f600"
    [sentence] = said(output)
    assert sentence.startswith("Stream tags: the text of the field tag has ")


def test_given_bytes_that_are_no_utf_8_when_read_then_all_rows_and_a_mark_in_their_place(api):
    api.get(f"{API}/tags", content=answer("tag", '"M\xfcnchen"').encode("latin-1"))
    output = read("tags")
    assert errors(output) == []
    assert rows(output)[1]["tag"] == "M\ufffdnchen"
    assert len(said(output)) == 1


def test_given_many_odd_values_in_one_field_when_read_then_one_warning(api):
    odd = ", ".join(rf'{{"id": "{number}", "tag": "\ud800"}}' for number in range(5))
    api.get(f"{API}/tags", text=f'{{"tags": [{odd}]}}')
    output = read("tags")
    assert len(rows(output)) == 5
    assert len(said(output)) == 1


def test_given_half_a_character_in_a_name_and_below_when_read_then_passed_on_and_said(api):
    api.get(f"{API}/tags", text=answer("brand_new", r'{"a\ud800": ["\ud801"]}'))
    output = read("tags")
    assert rows(output)[1]["brand_new"] == {"a\ufffd": ["\ufffd"]}
    assert [sentence.split(" has ")[0] for sentence in said(output)] == ["Stream tags: the text of the field brand_new"]


def test_given_half_a_character_in_a_custom_field_when_contacts_read_then_passed_on_and_said(api):
    api.get(f"{API}/fields", json=page("fields", [{"id": "3", "title": "Size", "type": "text", "perstag": "SIZE"}], 1))
    value = r'{"contact": "2", "field": "3", "value": "\ud800 L"}'
    api.get(f"{API}/contacts", text=f'{{"contacts": [{{"id": "1"}}, {{"id": "2"}}], "fieldValues": [{value}]}}')
    output = read("contacts", config(custom_fields="columns"))
    assert errors(output) == []
    assert ids(output) == ["1", "2"]
    assert rows(output)[1]["custom_size"] == "\ufffd L"
    assert [sentence.split(" has ")[0] for sentence in said(output)] == [
        "Stream contacts: the text of the field custom_size"
    ]


@pytest.mark.parametrize("text", ['{"tags": [{"id": "1"}, {"id": "2", "a": NaN', '{"tags": [{"id": "1", "tag": "\\ud8'])
def test_given_an_answer_that_is_cut_off_behind_what_is_hard_when_read_then_asked_again(text, api, pauses):
    api.get(f"{API}/tags", [{"text": text}, {"json": page("tags", [{"id": "1"}, {"id": "2"}])}])
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == ["1", "2"]
    assert len(pauses) == 1


def test_given_an_answer_that_stays_cut_off_when_read_then_an_error(api, pauses):
    api.get(f"{API}/tags", text='{"tags": [{"id": "1"}, {"id": "2", "a": NaN')
    [(kind, sentence)] = errors(read("tags"))
    assert kind == "transient_error"
    assert "a body that is not complete JSON" in sentence


# ---- exact numbers


@pytest.mark.parametrize("number", [DIGITS, "18446744073709551616", "-9223372036854775809", "1" + "0" * 30, "40"])
def test_given_an_id_of_any_size_as_a_number_when_read_then_its_exact_text(number, api):
    api.get(f"{API}/tags", text=f'{{"tags": [{{"id": {number}, "created_by": {number}}}, {{"id": "2"}}]}}')
    output = read("tags")
    assert ids(output) == [number, "2"]
    assert rows(output)[0]["created_by"] == number
    assert said(output) == []


@pytest.mark.parametrize("value", [DIGITS, f'"{DIGITS}"', f'"{DIGITS}.00"', "9223372036854775808"])
def test_given_an_integer_over_64_bits_when_read_then_its_text_with_one_warning(value, api):
    api.get(f"{API}/tags", text=answer("subscriber_count", value))
    output = read("tags")
    assert rows(output)[1]["subscriber_count"] == value.strip('"')
    assert len(said(output)) == 1


@pytest.mark.parametrize("value", ["9223372036854775807", "-9223372036854775808", '"9223372036854775807"'])
def test_given_an_integer_of_64_bits_when_read_then_exact(value, api):
    api.get(f"{API}/tags", text=answer("subscriber_count", value))
    output = read("tags")
    assert rows(output)[1]["subscriber_count"] == int(value.strip('"'))
    assert said(output) == []


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ('"100.10"', 100.1),
        ("0.1", 0.1),
        ('"0.1"', 0.1),
        ("12345678901234567890.12", "12345678901234567890.12"),
        ('"12345678901234567890.12"', "12345678901234567890.12"),
        ("0.12345678901234567891", "0.12345678901234567891"),
    ],
)
def test_given_a_decimal_when_a_custom_field_is_read_then_the_same_digits(value, number, api):
    definition = {"id": "3", "title": "Size", "type": "number", "perstag": "SIZE"}
    api.get(f"{API}/fields", json=page("fields", [definition], 1))
    one = f'{{"contact": "1", "field": "3", "value": {value}}}'
    api.get(f"{API}/contacts", text=f'{{"contacts": [{{"id": "1"}}], "fieldValues": [{one}]}}')
    output = read("contacts", config(custom_fields="columns"))
    assert errors(output) == []
    assert rows(output)[0]["custom_size"] == number
    assert len(said(output)) == (1 if isinstance(number, str) else 0)


def test_given_a_number_of_many_digits_in_a_field_that_nobody_knows_when_read_then_its_text_is_said_once(api):
    api.get(f"{API}/tags", text=answer("brand_new", DIGITS, nested=f'[{{"a": {DIGITS}.5}}]'))
    output = read("tags")
    assert rows(output)[1]["brand_new"] == DIGITS
    assert rows(output)[1]["nested"] == [{"a": f"{DIGITS}.5"}]
    assert sorted(sentence.split(" is ")[0] for sentence in said(output)) == [
        "Stream tags: a number in the field brand_new",
        "Stream tags: a number in the field nested",
    ]


def test_no_record_is_left_to_the_slow_serialisation_of_the_cdk(api):
    api.get(f"{API}/tags", text=answer("subscriber_count", DIGITS, tag=r'"\ud800"', brand_new=f"[NaN, {DIGITS}]"))
    assert not any("serialization" in message for message in warnings(read("tags")))


# ---- a map of rows


@pytest.mark.parametrize("keys", [("1", "2"), ("0", "1"), ("a", "b")])
def test_given_a_map_of_rows_when_read_then_its_values_and_one_note(keys, api):
    mapped = dict(zip(keys, [{"id": "1", "tag": "vip"}, {"id": "2", "tag": "new"}], strict=True))
    api.get(f"{API}/tags", json={"tags": mapped})
    output = read("tags")
    assert rows(output) == [{"id": "1", "tag": "vip"}, {"id": "2", "tag": "new"}]
    assert [sentence for sentence in said(output) if "'tags'" in sentence] == said(output)
    assert len(said(output)) == 1


def test_given_maps_on_several_pages_when_read_then_one_note_and_every_row(api):
    everything = [{"id": str(number)} for number in range(250)]

    def mapped(request, _):
        offset = int(request.qs.get("offset", ["0"])[0])
        return {"tags": {row["id"]: row for row in everything[offset : offset + 100]}, "meta": {"total": "250"}}

    api.get(f"{API}/tags", json=mapped)
    output = read("tags")
    assert ids(output) == [row["id"] for row in everything]
    assert len(said(output)) == 1


# ---- entries that are no rows


def test_given_entries_that_are_no_objects_when_read_then_the_others_and_a_warning_with_their_number(api):
    api.get(f"{API}/tags", json={"tags": [None, {"id": "1"}, "none", {"id": "2"}, 7], "meta": {"total": "5"}})
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == ["1", "2"]
    assert any(sentence.startswith("Stream tags: 3 of 5 entries") for sentence in said(output))


def test_given_a_null_in_a_full_page_without_a_total_when_read_then_the_pages_behind_it_come_too(api):
    everything = [None if number == 40 else {"id": str(number)} for number in range(250)]

    def listed(request, _):
        offset = int(request.qs.get("offset", ["0"])[0])
        return {"tags": everything[offset : offset + 100]}

    api.get(f"{API}/tags", json=listed)
    output = read("tags")
    assert errors(output) == []
    assert sorted(ids(output), key=int) == [row["id"] for row in everything if row]


@pytest.mark.parametrize("null", [98, 99, 100])
def test_given_a_null_where_pages_meet_when_read_then_every_row_comes_once(null, api):
    everything = [None if number == null else {"id": str(number)} for number in range(250)]

    def listed(request, _):
        offset = int(request.qs.get("offset", ["0"])[0])
        return {"tags": everything[offset : offset + 100], "meta": {"total": "250"}}

    api.get(f"{API}/tags", json=listed)
    output = read("tags")
    assert errors(output) == []
    assert sorted(ids(output), key=int) == [row["id"] for row in everything if row]
    assert len(sent(api, "tags")) < 10


def test_given_no_object_at_all_when_read_then_an_error(api):
    api.get(f"{API}/tags", json={"tags": [None, "none"]})
    [(_, sentence)] = errors(read("tags"))
    assert "has no list of records under 'tags'" in sentence


# ---- contacts without a time


CONTACTS = [
    {"id": "1", "udate": "2024-05-02T00:00:00-05:00", "cdate": "2024-01-01T00:00:00-06:00"},
    {"id": "2", "udate": None, "cdate": "2024-05-03T00:00:00-05:00"},
    {"id": "3", "udate": None, "cdate": None},
    {"id": "4"},
]


@pytest.mark.parametrize(
    ("stream", "path", "key"),
    [
        ("contact_automation_entry_counts", "/automationEntryCounts", "automationEntryCounts"),
        ("geo_addresses", "", "geoAddresses"),
    ],
)
def test_given_contacts_without_a_time_when_their_rows_are_read_then_the_creation_or_null(stream, path, key, api):
    api.get(f"{API}/contacts", json=page("contacts", CONTACTS, "4"))
    for contact in CONTACTS:
        body = {"contact": contact, key: [{"id": f"9{contact['id']}"}]}
        api.get(f"{API}/contacts/{contact['id']}{path}", text=json.dumps(body))
    output = read(stream)
    assert errors(output) == []
    assert {row["contact"]: row.get("contact_udate") for row in rows(output)} == {
        "1": "2024-05-02T05:00:00Z",
        "2": "2024-05-03T05:00:00Z",
        "3": None,
        "4": None,
    }
    assert "None" not in json.dumps(cursor(output))
    assert not any("failed to parse" in message for message in warnings(output))
