"""The source: the manifest, and what is decided for a whole command before its streams are built."""

import json
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import yaml
from airbyte_cdk.config_observation import create_connector_config_control_message
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateBlob,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
    Status,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.declarative.models import Spec as SpecModel
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.declarative.spec import Spec
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets, update_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from pydantic import TypeAdapter

from activecampaign_client.account import Account
from activecampaign_client.answers import CHECK, PROOF
from activecampaign_client.errors import ApiError
from activecampaign_client.secrets import SHORTEST_IN_DATA, Mask, forms_of, masked, masking
from activecampaign_client.settings import json_in
from source_activecampaign import deals
from source_activecampaign.cdk import ManifestSource
from source_activecampaign.config import (
    Refused,
    catalog_in,
    configuration_errors,
    read_config,
    refusal,
    validate,
)
from source_activecampaign.contact_failures import ContactFailures
from source_activecampaign.custom_objects import is_custom_object
from source_activecampaign.messages import with_kind_of_failures, with_reasons
from source_activecampaign.per_contact import with_failures
from source_activecampaign.runs import Run, account_of, airbyte_errors
from source_activecampaign.schemas import resource
from source_activecampaign.sideloads import CONTACTS, Sideloads, shared_listings, sideloads_of
from source_activecampaign.states import FAILED_CONTACTS, Cursor, messages, not_past, of_streams, usable

try:
    from yaml import CSafeLoader as YamlLoader
except ImportError:
    from yaml import SafeLoader as YamlLoader  # type: ignore[assignment]

LOGGER = logging.getLogger("airbyte")

Config = Mapping[str, Any]
Manifest = Mapping[str, Any]


def load_manifest() -> dict[str, Any]:
    """The manifest as it lies in the package or, in a checkout, beside it."""
    manifest: dict[str, Any] = yaml.load(resource("manifest.yaml").read_bytes(), Loader=YamlLoader)
    return manifest


class SourceActiveCampaign(Source):
    """The ActiveCampaign source. Each command works with the configuration, catalog and state that it is given.

    `config_path` is the file that a configuration of an older form is migrated in.
    """

    def __init__(self, manifest: Manifest | None = None, config_path: str | None = None) -> None:
        self._manifest = load_manifest() if manifest is None else manifest
        self._config_path = config_path
        # Every form of every key that this process was given.
        self._secrets: set[str] = set()

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        return self._spec.generate_spec()

    @staticmethod
    def read_config(config_path: str) -> dict[str, Any]:
        """The configuration in a file; what is none is refused later, in the way of the command."""
        return read_config(config_path)

    def configure(self, config: Config, temp_dir: str) -> Config:
        """The configuration in its canonical form; that of an older form is migrated for good."""
        try:
            canonical = self._valid(config)
        except AirbyteTracedException as error:
            return Refused(str(error))
        migrated = self._migrated(config)
        if migrated != config:
            if self._config_path:
                # Where the file may not be written, the message below is enough: Airbyte keeps what it says.
                with suppress(OSError):
                    Path(self._config_path).write_text(json.dumps(migrated))
            message = create_connector_config_control_message(migrated)
            print(_json(AirbyteMessageSerializer.dump(message)), flush=True)
        # The CDK's own leaves the configuration, key included, in a temporary folder, where nothing needs it.
        return canonical

    def check(self, logger: logging.Logger, config: Config) -> AirbyteConnectionStatus:
        """Ask who the key belongs to."""
        try:
            account = self._account(self._valid(config))
            account.send(PROOF, CHECK)
        except AirbyteTracedException as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=filter_secrets(str(error)))
        except ApiError as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=filter_secrets(str(error)))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, logger: logging.Logger, config: Config) -> AirbyteCatalog:
        """The streams of the account; what the key may see of deals decides what their stream looks like."""
        config = self._valid(config)
        account = self._account(config)
        with airbyte_errors():
            if config["deals_access"] == "auto":
                config = {**config, "deals_access": deals.look_at(account)}
            source = ManifestSource(self._manifest, config)
            source.belongs_to(Run(account))
            return source.discover(logger, config)

    @classmethod
    def read_state(cls, state_path: str) -> list[AirbyteStateMessage]:
        """The states in a file, of whatever form; `read` judges them. Raises a configuration error without JSON."""
        with configuration_errors():
            return messages(json_in(state_path, "state", "the states of an earlier sync")) if state_path else []

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        """The configured catalog in a file; raises a configuration error where it is none."""
        with configuration_errors():
            return catalog_in(catalog_path)

    def read(
        self,
        logger: logging.Logger,
        config: Config,
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """The messages of the selected streams, with a word about the progress now and then."""
        began = datetime.now(timezone.utc)
        config = self._valid(config)
        if access := deals.access_in_catalog(catalog):
            config = {**config, "deals_access": access}
        selected = {configured.stream.name for configured in catalog.streams}
        manifest = with_streams(self._manifest, selected)
        declared = declared_streams(self._manifest)
        cursors = cursors_of(manifest, selected)

        def exists(name: str) -> bool:
            return name in declared or is_custom_object(name)

        found = usable(state or [], catalog, cursors, exists, began)
        states = of_streams(found.items())
        source = ManifestSource(manifest, config, catalog, states)
        account = self._account(config)
        streams = source.static_streams
        failures = {
            name: ContactFailures(name, found.get(name, {}).get(FAILED_CONTACTS))
            for name, cursor in cursors.items()
            if cursor.per_contact
        }
        run = Run(
            account,
            reads_catalog=True,
            sideloads=Sideloads(account, sideloads_of(streams), _read_whole(selected, set(found), config)),
            shared_listings=shared_listings(streams),
            failures=failures,
        )
        source.belongs_to(run)
        for name in selected:
            if not exists(name):
                source.miss(name)
        in_states = masking(config["api_key"], SHORTEST_IN_DATA)
        with run.account.progress.reported(selected):
            read = with_failures(source.read(logger, config, catalog, states), failures)
            for message in with_kind_of_failures(with_reasons(read, source.missing)):
                if message.state:
                    message.state = not_past(message.state, began)
                yield _without_secrets(message, in_states)
        for reason in source.missing.values():
            raise reason

    @cached_property
    def _spec(self) -> Spec:
        resolved = ManifestReferenceResolver().preprocess_manifest({"spec": self._manifest["spec"]})
        spec: Spec = ModelToComponentFactory().create_component(SpecModel, resolved["spec"], {})
        return spec

    def streams(self, config: Config) -> list[AbstractStream]:
        """Every stream of the account, to be read without a catalog."""
        config = self._valid(config)
        source = ManifestSource(self._manifest, config)
        source.belongs_to(Run(self._account(config)))
        return source.streams(config)

    def _migrated(self, config: Config) -> dict[str, Any]:
        migrated = dict(config)
        self._spec.migrate_config(migrated)
        return migrated

    def _canonical(self, config: Config) -> dict[str, Any]:
        """The settings of the spec; nothing else in a configuration has a meaning, to us or to the CDK."""
        canonical = self._migrated(config)
        self._spec.transform_config(canonical)
        return {
            name: canonical[name] for name in self._spec.connection_specification["properties"] if name in canonical
        }

    def _valid(self, config: Config) -> dict[str, Any]:
        """The configuration to work with, whose key is hidden from now on; raises a configuration error."""
        # The CDK forgets what it has to hide whenever a command begins.
        self._secrets.update(forms_of(str(config.get("api_key") or "")))
        update_secrets(sorted(self._secrets, key=len, reverse=True))
        if isinstance(config, Refused):
            raise refusal(config.sentence)
        canonical = self._canonical(config)
        validate(canonical)
        return canonical

    def _account(self, config: Config) -> Account:
        return account_of(config, requests_per_second(self._manifest["api_budget"], config))


def declared_streams(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """The manifest's entries of static streams by name, with what they leave to be filled in.

    Where a condition chooses one of two, the first.
    """
    found: dict[str, dict[str, Any]] = {}
    for entry in manifest["streams"]:
        for stream in entry.get("streams", [entry]):
            parameters = {"record_key": stream["$parameters"]["endpoint"], **stream["$parameters"]}
            found.setdefault(parameters["name"], {**stream, "$parameters": parameters})
    return found


def cursors_of(manifest: Manifest, names: Collection[str]) -> dict[str, Cursor]:
    """The cursors of those of the manifest's streams that have one; those of custom objects among `names`, too."""
    resolved = ManifestReferenceResolver().preprocess_manifest(dict(manifest))
    found: dict[str, Cursor] = {}

    def add(name: str, stream: Mapping[str, Any]) -> None:
        if sync := stream.get("incremental_sync"):
            cursor_field = sync.get("cursor_field") or stream["$parameters"]["cursor_field"]
            is_wall_clock = not sync["datetime_format"].endswith("Z")
            found.setdefault(name, Cursor(cursor_field, is_wall_clock, sync.get("global_substream_cursor", False)))

    for entry in resolved["streams"]:
        for stream in entry.get("streams", [entry]):
            add(stream["$parameters"]["name"], stream)
    for dynamic in resolved.get("dynamic_streams", []):
        for name in names:
            if is_custom_object(name):
                add(name, dynamic["stream_template"])
    return found


def with_streams(manifest: Manifest, names: set[str]) -> dict[str, Any]:
    """The manifest with these streams only, since building all of them takes a second.

    Their parameter `reader` tells the listings that one of them needs beside its own whose requests they send.
    """

    def selected(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for entry in entries:
            if entry.get("type") == "ConditionalStreams":
                if streams := list(selected(entry["streams"])):
                    yield {**entry, "streams": streams}
            elif (name := entry["$parameters"]["name"]) in names:
                yield {**entry, "$parameters": {**entry["$parameters"], "reader": name}}

    dynamic = manifest.get("dynamic_streams", []) if any(map(is_custom_object, names)) else []
    return {**manifest, "streams": list(selected(manifest["streams"])), "dynamic_streams": dynamic}


def requests_per_second(api_budget: Mapping[str, Any], config: Config) -> float:
    """What the manifest's one moving window allows per second."""
    [policy] = api_budget["policies"]
    [rate] = policy["rates"]
    limit = float(InterpolatedString.create(str(rate["limit"]), parameters={}).eval(config))
    return limit / TypeAdapter(timedelta).validate_python(rate["interval"]).total_seconds()


def _read_whole(selected: set[str], with_state: set[str], config: Config) -> dict[str, str]:
    """The selected streams all of whose rows are read, with what they ask to include themselves."""
    whole = dict.fromkeys(selected - {CONTACTS}, "")
    if CONTACTS in selected and not config.get("start_date") and CONTACTS not in with_state:
        whole[CONTACTS] = "" if config["custom_fields"] == "off" else "fieldValues"
    return whole


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Something that is only valid for Python, in a key that is none of ours.
        return json.dumps(value)


def _without_secrets(message: AirbyteMessage, in_states: Mask) -> AirbyteMessage:
    """The CDK masks secrets only in what it logs and in what it says when it gives up."""
    if message.trace and message.trace.error:
        error = message.trace.error
        error.message = filter_secrets(error.message)
        error.internal_message = filter_secrets(error.internal_message or "") or None
        error.stack_trace = filter_secrets(error.stack_trace or "") or None
    if message.log:
        message.log.message = filter_secrets(message.log.message)
    if message.state and message.state.stream and message.state.stream.stream_state:
        state = message.state.stream
        state.stream_state = AirbyteStateBlob(masked(vars(state.stream_state), in_states))
    return message
