"""What a user of PyAirbyte writes to bring contacts from one account into another, and what belongs to them.

Runs with PyAirbyte's own Python. Its argument is a JSON object: `source` and `destination`, each with the `executable`
and `config` of a connector, the `folder` for what PyAirbyte keeps, and the `path`: direct; cache, which brings tags and
lists as well; or account, which also brings company accounts, who belongs to them, and records of the custom object
`visit`.
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
# The same for users, company accounts and relationships.
REFERENCES = """
    ALTER TABLE accounts ADD COLUMN IF NOT EXISTS owner_email VARCHAR;
    UPDATE accounts SET owner_email = (SELECT email FROM users WHERE users.id = accounts.owner);
    ALTER TABLE account_contacts ADD COLUMN IF NOT EXISTS email VARCHAR;
    ALTER TABLE account_contacts ADD COLUMN IF NOT EXISTS account_name VARCHAR;
    UPDATE account_contacts SET
        email = (SELECT email FROM contacts WHERE contacts.id = account_contacts.contact),
        account_name = (SELECT name FROM accounts WHERE accounts.id = account_contacts.account);
    ALTER TABLE custom_object_visit ADD COLUMN IF NOT EXISTS guest_emails JSON;
    UPDATE custom_object_visit SET
        guest_emails = (SELECT to_json(list(email)) FROM contacts WHERE list_contains(guests::VARCHAR[], contacts.id));
"""
STREAMS = [
    {"stream": "contact_tags", "columns": [{"column": "tag_name", "field": "tag"}, {"column": "tag"}]},
    {"stream": "contact_lists", "columns": [{"column": "list_name", "field": "list"}, {"column": "list"}]},
    {"stream": "accounts", "columns": [{"column": "owner_email", "field": "owner"}, {"column": "owner"}]},
    {"stream": "account_contacts", "columns": [{"column": "account_name", "field": "account"}, {"column": "account"}]},
    {"stream": "custom_object_visit", "columns": [{"column": "guest_emails", "field": "guests"}, {"column": "guests"}]},
]
EVERYTHING = ["contacts", "contact_tags", "contact_lists", "accounts", "account_contacts", "custom_object_visit"]


def main(job: dict[str, Any]) -> None:
    streams = STREAMS if job["path"] == "account" else STREAMS[:2]
    source = ab.get_source(
        "source-activecampaign",
        config=job["source"]["config"],
        local_executable=Path(job["source"]["executable"]),
    )
    destination = ab.get_destination(
        "destination-activecampaign",
        config={**job["destination"]["config"], "streams": streams},
        local_executable=Path(job["destination"]["executable"]),
    )
    folder = Path(job["folder"])
    cache = DuckDBCache(db_path=folder / "pyairbyte.duckdb", cache_dir=folder / "batches")
    if job["path"] == "direct":
        destination.check()
        written = destination.write(source, streams=["contacts"], cache=False, state_cache=cache)
    elif job["path"] == "cache":
        written = destination.write(source, streams=["contacts"], cache=cache)
        source.read(cache, streams=["tags", "lists"])
        memberships = source.read(cache, streams=["contact_tags", "contact_lists"])
        fill(cache, MEMBERSHIPS)
        destination.write(memberships)
    else:
        source.read(cache, streams=["tags", "lists", "users"])
        everything = source.read(cache, streams=EVERYTHING)
        fill(cache, MEMBERSHIPS + REFERENCES)
        written = destination.write(everything)
    print(json.dumps({"written": written.processed_records}))


def fill(cache: DuckDBCache, statements: str) -> None:
    for statement in statements.split(";")[:-1]:
        cache.execute_sql(statement)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
