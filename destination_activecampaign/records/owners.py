"""Who owns a record."""

from typing import Any

from destination_activecampaign.cells import Rejected, identifier_of
from destination_activecampaign.directory import Directory
from destination_activecampaign.records import reasons


def owner_of(given: Any, directory: Directory) -> str | None:
    """The id of the user with an id, an email address, a username or a name; None where none is given.

    Raises Rejected where there is none, or several.
    """
    name = identifier_of(given)
    if not name:
        return None
    found = directory.users_called(name)
    if len(found) != 1:
        raise Rejected(reasons.UNKNOWN_OWNER)
    return next(iter(found))
