"""What writing needs of the client: refusals as answers, requests that may be repeated, a second budget, bodies."""

from dataclasses import replace
from itertools import pairwise

import pytest
import requests

from activecampaign_client.account import Account
from activecampaign_client.answers import Action, Answer, Attempts, Request, codes_in, is_throttled, judge
from activecampaign_client.errors import ApiError
from activecampaign_client.pace import Allowance, Pace
from unit_tests.client.test_answers import answer, judged
from unit_tests.client.transport import ROOT, Said, Transport
from unit_tests.client.virtual_time import VirtualTime
from unit_tests.servers import answering, server

TOO_MANY_IMPORTS = {
    "success": 0,
    "message": "Rate limit exceeded.",
    "failureReasons": ["Up to 100 imports may be requested per minute"],
}
RESET = requests.ConnectionError("Connection aborted.")


def account_at(time: VirtualTime, *said: Said) -> tuple[Account, Transport]:
    account = Account(ROOT, "key", clock=time, sleep=time.sleep)
    answers = iter(said)
    return account, Transport(account, time, lambda moment, path: next(answers))


def sent(time: VirtualTime, account: Account, request: Request) -> Answer | ApiError:
    found: list[Answer | ApiError] = []

    def work() -> None:
        try:
            found.append(account.send(request))
        except ApiError as error:
            found.append(error)

    time.run(work)
    return found[0]


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_a_refusal_is_an_answer_to_whoever_is_ready_for_it(status):
    ready = Request("contact/sync", method="POST", may_be_refused=True)
    assert judged(status, {"errors": []}, ready).action is Action.ACCEPT
    assert judged(status, {"errors": []}, Request("contact/sync", method="POST")).action is Action.FAIL


@pytest.mark.parametrize("status", [401, 402, 403, 500])
def test_who_is_ready_for_a_refusal_of_a_row_is_not_ready_for_one_of_the_key(status):
    request = Request("contact/sync", method="POST", may_be_refused=True)
    assert judged(status, {}, request).action is not Action.ACCEPT


def test_a_refusal_that_was_expected_is_no_odd_answer_in_a_listing():
    request = Request("import/info", may_be_refused=True)
    came = answer(400, {"success": 0, "message": "'batchId' is a required field."}, request)
    attempts = Attempts()
    attempts.add(came)
    assert judge(came, attempts, request, ROOT, answered_before=True).action is Action.ACCEPT


@pytest.mark.parametrize(
    "request_", [Request("contact/sync", method="POST", repeatable=True), Request("a", method="PATCH")]
)
def test_what_may_be_written_twice_is_sent_again_after_a_connection_broke(request_):
    time = VirtualTime()
    account, transport = account_at(time, RESET, (200, {"contact": {"id": "1"}}))
    came = sent(time, account, request_)
    assert isinstance(came, Answer)
    assert len(transport.requests) == 2


ODD = [{"errors": [{"title": "Ann Lee is busy"}]}, {"message": "Ann Lee is busy"}, {}]


@pytest.mark.parametrize("body", ODD)
def test_an_answer_without_what_was_written_is_asked_for_again(body, caplog):
    time = VirtualTime()
    caplog.set_level("INFO")
    account, _ = account_at(time, (200, body), (201, body), (200, {"contact": {"id": "1"}}))
    request = Request("contact/sync", method="POST", repeatable=True, may_be_refused=True, record_key="contact")
    came = sent(time, account, request)
    assert isinstance(came, Answer)
    assert came.body == {"contact": {"id": "1"}}
    assert "answered POST /api/3/contact/sync without contact." in caplog.text
    assert "Ann" not in caplog.text


@pytest.mark.parametrize("body", ODD)
def test_whoever_is_ready_for_a_refusal_gets_such_an_answer_in_the_end(body):
    time = VirtualTime()
    account, _ = account_at(time, *[(200, body)] * 4)
    request = Request("contact/sync", method="POST", repeatable=True, may_be_refused=True, record_key="contact")
    came = sent(time, account, request)
    assert isinstance(came, Answer)
    assert came.body == body
    account, _ = account_at(time, *[(200, body)] * 4)
    assert "without contact. It was tried 4 times." in str(sent(time, account, replace(request, may_be_refused=False)))


def test_what_may_not_be_written_twice_is_not_for_an_odd_answer():
    time = VirtualTime()
    account, transport = account_at(time, (200, {}))
    came = sent(time, account, Request("notes", method="POST", record_key="note"))
    assert isinstance(came, Answer)
    assert len(transport.requests) == 1


def test_what_may_not_be_written_twice_is_not():
    time = VirtualTime()
    account, transport = account_at(time, RESET)
    came = sent(time, account, Request("notes", method="POST"))
    assert "is not known" in str(came)
    assert len(transport.requests) == 1


def test_the_limit_of_imports_is_waited_for_however_often_it_is_met():
    time = VirtualTime()
    account, transport = account_at(time, *[(400, TOO_MANY_IMPORTS)] * 12, (200, {"batchId": "a"}))
    request = Request(
        "import/bulk_import",
        method="POST",
        repeatable=True,
        may_be_refused=True,
        allowance=Allowance(100, 60, time, time.sleep),
    )
    came = sent(time, account, request)
    assert isinstance(came, Answer)
    assert came.body == {"batchId": "a"}
    # A minute is waited out, and the account's own budget is not slowed for it.
    assert transport.requests[-1][0] > 60
    assert account.pace.interval() == Pace(5).interval()


@pytest.mark.parametrize(
    ("status", "body", "throttled"),
    [
        (429, {}, True),
        (400, TOO_MANY_IMPORTS, True),
        (400, {"message": "JSON payload did not pass validation"}, False),
        (400, {"errors": "Rate"}, False),
        (200, TOO_MANY_IMPORTS, False),
    ],
)
def test_what_counts_as_too_many_requests(status, body, throttled):
    assert is_throttled(answer(status, body, Request("import/bulk_import", allowance=Allowance(100, 60)))) is throttled


def test_only_what_has_a_budget_of_its_own_can_be_too_much_for_it():
    assert not is_throttled(answer(400, TOO_MANY_IMPORTS))


def test_a_request_with_a_budget_of_its_own_keeps_to_it_each_time_that_it_is_sent():
    time = VirtualTime()
    account, transport = account_at(time, (503, {}), (200, {}), (200, {}))
    allowance = Allowance(1, 3, time, time.sleep)
    request = Request("import/bulk_import", method="POST", repeatable=True, allowance=allowance)

    def work() -> None:
        account.send(request)
        account.send(request)

    time.run(work)
    moments = [moment for moment, _, _ in transport.requests]
    assert [later - earlier >= 3 for earlier, later in pairwise(moments)] == [True, True]


def test_codes_of_a_refusal():
    body = {"errors": [{"title": "Contact Email Address is not valid.", "code": "email_invalid"}, {"title": "x"}, "y"]}
    assert codes_in(answer(422, body)) == ["email_invalid"]
    assert codes_in(answer(422, {"errors": "Bulk operation failed."})) == []
    about = [
        {"code": "duplicate", "source": {"pointer": "/data/attributes/email"}},
        {"code": "field_invalid", "source": {"type": "pointer", "value": "/data/attributes/phone"}},
        {"code": "field_missing", "source": "email"},
    ]
    assert codes_in(answer(422, {"errors": about}), about="email") == ["duplicate"]
    assert codes_in(answer(422, {"errors": about}), about="phone") == ["field_invalid"]
    assert codes_in(answer(422, b"<html>")) == []


def test_a_body_leaves_as_utf8_json():
    bodies = []

    def keep(handler):
        bodies.append((handler.rfile.read(int(handler.headers["Content-Length"])), handler.headers["Content-Type"]))
        answering()(handler)

    with server(keep) as (url, _):
        Account(url, "key").send(Request("contact/sync", method="POST", body={"contact": {"firstName": "Zoë"}}))
    assert bodies == [('{"contact":{"firstName":"Zoë"}}'.encode(), "application/json")]


def test_a_parameter_may_be_there_several_times():
    paths = []

    def keep(handler):
        paths.append(handler.path)
        answering()(handler)

    with server(keep) as (url, _):
        Account(url, "key").send(Request("contacts", {"ids[]": ["1", "2"]}))
    assert paths == ["/api/3/contacts?ids%5B%5D=1&ids%5B%5D=2"]
