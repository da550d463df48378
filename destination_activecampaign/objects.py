"""The objects of an account that rows are written to, and who writes them."""

import logging
from collections.abc import Iterator, Sequence

from activecampaign_client.account import Account
from activecampaign_client.errors import ApiError
from destination_activecampaign.catalog import ObjectType, Target
from destination_activecampaign.columns import form
from destination_activecampaign.config import Config
from destination_activecampaign.contacts.objects import CONTACT_OBJECTS
from destination_activecampaign.contacts.pipeline import ContactsWriter
from destination_activecampaign.directory import Directory
from destination_activecampaign.events.objects import EVENT_OBJECTS
from destination_activecampaign.events.pipeline import EventsWriter
from destination_activecampaign.records.accounts import ACCOUNTS
from destination_activecampaign.records.custom_objects import PREFIX, types_of
from destination_activecampaign.records.deals import DEALS
from destination_activecampaign.records.pipeline import RecordsWriter
from destination_activecampaign.writer import Settle, Writer
from destination_activecampaign.writers import Family, Writers

LOGGER = logging.getLogger(__name__)

# Those that every account has, but for its custom objects.
OBJECTS: Sequence[ObjectType] = (*CONTACT_OBJECTS, ACCOUNTS, DEALS, *EVENT_OBJECTS)


def _is_of_custom_object(name: str) -> bool:
    return name.startswith(PREFIX)


# Who writes what: objects that others name come before these.
FAMILIES: Sequence[Family] = (
    Family(ACCOUNTS.name.__eq__, RecordsWriter),
    Family(frozenset(one.name for one in CONTACT_OBJECTS).__contains__, ContactsWriter),
    Family(lambda name: name == DEALS.name or _is_of_custom_object(name), RecordsWriter),
    Family(frozenset(one.name for one in EVENT_OBJECTS).__contains__, EventsWriter),
)


class Objects:
    """The objects of an account, see `catalog.ObjectTypes`.

    Its custom objects are read once, where a name asks for one, or all objects are wanted.

    >>> Objects().named("Contact Tags").name
    'contact_tags'
    """

    def __init__(self, directory: Directory | None = None) -> None:
        self._directory = directory
        self._names = [*(one.name for one in OBJECTS), f"{PREFIX}..."]

    @property
    def usual(self) -> Sequence[ObjectType]:
        return [one for one in OBJECTS if not one.is_optional]

    @property
    def names(self) -> Sequence[str]:
        return self._names

    def named(self, name: str) -> ObjectType | None:
        objects = self._custom() if _is_of_custom_object(form(name)) else OBJECTS
        return next((one for one in objects if form(one.name) == form(name)), None)

    def __iter__(self) -> Iterator[ObjectType]:
        yield from OBJECTS
        try:
            yield from self._custom()
        except ApiError as error:
            if error.kind != "config":
                raise
            LOGGER.info("There are no custom objects: %s", error)

    def _custom(self) -> Sequence[ObjectType]:
        found = types_of(self._directory.schemas) if self._directory else ()
        self._names = [one.name for one in (*OBJECTS, *found)]
        return found


def writer_of(
    targets: Sequence[Target], account: Account, config: Config, settle: Settle, directory: Directory
) -> Writer:
    """The writer of all streams of a sync.

    Raises ApiError, of the kind "config" with a sentence, where a stream cannot be written as it is configured.
    """
    return Writers(FAMILIES, targets, account, config, settle, directory)
