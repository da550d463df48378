"""From a row of a stream to the change that it makes to a record, or to why it cannot be written."""

from collections.abc import Iterator, Mapping
from typing import Any

from destination_activecampaign.catalog import Mode, Target
from destination_activecampaign.cells import Rejected, half_character, identifier_of
from destination_activecampaign.columns import Field
from destination_activecampaign.config import Config
from destination_activecampaign.pyairbyte import Restored
from destination_activecampaign.records import reasons
from destination_activecampaign.records.change import Change
from destination_activecampaign.records.kind import Kind
from destination_activecampaign.rejections import Rejection


class RowReader:
    """What the rows of one stream say.

    Raises ApiError, with a sentence, where the stream's columns are not those of its object.
    """

    def __init__(self, target: Target, config: Config, kind: Kind) -> None:
        self._target = target
        self._config = config
        self._kind = kind
        self._columns = kind.columns(target)
        self._by_id = target.key == ("id",)
        self._restored = Restored(target, self._columns)

    def emails(self, row: Mapping[str, Any]) -> Iterator[str]:
        """The email addresses of a row whose contacts have to be looked up before it is read."""
        if self._target.mode is not Mode.SOFT_DELETE:
            found = self._columns.read(row)
            yield from self._kind.emails({field.name: value for field, value in found.items() if value is not None})

    def read(self, row: Mapping[str, Any]) -> Change | Rejection:
        """What a row says. Raises ApiError where something that it names cannot be looked up."""
        if mended := self._columns.mended_in(row):
            return half_character(*mended.values())
        try:
            return self._change(self._columns.read(self._restored.row(row)))
        except Rejected as rejected:
            return rejected.rejection

    def _change(self, found: Mapping[Field, Any]) -> Change:
        mode = self._target.mode
        given = {field.name: (field, value) for field, value in found.items()}
        identifier = identifier_of(given.pop("id", (None, None))[1])
        if mode is Mode.SOFT_DELETE and self._config.deletions != "delete":
            raise Rejected(reasons.CANNOT_UNSUBSCRIBE)
        if self._by_id:
            if not identifier:
                raise Rejected(reasons.KEY_MISSING)
            if mode is Mode.SOFT_DELETE:
                return Change(id=identifier, mode=mode)
        values = self._values(given)
        if self._by_id:
            return Change(id=identifier, mode=mode, values=self._kind.complete(values))
        key = self._kind.key_of(values)
        if not key:
            raise Rejected(reasons.KEY_MISSING)
        if mode is Mode.SOFT_DELETE:
            return Change(key, mode=mode)
        return Change(key, mode=mode, values=self._kind.complete(values))

    def _values(self, given: Mapping[str, tuple[Field, Any]]) -> dict[str, Any]:
        """What is to be written: of a null, or of a column that is absent, only where that is to empty the field."""
        clears = self._config.null_values == "clear"
        absent = {one.name: (one, None) for one in self._columns.declared.values() if clears and one.name != "id"}
        found = {}
        for name, (field, value) in {**absent, **given}.items():
            if value is None and not clears:
                continue
            written = None if value is None else self._kind.value(field, value)
            if written is not None or self._kind.empties(field):
                found[name] = written
        return found
