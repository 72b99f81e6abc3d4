"""Targets by name: which there are, what they need, and an app that is run on one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MAIN = [sys.executable, "-c", "from everai_autoscaler.cli import main; main()"]
APP = """
autoscaler: {builtin: {name: simple, arguments: {min_workers: 2, max_workers: 2}}}
pretend: {prefix: toy}
"""


@pytest.fixture
def asked(pretend):
    """Runs the command line where a stranger's target is installed, and gives what comes out."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(pretend)}
        return subprocess.run(
            [*MAIN, *map(str, arguments)], env=env, capture_output=True, text=True, check=False, timeout=60
        )

    return run


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app with a section for a stranger's target."""
    file = tmp_path / "app.yaml"
    file.write_text(APP, "utf-8")
    return file


def test_targets_are_listed_with_their_plugins(asked):
    """Each target has its plugin, its distribution, and what it needs."""
    found = {one["name"]: one for one in json.loads(asked("targets", "-o", "json").stdout)}

    assert {"local": "everai-autoscaler", "pretend": "everai-autoscaler-pretend"} == {
        name: one["distribution"] for name, one in found.items()
    }
    assert ("pip install 'everai-autoscaler[runtime]'", None) == (found["local"]["needs"], found["pretend"]["needs"])


def test_targets_are_listed_for_people(asked):
    """A line for each target says the same."""
    lines = asked("targets").stdout.splitlines()

    assert ["NAME", "PLUGIN", "DISTRIBUTION", "VERSION", "NEEDS"] == lines[0].split()
    assert ["pretend", "pretend", "everai-autoscaler-pretend", "0.1"] == lines[-1].split()


@pytest.mark.parametrize(
    ("on", "why"),
    [
        ("pretned", "error: target 'pretned' is not one of local, pretend; did you mean 'pretend'?"),
        ("local", "error: {app}: has no section local, which says how a worker is started: local: {{command: "),
    ],
)
def test_a_target_that_can_not_be_used_is_one_line(asked, app: Path, tmp_path: Path, on: str, why: str):
    """A name that no plugin gave, and a section that isn't there, are told before anything runs."""
    done = asked("run", app, "--on", on, "--state-dir", tmp_path / "state")

    assert (2, 1) == (done.returncode, done.stderr.count("\n"))
    assert done.stderr.startswith(why.format(app=app))


def test_what_a_factory_refuses_is_one_line_with_the_file(asked, app: Path, tmp_path: Path):
    """A target's factory judges its own settings."""
    app.write_text(APP.replace("prefix: toy", "color: red"), "utf-8")
    done = asked("run", app, "--on", "pretend", "--state-dir", tmp_path / "state")

    assert (2, f"error: {app}: pretend: prefix: field required\n") == (done.returncode, done.stderr)


def test_without_its_extra_the_local_target_says_what_to_install():
    """It can be named, and the plugin be loaded, where what it needs isn't there."""
    script = """
import sys
sys.modules["aiohttp"] = None
from everai_autoscaler.plugin import Registry
try:
    Registry.installed().find("targets", "local")[1](None, {}, home=None)
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "the local runtime isn't installed: pip install 'everai-autoscaler[runtime]'\n" == done.stdout


def test_naming_the_local_target_imports_little():
    """Loading the plugins imports nothing that only a running app needs."""
    script = """
import sys
from everai_autoscaler.plugin import Registry
Registry.installed().find("targets", "local")
print({"aiohttp", "psutil", "prometheus_client"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "set()\n" == done.stdout


@pytest.mark.slow
def test_an_app_is_run_on_a_strangers_target(pretend, app: Path, tmp_path: Path):
    """The whole runtime operates an engine of which it knows nothing: the policy's workers are there, and end."""
    command = [*MAIN, "run", str(app), "--on", "pretend", "--admin-port=0", "--interval=0.1"]
    command += ["--state-dir", str(tmp_path / "state")]
    with (tmp_path / "log").open("w+") as log:
        env = {**os.environ, "PYTHONPATH": str(pretend)}
        with subprocess.Popen(command, env=env, stdout=log, stderr=log, text=True) as process:
            deadline = time.monotonic() + 60
            while "pretends that toy-2 runs" not in (tmp_path / "log").read_text() and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            status = process.wait(60)
    lines = (tmp_path / "log").read_text()

    assert "app answers at pretend://here; the page is at http://127.0.0.1:" in lines
    assert (0, True) == (status, "pretends that toy-2 runs" in lines)
