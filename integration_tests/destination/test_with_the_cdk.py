"""The destination as an object of the CDK, for whoever drives it from Python."""

import logging

import pytest
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteRecordMessage,
    ConfiguredAirbyteCatalogSerializer,
    Status,
    Type,
)

from activecampaign_client.errors import ApiError
from destination_activecampaign import DestinationActiveCampaign, destination
from emulator import Emulator
from integration_tests.destination.connector import configured
from unit_tests.destination.fake_writer import fake_writer_of

CATALOG = ConfiguredAirbyteCatalogSerializer.load(configured("contacts"))


@pytest.fixture
def config(emulator: Emulator) -> dict[str, object]:
    return {"api_url": emulator.url, "api_key": emulator.api_key, "requests_per_second": 100}


def row(**data: object) -> AirbyteMessage:
    return AirbyteMessage(type=Type.RECORD, record=AirbyteRecordMessage(stream="contacts", data=data, emitted_at=1))


def state(name: str = "contacts") -> AirbyteMessage:
    stream = {"stream_descriptor": {"name": name}, "stream_state": {"at": 1}}
    return AirbyteMessageSerializer.load({"type": "STATE", "state": {"type": "STREAM", "stream": stream}})


def test_messages_go_in_and_states_come_out(monkeypatch: pytest.MonkeyPatch, config: dict[str, object]) -> None:
    monkeypatch.setattr(destination, "writer_of", fake_writer_of)
    said = list(DestinationActiveCampaign().write(config, CATALOG, [row(email="ann@example.com"), state()]))
    [acknowledged] = [message.state for message in said if message.state]
    assert acknowledged.destinationStats
    assert acknowledged.destinationStats.recordCount == 1.0


def test_an_error_is_raised_after_what_was_acknowledged(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, object]
) -> None:
    monkeypatch.setattr(destination, "writer_of", fake_writer_of)
    messages = DestinationActiveCampaign().write(
        config, CATALOG, [row(do="CREATED"), state(), row(do="fail"), row(), state()]
    )
    assert next(messages).state
    with pytest.raises(ApiError, match="did not accept the API key"):
        list(messages)


def test_check_is_answered(config: dict[str, object]) -> None:
    connector = DestinationActiveCampaign()
    assert connector.check(logging.getLogger("airbyte"), config).status is Status.SUCCEEDED
    assert connector.check(logging.getLogger("airbyte"), {**config, "api_key": "wrong"}).status is Status.FAILED
