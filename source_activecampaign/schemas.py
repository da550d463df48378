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
def annotated_schema(stream: str) -> Mapping[str, Any]:
    """The schema of a stream as its file has it, not to be changed.

    Besides JSON Schema a field may have `x-references`, the stream that an id points to, and `x-naive-zone`, the
    zone of its timestamps where they come without an offset.
    Raises FileNotFoundError where there is no file: a stream without a schema is a mistake of ours.
    """
    schema: Mapping[str, Any] = json.loads((resource("schemas") / f"{stream}.json").read_bytes())
    return schema


def stream_schema(stream: str) -> dict[str, Any]:
    """The schema of a stream for a catalog: a copy that may be changed, without our own annotations."""
    schema = deepcopy(dict(annotated_schema(stream)))
    for name, field in schema["properties"].items():
        schema["properties"][name] = {key: value for key, value in field.items() if not key.startswith("x-")}
    return schema


@dataclass
class StreamSchema(SchemaLoader):
    """Loads `schemas/<name>.json`."""

    name: str

    def get_json_schema(self) -> Mapping[str, Any]:
        return stream_schema(self.name)
