"""Arrows run one way: who imports whom, by the text of the packages and tests."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CONNECTORS = {"source_activecampaign", "destination_activecampaign"}
OURS = {"activecampaign_client", "emulator", *CONNECTORS}

# For each package, what it may not import.
FORBIDDEN = {
    "activecampaign_client": {"airbyte_cdk", "airbyte", "airbyte_protocol", "emulator", *CONNECTORS},
    "emulator": {"airbyte_cdk", "airbyte", "activecampaign_client", *CONNECTORS},
    "source_activecampaign": {"destination_activecampaign", "emulator"},
    "destination_activecampaign": {"source_activecampaign", "emulator"},
}


def imports_of(source: str) -> set[str]:
    """The top-level packages that a module imports, anywhere in it and under any condition."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            found |= {str(one.value).partition(".")[0] for one in node.args if isinstance(one, ast.Constant)}
    return found


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", [name for name in FORBIDDEN if (ROOT / name).exists()])
def test_a_package_imports_only_what_stands_below_it(package: str) -> None:
    assert modules(package), "an empty package proves nothing"
    broken = {
        str(path.relative_to(ROOT)): sorted(imports_of(path.read_text()) & FORBIDDEN[package])
        for path in modules(package)
    }
    assert {path: names for path, names in broken.items() if names} == {}


def test_nothing_but_tests_benchmarks_and_scripts_imports_a_connector() -> None:
    outside = [path for name in OURS - CONNECTORS for path in modules(name)]
    assert [path for path in outside if imports_of(path.read_text()) & CONNECTORS] == []


def test_an_arrow_that_points_the_other_way_is_seen() -> None:
    text = "if True:\n    from source_activecampaign.source import SourceActiveCampaign\nimport airbyte_cdk.models\n"
    assert imports_of(text) == {"source_activecampaign", "airbyte_cdk"}
    assert imports_of("import importlib\nimportlib.import_module('emulator.app')") == {
        "importlib",
        "emulator",
    }
