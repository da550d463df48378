"""What a key may see of deals: how it is found out, and what a read makes of it."""

import pytest
from airbyte_cdk.models import SyncMode

from source_activecampaign.deals import access_in_catalog, access_of, is_masked
from unit_tests.source.conftest import API, catalog, config, discover, errors, listing, page, read, rows, sent, warnings

FULL = {"id": "1", "title": "Big", "isDisabled": False, "mdate": "2024-05-01T00:00:00-05:00", "value": "100"}
MASKED = {"id": "2", "title": "Demo Requested", "isDisabled": True}
MASKED_1 = {"id": "3", "title": "Demo Requested", "isDisabled": 1}
DEALS = f"{API}/deals"


@pytest.mark.parametrize(
    ("deal", "masked"),
    [
        (MASKED, True),
        (MASKED_1, True),
        ({"id": "2", "title": "", "isDisabled": True}, True),
        (FULL, False),
        ({**FULL, "isDisabled": True}, False),
        ({"id": "2", "title": "Open", "isDisabled": False}, False),
        ({"id": "2", "title": "Open"}, False),
    ],
)
def test_is_masked(deal, masked):
    assert is_masked(deal) is masked


@pytest.mark.parametrize(
    ("deals", "access"),
    [([], "full"), ([FULL], "full"), ([MASKED, FULL], "full"), ([MASKED], "partial"), ([MASKED, MASKED_1], "partial")],
)
def test_access_of(deals, access):
    assert access_of(deals) == access


def test_access_of_stops_at_the_first_full_deal():
    def deals():
        yield MASKED
        yield FULL
        raise AssertionError("looked further")

    assert access_of(deals()) == "full"


@pytest.mark.parametrize(
    ("mode", "fields", "access"),
    [
        (SyncMode.full_refresh, ["id", "title", "isDisabled"], "partial"),
        (SyncMode.full_refresh, ["id", "title", "isDisabled", "mdate"], "full"),
        (SyncMode.incremental, ["id", "title", "isDisabled"], "full"),
        (SyncMode.full_refresh, [], "full"),
    ],
)
def test_access_in_catalog(mode, fields, access):
    assert access_in_catalog(catalog("deals", mode=mode, fields=fields)) == access


def test_access_in_a_catalog_without_deals():
    assert access_in_catalog(catalog("tags", mode=SyncMode.full_refresh, fields=["id"])) is None


# ---- discovery


def look(settings=None):
    return discover(settings, ["deals"])


def test_given_some_full_deals_when_discovered_then_incremental_on_mdate(api):
    api.get(DEALS, json=page("deals", [MASKED, FULL], 2))
    stream = look()["deals"]
    assert stream.default_cursor_field == ["mdate"]
    assert [mode.value for mode in stream.supported_sync_modes] == ["full_refresh", "incremental"]
    assert {"id", "title", "isDisabled", "mdate", "value"} <= set(stream.json_schema["properties"])


def test_given_masked_deals_only_when_discovered_then_three_fields_and_full_refresh_only(api):
    api.get(DEALS, json=page("deals", [MASKED, MASKED_1], 2))
    stream = look()["deals"]
    assert [mode.value for mode in stream.supported_sync_modes] == ["full_refresh"]
    assert not stream.default_cursor_field
    assert set(stream.json_schema["properties"]) == {"id", "title", "isDisabled"}
    assert stream.source_defined_primary_key == [["id"]]


def test_given_no_deals_when_discovered_then_full(api):
    api.get(DEALS, json={"deals": [], "meta": {"currencies": [], "total": 0}})
    assert look()["deals"].default_cursor_field == ["mdate"]


def test_given_forbidden_deals_when_discovered_then_full_and_said(api, pauses):
    api.get(DEALS, status_code=403, json={"message": "Upgrade your account to enable the CRM"})
    assert look()["deals"].default_cursor_field == ["mdate"]


def test_given_a_full_deal_behind_many_masked_when_discovered_then_found(api):
    rows_of_account = [{**MASKED, "id": str(n)} for n in range(450)] + [{**FULL, "id": "450"}]
    api.get(DEALS, json=listing("deals", rows_of_account, 451))
    assert look()["deals"].default_cursor_field == ["mdate"]


def test_given_very_many_masked_deals_when_discovered_then_it_stops_looking(api, accounts):
    api.get(DEALS, json=listing("deals", [{**MASKED, "id": str(n)} for n in range(5000)], 5000))
    assert set(look()["deals"].json_schema["properties"]) == {"id", "title", "isDisabled"}
    requests_during_discovery = len(sent(api, "deals"))
    for account in accounts:
        account.executor.shutdown(wait=True)
    assert requests_during_discovery <= 12
    assert len(sent(api, "deals")) <= requests_during_discovery + 1


@pytest.mark.parametrize(("access", "fields"), [("full", True), ("partial", False)])
def test_given_access_is_configured_when_discovered_then_nobody_looks(access, fields, api):
    stream = look(config(deals_access=access))["deals"]
    assert ("mdate" in stream.json_schema["properties"]) is fields
    assert sent(api, "deals") == []


def test_given_start_date_when_discovered_then_old_full_deals_count(api):
    api.get(DEALS, json=page("deals", [MASKED, {**FULL, "mdate": "2001-01-01T00:00:00-06:00"}], 2))
    assert look(config(start_date="2024-01-01T00:00:00Z"))["deals"].default_cursor_field == ["mdate"]
    assert ["filters[updated_after]" in params for params in sent(api, "deals")] == [False]


def test_given_deals_that_fail_when_discovered_then_no_guess(api, pauses):
    """A fault is not an answer: neither full nor partial, or the catalog would change with the weather."""
    api.get(DEALS, status_code=503)
    with pytest.raises(ValueError, match="Expected exactly one catalog"):
        look()


# ---- reading


def test_given_masked_deals_when_read_in_full_then_emitted_and_the_cursor_moves(api, today):
    api.get(DEALS, json=page("deals", [MASKED, FULL, MASKED_1], 3))
    output = read("deals", config(lookback_hours=0), {"mdate": "2024-01-01T00:00:00Z"})
    assert errors(output) == []
    assert rows(output) == [
        {"id": "2", "title": "Demo Requested", "isDisabled": True},
        {"id": "1", "title": "Big", "isDisabled": False, "mdate": "2024-05-01T05:00:00Z", "value": 100},
        {"id": "3", "title": "Demo Requested", "isDisabled": True},
    ]
    assert output.most_recent_state.stream_state.mdate == "2024-05-01T05:00:00Z"
    [said] = [message for message in warnings(output) if message.startswith("Stream deals: ")]
    assert said.startswith("Stream deals: 2 of 3 deals arrived with id, title and isDisabled only.")
    assert "Refresh the schema" not in said


def test_given_masked_deals_only_when_read_in_full_then_all_emitted_state_kept_and_refresh_suggested(api, today):
    api.get(DEALS, json=page("deals", [MASKED, MASKED_1], 2))
    output = read("deals", config(lookback_hours=0), {"mdate": "2024-01-01T00:00:00Z"})
    assert [row["id"] for row in rows(output)] == ["2", "3"]
    assert output.most_recent_state.stream_state.mdate == "2024-01-01T00:00:00Z"
    [said] = [message for message in warnings(output) if message.startswith("Stream deals: ")]
    assert said.startswith("Stream deals: 2 of 2 deals arrived")
    assert "Refresh the schema of this connection" in said


def test_given_full_deals_when_read_in_full_then_nothing_is_said(api, today):
    api.get(DEALS, json=page("deals", [FULL], 1))
    assert warnings(read("deals")) == []


PARTIAL = catalog("deals", mode=SyncMode.full_refresh, fields=["id", "title", "isDisabled"])


def test_given_masked_deals_when_read_in_part_then_as_they_are_and_nothing_is_said(api):
    api.get(DEALS, json=page("deals", [MASKED, MASKED_1], 2))
    output = read(PARTIAL)
    assert rows(output) == [MASKED, {**MASKED_1, "isDisabled": True}]
    assert warnings(output) == []
    assert "filters[updated_after]" not in sent(api, "deals")[0]


def test_given_full_deals_when_read_in_part_then_narrowed_and_said(api):
    api.get(DEALS, json=page("deals", [MASKED, FULL], 2))
    output = read(PARTIAL)
    assert rows(output) == [MASKED, {"id": "1", "title": "Big", "isDisabled": False}]
    [said] = [message for message in warnings(output) if message.startswith("Stream deals: ")]
    assert "1 deals are now visible with all their fields" in said
    assert "Refresh the schema" in said


def test_given_a_full_catalog_when_config_says_partial_then_the_catalog_wins(api):
    api.get(DEALS, json=page("deals", [FULL], 1))
    output = read(catalog("deals", fields=["id", "title", "mdate"]), config(deals_access="partial"))
    assert rows(output)[0]["mdate"] == "2024-05-01T05:00:00Z"


@pytest.mark.parametrize("properties", [5, None, []])
def test_given_a_catalog_with_odd_properties_when_looked_at_then_access_is_full(properties):
    chosen = catalog("deals")
    chosen.streams[0].stream.json_schema["properties"] = properties
    assert access_in_catalog(chosen) == "full"
