"""Imports go downwards only: the house, as a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import everai_autoscaler
from everai_autoscaler import errors, model, plugin, words

ROOT = Path(everai_autoscaler.__file__).parent
GROUND = {"errors", "log", "words", "_version"}
MAY_IMPORT = {
    "errors": set(),
    "log": set(),
    "words": set(),
    "_version": set(),
    "model": GROUND,
    "plugin": {*GROUND, "model", "loop"},
    "builtin": {"errors", "words", "model", "plugin"},
    "wrapper": {"errors", "words", "model", "plugin"},
    "simulator": {*GROUND, "model", "plugin", "decision", "serving", "loop"},
    "testing": {*GROUND, "model", "serving", "loop", "simulator"},
    "decision": {*GROUND, "model", "plugin"},
    "loop": {*GROUND, "model"},
    "engine": {*GROUND, "model", "loop"},
    "traces": {*GROUND, "simulator"},
    "tuning": {*GROUND, "model", "plugin", "decision", "builtin", "simulator", "loop", "serving"},
    "explain": {*GROUND, "model", "plugin", "decision"},
    "serving": {*GROUND, "model"},
    "http": GROUND,
    "importing": {"errors"},
    "router": {*GROUND, "model", "serving", "http"},
    "local": {*GROUND, "model", "plugin", "loop", "engine", "serving", "router"},
    "runtime": {*GROUND, "model", "loop", "engine", "http"},
    "tuner": {*GROUND, "model", "runtime", "tuning"},
    "cli": {
        *{*GROUND, "model", "plugin", "builtin", "testing", "decision", "explain", "loop", "traces", "simulator"},
        *{"engine", "importing", "runtime", "local", "tuning", "tuner"},
    },
    "__init__": {*GROUND, "model", "plugin", "builtin", "decision", "loop"},
}


@cache
def _imports() -> list[tuple[str, str]]:
    """Each import of the package: the file, and the module that it names."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        tree = ast.parse(path.read_text("utf-8"))
        typing = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            names: list[str] = []
            if id(node) in typing:
                continue
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [one if node.module == "everai_autoscaler" or _file(one) else node.module for one in inner]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = ["relative"]
            found += [(file, name) for name in names]
    return found


def _file(module: str) -> str:
    """The file of a *module* of this package; empty for any other name."""
    inside = module.removeprefix("everai_autoscaler").strip(".").replace(".", "/")
    of_ours = module.split(".", maxsplit=1)[0] == "everai_autoscaler"
    return next((one for one in (f"{inside}.py", f"{inside}/__init__.py") if of_ours and (ROOT / one).is_file()), "")


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


def _names(path: Path) -> Iterator[str]:
    """What of this package a file imports, each name with its room."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "everai_autoscaler":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("everai_autoscaler."))


def test_plugins_import_what_a_stranger_may() -> None:
    """The builtin scalers, the wrappers and the example plugins use public names of the contract, and nothing else."""
    offered = {
        f"{room.__name__}.{name}" for room in (everai_autoscaler, model, plugin, errors, words) for name in room.__all__
    }
    folders = [ROOT / "builtin", ROOT / "wrapper", *sorted(ROOT.parent.glob("plugins/*/everai_autoscaler_*"))]
    wrong = [
        f"{path.relative_to(ROOT.parent)} imports {name}"
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        for name in _names(path)
        if name not in offered and not name.startswith(f"everai_autoscaler.{folder.name}")
    ]

    assert [] == wrong


def test_there_is_no_circle_of_files() -> None:
    """The files can be put in an order in which each imports only from those before it."""
    files: dict[str, set[str]] = {}
    for file, name in _imports():
        files.setdefault(file, set()).update({_file(name)} - {"", file})
    circle: list[str] = []
    try:
        TopologicalSorter(files).prepare()
    except CycleError as error:
        circle = error.args[1]

    assert [] == circle
