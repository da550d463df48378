"""How the emulator is built: no circle of imports, nothing of the connectors, and examples that are true."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

from .client import ROOT

OTHER_PACKAGES = {"activecampaign_client", "source_activecampaign", "destination_activecampaign"}


def modules_of(package: Path) -> dict[str, Path]:
    """Dotted name -> file of every module of a package, the package itself included."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_names(name: str, path: Path) -> Iterator[str]:
    """Every dotted name that a module imports, wherever in it: under `if TYPE_CHECKING` and in functions as well."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*base, *(node.module.split(".") if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node) == "iter_modules(__path__)":
            yield from (f"{name}.{other.stem}" for other in path.parent.glob("*.py") if other != path)


def led_to(name: str, imported: str, modules: Iterable[str]) -> set[str]:
    """The package's modules that run when a module imports a name, apart from those that run before the module does."""
    parts = imported.split(".")
    ways = [way for i in range(len(parts)) if (way := ".".join(parts[: i + 1])) in modules]
    return {way for way in ways if way == ways[-1] or not f"{name}.".startswith(f"{way}.")}


def import_graph(package: Path) -> dict[str, set[str]]:
    """Module -> the modules of the same package that it imports."""
    modules = modules_of(package)
    return {
        name: {other for one in imported_names(name, path) for other in led_to(name, one, modules)}
        for name, path in modules.items()
    }


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, [] where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_given_the_emulator_when_its_imports_are_followed_then_none_leads_back() -> None:
    graph = import_graph(ROOT / "emulator")
    assert {"emulator.store", "emulator.account", "emulator.app", "emulator.endpoints.tags"} <= set(graph)
    assert {"emulator.app", "emulator.endpoints"} <= graph["emulator.server"]
    assert "emulator.endpoints.tags" in graph["emulator.endpoints"]
    assert circle(graph) == []


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("from .high import High", "from .low import Low"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .high import High", "from . import low"),
        ("def f():\n    import package.high", "from package.low import Low"),
        ("from . import High", "from .low import Low"),
        ("from .inner.deep import Deep", "from .low import Low"),
        ("from .parts import all_of_them", ""),
    ],
    ids=["plain", "type checking", "in a function", "through the package", "through a package's init", "discovered"],
)
def test_given_a_circle_when_imports_are_followed_then_it_is_found(tmp_path: Path, low: str, high: str) -> None:
    package = tmp_path / "package"
    files = {
        "__init__": "from .high import High",
        "low": low,
        "high": high,
        "inner/__init__": "from .. import low",
        "inner/deep": "",
        "parts/__init__": "from pkgutil import iter_modules\nfound = list(iter_modules(__path__))",
        "parts/one": "from ..low import Low",
    }
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(text)
    assert "package.low" in circle(import_graph(package))
    (package / "low.py").write_text("import json")
    assert circle(import_graph(package)) == []


def test_given_the_emulator_then_it_imports_nothing_of_the_connectors() -> None:
    for name, path in modules_of(ROOT / "emulator").items():
        assert not {one.split(".")[0] for one in imported_names(name, path)} & OTHER_PACKAGES, name


@pytest.mark.parametrize("name", [n for n, path in modules_of(ROOT / "emulator").items() if ">>> " in path.read_text()])
def test_given_an_example_in_a_docstring_then_it_is_true(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert found.attempted
    assert not found.failed
