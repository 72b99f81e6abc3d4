"""The page about testing says what the kit does."""

from __future__ import annotations

import re
from pathlib import Path

from everai_autoscaler.testing import CHECKS, TARGET_CHECKS, Story
from everai_autoscaler.testing.checks import fact_of, name_of

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")


def test_the_page_lists_exactly_the_rules():
    """Every rule stands there with its name and its fact, in its order, and no other."""
    listed = re.findall(r"^\| `(\w+)` \| (.*\.) \|$", PAGE, flags=re.MULTILINE)

    assert [(name_of(check), fact_of(check)) for check in (*CHECKS, *TARGET_CHECKS)] == listed


def test_the_page_lists_every_step_of_a_story():
    """Each public step of a story is shown."""
    steps = {name for name, of in vars(Story).items() if callable(of) and not name.startswith("_")} - {"ask"}

    assert set() == {step for step in steps if f".{step}(" not in PAGE}
