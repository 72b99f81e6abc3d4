"""What docs/plugins.md promises is what there is."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from everai_autoscaler import Registry
from everai_autoscaler.plugin import BLOCK_VARIABLE, KINDS, hookspecs

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "plugins.md").read_text("utf-8")
HEADINGS = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
HOOKS = {
    name: value
    for name, value in vars(hookspecs).items()
    if inspect.isfunction(value) and hasattr(value, f"{hookspecs.PROJECT}_spec")
}


def test_there_is_a_hook_for_each_kind():
    """What can have a name and what has a hook are the same."""

    assert {f"register_{kind}" for kind in KINDS} == set(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_has_a_heading(name):
    """The page has a heading for each hook, equal to its real signature."""
    signature = inspect.signature(HOOKS[name]).replace(return_annotation=inspect.Signature.empty)

    assert 1 == HEADINGS.count(f"`{name}{signature}`")


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_has_a_test(name):
    """There is a test for each hook, named after it, in this directory."""
    tests = [
        function.name
        for module in HERE.glob("test_*.py")
        for function in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef)
    ]

    assert any(re.fullmatch(f"test_hook_{name}(_.*)?", test) for test in tests)


def test_no_heading_is_of_a_hook_that_is_gone():
    """A heading that looks like a hook is one."""
    headings = {heading for heading in HEADINGS if heading.startswith("`register_")}

    assert {f"`{name}()`" for name in HOOKS} == headings


def test_the_example_is_the_real_one():
    """The page includes the files of a plugin that ships, rather than others that look like them."""
    included = re.findall(r"^```\{literalinclude\} (\S+)$", PAGE, re.MULTILINE)

    assert ["pyproject.toml", "__init__.py"] == [Path(name).name for name in included]
    assert all((HERE.parents[1] / "docs" / name).is_file() for name in included)


def test_what_ships_is_listed():
    """Each placeholder kind that ships has a row, and the variables are named."""
    registry = Registry.installed(blocked=[])
    kinds = next(plugin for plugin in registry.plugins if plugin.name == "builtin").offers["placeholder_kinds"]

    assert list(kinds) == re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert all(name in PAGE for name in (BLOCK_VARIABLE, "EVERAI_AUTOSCALER_CONFIGMAPS", "EVERAI_AUTOSCALER_SECRETS"))
