"""The configuration: what users paste, what is refused, what is filled in, and what older connectors had."""

import contextlib
import io
import json
import math
import re
import tempfile
from pathlib import Path

import hypothesis
import pytest
import requests_mock
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import AirbyteMessageSerializer, FailureType
from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st

from source_activecampaign import SourceActiveCampaign
from source_activecampaign.config import Canonical, Refused, normalize_start_date, validate
from unit_tests.source.conftest import API, KEY, MANIFEST, check, config, source


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("2024-03-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("2024-03-01", "2024-03-01T00:00:00Z"),
        (" 2024-03-01 ", "2024-03-01T00:00:00Z"),
        ("2024-03-01 10:15:00", "2024-03-01T10:15:00Z"),
        ("2024-03-01T10:15", "2024-03-01T10:15:00Z"),
        ("2024-03-01T00:00:00.123456Z", "2024-03-01T00:00:00Z"),
        ("2024-03-01T00:00:00.000+01:00", "2024-02-29T23:00:00Z"),
        ("2024-12-31T22:00:00-06:00", "2025-01-01T04:00:00Z"),
        ("2024-03-01T00:00:00+0100", "2024-02-29T23:00:00Z"),
    ],
)
def test_start_date(written, canonical):
    assert normalize_start_date(written) == canonical


@pytest.mark.parametrize("written", ["yesterday", "2024-13-01", "2024-02-30", "01/03/2024", "2024-03-01T25:00:00Z", ""])
def test_refused_start_date(written):
    with pytest.raises(ValueError, match=r"^The Start Date has to be a date such as ") as refused:
        normalize_start_date(written)
    assert str(refused.value).endswith(f'T00:00:00Z, not "{written}".')


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_start_date_beyond_the_calendar_is_refused(written):
    with pytest.raises(ValueError, match=r"^The Start Date has to be a date such as "):
        normalize_start_date(written)


@given(
    st.one_of(
        st.text(max_size=25),
        st.datetimes(timezones=st.none() | st.timezones()).map(lambda moment: moment.isoformat()),
    )
)
def test_normalized_start_date_is_its_own_normal_form(text):
    try:
        canonical = normalize_start_date(text)
    except ValueError:
        return
    assert normalize_start_date(canonical) == canonical
    assert len(canonical) == len("2024-01-01T00:00:00Z")


SETTINGS = MANIFEST["spec"]["connection_specification"]["properties"]


def said(folder: Path, command: str) -> EntrypointOutput:
    """What a command says with the file `config.json` of a folder."""
    arguments = [command, "--config", str(folder / "config.json")]
    if command == "read":
        (folder / "catalog.json").write_text(json.dumps({"streams": []}))
        arguments += ["--catalog", str(folder / "catalog.json")]
    return entrypoint_wrapper._run_command(source([]), arguments, expecting_exception=command != "check")


def text_of(output: EntrypointOutput) -> str:
    return "\n".join(json.dumps(AirbyteMessageSerializer.dump(message)) for message in output.get_message_iterator())


def canonical(settings: dict, given: dict) -> dict:
    config = dict(given)
    Canonical({"settings": settings}).transform(config)
    return config


def test_defaults_are_filled_in(tmp_path):
    configured = SourceActiveCampaign().configure(
        {"api_url": "acme", "api_key": KEY, "start_date": None}, str(tmp_path)
    )
    assert (
        configured.items()
        >= {
            "api_url": "https://acme.api-us1.com",
            "api_key": KEY,
            "custom_fields": "columns",
            "deals_access": "auto",
            "requests_per_second": 5,
            "lookback_hours": 24,
            "num_workers": 8,
        }.items()
    )
    assert "start_date" not in configured


def test_null_counts_as_absent_and_a_value_wins_over_the_default():
    settings = {"lookback_hours": {"default": 24}, "num_workers": {"default": 8}, "api_url": {}}
    complete = canonical(settings, {"lookback_hours": None, "num_workers": 3, "api_url": "ACME"})
    assert complete == {"lookback_hours": 24, "num_workers": 3, "api_url": "https://acme.api-us1.com"}


def test_what_the_spec_does_not_name_changes_nothing():
    unknown = {"note": None, "extra": {"a": [1]}, "_limit": "x"}
    assert canonical({"num_workers": {"default": 8}}, unknown) == {**unknown, "num_workers": 8}


def test_what_has_no_normal_form_is_a_configuration_error():
    with pytest.raises(AirbyteTracedException) as refusal:
        canonical(SETTINGS, {"api_url": "http://acme.api-us1.com", "api_key": KEY})
    assert refusal.value.failure_type is FailureType.config_error
    assert refusal.value.message.startswith("The API URL must begin with https://, so that the API key stays secret.")


@pytest.mark.parametrize(("name", "title"), [("api_url", "API URL"), ("api_key", "API Key")])
def test_what_is_missing_is_a_configuration_error(name, title):
    given_settings = {key: value for key, value in config().items() if key != name}
    with pytest.raises(AirbyteTracedException) as refusal:
        validate(canonical(SETTINGS, given_settings))
    assert refusal.value.failure_type is FailureType.config_error
    assert refusal.value.message == f"The {title} is missing. Copy it from Settings > Developer in ActiveCampaign."


@pytest.mark.parametrize(
    ("name", "written", "understood"),
    [
        ("api_key", f"\n{KEY}\u200b", KEY),
        ("api_url", "\u00a0acme\n", "https://acme.api-us1.com"),
        ("start_date", "", None),
        ("start_date", " \n", None),
        ("start_date", "\u200b2024-01-31", "2024-01-31T00:00:00Z"),
        ("requests_per_second", "5", 5),
        ("requests_per_second", " 0.5 ", 0.5),
        ("requests_per_second", 0.1, 0.1),
        ("requests_per_second", "", 5),
        ("lookback_hours", "0", 0),
        ("lookback_hours", 24.0, 24),
        ("num_workers", "4.0", 4),
        ("num_workers", None, 8),
        ("custom_fields", "OBJECT ", "object"),
        ("custom_fields", False, "off"),
        ("deals_access", "Partial", "partial"),
    ],
)
def test_what_can_only_mean_one_thing_is_understood(name, written, understood):
    assert canonical(SETTINGS, config(**{name: written})).get(name) == understood


WRONG = [
    ("api_url", "https://a..b", "The API URL has a host name that is empty between two dots"),
    ("api_url", 5, "The API URL has to be a text such as https://youraccount.api-us1.com, not 5."),
    ("api_url", None, "The API URL is missing."),
    ("api_url", " ", "The API URL is missing."),
    ("api_url", "acme\ud800", "The API URL has a host name with characters that no host has."),
    ("api_key", None, "The API Key is missing."),
    ("api_key", "", "The API Key is missing."),
    ("api_key", "\u200b\n", "The API Key is missing."),
    ("api_key", 1234567890123456, "The API Key has to be a text, in quotation marks."),
    ("api_key", [KEY], "The API Key has to be a text, in quotation marks."),
    ("api_key", f"{KEY}\n{KEY}", "The API Key has characters that no key has"),
    ("api_key", f"{KEY}ключ", "The API Key has characters that no key has"),
    ("api_key", f"{KEY}\ud800", "The API Key has characters that no key has"),
    ("start_date", "2024-02-30", 'The Start Date has to be a date such as 2024-01-31 or 2024-01-31T00:00:00Z, not "2'),
    ("start_date", 2024, "The Start Date has to be a date such as 2024-01-31 or 2024-01-31T00:00:00Z, not 2024."),
    ("start_date", "\ud800", "The Start Date has to be a date such as"),
    ("custom_fields", "json", 'The Custom Fields setting has to be columns, object or off, not "json".'),
    ("custom_fields", True, "The Custom Fields setting has to be columns, object or off, not true."),
    ("deals_access", [], "The Deals Access setting has to be auto, full or partial, not a list."),
    ("deals_access", False, "The Deals Access setting has to be auto, full or partial, not false."),
    ("requests_per_second", 0, "The Requests per Second setting has to be a number from 0.1 to 100, not 0."),
    ("requests_per_second", -1, "The Requests per Second setting has to be a number from 0.1 to 100, not -1."),
    ("requests_per_second", True, "The Requests per Second setting has to be a number from 0.1 to 100, not true."),
    ("requests_per_second", 1e308, "The Requests per Second setting has to be a number from 0.1 to 100, not 1e+308."),
    ("requests_per_second", math.nan, "The Requests per Second setting has to be a number from 0.1 to 100, not NaN."),
    ("requests_per_second", math.inf, "The Requests per Second setting has to be a number from 0.1 to 100, not Inf"),
    ("requests_per_second", 10**400, "The Requests per Second setting has to be a number from 0.1 to 100."),
    ("requests_per_second", "2,5", 'The Requests per Second setting has to be a number from 0.1 to 100, not "2,5".'),
    ("num_workers", 0, "The Number of Concurrent Workers setting has to be a whole number from 2 to 32, not 0."),
    ("num_workers", 2.5, "The Number of Concurrent Workers setting has to be a whole number from 2 to 32, not 2.5."),
    ("num_workers", "many", "The Number of Concurrent Workers setting has to be a whole number from 2 to 32, not "),
    ("num_workers", 1000, "The Number of Concurrent Workers setting has to be a whole number from 2 to 32, not 1000."),
    (
        "num_workers",
        {},
        "The Number of Concurrent Workers setting has to be a whole number from 2 to 32, not an object.",
    ),
    ("lookback_hours", -1, "The Lookback Window in Hours setting has to be a whole number from 0 to 8760, not -1."),
    ("lookback_hours", "a day", "The Lookback Window in Hours setting has to be a whole number from 0 to 8760, not "),
]


@pytest.mark.parametrize(
    ("name", "value", "sentence"), WRONG, ids=[f"{name} {value!r:.20}" for name, value, _ in WRONG]
)
def test_given_a_wrong_value_when_check_then_failed_with_one_sentence_and_nothing_is_sent(api, name, value, sentence):
    status, message = check(config(**{name: value}))
    assert status == "FAILED"
    assert message.startswith(sentence)
    assert KEY not in message
    assert api.call_count == 0


@pytest.mark.parametrize("command", ["discover", "read"])
@pytest.mark.parametrize(("name", "value", "sentence"), [WRONG[0], WRONG[10], WRONG[20], WRONG[28]])
def test_given_a_wrong_value_when_discovered_or_read_then_a_configuration_error(
    api, tmp_path, command, name, value, sentence
):
    (tmp_path / "config.json").write_text(json.dumps(config(**{name: value})))
    output = said(tmp_path, command)
    [error] = [message.trace.error for message in output.errors]
    assert error.message.startswith(sentence)
    assert error.failure_type is FailureType.config_error
    assert KEY not in text_of(output)
    assert api.call_count == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The configuration file is empty"),
        (b"\xef\xbb\xbf\n ", "The configuration file is empty"),
        (b"{'api_key': 'k'}", "The configuration file is not JSON (from line 1, column 2 on)"),
        (b'{\n "api_url": "acme",\n}', "The configuration file is not JSON (from line "),
        (b"api_url: acme\napi_key: k", "The configuration file is not JSON (from line 1, column 1 on)"),
        (b'{"api_key": "\xff"}', "The configuration file is not JSON: write it anew, as UTF-8 text."),
        (b"[" * 100_000, "The configuration file is not JSON"),
        (b"[]", "The configuration file holds no JSON object"),
        (b"null", "The configuration file holds no JSON object"),
        (b'"acme"', "The configuration file holds no JSON object"),
    ],
)
def test_given_a_file_that_is_no_configuration_when_used_then_one_sentence(api, tmp_path, content, sentence):
    (tmp_path / "config.json").write_bytes(content)
    [status] = said(tmp_path, "check").connection_status_messages
    assert status.connectionStatus.status.value == "FAILED"
    assert status.connectionStatus.message.startswith(sentence)
    for command in ("discover", "read"):
        [error] = [message.trace.error for message in said(tmp_path, command).errors]
        assert error.message.startswith(sentence)
        assert error.failure_type is FailureType.config_error
    assert api.call_count == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_given_a_byte_order_mark_when_check_then_the_file_is_read(api, tmp_path, encoding):
    api.get(f"{API}/users/me", json={"user": {"id": "1"}})
    (tmp_path / "config.json").write_text(json.dumps(config(note="día")), encoding=encoding)
    [status] = said(tmp_path, "check").connection_status_messages
    assert status.connectionStatus.status.value == "SUCCEEDED"


@pytest.mark.parametrize(
    "unknown", [b"NaN", b"-Infinity", b'"\\ud800"', b"1" * 400, b'"{{ 7 * 7 }}"', b'{"api_key": 5}', b"null"]
)
@pytest.mark.parametrize("name", [b"note", b"_limit", b"_page_size", b"__injected_components_py"])
@pytest.mark.parametrize("account", [b'"api_url": "acme"', b'"account_username": "acme"'])
def test_given_an_unknown_key_when_check_then_it_changes_nothing(api, tmp_path, unknown, name, account):
    api.get(f"{API}/users/me", json={"user": {"id": "1"}})
    content = b'{%s, "api_key": "%s", "%s": %s}' % (account, KEY.encode(), name, unknown)
    (tmp_path / "config.json").write_bytes(content)
    [status] = said(tmp_path, "check").connection_status_messages
    assert status.connectionStatus.status.value == "SUCCEEDED"
    assert api.call_count == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["{{ 7 * 7 }}", "5", "acme"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([*SETTINGS, "account_username"]), JSON)
@hypothesis.settings(max_examples=150)
def test_given_any_value_of_any_setting_when_check_then_it_is_asked_for_or_refused_in_one_sentence(name, value):
    given_config = config(**{name: value})
    if name == "account_username":
        del given_config["api_url"]
    with requests_mock.Mocker() as api:
        api.get(requests_mock.ANY, json={"user": {"id": "1"}})
        connector = SourceActiveCampaign()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            configured = connector.configure(given_config, folder)
        AirbyteEntrypoint.validate_connection(connector.spec(None), configured)
        status = connector.check(None, configured)
        if status.status.value == "SUCCEEDED":
            assert api.call_count == 1
        else:
            assert api.call_count == 0
            assert re.fullmatch(r"The [A-Z][^\n]{20,250}\.", status.message), status.message
            assert status.message.isascii()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"api_url": "http://acme.api-us1.com"}, "The API URL must begin with https://"),
        ({"api_url": "https://acme.api-us1.com/app"}, "The API URL must end after the host name."),
        ({"start_date": "2024-02-30"}, "The Start Date has to be a date such as 2024-01-31 or"),
    ],
)
def test_given_a_refused_value_when_check_then_failed_with_its_sentence_and_nothing_is_sent(api, change, sentence):
    status, message = check(config(**change))
    assert status == "FAILED"
    assert message.startswith(sentence)
    assert api.call_count == 0


def test_given_config_of_airbytes_connector_when_read_then_migrated(tmp_path, capsys, api):
    path, folder = tmp_path / "config.json", tmp_path / "of the command"
    folder.mkdir()
    path.write_text(json.dumps({"account_username": "Acme", "api_key": KEY, "requests_per_second": 100}))
    source = SourceActiveCampaign(config_path=str(path))
    configured = source.configure(json.loads(path.read_text()), str(folder))

    controls = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"CONTROL"' in line]
    [control] = controls
    migrated = control["control"]["connectorConfig"]["config"]
    assert migrated["api_url"] == "Acme"
    assert migrated["api_key"] == KEY
    assert "account_username" not in migrated
    assert json.loads(path.read_text()) == migrated
    assert configured["api_url"] == "https://acme.api-us1.com"

    api.get(f"{API}/users/me", json={"user": {"id": "1"}})
    assert source.check(None, configured).status.value == "SUCCEEDED"


def test_given_a_file_that_nobody_may_write_when_migrated_then_the_message_is_enough(tmp_path, capsys):
    source = SourceActiveCampaign(config_path=str(tmp_path / "no such folder" / "config.json"))
    configured = source.configure({"account_username": "acme", "api_key": KEY}, str(tmp_path))
    assert configured["api_url"] == "https://acme.api-us1.com"
    assert '"CONTROL"' in capsys.readouterr().out


def test_given_a_wrong_value_beside_the_old_name_when_configured_then_nothing_is_migrated(tmp_path, capsys):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"account_username": "acme", "api_key": KEY, "num_workers": 0}))
    before = path.read_text()
    configured = SourceActiveCampaign(config_path=str(path)).configure(json.loads(before), str(tmp_path))
    assert isinstance(configured, Refused)
    assert path.read_text() == before
    assert "CONTROL" not in capsys.readouterr().out


def test_given_a_new_config_when_configured_then_no_control_message_and_file_unchanged(tmp_path, capsys):
    path, folder = tmp_path / "config.json", tmp_path / "of the command"
    folder.mkdir()
    path.write_text(json.dumps(config()))
    SourceActiveCampaign(config_path=str(path)).configure(config(), str(folder))
    assert '"CONTROL"' not in capsys.readouterr().out
    assert json.loads(path.read_text()) == config()
