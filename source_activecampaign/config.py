"""What the user configures: read, judged, and brought into the one form that the rest works with.

Everything that can be wrong with it is said here, in a sentence that calls the setting by its title in the form.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airbyte_cdk.models import ConfiguredAirbyteCatalog, ConfiguredAirbyteCatalogSerializer, FailureType
from airbyte_cdk.sources.declarative.transformations.config_transformations.config_transformation import (
    ConfigTransformation,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from serpyco_rs import SchemaValidationError

from activecampaign_client.address import api_root
from activecampaign_client.pasted import trimmed
from activecampaign_client.secrets import usable_key


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
        config = json_in(path, "configuration", "a JSON object with api_url and api_key")
    except ValueError as error:
        return Refused(str(error))
    if isinstance(config, dict):
        return config
    return Refused('The configuration file holds no JSON object: it has to look like {"api_url": ..., "api_key": ...}.')


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


def json_in(path: str, what: str, content: str) -> Any:
    """The JSON in a file; a byte order mark does no harm. The sentences say `what` file it is, and what it has to hold.

    Raises OSError where there is no file to read, and ValueError with a sentence where it holds something else.
    """
    text = Path(path).read_bytes()
    if not text.strip(b"\xef\xbb\xbf \t\r\n"):
        raise ValueError(f"The {what} file is empty: it has to hold {content}.")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"The {what} file is not JSON (from {place} on): correct it there.") from None
    except (ValueError, RecursionError):
        raise ValueError(f"The {what} file is not JSON: write it anew, as UTF-8 text.") from None


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
        raise ValueError(f"The Start Date has to be {_A_DATE}{_instead_of(value)}.") from None


# Settings whose text is more than text: what they look like, and their canonical form.
_A_DATE = "a date such as 2024-01-31 or 2024-01-31T00:00:00Z"
_TEXTS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "api_url": ("a text such as https://youraccount.api-us1.com", api_root),
    "api_key": ("a text, in quotation marks", usable_key),
    "start_date": (_A_DATE, normalize_start_date),
}


def canonical(name: str, setting: Mapping[str, Any], value: Any) -> Any:
    """The value of a setting in its canonical form; its default where it is null, an empty text or absent.

    `setting` is its property in the spec. Taken, too, is what can only mean one thing: numbers as text, whole numbers
    with a fraction of zero, choices in capitals, and `false` for "off", as which YAML reads it.

    >>> canonical("num_workers", {"type": "integer", "minimum": 2, "maximum": 32, "default": 8}, "4")
    4

    Raises ValueError with a sentence that says what is allowed.
    """
    if isinstance(value, str):
        value = trimmed(value)
    if value is None or value == "":
        return setting.get("default")
    title = setting.get("title", name)
    if name in _TEXTS:
        form, canonical_text = _TEXTS[name]
        if not isinstance(value, str):
            raise ValueError(f"The {title} has to be {form}{'' if name == 'api_key' else _instead_of(value)}.")
        return canonical_text(value)
    if "enum" in setting:
        return _choice(title, setting["enum"], value)
    if setting.get("type") in ("integer", "number"):
        return _number(title, setting, value)
    return value


def _choice(title: str, choices: list[str], value: Any) -> str:
    chosen = "off" if value is False else value.lower() if isinstance(value, str) else None
    if chosen not in choices:
        allowed = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise ValueError(f"The {title} setting has to be {allowed}{_instead_of(value)}.")
    return chosen


def _number(title: str, setting: Mapping[str, Any], value: Any) -> float:
    number = value
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value):
        number = float(value)
    least, most = setting.get("minimum", -math.inf), setting.get("maximum", math.inf)
    # Neither comparison holds for NaN, and JSON has integers that no float can hold.
    is_number = isinstance(number, int | float) and not isinstance(number, bool) and -math.inf < number < math.inf
    whole = setting["type"] == "integer"
    if not is_number or not least <= number <= most or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"The {title} setting has to be {kind} {bounds}{_instead_of(value)}.")
    return int(number) if number == int(number) else float(number)


def _instead_of(value: Any) -> str:
    """The value itself, where it is short: a long one may be a key in the wrong place."""
    if isinstance(value, list | dict):
        return ", not a list" if isinstance(value, list) else ", not an object"
    try:
        shown = json.dumps(value)
    except ValueError:
        return ""
    return f", not {shown}" if len(shown) <= 40 else ""


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
        for name in ("api_url", "api_key"):
            if name not in config:
                title = {"api_url": "API URL", "api_key": "API Key"}[name]
                raise ValueError(f"The {title} is missing. Copy it from Settings > Developer in ActiveCampaign.")


def refusal(sentence: str) -> AirbyteTracedException:
    return AirbyteTracedException(message=sentence, internal_message=sentence, failure_type=FailureType.config_error)


@contextmanager
def configuration_errors() -> Iterator[None]:
    """The sentences of ValueErrors as configuration errors, without the values that led to them in a stack trace."""
    try:
        yield
    except ValueError as error:
        raise refusal(str(error)) from None
