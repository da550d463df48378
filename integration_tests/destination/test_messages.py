"""What the destination prints is in the list of messages, whatever goes wrong."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from emulator import Emulator, Fault
from integration_tests.destination.connector import REAL, Destination, Process, configured, line, record, state
from unit_tests.listed_messages import said_in, unlisted

Configure = Callable[..., Destination]


def messages_of(process: Process) -> list[Mapping[str, Any]]:
    return [json.loads(one) for one in process.lines]


def test_given_trouble_of_many_kinds_when_written_then_every_message_is_listed(
    configure: Configure, emulator: Emulator
) -> None:
    destination = configure(streams=[{"stream": "elsewhere"}])
    written = destination.write(
        configured("contacts", "contact_tags"),
        [
            record(email="ann@example.com", firstName="Ann", tags=["new"], unheard_of=1),
            record(email="no address"),
            record(email="no other"),
            record(email="ben@example.com", lists=["no list of this account"]),
            record("contact_tags", email="ann@example.com"),
            record("strange", email="ann@example.com"),
            b"garbage\n",
            b'{"type":"RECORD"\n',
            line("STATE", state={"type": "STREAM"}),
            state(),
        ],
        REAL,
    )
    assert written.exit_code == 0
    assert written.summary["streams"]
    emulator.settings.patch({"forbidden": ["/lists"], "faults": [Fault("envelope", "/tags")]})
    failed = destination.write(configured("contacts"), [record(email="ann@example.com", tags=["another"])], REAL)
    assert failed.exit_code == 1
    [error] = failed.errors_traced
    assert error["internal_message"] == f"{error['message']} (unexpected envelope for tags)"
    refused = destination.write(configured("people"), module=REAL)
    messages = [one for run in (written, failed, refused, destination.check()) for one in messages_of(run)]
    assert len({said_in(message) for message in messages}) > 15
    assert unlisted(messages) == []
