"""Distributions that are really built and installed, by pip and their own build backend, without a network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from everai_autoscaler.plugin import BLOCK_VARIABLE, Registry

DISTRIBUTIONS = Path(__file__).parent / "distributions"


@pytest.fixture(scope="session")
def crowd(tmp_path_factory):
    """A directory in which all the distributions are installed."""
    target = tmp_path_factory.mktemp("crowd")
    # Copies are built, since a checkout may be read-only.
    projects = shutil.copytree(DISTRIBUTIONS, tmp_path_factory.mktemp("projects") / "distributions")
    options = [
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--no-input",
        "--disable-pip-version-check",
        "--quiet",
    ]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), *sorted(projects.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"pip could not install the distributions (are pip and hatchling here?):\n{done.stderr}")
    return target


@pytest.fixture(scope="session")
def backlog(crowd, tmp_path_factory):
    """A directory in which the backlog distribution alone is installed."""
    return _alone("backlog", crowd, tmp_path_factory)


@pytest.fixture(scope="session")
def pretend(crowd, tmp_path_factory):
    """A directory in which the distribution with a target alone is installed."""
    return _alone("pretend", crowd, tmp_path_factory)


def _alone(name: str, crowd: Path, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp(name)
    for installed in crowd.glob(f"everai_autoscaler_{name}*"):
        copy = shutil.copytree if installed.is_dir() else shutil.copy
        copy(installed, target / installed.name)
    return target


@pytest.fixture
def registry_of(monkeypatch):
    """The registry of what is installed when *directory* is on the path, as this process finds it."""
    before = set(sys.modules)
    monkeypatch.delenv(BLOCK_VARIABLE, raising=False)

    def make(directory: Path, **options) -> Registry:
        monkeypatch.syspath_prepend(directory)
        return Registry.installed(**options)

    yield make
    for name in set(sys.modules) - before:
        if name.startswith("everai_autoscaler_"):
            del sys.modules[name]


@pytest.fixture
def plugin_of():
    """The plugin called *name* in a registry; of *distribution*, where two are called so."""

    def find(registry: Registry, name: str, distribution: str = ""):
        (found,) = [
            plugin for plugin in registry.plugins if plugin.name == name and distribution in ("", plugin.distribution)
        ]
        return found

    return find


@pytest.fixture
def events(caplog):
    """What was logged: the fields of each event, at its level."""

    def read() -> list[tuple[str, dict[str, object]]]:
        ours = [record for record in caplog.records if record.name == "everai_autoscaler"]
        return [(record.levelname, record.event_dict) for record in ours]

    return read
