"""The objects of an account that rows are written to, and who writes them."""

from collections.abc import Mapping, Sequence

from activecampaign_client.account import Account
from destination_activecampaign.catalog import ObjectType, Target
from destination_activecampaign.config import Config
from destination_activecampaign.contacts.objects import CONTACT_OBJECTS
from destination_activecampaign.contacts.pipeline import ContactsWriter
from destination_activecampaign.writer import Settle, Writer

OBJECTS: Mapping[str, ObjectType] = {one.name: one for one in CONTACT_OBJECTS}


def writer_of(targets: Sequence[Target], account: Account, config: Config, settle: Settle) -> Writer:
    """The writer of all streams of a sync.

    Raises ApiError, of the kind "config" with a sentence, where a stream cannot be written as it is configured.
    """
    return ContactsWriter(targets, account, config, settle)
