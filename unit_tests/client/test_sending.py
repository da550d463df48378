"""How a request ends: what is sent again and when, what an outage is, and who waits for whom."""

import doctest
import logging
import re
import threading
from itertools import pairwise

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import MaxRetryError, NewConnectionError

from activecampaign_client import answers as answers_module
from activecampaign_client import outage as outage_module
from activecampaign_client.account import Account
from activecampaign_client.answers import PROOF, Limits, Request
from activecampaign_client.errors import ApiError
from activecampaign_client.outage import Leave, Outage
from unit_tests.client.transport import ROOT, Said, Transport
from unit_tests.client.virtual_time import VirtualTime

TAGS = (200, {"tags": [{"id": "1"}], "meta": {"total": "1"}})
REFUSED = requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "Connection refused")))  # type: ignore[arg-type]
UNKNOWN_HOST = requests.ConnectionError("Failed to resolve 'acme.api-us1.com'")
FAULTS: dict[str, Said] = {
    "500": (500, {"message": "Internal Server Error"}),
    "503": (503, b""),
    "502 with a page": (502, b"<html>Bad Gateway</html>"),
    "a page": (200, b"<html>Maintenance</html>"),
    "an empty body": (200, b""),
    "cut off": (200, b'{"tags": [{"id"'),
    "refused": REFUSED,
    "reset": requests.ConnectionError("Connection aborted."),
    "no answer": requests.ReadTimeout("slow"),
    "chunk": requests.exceptions.ChunkedEncodingError("Connection broken"),
}


class Told(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())

    def having(self, words: str) -> list[str]:
        return [sentence for sentence in self.sentences if re.search(words, sentence)]


@pytest.fixture
def told():
    handler, logger = Told(), logging.getLogger("activecampaign_client")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def account_at(time: VirtualTime) -> Account:
    return Account(ROOT, "key", clock=time, sleep=time.sleep)


class Sync:
    """Threads that each send requests, one after the other, until one fails."""

    def __init__(self, says, limits: Limits | None = None) -> None:
        self.time = VirtualTime()
        self.account = account_at(self.time)
        self.transport = Transport(self.account, self.time, says)
        self.limits = limits
        self.answered: list[tuple[float, str]] = []
        self.failed: list[tuple[float, ApiError]] = []

    def run(self, *threads: list[Request]) -> "Sync":
        def work(todo: list[Request]) -> None:
            try:
                for request in todo:
                    self.account.send(request, self.limits)
                    self.answered.append((self.time(), request.path))
            except ApiError as error:
                self.failed.append((self.time(), error))

        self.time.run(*[lambda todo=todo: work(todo) for todo in threads])
        return self


def outage(begin: float, end: float, fault: Said = (503, b"")):
    return lambda now, path: fault if begin <= now < end else TAGS


def many(count: int, name: str = "tags") -> list[Request]:
    return [Request(name, {"offset": str(number)}, stream=name) for number in range(count)]


# ---- outages


@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_of_nearly_ten_minutes_is_waited_for(fault):
    sync = Sync(outage(2, 590, FAULTS[fault])).run(many(20))
    assert sync.failed == []
    assert len(sync.answered) == 20
    # No longer than it takes to notice.
    assert sync.time() < 590 + 65


def test_an_outage_at_the_very_beginning_is_waited_for_too():
    sync = Sync(outage(0, 300, REFUSED)).run(many(3))
    assert (len(sync.answered), sync.failed) == (3, [])


@pytest.mark.parametrize("threads", [1, 12])
def test_an_outage_that_does_not_end_fails_as_transient_with_a_sentence(threads):
    sync = Sync(outage(2, 1e9)).run(*[many(20)] * threads)
    assert len(sync.failed) == threads
    for moment, error in sync.failed:
        assert 600 <= moment <= 700
        assert error.kind == "transient"
        assert str(error).startswith("ActiveCampaign has answered nothing for 1")
        assert "/api/3/tags answered with HTTP 503." in str(error)


def test_while_an_outage_lasts_the_tries_come_later_and_later():
    sync = Sync(outage(0, 1e9)).run(many(1))
    moments = [moment for moment, _, path in sync.transport.requests if path == "tags"]
    gaps = [round(later - earlier) for earlier, later in pairwise(moments)]
    assert gaps[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(gaps[7:]) == {60}


def test_one_thread_tries_while_the_others_wait_and_all_go_on_together():
    sync = Sync(outage(10, 250)).run(*[many(4, f"tags{number}") for number in range(40)])
    assert sync.failed == []
    assert len(sync.answered) == 160
    during = [moment for moment, _, _ in sync.transport.requests if 12 <= moment < 250]
    # One request per try, and from the time on when it cannot be the requests' own fault, another one to prove it.
    assert len(during) <= 20
    # As soon as one is answered all go on, at the pace of the budget and no faster.
    after = sorted(moment for moment, _, _ in sync.transport.requests if moment >= 250)
    assert after[-1] - after[0] < 160 / 4.5


def test_an_outage_is_said_once_for_all_threads(told):
    sync = Sync(outage(10, 250)).run(*[many(4, f"tags{number}") for number in range(20)])
    assert sync.failed == []
    waits = told.having("Everything waits; the next try is in")
    assert 5 <= len(waits) <= 10
    assert len(told.having("ActiveCampaign answers again, after")) == 1
    assert len(told.sentences) <= 12


def test_a_page_that_is_never_answered_fails_after_its_own_tries_while_others_are_answered():
    def says(now: float, path: str) -> Said:
        return (500, {"message": "Internal Server Error"}) if path == "contacts" else TAGS

    sync = Sync(says).run(many(1, "contacts"), many(1000, "tags"))
    [(moment, error)] = sync.failed
    assert moment < 90
    assert len(sync.answered) == 1000
    assert sync.transport.paths().count("contacts") == 6
    assert str(error) == f"{ROOT}/api/3/contacts answered with HTTP 500. It was tried 6 times."
    assert error.kind == "transient"


def test_a_page_that_is_never_answered_fails_after_its_own_tries_also_where_nothing_else_is_read():
    def says(now: float, path: str) -> Said:
        return (500, b"") if path == "contacts" else TAGS

    sync = Sync(says).run([*many(5), *many(1, "contacts")])
    [(moment, error)] = sync.failed
    assert moment < 90
    assert str(error).endswith("It was tried 6 times.")
    # Somebody had to find out that it is not the account.
    assert sync.transport.paths().count(PROOF.path) == 1


def test_a_page_that_is_bad_after_an_outage_is_not_mistaken_for_one():
    def says(now: float, path: str) -> Said:
        return (500, b"") if path == "contacts" or now < 200 else TAGS

    [(moment, error)] = Sync(says).run(many(1, "contacts")).failed
    assert 200 < moment < 400
    assert str(error).endswith("It was tried 6 times.")


def test_a_request_that_only_an_outage_kept_from_being_answered_gets_all_its_tries_afterwards():
    """Where servers come back, they often do so by and by."""
    seen = []

    def says(now: float, path: str) -> Said:
        if now < 300:
            return (503, b"")
        seen.append(path)
        return (503, b"") if path == "tags" and seen.count("tags") < 6 else TAGS

    sync = Sync(says).run(many(1))
    assert (len(sync.answered), sync.failed) == (1, [])


def test_after_giving_up_what_is_left_fails_soon():
    sync = Sync(outage(0, 1e9))
    for number in range(30):
        sync.run(many(1, f"stream{number}"))
    assert len(sync.failed) == 30
    assert sync.time() < 720


@pytest.mark.parametrize("fault", [UNKNOWN_HOST, requests.exceptions.SSLError("certificate verify failed")])
def test_an_unknown_host_is_an_outage_only_where_it_was_known_before(fault):
    [(moment, error)] = Sync(outage(0, 1e9, fault)).run(many(1)).failed
    assert moment < 90
    assert "Check the API URL" in str(error)
    sync = Sync(outage(1, 500, fault)).run(many(20))
    assert (len(sync.answered), sync.failed) == (20, [])


def test_requests_that_are_refused_for_their_own_sake_are_no_outage():
    sync = Sync(lambda now, path: (403, {"message": "Forbidden"}) if path == "deals" else TAGS)
    sync.run(many(1, "deals"), many(100))
    [(moment, error)] = sync.failed
    assert moment < 10
    assert sync.transport.paths().count("deals") == 3
    assert error.kind == "config"


def test_one_try_at_a_time_also_where_each_takes_long():
    under_way: set[int] = set()
    most: list[int] = []

    def says(now: float, path: str) -> Said:
        under_way.add(threading.get_ident())
        most.append(len(under_way) if now > 130 else 0)
        sync.time.sleep(60)
        under_way.discard(threading.get_ident())
        return requests.ReadTimeout("slow") if now < 500 else TAGS

    sync = Sync(says)
    sync.run(*[many(1, f"tags{number}") for number in range(10)])
    assert (len(sync.answered), sync.failed) == (10, [])
    assert max(most[:-10]) == 1


def begun_outage() -> tuple[Outage, list[float]]:
    """One that began at 10 s, and whose next try is due at 25 s; and the clock."""
    now = [10.0]
    outage = Outage(lambda: now[0])
    outage.unanswered("HTTP 503.", lambda _: 5.0)
    now[0] = 20.0
    outage.unanswered("HTTP 503.", lambda _: 5.0)
    return outage, now


def test_of_several_that_ask_for_leave_one_may_try():
    outage, now = begun_outage()
    assert outage.leave() is Leave.NOT_YET
    now[0] = 25.0
    assert [outage.leave() for _ in range(3)] == [Leave.TO_TRY, Leave.NOT_YET, Leave.NOT_YET]
    outage.tried()
    assert outage.leave() is Leave.TO_TRY
    outage.answered(departure=25.0)
    assert outage.leave() is Leave.FREELY


def test_an_answer_to_what_left_before_an_outage_does_not_end_it():
    outage, _ = begun_outage()
    outage.answered(departure=9.0)
    assert outage.lasts
    outage.answered(departure=20.0)
    assert not outage.lasts


def test_a_try_that_breaks_off_does_not_hold_the_others():
    time = VirtualTime()
    account = account_at(time)
    breaks = [True]

    def says(now: float, path: str) -> Said:
        if 1 < now < 100 and breaks:
            breaks.clear()
            raise MemoryError
        return (503, b"") if now < 100 else TAGS

    Transport(account, time, says)
    answered = []

    def work() -> None:
        try:
            account.send(Request("tags"))
        except MemoryError:
            return
        answered.append(time())

    time.run(work, work, work)
    assert len(answered) == 2
    assert max(answered) < 200


# ---- odd answers


ODD = {
    "message": (200, {"message": "Something went wrong"}),
    "error": (200, {"error": "Something went wrong"}),
    "errors": (200, {"errors": [{"title": "Something went wrong"}]}),
    "400": (400, {"message": "Something went wrong"}),
    "404": (404, {"message": "Something went wrong"}),
}


def listing(name: str = "tags", pages: int = 5) -> list[Request]:
    return [Request(name, {"offset": str(number)}, stream=name, record_key="tags") for number in range(pages)]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("times", [1, 3])
def test_a_listing_that_answered_well_before_is_asked_again_before_an_odd_answer_counts(odd, times):
    asked: list[str] = []

    def says(now: float, path: str) -> Said:
        asked.append(path)
        return ODD[odd] if 3 <= len(asked) < 3 + times else TAGS

    sync = Sync(says).run(listing())
    assert (len(sync.answered), sync.failed) == (5, [])
    assert len(asked) == 5 + times
    assert times <= sync.time() <= 10


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_that_lasts_fails_with_what_the_api_says(odd):
    sync = Sync(lambda now, path: TAGS if now < 0.3 else ODD[odd]).run(listing())
    [(moment, error)] = sync.failed
    assert len(sync.answered) == 2
    assert "Something went wrong" in str(error)
    assert "GET /api/3/tags" in str(error)
    assert str(error).endswith("It was tried 4 times.")
    assert error.kind == "transient"
    assert moment < 15


@pytest.mark.parametrize(("status", "kind"), [(404, "config"), (400, "system")])
def test_at_the_first_page_400_and_404_count_at_once(status, kind):
    sync = Sync(lambda now, path: ODD[str(status)]).run(listing())
    [(moment, error)] = sync.failed
    assert (moment, len(sync.transport.requests), error.kind) == (0, 1, kind)


@pytest.mark.parametrize("odd", ["message", "error", "errors"])
def test_at_the_first_page_an_error_with_status_200_is_asked_again_briefly(odd):
    sync = Sync(lambda now, path: ODD[odd] if now < 2 else TAGS).run(listing())
    assert (len(sync.answered), sync.failed) == (5, [])
    [(moment, error)] = Sync(lambda now, path: ODD[odd]).run(listing()).failed
    assert moment < 15
    assert "Something went wrong" in str(error)
    assert error.kind == "system"


def test_rows_beside_a_message_are_rows():
    sync = Sync(lambda now, path: (200, {"message": "deprecated", "tags": []})).run(listing())
    assert (len(sync.answered), len(sync.transport.requests)) == (5, 5)


GONE = (404, {"message": "No Result found for Subscriber with id 1"})


@pytest.mark.parametrize("gone", [0, 1])
@pytest.mark.parametrize("times", [1, 99])
def test_a_contact_is_gone_where_a_second_answer_says_so_too(gone, times):
    asked: list[str] = []

    def says(now: float, path: str) -> Said:
        asked.append(path)
        return GONE if path == f"contacts/{gone}/notes" and asked.count(path) <= times else TAGS

    contacts = [Request(f"contacts/{number}/notes", stream="notes", may_be_gone=True) for number in range(3)]
    sync = Sync(says).run(contacts)
    assert (len(sync.answered), sync.failed) == (3, [])
    assert asked == [f"contacts/{number}/notes" for number in sorted([0, 1, 2, gone])]


def test_what_is_to_be_deleted_and_is_gone_is_not_asked_for_again():
    sync = Sync(lambda now, path: GONE).run([Request("contacts/1", method="DELETE", may_be_gone=True)])
    assert (len(sync.answered), len(sync.transport.requests)) == (1, 1)


def test_one_listing_says_nothing_about_another_of_the_same_stream():
    contacts = [Request(path, stream="contact_goals") for path in ("contacts", "contacts", "contacts/7/contactGoals")]
    sync = Sync(lambda now, path: ODD["400"] if "/" in path else TAGS).run(contacts)
    [(_, error)] = sync.failed
    assert (len(sync.transport.requests), error.kind) == (3, "system")


def test_an_odd_answer_to_one_contact_is_asked_again():
    contacts = [Request(f"contacts/{number}/contactGoals", stream="contact_goals") for number in range(3)]
    asked: list[str] = []

    def says(now: float, path: str) -> Said:
        asked.append(path)
        return ODD["400"] if len(asked) == 2 else TAGS

    sync = Sync(says).run(contacts)
    assert (len(sync.answered), sync.failed, len(asked)) == (3, [], 4)


def test_one_listing_says_nothing_about_another():
    sync = Sync(lambda now, path: ODD["404"] if path == "sms" else TAGS).run([*many(3), *many(1, "sms")])
    assert len(sync.failed) == 1
    assert sync.transport.paths().count("sms") == 1


# ---- Retry-After


def throttled(retry_after: str, **more: str) -> Said:
    return (429, {}, {"Retry-After": retry_after, **more})  # type: ignore[return-value]


@pytest.mark.parametrize("nonsense", ["-5", "nan", "inf", "-inf", "soon", "1e9", ""])
def test_a_retry_after_that_makes_no_sense_counts_as_absent(nonsense):
    times: list[int] = []

    def says(now: float, path: str) -> Said:
        times.append(1)
        return throttled(nonsense) if len(times) <= 2 else TAGS

    sync = Sync(says).run(many(1), many(1))
    assert (len(sync.answered), sync.failed) == (2, [])
    assert 1 <= sync.time() < 10


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:07 GMT"}, 30),
        ({"Retry-After": "Sun, 06 Nov 2094 08:49:37 GMT"}, 900),
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "1000"}, 900),
    ],
)
def test_a_pause_holds_all_threads_for_as_long_as_was_asked(headers, seconds, told):
    first: list[float] = []

    def says(now: float, path: str) -> Said:
        if not first:
            first.append(now)
            return (429, {}, headers)  # type: ignore[return-value]
        return TAGS

    sync = Sync(says).run(many(1), many(1), many(1))
    assert (len(sync.answered), sync.failed) == (3, [])
    assert [moment for moment, *_ in sync.transport.requests[1:] if not seconds - 1 <= moment <= seconds + 2] == []
    assert len(told.having(r"asked for a pause of \S+ s \(HTTP 429\)")) == 1


def test_a_pause_of_several_requests_is_said_once(told):
    sync = Sync(lambda now, path: throttled("30") if now < 1 else TAGS).run(*[many(1)] * 4)
    assert len(sync.answered) == 4
    assert len(told.having("asked for a pause of 30 s")) == 1


# ---- who sits in front of it

BRIEF = Limits(attempts=2, answer=12.0, total=27.0)


@pytest.mark.parametrize(
    "said",
    [*FAULTS.values(), UNKNOWN_HOST, throttled("3600"), throttled("20"), throttled("0"), throttled("nan"), (403, {})],
)
def test_with_a_limit_to_the_whole_it_ends_in_time_whatever_the_server_does(said):
    sync = Sync(lambda now, path: said, BRIEF)
    sync.run([PROOF])
    [(moment, _)] = sync.failed
    assert moment <= 27
    assert len(sync.transport.requests) <= 31


def test_a_pause_that_is_too_long_for_whoever_waits_is_named():
    sync = Sync(lambda now, path: throttled("3600"), BRIEF).run([PROOF])
    [(moment, error)] = sync.failed
    assert moment == 0
    assert "asked for a pause of 3600 s" in str(error)


@given(st.floats(0, 30), st.floats(0, 30))
def test_no_attempt_may_take_longer_than_what_is_left(first: float, second: float):
    time = VirtualTime()
    account = account_at(time)
    takes = [first, second]
    ends: list[float] = []

    def says(now: float, path: str) -> Said:
        connect, answer = transport.timeouts[-1]
        ends.append(now + max(answer, 4 * connect))
        time.now += min(takes.pop(0), answer)
        return requests.ReadTimeout("slow")

    transport = Transport(account, time, says)

    def work() -> None:
        with pytest.raises(ApiError, match="did not answer in time"):
            account.send(PROOF, BRIEF)

    time.run(work)
    assert max(ends) <= 27.1


# ---- what is written

NOT_DONE: dict[str, Said] = {
    "refused": REFUSED,
    "no connection in time": requests.ConnectTimeout("slow"),
    "429": throttled("1"),
    "403": (403, {"message": "Forbidden"}),
}
MAYBE_DONE: dict[str, Said] = {name: said for name, said in FAULTS.items() if name != "refused"} | {
    "200": TAGS,
    "408": (408, b""),
    "502": (502, b""),
    "unknown": requests.RequestException("?"),
}
DONE_OR_REFUSED: dict[str, Said] = {
    "400": (400, {}),
    "404": (404, {}),
    "422": (422, {"errors": "No"}),
    "302": (302, b""),
}
OUTCOMES = NOT_DONE | MAYBE_DONE | DONE_OR_REFUSED


@given(st.lists(st.sampled_from(sorted(OUTCOMES)), max_size=8))
def test_a_post_is_never_sent_again_once_it_may_have_been_done(names):
    left = [*names, "200"]
    sent: list[str] = []

    def says(now: float, path: str) -> Said:
        if path == PROOF.path:
            return TAGS
        sent.append(left[len(sent)])
        return OUTCOMES[sent[-1]]

    sync = Sync(says).run([Request("contacts", method="POST", body={"contact": {}})])
    assert [name for name in sent[:-1] if name not in NOT_DONE] == []
    assert len(sync.answered) + len(sync.failed) == 1
    if sent[-1] in MAYBE_DONE and sent[-1] != "200":
        [(_, error)] = sync.failed
        assert str(error).endswith("Whether ActiveCampaign has done what was asked is not known.")


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_post_is_sent_again_only_where_nothing_was_done(name):
    left = [OUTCOMES[name], TAGS]
    sync = Sync(lambda now, path: left.pop(0)).run([Request("contacts", method="POST", body={})])
    assert len(sync.transport.requests) == (2 if name in NOT_DONE else 1)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_what_may_be_done_twice_is_sent_again(method, fault):
    sync = Sync(lambda now, path: FAULTS[fault] if now < 2 else TAGS)
    sync.run([Request("contacts/1", method=method)])
    assert (len(sync.answered), sync.failed) == (1, [])
    assert len(sync.transport.requests) > 1


def test_a_post_waits_until_an_outage_is_over():
    sync = Sync(outage(2, 200))
    sync.run(many(15), [Request("contacts", method="POST", body={}) for _ in range(40)])
    assert [str(error) for _, error in sync.failed if "not known" not in str(error)] == []
    posts = [moment for moment, method, _ in sync.transport.requests if method == "POST"]
    assert [moment for moment in posts if 4 < moment < 200] == []


def test_a_post_finds_out_by_a_harmless_request_whether_an_outage_is_over():
    sync = Sync(outage(0, 200, REFUSED)).run([Request("contacts", method="POST", body={})])
    assert (len(sync.answered), sync.failed) == (1, [])
    methods = [method for moment, method, _ in sync.transport.requests if 2 < moment < 200]
    assert set(methods) == {"GET"}


@pytest.mark.parametrize("module", [answers_module, outage_module])
def test_the_examples_are_true(module):
    tried = doctest.testmod(module)
    assert tried.attempted
    assert not tried.failed
