"""The calls of RudderStack and Segment as rows: identify, track, screen and page.

https://segment.com/docs/connections/spec/ and https://www.rudderstack.com/docs/event-spec/standard-events/: both have
the same calls. As rows they come nested, with objects as JSON text, or flat, as both write them into warehouses.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from destination_activecampaign.cells import object_of
from destination_activecampaign.columns import form, is_of_airbyte, snake_case


class Call:
    """One call. Names match without regard to case and underscores: `fieldInfo` is also `field_info` and `fieldinfo`.

    `fields` are what the user named for columns, by column; an empty text leaves the column out.

    >>> nested = Call({"context": {"traits": {"email": "ann@example.com"}}})
    >>> flat = Call({"context_traits_email": "ann@example.com"})
    >>> nested.get("context", "traits", "email") == flat.get("context", "traits", "email")
    True
    """

    def __init__(self, row: Mapping[str, Any], fields: Mapping[str, str] | None = None) -> None:
        # Objects that have become text are parsed once, however much is looked for in them.
        self._row = {name: object_of(value) or value for name, value in row.items()}
        for column, field in (fields or {}).items():
            spelled = next((name for name in self._row if form(name) == form(column)), None)
            if spelled is not None:
                value = self._row.pop(spelled)
                others = {name: one for name, one in self._row.items() if _squashed(name) != _squashed(field)}
                self._row = {**others, field: value} if field else others

    def get(self, *path: str) -> Any:
        """What stands at a path, such as ("context", "traits", "email"); None where nothing does."""
        return _at(self._row, path)

    def object(self, *path: str) -> dict[str, Any]:
        """The object at a path, and what stands in columns of its own that begin with it; {} where there is none.

        >>> Call({"properties_price": 3, "properties_currency": None}).object("properties")
        {'price': 3}
        """
        flat = dict(self._below(path))
        return {**flat, **object_of(self.get(*path))}

    def has(self, name: str) -> bool:
        """Whether there is a column of this name, whatever stands in it."""
        return any(_squashed(one) == _squashed(name) for one in self._row)

    def rest(self, known: Collection[str], beginnings: Collection[str]) -> dict[str, Any]:
        """The columns that have a value, but for those that are known, those that begin so, and Airbyte's own.

        >>> Call({"event": "bought", "context_ip": "::1", "price": 3}).rest({"event"}, {"context"})
        {'price': 3}
        """
        names = {_squashed(name) for name in (*known, *beginnings)}
        prefixes = tuple(f"{name}_" for name in beginnings)
        return {
            name: value
            for name, value in self._row.items()
            if value is not None
            and _squashed(name) not in names
            and not _flat(name).startswith(prefixes)
            and not is_of_airbyte(name)
        }

    def _below(self, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        prefixes = {f"{'_'.join(map(spell, path))}_" for spell in (snake_case, str.lower)}
        for name, value in self._row.items():
            for prefix in prefixes:
                if value is not None and _flat(name).startswith(prefix):
                    yield _flat(name).removeprefix(prefix), value


def _at(value: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return value
    inside = object_of(value)
    for end in range(1, len(path) + 1):
        wanted = _squashed("".join(path[:end]))
        for name, inner in inside.items():
            if _squashed(name) == wanted and (found := _at(inner, path[end:])) is not None:
                return found
    return None


@lru_cache(4096)
def _squashed(name: str) -> str:
    return form(name).replace("_", "")


@lru_cache(4096)
def _flat(name: str) -> str:
    return form(snake_case(name))
