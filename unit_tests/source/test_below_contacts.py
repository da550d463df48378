"""Streams below a contact, for contacts that lack a date."""

import pytest

from unit_tests.source.conftest import API, errors, page, read, rows


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"udate": "2024-05-01T00:00:00Z", "cdate": "2024-01-01T00:00:00Z"}, "2024-05-01T00:00:00Z"),
        ({"udate": None, "cdate": "2024-01-01T00:00:00-06:00"}, "2024-01-01T06:00:00Z"),
        ({"udate": None, "cdate": None}, None),
        ({}, None),
    ],
)
def test_given_a_contact_without_udate_when_its_entries_are_read_then_cdate_or_null(dates, expected, api):
    api.get(f"{API}/contacts", json=page("contacts", [{"id": "7", **dates}], "1"))
    api.get(f"{API}/contacts/7/automationEntryCounts", json={"automationEntryCounts": [{"id": "1"}]})
    output = read("contact_automation_entry_counts")
    assert errors(output) == []
    assert [row.get("contact_udate") for row in rows(output)] == [expected]
