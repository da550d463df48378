"""Reading a listing page by page: complete, whatever the server claims and whatever happens meanwhile."""

import random

import pytest

from unit_tests.source.conftest import API, catalog, errors, ids, listing, page, read, rows, sent, warnings

TAGS = f"{API}/tags"


def said(output) -> list[str]:
    """The warnings about the stream's listing."""
    return [sentence for sentence in warnings(output) if sentence.startswith("Stream tags: the API ")]


def tags(count: int) -> list[dict[str, str]]:
    return [{"id": str(number), "tag": f"tag {number}"} for number in range(count)]


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@pytest.mark.parametrize(("count", "total"), [(100, 1), (101, "7"), (250, None), (250, "5000"), (250, 250), (99, 0)])
def test_given_any_total_when_tags_read_then_each_row_once(count, total, api):
    api.get(TAGS, json=listing("tags", tags(count), total))
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == names(count)


def test_given_one_row_and_too_large_a_total_when_tags_read_then_that_row(api):
    api.get(TAGS, json=listing("tags", tags(1), 7))
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == ["0"]


@pytest.mark.parametrize("total", ["right", 250])
def test_given_a_server_that_gives_40_at_most_when_tags_read_then_each_row_once(total, api):
    api.get(TAGS, json=listing("tags", tags(250), total, clamp=40))
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == names(250)


def test_given_one_page_when_tags_read_then_one_request(api):
    api.get(TAGS, json=listing("tags", tags(99)))
    read("tags")
    assert [params["limit"] for params in sent(api, "tags")] == [["100"]]
    assert "offset" not in sent(api, "tags")[0]


def test_given_many_pages_when_tags_read_then_no_more_requests_than_needed(api):
    api.get(TAGS, json=listing("tags", tags(1000)))
    assert len(ids(read("tags"))) == 1000
    # 100 rows and then 99 new ones each, as pages overlap by one row
    assert len(sent(api, "tags")) == 11
    assert {params["limit"][0] for params in sent(api, "tags")} == {"100"}


def test_given_a_short_page_with_a_larger_total_when_tags_read_then_it_goes_on(api):
    def answer(request, _):
        offset = int(request.qs.get("offset", ["0"])[0])
        limit = 30 if offset == 0 else 100
        return page("tags", tags(120)[offset : offset + limit], 120)

    api.get(TAGS, json=answer)
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == names(120)


@pytest.mark.parametrize(("count", "total"), [(100, "250"), (100, 250), (40, "250")])
def test_given_a_server_that_ignores_the_offset_when_tags_read_then_an_error_and_no_loop(count, total, api):
    api.get(TAGS, json=page("tags", tags(count), total))
    output = read("tags")
    [(_, sentence)] = errors(output)
    assert "ignore the offset" in sentence
    assert "tags" in sentence
    assert len(sent(api, "tags")) <= 20


def test_given_a_listing_without_pages_when_tags_read_then_all_rows_once(api):
    """An endpoint that knows neither limit nor offset."""
    api.get(TAGS, json=page("tags", tags(130)))
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == names(130)


@pytest.mark.parametrize("clamp", [20, 25, 50])
@pytest.mark.parametrize("count", [50, 100, 250, 267])
def test_given_a_server_that_gives_fewer_and_no_total_when_tags_read_then_each_row_once(clamp, count, api):
    api.get(TAGS, json=listing("tags", tags(count), None, clamp))
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == names(count)


@pytest.mark.parametrize("count", [20, 50])
def test_given_a_round_number_of_rows_without_pages_when_tags_read_then_each_once_and_a_warning(count, api):
    api.get(TAGS, json=page("tags", tags(count)))
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == names(count)
    assert [f"the same {count} rows whatever the offset" in sentence for sentence in said(output)] == [True]
    assert len(sent(api, "tags")) == 2


@pytest.mark.parametrize("count", [1, 5, 19, 21, 99])
def test_given_one_short_page_without_a_total_when_tags_read_then_one_request(count, api):
    api.get(TAGS, json=listing("tags", tags(count), None))
    assert ids(read("tags")) == names(count)
    assert len(sent(api, "tags")) == 1


@pytest.mark.parametrize(("count", "total"), [(99, 120), (250, 5000), (0, 9)])
def test_given_more_in_the_total_than_in_the_listing_when_tags_read_then_a_warning_with_both(count, total, api):
    api.get(TAGS, json=listing("tags", tags(count), total))
    output = read("tags")
    assert errors(output) == []
    assert ids(output) == names(count)
    [sentence] = said(output)
    assert sentence.startswith(f"Stream tags: the API counts {total:,} rows and sent {count:,}.")


def test_given_rows_without_their_key_when_tags_read_then_each_once(api):
    account = [{"tag": f"tag {number}"} for number in range(250)]
    api.get(TAGS, json=listing("tags", account))
    output = read("tags")
    assert errors(output) == []
    assert [row["tag"] for row in rows(output)] == [row["tag"] for row in account]


@pytest.mark.parametrize("total", [950, None])
def test_given_an_order_that_changes_with_each_request_when_tags_read_then_an_error(total, api):
    chance = random.Random(1)

    def answer(request, _):
        offset = int(request.qs.get("offset", ["0"])[0])
        return page("tags", chance.sample(tags(950), 950)[offset : offset + 100], total)

    api.get(TAGS, json=answer)
    [(kind, sentence)] = errors(read("tags"))
    assert kind == "transient_error"
    assert "changes its order while it is read" in sentence


def test_given_a_row_that_moves_to_the_front_when_tags_read_then_an_error_or_a_warning_says_that_rows_lack(api):
    """Newest update first: a row that changes before its turn is never at an offset that is still to come."""
    account = tags(2000)

    def answer(request, _):
        offset = int(request.qs.get("offset", ["0"])[0])
        body = page("tags", account[offset : offset + 100], len(account))
        account.insert(0, account.pop(1900))
        return body

    api.get(TAGS, json=answer)
    output = read("tags")
    assert set(ids(output)) != set(names(2000))
    [sentence] = said(output)
    assert sentence.startswith("Stream tags: the API counts 2,000 rows and sent 1,9")


def test_given_the_first_rows_in_another_order_whatever_the_offset_when_tags_read_then_an_error(api):
    chance = random.Random(1)
    api.get(TAGS, json=lambda *_: page("tags", chance.sample(tags(100), 100), 250))
    [(_, sentence)] = errors(read("tags"))
    assert "changes its order" in sentence or "ignore the offset" in sentence
    assert len(sent(api, "tags")) <= 100


def test_given_a_single_object_when_tags_read_then_one_record(api):
    api.get(TAGS, json={"tags": {"id": 1, "tag": "vip"}})
    assert rows(read("tags")) == [{"id": "1", "tag": "vip"}]


@pytest.mark.parametrize(
    "body", [{"tags": [], "meta": {"total": "0"}}, {"tags": []}, {"tags": [], "meta": {"total": 9}}]
)
def test_given_an_empty_first_page_when_tags_read_then_nothing_and_no_error(body, api):
    api.get(TAGS, json=body)
    output = read("tags")
    assert errors(output) == []
    assert rows(output) == []
    assert [status.value for status in output.get_stream_statuses("tags")][-1] == "COMPLETE"
    assert len(sent(api, "tags")) <= 2


def test_given_a_row_deleted_meanwhile_when_tags_read_then_no_other_is_missed(api):
    account = tags(450)

    def answer(request, context):
        offset = int(request.qs.get("offset", ["0"])[0])
        body = page("tags", account[offset : offset + 100], str(len(account)))
        if len(sent(api, "tags")) in (1, 2, 3):
            del account[5]
        return body

    api.get(TAGS, json=answer)
    output = read("tags")
    assert errors(output) == []
    assert {row["id"] for row in account} <= set(ids(output))
    assert len(ids(output)) == len(set(ids(output)))


def test_given_rows_deleted_under_a_shared_listing_when_read_then_what_was_there_is_asked_for_anew(api):
    """What another stream was answered before the deletion would lead back to rows that are no longer there."""
    account = [{"id": str(number), "title": f"field {number}"} for number in range(550)]

    def answer(request, _):
        offset = int(request.qs.get("offset", ["0"])[0])
        body = page("fields", account[offset : offset + 100], len(account), fieldOptions=[], fieldRels=[])
        if len(sent(api, "fields")) == 4:
            del account[:150]
        return body

    api.get(f"{API}/fields", json=answer)
    output = read(catalog("contact_custom_fields", "contact_custom_field_rels"))
    assert errors(output) == []
    assert {row["id"] for row in account} <= set(ids(output))
    anew = [request for request in api.request_history if request.headers.get("Cache-Control") == "no-cache"]
    assert anew
    first = api.request_history.index(anew[0])
    assert {request.url for request in anew} & {request.url for request in api.request_history[:first]}


def test_given_a_fault_on_a_later_page_when_tags_read_then_retried_and_each_row_once(api, pauses):
    faults = [503, 503]
    rows_of = listing("tags", tags(250))

    def answer(request, context):
        if request.qs.get("offset") and faults:
            context.status_code = faults.pop()
            return {"message": "busy"}
        return rows_of(request, context)

    api.get(TAGS, json=answer)
    assert ids(read("tags")) == names(250)


def test_given_a_known_total_when_tags_read_then_an_estimate(api):
    api.get(TAGS, json=listing("tags", tags(3)))
    output = read("tags")
    estimates = [message.trace.estimate for message in output.trace_messages if message.trace.estimate]
    assert [(one.name, one.type.value, one.row_estimate) for one in estimates] == [("tags", "STREAM", 3)]


# ---- what stands beside rows, where there are none


@pytest.mark.parametrize(
    ("stream", "endpoint", "key"),
    [
        ("contact_score_values", "contacts", "contacts"),
        ("contact_custom_field_options", "fields", "fields"),
        ("contact_custom_field_rels", "fields", "fields"),
    ],
)
def test_given_no_rows_and_no_key_of_what_is_beside_them_when_read_then_no_rows(api, stream, endpoint, key):
    api.get(f"{API}/{endpoint}", json=page(key, [], "0"))
    output = read(stream)
    assert errors(output) == []
    assert rows(output) == []
    assert [status.value for status in output.get_stream_statuses(stream)][-1] == "COMPLETE"


@pytest.mark.parametrize("beside", ["contact_tags", "contact_custom_field_values", "contact_score_values"])
def test_given_an_account_without_contacts_when_read_beside_them_then_no_rows(api, beside):
    api.get(f"{API}/contacts", json=page("contacts", [], "0"))
    for key in ("contactTags", "fieldValues"):
        api.get(f"{API}/{key}", json=page(key, [], "0"))
    output = read(catalog("contacts", beside))
    assert errors(output) == []
    assert rows(output) == []


def test_given_an_account_without_pipelines_when_stages_are_read_beside_them_then_no_rows(api):
    api.get(f"{API}/dealGroups", json={"dealGroups": []})
    api.get(f"{API}/dealStages", json={"dealStages": []})
    output = read(catalog("deal_groups", "deal_stages"))
    assert errors(output) == []
    assert rows(output) == []


def test_given_rows_without_the_key_of_what_is_beside_them_when_read_then_error(api):
    api.get(f"{API}/contacts", json=page("contacts", [{"id": "1"}], "1"))
    [(_, sentence)] = errors(read("contact_score_values"))
    assert "no list of records under 'scoreValues'" in sentence


def test_given_pipelines_without_the_key_of_their_stages_when_read_then_the_own_listing(api):
    api.get(f"{API}/dealGroups", json=page("dealGroups", [{"id": "1"}], "1"))
    api.get(f"{API}/dealStages", json=page("dealStages", [{"id": "7", "group": "1"}], "1"))
    output = read(catalog("deal_groups", "deal_stages"))
    assert errors(output) == []
    assert sorted(ids(output)) == ["1", "7"]
