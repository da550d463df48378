"""The objects of an account that rows are written to, and who writes them."""

from collections.abc import Sequence

from activecampaign_client.account import Account
from destination_activecampaign.catalog import Target
from destination_activecampaign.config import Config
from destination_activecampaign.writer import Settle, Writer


def writer_of(targets: Sequence[Target], account: Account, config: Config, settle: Settle) -> Writer:
    """The writer of all streams of a sync.

    Raises ApiError, of the kind "config" with a sentence, where a stream cannot be written as it is configured.
    """
    raise NotImplementedError
