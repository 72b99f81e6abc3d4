"""What the README and the docstrings say is so; the README's example is run by the checkout's conftest."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import everai_autoscaler_ray_serve

from everai_autoscaler.model import schema_of


def test_the_docstrings_run():
    """The examples in the docstrings give what they show."""
    outcome = doctest.testmod(everai_autoscaler_ray_serve)

    assert (0, True) == (outcome.failed, outcome.attempted > 0)


def test_the_table_lists_every_argument_with_its_default():
    """The table of arguments is the constructor's, name by name and default by default; each has a help, too."""
    page = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    taken = schema_of(everai_autoscaler_ray_serve.RayServeAutoScaler).arguments
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", page, re.MULTILINE)

    assert [(name, repr(one.default)) for name, one in taken.items()] == rows
    assert all(one.help for one in taken.values())
