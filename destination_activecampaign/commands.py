"""The four commands of the Airbyte protocol, as a command line asks for them."""

import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import orjson
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import init_logger
from airbyte_cdk.models import AirbyteMessageSerializer, FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client.command_line import not_opened, parsed
from activecampaign_client.errors import ApiError
from destination_activecampaign.destination import DestinationActiveCampaign

COMMANDS = ("spec", "check", "discover", "write")
FILES = {"config", "catalog"}


def run_command(arguments: Sequence[str]) -> None:
    """Run the command that the arguments ask for. Raises SystemExit with a sentence where they cannot be followed.

    Where it fails the process ends at once, without waiting for the requests that are under way.
    """
    logger = init_logger("airbyte")
    init_uncaught_exception_handler(logger)
    # What they log is for Airbyte's log, too, which by itself shows no more than warnings of others.
    for name in ("activecampaign_client", "destination_activecampaign"):
        logging.getLogger(name).setLevel(logging.INFO)
    destination = DestinationActiveCampaign()
    asked = parsed(destination.parse_args, arguments, COMMANDS)
    files = {name: path for name, path in vars(asked).items() if name in FILES}
    try:
        for message in destination.run_cmd(asked):
            print(orjson.dumps(AirbyteMessageSerializer.dump(message)).decode())
    except ApiError as error:
        logger.error(str(error))
        _traced(error).emit_message()
        _end()
    except OSError as error:
        if sentence := not_opened(error, files):
            sys.exit(sentence)
        _report()
    except Exception:
        _report()


def _traced(error: ApiError) -> AirbyteTracedException:
    return AirbyteTracedException(
        message=str(error),
        internal_message=f"{error} ({error.detail})" if error.detail else str(error),
        failure_type=FailureType[f"{error.kind}_error"],
        exception=error,
    )


def _report() -> NoReturn:
    sys.excepthook(*sys.exc_info())
    _end()


def _end() -> NoReturn:
    logging.shutdown()
    os._exit(1)
