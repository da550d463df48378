"""Streams that are read beside another one: the same rows come, whatever else is selected."""

from itertools import combinations
from typing import Any

import pytest

from unit_tests.source.conftest import API, catalog, config, errors, listing, page, read, sent

CONTACTS = 130
# Rows that outlived their contact or pipeline stand among the others.
TAGS = [{"id": str(number), "contact": str(1 + number % 160), "tag": "1"} for number in range(1, 401)]
LISTS = [{"id": str(number), "contact": str(1 + number % CONTACTS), "list": "1"} for number in range(1, 301)]
STAGES = [{"id": str(number), "group": str(1 + number % 9), "title": f"stage {number}"} for number in range(1, 111)]
OWN = {
    "contact_tags": ("contactTags", TAGS),
    "contact_lists": ("contactLists", LISTS),
    "deal_stages": ("dealStages", STAGES),
}


def carried(rows: list[dict[str, str]], owner: str, ids: set[str]) -> list[dict[str, str]]:
    return [row for row in rows if row[owner] in ids]


def serve(api, contacts: int = CONTACTS, beside: bool = True) -> None:
    """An account; where not `beside`, without the relations that are asked for."""
    people = [{"id": str(number), "udate": "2024-05-01T00:00:00Z"} for number in range(1, contacts + 1)]

    def contacts_page(request: Any, context: Any) -> dict[str, Any]:
        body = listing("contacts", people)(request, context)
        shown = {row["id"] for row in body["contacts"]}
        for include in request.qs.get("include", [""])[0].split(","):
            for path, rows in OWN.values():
                if beside and path.lower() == include:
                    body[path] = carried(rows, "contact", shown)
        return body

    api.get(f"{API}/contacts", json=contacts_page)
    pipelines = [{"id": "1", "title": "Sales"}]
    api.get(f"{API}/dealGroups", json=page("dealGroups", pipelines, "1", dealStages=carried(STAGES, "group", {"1"})))
    for path, rows in OWN.values():
        api.get(f"{API}/{path}", json=listing(path, rows))


def rows_by_stream(output: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for message in output.records:
        found.setdefault(message.record.stream, []).append(message.record.data["id"])
    return found


SELECTIONS = [names for count in (1, 2, 3, 5) for names in combinations(["contacts", "deal_groups", *OWN], count)]


@pytest.mark.parametrize("beside", [True, False], ids=["sideloaded", "not sideloaded"])
@pytest.mark.parametrize("names", SELECTIONS, ids="+".join)
def test_given_any_selection_when_read_then_each_row_of_each_stream_once(names, beside, api):
    serve(api, beside=beside)
    output = read(catalog(*names))
    assert errors(output) == []
    found = rows_by_stream(output)
    for name in set(names) & set(OWN):
        assert sorted(found[name], key=int) == [row["id"] for row in OWN[name][1]]


def test_given_stages_of_pipelines_that_are_gone_when_read_beside_then_all_of_them_and_a_word(api):
    serve(api)
    output = read(catalog("deal_groups", "deal_stages"))
    assert sorted(rows_by_stream(output)["deal_stages"], key=int) == [row["id"] for row in STAGES]
    assert output.is_in_logs(r"^Stream deal_stages: 12 of 110 rows came beside the deal_groups\.")


def test_given_few_tags_among_many_contacts_when_read_then_their_own_listing_in_two_requests(api):
    serve(api, contacts=2000)
    api.get(f"{API}/contactTags", json=listing("contactTags", TAGS[:50]))
    output = read(catalog("contact_tags", "deal_groups"))
    assert len(rows_by_stream(output)["contact_tags"]) == 50
    assert len(sent(api, "contactTags")) == 2
    assert sent(api, "contacts") == []


def test_given_all_rows_of_contacts_that_are_there_when_read_beside_then_one_request_counts_them(api):
    serve(api)
    read(catalog("contacts"), config())
    alone = len(sent(api, "contacts"))
    api.reset_mock()
    output = read(catalog("contacts", "contact_lists"), config())
    assert len(rows_by_stream(output)["contact_lists"]) == len(LISTS)
    assert len(sent(api, "contacts")) == alone
    assert [request.get("limit") for request in sent(api, "contactLists")] == [["1"]]


def test_given_rows_that_came_and_are_deleted_when_others_lack_then_those_are_read_all_the_same(api):
    """As many are left as came beside the contacts, but they are others."""
    serve(api)
    orphan = {"id": "301", "contact": "500", "list": "1"}
    counted, left = [*LISTS, orphan], [*LISTS[1:], orphan]

    def answer(request: Any, context: Any) -> dict[str, Any]:
        is_first_count = request.qs["limit"] == ["1"] and len(sent(api, "contactLists")) == 1
        return listing("contactLists", counted if is_first_count else left)(request, context)

    api.get(f"{API}/contactLists", json=answer)
    output = read(catalog("contacts", "contact_lists"), config())
    assert errors(output) == []
    assert sorted(rows_by_stream(output)["contact_lists"], key=int) == [row["id"] for row in counted]


@pytest.mark.parametrize("answer", [{"status_code": 403, "json": {}}, {"status_code": 404, "json": {}}])
def test_given_a_listing_that_is_refused_when_read_with_its_carrier_then_the_carrier_is_read(answer, api, pauses):
    serve(api)
    api.get(f"{API}/contactTags", **answer)
    output = read(catalog("contacts", "contact_tags", "contact_lists"))
    assert len(rows_by_stream(output)["contacts"]) == CONTACTS
    assert len(rows_by_stream(output)["contact_lists"]) == len(LISTS)
    [(kind, sentence)] = errors(output)
    assert kind == "config_error"
    assert "contactTags" in sentence


def serve_contacts(api, people: list[dict[str, Any]], key: str, rows: list[dict[str, str]], total: str = "") -> None:
    """Contacts, and beside them their rows under a key that is left out where a page has none."""

    def answer(request: Any, context: Any) -> dict[str, Any]:
        body = listing("contacts", people)(request, context)
        shown = {row["id"] for row in body["contacts"]}
        beside = carried(rows, "contact", shown)
        return {**body, **({key: beside} if beside else {}), "meta": {"total": total or str(len(people))}}

    api.get(f"{API}/contacts", json=answer)


def test_given_a_page_of_known_contacts_alone_when_it_has_no_key_for_what_is_beside_then_nothing_is_amiss(api):
    """The total claims more contacts than there are, and the last of them, which comes again, is on no list."""
    serve(api)
    people = [{"id": str(number), "udate": "2024-05-01T00:00:00Z"} for number in range(1, CONTACTS + 1)]
    lists = [row for row in LISTS if row["contact"] != str(CONTACTS)]
    serve_contacts(api, people, "contactLists", lists, total="267")
    api.get(f"{API}/contactLists", json=listing("contactLists", lists))
    output = read(catalog("contacts", "contact_lists"))
    assert errors(output) == []
    assert sorted(rows_by_stream(output)["contact_lists"], key=int) == [row["id"] for row in lists]
    assert [request.get("limit") for request in sent(api, "contactLists")] == [["1"]]


SCORES = [{"id": str(number), "contact": str(number), "mdate": "2024-05-01T00:00:00Z"} for number in range(1, 91)]


@pytest.mark.parametrize("last", [[], ["500"]], ids=["they name none", "one names one"])
def test_given_contacts_without_the_key_of_their_scores_when_read_then_it_counts_what_they_name(last, api):
    """Nobody lists scores but beside the contacts, and each contact names its own."""
    named = {row["contact"]: [row["id"]] for row in SCORES} | {"120": last}
    people = [
        {"id": str(number), "udate": "2024-05-01T00:00:00Z", "scoreValues": named.get(str(number), [])}
        for number in range(1, CONTACTS + 1)
    ]
    serve_contacts(api, people, "scoreValues", SCORES)
    output = read(catalog("contact_score_values"))
    assert rows_by_stream(output)["contact_score_values"] == [row["id"] for row in SCORES]
    assert [kind for kind, _ in errors(output)] == (["system_error"] if last else [])


@pytest.mark.parametrize("named", [[], ["9"]], ids=["they name none", "one names one"])
def test_given_custom_fields_without_the_key_of_their_lists_when_read_then_it_counts_what_they_name(named, api):
    fields = [{"id": "1", "relations": [], "options": []}, {"id": "2", "relations": named, "options": named}]
    api.get(f"{API}/fields", json=page("fields", fields, "2"))
    streams = ("contact_custom_field_rels", "contact_custom_field_options")
    output = read(catalog(*streams))
    assert rows_by_stream(output) == {}
    assert [kind for kind, _ in errors(output)] == (["system_error"] * len(streams) if named else [])


def scored_contacts() -> list[dict[str, Any]]:
    named = {row["contact"]: [row["id"]] for row in SCORES}
    return [
        {"id": str(number), "udate": "2024-05-01T00:00:00Z", "scoreValues": named.get(str(number), [])}
        for number in range(1, CONTACTS + 1)
    ]


@pytest.mark.parametrize("beside", [(), ("contacts",)], ids=["alone", "with the contacts"])
def test_given_scores_that_contacts_name_and_that_do_not_come_when_read_then_the_others_and_an_error(beside, api):
    """The last contact of a page is the first of the next: its score counts once."""
    serve_contacts(api, scored_contacts(), "scoreValues", SCORES[:20] + SCORES[30:])
    output = read(catalog("contact_score_values", *beside))
    found = rows_by_stream(output)
    assert found["contact_score_values"] == [row["id"] for row in SCORES[:20] + SCORES[30:]]
    assert len(found.get("contacts", [])) == (CONTACTS if beside else 0)
    [(kind, sentence)] = errors(output)
    assert kind == "transient_error"
    assert "10 rows of contact_score_values" in sentence
    assert len(sent(api, "contacts")) == 2


def test_given_options_that_fields_name_and_that_do_not_come_when_read_then_the_others_and_an_error(api):
    fields = [{"id": "1", "options": ["7", "8", "9"]}]
    api.get(f"{API}/fields", json=page("fields", fields, "1", fieldOptions=[{"id": "8", "field": "1"}]))
    output = read(catalog("contact_custom_field_options"))
    assert rows_by_stream(output) == {"contact_custom_field_options": ["8"]}
    [(kind, sentence)] = errors(output)
    assert kind == "transient_error"
    assert "2 rows of contact_custom_field_options" in sentence


# ---- what is no list of rows


NO_ROWS = {"null": None, "text": "x", "texts": ["1", "2"], "number": 5, "nulls": [None]}


@pytest.mark.parametrize("malformed", NO_ROWS.values(), ids=NO_ROWS)
def test_given_stages_beside_the_pipelines_that_are_no_rows_when_read_then_their_own_listing(malformed, api):
    api.get(f"{API}/dealGroups", json=page("dealGroups", [{"id": "1"}], "1", dealStages=malformed))
    api.get(f"{API}/dealStages", json=listing("dealStages", STAGES))
    output = read(catalog("deal_groups", "deal_stages"))
    assert errors(output) == []
    assert sorted(rows_by_stream(output)["deal_stages"], key=int) == [row["id"] for row in STAGES]
    assert output.is_in_logs("did not send all rows beside the deal_groups, so its own listing is read instead")


@pytest.mark.parametrize("malformed", NO_ROWS.values(), ids=NO_ROWS)
def test_given_scores_that_are_no_rows_when_read_then_an_error_unless_no_contact_names_any(malformed, api):
    for named, expected in (([], []), (["7"], ["system_error"])):
        people = [{"id": "1", "udate": "2024-05-01T00:00:00Z", "scoreValues": named}]
        api.get(f"{API}/contacts", json=page("contacts", people, "1", scoreValues=malformed))
        output = read(catalog("contact_score_values"))
        assert rows_by_stream(output) == {}
        assert [kind for kind, _ in errors(output)] == expected
