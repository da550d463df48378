"""What is read beside what, and which listings several streams share."""

import threading
from collections.abc import Mapping

import pytest
from requests_mock import Mocker

from activecampaign_client.account import Account
from source_activecampaign.runs import Run
from source_activecampaign.sideloads import Sideload, Sideloads, listing_key, shared_listings

CANDIDATES = {
    sideload.stream: sideload
    for sideload in (
        Sideload("contact_tags", "contactTags", "contacts", "contacts", "contactTags"),
        Sideload("contact_lists", "contactLists", "contacts", "contacts", "contactLists"),
        Sideload("contact_score_values", "contacts", "contacts", "contacts", ""),
        Sideload("deal_stages", "dealStages", "deal_groups", "dealGroups", ""),
    )
}
# So many rows are in each listing, where a test says nothing else.
TOTALS = {"contacts": 250, "contactTags": 1000, "contactLists": 1000, "dealGroups": 1, "dealStages": 110}


class Counted(Sideloads):
    """Knows the totals of all listings, and remembers which were asked for."""

    def __init__(self, selected: str, totals: Mapping[str, int | None], whole: Mapping[str, str]) -> None:
        chosen = [CANDIDATES[name] for name in selected.split() if name in CANDIDATES]
        super().__init__(Account("https://acme.api-us1.com", "key"), chosen, whole)
        self._totals = {**TOTALS, **totals}
        self.asked: list[str] = []

    def total(self, path: str, stream: str) -> int | None:
        self.asked.append(path)
        return self._totals[path]


@pytest.mark.parametrize(
    ("selected", "whole", "totals", "beside", "includes", "joins"),
    [
        ("contact_tags", {}, {}, "contact_tags", "contactTags", False),
        ("contact_tags", {}, {"contactTags": 300}, "", "", False),
        ("contact_tags", {}, {"contactTags": 301}, "contact_tags", "contactTags", False),
        ("contact_tags", {}, {"contactTags": 50, "contacts": 20_000}, "", "", False),
        (
            "contact_tags",
            {"contacts": ""},
            {"contactTags": 50, "contacts": 20_000},
            "contact_tags",
            "contactTags",
            True,
        ),
        ("contact_tags", {"contacts": "fieldValues"}, {}, "contact_tags", "contactTags,fieldValues", True),
        ("contact_tags", {"contacts": ""}, {"contactTags": None}, "contact_tags", "contactTags", True),
        ("contact_tags", {"contacts": ""}, {"contactTags": 0}, "contact_tags", "contactTags", True),
        ("contact_tags", {}, {"contactTags": None}, "", "", False),
        ("contact_tags", {}, {"contactTags": 0}, "", "", False),
        (
            "contact_tags contact_lists",
            {},
            {"contactTags": 150, "contactLists": 180},
            "contact_lists contact_tags",
            "contactLists,contactTags",
            False,
        ),
        (
            "contact_tags contact_score_values",
            {},
            {"contactTags": 50, "contacts": 20_000},
            "contact_score_values contact_tags",
            "contactTags",
            False,
        ),
        ("contact_score_values", {"contacts": ""}, {}, "contact_score_values", "", True),
    ],
)
def test_what_is_read_beside_the_contacts(
    selected: str, whole: dict[str, str], totals: dict[str, int | None], beside: str, includes: str, joins: bool
) -> None:
    choice = Counted(selected, totals, whole).carried_by("contacts")
    assert sorted(choice.streams) == beside.split()
    assert (choice.includes if beside else "", choice.joins) == (includes, joins)


def test_it_is_found_out_once_with_one_request_for_each_stream() -> None:
    sideloads = Counted("contact_tags contact_lists deal_stages", {}, {"contacts": "", "deal_groups": ""})
    assert sideloads.asked == []
    for _ in range(2):
        choice = sideloads.beside("contact_tags")
        assert choice is not None
        assert (choice.total("contact_tags"), choice.total("contact_lists")) == (1000, 1000)
        assert sideloads.beside("contacts") is None
    assert sorted(sideloads.asked) == ["contactLists", "contactTags"]


def test_contacts_that_are_read_anyway_do_not_wait_until_what_comes_with_them_is_counted() -> None:
    class Slow(Counted):
        may_answer = threading.Event()

        def total(self, path: str, stream: str) -> int | None:
            self.may_answer.wait(60)
            return super().total(path, stream)

    sideloads = Slow("contact_tags", {}, {"contacts": ""})
    choice = sideloads.carried_by("contacts")
    assert (choice.streams, sideloads.asked) == ({"contact_tags"}, [])
    sideloads.may_answer.set()
    assert choice.total("contact_tags") == 1000


def test_the_stages_are_counted_where_the_pipelines_bring_them() -> None:
    choice = Counted("deal_stages", {}, {"deal_groups": ""}).beside("deal_stages")
    assert choice is not None
    assert choice.total("deal_stages") == 110


def requester(**more: object) -> dict[str, object]:
    return {"type": "CustomRequester", "path": "x/{{ parameters['endpoint'] }}", **more}


def test_listings_of_two_streams_are_shared() -> None:
    def stream(name: str, *endpoints: str) -> dict[str, object]:
        return {"name": name, "parts": [requester(endpoint=endpoint) for endpoint in endpoints]}

    streams = [stream("contacts", "contacts", "fields"), stream("fields", "fields"), stream("tags", "tags", "tags")]
    assert shared_listings(streams) == {listing_key("x/{{ parameters['endpoint'] }}", "fields", {})}


def test_listings_with_other_parameters_are_not_shared() -> None:
    streams = [
        {"name": "contacts", "part": requester(endpoint="contacts", request_parameters={"include": "fieldValues"})},
        {"name": "contact_notes", "part": requester(endpoint="contacts")},
    ]
    assert shared_listings(streams) == frozenset()


def test_what_a_carrier_brings_along_is_decided_later() -> None:
    streams = [{"name": name, "part": requester(endpoint="contacts", sideloads="always")} for name in ("tags", "lists")]
    assert shared_listings(streams) == frozenset()


def test_a_run_shares_nothing_unless_told() -> None:
    assert Run(Account("https://acme.api-us1.com", "key")).shared_listings == frozenset()


@pytest.mark.parametrize(("claimed", "rows", "total"), [("0", 1, None), ("7", 20, None), ("0", 0, 0), ("110", 1, 110)])
def test_a_count_below_the_rows_of_its_own_answer_is_none(
    claimed: str, rows: int, total: int | None, requests_mock: Mocker
) -> None:
    body = {"dealStages": [{"id": str(one)} for one in range(rows)], "meta": {"total": claimed}}
    requests_mock.get("https://acme.api-us1.com/api/3/dealStages", json=body)
    assert Sideloads(Account("https://acme.api-us1.com", "key")).total("dealStages", "deal_stages") == total
