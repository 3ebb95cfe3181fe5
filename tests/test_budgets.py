"""Sizes above which code stops reading well: modules, functions, constructors, settings, inheritance."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from endcap.settings import Settings

SOURCE = Path(__file__).parents[1] / "src" / "endcap"
MODULES = sorted(SOURCE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "manager", "processor", "misc"}
CODE_FORMATS = re.compile(r"^\s*(import|from)\s+(pickle|cPickle|joblib|dill|cloudpickle|shelve|marshal)\b", re.M)


def functions(path: Path) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text("utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [(node.name, _code_lines(node)) for node in nodes]


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_module(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 500, "think again: over 500 lines"
    assert path.stem not in FORBIDDEN_NAMES
    assert not CODE_FORMATS.search(text), "artefacts are data, never code"
    long = [f"{name}: {lines}" for name, lines in functions(path) if lines > 80]
    assert not long, f"functions over 80 lines: {long}"


def test_most_functions_are_short() -> None:
    lengths = sorted(lines for path in MODULES for _, lines in functions(path))
    assert lengths[len(lengths) // 2] <= 12
    assert lengths[int(len(lengths) * 0.9)] <= 28


def test_settings_are_few_and_documented() -> None:
    assert len(fields(Settings)) <= 40
    assert all(field.metadata["doc"] for field in fields(Settings))


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path) for path in MODULES if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent
