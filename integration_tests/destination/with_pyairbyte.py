"""What a user of PyAirbyte writes to bring contacts from one account into another.

Runs with PyAirbyte's own Python. Its argument is a JSON object: `source` and `destination`, each with the `executable`
and `config` of a connector, the `folder` for what PyAirbyte keeps, and the `path`: direct, or cache, which brings tags
and lists as well.
"""

import json
import sys
from pathlib import Path
from typing import Any

import airbyte as ab
from airbyte.caches import DuckDBCache

# The rows of the source name contacts, tags and lists by ids, which are others in the other account. The columns that
# are added here say what they are by their email addresses and names, and can be filled again after every read.
MEMBERSHIPS = """
    ALTER TABLE contact_tags ADD COLUMN IF NOT EXISTS email VARCHAR;
    ALTER TABLE contact_tags ADD COLUMN IF NOT EXISTS tag_name VARCHAR;
    UPDATE contact_tags SET
        email = (SELECT email FROM contacts WHERE contacts.id = contact_tags.contact),
        tag_name = (SELECT tags.tag FROM tags WHERE tags.id = contact_tags.tag);
    ALTER TABLE contact_lists ADD COLUMN IF NOT EXISTS email VARCHAR;
    ALTER TABLE contact_lists ADD COLUMN IF NOT EXISTS list_name VARCHAR;
    UPDATE contact_lists SET
        email = (SELECT email FROM contacts WHERE contacts.id = contact_lists.contact),
        list_name = (SELECT name FROM lists WHERE lists.id = contact_lists.list);
"""
STREAMS = [
    {"stream": "contact_tags", "columns": [{"column": "tag_name", "field": "tag"}, {"column": "tag"}]},
    {"stream": "contact_lists", "columns": [{"column": "list_name", "field": "list"}, {"column": "list"}]},
]


def main(job: dict[str, Any]) -> None:
    source = ab.get_source(
        "source-activecampaign",
        config=job["source"]["config"],
        local_executable=Path(job["source"]["executable"]),
    )
    destination = ab.get_destination(
        "destination-activecampaign",
        config={**job["destination"]["config"], "streams": STREAMS},
        local_executable=Path(job["destination"]["executable"]),
    )
    folder = Path(job["folder"])
    cache = DuckDBCache(db_path=folder / "pyairbyte.duckdb", cache_dir=folder / "batches")
    if job["path"] == "direct":
        destination.check()
        written = destination.write(source, streams=["contacts"], cache=False, state_cache=cache)
    else:
        written = destination.write(source, streams=["contacts"], cache=cache)
        source.read(cache, streams=["tags", "lists"])
        memberships = source.read(cache, streams=["contact_tags", "contact_lists"])
        for statement in MEMBERSHIPS.split(";")[:-1]:
            cache.execute_sql(statement)
        destination.write(memberships)
    print(json.dumps({"written": written.processed_records}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
