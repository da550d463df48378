"""The destination's four commands."""

import argparse
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from airbyte_cdk.destinations import Destination
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    Status,
    Type,
)
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets, update_secrets

from activecampaign_client.account import Account
from activecampaign_client.answers import PROOF
from activecampaign_client.errors import ApiError
from activecampaign_client.settings import object_in_file
from destination_activecampaign import checking, discover
from destination_activecampaign.catalog import targets_of
from destination_activecampaign.config import Config, config_of, secrets_in
from destination_activecampaign.directory import Directory
from destination_activecampaign.input import Lines
from destination_activecampaign.objects import Objects, writer_of
from destination_activecampaign.writing import Sync

LOGGER = logging.getLogger("airbyte")

Emit = Callable[[str], None]


class DestinationActiveCampaign(Destination):
    """The ActiveCampaign destination.

    It adds `discover` to the commands of the CDK's destinations, and its `write` reads and prints the protocol's lines
    itself: the CDK's models end a sync at a message they do not know, and lose what they do not know of a state.
    """

    VALID_CMDS = {"spec", "check", "discover", "write"}

    @staticmethod
    def read_config(config_path: str) -> dict[str, Any]:
        """The configuration in a file. Raises OSError, and ApiError where it holds none."""
        try:
            return object_in_file(config_path)
        except ValueError as error:
            raise ApiError(str(error), kind="config") from None

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Prove the key, and the rights that the configured objects need, as far as reading can."""
        try:
            usable = usable_config(config)
            checking.check(usable, account_of(usable), Objects())
        except ApiError as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=filter_secrets(str(error)))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The protocol's message with every operation that rows can be mapped to. Raises ApiError."""
        usable = usable_config(config)
        account = account_of(usable)
        account.send(PROOF)
        operations = discover.operations(usable, Objects(), Directory(account))
        return {"type": "DESTINATION_CATALOG", "destination_catalog": {"operations": operations}}

    def write(
        self,
        config: Mapping[str, Any],
        configured_catalog: ConfiguredAirbyteCatalog,
        input_messages: Iterable[AirbyteMessage],
    ) -> Iterator[AirbyteMessage]:
        """Write the records among messages of the CDK, and give back what is acknowledged. Raises ApiError."""
        said: deque[str] = deque()
        catalog = ConfiguredAirbyteCatalogSerializer.dump(configured_catalog)
        sync = self._sync(config, catalog, said.append)
        with sync.reported():
            for message in input_messages:
                sync.receive(orjson.dumps(AirbyteMessageSerializer.dump(message)))
                yield from _messages(said)
            sync.finish()
        yield from _messages(said)

    def write_lines(self, config: Mapping[str, Any], catalog: Any, lines: Lines, emit: Emit) -> None:
        """Write the records among lines of the protocol; `emit` gets the lines that go back. Raises ApiError."""
        self._sync(config, catalog, emit).run(lines)

    def _sync(self, config: Mapping[str, Any], catalog: Any, emit: Emit) -> Sync:
        usable = usable_config(config)
        try:
            targets = targets_of(catalog, usable, Objects())
        except ValueError as error:
            raise ApiError(str(error), kind="config") from None
        account = account_of(usable)
        if targets:
            account.send(PROOF)
        return Sync(targets, usable, account, partial(writer_of, directory=Directory(account)), emit)

    def parse_args(self, args: list[str]) -> argparse.Namespace:
        """The command and its files."""
        parser = argparse.ArgumentParser(prog="destination-activecampaign")
        commands = parser.add_subparsers(title="commands", dest="command")
        for name, says, files in (
            ("spec", "print what can be configured", ()),
            ("check", "find out whether the configuration works", ("config",)),
            ("discover", "print what can be written", ("config",)),
            ("write", "write the records that come on stdin", ("config", "catalog")),
        ):
            command = commands.add_parser(name, help=says)
            for file in files:
                command.add_argument(f"--{file}", required=True, help=f"path to the JSON file of the {file}")
        return parser.parse_args(args)

    def run_cmd(self, parsed_args: argparse.Namespace) -> Iterator[AirbyteMessage]:
        """Run a command; what the CDK has a message for is given back, the rest is printed. Raises ApiError."""
        if parsed_args.command == "spec":
            yield AirbyteMessage(type=Type.SPEC, spec=self.spec(LOGGER))
        elif parsed_args.command == "check":
            yield AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=self._checked(parsed_args.config))
        elif parsed_args.command == "discover":
            _print(orjson.dumps(self.discover(self.read_config(parsed_args.config))).decode())
        else:
            config = self.read_config(parsed_args.config)
            self.write_lines(config, read_catalog(parsed_args.catalog), _stdin(), _print)

    def _checked(self, path: str) -> AirbyteConnectionStatus:
        try:
            return self.check(LOGGER, self.read_config(path))
        except ApiError as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))


def usable_config(given: Mapping[str, Any]) -> Config:
    """The configuration in its canonical form, whose keys are hidden from now on. Raises ApiError."""
    update_secrets(list(secrets_in(given)))
    try:
        return config_of(given)
    except ValueError as error:
        raise ApiError(str(error), kind="config") from None


def account_of(config: Config) -> Account:
    return Account(
        config.api_url, config.api_key, config.requests_per_second, user_agent="airbyte-destination-activecampaign"
    )


def read_catalog(path: str) -> Any:
    """The JSON in a file. Raises OSError, and ApiError where it is none."""
    try:
        return json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError):
        raise ApiError("The catalog file is not JSON: write it anew.", kind="config") from None


def _stdin() -> Lines:
    """Whoever starts us without any stdin has no rows."""
    return Lines(sys.stdin.fileno() if sys.stdin else os.open(os.devnull, os.O_RDONLY))


def _print(line: str) -> None:
    print(line, flush=True)


def _messages(said: deque[str]) -> Iterator[AirbyteMessage]:
    while said:
        yield AirbyteMessageSerializer.load(orjson.loads(said.popleft()))
