"""Every reason for which a row is rejected, from the row to what the platform, the file and the log say of it."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from emulator import Account, Emulator, Fault
from integration_tests.destination.connector import JsonObject, Process, configured, line, record, state
from integration_tests.destination.contacts import QUICK, World
from integration_tests.destination.limited import SMALL_STEPS
from unit_tests.destination.test_guide import documented

GOOD = "good"
# Every row below has some of this, and no log may.
PERSONAL = ("quirin", "zebulon", "5550199", "moonstone")
# Who is there before, by the id.
THERE, TAKEN, BOUNCED, UNREACHED, LEFT, UNWRITTEN, REFUSED = map(str, range(1, 8))
EMAILS = {
    THERE: "quirin.there@example.com",
    TAKEN: "quirin.taken@example.com",
    BOUNCED: "quirin.bounced@example.com",
    UNREACHED: "quirin.unreached@example.com",
    LEFT: "quirin.left@example.com",
    UNWRITTEN: "quirin.unwritten@example.com",
    REFUSED: "quirin.refused@example.com",
}


KEYS: Mapping[str, tuple[str, ...]] = {
    "contacts": ("email",),
    "contact_tags": ("email", "tag"),
    "contact_lists": ("email", "list"),
    "account_contacts": ("email", "account"),
    "accounts": ("name",),
    **dict.fromkeys(("identify", "events", "page"), ()),
}


@dataclass(frozen=True)
class Case:
    """A row that is rejected; `message` has `...` where the sentence names something of the account."""

    code: str
    message: str
    row: JsonObject
    object: str = "contacts"
    mode: str = "upsert"
    key: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    # What ActiveCampaign said, which the file has and the log has not.
    said: str = ""
    # The row in the file, where that cannot have it as it came.
    kept: JsonObject | None = None

    @property
    def stream(self) -> str:
        return f"stream {CASES.index(self)}"

    @property
    def is_in_catalog(self) -> bool:
        return self.code not in ("stream_unknown", "unreadable")

    @property
    def line(self) -> bytes:
        whole = record(self.stream, **self.row)
        # One that was cut off.
        return whole[:-20] + b"\n" if self.code == "unreadable" else whole

    @property
    def state(self) -> bytes:
        if self.code == "unreadable":
            # Nobody knows of which stream it is: only a state of all of them counts it.
            return line("STATE", state={"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": []}})
        return state(self.stream, at=1)

    @property
    def entry(self) -> JsonObject:
        """What the file of rejected rows says, but for the message."""
        if self.code == "unreadable":
            return {"stream": None, "object": None, "key": None, "code": self.code, "row": self.line.decode().strip()}
        key = self.key or KEYS[self.object]
        known = {"object": self.object, "key": {name: self.row.get(name) for name in key}}
        unknown = {"object": None, "key": None}
        return {
            "stream": self.stream,
            **(known if self.is_in_catalog else unknown),
            "code": self.code,
            "row": self.kept or self.row,
        }


def contact(**row: Any) -> JsonObject:
    return {"email": "quirin@example.com", "firstName": "Zebulon", "phone": "5550199", **row}


def company(name: str, **row: Any) -> JsonObject:
    return {"name": name, "accountUrl": "https://moonstone.example.com", **row}


def deal(**row: Any) -> JsonObject:
    usual = {"title": "Moonstone", "value": 1, "currency": "usd", "contact": THERE, "group": "Sales", "owner": "1"}
    return {"custom_deal_contract": "moonstone 1", **usual, **row}


# The third deal of the account.
HIDDEN = "3"
DEALS: Mapping[str, Any] = {"object": "deals", "key": ("custom_deal_contract",)}
WHO = {"email": "quirin@example.com"}
BY_ID: Mapping[str, Any] = {"key": ("id",)}
TAGS, LISTS = {"object": "contact_tags"}, {"object": "contact_lists"}
CASES = [
    Case("email_missing", "The row has no email address, by which its contact is known.", contact(email=None)),
    Case("email_invalid", "The email address is none that ActiveCampaign takes.", contact(email="quirin@")),
    Case("id_missing", "The row has no id, by which its contact is known.", contact(id=None), **BY_ID),
    Case(
        "no_match",
        "The account has no contact with this id, and the id of a new one cannot be chosen.",
        contact(id="987654"),
        **BY_ID,
    ),
    Case(
        "exists",
        "The account has this contact already, and the mode insert only creates.",
        contact(email=EMAILS[THERE]),
        mode="insert",
    ),
    Case(
        "exists",
        "Another contact of the account has this email address already.",
        {"id": TAKEN, "email": EMAILS[THERE]},
        **BY_ID,
    ),
    Case("tag_missing", "The row has no tag.", {**WHO, "tag": ""}, **TAGS),
    Case(
        "unknown_tag",
        "The account has no such tag. Create it there, or let create_missing in the configuration have tags.",
        {**WHO, "tag": "moonstone"},
        **TAGS,
    ),
    Case("list_missing", "The row has no list.", {**WHO, "list": None}, **LISTS),
    Case(
        "unknown_list",
        "The account has no list with this id, string id or name; none is created.",
        {**WHO, "list": "moonstone"},
        **LISTS,
    ),
    Case(
        "unknown_list",
        "Several lists of the account have this name: give the id instead.",
        {**WHO, "list": "Moonstone twins"},
        **LISTS,
    ),
    Case(
        "unknown_account",
        "The account has no such company account. Create it there, or let create_missing in the configuration have "
        "accounts.",
        contact(account="moonstone"),
    ),
    Case(
        "unknown_option",
        "... Add the option there, or let create_missing in the configuration have options.",
        contact(custom_colour="moonstone"),
    ),
    Case(
        "unknown_option",
        "ActiveCampaign did not create an option that the row needs.",
        contact(custom_colour="moonstone"),
        config={"create_missing": ["options"]},
    ),
    Case("account_missing", "The row has no company account.", {**WHO, "account": ""}, "account_contacts"),
    Case(
        "ambiguous_field",
        "An entry of fieldInfo has the name of several custom fields: give the id of one instead.",
        {"traits": {**WHO, "fieldInfo": {"twice": "moonstone"}}},
        "identify",
        "append",
    ),
    Case("event_missing", "The row has no name of an event.", {**WHO, "event": " "}, "events", "append"),
    Case(
        "event_name_too_long",
        "The name of the event has more than 32 characters, the most that ActiveCampaign takes.",
        {**WHO, "event": "moonstone" * 4},
        "events",
        "append",
    ),
    Case("url_missing", "The row has no URL of a page.", {**WHO, "url": ""}, "page", "append"),
    Case(
        "site_refused",
        "ActiveCampaign does not track the site of the page, and did not let it be allowed. Allow it under Settings > "
        "Tracking in ActiveCampaign.",
        {**WHO, "url": "https://www.example.org/moonstone"},
        "page",
        "append",
    ),
    Case("value_invalid", "The URL of the page is none of a website.", {**WHO, "url": "moonstone"}, "page", "append"),
    Case(
        "value_invalid",
        "The custom field ... takes ..., which the value is not.",
        contact(custom_size="moonstone"),
    ),
    Case(
        "value_invalid",
        "A list or an object stands where a text belongs.",
        contact(lastName=["moonstone"]),
    ),
    Case(
        "value_invalid",
        "The column ... has half a character in it: a surrogate without the other one of its pair.",
        contact(lastName="moonstone \ud83d"),
        kept=contact(lastName="moonstone \ufffd"),
    ),
    Case(
        "value_invalid",
        "A text has half a character in it: a surrogate without the other one of its pair.",
        contact(tags='["moonstone \\ud83d"]'),
    ),
    Case("key_missing", "The row has no value in the column by which its record is known.", company(""), "accounts"),
    Case(
        "exists",
        "The account has this record already, and the mode insert only creates.",
        company("Moonstone Ltd"),
        "accounts",
        "insert",
    ),
    Case(
        "exists",
        "Another company account has this name already.",
        company("Moonstone Ltd", id="2"),
        "accounts",
        **BY_ID,
    ),
    Case(
        "unknown_option",
        "... Add the option in ActiveCampaign, or correct the row.",
        company("Zebulon", custom_acct_region="moonstone"),
        "accounts",
    ),
    Case(
        "unknown_owner",
        "The account has no user, or several, with this id, email address, username or name.",
        company("Zebulon", owner="moonstone"),
        "accounts",
    ),
    Case(
        "value_invalid",
        "A currency is given by its ISO code of three letters, such as EUR.",
        company("Zebulon", custom_acct_fee=1, custom_acct_fee_currency="moonstone"),
        "accounts",
    ),
    Case(
        "deletion_refused",
        "Only contacts can be unsubscribed, and the connection does not allow to delete: choose delete under "
        "Deletions.",
        company("Moonstone Ltd"),
        "accounts",
        "soft_delete",
        config={"deletions": "unsubscribe"},
    ),
    Case(
        "no_match",
        "The account has no record with this id, and the id of a new one cannot be chosen.",
        {"id": "987654", "title": "Moonstone"},
        "deals",
        **BY_ID,
    ),
    Case(
        "ambiguous_key",
        "Several records of the account have this key, so that it is not known which of them is meant.",
        deal(custom_deal_contract="moonstone twice"),
        **DEALS,
    ),
    Case(
        "deal_hidden",
        "The key's user may not open the pipeline of the deal, or that pipeline is there no more.",
        {"id": HIDDEN, "title": "Moonstone"},
        "deals",
        **BY_ID,
    ),
    Case(
        "unknown_contact",
        "The account has no contact with this id or email address.",
        deal(contact="quirin.nobody@example.com"),
        **DEALS,
    ),
    Case(
        "unknown_pipeline",
        "The account has no pipeline, or several, with this id or name.",
        deal(group="moonstone"),
        **DEALS,
    ),
    Case(
        "unknown_stage",
        "The pipeline has no stage, or several pipelines have one, with this id or name: give the pipeline as group, "
        "too.",
        deal(stage="moonstone"),
        **DEALS,
    ),
    Case("value_invalid", "The percentage of a deal is a whole number.", deal(percent="moonstone"), **DEALS),
    Case(
        "value_invalid", "The status of a deal is open, won or lost, or 0, 1 or 2.", deal(status="moonstone"), **DEALS
    ),
    Case(
        "value_invalid",
        "The value of a deal is a whole number of cents, which that of the row is not.",
        deal(value="moonstone"),
        **DEALS,
    ),
    Case(
        "value_invalid",
        "The status of a list is subscribe or unsubscribe, 1 or 2, true or false.",
        {**WHO, "list": "News", "status": "moonstone"},
        **LISTS,
    ),
    Case(
        "excluded",
        "The email address is on the account's exclusion list.",
        contact(email="quirin@moonstone.example.com"),
    ),
    Case(
        "bounced",
        "Messages to the email address have bounced, and ActiveCampaign imports it no more.",
        contact(email=EMAILS[BOUNCED]),
    ),
    Case(
        "bounced",
        "Messages to the contact have bounced, which ended its subscription to the list; whatever else the row says "
        "was written.",
        contact(email=EMAILS[UNREACHED], lists=["News"]),
    ),
    Case(
        "resubscribe_refused",
        "The contact has unsubscribed from the list, and the configuration does not let it be subscribed again; "
        "whatever else the row says was written.",
        contact(email=EMAILS[LEFT], lists=["News"]),
    ),
    Case(
        "not_written",
        "ActiveCampaign accepted the row, but has other values than it in: ....",
        contact(id=UNWRITTEN, email="quirin.other@example.com"),
        **BY_ID,
    ),
    Case(
        "api_refused",
        "ActiveCampaign refused the row (HTTP ...).",
        contact(id=REFUSED, email="quirin.another@example.com"),
        said=" It says: The value `Zebulon` of quirin.another@example.com could not be saved.",
        **BY_ID,
    ),
    Case(
        "deletion_refused",
        "The stream deletes, which the connection does not allow: choose otherwise under Deletions.",
        contact(email=EMAILS[THERE]),
        mode="soft_delete",
    ),
    Case("stream_unknown", "The stream of the row is not in the connection's catalog.", contact()),
    Case(
        "unreadable",
        "The row is no record that can be read: it is not JSON in UTF-8, or has no stream or data.",
        contact(),
    ),
]


@contextmanager
def account() -> Iterator[World]:
    """An account with somebody for each case, which answers two of their requests otherwise than it should."""
    with Emulator(Account.empty(), **QUICK) as emulator:
        world = World(emulator)
        for _ in range(2):
            emulator.account.add_list("Moonstone twins")
        for tag in ("A", "B"):
            emulator.account.add_field("Twice", tag=tag)
        emulator.settings.whitelist_routes = []
        emulator.account.insert("accounts", name="Moonstone Ltd", owner="1")
        emulator.account.insert("accounts", name="Other", owner="1")
        emulator.account.add_account_field("Region", "dropdown", options=["West"])
        emulator.account.add_account_field("Fee", "currency")
        emulator.account.add_pipeline("Sales", ["Open", "Closing"])
        contract = emulator.account.add_deal_field("Contract")
        for group in ("1", "1", "9"):
            usual = {"contact": None, "account": None, "organization": None, "value": "5", "currency": "usd"}
            more = {"stage": group, "status": "0", "owner": "1", "description": "", "title": "Roof"}
            added = emulator.account.insert("deals", group=group, **usual, **more)
            emulator.account.insert(
                "dealCustomFieldData", dealId=int(added), customFieldId=int(contract), fieldValue="moonstone twice"
            )
        emulator.account.add_exclusion("@moonstone.example.com", "end")
        lists = {UNREACHED: {"News": "3"}, LEFT: {"News": "2"}}
        for one, email in EMAILS.items():
            added = world.add(email, lists=lists.get(one), bounced_hard="1" if one == BOUNCED else "0")
            assert added == one
        said = {"title": "The value `Zebulon` of quirin.another@example.com could not be saved", "detail": ""}
        # What was measured of a wrong wrapper: 200, and the old values.
        old = {"contact": {"id": UNWRITTEN, "email": EMAILS[UNWRITTEN]}}
        emulator.settings.faults = [
            Fault("200", f"/contacts/{UNWRITTEN}", method="PUT", body=json.dumps(old)),
            Fault("422", f"/contacts/{REFUSED}", method="PUT", body=json.dumps({"errors": [said]})),
            Fault("422", "/fieldOption/bulk", method="POST", body=json.dumps({"errors": "Bulk operation failed."})),
        ]
        yield world


@dataclass
class Run:
    """One sync of some cases, each in a stream of its own, between rows that are in order."""

    process: Process
    good: set[str]
    contacts: set[str]
    rejected: list[JsonObject]


def run(cases: list[Case], folder: Path, **config: Any) -> Run:
    in_catalog = {case.stream: case for case in cases if case.is_in_catalog}
    streams = [
        {
            "stream": name,
            "object": case.object,
            # There is no other one for what happened.
            "mode": None if case.mode == "append" else case.mode,
            "key": list(case.key) or None,
        }
        for name, case in in_catalog.items()
    ]
    catalog = configured(GOOD, *in_catalog)
    for one in catalog["streams"]:
        case = in_catalog.get(one["stream"]["name"])
        one["destination_sync_mode"] = "append"
        one["stream"]["json_schema"] = {"properties": {name: {} for name in (case.row if case else contact())}}
    good = [f"good{number}@example.com" for number in range(len(cases) + 1)]
    lines = [record(GOOD, email=good[0])]
    for case, email in zip(cases, good[1:], strict=True):
        lines += [case.line, record(GOOD, email=email), case.state]
    with account() as world:
        settings = {
            "api_url": world.emulator.url,
            "api_key": world.emulator.api_key,
            "requests_per_second": 100,
            "create_missing": [],
            "tracking": world.emulator.tracking._asdict(),
            "tracking_url": world.emulator.url,
            "rejected_records": str(folder),
            "streams": [{"stream": GOOD, "object": "contacts"}, *streams],
            **cases[0].config,
            **config,
        }
        process = Process(folder, "write", limits=SMALL_STEPS, config=settings, catalog=catalog)
        process.send(*lines)
        process.end()
        contacts = set(world.contacts())
    rejected = [json.loads(one) for one in (folder / "rejected.jsonl").read_text().splitlines()]
    return Run(process, set(good), contacts, rejected)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Run]:
    """The syncs that go on with rejected rows, by the streams of their cases: one for each configuration."""
    found: dict[str, Run] = {}
    for config in {json.dumps(case.config): case.config for case in CASES}.values():
        cases = [case for case in CASES if case.config == config]
        done = run(cases, tmp_path_factory.mktemp("together"))
        assert done.process.exit_code == 0, done.process.text
        found.update(dict.fromkeys((case.stream for case in cases), done))
    return found


def says(message: str, sentence: str) -> bool:
    """Whether a sentence is a message of the guide, with something where that has `...`."""
    return re.fullmatch(".+".join(map(re.escape, message.split("..."))), sentence) is not None


def test_every_reason_of_the_guide_has_a_case() -> None:
    assert {(case.code, case.message) for case in CASES} == documented()


EACH = pytest.mark.parametrize("case", CASES, ids=[f"{case.code} {place}" for place, case in enumerate(CASES)])


@EACH
def test_a_rejected_row_is_told_counted_and_kept_and_costs_no_other(case: Case, together: Mapping[str, Run]) -> None:
    done = together[case.stream]
    message = check_kept(case, done)
    assert done.good <= done.contacts
    [rejected] = [
        state.pop("destinationStats")["rejectedRecordCount"]
        for state in (json.loads(one)["state"] for one in done.process.echoed)
        if {**state, "destinationStats": None} == {**json.loads(case.state)["state"], "destinationStats": None}
    ]
    assert rejected == 1
    stream = case.stream if case.code != "unreadable" else "unknown"
    assert f"Stream {stream}: row 1 is rejected ({case.code}). {message}" in done.process.logs


@EACH
def test_a_rejected_row_fails_the_sync_where_it_is_to(case: Case, tmp_path: Path) -> None:
    done = run([case], tmp_path, on_rejected="fail")
    assert done.process.exit_code == 1, done.process.text
    [error] = done.process.errors_traced
    assert error["message"].startswith("1 of 3 rows could not be written; they stand in ")
    assert done.process.echoed == []
    assert done.good <= done.contacts
    check_kept(case, done)


def check_kept(case: Case, done: Run) -> str:
    """The sentence about a row. It is in the file with all that is known of it, and nothing of it is in the log."""
    [entry] = [one for one in done.rejected if one["stream"] == case.entry["stream"]]
    message = str(entry.pop("message"))
    assert message.endswith(case.said)
    message = message.removesuffix(case.said)
    assert says(case.message, message), message
    assert entry == case.entry
    text = done.process.text.lower()
    assert [word for word in PERSONAL if word in text] == []
    return message
