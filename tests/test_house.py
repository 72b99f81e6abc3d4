"""House rules that a machine can check."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import everai_autoscaler

TESTS = Path(__file__).parent


def _tests() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield path.relative_to(TESTS).as_posix(), node


def test_every_test_states_its_fact() -> None:
    """Each test has a docstring, whose first line is a whole sentence."""
    silent = []
    for file, node in _tests():
        fact = (ast.get_docstring(node) or "").split("\n\n")[0].strip()
        if not fact.endswith((".", "?", "!")):
            silent.append(f"{file}::{node.name}")

    assert [] == silent


def test_no_test_has_a_namesake() -> None:
    """Within a file no test hides another of the same name."""
    seen: set[tuple[str, str]] = set()
    hidden = []
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]:
            for node in scope.body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    key = (f"{path}:{getattr(scope, 'name', '')}", node.name)
                    if key in seen:
                        hidden.append(f"{path.relative_to(TESTS)}::{node.name}")
                    seen.add(key)

    assert [] == hidden


def test_no_file_is_longer_than_a_room() -> None:
    """A file of the package has at most 450 lines, one of the tests at most 800."""
    package = Path(everai_autoscaler.__file__).parent
    ours = [*package.rglob("*.py"), *package.rglob("*.js"), *package.rglob("*.css"), *package.rglob("*.html")]
    lengths = [(path, 450) for path in ours] + [(path, 800) for path in TESTS.rglob("*.py")]

    assert [] == [path.name for path, most in lengths if path.read_text("utf-8").count("\n") > most]
