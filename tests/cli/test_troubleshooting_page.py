"""The page about troubleshooting shows what really comes out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.skipif(not PAGE.exists(), reason="the documentation isn't here")
def test_every_command_on_the_page_prints_what_the_page_says(tmp_path):
    """Each console block is what its command prints, errors among it; ``...`` stands for anything."""
    page = PAGE.read_text("utf-8")
    blocks = FENCE.findall(page)
    (tmp_path / "scaler.yaml").write_text(next(text for language, text in blocks if language == "yaml"))
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "EVERAI_AUTOSCALER_STATE": str(tmp_path / "state"),
    }
    shown = [text.removeprefix("$ ").split("\n", 1) for language, text in blocks if language == "console"]

    assert shown
    for command, expected in shown:
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        pattern = "".join(
            "(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n"
            for line in expected.splitlines()
        )

        assert re.fullmatch(pattern, done.stdout + done.stderr), f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation isn't here")
def test_every_symptom_leads_to_a_section():
    """Each link of the table at the top has a heading below."""
    page = PAGE.read_text("utf-8")
    headings = {
        re.sub(r"[^-\w ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^## (.*)$", page, re.MULTILINE)
    }
    linked = set(re.findall(r"\]\(#([-\w]+)\)", page))

    assert linked
    assert linked <= headings
