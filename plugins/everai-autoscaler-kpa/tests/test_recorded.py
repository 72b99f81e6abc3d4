"""Recorded loads and the workers of Knative's rules: what the scaler decides, and what is imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

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


def played(scaler, held):
    """How many workers there are after each decision, where the number before it is what the last one left."""
    decider = Decider(scaler["name"], scaler["arguments"], registry=Registry.installed())
    workers, told, past = held["workers"], [], []
    for second, requests, _ in held["moments"]:
        factors = snapshot(
            observed_at=NOW + second,
            waiting=requests,
            free=workers,
            idle_for=9000,
            queue_histories={second - at: {"WorkerBusy": count} for at, count in past},
            worker_histories={second - at: {} for at, _ in past},
        )
        result = decider.decide(factors)
        workers += result.up - len(result.down)
        told.append(workers)
        past.append((second, requests))
    return told


@pytest.mark.parametrize("name", NAMES)
def test_the_scaler_follows_knatives_rules(name):
    """Along each recorded load it has the workers that the rules give."""
    held, workers = recorded(name)

    assert workers == played(held["scaler"], held), held["source"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_imported_decides_alike(name, tmp_path):
    """The manifest that is made of the Service's own annotations has these workers, too."""
    held, workers = recorded(name)
    made = CliRunner().invoke(everai_autoscaler, ["import", str(FOLDER / f"{name}.yaml")])
    (tmp_path / "app.yaml").write_text(made.stdout, "utf-8")
    manifest = read_manifest(tmp_path / "app.yaml")

    assert workers == played({"name": manifest.name, "arguments": manifest.arguments}, held)
