"""ActiveCampaign sets five cookies with every answer; the client keeps none of them and sends none back."""

from activecampaign_client.account import Account
from activecampaign_client.address import api_root
from activecampaign_client.session import Session
from emulator import Emulator


def test_given_cookies_in_every_answer_when_pages_are_read_then_none_is_sent_back(emulator: Emulator) -> None:
    emulator.requests.clear()
    account = Account(api_root(emulator.url), emulator.api_key, requests_per_second=100)
    assert len(list(account.rows("contacts", **{"orders[id]": "ASC"}))) == 250
    assert len(emulator.requests) >= 3
    assert [request.headers.get("Cookie") for request in emulator.requests if "Cookie" in request.headers] == []


def test_given_cookies_in_an_answer_when_it_came_then_neither_session_nor_headers_have_any(emulator: Emulator) -> None:
    session = Session(connections=1)
    response = session.get(
        f"{api_root(emulator.url)}/api/3/tags", headers={"Api-Token": emulator.api_key}, timeout=(5, 5)
    )
    assert response.raw.headers.getlist("Set-Cookie")
    assert (list(session.cookies), "Set-Cookie" in response.headers) == ([], False)
