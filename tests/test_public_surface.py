"""What ``from everai_autoscaler import ...`` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import everai_autoscaler

ROOMS = [
    "everai_autoscaler",
    "everai_autoscaler.errors",
    "everai_autoscaler.importing",
    "everai_autoscaler.loop",
    "everai_autoscaler.model",
    "everai_autoscaler.plugin",
    "everai_autoscaler.simulator",
    "everai_autoscaler.builtin",
    "everai_autoscaler.builtin.decorator.arguments",
    "everai_autoscaler.builtin.decorator.factors",
    "everai_autoscaler.decision",
    "everai_autoscaler.testing",
    "everai_autoscaler.traces",
    "everai_autoscaler.tuning",
    "everai_autoscaler.words",
    "everai_autoscaler.wrapper",
]


@pytest.mark.parametrize("room", ROOMS)
def test_every_exported_name_is_there(room: str) -> None:
    """Each name in a room's ``__all__`` can be imported from it."""
    module = import_module(room)

    assert [] == [name for name in module.__all__ if not hasattr(module, name)]


@pytest.mark.parametrize("room", ROOMS)
def test_exported_names_are_sorted(room: str) -> None:
    """``__all__`` is in order and says each name once."""
    names = import_module(room).__all__

    assert sorted(set(names)) == sorted(names)
    assert list(names) == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that isn't there fails as it does in any module."""
    with pytest.raises(AttributeError, match="no attribute 'Nope'"):
        everai_autoscaler.Nope  # noqa: B018


def test_dir_lists_the_public_names() -> None:
    """A shell's completion sees what there is, before any of it was imported."""
    assert everai_autoscaler.__all__ == dir(everai_autoscaler)


@pytest.mark.parametrize("heavy", ["pydantic", "attrs", "pluggy", "structlog"])
def test_the_import_is_light(heavy: str) -> None:
    """Importing the package imports none of what its rooms need."""
    program = f"import sys, everai_autoscaler; print({heavy!r} in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "False" == printed.strip()


def test_the_version_is_the_distributions() -> None:
    """The version that the package says is the one that was installed."""
    from importlib.metadata import version

    assert version("everai-autoscaler") == everai_autoscaler.__version__
