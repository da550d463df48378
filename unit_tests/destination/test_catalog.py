"""Streams of a configured catalog, and what they are written to."""

from typing import Any

import pytest

from destination_activecampaign.catalog import Mode, Target, targets_of
from destination_activecampaign.config import Config, StreamSettings
from destination_activecampaign.objects import Objects


def stream(name: str, *columns: str, sync_mode: Any = "append_dedup", **configured: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {column: {} for column in columns}}
    return {
        "stream": {"name": name, "json_schema": schema, "namespace": None},
        "sync_mode": "incremental",
        "destination_sync_mode": sync_mode,
        **configured,
    }


def targets(*streams: Any, settings: tuple[StreamSettings, ...] = ()) -> list[Target]:
    return targets_of(
        {"streams": list(streams)}, Config("https://acme.api-us1.com", "key", streams=settings), Objects()
    )


def target(*streams: Any, settings: tuple[StreamSettings, ...] = ()) -> Target:
    [found] = targets(*streams, settings=settings)
    return found


@pytest.mark.parametrize(
    ("sync_mode", "mode"),
    [
        ("append_dedup", Mode.UPSERT),
        ("append", Mode.UPSERT),
        ("overwrite", Mode.UPSERT),
        ("update", Mode.UPDATE),
        ("soft_delete", Mode.SOFT_DELETE),
    ],
)
def test_the_sync_mode_decides_what_is_done_and_no_generation_id_does(sync_mode: str, mode: Mode) -> None:
    generations = {"generation_id": 1, "minimum_generation_id": 1, "sync_id": 1}
    assert target(stream("contacts", sync_mode=sync_mode, **generations)).mode is mode


@pytest.mark.parametrize("sync_mode", ["append", "append_dedup", "overwrite"])
@pytest.mark.parametrize("name", ["events", "identify", "track", "page", "screen"])
def test_what_has_no_key_is_only_added(name: str, sync_mode: str) -> None:
    found = target(stream(name, "id", sync_mode=sync_mode, primary_key=[["id"]]))
    assert (found.mode, found.key, found.key_of({"id": 1})) == (Mode.APPEND, (), {})
    chosen = stream(name, "id", sync_mode=sync_mode, primary_key=[["id"]], destination_object_name=name)
    assert target(chosen).key == ()


@pytest.mark.parametrize("sync_mode", ["update", "soft_delete"])
def test_what_has_no_key_is_neither_updated_nor_deleted(sync_mode: str) -> None:
    sentence = f"^The stream track is to be written to track in the mode {sync_mode}, which they do not have"
    with pytest.raises(ValueError, match=sentence):
        targets(stream("track", sync_mode=sync_mode))
    with pytest.raises(ValueError, match="choose upsert or update or insert or soft_delete"):
        targets(stream("contacts"), settings=(StreamSettings("contacts", mode="append"),))


def test_a_key_of_what_has_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^The key of the stream done is of no use, as events has none: remove"):
        targets(stream("done"), settings=(StreamSettings("done", object="events", key=("event_id",)),))


def test_the_configuration_decides_on_the_mode_where_it_says_one() -> None:
    settings = (StreamSettings("contacts", mode="insert"),)
    assert target(stream("contacts", sync_mode="overwrite"), settings=settings).mode is Mode.INSERT


@pytest.mark.parametrize("sync_mode", [None, "merge", 7])
def test_an_unknown_sync_mode_is_refused(sync_mode: Any) -> None:
    with pytest.raises(ValueError, match=r"^The stream contacts has no sync mode that is known: append_dedup, append,"):
        targets(stream("contacts", sync_mode=sync_mode))


def test_the_object_is_what_airbyte_says_then_the_configuration_then_the_streams_name() -> None:
    settings = (StreamSettings("people", object="contact_tags"),)
    configured = stream("people", destination_object_name="contacts")
    assert target(configured, settings=settings).object == "contacts"
    assert target(stream("people"), settings=settings).object == "contact_tags"
    assert target(stream("Contact Lists")).object == "contact_lists"


def test_a_stream_that_is_no_object_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"people is to be written to people, .*: contacts, contact_tags, contact_lis"):
        targets(stream("people"))


def test_a_mode_that_an_object_does_not_have_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"in the mode update, which they do not have: choose upsert or soft_delete\.$"
    ):
        targets(stream("contact_tags", sync_mode="update"))


@pytest.mark.parametrize(
    ("configured", "settings", "key", "columns"),
    [
        # A primary key of the source's is none of the object's.
        (stream("contacts", "id", "email", primary_key=[["id"]]), StreamSettings("x"), ("email",), ("email",)),
        (stream("contacts", primary_key=[["Email"]]), StreamSettings("x"), ("email",), ("email",)),
        (stream("contacts", "id", "phone"), StreamSettings("x"), ("id",), ("id",)),
        (
            stream("people", "id", "email", primary_key=[["id"]], destination_object_name="contacts"),
            StreamSettings("x"),
            ("id",),
            ("id",),
        ),
        (stream("contacts", "id", "email"), StreamSettings("contacts", key=("ID",)), ("id",), ("ID",)),
        (
            stream("contacts", "mail", "id"),
            StreamSettings("contacts", fields={"mail": "Email"}),
            ("email",),
            ("mail",),
        ),
        (
            stream("contacts", "mail", "id"),
            StreamSettings("contacts", key=("mail",), fields={"mail": "email"}),
            ("email",),
            ("mail",),
        ),
        (stream("contact_tags", "tag", "E-Mail", "Email"), StreamSettings("x"), ("email", "tag"), ("Email", "tag")),
    ],
)
def test_the_key(configured: Any, settings: StreamSettings, key: Any, columns: Any) -> None:
    found = target(configured, settings=(settings,))
    assert (found.key, found.key_columns) == (key, columns)


@pytest.mark.parametrize("key", [("phone",), ("email", "id"), ("tag",)])
def test_a_key_that_tells_no_object_apart_is_refused(key: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"tells no contacts apart: it has to be email or id\.$"):
        targets(stream("contacts"), settings=(StreamSettings("contacts", key=key),))


def test_a_nested_matching_key_is_refused() -> None:
    configured = stream("people", destination_object_name="contacts", primary_key=[["person", "email"]])
    with pytest.raises(ValueError, match="has to be columns of it"):
        targets(configured)


def test_the_key_of_a_row_is_found_as_pyairbyte_spells_it() -> None:
    found = target(stream("contact_tags", "Email", "Tag"))
    assert found.key_of({"email": "ann@example.com", "tag": "vip", "x": 1}) == {
        "email": "ann@example.com",
        "tag": "vip",
    }


@pytest.mark.parametrize("catalog", [None, [], {}, {"streams": None}, {"streams": {}}])
def test_what_is_no_catalog_is_refused(catalog: Any) -> None:
    with pytest.raises(ValueError, match="The catalog holds no list of streams"):
        targets_of(catalog, Config("https://acme.api-us1.com", "key"), Objects())


@pytest.mark.parametrize("entry", [None, {}, {"stream": None}, {"stream": {"name": ""}}])
def test_a_stream_without_a_name_is_refused(entry: Any) -> None:
    with pytest.raises(ValueError, match="a stream without a name"):
        targets(entry)


@pytest.mark.parametrize("schema", [None, {}, {"properties": None}, True])
def test_a_stream_needs_no_schema(schema: Any) -> None:
    configured = {"stream": {"name": "contacts", "json_schema": schema}, "destination_sync_mode": "append"}
    assert target(configured).columns == ()


def test_a_stream_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="has the stream contacts twice"):
        targets(stream("contacts"), stream("contacts"))


def test_settings_of_streams_of_other_connections_do_no_harm() -> None:
    assert target(stream("contacts"), settings=(StreamSettings("orders", object="contacts"),)).stream == "contacts"


def test_columns_of_times_with_an_offset_are_known_from_the_schema() -> None:
    configured = stream("contacts", "email", "day")
    moment = {"type": ["null", "string"], "format": "date-time"}
    configured["stream"]["json_schema"]["properties"] |= {
        "seen": {**moment, "airbyte_type": "timestamp_with_timezone"},
        "born": moment,
        "local": {**moment, "airbyte_type": "timestamp_without_timezone"},
        "odd": None,
    }
    assert target(configured).moments == {"seen", "born"}


def test_columns_of_numbers_are_known_from_the_schema() -> None:
    configured = stream("contacts", "email")
    configured["stream"]["json_schema"]["properties"] |= {
        "score": {"type": ["null", "number"]},
        "price": {"type": "number"},
        "seats": {"type": ["null", "integer"]},
        "code": {"type": ["string", "number"]},
        "odd": {"type": [{}]},
    }
    assert target(configured).numbers == {"score", "price"}
