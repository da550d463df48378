"""What is read beside what, and which listings several streams share."""

import pytest

from activecampaign_client.account import Account
from source_activecampaign.runs import Run
from source_activecampaign.sideloads import Sideload, plan, shared_listings

SIDELOADS = [
    Sideload("contact_tags", "contacts", "contactTags"),
    Sideload("contact_lists", "contacts", "contactLists"),
    Sideload("contact_score_values", "contacts", ""),
    Sideload("deal_stages", "deal_groups", ""),
]


@pytest.mark.parametrize(
    ("selected", "whole_contacts", "beside", "include", "joins"),
    [
        ("contacts", True, "", "", False),
        ("contact_tags", False, "", "", False),
        ("contacts contact_tags", True, "contact_tags", "contactTags,fieldValues", True),
        ("contacts contact_tags", False, "", "", False),
        ("contact_tags contact_lists", False, "contact_lists contact_tags", "contactLists,contactTags", False),
        (
            "contacts contact_tags contact_score_values",
            False,
            "contact_score_values contact_tags",
            "contactTags",
            False,
        ),
        ("deal_stages", False, "", "", False),
        ("deal_groups deal_stages", False, "deal_stages", "", False),
    ],
)
def test_plan(selected: str, whole_contacts: bool, beside: str, include: str, joins: bool) -> None:
    found = plan(SIDELOADS, set(selected.split()), whole_contacts, custom_fields=True)
    assert sorted(found.streams) == beside.split()
    assert (found.includes, found.contacts_join) == (include, joins)


def test_listings_of_two_streams_are_shared() -> None:
    def stream(name: str, *endpoints: str) -> dict[str, object]:
        path = "x/{{ parameters['endpoint'] }}"
        return {
            "name": name,
            "parts": [{"type": "CustomRequester", "path": path, "endpoint": one} for one in endpoints],
        }

    streams = [stream("contacts", "contacts", "fields"), stream("fields", "fields"), stream("tags", "tags", "tags")]
    assert shared_listings(streams) == {"x/fields"}


def test_a_run_shares_nothing_unless_told() -> None:
    assert Run(Account("https://acme.api-us1.com", "key")).shared_listings == frozenset()
