"""The page's scripts, as modules that a browser loads without a build step."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from importlib import resources

FOLDER = resources.files("everai_autoscaler.runtime") / "page"
IMPORTS = {
    file.name: set(re.findall(r'^import .*"\./(.+)";$', file.read_text("utf-8"), re.MULTILINE))
    for file in FOLDER.iterdir()
    if file.name.endswith(".js")
}


def test_modules_import_in_no_circle() -> None:
    """Each can be read with those below it alone."""
    order = list(TopologicalSorter(IMPORTS).static_order())

    assert "page.js" == order[-1]


def test_every_module_is_loaded_and_there() -> None:
    """What the markup or a module names is in the folder, and nothing else is."""
    index = (FOLDER / "index.html").read_text("utf-8")
    named = set(re.findall(r'src="/static/(.+?)"', index)).union(*IMPORTS.values())

    assert set(IMPORTS) == named
