"""Recorded loads and the workers of the published rule: what the scaler decides, and what is imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from everai_autoscaler_hpa import HpaAutoScaler, KedaAutoScaler

from everai_autoscaler import Decider, Registry
from everai_autoscaler.cli.commands import everai_autoscaler
from everai_autoscaler.cli.options.manifest import read_manifest
from everai_autoscaler.testing import snapshot

FOLDER = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
NOW = snapshot().observed_at


def recorded(name):
    """What stands in a file: the workers at the beginning, and for each moment the second, requests and workers."""
    held = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return held, [workers for _, _, workers in held["moments"]]


def played(decide, held):
    """How many workers there are after each decision, where the number before it is what the last one left."""
    workers, told = held["workers"], []
    for second, requests, _ in held["moments"]:
        result = decide(snapshot(observed_at=NOW + second, waiting=requests, free=workers, idle_for=9000))
        workers += result.up - len(result.down)
        told.append(workers)
    return told


@pytest.mark.parametrize("name", NAMES)
def test_the_scaler_follows_the_published_rule(name):
    """Along each recorded load it has the workers that the rule gives."""
    held, workers = recorded(name)
    scaler = {"hpa": HpaAutoScaler, "keda": KedaAutoScaler}[held["scaler"]](**held["arguments"])

    assert workers == played(Decider(scaler).decide, held), held["source"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_imported_decides_alike(name, tmp_path):
    """The manifest that is made of the other autoscaler's own configuration has these workers, too."""
    held, workers = recorded(name)
    made = CliRunner().invoke(everai_autoscaler, ["import", str(FOLDER / f"{name}.yaml")])
    (tmp_path / "app.yaml").write_text(made.stdout, "utf-8")
    manifest = read_manifest(tmp_path / "app.yaml")
    decider = Decider(manifest.name, manifest.arguments, registry=Registry.installed())

    assert held["scaler"] == manifest.name
    assert workers == played(decider.decide, held)
