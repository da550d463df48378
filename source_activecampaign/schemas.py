"""The stream schemas: one JSON file per stream, in the wheel inside the package, in a checkout beside it."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from airbyte_cdk.sources.declarative.schema.schema_loader import SchemaLoader

_PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """A file or folder that the wheel carries in the package and a checkout at its top level."""
    inside = _PACKAGE / name
    return inside if inside.exists() else _PACKAGE.parent / name


@cache
def _load(stream: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = json.loads((resource("schemas") / f"{stream}.json").read_bytes())
    return schema


def stream_schema(stream: str) -> dict[str, Any]:
    """The schema of a stream, as a copy that may be changed.

    `x-references`, which names the stream that an id points to, is for the docs and not for destinations.
    Raises FileNotFoundError where there is none: a stream without a schema is a mistake of ours.
    """
    schema = deepcopy(dict(_load(stream)))
    for field in schema["properties"].values():
        field.pop("x-references", None)
    return schema


@dataclass
class StreamSchema(SchemaLoader):
    """Loads `schemas/<name>.json`."""

    name: str

    def get_json_schema(self) -> Mapping[str, Any]:
        return stream_schema(self.name)
