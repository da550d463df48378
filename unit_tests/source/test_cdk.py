"""The CDK's inside that the source touches: each private name still exists, and still does what is relied on."""

import ast
from pathlib import Path

import pytest

from source_activecampaign import cdk
from source_activecampaign.cdk import PRIVATE_NAMES, RECORDS_IN_MEMORY, ManifestSource
from source_activecampaign.runs import Run, account_of
from source_activecampaign.source import SourceActiveCampaign, with_streams
from unit_tests.source.conftest import MANIFEST, catalog, config

PACKAGE = Path(cdk.__file__).parent
# Names with an underscore that are documented all the same: of os, and of named tuples.
DOCUMENTED = {"_exit", "_replace"}


@pytest.fixture
def made() -> ManifestSource:
    manifest = {**with_streams(MANIFEST, {"tags"}), "dynamic_streams": []}
    canonical = SourceActiveCampaign()._canonical(config())
    return ManifestSource(manifest, canonical, catalog("tags"), [])


def test_the_constructor_hands_its_api_budget_to_the_components(made: ManifestSource) -> None:
    assert hasattr(made._constructor, "_api_budget")
    run = Run(account_of(config(), 5))
    made.belongs_to(run)
    [stream] = made.streams({})
    [partition] = stream.generate_partitions()
    assert partition._retriever.run is run


def test_the_queue_of_the_concurrent_source_bounds_what_waits(made: ManifestSource) -> None:
    queue = made._concurrent_source._queue
    assert queue.maxsize == RECORDS_IN_MEMORY
    assert queue is made._constructor._message_repository._queue


def test_the_manifest_is_validated_by_a_method_that_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    validated, parent = [], ManifestSource.__mro__[1]

    def note(source: ManifestSource) -> None:
        validated.append(source)

    monkeypatch.setattr(parent, "_validate_source", note, raising=True)
    parent(config=config(), source_config=dict(with_streams(MANIFEST, {"tags"})))
    assert len(validated) == 1
    ManifestSource(with_streams(MANIFEST, {"tags"}), config())
    assert len(validated) == 1


def test_no_other_module_touches_a_private_name_of_the_cdk() -> None:
    """A private name is somebody else's where nothing in its module defines it."""
    touched = {path.name: foreign_names(path.read_text()) for path in sorted(PACKAGE.glob("*.py"))}
    assert {name: names for name, names in touched.items() if names} == {
        "cdk.py": {"_constructor", "_api_budget", "_concurrent_source", "_queue"}
    }
    assert {part for name in PRIVATE_NAMES for part in name.split(".")} == {*touched["cdk.py"], "_validate_source"}


def foreign_names(source: str) -> set[str]:
    used, own = set(), set(DOCUMENTED)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            own.add(node.attr)
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            used.add(node.attr)
    return used - own
