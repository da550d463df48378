"""Which kinds of records there are."""

from collections.abc import Sequence

from activecampaign_client.account import Account
from destination_activecampaign.catalog import Target
from destination_activecampaign.config import Config
from destination_activecampaign.directory import Directory
from destination_activecampaign.records.accounts import Accounts
from destination_activecampaign.records.kind import Kind


def kinds_of(targets: Sequence[Target], account: Account, config: Config, directory: Directory) -> dict[str, Kind]:
    """The kinds that these streams are written to, by the name of their object.

    Raises ApiError where what the account calls their fields cannot be read.
    """
    return {name: Accounts(account, directory) for name in dict.fromkeys(target.object for target in targets)}
