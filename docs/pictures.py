"""Draws the pictures of ``docs/simulate.md`` with the very commands that stand there: ``python docs/pictures.py``."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
PAGE = DOCS / "simulate.md"
DRAWN = {"simulate": "simulate-run.svg", "compare": "simulate-compare.svg", "tune": "simulate-tune.svg"}


def commands(page: str) -> Iterator[tuple[str, list[str]]]:
    """For each command that has a picture its name, and the first of its calls on *page* that draws or could draw.

    >>> list(commands("$ everai-autoscaler tune --trials 3 --no-optimum"))
    [('tune', ['tune', '--trials', '3'])]
    """
    calls = [shlex.split(line)[2:] for line in page.splitlines() if line.startswith("$ everai-autoscaler ")]
    for name in DRAWN:
        words = next((call for call in calls if call[0] == name and "--plot" in call), None)
        words = words or next((call for call in calls if call[0] == name), None)
        if words:
            if "--plot" in words:
                place = words.index("--plot")
                words = words[:place] + words[place + 2 :]
            yield name, [word for word in words if word != "--no-optimum"]


def main() -> None:
    """Draw them all."""
    for name, words in commands(PAGE.read_text("utf-8")):
        path = DOCS / DRAWN[name]
        call = [sys.executable, "-c", "from everai_autoscaler.cli import main; main()", *words, "--plot", str(path)]
        subprocess.run(call, check=True, cwd=DOCS.parent, stdout=subprocess.DEVNULL)  # noqa: S603 - our own page


if __name__ == "__main__":
    main()
