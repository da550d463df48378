"""The objects of an account that rows are written to, and who writes them."""

from collections.abc import Iterator, Sequence

from activecampaign_client.account import Account
from destination_activecampaign.catalog import ObjectType, Target
from destination_activecampaign.columns import form
from destination_activecampaign.config import Config
from destination_activecampaign.contacts.objects import CONTACT_OBJECTS
from destination_activecampaign.contacts.pipeline import ContactsWriter
from destination_activecampaign.directory import Directory
from destination_activecampaign.events.objects import EVENT_OBJECTS
from destination_activecampaign.events.pipeline import EventsWriter
from destination_activecampaign.writer import Settle, Writer
from destination_activecampaign.writers import Family, Writers

# Those that every account has.
OBJECTS: Sequence[ObjectType] = (*CONTACT_OBJECTS, *EVENT_OBJECTS)

# Who writes what: objects that others name come before these.
FAMILIES: Sequence[Family] = (
    Family(frozenset(one.name for one in CONTACT_OBJECTS).__contains__, ContactsWriter),
    Family(frozenset(one.name for one in EVENT_OBJECTS).__contains__, EventsWriter),
)


class Objects:
    """The objects of an account, see `catalog.ObjectTypes`.

    >>> Objects().named("Contact Tags").name
    'contact_tags'
    """

    def named(self, name: str) -> ObjectType | None:
        return next((one for one in self if form(one.name) == form(name)), None)

    def __iter__(self) -> Iterator[ObjectType]:
        return iter(OBJECTS)


def writer_of(
    targets: Sequence[Target], account: Account, config: Config, settle: Settle, directory: Directory
) -> Writer:
    """The writer of all streams of a sync.

    Raises ApiError, of the kind "config" with a sentence, where a stream cannot be written as it is configured.
    """
    return Writers(FAMILIES, targets, account, config, settle, directory)
