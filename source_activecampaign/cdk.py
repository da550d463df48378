"""The CDK's inside: every private name of it that the connector touches, and why.

`PRIVATE_NAMES` lists them; a test makes sure that each is still there and still does what is relied on.
"""

import logging
from collections.abc import Mapping
from typing import Any

from airbyte_cdk.models import AirbyteStateMessage, ConfiguredAirbyteCatalog, FailureType
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_activecampaign.config import refusal
from source_activecampaign.custom_objects import is_custom_object
from source_activecampaign.runs import Run

PRIVATE_NAMES: Mapping[str, str] = {
    "_constructor._api_budget": "what is handed to every component: ours instead of a budget made of the manifest's",
    "_concurrent_source._queue": "the records that wait for a slow reader, of which there are fewer here",
    "_validate_source": "checks the manifest against its schema at every start; a test does it, once for all",
}

# Records that wait for a slow reader of stdout: the CDK's 10,000 can be a hundred megabytes of contacts.
RECORDS_IN_MEMORY = 2000


def _is_news(entry: logging.LogRecord) -> bool:
    """Whether a log entry of the CDK says what the docs do not: rows without a date come along, see SinceFilter."""
    said = str(entry.msg)
    return not (said.startswith("Could not find cursor field `") and said.endswith("will assume it needs to be synced"))


logging.getLogger("airbyte").addFilter(_is_news)


class ManifestSource(ConcurrentDeclarativeSource):
    """The source that a manifest declares, for one command: its configuration, catalog and state are known.

    `missing` are the streams that the catalog has and the connector or the account has not, each with the reason, those
    of custom objects as far as they have been looked for: the other streams are read.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any],
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog | None = None,
        state: list[AirbyteStateMessage] | None = None,
    ) -> None:
        # Of a budget in the manifest the CDK would make one of its own for every command.
        unbudgeted = {key: value for key, value in manifest.items() if key != "api_budget"}
        super().__init__(catalog=catalog, config=config, state=state, source_config=unbudgeted)
        self._concurrent_source._queue.maxsize = RECORDS_IN_MEMORY
        self.missing: dict[str, AirbyteTracedException] = {}
        self._reads = catalog is not None
        names = [one.stream.name for one in catalog.streams] if catalog else []
        self._custom_objects = list(filter(is_custom_object, names))

    def belongs_to(self, run: Run) -> None:
        """Hand this run to every component that is built from now on."""
        self._constructor._api_budget = run

    def miss(self, name: str) -> None:
        """Say of a stream of the catalog that there is no such thing."""
        self.missing[name] = refusal(
            f"The stream {name} is not one of this connector's. Refresh the schema of the connection, or leave the "
            "stream out."
        )

    @property
    def static_streams(self) -> list[dict[str, Any]]:
        """The streams of the manifest with all references resolved, whatever their conditions."""
        return [stream for entry in self.resolved_manifest["streams"] for stream in entry.get("streams", [entry])]

    def _validate_source(self) -> None:
        """See PRIVATE_NAMES."""

    @property
    def dynamic_streams(self) -> list[dict[str, Any]]:
        """The streams of custom objects, as far as the manifest has any."""
        try:
            found: list[dict[str, Any]] = super().dynamic_streams
        except AirbyteTracedException as error:
            if not self._reads:
                raise
            self.missing.update(dict.fromkeys(self._custom_objects, error))
            return []
        if gone := sorted(set(self._custom_objects) - {stream["name"] for stream in found}):
            reason = AirbyteTracedException(
                message=f"The account has no custom object for {', '.join(gone)} any more. Refresh the schema of the "
                "connection, or leave the stream out.",
                internal_message="streams of the catalog are not in the account",
                failure_type=FailureType.config_error,
            )
            self.missing.update(dict.fromkeys(gone, reason))
        return found
