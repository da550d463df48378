"""What one command has decided, and the account that all of its streams share."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.call_rate import APIBudget
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client.account import Account
from activecampaign_client.answers import PROOF
from activecampaign_client.errors import ApiError
from source_activecampaign.config import validate
from source_activecampaign.contact_failures import ContactFailures
from source_activecampaign.sideloads import Sideloads

# What the client logs is for Airbyte's log, too, which by itself shows no more than warnings of others.
logging.getLogger("activecampaign_client").setLevel(logging.INFO)

_KINDS: Mapping[str, FailureType] = {
    "config": FailureType.config_error,
    "transient": FailureType.transient_error,
    "system": FailureType.system_error,
}


class Run(APIBudget):
    """One command: its account, and what was decided for it before anything is read.

    It is an APIBudget because that is what the CDK hands to every custom component that asks for one.
    """

    def __init__(
        self,
        account: Account,
        *,
        reads_catalog: bool = False,
        sideloads: Sideloads | None = None,
        shared_listings: frozenset[str] = frozenset(),
        failures: Mapping[str, ContactFailures] | None = None,
    ) -> None:
        super().__init__(policies=[])
        self.account = account
        # The catalog is configured, so nobody needs schemas with the custom fields that the account has by now.
        self.reads_catalog = reads_catalog
        self.sideloads = sideloads or Sideloads(account)
        # The listings that more than one of the selected streams asks for.
        self.shared_listings = shared_listings
        self._failures = dict(failures or {})

    def contact_failures(self, stream: str) -> ContactFailures:
        """What became of the contacts of a stream that is read contact by contact.

        Where nobody was there before to tell of them in the end, the first one ends the stream.
        """
        with _lock:
            return self._failures.setdefault(stream, ContactFailures(stream, in_a_row=1))


def account_of(config: Mapping[str, Any], requests_per_second: float) -> Account:
    """The account of a configuration in its canonical form."""
    return Account(
        config["api_url"], config["api_key"], requests_per_second, user_agent="airbyte-source-activecampaign"
    )


_runs: WeakKeyDictionary[APIBudget, Run] = WeakKeyDictionary()
_lock = Lock()


def run_of(budget: APIBudget | None, config: Mapping[str, Any]) -> Run:
    """The run that a component belongs to.

    Airbyte's tools that work on the manifest alone, such as the Connector Builder, know nothing of runs and hand over
    the budget that they made of the manifest, or none: the components that share it share a run of their own.
    """
    if isinstance(budget, Run):
        return budget
    with _lock:
        run = _runs.get(budget) if budget else None
        if run is None:
            validate(config)
            run = Run(account_of(config, config["requests_per_second"]))
            if budget:
                _runs[budget] = run
        return run


def make_sure_of_key(account: Account) -> None:
    """Find out, once, whether API URL and key are right: to be asked before a refusal is taken for a permission.

    Raises ApiError, with the sentence that `check` has.
    """
    account.once("proof of the key", lambda: account.send(PROOF))


@contextmanager
def airbyte_errors() -> Iterator[None]:
    """Turn what the account's client raises into what Airbyte shows: the same sentence, and who can act on it."""
    try:
        yield
    except ApiError as error:
        raise traced(error) from error


def traced(error: ApiError) -> AirbyteTracedException:
    return AirbyteTracedException(
        message=str(error),
        # Airbyte shows it, too: in the message that sums up the streams that failed.
        internal_message=f"{error} ({error.detail})" if error.detail else str(error),
        failure_type=_KINDS[error.kind],
        exception=error,
    )
