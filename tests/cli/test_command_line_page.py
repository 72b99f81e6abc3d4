"""The page about the command line shows what really comes out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_command_on_the_page_prints_what_the_page_says(tmp_path):
    """The page's files are written, its commands run in their order, and ``...`` stands for anything."""
    if not PAGE.exists():
        pytest.skip("the documentation isn't here")
    blocks = FENCE.findall(PAGE.read_text("utf-8"))
    files = iter(("snapshot.json", "scaler.yaml"))
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for language, text in blocks:
        if language != "console":
            (tmp_path / next(files)).write_text(text)
            continue
        command, expected = text.removeprefix("$ ").split("\n", 1)
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

        assert re.fullmatch(_pattern(expected), done.stdout), f"{command}\n{done.stdout}{done.stderr}"
        assert "" == done.stderr


def _pattern(expected: str) -> str:
    lines = expected.splitlines()
    return "".join(
        "(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n" for line in lines
    )
