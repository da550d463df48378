"""Which kinds of records there are."""

from collections.abc import Sequence

from activecampaign_client.account import Account
from destination_activecampaign.catalog import Target
from destination_activecampaign.config import Config
from destination_activecampaign.directory import Directory
from destination_activecampaign.records.accounts import ACCOUNTS, Accounts
from destination_activecampaign.records.custom_objects import CustomObjects, types_of
from destination_activecampaign.records.deals import DEALS, Deals
from destination_activecampaign.records.kind import Kind


def kinds_of(targets: Sequence[Target], account: Account, config: Config, directory: Directory) -> dict[str, Kind]:
    """The kinds that these streams are written to, by the name of their object.

    Raises ApiError where what the account calls their fields cannot be read.
    """
    found: dict[str, Kind] = {}
    for name in dict.fromkeys(target.object for target in targets):
        if name == ACCOUNTS.name:
            found[name] = Accounts(account, directory)
        elif name == DEALS.name:
            found[name] = Deals([one for one in targets if one.object == name], account, config, directory)
        else:
            schemas = directory.schemas
            of_schema = {kind.name: (kind, one) for kind, one in zip(types_of(schemas), schemas, strict=True)}
            found[name] = CustomObjects(*of_schema[name], account, directory)
    return found
