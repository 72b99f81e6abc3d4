"""The page for those who come from another autoscaler can be followed, and shows what really comes out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "move-here.md"
FENCE = re.compile(r"^```(yaml|json|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation isn't here")
def test_every_command_on_the_page_prints_what_the_page_says(tmp_path):
    """The page's files are written, and its commands run beside the plugins of the checkout."""
    files = iter(("hpa.yaml", "snapshot.json"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(installed("everai-autoscaler-hpa", tmp_path / "site"))}
    commands = 0
    for language, text in FENCE.findall(PAGE.read_text("utf-8")):
        if language != "console":
            (tmp_path / next(files)).write_text(text)
            continue
        command, shown = text.removeprefix("$ ").split("\n", 1)
        done = subprocess.run(
            f"({command}) 2>&1", shell=True, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        commands += 1

        assert (0, shown) == (done.returncode, done.stdout), command
    assert 2 == commands


def installed(name: str, directory: Path) -> Path:
    """A *directory* in which the example plugin *name* is as if it were installed; empty where it is."""
    directory.mkdir()
    try:
        distribution(name)
    except PackageNotFoundError:
        module = name.replace("-", "_")
        (directory / module).symlink_to(ROOT / "plugins" / name / module)
        information = directory / f"{module}-1.0.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
        (information / "entry_points.txt").write_text(f"[everai_autoscaler]\n{module} = {module}\n")
    return directory
