"""An account that rows are written to by the console script, and what became of each row."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from emulator import Account, Emulator
from integration_tests.destination.connector import Destination, Process, record, state

JsonObject = dict[str, Any]
# The sync mode by which each mode is asked for; insert has none, and is set by the stream's name instead.
SYNC_MODES = {"upsert": "append_dedup", "update": "update", "soft_delete": "soft_delete", "insert": "append"}


class Stream(NamedTuple):
    """Rows of one stream, and what they are written to."""

    object: str
    rows: Sequence[Mapping[str, Any]]
    mode: str = "upsert"
    key: Sequence[str] = ()
    sync_mode: str = ""

    @property
    def called(self) -> str:
        return f"{self.object} {self.sync_mode or self.mode} by {' '.join(self.key) or 'its key'}"

    def configured(self) -> JsonObject:
        columns = dict.fromkeys(name for row in self.rows for name in row)
        schema = {"type": "object", "properties": {name: {} for name in columns}}
        return {
            "stream": {"name": self.called, "json_schema": schema, "supported_sync_modes": ["full_refresh"]},
            "sync_mode": "full_refresh",
            "destination_sync_mode": self.sync_mode or SYNC_MODES[self.mode],
            "generation_id": 7,
            "minimum_generation_id": 7,
            "sync_id": 9,
        }

    def settings(self) -> JsonObject:
        mode = {} if self.sync_mode else {"mode": self.mode}
        return {"stream": self.called, "object": self.object, **mode, **({"key": list(self.key)} if self.key else {})}


class Written(NamedTuple):
    """One sync: its process, the rejected rows, and the requests that it took."""

    process: Process
    rejected: list[JsonObject]
    requests: list[str]

    @property
    def writes(self) -> list[str]:
        return [one for one in self.requests if not one.startswith("GET")]

    @property
    def outcomes(self) -> dict[str, int]:
        """How many rows had which outcome, all streams together."""
        found: dict[str, int] = {}
        for stream in self.process.summary["streams"]:
            for name, count in stream["outcomes"].items():
                found[name] = found.get(name, 0) + count
        return found

    @property
    def codes(self) -> list[str]:
        return [one["code"] for one in self.rejected]


class World:
    """An emulated account, and the destination's console script pointed at it."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.account: Account = emulator.account
        self.folder = folder
        self.started: list[Process] = []

    def config(self, streams: Sequence[Stream], **config: Any) -> JsonObject:
        return {
            "api_url": self.emulator.url,
            "api_key": self.emulator.api_key,
            "requests_per_second": 100,
            "rejected_records": str(self.folder / "rejected"),
            "streams": [one.settings() for one in streams],
            **config,
        }

    def write(self, *streams: Stream, exit_code: int = 0, **config: Any) -> Written:
        """One sync of these streams, in this order; every row is acknowledged, if it ends well."""
        file = self.folder / "rejected" / "rejected.jsonl"
        file.unlink(missing_ok=True)
        self.emulator.requests.clear()
        destination = Destination(self.folder, self.config(streams, **config))
        lines = [record(one.called, **row) for one in streams for row in one.rows]
        states = [state(one.called, done=True) for one in streams]
        process = destination.write({"streams": [one.configured() for one in streams]}, [*lines, *states])
        assert process.exit_code == exit_code, process.text
        if not exit_code:
            assert len(process.echoed) == len(streams), process.text
            assert sum(records for records, _ in process.stats) == len(lines)
        kept = file.read_text().splitlines() if file.exists() else []
        return Written(process, [json.loads(one) for one in kept], self.asked())

    def asked(self) -> list[str]:
        """The requests since the last sync began, as `POST accounts`."""
        return [f"{one.method} {one.path.removeprefix('/api/3/')}" for one in list(self.emulator.requests)]

    def values_of(self, resource: str, owner: str) -> dict[str, dict[str, Any]]:
        """The values of custom fields by the id of their owner and the label of their field; without empty ones."""
        meta = {"accountId": "accountCustomFieldMeta", "dealId": "dealCustomFieldMeta"}[owner]
        labels = {row["id"]: row["fieldLabel"] for row in self.account.rows(meta)}
        found: dict[str, dict[str, Any]] = {}
        for row in self.account.rows(resource):
            if row["fieldValue"] not in (None, "", []):
                label = labels.get(str(row["customFieldId"]), "of a field that is gone")
                found.setdefault(str(row[owner]), {})[label] = row["fieldValue"]
                if row.get("fieldCurrency"):
                    found[str(row[owner])][f"{label} currency"] = row["fieldCurrency"]
        return found

    def deals(self) -> dict[str, JsonObject]:
        """Every deal by its title: its columns and the values of its custom fields by their label."""
        values = self.values_of("dealCustomFieldData", "dealId")
        titles = {
            name: {row["id"]: row["title"] for row in self.account.rows(name)} for name in ("dealGroups", "dealStages")
        }
        names = ("description", "contact", "account", "value", "currency", "owner", "status", "percent")
        return {
            row["title"]: {
                **{name: row[name] for name in names},
                "group": titles["dealGroups"][row["group"]],
                "stage": titles["dealStages"][row["stage"]],
                **values.get(row["id"], {}),
            }
            for row in self.account.rows("deals")
        }

    def records(self) -> dict[str, JsonObject]:
        """The fields, without empty ones, and the relationships of every custom object record by its external id."""
        return {
            row["externalId"]: {
                **{one["id"]: one["value"] for one in row["fields"] if one["value"] is not None},
                **{name: related for name, related in row["relationships"].items() if related},
            }
            for row in self.account.rows("customObjectRecords")
        }

    def accounts(self) -> dict[str, JsonObject]:
        """Every company account by its name: its columns and the values of its custom fields by their label."""
        values = self.values_of("accountCustomFieldData", "accountId")
        return {
            row["name"]: {"url": row["accountUrl"] or "", "owner": row["owner"], **values.get(row["id"], {})}
            for row in self.account.rows("accounts")
        }
