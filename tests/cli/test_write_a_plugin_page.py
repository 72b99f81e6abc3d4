"""The page about writing a plugin can be followed, word by word, from nothing to installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "write-a-plugin.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w./-]+\.(?:py|json|yaml))`")
SHELL_LINE = re.compile(r"^\$ (.*)\n", re.MULTILINE)
OFFLINE = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
SCRIPTS = {
    "pip": f"import runpy, sys; sys.argv[2:2] = {OFFLINE}; runpy.run_module('pip', run_name='__main__')",
    "pytest": "import runpy; runpy.run_module('pytest', run_name='__main__')",
    "everai-autoscaler": "from everai_autoscaler.cli import main; main()",
}
"""What pip would put into an environment, and how pip does without an index."""


@pytest.mark.slow
def test_the_page_can_be_followed(tmp_path):
    """Each file is written where the page says, each command run in its order, and what it prints is what is shown."""
    if not PAGE.exists():
        pytest.skip("the documentation isn't here")
    text = PAGE.read_text("utf-8")
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    env |= {"PATH": f"{tmp_path / 'env' / 'bin'}{os.pathsep}{env['PATH']}", "PYTHONWARNINGS": ""}
    done = []
    for block in FENCE.finditer(text):
        language, content = block.groups()
        before = text[: block.start()].rstrip().removesuffix("<!-- skip: next -->").rstrip().rpartition("\n\n")[2]
        if language == "console":
            done += follow(content, tmp_path, env)
        elif (named := NAMED.findall(before)) and language != "toml":
            (tmp_path / named[-1]).write_text(content)
        elif language == "python":
            run([tmp_path / "env" / "bin" / "python", "-c", content], tmp_path, env, shown="")
        else:
            assert content in (tmp_path / "everai-autoscaler-patient" / "pyproject.toml").read_text()

    assert any(command.startswith("fresh/bin/everai-autoscaler decide patient") for command in done)


def follow(block: str, directory: Path, env: dict[str, str]) -> list[str]:
    """Run each command of a block, and compare; gives the commands."""
    commands = SHELL_LINE.findall(block)
    _, *outputs = SHELL_LINE.split(block)[::2]
    for command, shown in zip(commands, outputs, strict=True):
        if command.startswith("python -m venv "):
            environment(directory / command.removeprefix("python -m venv "))
        else:
            run(command, directory, env, shown=shown)
    return commands


def run(command: str | list[object], directory: Path, env: dict[str, str], *, shown: str) -> None:
    shell = isinstance(command, str)
    ran = subprocess.run(command, shell=shell, cwd=directory, env=env, capture_output=True, text=True, check=False)

    assert re.fullmatch(pattern(shown), ran.stdout), f"$ {command}\n{ran.stdout}{ran.stderr}"
    assert (0, "") == (ran.returncode, ran.stderr), f"$ {command}\n{ran.stderr}"


def pattern(shown: str) -> str:
    """``...`` stands for anything: a line of its own for any number of lines."""
    lines = shown.splitlines()
    return "".join(
        "(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n" for line in lines
    )


def environment(place: Path) -> None:
    """A fresh environment, in which what is installed here stands for what an index would give."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = place / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    here = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    # addsitedir also reads the .pth files there, by which a checkout may be installed.
    (Path(site) / "here.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in here))
    for name, program in SCRIPTS.items():
        script = place / "bin" / name
        script.write_text(f"#!{python}\n{program}\n")
        script.chmod(0o755)
