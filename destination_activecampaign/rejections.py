"""Rows that cannot be written: why, how many, and where they are kept."""

from typing import NamedTuple


class Rejection(NamedTuple):
    """Why a row cannot be written.

    `code` is one word for programs, such as `email_invalid`; `sentence` is for the person who mends the row, and has
    no value of it: it stands in the log, too.

    >>> Rejection("exists", "The contact exists already, and the mode insert only creates.").code
    'exists'
    """

    code: str
    sentence: str
