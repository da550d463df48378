"""Custom fields of contacts, deals and accounts, as a user's destination gets them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple

import jsonschema
import pytest

from emulator import Account, Emulator, Fault
from emulator.app import Request
from emulator.table import resources
from integration_tests.source.connector import Connector, Output, configured

Connect = Callable[..., Connector]
Row = dict[str, Any]
MODES = ("columns", "object", "off")
GONE = "values of the custom field with the id {} are left out, as that field no longer exists"


class Kind(NamedTuple):
    """Where the emulator keeps the custom fields of one kind of record, and what the stream adds beside them."""

    definitions: str
    values: str
    owner: str
    field: str
    value: str
    sideload: str  # the name that `include` takes, and the key of the ids in each record


KINDS = {
    "contacts": Kind("fields", "fieldValues", "contact", "field", "value", "fieldValues"),
    "deals": Kind(
        "dealCustomFieldMeta", "dealCustomFieldData", "dealId", "customFieldId", "fieldValue", "dealCustomFieldData"
    ),
    "accounts": Kind(
        "accountCustomFieldMeta",
        "accountCustomFieldData",
        "accountId",
        "customFieldId",
        "fieldValue",
        "accountCustomFieldData",
    ),
}
DEFINITIONS = {f"/api/3/{kind.definitions}" for kind in KINDS.values()}


# ---- what is to be expected, by field id -----------------------------------------------------------------------

STRING = {"type": ["null", "string"]}
STRINGS = {"type": ["null", "array"], "items": STRING}
NUMBER = {"type": ["null", "number"]}
CENTS = {"type": ["null", "integer"]}
DATE = {"type": ["null", "string"], "format": "date"}
TIMESTAMP = {"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_with_timezone"}


def of_entity(prefix: str) -> dict[str, tuple[str, Mapping[str, Any]]]:
    return {
        "1": (f"{prefix}_contract_reference", STRING),
        "2": (f"{prefix}_scope_of_work", STRING),
        "3": (f"{prefix}_kickoff", DATE),
        "4": (f"{prefix}_golive", TIMESTAMP),
        "5": (f"{prefix}_region_5", STRING),
        "6": (f"{prefix}_modules", STRINGS),
        "7": (f"{prefix}_priority", STRING),
        "8": (f"{prefix}_needs", STRINGS),
        "9": (f"{prefix}_origin", STRING),
        "10": (f"{prefix}_setup_fee_10", CENTS),
        "11": (f"{prefix}_licences", NUMBER),
        # Without a tag, and its label reads like the tag of field 5.
        "12": (f"{prefix}_region_12", STRING),
        # Its tag reads like the currency of field 10.
        "13": (f"{prefix}_setup_fee_currency_13", STRING),
    }


NAMES: dict[str, dict[str, tuple[str, Mapping[str, Any]]]] = {
    "contacts": {
        "1": ("favourite_mineral", STRING),
        "2": ("remarks", STRING),
        "3": ("date_of_first_visit", DATE),
        "4": ("next_appointment", TIMESTAMP),
        "5": ("preferred_time", STRING),
        "6": ("interests", STRINGS),
        "7": ("size_7", STRING),
        "8": ("topics", STRINGS),
        "9": ("lead_source", STRING),
        "10": ("number_of_seats", NUMBER),
        "11": ("untyped_note", STRING),
        "12": ("prnom_prfr", STRING),
        # Those that `varied` adds: without a tag, without a tag and in collision, without a letter, without a type.
        "13": ("grosse_cm", NUMBER),
        "14": ("size_14", STRING),
        "15": ("field", STRING),
        "16": ("visits_2025", STRING),
    },
    "deals": of_entity("deal"),
    "accounts": of_entity("acct"),
}
CURRENCY_OF = "10"  # the id of the currency field of deals and accounts


class Case(NamedTuple):
    """A raw value in the field with this id, and all the custom values that the record has then."""

    field: str
    raw: Any
    wanted: dict[str, Any] = {}
    more: dict[str, Any] = {}


def entity_cases(prefix: str) -> list[Case]:
    fee = f"{prefix}_setup_fee_10"
    return [
        Case("1", "a||b", {f"{prefix}_contract_reference": "a||b"}),
        Case("1", "0", {f"{prefix}_contract_reference": "0"}),
        Case("1", "  spaces around  ", {f"{prefix}_contract_reference": "  spaces around  "}),
        Case("1", None),
        Case("1", ""),
        Case("2", "line one\nline two", {f"{prefix}_scope_of_work": "line one\nline two"}),
        Case("3", "2018-12-31", {f"{prefix}_kickoff": "2018-12-31"}),
        Case("3", "2018-12-31 00:00:00", {f"{prefix}_kickoff": "2018-12-31"}),
        Case("3", "0000-00-00"),
        Case("4", "2024-02-29T23:30:00-06:00", {f"{prefix}_golive": "2024-03-01T05:30:00Z"}),
        Case("4", "2024-07-01T00:30:00+02:00", {f"{prefix}_golive": "2024-06-30T22:30:00Z"}),
        Case("5", "North", {f"{prefix}_region_5": "North"}),
        Case("6", ["Base", "Mobile"], {f"{prefix}_modules": ["Base", "Mobile"]}),
        Case("6", ["Base"], {f"{prefix}_modules": ["Base"]}),
        Case("6", ["a|b", "c, d"], {f"{prefix}_modules": ["a|b", "c, d"]}),
        Case("6", []),
        Case("6", None),
        Case("7", "High", {f"{prefix}_priority": "High"}),
        Case("8", ["Training"], {f"{prefix}_needs": ["Training"]}),
        Case("8", "||Training||Migration||", {f"{prefix}_needs": ["Training", "Migration"]}),
        Case("8", "Training", {f"{prefix}_needs": ["Training"]}),
        Case("9", "import", {f"{prefix}_origin": "import"}),
        Case("10", 9999, {fee: 9999, f"{fee}_currency": "CAD"}, {"fieldCurrency": "cad"}),
        Case("10", 0, {fee: 0, f"{fee}_currency": "USD"}, {"fieldCurrency": "usd"}),
        Case("10", None, {}, {"fieldCurrency": "usd"}),
        Case("11", "100.99", {f"{prefix}_licences": 100.99}),
        Case("11", "-12", {f"{prefix}_licences": -12}),
        Case("11", "0", {f"{prefix}_licences": 0}),
        Case("12", "untagged", {f"{prefix}_region_12": "untagged"}),
        Case("13", "settled", {f"{prefix}_setup_fee_currency_13": "settled"}),
    ]


CASES: dict[str, list[Case]] = {
    "contacts": [
        Case("1", "Opal", {"favourite_mineral": "Opal"}),
        Case("1", "a||b", {"favourite_mineral": "a||b"}),
        Case("1", "||", {"favourite_mineral": "||"}),
        Case("1", '["a"]', {"favourite_mineral": '["a"]'}),
        Case("1", "0", {"favourite_mineral": "0"}),
        Case("1", None),
        Case("1", ""),
        Case("2", "line one\nline two", {"remarks": "line one\nline two"}),
        Case("3", "2018-12-31", {"date_of_first_visit": "2018-12-31"}),
        Case("3", "0000-00-00"),
        Case("3", ""),
        Case("4", "2024-02-29T23:30:00-06:00", {"next_appointment": "2024-03-01T05:30:00Z"}),
        Case("4", "2024-07-01T00:30:00+02:00", {"next_appointment": "2024-06-30T22:30:00Z"}),
        Case("4", "0000-00-00 00:00:00"),
        Case("4", None),
        Case("5", "Weekend & holidays", {"preferred_time": "Weekend & holidays"}),
        Case("6", "||Hiking||Chess||", {"interests": ["Hiking", "Chess"]}),
        Case("6", "||Hiking||", {"interests": ["Hiking"]}),
        Case("6", "Hiking", {"interests": ["Hiking"]}),
        Case("6", "||a|b||c, d||", {"interests": ["a|b", "c, d"]}),
        Case("6", "a|b", {"interests": ["a|b"]}),
        Case("6", "Rowing || sailing", {"interests": ["Rowing || sailing"]}),
        Case("6", "||Rowing || sailing||", {"interests": ["Rowing || sailing"]}),
        Case("6", "||Chess||Rowing || sailing||", {"interests": ["Chess", "Rowing || sailing"]}),
        Case("6", '["Hiking", "Chess"]', {"interests": ["Hiking", "Chess"]}),
        Case("6", "||"),
        Case("6", ""),
        Case("6", None),
        Case("7", "M", {"size_7": "M"}),
        Case("8", "||News||Events||", {"topics": ["News", "Events"]}),
        Case("8", "News", {"topics": ["News"]}),
        Case("8", "||"),
        Case("9", "import", {"lead_source": "import"}),
        Case("10", "42", {"number_of_seats": 42}),
        Case("10", "0", {"number_of_seats": 0}),
        Case("10", "-0.5", {"number_of_seats": -0.5}),
        Case("10", ""),
        Case("11", "42", {"untyped_note": "42"}),
        Case("12", "Zoë", {"prnom_prfr": "Zoë"}),
        Case("13", "181.5", {"grosse_cm": 181.5}),
        Case("14", "XL", {"size_14": "XL"}),
        Case("15", "hurray", {"field": "hurray"}),
        Case("16", "7", {"visits_2025": "7"}),
    ],
    "deals": entity_cases("deal"),
    "accounts": entity_cases("acct"),
}
EACH_CASE = [
    pytest.param(stream, place, id=f"{stream}-{NAMES[stream][case.field][0]}-{case.raw!r}")
    for stream, cases in CASES.items()
    for place, case in enumerate(cases)
]


def put(account: Account, stream: str, owner: str, field_id: str, raw: Any, **more: Any) -> None:
    """Give a record a custom field value."""
    kind = KINDS[stream]
    number = str if stream == "contacts" else int
    account.insert(kind.values, **{kind.owner: number(owner), kind.field: number(field_id), kind.value: raw}, **more)


def varied() -> tuple[Account, dict[str, list[str]]]:
    """The demo account, a few more fields in it, and a record for each case; the ids of these records."""
    account = Account.demo(seed=1)
    added: list[Row] = [
        {"title": "Größe (cm)", "perstag": "", "type": "number"},
        {"title": "size!", "perstag": "", "type": "text"},
        {"title": "🎈", "perstag": "", "type": "hidden"},
        {"title": "Visits", "perstag": "VISITS_2025", "type": None},
    ]
    assert [account.insert("fields", **one) for one in added] == ["13", "14", "15", "16"]
    for resource, prefix in (("dealCustomFieldMeta", "DEAL"), ("accountCustomFieldMeta", "ACCT")):
        tag = f"{prefix}_SETUP_FEE_CURRENCY"
        assert account.insert(resource, fieldLabel="Fee settled", personalization=tag, fieldType="text") == "13"
    records: dict[str, list[str]] = {}
    for stream, cases in CASES.items():
        # Deals in a pipeline that exists, or they would be masked.
        more: Row = {"group": "1"} if stream == "deals" else {}
        records[stream] = [account.insert(stream, **more) for _ in cases]
        for owner, case in zip(records[stream], cases, strict=True):
            put(account, stream, owner, case.field, case.raw, **case.more)
    return account, records


def expected(account: Account, stream: str) -> dict[str, dict[str, Any]]:
    """The custom values of each record that has some, from the account's raw rows; nothing that is empty."""
    kind = KINDS[stream]
    definitions = {str(row["id"]): row for row in account.rows(kind.definitions)}
    options: dict[str, list[str]] = defaultdict(list)
    for row in account.rows("fieldOptions") if stream == "contacts" else []:
        options[str(row["field"])].append(row["label"])
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in account.rows(kind.values):
        field_id, owner = str(row[kind.field]), str(row[kind.owner])
        if field_id not in definitions:
            continue
        type_ = definitions[field_id].get("type") or definitions[field_id].get("fieldType") or ""
        value = plain(type_, row[kind.value], options[field_id])
        if value is None:
            continue
        name = NAMES[stream][field_id][0]
        found[owner][name] = value
        if type_ == "currency":
            found[owner][f"{name}_currency"] = row["fieldCurrency"].upper()
    return dict(found)


def plain(type_: str, raw: Any, options: list[str]) -> Any:
    """A value as the demo account has them, by its type; written without a look at the connector's way to do it."""
    if raw is None or raw in ("", []) or str(raw).startswith("0000-00-00"):
        return None
    if type_ in {"listbox", "checkbox", "multiselect"}:
        if isinstance(raw, list):
            return raw
        # The demo account lists choices in the order of the options.
        return ([one for one in options if f"||{one}||" in raw] or None) if raw.startswith("||") else [raw]
    if type_ == "date":
        return raw.split(" ")[0]
    if type_ == "datetime":
        return datetime.fromisoformat(raw).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if type_ in {"number", "currency"}:
        return float(raw)
    return raw


def custom(record: Row, mode: str = "columns") -> Row:
    """The custom values of a record by name, without those that are null."""
    if mode == "object":
        return {name: value for name, value in (record.get("customFields") or {}).items() if value is not None}
    names = {name: value for name, value in record.items() if name.startswith("custom_") and value is not None}
    return {name.removeprefix("custom_"): value for name, value in names.items()}


def rest(record: Row, stream: str) -> Row:
    """What of a record has nothing to do with custom fields."""
    ours = {"customFields", KINDS[stream].sideload}
    return {name: value for name, value in record.items() if not name.startswith("custom_") and name not in ours}


def by_id(records: list[Row]) -> dict[str, Row]:
    found = {record["id"]: record for record in records}
    assert len(found) == len(records)
    return found


def whole(record: Row, stream: str) -> Row:
    return {**rest(record, stream), "custom values": custom(record)}


def asked(requests: list[Request]) -> Counter[str]:
    return Counter(request.path for request in requests)


def warnings(output: Output) -> list[str]:
    return [one["log"]["message"] for one in output.messages if one["type"] == "LOG" and one["log"]["level"] == "WARN"]


# ---- one account, in every mode --------------------------------------------------------------------------------


@dataclass
class Reads:
    """One account, discovered and read in each mode, and what was asked for it."""

    emulator: Emulator
    owners: dict[str, list[str]]
    connectors: dict[str, Connector] = field(default_factory=dict)
    discovered: dict[str, Output] = field(default_factory=dict)
    read: dict[str, Output] = field(default_factory=dict)
    requests: dict[str, dict[str, list[Request]]] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        return self.emulator.account

    def catalog(self, mode: str, *names: str) -> Any:
        return configured(self.discovered[mode].catalog, *(names or KINDS))

    def records(self, mode: str, stream: str) -> dict[str, Row]:
        return by_id(self.read[mode].records[stream])


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reads]:
    account, owners = varied()
    with Emulator(account) as emulator:
        emulator.settings.patch({"rate_limit_window": "off"})
        found = Reads(emulator, owners)
        config = {"api_url": emulator.url, "api_key": emulator.api_key, "lookback_hours": 0, "requests_per_second": 50}
        for mode in MODES:
            connector = Connector(tmp_path_factory.mktemp(mode), {**config, "custom_fields": mode})
            found.connectors[mode] = connector
            before = len(emulator.requests)
            found.discovered[mode] = connector.discover()
            assert found.discovered[mode].exit_code == 0, found.discovered[mode].text
            between = len(emulator.requests)
            found.read[mode] = connector.read(found.catalog(mode))
            assert found.read[mode].exit_code == 0, found.read[mode].text
            found.requests[mode] = {
                "discover": emulator.requests[before:between],
                "read": emulator.requests[between:],
            }
        yield found


@pytest.mark.parametrize(("stream", "place"), EACH_CASE)
def test_given_a_raw_value_when_read_then_it_arrives_in_the_type_of_its_field(
    reads: Reads, stream: str, place: int
) -> None:
    for mode in ("columns", "object"):
        record = reads.records(mode, stream)[reads.owners[stream][place]]
        assert custom(record, mode) == CASES[stream][place].wanted


@pytest.mark.parametrize("mode", ["columns", "object"])
@pytest.mark.parametrize("stream", KINDS)
def test_given_the_demo_account_when_read_then_every_record_has_exactly_its_values(
    reads: Reads, stream: str, mode: str
) -> None:
    masked = {row["id"] for row in reads.account.rows(stream) if row.get("isDisabled")}
    apart = masked | set(reads.owners[stream])
    wanted = {owner: values for owner, values in expected(reads.account, stream).items() if owner not in apart}
    arrived = {key: custom(record, mode) for key, record in reads.records(mode, stream).items() if key not in apart}
    assert set(arrived) == reads.account.ids(stream) - apart
    assert {key: values for key, values in arrived.items() if values} == wanted
    assert {name for values in wanted.values() for name in values} >= {name for name, _ in NAMES[stream].values()} - {
        case for one in CASES[stream] if int(one.field) > 12 for case in one.wanted
    }


@pytest.mark.parametrize("stream", KINDS)
def test_given_the_three_modes_when_read_then_everything_else_is_the_same(reads: Reads, stream: str) -> None:
    columns, object_, off = (reads.records(mode, stream) for mode in MODES)
    assert set(columns) == set(object_) == set(off) == reads.account.ids(stream)
    for key, record in off.items():
        assert rest(columns[key], stream) == rest(object_[key], stream) == record
        assert not any(name.startswith("custom_") for name in object_[key])
        assert "customFields" not in columns[key]
        assert custom(columns[key]) == custom(object_[key], "object")


@pytest.mark.parametrize("stream", KINDS)
def test_given_the_account_when_discovered_then_each_field_has_a_column_of_its_type(reads: Reads, stream: str) -> None:
    wanted = dict(NAMES[stream].values())
    if stream != "contacts":
        wanted[f"{NAMES[stream][CURRENCY_OF][0]}_currency"] = STRING

    columns = reads.discovered["columns"].stream(stream)["json_schema"]["properties"]
    inside = reads.discovered["object"].stream(stream)["json_schema"]["properties"]["customFields"]["properties"]
    off = reads.discovered["off"].stream(stream)["json_schema"]["properties"]

    bare = {name: {key: value for key, value in one.items() if key != "description"} for name, one in columns.items()}
    assert {name: one for name, one in bare.items() if name.startswith("custom_")} == {
        f"custom_{name}": one for name, one in wanted.items()
    }
    assert {name: {**one, "description": ""} for name, one in inside.items()} == {
        name: {**columns[f"custom_{name}"], "description": ""} for name in wanted
    }
    assert "customFields" not in columns
    assert not any(name.startswith("custom_") or name == "customFields" for name in off)
    assert {name: one for name, one in columns.items() if not name.startswith("custom_")} == off


def test_given_a_field_with_options_when_discovered_then_its_column_names_them(reads: Reads) -> None:
    contacts, deals = (
        reads.discovered["columns"].stream(name)["json_schema"]["properties"] for name in ("contacts", "deals")
    )
    assert contacts["custom_interests"]["description"] == (
        "Interests. Options: Hiking, Pottery, Chess, Rowing || sailing."
    )
    assert deals["custom_deal_needs"]["description"] == "Needs. Options: Training, Migration."
    assert contacts["custom_number_of_seats"]["description"] == "Number of seats."


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stream", KINDS)
def test_given_a_schema_when_read_then_the_records_are_valid_and_have_no_other_field(
    reads: Reads, stream: str, mode: str
) -> None:
    schema = reads.discovered[mode].stream(stream)["json_schema"]
    strict = {**schema, "additionalProperties": False}
    if mode == "object":
        inner = {**schema["properties"]["customFields"], "additionalProperties": False}
        strict["properties"] = {**schema["properties"], "customFields": inner}
    validator = jsonschema.Draft7Validator(strict)
    records = reads.read[mode].records[stream]
    assert records
    assert not [(record["id"], error.message) for record in records for error in validator.iter_errors(record)]

    forms = {"date": "%Y-%m-%d", "date-time": "%Y-%m-%dT%H:%M:%SZ"}
    prefix = "custom_" if mode == "columns" else ""
    dated = {name: forms[one["format"]] for name, one in NAMES[stream].values() if "format" in one}
    if mode != "off":
        seen: Counter[str] = Counter()
        for record in records:
            for name, value in custom(record, mode).items():
                if name in dated:
                    assert datetime.strptime(value, dated[name]).strftime(dated[name]) == value, prefix + name
                    seen[name] += 1
        assert set(seen) == set(dated)


@pytest.mark.parametrize("mode", ["columns", "object"])
@pytest.mark.parametrize("stream", KINDS)
def test_given_values_of_a_field_that_is_gone_when_read_then_they_are_left_out_with_one_warning(
    reads: Reads, stream: str, mode: str
) -> None:
    kind = KINDS[stream]
    orphans = [row for row in reads.account.rows(kind.values) if str(row[kind.field]) == "93"]
    assert orphans
    said = [one for one in warnings(reads.read[mode]) if one.startswith(f"Stream {stream}: values of the custom field")]
    assert [GONE.format("93") in one for one in said] == [True]
    for row in orphans:
        record = reads.records(mode, stream)[str(row[kind.owner])]
        assert row[kind.value] not in custom(record, mode).values()


def test_given_the_mode_off_when_discovered_and_read_then_nothing_is_asked_for_custom_fields(reads: Reads) -> None:
    requests = reads.requests["off"]["discover"] + reads.requests["off"]["read"]
    assert {f"/api/3/{stream}" for stream in KINDS} <= set(asked(requests))
    assert not DEFINITIONS & set(asked(requests))
    assert not [request for request in requests if "include" in request.query]
    assert not any("custom field" in one for one in warnings(reads.read["off"]))


@pytest.mark.parametrize("mode", ["columns", "object"])
@pytest.mark.parametrize("command", ["discover", "read"])
def test_given_custom_fields_when_read_then_they_cost_their_definitions_once_and_nothing_more(
    reads: Reads, mode: str, command: str
) -> None:
    cost = asked(reads.requests[mode][command])
    cost.subtract(asked(reads.requests["off"][command]))
    assert {path: count for path, count in cost.items() if count} == dict.fromkeys(DEFINITIONS, 1)


# ---- answers without the values --------------------------------------------------------------------------------


def test_given_the_older_shape_of_deal_values_when_read_then_the_records_are_the_same(reads: Reads) -> None:
    reads.emulator.settings.patch({"deal_custom_field_shape": "old"})
    try:
        output = reads.connectors["columns"].read(reads.catalog("columns", "deals"))
    finally:
        reads.emulator.settings.patch({"deal_custom_field_shape": "new"})
    assert by_id(output.records["deals"]) == reads.records("columns", "deals")


@pytest.mark.parametrize("stream", KINDS)
def test_given_values_that_are_not_sideloaded_when_read_then_the_records_are_the_same(
    reads: Reads, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = KINDS[stream]
    monkeypatch.delitem(resources()[stream].relations, kind.sideload)
    before = len(reads.emulator.requests)
    output = reads.connectors["columns"].read(reads.catalog("columns", stream))
    requests = reads.emulator.requests[before:]

    assert output.exit_code == 0, output.text
    arrived, wanted = by_id(output.records[stream]), reads.records("columns", stream)
    assert {key: whole(one, stream) for key, one in arrived.items()} == {
        key: whole(one, stream) for key, one in wanted.items()
    }
    pages = [one.query.get("offset") for one in requests if one.path == f"/api/3/{kind.values}"]
    assert pages
    assert len(set(pages)) == len(pages), "the values are read once, not for every page of records"
    assert (
        len([one for one in warnings(output) if "the API sent no custom field values beside the records" in one]) == 1
    )


@pytest.mark.parametrize("shape", ["new", "old", "absent"])
@pytest.mark.parametrize("mode", ["columns", "object"])
def test_given_a_masked_deal_when_read_then_it_has_its_three_fields_and_no_custom_ones(
    reads: Reads, mode: str, shape: str
) -> None:
    connector = Connector(
        reads.connectors[mode]._folder, {**reads.connectors[mode].config, "api_key": reads.emulator.keys["partial"]}
    )
    reads.emulator.settings.patch({"deal_custom_field_shape": shape})
    try:
        output = connector.read(reads.catalog(mode, "deals"))
    finally:
        reads.emulator.settings.patch({"deal_custom_field_shape": "new"})
    visible = {row["id"]: not row["isDisabled"] for row in reads.account.rows("deals", key="partial")}
    deals = by_id(output.records["deals"])
    assert set(deals) == set(visible)
    masked = [deals[key] for key in deals if not visible[key]]
    values = {int(row["dealId"]) for row in reads.account.rows("dealCustomFieldData") if row["fieldValue"]}
    assert any(int(deal["id"]) in values for deal in masked), "no masked deal has a value that could slip through"
    assert all(set(deal) == {"id", "title", "isDisabled"} for deal in masked)
    assert {key: custom(deal, mode) for key, deal in deals.items() if visible[key]} == {
        key: custom(deal, mode) for key, deal in reads.records(mode, "deals").items() if visible[key]
    }


# ---- fields that come, go and change ---------------------------------------------------------------------------


@pytest.fixture
def small() -> Iterator[Emulator]:
    """An account of a few records, for tests that change it."""
    with Emulator(Account.demo(seed=1, contacts=30, rows={"deals": 12, "accounts": 6})) as running:
        running.settings.patch({"rate_limit_window": "off"})
        yield running


def test_given_three_hundred_fields_when_read_then_all_of_them_arrive(small: Emulator, connect: Connect) -> None:
    account = small.account
    for number in range(13, 301):
        tag = f"EXTRA_{number}"
        assert account.insert("fields", title=f"Extra {number}", perstag=tag, type="text") == str(number)
    full, sparse = account.insert("contacts"), account.insert("contacts")
    for number in range(13, 301):
        put(account, "contacts", full, str(number), f"value {number}")
    put(account, "contacts", sparse, "300", "only this")
    connector = connect(small)

    schema = connector.discover().stream("contacts")
    declared = {name for name in schema["json_schema"]["properties"] if name.startswith("custom_")}
    assert len(declared) == 300
    small.requests.clear()
    contacts = by_id(connector.read(configured([schema])).records["contacts"])

    assert custom(contacts[full]) == {f"extra_{number}": f"value {number}" for number in range(13, 301)}
    assert custom(contacts[sparse]) == {"extra_300": "only this"}
    definitions = [one.query.get("offset", "0") for one in small.requests if one.path == "/api/3/fields"]
    assert len(set(definitions)) == len(definitions) >= 3, "each page of definitions is asked for once"


@pytest.mark.parametrize("mode", ["columns", "object"])
def test_given_a_field_made_after_discovery_when_read_then_its_values_arrive(
    small: Emulator, connect: Connect, mode: str
) -> None:
    account, connector = small.account, connect(small, custom_fields=mode)
    catalog = configured(connector.discover().catalog, *KINDS)
    made = {
        "contacts": account.insert("fields", title="Late", perstag="LATE", type="checkbox"),
        "deals": account.insert("dealCustomFieldMeta", fieldLabel="Late", personalization="LATE", fieldType="text"),
        "accounts": account.insert("accountCustomFieldMeta", fieldLabel="Late", personalization="", fieldType="text"),
    }
    owners = {}
    for stream, field_id in made.items():
        owners[stream] = account.insert(stream)
        put(account, stream, owners[stream], field_id, "||yes||no||" if stream == "contacts" else "yes")

    output = connector.read(catalog)

    assert output.exit_code == 0, output.text
    arrived = {stream: custom(by_id(output.records[stream])[owners[stream]], mode) for stream in KINDS}
    assert arrived == {"contacts": {"late": ["yes", "no"]}, "deals": {"late": "yes"}, "accounts": {"late": "yes"}}


def test_given_a_renamed_tag_when_read_then_its_values_are_in_a_new_column(small: Emulator, connect: Connect) -> None:
    connector = connect(small)
    catalog = configured(connector.discover().catalog, "contacts")
    before = by_id(connector.read(catalog).records["contacts"])
    assert any("custom_lead_source" in record for record in before.values())

    small.account.update("fields", "9", perstag="ORIGIN_OF_LEAD")
    after = by_id(connector.read(catalog).records["contacts"])
    properties = connector.discover().stream("contacts")["json_schema"]["properties"]

    assert {key: custom(record).get("origin_of_lead") for key, record in after.items()} == {
        key: custom(record).get("lead_source") for key, record in before.items()
    }
    assert not any("custom_lead_source" in record for record in after.values())
    assert "custom_origin_of_lead" in properties
    assert "custom_lead_source" not in properties


@pytest.mark.parametrize("stream", KINDS)
def test_given_a_field_deleted_after_discovery_when_read_then_its_values_are_left_out_with_one_warning(
    small: Emulator, connect: Connect, stream: str
) -> None:
    connector = connect(small)
    catalog = configured(connector.discover().catalog, stream)
    owners = [small.account.insert(stream) for _ in range(2)]
    for owner in owners:
        put(small.account, stream, owner, "9", "left over")
    small.account.delete(KINDS[stream].definitions, "9")

    output = connector.read(catalog)

    assert output.statuses == {stream: "COMPLETE"}
    records = by_id(output.records[stream])
    assert all(custom(records[owner]) == {} for owner in owners)
    assert len([one for one in warnings(output) if GONE.format("9") in one]) == 1


@pytest.mark.parametrize("mode", ["columns", "object"])
def test_given_values_that_do_not_fit_their_field_when_read_then_they_arrive_as_they_are_with_one_warning(
    small: Emulator, connect: Connect, mode: str
) -> None:
    account = small.account
    owners = [account.insert("contacts") for _ in range(2)]
    for owner, raw in zip(owners, ["a few", "many"], strict=True):
        put(account, "contacts", owner, "10", raw)
    deal = account.insert("deals")
    put(account, "deals", deal, "10", "12.34", fieldCurrency="eur")
    connector = connect(small, custom_fields=mode)

    output = connector.read(configured(connector.discover().catalog, "contacts", "deals"))

    assert output.statuses == {"contacts": "COMPLETE", "deals": "COMPLETE"}
    contacts = by_id(output.records["contacts"])
    assert [custom(contacts[owner], mode) for owner in owners] == [
        {"number_of_seats": "a few"},
        {"number_of_seats": "many"},
    ]
    assert custom(by_id(output.records["deals"])[deal], mode) == {
        "deal_setup_fee": "12.34",
        "deal_setup_fee_currency": "EUR",
    }
    misfits = [one for one in warnings(output) if "does not fit the field's type" in one]
    assert len([one for one in misfits if "number_of_seats" in one]) == 1
    assert len([one for one in misfits if "deal_setup_fee" in one]) == 1


# ---- definitions that cannot be read ---------------------------------------------------------------------------


@dataclass
class Blind:
    """An account whose definitions, of some kinds of records, the key may not read or the plan does not have."""

    emulator: Emulator
    streams: tuple[str, ...]
    discovered: Output
    read: Output


# One kind is enough for what is forbidden: that is tried three times, with pauses.
@pytest.fixture(scope="module", params=[("403", ("contacts",)), ("404", tuple(KINDS))], ids=["403", "404"])
def blind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blind]:
    status, streams = request.param
    with Emulator(Account.demo(seed=1, contacts=30, rows={"deals": 12, "accounts": 6})) as emulator:
        faults = [Fault(status, f"/{KINDS[stream].definitions}") for stream in streams]
        emulator.settings.patch({"rate_limit_window": "off", "faults": faults})
        config = {"api_url": emulator.url, "api_key": emulator.api_key, "requests_per_second": 50}
        connector = Connector(tmp_path_factory.mktemp(f"blind{status}"), config)
        discovered = connector.discover()
        assert discovered.exit_code == 0, discovered.text
        yield Blind(emulator, streams, discovered, connector.read(configured(discovered.catalog, *KINDS)))


def test_given_definitions_that_cannot_be_read_when_discovered_and_read_then_all_records_arrive_without_them(
    blind: Blind,
) -> None:
    assert blind.read.exit_code == 0, blind.read.text
    assert not blind.discovered.errors + blind.read.errors
    assert blind.read.statuses == dict.fromkeys(KINDS, "COMPLETE")
    assert len(blind.discovered.catalog) > 80
    for stream in KINDS:
        records = by_id(blind.read.records[stream])
        assert set(records) == blind.emulator.account.ids(stream)
        properties = blind.discovered.stream(stream)["json_schema"]["properties"]
        names = [name for one in [properties, *records.values()] for name in one if name.startswith("custom_")]
        assert bool(names) == (stream not in blind.streams)


def test_given_definitions_that_cannot_be_read_when_discovered_and_read_then_one_warning_says_so(blind: Blind) -> None:
    for output in (blind.discovered, blind.read):
        for stream in blind.streams:
            said = [one for one in warnings(output) if f"/api/3/{KINDS[stream].definitions}" in one]
            assert len(said) == 1
    # The fields are there, the key may not see them: nobody is to be told that they are gone.
    untrue = [one for one in warnings(blind.read) if one.startswith(tuple(f"Stream {name}:" for name in blind.streams))]
    assert not [one for one in untrue if "no longer exists" in one]


# ---- another mode than last time -------------------------------------------------------------------------------


def test_given_the_state_of_another_mode_when_read_then_only_what_changed_arrives_in_the_new_mode(
    small: Emulator, connect: Connect
) -> None:
    account, state = small.account, None
    for turn, mode in enumerate(["columns", "object", "off", "columns"]):
        connector = connect(small, custom_fields=mode)
        catalog = configured(connector.discover().catalog, *KINDS)
        changed = {}
        for stream in KINDS:
            changed[stream] = account.insert(stream, **({"group": "1"} if stream == "deals" else {}))
            put(account, stream, changed[stream], "9", f"turn {turn}")
        output = connector.read(catalog, state)
        assert output.statuses == dict.fromkeys(KINDS, "COMPLETE"), output.text
        for stream in KINDS:
            records = by_id(output.records[stream])
            name = NAMES[stream]["9"][0]
            wanted = {} if mode == "off" else {name: f"turn {turn}"}
            assert custom(records[changed[stream]], mode) == wanted
            foreign = {"columns": "customFields", "object": "custom_", "off": "custom"}[mode]
            assert not [one for one in records[changed[stream]] if one.startswith(foreign) and one != "customerAccount"]
            if turn:
                # Whatever was made in the second of the cursor may come once more.
                assert len(records) <= turn + 1
            else:
                assert set(records) == account.ids(stream)
        state = output.state
