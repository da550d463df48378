"""The source: the manifest, and what is decided for a whole command before its streams are built."""

import json
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
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
from activecampaign_client.answers import Limits, Request
from activecampaign_client.errors import ApiError
from source_activecampaign import deals, sideloads
from source_activecampaign.cdk import ManifestSource
from source_activecampaign.config import validate
from source_activecampaign.contact_failures import ContactFailures
from source_activecampaign.per_contact import with_failures
from source_activecampaign.runs import Run, account_of
from source_activecampaign.schemas import resource
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
        """Ask who the key belongs to: https://developers.activecampaign.com/reference/get-logged-in-user"""
        try:
            account = self._account(self._valid(config))
            account.send(Request("users/me", proves_key=True), replace(Limits(), attempts=2))
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

    @classmethod
    def read_state(cls, state_path: str) -> list[AirbyteStateMessage]:
        """The states in a file, of whatever form; `read` judges them. Raises ValueError where it is not JSON."""
        return messages(json.loads(Path(state_path).read_bytes())) if state_path else []

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
        found = usable(
            state or [],
            catalog,
            cursors,
            lambda name: name in declared or is_custom_object(name),
            began,
        )
        states = of_streams(found.items())
        source = ManifestSource(manifest, config, catalog, states)
        failures = {
            name: ContactFailures(name, found.get(name, {}).get(FAILED_CONTACTS))
            for name, cursor in cursors.items()
            if cursor.per_contact
        }
        run = Run(
            self._account(config),
            reads_catalog=True,
            sideloads=sideloads.plan(
                sideloads.sideloads_of(source.static_streams),
                selected,
                "contacts" in selected and not config.get("start_date") and "contacts" not in found,
                config["custom_fields"] != "off",
            ),
            shared_listings=sideloads.shared_listings(source.static_streams),
            failures=failures,
        )
        source.belongs_to(run)
        with run.account.progress.reported(selected):
            for message in with_failures(source.read(logger, config, catalog, states), failures):
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


def is_custom_object(name: str) -> bool:
    """Whether a stream is one of a custom object: the listing of their schemas is a static stream."""
    return name.startswith("custom_object_") and name != "custom_object_schemas"


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


def _without_secrets(message: AirbyteMessage) -> AirbyteMessage:
    """The CDK masks secrets in log lines only; an answer that echoes the key could bring it into an error trace."""
    if message.trace and message.trace.error:
        error = message.trace.error
        error.message = filter_secrets(error.message)
        error.internal_message = filter_secrets(error.internal_message or "") or None
        error.stack_trace = filter_secrets(error.stack_trace or "") or None
    return message
