"""The connector: the manifest, plus the little that a manifest cannot say about a whole source."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

import yaml
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    FailureType,
    Status,
    SyncMode,
)
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.incremental import ConcurrentPerPartitionCursor
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.cursor import ConcurrentCursor
from airbyte_cdk.sources.streams.concurrent.default_stream import DefaultStream
from airbyte_cdk.sources.types import Record
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from pydantic import TypeAdapter

from source_activecampaign import deals, sharing
from source_activecampaign.account import Account
from source_activecampaign.config import normalize, validate
from source_activecampaign.schemas import resource

try:
    from yaml import CSafeLoader as YamlLoader
except ImportError:
    from yaml import SafeLoader as YamlLoader  # type: ignore[assignment]

LOGGER = logging.getLogger("airbyte")

RECORDS_IN_MEMORY = 2000


def load_manifest() -> dict[str, Any]:
    """The manifest as it lies in the package or, in a checkout, beside it."""
    manifest: dict[str, Any] = yaml.load(resource("manifest.yaml").read_bytes(), Loader=YamlLoader)
    return manifest


class SourceActiveCampaign(ConcurrentDeclarativeSource):
    """The ActiveCampaign source; `config`, `catalog` and `state` are those of the command that it is made for."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        catalog: ConfiguredAirbyteCatalog | None = None,
        state: list[AirbyteStateMessage] | None = None,
        config_path: str | None = None,
    ) -> None:
        states = _of_incremental(state or [], catalog)
        super().__init__(
            catalog=catalog,
            config=config,
            state=states,
            config_path=config_path,
            # Without a configuration only the specification can be asked for, and that needs no streams.
            source_config=load_manifest() if config else {**load_manifest(), "streams": [], "dynamic_streams": []},
        )
        self._selected = {one.stream.name for one in catalog.streams} if catalog else None
        # Records that wait for a slow reader of stdout: the CDK's 10,000 can be a hundred megabytes of contacts.
        self._concurrent_source._queue.maxsize = RECORDS_IN_MEMORY
        self._began = datetime.now(timezone.utc)
        self._no_custom_objects: AirbyteTracedException | None = None
        if not config:
            return
        self._config = normalize(self._config, self._defaults())
        changes = {"contacts_include": "" if self._config["custom_fields"] == "off" else "fieldValues"}
        if catalog and (access := deals.access_in_catalog(catalog)):
            changes["deals_access"] = access
        self._config = {**self._config, **changes}
        # The CDK hands its API budget to every requester and custom component, so this one reaches them all.
        self._account = Account(requests_per_second(self._source_config["api_budget"], self._config))
        self._constructor._api_budget = self._account
        if catalog:
            self._share_listings(catalog, states)

    def _share_listings(self, catalog: ConfiguredAirbyteCatalog, state: list[AirbyteStateMessage]) -> None:
        """Decide which of the selected streams read the same listing, see sharing.py."""
        modes = {one.stream.name: one.sync_mode for one in catalog.streams}
        with_state = {one.stream.stream_descriptor.name for one in state if one.stream}
        whole_contacts = "contacts" in modes and not self._config.get("start_date") and "contacts" not in with_state
        streams = [one for one in self._stream_configs(self._source_config) if one["name"] in modes]
        passes = sharing.plan(
            sharing.guests_of(streams), set(modes), whole_contacts, self._config["custom_fields"] != "off"
        )
        shared = {"beside": sorted(passes.beside), "beside_contacts_include": passes.include}
        if passes.contacts_join:
            shared["contacts_include"] = passes.include
        self._config = {**self._config, **shared}
        self._account.shared = sharing.shared_listings(streams)

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Read the first record of the manifest's check streams; the CDK's own check wraps its sentence in two more."""
        check = self._source_config["check"]
        try:
            with self._configured(checking=True, max_attempts=2):
                for stream in self._streams_by_name(check["stream_names"]) or []:
                    available = stream.check_availability()
                    if not available.is_available:
                        return AirbyteConnectionStatus(status=Status.FAILED, message=available.reason)
        except AirbyteTracedException as error:
            if error.failure_type is not FailureType.config_error:
                raise
            return AirbyteConnectionStatus(status=Status.FAILED, message=error.message)
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        """The streams of the account; what the key may see of deals decides what their stream looks like."""
        if self._config["deals_access"] == "auto":
            self._config = {**self._config, "deals_access": self._look_at_deals()}
        return super().discover(logger, config)

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """The messages of the selected streams, with a word about the progress now and then."""
        with self._account.progress.reported():
            for message in super().read(logger, config, catalog, state):
                yield _without_secrets(message)
        if self._no_custom_objects:
            raise self._no_custom_objects

    def _look_at_deals(self) -> deals.Access:
        with self._configured(deals_access="full", custom_fields="off", start_date=None, look_ahead=1):
            [stream] = self._streams_by_name([deals.STREAM]) or []
            rows = (record.data for partition in stream.generate_partitions() for record in partition.read())
            try:
                return deals.access_of(islice(rows, deals.ROWS_TO_LOOK_AT))
            except AirbyteTracedException as error:
                if error.failure_type is not FailureType.config_error:
                    raise
                LOGGER.warning("Stream deals is in the catalog, but could not be looked at: %s", error.message)
                return "full"

    @contextmanager
    def _configured(self, **changes: Any) -> Iterator[None]:
        """Build streams from another configuration for a while."""
        before, self._config = self._config, {**self._config, **changes}
        try:
            yield
        finally:
            self._config = before

    def _validate_source(self) -> None:
        """Leave out the CDK's check of the manifest against its schema: a test of ours does it, once for all."""

    def _prepare_for_stream_build(self) -> None:
        """Validate the configuration. The CDK would also make its own budget of the manifest's, once per command."""
        validate(self._config)

    @property
    def dynamic_streams(self) -> list[dict[str, Any]]:
        """The streams of custom objects; not looked for where a catalog asks for none of them."""
        # The listing of the schemas is a static stream, those of their records are not.
        selected = (self._selected or set()) - {"custom_object_schemas"}
        wanted = self._selected is None or any(name.startswith("custom_object_") for name in selected)
        try:
            return super().dynamic_streams if wanted else []
        except AirbyteTracedException as error:
            if self._selected is None:
                raise
            # The other streams are read first.
            self._no_custom_objects = error
            return []

    def _defaults(self) -> dict[str, Any]:
        properties = self._source_config["spec"]["connection_specification"]["properties"]
        return {key: one["default"] for key, one in properties.items() if "default" in one}

    def _create_streams(
        self, selected_configs: list[dict[str, Any]], all_configs: list[dict[str, Any]]
    ) -> list[AbstractStream]:
        if self._selected is not None:
            selected_configs = [one for one in selected_configs if one["name"] in self._selected]
        streams = super()._create_streams(selected_configs, all_configs)
        for stream in streams:
            stop_at_beginning(stream, self._began)
            if self._selected is not None and isinstance(stream, DefaultStream):
                # For its status messages the CDK would ask for the schema in its main thread, where a custom field
                # definition that does not come ends all streams. Whoever reads takes it from the schema loader.
                stream._json_schema = {}
        return streams


def requests_per_second(budget: Mapping[str, Any], config: Mapping[str, Any]) -> float:
    """The rate of the manifest's one policy."""
    [policy] = budget["policies"]
    [rate] = policy["rates"]
    limit = float(InterpolatedString.create(str(rate["limit"]), parameters={}).eval(config))
    return limit / TypeAdapter(timedelta).validate_python(rate["interval"]).total_seconds()


def _of_incremental(
    state: list[AirbyteStateMessage], catalog: ConfiguredAirbyteCatalog | None
) -> list[AirbyteStateMessage]:
    """The states of the streams that are to be read incrementally; the CDK would follow those of the others, too."""
    full = {one.stream.name for one in catalog.streams if one.sync_mode is SyncMode.full_refresh} if catalog else set()
    return [one for one in state if not one.stream or one.stream.stream_descriptor.name not in full]


def _without_secrets(message: AirbyteMessage) -> AirbyteMessage:
    """The CDK masks secrets in log lines only; an answer that echoes the key could bring it into an error trace."""
    if message.trace and message.trace.error:
        error = message.trace.error
        error.message = filter_secrets(error.message)
        error.internal_message = filter_secrets(error.internal_message or "") or None
        error.stack_trace = filter_secrets(error.stack_trace or "") or None
    return message


def stop_at_beginning(stream: AbstractStream, moment: datetime) -> None:
    """Let the cursors of a stream and its parents never move past the moment at which the sync began."""
    cursor = stream.cursor
    if isinstance(cursor, (ConcurrentCursor, ConcurrentPerPartitionCursor)):
        stop_at(cursor, moment)
    router = stream.get_partition_router() if isinstance(stream, DefaultStream) else None
    for parent in getattr(router, "parent_stream_configs", []):
        stop_at_beginning(parent.stream, moment)


def stop_at(cursor: ConcurrentCursor | ConcurrentPerPartitionCursor, moment: datetime) -> None:
    """Let a cursor never move past `moment`, the beginning of the sync.

    A record dated in the future would otherwise carry the cursor past everything that changes until then, and a
    record read late in a sync past those that changed after they were read. Both would be lost next time.
    """
    field, utc = cursor.cursor_field.cursor_field_key, moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    # A wall clock may be twelve hours behind UTC, and an hour is repeated when daylight saving time ends.
    wall_clock = (moment - timedelta(hours=13)).strftime("%Y-%m-%dT%H:%M:%S")
    observe = cursor.observe

    def observe_until(record: Record) -> None:
        value = record.get(field)
        limit = utc if isinstance(value, str) and value.endswith("Z") else wall_clock
        if isinstance(value, str) and value[:19] > limit[:19]:
            record = Record({**record.data, field: limit}, record.stream_name, record.associated_slice)
        observe(record)

    cursor.observe = observe_until  # type: ignore[method-assign]
