"""Imports go downwards only: the house, as a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import everai_autoscaler

ROOT = Path(everai_autoscaler.__file__).parent
GROUND = {"errors", "log", "words", "_version"}
MAY_IMPORT = {
    "errors": set(),
    "log": set(),
    "words": set(),
    "_version": set(),
    "model": GROUND,
    "plugin": {*GROUND, "model"},
    "builtin": {*GROUND, "model", "plugin"},
    "wrapper": {*GROUND, "model", "plugin"},
    "testing": {*GROUND, "model", "serving", "loop"},
    "decision": {*GROUND, "model", "plugin"},
    "loop": {*GROUND, "model"},
    "engine": {*GROUND, "model", "loop"},
    "traces": GROUND,
    "explain": {*GROUND, "model", "plugin", "decision"},
    "serving": {*GROUND, "model"},
    "http": GROUND,
    "router": {*GROUND, "model", "serving", "http"},
    "local": {*GROUND, "model", "plugin", "loop", "engine", "serving", "router"},
    "runtime": {*GROUND, "model", "loop", "engine", "http"},
    "cli": {
        *{*GROUND, "model", "plugin", "builtin", "testing", "decision", "explain", "loop", "traces"},
        *{"engine", "runtime", "local"},
    },
    "__init__": {*GROUND, "model", "plugin", "builtin", "decision", "loop"},
}


def _imports() -> Iterator[tuple[str, str]]:
    for path in sorted(ROOT.rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                names = inner if node.module == "everai_autoscaler" else [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = ["relative"]
            for name in names:
                yield file, name


def _room(file: str) -> str:
    return file.split("/", maxsplit=1)[0].removesuffix(".py")


def test_every_room_is_on_the_plan() -> None:
    """A new room is added to the plan here, with what it may see."""
    rooms = {_room(path.relative_to(ROOT).as_posix()) for path in ROOT.rglob("*.py")}

    assert set(MAY_IMPORT) == rooms


def test_imports_go_downwards() -> None:
    """A room imports only from those below it."""
    wrong = []
    for file, name in _imports():
        if name.startswith("everai_autoscaler."):
            room, imported = _room(file), name.split(".")[1]
            if imported not in MAY_IMPORT[room] | {room}:
                wrong.append(f"{file} imports {name}")

    assert [] == wrong


def test_imports_are_absolute() -> None:
    """Every import says from which room it comes."""
    assert [] == [file for file, name in _imports() if name == "relative"]


def test_builtin_imports_what_a_strangers_plugin_may() -> None:
    """The builtin scalers have no way in that a stranger's plugin doesn't have: only public rooms, no private names."""
    private = [f"{file}: {name}" for file, name in _imports() if _room(file) == "builtin" and "._" in name]

    assert [] == [one for one in private if not one.endswith("everai_autoscaler._version")]
