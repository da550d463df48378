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


def not_written(fields: Iterable[str]) -> Rejection:
    """The API said that it has written the row, and what it shows since is something else."""
    return Rejection(
        "not_written",
        f"ActiveCampaign accepted the row, but has other values than it in: {', '.join(fields)}.",
    )


def api_refused(said: str, status: int, sent: Iterable[str]) -> Rejection:
    """
    >>> api_refused("The value `ann@example.com` could not be saved", 422, ["ann@example.com"]).sentence
    'ActiveCampaign refused the row (HTTP 422): The value `[...]` could not be saved.'
    """
    for value in sorted({text for text in sent if text}, key=len, reverse=True):
        said = said.replace(value, "[...]")
    return Rejection("api_refused", f"ActiveCampaign refused the row (HTTP {status}){f': {said}' if said else ''}.")
