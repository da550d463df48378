"""Why a row about a contact is rejected: every code, with its sentence.

No sentence has a value of a row: it stands in the log, too.
"""

from activecampaign_client.answers import Answer, codes_in, said_by
from destination_activecampaign.reasons import api_refused
from destination_activecampaign.rejections import Rejection

EMAIL_MISSING = Rejection("email_missing", "The row has no email address, by which its contact is known.")
EMAIL_INVALID = Rejection("email_invalid", "The email address is none that ActiveCampaign takes.")
ID_MISSING = Rejection("id_missing", "The row has no id, by which its contact is known.")
NO_MATCH = Rejection("no_match", "The account has no contact with this id, and the id of a new one cannot be chosen.")
EXISTS = Rejection("exists", "The account has this contact already, and the mode insert only creates.")
EMAIL_TAKEN = Rejection("exists", "Another contact of the account has this email address already.")
TAG_MISSING = Rejection("tag_missing", "The row has no tag.")
UNKNOWN_TAG = Rejection(
    "unknown_tag", "The account has no such tag. Create it there, or let create_missing in the configuration have tags."
)
LIST_MISSING = Rejection("list_missing", "The row has no list.")
UNKNOWN_LIST = Rejection("unknown_list", "The account has no list with this id, string id or name; none is created.")
AMBIGUOUS_LIST = Rejection("unknown_list", "Several lists of the account have this name: give the id instead.")
ACCOUNT_MISSING = Rejection("account_missing", "The row has no company account.")

EXCLUDED = Rejection("excluded", "The email address is on the account's exclusion list.")
BOUNCED = Rejection("bounced", "Messages to the email address have bounced, and ActiveCampaign imports it no more.")
LIST_BOUNCED = Rejection(
    "bounced",
    "Messages to the contact have bounced, which ended its subscription to the list; whatever else the row "
    "says was written.",
)
RESUBSCRIBE_REFUSED = Rejection(
    "resubscribe_refused",
    "The contact has unsubscribed from the list, and the configuration does not let it be subscribed again; whatever "
    "else the row says was written.",
)
AMBIGUOUS_FIELD = Rejection(
    "ambiguous_field", "An entry of fieldInfo has the name of several custom fields: give the id of one instead."
)


def malformed(said: str) -> Rejection:
    """What the importer says of a contact that it does not take."""
    return EMAIL_INVALID if "email" in said else api_refused(said, 400)


def refused(answer: Answer) -> Rejection:
    """Why the API refused a write (400, 404, 409, 413, 422): by its code, else in its own words.

    Codes as documented and as seen: https://developers.activecampaign.com/reference/errors
    """
    if answer.request.path.partition("/")[0] in ("contact", "contacts"):
        if "email_invalid" in codes_in(answer):
            return EMAIL_INVALID
        if "duplicate" in codes_in(answer, about="email"):
            return EMAIL_TAKEN
    return api_refused(said_by(answer), answer.status)
