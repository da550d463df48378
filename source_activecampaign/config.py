"""What the user configures, brought into the one form that the manifest works with."""

import re
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.transformations.config_transformations.config_transformation import (
    ConfigTransformation,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from activecampaign_client.address import api_root


def normalize_start_date(value: str) -> str:
    """A date or date-time as UTC to the second; one without an offset is UTC.

    >>> normalize_start_date("2024-03-01T00:00:00.000+01:00")
    '2024-02-29T23:00:00Z'
    """
    text = value.strip().replace("Z", "+00:00")
    text = re.sub(r"\.\d+", "", text)
    text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text) if "T" in text or " " in text else text
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return f"{moment.astimezone(timezone.utc).isoformat()[:19]}Z"
    except (ValueError, OverflowError):
        raise ValueError(f"The start date {value!r} is not a date. Write it as YYYY-MM-DDTHH:MM:SSZ.") from None


_NORMALIZERS: Mapping[str, Callable[[str], str]] = {
    "api_url": api_root,
    "start_date": normalize_start_date,
}


@dataclass
class Canonical(ConfigTransformation):
    """Fills in every default and brings every value into its canonical form.

    The parameter `settings` holds the properties of the spec.

    A value that has no canonical form stays as it is, for `validate` to complain about.
    """

    parameters: Mapping[str, Any]

    def transform(self, config: MutableMapping[str, Any]) -> None:
        for key in [key for key, value in config.items() if value is None]:
            del config[key]
        for key, setting in self.parameters["settings"].items():
            if "default" in setting:
                config.setdefault(key, setting["default"])
        for key, canonical in _NORMALIZERS.items():
            if isinstance(value := config.get(key), str):
                with suppress(ValueError):
                    config[key] = canonical(value)


def validate(config: Mapping[str, Any]) -> None:
    """Raises a configuration error that says in one sentence what is wrong."""
    for key, canonical in _NORMALIZERS.items():
        if isinstance(value := config.get(key), str):
            try:
                canonical(value)
            except ValueError as error:
                raise AirbyteTracedException(
                    message=str(error), internal_message=str(error), failure_type=FailureType.config_error
                ) from None
