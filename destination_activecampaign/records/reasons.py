"""Why a row of accounts, deals or custom objects is rejected, beyond what any row may be.

No sentence has a value of a row: it stands in the log, too.
"""

from destination_activecampaign.rejections import Rejection

KEY_MISSING = Rejection("key_missing", "The row has no value in the column by which its record is known.")
NO_MATCH = Rejection("no_match", "The account has no record with this id, and the id of a new one cannot be chosen.")
EXISTS = Rejection("exists", "The account has this record already, and the mode insert only creates.")
NAME_TAKEN = Rejection("exists", "Another company account has this name already.")
AMBIGUOUS_KEY = Rejection(
    "ambiguous_key", "Several records of the account have this key, so that it is not known which of them is meant."
)
CANNOT_UNSUBSCRIBE = Rejection(
    "deletion_refused",
    "Only contacts can be unsubscribed, and the connection does not allow to delete: choose delete under Deletions.",
)
UNKNOWN_OWNER = Rejection(
    "unknown_owner", "The account has no user, or several, with this id, email address, username or name."
)
UNKNOWN_CONTACT = Rejection("unknown_contact", "The account has no contact with this id or email address.")
UNKNOWN_PIPELINE = Rejection("unknown_pipeline", "The account has no pipeline, or several, with this id or name.")
UNKNOWN_STAGE = Rejection(
    "unknown_stage",
    "The pipeline has no stage, or several pipelines have one, with this id or name: give the pipeline as group, too.",
)
DEAL_HIDDEN = Rejection(
    "deal_hidden", "The key's user may not open the pipeline of the deal, or that pipeline is there no more."
)


def unknown_option(sentence: str) -> Rejection:
    """A choice that its field does not offer; the sentence names the field."""
    return Rejection("unknown_option", f"{sentence} Add the option in ActiveCampaign, or correct the row.")
