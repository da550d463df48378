"""Why a row about what a contact did is rejected; no sentence has a value of it."""

from destination_activecampaign.rejections import Rejection

EVENT_MISSING = Rejection("event_missing", "The row has no name of an event.")
EVENT_NAME_TOO_LONG = Rejection(
    "event_name_too_long", "The name of the event has more than 32 characters, the most that ActiveCampaign takes."
)
URL_MISSING = Rejection("url_missing", "The row has no URL of a page.")
URL_INVALID = Rejection("value_invalid", "The URL of the page is none of a website.")
SITE_REFUSED = Rejection(
    "site_refused",
    "ActiveCampaign does not track the site of the page, and did not let it be allowed. Allow it under Settings > "
    "Tracking in ActiveCampaign.",
)
