"""What can be asked for beside rows, and below one row."""

from __future__ import annotations

from .client import Client, ids


def test_sideloads_of_contacts(client: Client) -> None:
    page = client.json(
        "contacts", include="fieldValues,contactTags.tag,contactLists,contactAutomations,nonsense", limit=50
    )
    assert next(iter(page)) == "scoreValues"
    for name in ("fieldValues", "contactTags", "contactLists", "contactAutomations"):
        assert {i for row in page["contacts"] for i in row[name]} == set(ids(page[name]))
        assert {r["contact"] for r in page[name]} <= set(ids(page["contacts"]))
    assert {r["tag"] for r in page["contactTags"]} == set(ids(page["tags"]))
    assert "fieldValues" not in client.json("contacts")["contacts"][0]
    assert isinstance(page["contacts"][0]["accountContacts"], list)


def test_a_single_contact_brings_its_relations(client: Client) -> None:
    account = client.emulator.account
    located, described = ({row["contact"] for row in account.rows(name)} for name in ("geoIps", "contactData"))
    contact = min(located & described)
    single = client.json(f"contacts/{contact}")
    for name in ("contactAutomations", "contactLists", "deals", "fieldValues", "geoIps", "geoAddresses", "contactData"):
        assert name in single
    assert single["contact"]["fieldValues"] == ids(single["fieldValues"])
    assert {row["contact"] for row in single["geoIps"]} == {contact}


def test_given_a_contact_with_nothing_when_asked_for_then_its_empty_lists_are_those_that_were_recorded(
    client: Client,
) -> None:
    account = client.emulator.account
    busy = {row["contact"] for name in ("geoIps", "contactData", "deals") for row in account.rows(name, key=None)}
    contact = min(account.ids("contacts") - busy)
    single = client.json(f"contacts/{contact}")
    lists = ["contactAutomations", "contactLists", "deals", "fieldValues", "geoIps", "accountContacts"]
    assert list(single) == [*lists, "contact"]
    assert single["geoIps"] == single["deals"] == []


def test_custom_field_data_of_deals_in_two_shapes(client: Client) -> None:
    settings = client.emulator.settings
    new = client.json("deals", include="dealCustomFieldData", limit=100)
    assert {"dealId", "customFieldId", "fieldValue"} <= set(new["dealCustomFieldData"][0])
    settings.deal_custom_field_shape = "old"
    old = client.json("deals", include="dealCustomFieldData", limit=100)
    assert {"deal_id", "custom_field_id", "custom_field_text_value"} <= set(old["dealCustomFieldData"][0])
    by_id = {r["id"]: r for r in old["dealCustomFieldData"]}
    for row in new["dealCustomFieldData"]:
        assert by_id[row["id"]]["custom_field_id"] == str(row["customFieldId"])
        if "fieldCurrency" in row and row["fieldValue"] is not None:
            assert by_id[row["id"]]["custom_field_currency_value"] == str(row["fieldValue"])
    settings.deal_custom_field_shape = "absent"
    assert "dealCustomFieldData" not in client.json("deals", include="dealCustomFieldData")


def test_custom_field_data_of_accounts_is_named_otherwise(client: Client) -> None:
    page = client.json("accounts", include="accountCustomFieldData")
    first = page["customerAccountCustomFieldData"][0]
    assert first["customer_account_id"] in ids(page["accounts"])
    assert "custom_field_date_value" in first
    account = first["customer_account_id"]
    alone = client.json(f"accounts/{account}/accountCustomFieldData")
    assert alone["customerAccountCustomFieldData"][0] == first
    assert "accountId" in client.json("accountCustomFieldData")["accountCustomFieldData"][0]


def test_sub_resources_have_no_meta(client: Client) -> None:
    owners = {r["contact"] for r in client.emulator.account.rows("trackingLogs")}
    for name in ("trackingLogs", "contactGoals", "geoIps", "scoreValues", "contactLogs", "fieldValues", "notes"):
        answers = [client.json(f"contacts/{owner}/{name}") for owner in sorted(owners)[:40]]
        assert all(list(a) == [name] for a in answers)
        assert any(a[name] for a in answers)
    owner = client.emulator.account.rows("contactData")[0]["contact"]
    assert client.json(f"contacts/{owner}/contactData")["contactDatum"]["contact"] == owner
    ip = client.emulator.account.rows("geoIps")[0]
    assert client.json(f"geoIps/{ip['id']}/geoAddress")["geoAddress"]["id"] == ip["geoAddress"]
    deal = client.emulator.account.rows("contactDeals")[0]
    assert set(client.json(f"contacts/{deal['contact']}/contactDeals")) == {"contacts", "deals", "contactDeals"}
    order = client.emulator.account.rows("ecomOrderProducts")[0]["orderid"]
    assert list(client.json(f"ecomOrders/{order}/orderProducts")) == ["ecomOrderProducts"]
