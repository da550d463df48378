"""What has to be there before events can be sent."""

import logging
from collections.abc import Collection

from activecampaign_client.account import Account
from activecampaign_client.answers import Limits, Request
from activecampaign_client.errors import ApiError
from activecampaign_client.tracking import is_off
from destination_activecampaign.config import Config, Tracking

LOGGER = logging.getLogger(__name__)


def required_tracking(
    config: Config, account: Account, objects: Collection[str], limits: Limits | None = None
) -> Tracking:
    """The tracking keys, once the account says that it tracks what is to be sent to these objects.

    Raises ApiError, of the kind "config", where there are no keys, and where the account tracks nothing.
    """
    if config.tracking is None:
        raise ApiError(
            f"Without the keys of tracking, nothing can be written to {', '.join(sorted(objects))}. Copy actid and "
            "Event Key from Settings > Tracking in ActiveCampaign into Event Tracking of the configuration.",
            kind="config",
        )
    # https://developers.activecampaign.com/reference/retrieve-event-tracking-status and its sibling for sites.
    asked = {"eventTracking": set(objects) - {"page"}, "siteTracking": set(objects) & {"page"}}
    for path, affected in asked.items():
        if affected and _says_off(account, path, limits):
            raise ApiError(
                f"ActiveCampaign does not save what is written to {', '.join(sorted(affected))}, as "
                f"{'site' if path == 'siteTracking' else 'event'} tracking is off. Turn it on under Settings > "
                "Tracking in ActiveCampaign.",
                kind="config",
            )
    return config.tracking


def _says_off(account: Account, path: str, limits: Limits | None) -> bool:
    try:
        return is_off(account.send(Request(path, stream="events", record_key=path), limits).body, path)
    except ApiError as error:
        if error.kind == "transient":
            raise
        # Whoever may not look may be allowed to send all the same.
        LOGGER.info("Whether tracking is on cannot be seen: %s", error)
        return False
