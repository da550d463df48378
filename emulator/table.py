"""The one definition of the API's resources: resources.yaml, read into typed rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Relation:
    """What `contacts/{id}/NAME` and `include=NAME` answer."""

    name: str
    child: str
    by: str  # the child's field that holds the parent's id
    key: str  # top-level key of the answer
    single: bool = False  # an object instead of a list
    where: tuple[str, str] | None = None  # another field that must have a value
    beside: tuple[str, ...] = ()  # what the child sideloads in turn when it is listed so


@dataclass(frozen=True)
class Resource:
    """One row of the table. resources.yaml says at its top what each entry means."""

    name: str
    key: str
    path: str | None
    single: str | None
    model: str
    missing: dict[str, Any]
    ids: str
    total: str | None
    limit: int
    rows: float | str
    per: str | None
    each: str | None
    times: str
    order: str
    view_of: str | None
    touches: str | None
    by: str | None
    outlives: str | None
    style: str
    meta: dict[str, Any]
    filters: dict[str, str]
    orders: dict[str, str]
    relations: dict[str, Relation]
    forward: dict[str, str]
    siblings: tuple[str, ...]
    embeds: tuple[str, ...]
    fields: dict[str, str]  # field -> generator expression
    notes: str = ""
    children: list[str] = field(default_factory=list)


def _fields(grouped: dict[str, str]) -> dict[str, str]:
    """`{generator: "a b c"}` turned round into `{a: generator, ...}`."""
    result: dict[str, str] = {}
    for expression, names in grouped.items():
        for name in str(names).split():
            if name in result:
                raise ValueError(f"field {name} defined twice")
            result[name] = str(expression)
    return result


def _with_links(entry: dict[str, Any]) -> dict[str, str]:
    """`links: a b` is short for the generator of the `links` object; `[]` where a model has none."""
    grouped = dict(entry.get("fields", {}))
    if "links" in entry:
        names = entry["links"]
        grouped[f"links {names}" if names else "  []"] = "links"
    return grouped


def _relation(name: str, text: str, raw: dict[str, Any], parent: str) -> Relation:
    child, *options = text.split()
    chosen = dict(option.partition("=")[::2] for option in options if option != "single")
    target = raw[child]
    by = chosen.get("by") or raw.get(target.get("view_of", child), {}).get("by")
    if not by:
        raise ValueError(f"{parent}.{name}: {child} says no field that holds the parent's id")
    key = chosen.get("key") or target.get("key", child)
    where_field, _, where_value = chosen.get("where", "").partition(":")
    where = (where_field, where_value) if where_field else None
    beside = tuple(chosen["beside"].split(",")) if "beside" in chosen else ()
    return Relation(name, child, by, key, "single" in options, where, beside)


def _resource(name: str, entry: dict[str, Any], raw: dict[str, Any]) -> Resource:
    model = entry.get("model", name[:1].upper() + name[1:].removesuffix("s"))
    known = (set(Resource.__dataclass_fields__) | {"links"}) - {"name", "children"}
    unknown = set(entry) - known
    if unknown:
        raise ValueError(f"{name}: unknown entries {sorted(unknown)}")
    return Resource(
        name=name,
        key=entry.get("key", name),
        path=entry.get("path", name if "path" not in entry else None),
        single=entry.get("single"),
        model=model,
        missing=entry.get("missing", {"message": f"No Result found for {model} with id {{id}}"}),
        ids=entry.get("ids", "plain"),
        total=entry.get("total", "string"),
        limit=entry.get("limit", 20),
        rows=entry.get("rows", 0),
        per=entry.get("per"),
        each=entry.get("each"),
        times=entry.get("times", "spread"),
        order=entry.get("order", "id"),
        view_of=entry.get("view_of"),
        touches=entry.get("touches"),
        by=entry.get("by"),
        outlives=entry.get("outlives"),
        style=entry.get("style", "list"),
        meta=entry.get("meta", {}),
        filters=entry.get("filters", {}),
        orders=entry.get("orders", {}),
        relations={k: _relation(k, v, raw, name) for k, v in entry.get("relations", {}).items()},
        forward=entry.get("forward", {}),
        siblings=tuple(str(entry.get("siblings", "")).split()),
        embeds=tuple(str(entry.get("embeds", "")).split()),
        fields=_fields(_with_links(entry)),
        notes=entry.get("notes", ""),
    )


@lru_cache(maxsize=1)
def resources() -> dict[str, Resource]:
    """All resources by name."""
    text = Path(__file__).with_name("resources.yaml").read_bytes()
    raw: dict[str, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - one of the safe loaders
    raw = {name: entry or {} for name, entry in raw.items() if not name.startswith("_")}
    table = {name: _resource(name, entry, raw) for name, entry in raw.items()}
    for resource in table.values():
        if resource.per:
            table[resource.per].children.append(resource.name)
    return table


@lru_cache(maxsize=1)
def by_path() -> dict[str, Resource]:
    """Resources that have a list of their own, by its path under /api/3."""
    return {r.path: r for r in resources().values() if r.path}
