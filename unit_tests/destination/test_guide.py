"""The guide of the destination says what the code does: its settings, objects, and reasons of rejected rows."""

import ast
import json
import re
from typing import Any

import pytest
import yaml

from destination_activecampaign.catalog import Mode
from destination_activecampaign.config import settings
from destination_activecampaign.objects import OBJECTS
from unit_tests.test_docs import ROOT, blocks, table
from unit_tests.texts_in_code import texts_of

GUIDE = (ROOT / "docs" / "destination.md").read_text()
PACKAGE = ROOT / "destination_activecampaign"
FIELDS = dict(re.findall(r'<FieldAnchor field="(\w+)">(.+?)</FieldAnchor>', GUIDE, re.DOTALL))


def names_within(setting: dict[str, Any]) -> set[str]:
    """The names of settings inside of a setting, however deep."""
    inner = setting.get("items", setting)
    properties = inner.get("properties", {})
    return set(properties) | {name for one in properties.values() for name in names_within(one)}


def choices_within(setting: dict[str, Any]) -> set[str]:
    inner = [*setting.get("properties", {}).values(), *([setting["items"]] if "items" in setting else [])]
    return {*setting.get("enum", ()), *(choice for one in inner for choice in choices_within(one))}


def test_every_setting_is_explained_and_no_other() -> None:
    assert set(FIELDS) == set(settings())


@pytest.mark.parametrize("name", settings())
def test_a_setting_is_explained_with_its_title_default_and_choices(name: str) -> None:
    setting, explained = settings()[name], FIELDS[name]
    assert f"**{setting['title']}** (`{name}`" in explained
    default = setting.get("default")
    if default not in (None, []):
        written = default if isinstance(default, str) else json.dumps(default)
        assert re.search(rf"default `?{re.escape(written)}`?[).]", explained), default
    assert {one for one in names_within(setting) | choices_within(setting) if f"`{one}`" not in explained} == set()


def test_examples_of_settings_are_settings() -> None:
    for block in blocks(GUIDE, "json"):
        assert json.loads(block).keys() <= settings().keys()


def test_the_objects_are_those_that_there_are() -> None:
    rows = {name.strip("`"): rest for name, *rest in table(GUIDE, "Object")}
    assert set(rows) == {one.name for one in OBJECTS}
    for name, (key, modes, columns) in rows.items():
        one = next(kind for kind in OBJECTS if kind.name == name)
        assert re.findall(r"`(\w+)`", key) == [column for keys in one.keys for column in keys], name
        assert set(modes.split(", ")) == {mode.value for mode in one.modes}, name
        assert set(re.findall(r"`(\w+)`", columns)) == set(one.fields), name
        assert ("custom fields" in columns) is bool(one.custom_fields), name


def test_the_modes_are_those_that_there_are() -> None:
    assert [row[0].split()[0].strip("`") for row in table(GUIDE, "Mode")] == [mode.value for mode in Mode]


def text_of(node: ast.expr) -> str:
    """A text in code, with `...` for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return "..."


def rejections() -> set[tuple[str, str]]:
    """Code and sentence of each reason for which rows are rejected, as the code has them."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Rejection":
                code, sentence = node.args
                assert isinstance(code, ast.Constant), f"{path}: a code has to be written out"
                found.add((code.value, text_of(sentence)))
    return found


def documented() -> set[tuple[str, str]]:
    return {(code.strip("`"), message) for code, message, _ in table(GUIDE, "Code")}


def test_there_are_rejections() -> None:
    assert {"email_invalid", "deletion_refused", "unreadable"} <= {code for code, _ in rejections()}


def test_every_code_of_a_rejection_is_explained_and_no_other() -> None:
    assert {code for code, _ in documented()} == {code for code, _ in rejections()}


def test_every_sentence_of_a_rejection_is_quoted_as_it_is() -> None:
    # Those that are a text of their own; the others are quoted as they may come out.
    complete = {(code, sentence) for code, sentence in rejections() if sentence != "..."}
    assert complete - documented() == set()


def test_every_sentence_that_is_quoted_is_one_of_the_code() -> None:
    said = "\n".join(text.template for text in texts_of(("destination_activecampaign", "activecampaign_client")))
    for code, message in documented():
        for part in message.split("..."):
            assert part.strip(" .()") in said, (code, part)


def test_the_remedies_are_there() -> None:
    assert [row for row in table(GUIDE, "Code") if not row[2]] == []


def test_the_variables_of_make_activate_are_those_that_it_reads() -> None:
    named = {row[0].strip("`") for row in table(GUIDE, "Variable")}
    script = (ROOT / "scripts" / "activate.py").read_text()
    assert named == {name for name in re.findall(r'"([A-Z]+)"', script) if name not in {"PYTHON"}}


def test_the_changelog_names_the_version_that_is_released() -> None:
    """Airbyte's checks of a connector want that, under this heading."""
    released = yaml.safe_load((PACKAGE / "metadata.yaml").read_text())["data"]["dockerImageTag"]
    assert table(GUIDE.split("\n## Changelog\n")[1], "Version")[0][0] == released
