"""What the connector prints is in the list of messages, whatever goes wrong."""

from collections.abc import Callable

from emulator import Emulator, Fault
from integration_tests.source.connector import Connector, configured
from unit_tests.listed_messages import said_in, unlisted

Connect = Callable[..., Connector]


def test_given_trouble_of_many_kinds_when_read_then_every_message_is_listed(
    emulator: Emulator, connect: Connect
) -> None:
    connector = connect(emulator, api_key=emulator.keys["nocrm"])
    discovered = connector.discover()
    faults = [Fault("html", "/contacts", times=2, after=1), Fault("envelope", "/tags"), Fault("404", "/users")]
    emulator.settings.patch({"forbidden": ["/lists"], "faults": faults})
    names = ("contacts", "deals", "lists", "tags", "users")
    states = [{"contacts": {"udate": "yesterday"}, "gone": {"id": 1}}]
    read = connector.read(configured(discovered.catalog, *names), states)
    assert read.exit_code == 1
    assert sorted(read.statuses.items()) == [("contacts", "COMPLETE"), *((name, "INCOMPLETE") for name in names[1:])]
    messages = [*discovered.messages, *read.messages, *connect(emulator, api_key="wrong-0123").check().messages]
    assert len({said_in(message) for message in messages}) > 20
    assert unlisted(messages) == []
