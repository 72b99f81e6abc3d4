"""What the README and the docstrings say is so; the README's example is run by the checkout's conftest."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from everai_autoscaler_hpa import HpaAutoScaler, KedaAutoScaler, hpa, keda, measure, policies

from everai_autoscaler.model import schema_of

PAGE = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


@pytest.mark.parametrize("module", [hpa, keda, measure, policies])
def test_the_docstrings_run(module):
    """The examples in the docstrings give what they show."""
    outcome = doctest.testmod(module)

    assert (0, True) == (outcome.failed, outcome.attempted > 0)


def test_the_table_lists_every_argument_with_its_default():
    """The table of arguments is the constructor's, name by name and default by default; each has a help, too."""
    taken = schema_of(HpaAutoScaler).arguments
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| [^`]", PAGE, re.MULTILINE)

    assert {name: repr(one.default) for name, one in taken.items()} == dict(rows)
    assert all(one.help for one in taken.values())


def test_the_second_table_lists_what_keda_has_otherwise():
    """Of KEDA's scaler it names the arguments that the other doesn't have, or has with another default."""
    base, taken = schema_of(HpaAutoScaler).arguments, schema_of(KedaAutoScaler).arguments
    rows = re.findall(r"^\| `keda` \| `(\w+)` \| `(.+?)` \|", PAGE, re.MULTILINE)
    other = {name: repr(one.default) for name, one in taken.items() if base.get(name) != one}

    assert other == dict(rows)
