"""Records of custom objects, whose pages were reported to overlap at random."""

import random
import re
from urllib.parse import quote

import pytest
from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput

from source_activecampaign import SourceActiveCampaign
from unit_tests.source.conftest import API, KEY, catalog, config, errors, ids, page, rows, sent, warnings

SCHEMA = {"id": "5c0ffee5", "slug": "visit", "labels": {"singular": "Visit"}, "fields": [], "relationships": []}
RECORDS = f"{API}/customObjects/records/{SCHEMA['id']}"
STREAM = "custom_object_visit"


@pytest.fixture
def schemas(api):
    api.get(f"{API}/customObjects/schemas", json=page("schemas", [SCHEMA], 1))
    return api


def records(count: int) -> list[dict[str, str]]:
    return [{"id": str(number), "createdTimestamp": "2024-01-01T00:00:00Z"} for number in range(count)]


def read_records() -> EntrypointOutput:
    chosen = catalog(STREAM)
    return entrypoint_wrapper.read(SourceActiveCampaign(), config(), chosen, [])


def about_order(output: EntrypointOutput) -> list[str]:
    return [sentence for sentence in warnings(output) if "order that changes" in sentence]


@pytest.mark.parametrize("claimed", [300, 400, None])
def test_given_pages_that_overlap_at_random_when_read_then_each_record_arrives_once(claimed, schemas):
    passes = 0

    def answer(request, _):
        nonlocal passes
        offset = int(request.qs.get("offset", ["0"])[0])
        passes += not offset
        mixed = random.Random(f"{passes} {offset}").sample(records(300), 300)
        return page("records", mixed[offset : offset + 100], claimed)

    schemas.get(RECORDS, json=answer)
    output = read_records()
    assert errors(output) == []
    assert sorted(ids(output), key=int) == [str(number) for number in range(300)]
    # Where the total is too high or missing, nothing proves that all have come.
    assert bool(about_order(output)) == (claimed != 300)


def test_given_fields_and_relationships_when_read_then_a_typed_column_for_each(api):
    schema = {**SCHEMA, "fields": [{"id": "shoe-size", "type": "number"}], "relationships": [{"id": "primary-contact"}]}
    record = {"id": "1", "fields": [{"id": "shoe-size", "value": "42"}], "relationships": {"primary-contact": [14]}}
    odd = {"id": "2", "fields": [{"id": "shoe-size", "value": "a few"}], "relationships": {}}
    api.get(f"{API}/customObjects/schemas", json=page("schemas", [schema], 1))
    api.get(RECORDS, json=page("records", [record, odd], 2))
    output = read_records()
    assert rows(output) == [
        {"id": "1", "shoe_size": 42, "primary_contact": ["14"]},
        {"id": "2", "shoe_size": "a few"},
    ]
    assert len([sentence for sentence in warnings(output) if "shoe_size does not fit" in sentence]) == 1


def test_given_records_that_keep_their_order_when_read_then_one_pass(schemas):
    def answer(request, _):
        offset = int(request.qs.get("offset", ["0"])[0])
        return page("records", records(300)[offset : offset + 100], 300)

    schemas.get(RECORDS, json=answer)
    assert len(ids(read_records())) == 300
    assert len(sent(schemas, f"customObjects/records/{SCHEMA['id']}")) == 4


def test_given_new_records_in_each_pass_when_read_then_a_warning_says_that_some_may_lack(schemas):
    chance = random.Random(3)
    schemas.get(
        RECORDS,
        json=lambda request, _: page(
            "records",
            chance.sample(records(5_000), 100) if int(request.qs.get("offset", ["0"])[0]) < 300 else [],
            5_000,
        ),
    )
    output = read_records()
    [sentence] = about_order(output)
    assert sentence.startswith(f"Stream {STREAM}: ")
    assert "of about 5,000 have come" in sentence
    assert errors(output) == []


NASTY = [
    "{{ 1/0 }}",
    "{{ config['api_key'][::-1] }}",
    "{% for x in range(9) %}x{% endfor %}",
    "a/../../users",
    "",
    "schemas",
]


@pytest.mark.parametrize("slug", NASTY)
def test_given_a_template_or_a_path_as_slug_when_read_then_it_is_text(slug, api):
    schemas = [{**SCHEMA, "slug": slug}, {**SCHEMA, "id": "other", "slug": "visit"}]
    api.get(f"{API}/customObjects/schemas", json=page("schemas", schemas, 2))
    for schema in schemas:
        api.get(f"{API}/customObjects/records/{schema['id']}", json=page("records", records(2), 2))
    output = entrypoint_wrapper.discover(SourceActiveCampaign(), config(deals_access="full"))
    names = [stream.name for stream in output.catalog.catalog.streams if stream.name.startswith("custom_object_")]
    assert len(names) == len(set(names)) == 3
    assert [name for name in names if not re.fullmatch(r"[\w-]+", name)] == []
    chosen = catalog(*[name for name in names if name != "custom_object_schemas"])
    read = entrypoint_wrapper.read(SourceActiveCampaign(), config(), chosen, [])
    assert errors(read) == []
    assert len(ids(read)) == 4
    assert KEY[::-1] not in str(list(read.get_message_iterator()))


@pytest.mark.parametrize("schema_id", ["{{ 1/0 }}", "../users", "a b?c=d#e", "5e5", "123"])
def test_given_any_id_when_read_then_it_is_one_part_of_the_path(schema_id, api):
    api.get(f"{API}/customObjects/schemas", json=page("schemas", [{**SCHEMA, "id": schema_id}], 1))
    api.get(re.compile(f"{API}/customObjects/records/"), json=page("records", records(2), 2))
    output = read_records()
    assert errors(output) == []
    assert len(ids(output)) == 2
    [asked] = [one.url for one in api.request_history if "/customObjects/records/" in one.url]
    assert asked.split("?")[0] == f"{API}/customObjects/records/{quote(schema_id, safe='')}"


def test_given_two_schemas_with_one_slug_when_discovered_then_both_with_their_ids(api):
    api.get(f"{API}/customObjects/schemas", json=page("schemas", [SCHEMA, {**SCHEMA, "id": "other"}], 2))
    output = entrypoint_wrapper.discover(SourceActiveCampaign(), config(deals_access="full"))
    names = {stream.name for stream in output.catalog.catalog.streams if stream.name.startswith("custom_object_")}
    assert names == {"custom_object_schemas", "custom_object_visit_5c0ffee5", "custom_object_visit_other"}


@pytest.mark.parametrize("contact", ["../users", "{{ 1/0 }}", "7?limit=1"])
def test_given_any_contact_id_when_its_notes_are_read_then_it_is_one_part_of_the_path(contact, api):
    api.get(f"{API}/contacts", json=page("contacts", [{"id": contact, "udate": "2024-01-01T00:00:00Z"}], 1))
    api.get(re.compile(f"{API}/contacts/.+"), json={"notes": []})
    output = entrypoint_wrapper.read(SourceActiveCampaign(), config(), catalog("contact_notes"), [])
    assert errors(output) == []
    assert api.last_request.url.split("?")[0] == f"{API}/contacts/{quote(contact, safe='')}/notes"


@pytest.mark.parametrize("status", [403, 404])
def test_given_schemas_that_cannot_be_read_when_their_records_are_asked_for_then_the_read_fails_and_says_why(
    status, schemas, pauses
):
    schemas.get(f"{API}/customObjects/schemas", status_code=status, json={})
    schemas.get(f"{API}/tags", json=page("tags", [], 0))
    output = entrypoint_wrapper.read(SourceActiveCampaign(), config(), catalog(STREAM, "tags"), [])
    [(kind, sentence)] = errors(output)
    assert kind == "config_error"
    assert "GET /api/3/customObjects/schemas" in sentence
    assert output.errors[-1].trace.error.stream_descriptor is None, "the read does not end with an error"


def test_given_a_custom_object_that_is_gone_when_read_then_the_others_come_and_the_read_fails_and_says_so(schemas):
    schemas.get(RECORDS, json=page("records", records(3), 3))
    output = entrypoint_wrapper.read(SourceActiveCampaign(), config(), catalog(STREAM, "custom_object_gone"), [])
    assert len(ids(output)) == 3
    sentence = (
        "The account has no custom object for custom_object_gone any more. Refresh the schema of the connection, or "
        "leave the stream out."
    )
    assert errors(output) == [("config_error", sentence)]
    assert output.errors[-1].trace.error.message == sentence


BAD = {"id": "bad", "slug": "bad", "labels": "Bad", "fields": [None, 5, {}, {"id": "ok", "labels": 7, "options": 7}]}


def test_given_bad_schemas_and_fields_when_discovered_and_read_then_only_they_are_left_out_and_named(api):
    schemas = [
        SCHEMA,
        {"slug": "one", "fields": []},
        {"slug": "two", "fields": []},
        {"id": None, "slug": "three"},
        BAD,
        {**SCHEMA, "id": "odd", "slug": "odd", "fields": {"id": "size"}, "relationships": [7]},
    ]
    api.get(f"{API}/customObjects/schemas", json=page("schemas", schemas, 6))
    api.get(re.compile(f"{API}/customObjects/records/"), json=page("records", [], 0))
    bad = {"id": "1", "fields": [{"id": "ok", "value": "yes"}], "relationships": {}}
    api.get(f"{API}/customObjects/records/bad", json=page("records", [bad], 1))
    left_out = [
        "The custom object one is left out: its schema has no id.",
        "The custom object two is left out: its schema has no id.",
        "The custom object three is left out: its schema has no id.",
        *[
            f"The custom object bad has no column for number {number} of its fields, which has no id."
            for number in (1, 2, 3)
        ],
        "The custom object odd has no columns for its fields, which are no list.",
        "The custom object odd has no column for number 1 of its relationships, which has no id.",
    ]
    output = entrypoint_wrapper.discover(SourceActiveCampaign(), config(deals_access="full"))
    found = {one.name: one for one in output.catalog.catalog.streams if one.name.startswith("custom_object_")}
    assert set(found) == {"custom_object_schemas", STREAM, "custom_object_bad", "custom_object_odd"}
    assert "ok" in found["custom_object_bad"].json_schema["properties"]
    assert warnings(output) == left_out
    chosen = catalog(STREAM, "custom_object_bad", "custom_object_odd")
    read = entrypoint_wrapper.read(SourceActiveCampaign(), config(), chosen, [])
    assert errors(read) == []
    assert rows(read) == [{"id": "1", "ok": "yes"}]
    assert warnings(read) == left_out


def test_given_schemas_whose_streams_would_have_one_name_when_discovered_then_the_first_is_there(api):
    schemas = [{"id": "5c", "slug": "visit"}, {"id": "7d", "slug": "visit"}, {"id": "8e", "slug": "visit_5c"}]
    api.get(f"{API}/customObjects/schemas", json=page("schemas", schemas, 3))
    output = entrypoint_wrapper.discover(SourceActiveCampaign(), config(deals_access="full"))
    names = [one.name for one in output.catalog.catalog.streams if one.name.startswith("custom_object_visit")]
    assert sorted(names) == ["custom_object_visit_5c", "custom_object_visit_7d"]
    assert warnings(output) == [
        "The custom object visit_5c is left out: its stream would have the name of another one."
    ]
