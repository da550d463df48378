"""The configuration: what users paste, what is refused, what is filled in, and what older connectors had."""

import json

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st

from source_activecampaign import SourceActiveCampaign
from source_activecampaign.config import Canonical, normalize_start_date, validate
from unit_tests.source.conftest import API, KEY, check, config


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
    with pytest.raises(ValueError, match=r"^The start date .* is not a date\. Write it as YYYY-MM-DDTHH:MM:SSZ\.$"):
        normalize_start_date(written)


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_start_date_beyond_the_calendar_is_refused(written):
    with pytest.raises(ValueError, match="is not a date"):
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


def test_what_has_no_normal_form_is_left_for_validate_to_refuse():
    broken = canonical({}, {"api_url": "http://acme.api-us1.com"})
    assert broken == {"api_url": "http://acme.api-us1.com"}
    with pytest.raises(AirbyteTracedException) as refusal:
        validate(broken)
    assert refusal.value.failure_type is FailureType.config_error
    assert refusal.value.message.startswith("The API URL must begin with https://, so that the API key stays secret.")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"api_url": "http://acme.api-us1.com"}, "The API URL must begin with https://"),
        ({"api_url": "https://acme.api-us1.com/app"}, "The API URL must end after the host name."),
        ({"start_date": "2024-02-30"}, "The start date '2024-02-30' is not a date."),
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


def test_given_a_new_config_when_configured_then_no_control_message_and_file_unchanged(tmp_path, capsys):
    path, folder = tmp_path / "config.json", tmp_path / "of the command"
    folder.mkdir()
    path.write_text(json.dumps(config()))
    SourceActiveCampaign(config_path=str(path)).configure(config(), str(folder))
    assert '"CONTROL"' not in capsys.readouterr().out
    assert json.loads(path.read_text()) == config()
