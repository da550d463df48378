"""What the importer is sent, how it is waited for, and what its answers mean."""

import json
from typing import Any

import pytest

from activecampaign_client.account import Account
from destination_activecampaign.contacts.change import Change
from destination_activecampaign.contacts.exclusions import Rules
from destination_activecampaign.contacts.importer import (
    MOST_BYTES,
    Durations,
    Imported,
    Importer,
    batches,
    entry_of,
    size_of,
)
from unit_tests.client.transport import ROOT, Said, Transport
from unit_tests.client.virtual_time import VirtualTime

ANN = Change(
    "ann@example.com",
    standard={"firstName": "Ann", "lastName": "Lee", "phone": "1"},
    values={"3": "x", "4": "||a||b||"},
    add_tags={"vip": "VIP"},
    lists={"5": True, "6": False},
    account="Acme",
)


def test_an_entry_is_spelled_as_the_importer_spells_it():
    assert entry_of(ANN, run_automations=False) == {
        "email": "ann@example.com",
        "first_name": "Ann",
        "last_name": "Lee",
        "phone": "1",
        "fields": [{"id": 3, "value": "x"}, {"id": 4, "value": "||a||b||"}],
        "tags": ["VIP"],
        "subscribe": [{"listid": 5}],
        "unsubscribe": [{"listid": 6}],
        "customer_acct_name": "Acme",
        "exclude_automations": True,
    }


@pytest.mark.parametrize(
    ("sizes", "pieces"),
    [
        ([], []),
        ([9] * 250, [250]),
        ([9] * 600, [250, 250, 100]),
        ([9] * 501, [250, 249, 2]),
        ([100_000] * 5, [3, 2]),
        ([100_000] * 4, [2, 2]),
        ([399_000, 399_000], [1, 1]),
    ],
)
def test_batches_fit_into_a_request_and_none_is_of_one_contact_if_that_can_be(sizes, pieces):
    found = list(batches(sizes))
    assert [piece.stop - piece.start for piece in found] == pieces
    assert all(sum(sizes[piece]) <= MOST_BYTES for piece in found)
    assert [place for piece in found for place in range(piece.start, piece.stop)] == list(range(len(sizes)))


class Server:
    """An importer of whose batches each is completed when it is so many seconds old."""

    def __init__(self, seconds: float, *first: Said, status: str = "completed") -> None:
        self.time = VirtualTime()
        self.account = Account(ROOT, "key", 1000, clock=self.time, sleep=self.time.sleep)
        self.transport = Transport(self.account, self.time, self.say)
        self.seconds, self.first, self.status = seconds, list(first), status
        self.queued: list[float] = []
        self.bodies: list[Any] = []
        send = self.transport.send

        def keep(request: Any, *args: Any, **kwargs: Any) -> Any:
            if request.body:
                self.bodies.append(json.loads(request.body))
            else:
                self.asked = int(request.url.rpartition("=")[2])
            return send(request, *args, **kwargs)

        self.transport.send = keep  # type: ignore[method-assign]

    def say(self, moment: float, path: str) -> Said:
        if path == "import/bulk_import":
            if self.first:
                return self.first.pop(0)
            self.queued.append(moment)
            return 200, {"success": 1, "batchId": str(len(self.queued) - 1)}
        age = moment - self.queued[self.asked]
        if age < 1:
            return 200, {"status": False, "success": [], "failure": []}
        if age < self.seconds:
            return 200, {"status": "active", "success": [], "failure": []}
        return 200, {"status": self.status, "success": ["1"], "failure": ["BOB@example.com"]}

    def importer(self, **more: Any) -> Importer:
        return Importer(self.account, clock=self.time, wait=self.time.sleep, **more)

    def questions(self) -> int:
        return self.transport.paths().count("import/info")


ENTRIES = [{"email": "ann@example.com"}, {"email": "Bob@example.com"}, {"email": "eve@example.com"}]


def test_what_became_of_a_batch():
    server = Server(6)
    found = []
    server.time.run(lambda: found.append(server.importer().write(ENTRIES)))
    assert (found[0].ended, found[0].ids, found[0].failed, found[0].malformed) == (True, ["1"], [1], {})
    assert server.bodies[0]["exclude_automations"] is True


def test_about_two_questions_are_enough_for_a_batch_however_long_it_takes():
    for seconds in (2, 6, 24, 90):
        server = Server(seconds)
        importer = server.importer(durations=Durations(2.0))
        server.time.run(*[lambda one=importer: [one.write(ENTRIES) for _ in range(10)]] * 4)
        assert len(server.queued) == 40
        assert server.questions() <= 40 * 2, seconds
        # nor is any of them left waiting for long
        assert server.time() < 10 * seconds * 1.6 + 20, seconds


def test_one_batch_that_takes_long_makes_nobody_else_wait_for_long():
    durations = Durations(2.0)
    for _ in range(3):
        durations.has_not_ended(300.0)
    assert durations.usual < 10
    for _ in range(30):
        durations.has_ended(questions=1)
    assert durations.usual < 2


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_batch_that_failed_did_not_end(status):
    server = Server(2, status=status)
    found = []
    server.time.run(lambda: found.append(server.importer().write(ENTRIES)))
    assert not found[0].ended


def test_a_batch_that_never_ends_is_given_up_after_ten_minutes():
    server = Server(1e9)
    found = []
    server.time.run(lambda: found.append(server.importer().write(ENTRIES)))
    assert not found[0].ended
    assert 600 <= server.time() < 620
    assert server.questions() < 40


def test_malformed_contacts_are_left_out_round_by_round():
    def refusal(*places: int) -> Said:
        reasons = [{"contact": place, "failureReason": "Field 'email' incorrect format"} for place in places]
        return 400, {"success": 0, "message": "JSON payload did not pass validation.", "failureReasons": reasons}

    server = Server(1, refusal(1), refusal(2))
    found = []
    server.time.run(lambda: found.append(server.importer().write(ENTRIES)))
    assert found[0].ended
    # The second of those that were left is the third of all.
    assert set(found[0].malformed) == {0, 2}
    assert [len(body["contacts"]) for body in server.bodies] == [3, 2, 1]


def test_a_refusal_that_names_nobody_is_no_end():
    server = Server(1, (400, {"success": 0, "message": "No.", "failureReasons": ["The request is too large."]}))
    found = []
    server.time.run(lambda: found.append(server.importer().write(ENTRIES)))
    assert (found[0].ended, found[0].malformed) == (False, {})


def test_a_batch_that_is_too_large_is_sent_in_halves():
    malformed = {"failureReasons": [{"contact": 1, "failureReason": "Field 'tags' incorrect format"}]}
    # The first is malformed, and the last is too large on its own.
    server = Server(1, (413, b"<html>"), (400, malformed), (413, b""), (200, {"batchId": "0"}), (413, b"<html>"))
    server.queued.append(0.0)
    found = []
    entries = [ENTRIES[0], {"email": "dan@example.com"}, ENTRIES[2]]
    server.time.run(lambda: found.append(server.importer().write(entries)))
    emails = [[one["email"].partition("@")[0] for one in body["contacts"]] for body in server.bodies]
    assert emails == [["ann", "dan", "eve"], ["ann"], ["dan", "eve"], ["dan"], ["eve"]]
    assert found == [Imported(True, ids=["1"], failed=[2], malformed={0: "Field 'tags' incorrect format"})]


def test_single_contacts_keep_to_their_own_limit():
    server = Server(1)
    importer = server.importer()
    importer._single_imports._clock, importer._single_imports._sleep = server.time, server.time.sleep
    importer._single_imports._resume = 0.0
    server.time.run(*[lambda: importer.write(ENTRIES[:1])] * 25)
    assert len(server.queued) == 25
    assert sum(moment < 60 for moment in server.queued) == 20


def test_the_size_of_an_entry_is_that_in_the_request():
    entries = [entry_of(ANN, run_automations=False), {"email": "zoë@example.com"}]
    assert (
        sum(map(size_of, entries)) == len(json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()) - 1
    )


@pytest.mark.parametrize(
    ("exclusion", "excluded"),
    [
        ({"matchPhrase": "Ann@example.com", "matchType": "exact", "channel": "all"}, True),
        ({"matchPhrase": "ann@example", "matchType": "exact", "channel": "all"}, False),
        ({"matchPhrase": "@example.com", "matchType": "end", "channel": "allEmail"}, True),
        ({"matchPhrase": "ann@", "matchType": "begin", "channel": "all"}, True),
        ({"matchPhrase": "@example.com", "matchType": "end", "channel": "allSms"}, False),
        ({"matchPhrase": "@example.com", "matchType": "end", "channel": "several", "lists": ["5"]}, True),
        ({"matchPhrase": "@example.com", "matchType": "end", "channel": "several", "lists": ["6"]}, False),
        ({"matchPhrase": "", "matchType": "end", "channel": "all"}, False),
    ],
)
def test_who_is_excluded(exclusion, excluded):
    assert Rules([exclusion]).exclude("ann@example.com", ["5"]) is excluded
