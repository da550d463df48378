"""Reading a listing page by page: complete, whatever the server claims and whatever happens meanwhile."""

import random
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st

from source_activecampaign.pages import Listing, Page, total_of
from unit_tests.source.conftest import API, catalog, errors, ids, listing, page, read, rows, sent, warnings

TAGS = f"{API}/tags"


def said(output) -> list[str]:
    """The warnings about the stream's listing."""
    return [sentence for sentence in warnings(output) if sentence.startswith("Stream tags: the API ")]


def tags(count: int) -> list[dict[str, str]]:
    return [{"id": str(number), "tag": f"tag {number}"} for number in range(count)]


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@pytest.mark.parametrize(
    ("body", "total"),
    [
        ({"meta": {"total": "250"}}, 250),
        ({"meta": {"total": 250}}, 250),
        ({"meta": {"total": "0"}}, 0),
        ({"meta": {"total": None}}, None),
        ({"meta": {"total": "many"}}, None),
        ({"meta": {"total": {}}}, None),
        ({"meta": []}, None),
        ({"meta": {}}, None),
        ({}, None),
        ([], None),
    ],
)
def test_total_of(body, total):
    assert total_of(body) == total


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


# ---- without the HTTP: any rows, any pages, anything happening in between


class AtOnce(Executor):
    """Runs work when it is submitted: everything requested ahead is as old as can be."""

    def submit(self, work, /, *args, **kwargs):
        future = Future()
        future.set_result(work(*args, **kwargs))
        return future


class Late(Future):
    def __init__(self, work):
        super().__init__()
        self._work = work

    def result(self, timeout=None):
        return self._work()


class AtLast(AtOnce):
    """Runs work when its result is wanted: everything requested ahead is as new as can be."""

    def submit(self, work, /, *args, **kwargs):
        return Late(lambda: work(*args, **kwargs))


def as_sent(answer: Page) -> Page:
    return answer


@pytest.mark.parametrize("executor", [AtOnce(), AtLast()], ids=["early", "late"])
@pytest.mark.parametrize("count", [0, 2, 9, 10, 11, 19, 20, 25, 123])
@pytest.mark.parametrize("total", ["right", None, 1, 7, 500, 0])
def test_each_row_comes_once_whatever_the_total(executor, count, total):
    account = tags(count)
    claimed = count if total == "right" else total

    def fetch(offset: int, anew: bool) -> Page:
        return Page(account[offset : offset + 10], {}, claimed)

    reader = Listing("tags", fetch, as_sent, lambda row: (row["id"],), 10, executor)
    assert [row["id"] for one in reader.pages() for row in one.rows] == names(count)


CHANGES = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["delete", "insert", "append"]), st.integers(0, 200)), max_size=6
)


@pytest.mark.parametrize("executor", [AtOnce(), AtLast()], ids=["early", "late"])
@given(
    count=st.integers(0, 60),
    clamp=st.sampled_from([10, 10, 4]),
    total=st.sampled_from(["right", "right", "none", "large"]),
    changes=CHANGES,
)
def test_no_row_that_was_there_throughout_is_missed(executor, count, clamp, total, changes):
    listed = list(range(count))
    there_throughout = set(listed)
    requests = []
    if total == "none":
        clamp = 10  # a short page without a total is the last one

    def fetch(offset: int, anew: bool) -> Page:
        found = [{"id": str(number)} for number in listed[offset : offset + clamp]]
        claimed = {"right": len(listed), "none": None, "large": len(listed) + 35}[total]
        for when, what, where in changes:
            if when != len(requests):
                continue
            if what == "delete" and listed:
                there_throughout.discard(listed.pop(where % len(listed)))
            elif what == "insert":
                listed.insert(where % (len(listed) + 1), 1000 + 100 * when + where)
            elif what == "append":
                listed.append(2000 + 100 * when + where)
        requests.append(offset)
        assert len(requests) < 500, "a loop"
        return Page(found, {}, claimed)

    reader = Listing("tags", fetch, as_sent, lambda row: (row["id"],), 10, executor)
    try:
        found = [int(row["id"]) for one in reader.pages() for row in one.rows]
    except AirbyteTracedException:
        # Rows that move by a whole page look like an ignored offset or an unstable order; a few do not.
        assert len(changes) > 2, "a listing that hardly changes is read without an error"
        return
    assert there_throughout <= set(found)
    if not changes:
        assert found == listed


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("when", [3, 20])
@pytest.mark.parametrize("gone", [1, 99, 100, 350, 1000, 1900])
def test_no_row_is_missed_when_many_are_deleted_at_once(gone, when, shared):
    account, kept = [{"id": number} for number in range(5000)], {}
    there_throughout = {row["id"] for row in account[gone:]}
    requests = 0

    def fetch(offset: int, anew: bool) -> Page:
        nonlocal requests
        requests += 1
        if requests == when:
            del account[:gone]
        if not shared or anew or offset not in kept:
            kept[offset] = Page(account[offset : offset + 100], {}, len(account))
        return kept[offset]

    with ThreadPoolExecutor(1) as executor:
        reader = Listing("tags", fetch, as_sent, lambda row: (row["id"],), 100, executor)
        found = {row["id"] for one in reader.pages() for row in one.rows}
    assert there_throughout <= found


@pytest.mark.parametrize(("is_busy", "in_vain"), [(True, 1), (False, 16)])
def test_without_a_total_a_busy_budget_is_not_spent_behind_the_end(is_busy, in_vain):
    rows, asked = [{"id": number} for number in range(1990)], []

    def fetch(offset: int, anew: bool) -> Page:
        asked.append(offset)
        return Page(rows[offset : offset + 100], {}, None)

    with ThreadPoolExecutor(32) as executor:
        reader = Listing("flat", fetch, as_sent, lambda row: (row["id"],), 100, executor, is_busy=lambda: is_busy)
        assert [row for one in reader.pages() for row in one.rows] == rows
    behind = sum(offset >= len(rows) for offset in asked)
    assert behind <= in_vain
    assert is_busy or behind > 1


def test_large_pages_are_not_requested_as_far_ahead():
    rows = [{"id": number} for number in range(5000)]
    with ThreadPoolExecutor(32) as executor:

        def most_ahead(size: int) -> int:
            asked, most = [0], 0

            def fetch(offset: int, anew: bool) -> Page:
                asked[0] += 1
                return Page(rows[offset : offset + 100], {}, len(rows), size)

            listing = Listing("large", fetch, as_sent, lambda row: (row["id"],), 100, executor)
            for read, _ in enumerate(listing.pages(), 1):
                most = max(most, asked[0] - read)
            return most

        assert most_ahead(200_000) > 10
        assert most_ahead(8_000_000) <= 2


def test_an_endpoint_that_does_not_page_may_have_exactly_one_page():
    rows, asked = [{"id": number} for number in range(100)], []

    def fetch(offset: int, anew: bool) -> Page:
        asked.append(offset)
        assert len(asked) < 10, "it never ends"
        return Page(rows, {}, 100)

    with ThreadPoolExecutor(4) as executor:
        listing = Listing("flat", fetch, as_sent, lambda row: (row["id"],), 100, executor)
        found = [row for one in listing.pages() for row in one.rows]
    assert found == rows
    assert len(asked) == 2
