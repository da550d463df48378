"""What the user configures: read, judged, and brought into the one form that the rest works with.

Everything that can be wrong with it is said here, in a sentence that calls the setting by its title in the form.
"""

import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airbyte_cdk.models import ConfiguredAirbyteCatalog, ConfiguredAirbyteCatalogSerializer, FailureType
from airbyte_cdk.sources.declarative.transformations.config_transformations.config_transformation import (
    ConfigTransformation,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from serpyco_rs import SchemaValidationError

from activecampaign_client.pasted import trimmed
from activecampaign_client.settings import TEXTS, instead_of, json_in, object_in_file, require_account
from activecampaign_client.settings import canonical as canonical_setting


class Refused(dict[str, Any]):
    """A configuration that cannot be used, and the sentence that says why.

    Airbyte's CDK compares every configuration with the spec before the connector is asked. What it compares is this
    stand-in, which fits, so that the sentence of the connector is heard, and neither a JSON Schema's nor a value.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(api_url="https://youraccount.api-us1.com", api_key="")
        self.sentence = sentence


def read_config(path: str) -> dict[str, Any]:
    """The JSON object in a file, or the refusal of what is none. Raises OSError where there is no file to read."""
    try:
        return object_in_file(path)
    except ValueError as error:
        return Refused(str(error))


def catalog_in(path: str) -> ConfiguredAirbyteCatalog:
    """The configured catalog in a file.

    Raises OSError where there is no file to read, and ValueError with a sentence where it holds something else.
    """
    try:
        return ConfiguredAirbyteCatalogSerializer.load(json_in(path, "catalog", "a JSON object with streams"))
    except SchemaValidationError as error:
        # Without the value, which may be a key in the wrong place.
        [*_, what] = error.errors[0].message.rpartition(" is ")
        where = error.errors[0].instance_path or "it"
        raise ValueError(
            f"The catalog file holds no configured catalog: {where} is {what}. Configure the one that discover prints."
        ) from None


def normalize_start_date(value: str) -> str:
    """A date or date-time as UTC to the second; one without an offset is UTC.

    >>> normalize_start_date("2024-03-01T00:00:00.000+01:00")
    '2024-02-29T23:00:00Z'
    """
    text = trimmed(value).replace("Z", "+00:00")
    text = re.sub(r"\.\d+", "", text)
    text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text) if "T" in text or " " in text else text
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return f"{moment.astimezone(timezone.utc).isoformat()[:19]}Z"
    except (ValueError, OverflowError):
        raise ValueError(f"The Start Date has to be {_A_DATE}{instead_of(value)}.") from None


_A_DATE = "a date such as 2024-01-31 or 2024-01-31T00:00:00Z"
_TEXTS = {**TEXTS, "start_date": (_A_DATE, normalize_start_date)}


def canonical(name: str, setting: Mapping[str, Any], value: Any) -> Any:
    """The value of a setting in its canonical form, see `activecampaign_client.settings.canonical`."""
    return canonical_setting(name, setting, value, _TEXTS)


@dataclass
class Canonical(ConfigTransformation):
    """Fills in every default and brings every value into its canonical form; what the spec does not name stays.

    The parameter `settings` holds the properties of the spec. Raises a configuration error that says in one sentence
    what is wrong. What is missing is left to `validate`: tools that only look at the streams have no configuration.
    """

    parameters: Mapping[str, Any]

    def transform(self, config: MutableMapping[str, Any]) -> None:
        for name, setting in self.parameters["settings"].items():
            with configuration_errors():
                value = canonical(name, setting, config.pop(name, None))
            if value is not None:
                config[name] = value


def validate(config: Mapping[str, Any]) -> None:
    """Raises a configuration error where a configuration in its canonical form is not enough to ask an account."""
    with configuration_errors():
        require_account(config)


def refusal(sentence: str) -> AirbyteTracedException:
    return AirbyteTracedException(message=sentence, internal_message=sentence, failure_type=FailureType.config_error)


@contextmanager
def configuration_errors() -> Iterator[None]:
    """The sentences of ValueErrors as configuration errors, without the values that led to them in a stack trace."""
    try:
        yield
    except ValueError as error:
        raise refusal(str(error)) from None
