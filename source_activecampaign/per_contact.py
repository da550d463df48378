"""Streams that are read contact by contact: what one contact refuses costs the others nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.exception_handler import generate_failed_streams_error_message
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateBlob,
    AirbyteStreamState,
    AirbyteStreamStatus,
    FailureType,
    StreamDescriptor,
)
from airbyte_cdk.sources.streams.core import StreamData
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client.errors import ApiError
from source_activecampaign.builder import TestRead
from source_activecampaign.contact_failures import ContactFailures, Contacts
from source_activecampaign.retriever import PageRetriever
from source_activecampaign.runs import traced
from source_activecampaign.states import FAILED_CONTACTS


@dataclass
class ContactRetriever(PageRetriever):
    """Reads the rows of one contact; where they cannot be had, that is noted, and the next one is read."""

    def _records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice, test_read: TestRead | None
    ) -> Iterator[StreamData]:
        failures = self.run.contact_failures(self.name)
        if failures.are_general:
            return
        contact = str(stream_slice.partition["contact"])
        try:
            yield from super()._records(records_schema, stream_slice, test_read)
            failures.answered(contact)
        except ApiError as error:
            failures.failed(contact, stream_slice.extra_fields.get("udate"), error)


@dataclass
class ChangedContacts(PageRetriever):
    """Reads the contacts that have changed, and after them those that the last sync could not read."""

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[StreamData]:
        failures = self.run.contact_failures(self.reader)
        missing = dict(failures.before)
        for contact in super().read_records(records_schema, stream_slice):
            if failures.are_general:
                return
            if isinstance(contact, Mapping):
                missing.pop(str(contact.get("id")), None)
            yield contact
        for identifier, updated in missing.items():
            yield {"id": identifier, "udate": updated}


def with_failures(
    messages: Iterable[AirbyteMessage], failures: Mapping[str, ContactFailures]
) -> Iterator[AirbyteMessage]:
    """The messages of a read, with what single contacts of these streams have failed with.

    Their states name the contacts whose rows are missing. A stream that misses some ends as INCOMPLETE with an error,
    and the read raises in the end, as it does for every stream that failed.
    """
    ended: set[str] = set()
    errors: dict[str, AirbyteTracedException] = {}
    for message in messages:
        state = message.state.stream if message.state else None
        status = message.trace.stream_status if message.trace else None
        if state and (name := state.stream_descriptor.name) in failures:
            # The CDK's last state of a stream comes after its last status.
            _name_in(state, failures[name].to_ask_again(ended=name in ended))
        elif status and status.status in _ENDS and (name := status.stream_descriptor.name) in failures:
            ended.add(name)
            if error := failures[name].error():
                errors[name] = traced(error)
                yield errors[name].as_airbyte_message(stream_descriptor=StreamDescriptor(name=name))
                status.status = AirbyteStreamStatus.INCOMPLETE
        yield message
    if errors:
        raise AirbyteTracedException(
            message=generate_failed_streams_error_message({name: [error] for name, error in errors.items()}),
            internal_message="The rows of some contacts could not be read.",
            # As the CDK does for the sentence that sums up those of the streams.
            failure_type=FailureType.config_error,
        )


_ENDS = (AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE)


def _name_in(state: AirbyteStreamState, contacts: Contacts) -> None:
    """Put these contacts into a state, in place of those that it has."""
    found = dict(state.stream_state.__dict__) if state.stream_state else {}
    found.pop(FAILED_CONTACTS, None)
    state.stream_state = AirbyteStateBlob({**found, **({FAILED_CONTACTS: dict(contacts)} if contacts else {})})
