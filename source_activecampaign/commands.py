"""The four commands of the Airbyte protocol, as a command line asks for them."""

import sys
from collections.abc import Sequence

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import init_logger
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client.command_line import not_opened, parsed
from activecampaign_client.errors import ApiError
from source_activecampaign.source import SourceActiveCampaign

COMMANDS = ("spec", "check", "discover", "read")
FILES = {"config", "catalog", "state"}


def run_command(arguments: Sequence[str]) -> None:
    """Run the command that the arguments ask for. Raises SystemExit with a sentence where they cannot be followed."""
    init_uncaught_exception_handler(init_logger("airbyte"))
    asked = parsed(AirbyteEntrypoint.parse_args, arguments, COMMANDS)
    files = {name: path for name, path in vars(asked).items() if name in FILES and path}
    try:
        launch(SourceActiveCampaign(config_path=files.get("config")), list(arguments))
    except OSError as error:
        if sentence := not_opened(error, files):
            sys.exit(sentence)
        raise
    except AirbyteTracedException as error:
        if error.failure_type is FailureType.system_error and not isinstance(error.__cause__, ApiError):
            raise
        _say(error)
        sys.exit(1)


def _say(error: AirbyteTracedException) -> None:
    """Say why the command failed, in the log and as the protocol's trace; the sentence does without a stack trace."""
    init_logger("airbyte").fatal(str(error))
    message = error.as_sanitized_airbyte_message()
    if message.trace and message.trace.error:
        message.trace.error.stack_trace = None
    print(AirbyteEntrypoint.airbyte_message_to_string(message), flush=True)
