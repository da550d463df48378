"""The configuration: what users paste, what is refused, what is filled in, and what older connectors had."""

import json

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st

from source_activecampaign import SourceActiveCampaign
from source_activecampaign.config import normalize, normalize_api_url, normalize_start_date, validate
from unit_tests.source.conftest import API, KEY, check, config


@pytest.mark.parametrize(
    ("pasted", "root"),
    [
        ("https://acme.api-us1.com", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com/", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com//", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com/api/3", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com/api/3/", "https://acme.api-us1.com"),
        ("https://acme.api-us1.com/api", "https://acme.api-us1.com"),
        ("  https://acme.api-us1.com \n", "https://acme.api-us1.com"),
        ("HTTPS://Acme.API-us1.com", "https://acme.api-us1.com"),
        ("acme.api-us1.com", "https://acme.api-us1.com"),
        ("acme.api-us1.com/api/3", "https://acme.api-us1.com"),
        ("acme.activehosted.com", "https://acme.activehosted.com"),
        ("acme", "https://acme.api-us1.com"),
        (" Acme-Corp1 ", "https://acme-corp1.api-us1.com"),
        ("https://proxy.example.com:8443/api/3", "https://proxy.example.com:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://localhost", "http://localhost"),
        ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
        ("http://127.8.9.1:5000/", "http://127.8.9.1:5000"),
        ("http://[::1]:5000/api/3", "http://[::1]:5000"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("localhost", "https://localhost"),
    ],
)
def test_tolerated_api_url(pasted, root):
    assert normalize_api_url(pasted) == root


@pytest.mark.parametrize(
    ("pasted", "sentence"),
    [
        ("http://acme.api-us1.com", "must begin with https://"),
        ("http://10.0.0.1", "must begin with https://"),
        ("http://0.0.0.0", "must begin with https://"),
        ("http://localhost.evil.com", "must begin with https://"),
        ("http://127.0.0.1.evil.com", "must begin with https://"),
        ("ftp://acme.api-us1.com", "must begin with https://"),
        ("https://user:pass@acme.api-us1.com", "must not contain a user name or password"),
        ("https://user@acme.api-us1.com", "must not contain a user name or password"),
        ("https://:pass@acme.api-us1.com", "must not contain a user name or password"),
        (r"https://acme.api-us1.com\@evil.com", "must not contain a user name or password"),
        ("https://acme.api-us1.com/app/settings", "must end after the host name"),
        ("https://acme.api-us1.com/api/3/contacts", "must end after the host name"),
        ("https://acme.api-us1.com/api/2", "must end after the host name"),
        ("https://acme.api-us1.com?api_key=1", "must end after the host name"),
        ("https://acme.api-us1.com/#top", "must end after the host name"),
        ("https://https://acme.api-us1.com", "must end after the host name"),
        ("acme corp", "characters that no host has"),
        ("https://acme_.api-us1.com", "characters that no host has"),
        ("https://ačme.api-us1.com", "characters that no host has"),
        ("", "no host name"),
        ("https://", "no host name"),
        ("https:///api/3", "no host name"),
        ("https://acme.api-us1.com:port", "not a URL"),
        ("https://acme.api-us1.com:99999", "not a URL"),
        ("https://[::1", "not a URL"),
    ],
)
def test_refused_api_url(pasted, sentence):
    with pytest.raises(ValueError, match=r"^The API URL ") as refusal:
        normalize_api_url(pasted)
    assert sentence in str(refusal.value)
    assert str(refusal.value).endswith("it looks like https://youraccount.api-us1.com.")
    assert "pass@" not in str(refusal.value)


URLS = st.one_of(
    st.text(max_size=30),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "https://", "http://", "HTTPS://", "://"]),
        st.one_of(st.sampled_from(["acme", "[::1]", "127.0.0.1", "localhost", "a@b", "x:1"]), st.text(max_size=8)),
        st.sampled_from(["", ":1", ":0", ":x", ".com"]),
        st.sampled_from(["", "/", "/api/3", "/api/3/", "?q", "#f", "/x"]),
    ),
)


@given(URLS)
def test_normalized_api_url_is_its_own_normal_form(text):
    try:
        root = normalize_api_url(text)
    except ValueError:
        return
    assert normalize_api_url(root) == root
    assert root.startswith(("https://", "http://localhost", "http://127.", "http://[::1]", "http://[0"))
    assert not root.endswith("/")


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


def test_defaults_are_filled_in():
    source = SourceActiveCampaign({"api_url": "acme", "api_key": KEY, "start_date": None})
    assert source._config["api_url"] == "https://acme.api-us1.com"
    assert {
        name: source._config[name]
        for name in (
            "custom_fields",
            "deals_access",
            "requests_per_second",
            "lookback_hours",
            "num_workers",
        )
    } == {
        "custom_fields": "columns",
        "deals_access": "auto",
        "requests_per_second": 5,
        "lookback_hours": 24,
        "num_workers": 8,
    }
    assert source._config.get("start_date") is None


def test_null_counts_as_absent_and_a_value_wins_over_the_default():
    defaults = {"lookback_hours": 24, "num_workers": 8}
    complete = normalize({"lookback_hours": None, "num_workers": 3, "api_url": "ACME"}, defaults)
    assert complete == {"lookback_hours": 24, "num_workers": 3, "api_url": "https://acme.api-us1.com"}


def test_what_has_no_normal_form_is_left_for_validate_to_refuse():
    broken = normalize({"api_url": "http://acme.api-us1.com"}, {})
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
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"account_username": "Acme", "api_key": KEY, "requests_per_second": 100}))
    source = SourceActiveCampaign(json.loads(path.read_text()), config_path=str(path))

    controls = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"CONTROL"' in line]
    [control] = controls
    migrated = control["control"]["connectorConfig"]["config"]
    assert migrated["api_url"] == "Acme"
    assert migrated["api_key"] == KEY
    assert "account_username" not in migrated
    assert json.loads(path.read_text()) == migrated
    assert source._config["api_url"] == "https://acme.api-us1.com"

    api.get(f"{API}/users/me", json={"user": {"id": "1"}})
    assert source.check(None, source._config).status.value == "SUCCEEDED"


def test_given_a_new_config_when_made_then_no_control_message_and_file_unchanged(tmp_path, capsys):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config()))
    SourceActiveCampaign(config(), config_path=str(path))
    assert '"CONTROL"' not in capsys.readouterr().out
    assert json.loads(path.read_text()) == config()
