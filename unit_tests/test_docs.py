"""The docs say what the code does: nothing that they repeat from it may be out of date."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from activecampaign_client.custom_fields import Definition, Plan
from source_activecampaign.source import declared_streams
from unit_tests.source.conftest import MANIFEST

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
GUIDE = (DOCS / "activecampaign.md").read_text()
MIGRATION = (DOCS / "activecampaign-migrations.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.iterdir())]
STREAMS = set(declared_streams(MANIFEST))
NUMBERS = ("five", "six", "eight", "nine", "ten", "eighty")
PEERS = ("hevo", "singer", "airbyte", "nekt")
PROPERTIES = MANIFEST["spec"]["connection_specification"]["properties"]


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate_docs"] = module
    spec.loader.exec_module(module)
    return module


generator = load_generator()


@pytest.fixture(scope="module")
def streams():
    return {one.name: one for one in generator.streams()}


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the table whose first column is headed so."""
    lines = text.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


# --- docs/streams.md --------------------------------------------------------------------------------------------


def test_the_page_of_streams_is_up_to_date():
    assert generator.main(["--check"]) == 0, "run: .venv/bin/python scripts/generate_docs.py"


def test_a_page_that_is_out_of_date_is_noticed_and_written_anew(tmp_path, monkeypatch, capsys):
    page = tmp_path / "streams.md"
    monkeypatch.setattr(generator, "PAGE", page)
    assert generator.main(["--check"]) == 1
    assert not page.exists()
    page.write_text("old")
    assert generator.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert page.read_text() == "old"
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0


def test_every_stream_has_one_complete_row():
    rows = {re.match(r"\[(\w+)\]", row[0])[1]: row for row in table(generator.page(), "Stream") if "[" in row[0]}
    assert set(rows) == STREAMS
    assert len(table(generator.page(), "Stream")) == len(STREAMS) + 1
    for name, (_, endpoint, key, cursor, modes, requests, *peers) in rows.items():
        assert "](https://developers.activecampaign.com/reference/" in endpoint, name
        assert key.startswith("`"), name
        assert bool(cursor) == ("incremental" in modes), name
        assert requests.startswith("1 per "), name
        assert len(peers) == 4, name


def test_every_stream_of_a_peer_is_ours_and_marked(streams):
    elsewhere = generator.peers()
    assert set(elsewhere) <= set(streams)
    counts = {peer: sum(row[peer] == "yes" for row in elsewhere.values()) for peer in PEERS}
    assert counts == {"hevo": 38, "singer": 59, "airbyte": 7, "nekt": 6}
    shown = {re.match(r"\[(\w+)\]", row[0])[1]: row[-4:] for row in table(generator.page(), "Stream") if "[" in row[0]}
    for name, row in elsewhere.items():
        assert shown[name] == [row[peer] or "no" for peer in PEERS], name


def test_every_reference_leads_to_a_stream(streams):
    for one in streams.values():
        assert set(one.references.values()) <= set(streams), one.name


@pytest.mark.parametrize(
    ("name", "endpoint", "cursor", "cost"),
    [
        ("contacts", "contacts", "udate", "1 per 100 changed rows"),
        ("tags", "tags", "updated_timestamp", "1 per 100 rows"),
        ("users", "users", None, "1 per 100 rows"),
        ("contact_score_values", "contacts", "mdate", "1 per 100 contacts"),
        ("contact_goals", "contacts/{contact}/contactGoals", "tstamp", "1 per changed contact"),
        ("geo_addresses", "contacts/{contact}", "contact_udate", "1 per changed contact"),
    ],
)
def test_what_is_read_from_the_manifest(streams, name, endpoint, cursor, cost):
    one = streams[name]
    assert (one.endpoint, one.cursor, one.cost) == (endpoint, cursor, cost)


def test_diagrams_show_relations_once_and_leave_out_users(streams):
    lines = generator.relations(streams.values(), list(streams.values()))
    assert '  contacts |o--o{ contact_tags : "contact"' in lines
    pairs = [frozenset((line.split()[0], line.split()[2])) for line in lines if "}o--o{" in line]
    assert len(pairs) == len(set(pairs))
    assert [line for line in lines if line.split()[0] == "users"] == []


# --- the user guide ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_guide_explains_every_setting(name):
    one = PROPERTIES[name]
    explained = re.search(rf'<FieldAnchor field="{name}">(.+?)</FieldAnchor>', GUIDE, re.DOTALL)
    assert explained, name
    assert f"**{one['title']}** (`{name}`" in explained[1]
    if "default" in one:
        assert str(one["default"]) in explained[1]
    for choice in one.get("enum", []):
        assert f"`{choice}`" in GUIDE, choice


def test_the_guide_names_the_required_settings_as_prerequisites():
    prerequisites = re.search(r"## Prerequisites\n(.+?)\n## ", GUIDE, re.DOTALL)[1]
    for name in MANIFEST["spec"]["connection_specification"]["required"]:
        assert PROPERTIES[name]["title"] in prerequisites


def test_the_guide_names_columns_as_they_are_named():
    rows = table(GUIDE, "Id")
    fields = [Definition(number, title, kind, tag.strip("`")) for number, title, tag, kind, _ in rows]
    columns = list(Plan.of("columns", fields).properties())
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row[4])] == columns


def test_no_page_counts_the_streams(streams):
    """A count would have to be kept up by hand; the generated page of streams has it."""
    counting = re.compile(rf"\b({len(streams)}|{'|'.join(NUMBERS)}) streams\b", re.IGNORECASE)
    written = [path for path in PAGES if path.suffix == ".md" and path.name != "streams.md"]
    assert [path.name for path in written if counting.search(path.read_text().replace("seven streams", ""))] == []


def test_the_guide_names_the_streams_that_cost_more_or_less_than_others(streams):
    by_contact = {one.name for one in streams.values() if one.cost == "1 per changed contact"}
    sentence = re.search(r"Read contact by contact are (.+?)\. ", GUIDE)
    assert set(re.findall(r"`(\w+)`", sentence[1])) == by_contact
    filtered = re.search(r"Only (.+?) can be selected by time", GUIDE)[1]
    assert set(re.findall(r"`(\w+)`", filtered)) == {one.name for one in streams.values() if "changed rows" in one.cost}


def test_the_guide_mentions_streams_that_exist(streams):
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", GUIDE))
    mentioned = {word for word in words if re.match(r"(contact|deal|account|ecommerce|task|list|campaign)_", word)}
    assert mentioned - set(streams) - set(PROPERTIES) - {"account_username"} == set()
    assert len(mentioned) > 10


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_guide_links_to_headings_and_files_that_exist():
    for path in (page for page in PAGES if page.suffix == ".md"):
        for target in re.findall(r"\]\((?!https://)([^)\s]+)\)", path.read_text()):
            file, _, anchor = target.partition("#")
            page = path.parent / file if file else path
            assert page.exists(), f"{path.name}: {target}"
            assert not anchor or anchor in anchors_of(page), f"{path.name}: {target}"


# --- the migration guide ----------------------------------------------------------------------------------------

# The streams of Airbyte's connector of that name up to version 0.2.
MIGRATED = {"campaigns", "contacts", "lists", "deals", "segments", "forms", "accounts"}


def type_of(column: dict) -> str:
    """The type of a column as the data type map names it.

    >>> type_of({"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_with_timezone"})
    'timestamp_with_timezone'
    """
    declared = " or ".join(one for one in column["type"] if one != "null")
    return column.get("airbyte_type") or column.get("format") or declared


def migrated_columns(stream: str) -> dict[str, tuple[str, str]]:
    """For each column that the migration guide names for a stream, its types before and after."""
    section = MIGRATION.split(f"\n#### {stream}\n", 1)[1].split("\n#### ", 1)[0]
    rows = table(section, "Columns")
    return {name: (before, after) for names, before, after in rows for name in re.findall(r"`(\w+)`", names)}


@pytest.mark.parametrize("stream", sorted(MIGRATED))
def test_the_migration_guide_names_the_types_of_columns_as_they_are(stream):
    columns = json.loads((ROOT / "schemas" / f"{stream}.json").read_text())["properties"]
    described = migrated_columns(stream)
    assert {name: after for name, (_, after) in described.items()} == {
        name: type_of(columns[name]) for name in described
    }
    assert [name for name, (before, after) in described.items() if before == after] == []


def test_the_migration_guide_counts_the_columns_that_were_text():
    typed = [one for stream in MIGRATED for one in migrated_columns(stream).values() if one[0] == "string"]
    assert f"{len(typed)} columns that were text" in MIGRATION


def test_the_migration_guide_names_keys_cursors_and_sync_modes_as_they_are(streams):
    rows = {row[0].strip("`"): row[1:] for row in table(MIGRATION, "Stream")}
    assert set(rows) == MIGRATED
    for name, (key, before, after, cursor) in rows.items():
        one = streams[name]
        assert (key, cursor) == (generator.code(one.primary_key), generator.code([one.cursor])), name
        assert (before, after) == ("full refresh", "full refresh, incremental"), name


def test_every_breaking_change_has_its_section_in_the_migration_guide():
    described = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
    breaking = described["releases"]["breakingChanges"]
    assert re.findall(r"^## Upgrading to (.+)$", MIGRATION, re.MULTILINE) == sorted(breaking, reverse=True)
    for version, change in breaking.items():
        anchor = f"#upgrading-to-{version.replace('.', '')}"
        assert change["migrationDocumentationUrl"] == f"{described['documentationUrl']}-migrations{anchor}"


def test_the_changelog_names_the_version_that_is_released():
    released = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]["dockerImageTag"]
    assert table(GUIDE, "Version")[0][0] == released


# --- README and CONTRIBUTING ------------------------------------------------------------------------------------


def test_what_is_quoted_of_the_manifest_and_the_emulator_is_still_so():
    sources = [ROOT / "manifest.yaml", ROOT / "emulator" / "resources.yaml"]
    quoted = blocks(CONTRIBUTING, "yaml")
    assert len(quoted) == 2
    for block in quoted:
        assert any(block in path.read_text() for path in sources), block


def test_what_is_quoted_of_a_schema_is_still_so():
    [block] = blocks(CONTRIBUTING, "json")
    quoted, file = json.loads(block), json.loads((ROOT / "schemas" / "calendars.json").read_text())
    assert quoted.pop("properties").items() <= file.pop("properties").items()
    assert quoted == file


def test_every_family_is_explained():
    families = {entry["$ref"].rpartition("/")[2] for entry in declared_streams(MANIFEST).values()}
    assert families == {row[0].strip("`") for row in table(CONTRIBUTING, "Family")}


def test_every_module_is_explained():
    names = {
        "source": "source_activecampaign",
        "destination": "destination_activecampaign",
        "client": "activecampaign_client",
    }
    packages = [ROOT / package for package in names.values()]
    modules = {
        path.relative_to(package).as_posix()
        for package in packages
        for path in package.rglob("*.py")
        if not path.name.startswith("__")
    }
    rows = [row for name in names for row in table(CONTRIBUTING, f"Module of the {name}")]
    assert modules == set(re.findall(r"`([\w/]+\.py)`", "".join(row[0] for row in rows)))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_path_of_a_machine_is_mentioned(path):
    found = re.findall(r"(?<![\w.])/(?:work|home|root|tmp|Users|opt|var)/\S*", path.read_text())
    assert found == []
