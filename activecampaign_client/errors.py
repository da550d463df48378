"""What can go wrong with an account, as sentences for the person who can act on them."""

from typing import Literal

# Who can do something about it: the user, by changing the configuration or the account; time alone; the maintainers.
Kind = Literal["config", "transient", "system"]


class ApiError(Exception):
    """Something that ActiveCampaign answered, or did not, and that ends what was asked for.

    `str(error)` is the sentence for people; `detail` is for the log of a maintainer, without personal data.

    >>> error = ApiError("ActiveCampaign did not accept the API key.", kind="config")
    >>> str(error), error.kind
    ('ActiveCampaign did not accept the API key.', 'config')
    """

    def __init__(self, sentence: str, *, kind: Kind, detail: str = "") -> None:
        super().__init__(sentence)
        self.kind: Kind = kind
        self.detail = detail


class UnstableOrder(ApiError):
    """The rows of a listing change places while it is read, so that some could be missed."""
