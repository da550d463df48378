"""The source: the manifest, and what is decided for a whole command before its streams are built."""

import logging
from collections.abc import Iterator, Mapping
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
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from pydantic import TypeAdapter

from activecampaign_client.account import Account
from activecampaign_client.answers import PROOF, Limits
from activecampaign_client.errors import ApiError
from source_activecampaign import deals, sideloads
from source_activecampaign.cdk import ManifestSource
from source_activecampaign.config import validate
from source_activecampaign.messages import with_kind_of_failures
from source_activecampaign.runs import Run, account_of
from source_activecampaign.schemas import resource
from source_activecampaign.states import not_past, of_incremental

try:
    from yaml import CSafeLoader as YamlLoader
except ImportError:
    from yaml import SafeLoader as YamlLoader  # type: ignore[assignment]

LOGGER = logging.getLogger("airbyte")

# Whoever checks a connection sits in front of it: an answer within half a minute, whatever the server does. The start
# of the process takes some seconds of it.
CHECK = Limits(attempts=2, answer=10.0, total=22.0)

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

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        return self._spec.generate_spec()

    def configure(self, config: Config, temp_dir: str) -> Config:
        """The configuration in its canonical form; that of an older form is migrated for good."""
        migrated = dict(config)
        self._spec.migrate_config(migrated)
        if migrated != config:
            if self._config_path:
                Path(self._config_path).write_bytes(orjson.dumps(migrated))
            message = create_connector_config_control_message(migrated)
            print(orjson.dumps(AirbyteMessageSerializer.dump(message)).decode(), flush=True)
        return super().configure(self._canonical(migrated), temp_dir)

    def check(self, logger: logging.Logger, config: Config) -> AirbyteConnectionStatus:
        """Ask who the key belongs to."""
        try:
            account = self._account(self._valid(config))
            account.send(PROOF, CHECK)
        except AirbyteTracedException as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=error.message)
        except ApiError as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, logger: logging.Logger, config: Config) -> AirbyteCatalog:
        """The streams of the account; what the key may see of deals decides what their stream looks like."""
        config = self._valid(config)
        account = self._account(config)
        if config["deals_access"] == "auto":
            config = {**config, "deals_access": deals.look_at(account)}
        source = ManifestSource(self._manifest, config)
        source.belongs_to(Run(account))
        return source.discover(logger, config)

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
        states = of_incremental(state or [], catalog)
        selected = {configured.stream.name for configured in catalog.streams}
        source = ManifestSource(with_streams(self._manifest, selected), config, catalog, states)
        with_state = {one.stream.stream_descriptor.name for one in states if one.stream}
        run = Run(
            self._account(config),
            reads_catalog=True,
            sideloads=sideloads.plan(
                sideloads.sideloads_of(source.static_streams),
                selected,
                "contacts" in selected and not config.get("start_date") and "contacts" not in with_state,
                config["custom_fields"] != "off",
            ),
            shared_listings=sideloads.shared_listings(source.static_streams),
        )
        source.belongs_to(run)
        with run.account.progress.reported():
            for message in with_kind_of_failures(source.read(logger, config, catalog, states)):
                if message.state:
                    message.state = not_past(message.state, began)
                yield _without_secrets(message)
        if source.no_custom_objects:
            raise source.no_custom_objects

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

    def _canonical(self, config: Config) -> dict[str, Any]:
        canonical = dict(config)
        self._spec.migrate_config(canonical)
        self._spec.transform_config(canonical)
        return canonical

    def _valid(self, config: Config) -> dict[str, Any]:
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


def with_streams(manifest: Manifest, names: set[str]) -> dict[str, Any]:
    """The manifest with these streams only, since building all of them takes a second."""

    def selected(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for entry in entries:
            if entry.get("type") == "ConditionalStreams":
                if streams := list(selected(entry["streams"])):
                    yield {**entry, "streams": streams}
            elif entry["$parameters"]["name"] in names:
                yield entry

    # The listing of the schemas is a static stream, those of their records are not.
    custom_objects = any(name.startswith("custom_object_") for name in names - {"custom_object_schemas"})
    dynamic = manifest.get("dynamic_streams", []) if custom_objects else []
    return {**manifest, "streams": list(selected(manifest["streams"])), "dynamic_streams": dynamic}


def requests_per_second(api_budget: Mapping[str, Any], config: Config) -> float:
    """What the manifest's one moving window allows per second."""
    [policy] = api_budget["policies"]
    [rate] = policy["rates"]
    limit = float(InterpolatedString.create(str(rate["limit"]), parameters={}).eval(config))
    return limit / TypeAdapter(timedelta).validate_python(rate["interval"]).total_seconds()


def _without_secrets(message: AirbyteMessage) -> AirbyteMessage:
    """The CDK masks secrets in log lines only; an answer that echoes the key could bring it into an error trace."""
    if message.trace and message.trace.error:
        error = message.trace.error
        error.message = filter_secrets(error.message)
        error.internal_message = filter_secrets(error.internal_message or "") or None
        error.stack_trace = filter_secrets(error.stack_trace or "") or None
    return message
