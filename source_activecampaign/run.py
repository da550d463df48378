"""The console script: the four commands of the Airbyte protocol."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import init_logger
from airbyte_cdk.models import ConfiguredAirbyteCatalog, ConfiguredAirbyteCatalogSerializer

from source_activecampaign.source import SourceActiveCampaign


def run() -> None:
    """Run the command that the process's arguments ask for."""
    init_uncaught_exception_handler(init_logger("airbyte"))
    # As the first process of a container Python would ignore it, and `docker stop` wait for its time to run out.
    signal.signal(signal.SIGTERM, _stop)
    arguments = sys.argv[1:]
    parsed = AirbyteEntrypoint.parse_args(arguments)
    config_path = getattr(parsed, "config", None)
    catalog_path = getattr(parsed, "catalog", None)
    state_path = getattr(parsed, "state", None)
    # A declarative source reads config, catalog and state when it is made, not when it is called.
    source = SourceActiveCampaign(
        config=_read_config(config_path),
        catalog=_read_catalog(catalog_path),
        state=SourceActiveCampaign.read_state(state_path) if state_path else None,
        config_path=config_path,
    )
    launch(source, arguments)


def _stop(number: int, frame: object) -> None:
    sys.stdout.flush()
    os._exit(128 + number)


def _read_config(path: str | None) -> Mapping[str, Any] | None:
    # What is missing or not JSON is reported by the CDK, which reads the file again.
    try:
        config = orjson.loads(Path(path).read_bytes()) if path else None
    except (OSError, orjson.JSONDecodeError):
        return None
    return config if isinstance(config, dict) else None


def _read_catalog(path: str | None) -> ConfiguredAirbyteCatalog | None:
    try:
        return ConfiguredAirbyteCatalogSerializer.load(orjson.loads(Path(path).read_bytes())) if path else None
    except (OSError, orjson.JSONDecodeError):
        return None
