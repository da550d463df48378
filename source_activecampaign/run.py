"""The console script: the four commands of the Airbyte protocol."""

import os
import signal
import sys

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import init_logger

from source_activecampaign.source import SourceActiveCampaign


def run() -> None:
    """Run the command that the process's arguments ask for."""
    init_uncaught_exception_handler(init_logger("airbyte"))
    # As the first process of a container Python would ignore it, and `docker stop` wait for its time to run out.
    signal.signal(signal.SIGTERM, _stop)
    arguments = sys.argv[1:]
    parsed = AirbyteEntrypoint.parse_args(arguments)
    launch(SourceActiveCampaign(config_path=getattr(parsed, "config", None)), arguments)


def _stop(number: int, frame: object) -> None:
    sys.stdout.flush()
    os._exit(128 + number)
