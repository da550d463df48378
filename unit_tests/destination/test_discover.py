"""The operations that Airbyte offers."""

from typing import Any

import jsonschema
import pytest

from activecampaign_client.custom_fields import Definition
from activecampaign_client.errors import ApiError
from destination_activecampaign.checking import configured_objects
from destination_activecampaign.columns import Columns
from destination_activecampaign.config import Config, StreamSettings, Tracking
from destination_activecampaign.discover import operations_on
from destination_activecampaign.objects import OBJECTS, Objects

FIELDS = [
    Definition("1", "Birthday", "date", "BIRTHDAY"),
    Definition("2", "Sports", "checkbox", "SPORTS"),
    Definition("3", "Größe", "number", ""),
]


BELOW = ("contact_tags", "contact_lists", "account_contacts")
KEYS = Tracking("1", "key")
TRACKED = ("events", "track", "screen", "page")


def operations(deletions: Any = "delete", tracking: Tracking | None = KEYS) -> dict[tuple[str, str], dict[str, Any]]:
    config = Config("https://acme.api-us1.com", "key", deletions=deletions, tracking=tracking)
    found = [one for kind in OBJECTS for one in operations_on(kind, FIELDS, config)]
    return {(one["object_name"], one["sync_mode"]): one for one in found}


def test_every_object_has_its_operations() -> None:
    assert set(operations()) == {
        *(("contacts", mode) for mode in ("append", "append_dedup", "update", "soft_delete")),
        *((name, mode) for name in BELOW for mode in ("append", "append_dedup", "soft_delete")),
        *((name, "append") for name in ("identify", *TRACKED)),
    }
    assert operations()["events", "append"]["json_schema"]["required"] == ["email", "event"]
    assert operations()["track", "append"]["json_schema"]["required"] == []
    assert [one for one in operations().values() if "matching_keys" in one and one["sync_mode"] == "append"] == []


def test_events_are_offered_only_with_their_keys() -> None:
    assert {name for name, _ in operations(tracking=None)} == {"contacts", "identify", *BELOW}


def test_deletions_are_offered_only_where_they_are_allowed() -> None:
    assert {mode for _, mode in operations("refuse")} == {"append", "append_dedup", "update"}
    assert ("contacts", "soft_delete") in operations("unsubscribe")


def test_the_keys_are_those_to_choose_from() -> None:
    found = operations()
    assert found["contacts", "append_dedup"]["matching_keys"] == [["email"], ["id"]]
    assert found["contacts", "update"]["matching_keys"] == [["email"], ["id"]]
    assert found["contact_tags", "append_dedup"]["matching_keys"] == [["email", "tag"]]
    assert "matching_keys" not in found["contacts", "append"]
    assert found["contacts", "append"]["json_schema"]["required"] == ["email"]
    assert set(found["contacts", "soft_delete"]["json_schema"]["properties"]) == {"email", "id"}


def test_custom_fields_are_typed_columns_named_as_the_source_names_them() -> None:
    properties = operations()["contacts", "append_dedup"]["json_schema"]["properties"]
    assert properties["custom_birthday"]["format"] == "date"
    assert properties["custom_sports"]["type"] == ["null", "array"]
    assert properties["custom_grosse"]["type"] == ["null", "number"]
    assert not [
        name for name in operations()["contact_tags", "append"]["json_schema"]["properties"] if "custom" in name
    ]


def test_every_offered_column_finds_its_field() -> None:
    for (name, _), operation in operations().items():
        properties = list(operation["json_schema"]["properties"])
        kind = Objects().named(name)
        assert kind
        fields = FIELDS if kind.custom_fields else []
        assert list(Columns(name, kind.fields, fields, schema=properties).declared) == properties


def test_the_schemas_are_schemas() -> None:
    for operation in operations().values():
        jsonschema.Draft7Validator.check_schema(operation["json_schema"])
        for column in operation["json_schema"]["properties"].values():
            assert column["type"][0] == "null"


def configured(*streams: StreamSettings) -> list[str]:
    config = Config("https://acme.api-us1.com", "key", streams=streams)
    return [one.name for one in configured_objects(config, Objects())]


def test_the_rights_asked_for_are_those_of_the_configured_objects() -> None:
    assert configured(StreamSettings("x", object="contact_tags"), StreamSettings("y")) == ["contact_tags"]
    assert configured(StreamSettings("Contact Lists")) == ["contact_lists"]
    assert configured() == [one.name for one in OBJECTS]


def test_an_object_that_is_not_there_is_refused() -> None:
    with pytest.raises(ApiError, match="The stream x is to be written to people, which is no object") as refused:
        configured(StreamSettings("x", object="people"))
    assert refused.value.kind == "config"
