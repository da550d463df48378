"""The protocol's messages that the CDK does not send by itself, or not as they should be."""

import time
from collections.abc import Iterable, Iterator, Mapping

from airbyte_cdk.models import (
    AirbyteEstimateTraceMessage,
    AirbyteMessage,
    AirbyteStreamStatus,
    AirbyteTraceMessage,
    EstimateType,
    FailureType,
    StreamDescriptor,
    TraceType,
    Type,
)
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


def estimate(stream: str, rows: int) -> AirbyteMessage:
    """The protocol's message about how many rows a stream is going to have."""
    return AirbyteMessage(
        type=Type.TRACE,
        trace=AirbyteTraceMessage(
            type=TraceType.ESTIMATE,
            emitted_at=time.time() * 1000,
            estimate=AirbyteEstimateTraceMessage(name=stream, type=EstimateType.STREAM, row_estimate=rows),
        ),
    )


# What the error that ends a read is: what can be done about at least one of its streams, the least effort first.
_KINDS = (FailureType.transient_error, FailureType.config_error, FailureType.system_error)


def with_kind_of_failures(messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
    """The messages of a read as they are; the error that ends it where streams failed gets the kind of their failures.

    The CDK calls it a config_error whatever happened, and Airbyte does not try again after one of those. Where a
    stream failed for a passing reason another attempt is worth it.
    """
    kinds: set[FailureType] = set()
    try:
        for message in messages:
            error = message.trace.error if message.trace else None
            if error and error.stream_descriptor and error.failure_type:
                kinds.add(error.failure_type)
            yield message
    except AirbyteTracedException as error:
        if error.failure_type is FailureType.config_error:
            error.failure_type = next((kind for kind in _KINDS if kind in kinds), error.failure_type)
        raise


def with_reasons(
    messages: Iterable[AirbyteMessage], missing: Mapping[str, AirbyteTracedException]
) -> Iterator[AirbyteMessage]:
    """The messages of a read; of streams that are `missing` by then, the reason comes before the status.

    The CDK says nothing of the streams of a catalog where it has none of them: then both come here.
    """
    told = set()
    for message in messages:
        status = message.trace.stream_status if message.trace else None
        if status and (reason := missing.get(status.stream_descriptor.name)):
            told.add(status.stream_descriptor.name)
            yield reason.as_airbyte_message(stream_descriptor=status.stream_descriptor)
        yield message
    for name in sorted(missing.keys() - told):
        stream = StreamDescriptor(name=name)
        yield missing[name].as_airbyte_message(stream_descriptor=stream)
        yield as_airbyte_message(stream, AirbyteStreamStatus.INCOMPLETE)
