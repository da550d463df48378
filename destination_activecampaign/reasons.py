"""Why a row is rejected, whatever it is about; each object has reasons of its own besides.

No sentence has a value of a row: it stands in the log, too.
"""

from collections.abc import Iterable

from destination_activecampaign.rejections import Rejection

UNKNOWN_ACCOUNT = Rejection(
    "unknown_account",
    "The account has no such company account. Create it there, or let create_missing in the configuration have "
    "accounts.",
)
OPTION_NOT_CREATED = Rejection("unknown_option", "ActiveCampaign did not create an option that the row needs.")


def value_invalid(sentence: str) -> Rejection:
    """A value that its field does not take; the sentence names the field."""
    return Rejection("value_invalid", sentence)


def unknown_option(sentence: str) -> Rejection:
    """A choice that its field does not offer; the sentence names the field."""
    return Rejection(
        "unknown_option", f"{sentence} Add the option there, or let create_missing in the configuration have options."
    )


def not_written(fields: Iterable[str], said: str = "") -> Rejection:
    """The API said that it has written the row, and what it shows since is something else."""
    return Rejection(
        "not_written",
        f"ActiveCampaign accepted the row, but has other values than it in: {', '.join(fields)}.",
        detail=said,
    )


def api_refused(said: str, status: int) -> Rejection:
    """
    >>> api_refused("The value `x` could not be saved", 422)[1:]
    ('ActiveCampaign refused the row (HTTP 422).', 'The value `x` could not be saved')
    """
    return Rejection("api_refused", f"ActiveCampaign refused the row (HTTP {status}).", detail=said)
