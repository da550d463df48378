"""The client on its own: whoever has an address and a key lists an endpoint in three lines."""

import pytest

from activecampaign_client.account import Account
from activecampaign_client.address import api_root
from activecampaign_client.errors import ApiError
from emulator import Emulator


def test_an_endpoint_is_listed_in_three_lines(emulator: Emulator) -> None:
    account = Account(api_root(emulator.url), emulator.api_key, requests_per_second=100)
    contacts = [contact["id"] for contact in account.rows("contacts", **{"orders[id]": "ASC"})]
    assert contacts == [row["id"] for row in emulator.account.rows("contacts")]
    assert len(contacts) == 250


def test_what_stands_beside_the_rows_comes_with_their_page(emulator: Emulator) -> None:
    account = Account(api_root(emulator.url), emulator.api_key, requests_per_second=100)
    pages = list(account.pages("contacts", include="contactTags", **{"orders[id]": "ASC"}))
    tags = {row["id"] for page in pages for row in page.body["contactTags"]}
    assert tags == {row["id"] for row in emulator.account.rows("contactTags")}


def test_a_key_that_is_wrong_is_a_sentence(emulator: Emulator) -> None:
    account = Account(api_root(emulator.url), "another key", requests_per_second=100, sleep=lambda _: None)
    with pytest.raises(ApiError, match=r"^ActiveCampaign does not let this API key read tags \(HTTP 403") as error:
        list(account.rows("tags"))
    assert error.value.kind == "config"
    assert "another key" not in str(error.value)
