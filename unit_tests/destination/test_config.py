"""The configuration: one sentence for each thing that can be wrong, and one form for the rest."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from destination_activecampaign.config import Config, StreamSettings, Tracking, config_of, secrets_in, settings

KEY = "k3y-0f-acme-1234567890abcdef"
SPEC = json.loads((Path(__file__).parents[2] / "destination_activecampaign" / "spec.json").read_bytes())


def configured(**given: Any) -> Config:
    return config_of({"api_url": "acme", "api_key": KEY, **given})


def test_what_is_not_given_is_as_the_spec_says() -> None:
    assert configured() == Config("https://acme.api-us1.com", KEY)
    for name, setting in settings().items():
        if "default" in setting:
            given = getattr(Config("https://acme.api-us1.com", KEY), name)
            assert setting["default"] == (list(given) if isinstance(given, tuple | frozenset) else given)


@pytest.mark.parametrize("name", [name for name in settings() if name not in ("api_url", "api_key")])
@pytest.mark.parametrize("nothing", [None, ""])
def test_null_is_as_good_as_nothing(name: str, nothing: Any) -> None:
    if nothing is None or settings()[name]["type"] not in ("array", "object"):
        assert configured(**{name: nothing}) == configured()


def test_a_whole_configuration() -> None:
    given = {
        "requests_per_second": "2.5",
        "streams": [
            {
                "stream": "people",
                "object": "Contacts",
                "mode": "INSERT",
                "key": "mail",
                "columns": [{"column": "mail", "field": "email"}, {"column": "plan", "field": 7}, {"column": "x"}],
            },
            {"stream": "orders", "object": None, "mode": None, "key": None, "columns": None},
        ],
        "null_values": "clear",
        "create_missing": ["options", "Accounts"],
        "tags": " Replace ",
        "deletions": "unsubscribe",
        "run_automations": "true",
        "resubscribe": True,
        "on_rejected": "fail",
        "rejected_records": "/data/rejected",
        "compare": "never",
        "tracking": {"actid": 25123456, "event_key": "0123abcd"},
        "tracking_url": "http://127.0.0.1:8080/",
        "of_tomorrow": 1,
    }
    people = StreamSettings("people", "contacts", "insert", ("mail",), {"mail": "email", "plan": "7", "x": ""})
    assert configured(**given) == Config(
        "https://acme.api-us1.com",
        KEY,
        2.5,
        (people, StreamSettings("orders")),
        "clear",
        frozenset({"options", "accounts"}),
        "replace",
        "unsubscribe",
        True,
        True,
        "fail",
        "/data/rejected",
        "never",
        Tracking("25123456", "0123abcd"),
        "http://127.0.0.1:8080",
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"api_url": None}, "The API URL is missing. Copy it from Settings > Developer in ActiveCampaign."),
        ({"api_key": " "}, "The API Key is missing. Copy it from Settings > Developer in ActiveCampaign."),
        ({"api_url": "http://example.com"}, "The API URL must begin with https://, so that the API key stays secret."),
        ({"requests_per_second": 0}, "The Requests per Second setting has to be a number from 0.1 to 100, not 0."),
        ({"null_values": "keep"}, 'The Null Values setting has to be ignore or clear, not "keep".'),
        ({"run_automations": "yes"}, 'The Run Automations setting has to be true or false, not "yes".'),
        ({"resubscribe": 1}, "The Subscribe Again setting has to be true or false, not 1."),
        ({"create_missing": "tags"}, "The Create What Is Missing setting has to be a list of texts."),
        (
            {"create_missing": ["lists"]},
            'The Create What Is Missing setting has to be tags, options or accounts, not "lists".',
        ),
        ({"streams": {}}, "The Streams setting has to be a list of objects."),
        ({"streams": ["people"]}, "The Streams setting has to be a list of objects."),
        ({"streams": [{}]}, 'Each entry of the Streams setting needs the name of its stream, as "stream".'),
        (
            {"streams": [{"stream": "p"}, {"stream": "p"}]},
            "The Streams setting of p is there twice: put both entries into one.",
        ),
        (
            {"streams": [{"stream": "p", "objekt": "x"}]},
            'The Streams setting of p has "objekt", which is no part of it: correct or remove it.',
        ),
        (
            {"streams": [{"stream": "p", "mode": "mirror"}]},
            'The Mode (stream p) setting has to be upsert, update, insert, soft_delete or append, not "mirror".',
        ),
        ({"streams": [{"stream": "p", "key": [7]}]}, "The Key of p setting has to be a list of texts."),
        ({"streams": [{"stream": "p", "columns": [1]}]}, "The Columns setting of p has to be a list of objects."),
        (
            {"streams": [{"stream": "p", "columns": [{"field": "x"}]}]},
            'Each entry of the Columns of p needs the name of its column, as "column".',
        ),
        (
            {"streams": [{"stream": "p", "columns": [{"column": "a"}, {"column": "a"}]}]},
            "The column a stands twice under the Columns of p.",
        ),
        (
            {"rejected_records": "https://bucket.example.com/folder"},
            "The URL of the Rejected Records setting has to be one such as s3://bucket/folder, and no other",
        ),
        ({"rejected_records": "s3:///folder"}, "The URL of the Rejected Records setting has to be one such as"),
        (
            {"rejected_records": "s3://AKIA:secret@bucket/folder"},
            "The URL of the Rejected Records setting has to be one such as s3://bucket/folder, and no other can be "
            "written to. Credentials have no place in it: the AWS settings of the environment hold.",
        ),
        (
            {"rejected_records": 7},
            "The Rejected Records setting has to be the path of a folder, or a URL such as s3://bucket/folder, not 7.",
        ),
        ({"tracking": "key"}, 'The Event Tracking setting has to be an object with actid and event_key, not "key".'),
        (
            {"tracking": {"actid": "acme", "event_key": "0123abcd"}},
            "The actid of the Event Tracking setting has to be a number of digits alone.",
        ),
        (
            {"tracking": {"actid": "7"}},
            "The Event Key of the Event Tracking setting is missing. Copy it from Settings > Tracking in ActiveCam",
        ),
        (
            {"tracking": {"actid": "7", "event_key": "two words"}},
            "The Event Key of the Event Tracking setting has characters that no key has.",
        ),
        (
            {"tracking_url": "http://trackcmp.net"},
            "The Tracking URL has to begin with https://, so that the event key stays secret.",
        ),
        ({"tracking_url": "https://trackcmp.net/event"}, "The Tracking URL must end after the host name."),
        ({"tracking_url": "https://[::1"}, "The Tracking URL is not a URL."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as refused:
        configured(**given)
    assert str(refused.value).startswith(sentence)
    assert KEY not in str(refused.value)


def test_a_place_in_s3_has_one_form() -> None:
    assert configured(rejected_records=" S3://Kept//people/rejected/ ").rejected_records == "s3://Kept/people/rejected"
    assert configured(rejected_records="s3://kept/").rejected_records == "s3://kept"


def test_neither_key_is_in_the_text_of_a_configuration() -> None:
    text = repr(configured(tracking={"actid": "7", "event_key": "0123abcd4567"}))
    assert KEY not in text
    assert "0123abcd4567" not in text


def test_both_keys_are_secrets_whatever_else_is_wrong() -> None:
    found = secrets_in({"api_key": KEY, "tracking": {"event_key": "0123abcd4567"}, "streams": 7})
    assert {KEY, "0123abcd4567"} <= set(found)
    assert secrets_in({"api_key": 7, "tracking": []}) == ()


def test_the_spec_is_one_that_airbytes_form_can_show() -> None:
    specification = SPEC["connectionSpecification"]
    jsonschema.Draft7Validator.check_schema(specification)
    properties = specification["properties"]
    assert [one["order"] for one in properties.values()] == list(range(len(properties)))
    assert {one["group"] for one in properties.values()} == {group["id"] for group in specification["groups"]}
    for name, one in properties.items():
        assert one["title"], name
        assert one["description"].endswith("."), name
    assert set(properties) == {field.name for field in Config.__dataclass_fields__.values()}
