"""The four commands of the Airbyte protocol, as a command line asks for them."""

import sys
from collections.abc import Sequence

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import init_logger

from source_activecampaign.source import SourceActiveCampaign

FILES = {"config", "catalog", "state"}


def run_command(arguments: Sequence[str]) -> None:
    """Run the command that the arguments ask for. Raises SystemExit with a sentence where they cannot be followed."""
    init_uncaught_exception_handler(init_logger("airbyte"))
    parsed = AirbyteEntrypoint.parse_args(list(arguments))
    if not parsed.command:
        sys.exit("Say what to do: spec, check, discover or read. More with --help.")
    files = {name: path for name, path in vars(parsed).items() if name in FILES and path}
    try:
        launch(SourceActiveCampaign(config_path=files.get("config")), list(arguments))
    except OSError as error:
        if error.filename not in files.values():
            raise
        sys.exit(f"The file {error.filename} cannot be opened: {error.strerror}.")
