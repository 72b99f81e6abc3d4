"""The page about the simulator can be followed, word by word, and shows what really comes out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "simulate.md"
CONSOLE = re.compile(r"^```console\n\$ (.*)\n((?:.*\n)*?)```$", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.skipif(not PAGE.exists(), reason="the documentation isn't here")
def test_every_command_on_the_page_prints_what_the_page_says(tmp_path):
    """They run where the examples are; ``...`` stands for anything, on a line of its own for any number of lines."""
    pytest.importorskip("highspy")
    pytest.importorskip("optuna")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    blocks = CONSOLE.findall(PAGE.read_text("utf-8"))

    assert blocks
    for command, shown in blocks:
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

        assert re.fullmatch(pattern(shown), done.stdout), f"$ {command}\n{done.stdout}{done.stderr}"
        assert (0, "") == (done.returncode, done.stderr), f"$ {command}\n{done.stderr}"


def pattern(shown: str) -> str:
    return "".join(
        "(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n"
        for line in shown.splitlines()
    )
