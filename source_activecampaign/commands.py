"""The four commands of the Airbyte protocol, as a command line asks for them."""

import argparse
import io
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import init_logger
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client.errors import ApiError
from source_activecampaign.source import SourceActiveCampaign

FILES = {"config", "catalog", "state"}
# What is certainly no configuration, and no key.
_PATH = re.compile(r"[\w.~-]*[/.][\w./~-]*")


def run_command(arguments: Sequence[str]) -> None:
    """Run the command that the arguments ask for. Raises SystemExit with a sentence where they cannot be followed."""
    init_uncaught_exception_handler(init_logger("airbyte"))
    parsed = _parsed(arguments)
    if not parsed.command:
        sys.exit("Say what to do: spec, check, discover or read. More with --help.")
    files = {name: path for name, path in vars(parsed).items() if name in FILES and path}
    try:
        launch(SourceActiveCampaign(config_path=files.get("config")), list(arguments))
    except OSError as error:
        option = next((name for name, path in files.items() if _is_about(error, path)), None)
        if option is None:
            raise
        if _PATH.fullmatch(files[option]):
            sys.exit(f"The file {files[option]} cannot be opened: {error.strerror}.")
        # What was given may have the key in it.
        sys.exit(f"--{option} wants the name of a file, not what it holds ({error.strerror}).")
    except AirbyteTracedException as error:
        if error.failure_type is FailureType.system_error and not isinstance(error.__cause__, ApiError):
            raise
        _say(error)
        sys.exit(1)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return AirbyteEntrypoint.parse_args(list(arguments))
    except SystemExit as end:
        if not end.code:
            raise
    # It repeats what it was given, which may be the key, unless something is missing.
    _, _, sentence = said.getvalue().strip().partition("error: ")
    if sentence.startswith("the following arguments are required") or sentence.endswith("expected one argument"):
        sys.exit(f"The command is not complete: {sentence}.")
    sys.exit(
        "The arguments have something in them that the connector does not know. It takes spec, check, discover or "
        "read, and all settings, the API key too, from the file that --config names. More with --help."
    )


def _is_about(error: OSError, path: str) -> bool:
    return isinstance(error.filename, str) and Path(error.filename) == Path(path)


def _say(error: AirbyteTracedException) -> None:
    """Say why the command failed, in the log and as the protocol's trace; the sentence does without a stack trace."""
    init_logger("airbyte").fatal(str(error))
    message = error.as_sanitized_airbyte_message()
    if message.trace and message.trace.error:
        message.trace.error.stack_trace = None
    print(AirbyteEntrypoint.airbyte_message_to_string(message), flush=True)
