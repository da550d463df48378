"""What is no plain list or row: custom objects and other endpoints of their own."""

from __future__ import annotations

from .client import Client, ids


def test_pages_of_custom_objects_overlap_unless_ordered(client: Client) -> None:
    schema = client.json("customObjects/schemas")["schemas"][0]
    path = f"customObjects/records/{schema['id']}"
    truth = {r["id"] for r in client.emulator.account.rows("customObjectRecords") if r["schemaId"] == schema["id"]}
    assert len(truth) > 40
    unordered = [client.json(path, offset=o) for o in range(0, len(truth), 20)]
    found = [i for page in unordered for i in ids(page["records"])]
    assert len(set(found)) < len(found)
    assert unordered[0]["meta"]["total"] > len(truth)
    ordered = [client.json(path, offset=o, **{"orders[createdTimestamp]": "ASC"}) for o in range(0, len(truth), 20)]
    assert [i for page in ordered for i in ids(page["records"])] == sorted(
        truth, key=lambda i: client.json(f"{path}/{i}")["record"]["createdTimestamp"]
    )
    assert ordered[0]["meta"] == {"total": len(truth), "count": 20, "limit": 20, "offset": 0}


def test_access_to_custom_objects(client: Client) -> None:
    schema = client.json("customObjects/schemas")["schemas"][0]
    path = f"customObjects/records/{schema['id']}"
    record = client.json(path)["records"][0]
    assert client.json(path, **{"filters[createdTimestamp][gt]": "2000-01-01T00:00:00.000Z"})["records"] == []
    assert ids(client.json(path, **{"filters[createdTimestamp]": record["createdTimestamp"]})["records"]) == [
        record["id"]
    ]
    assert client.get(path, **{"filters[nope]": "1"}).status_code == 400
    assert client.json(f"{path}/external/{record['externalId']}")["record"] == record
    contact = record["relationships"]["primary-contact"][0]
    limited = Client(client.emulator, "partial")
    assert limited.get(path).status_code == 403
    assert limited.json(path, **{"filters[relationships.primary-contact][eq]": contact})["records"]
    for status in (403, 404):
        client.emulator.settings.custom_objects = str(status)
        assert client.get("customObjects/schemas").status_code == status
        assert client.get(path).status_code == status


def test_odd_endpoints(client: Client) -> None:
    events = client.json("webhook/events")
    assert events["meta"] == {"total": len(events["webhookEvents"])}
    assert all(isinstance(e, str) for e in events["webhookEvents"])
    assert client.json("eventTracking") == {"eventTracking": {"enabled": True}}
    assert client.get("siteTracking/code").headers["Content-Type"].startswith("text/html")
    assert client.get("dealGroup/get_inaccessible_deal_groups").status_code == 422
    assert Client(client.emulator, "partial").get("settings/account").status_code == 403
    assert len(client.json("audiences", page=2, page_size=5)["data"]) == 2
    page = client.json("channel/whatsapp/inbox/conversation", page_size=2)
    assert (page["count"], len(page["results"])) == (5, 2)
    assert page["next"]
    user = client.emulator.account.rows("users")[1]
    assert client.json(f"users/email/{user['email']}")["user"]["id"] == user["id"]
    counted = client.json("accounts", count_deals="true")["accounts"]
    assert any(int(a["dealCount"]) for a in counted)
    assert {a["dealCount"] for a in client.json("accounts")["accounts"]} == {"0"}
