"""Records of custom objects, whose pages were reported to overlap at random."""

import random

import pytest
from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput

from source_activecampaign import SourceActiveCampaign
from unit_tests.source.conftest import API, catalog, config, errors, ids, page, rows, sent, warnings

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


@pytest.mark.parametrize("claimed", [300, 400])
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
    # Where the total is too high, nothing proves that all have come.
    assert bool(about_order(output)) == (claimed > 300)


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
