"""Each hook, used by a distribution that is really installed: a test a hook, named after it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from everai_autoscaler import Decider
from everai_autoscaler.errors import PlaceholderError
from everai_autoscaler.model import DecideResult, Decorator, Decorators, Factors, Placeholder, ScaleUpAction

BUSY_QUEUE = Factors(queue={"QueueDueBusy": 3}, workers=[])


def test_hook_register_autoscalers(registry_of, crowd):
    """A scaler of a plugin decides by its name, with its arguments fitted to its own types."""
    result = Decider("fixed", {"workers": "3"}, registry=registry_of(crowd)).decide(BUSY_QUEUE)

    assert 3 == result.up


def test_hook_register_factors_decorators(registry_of, crowd):
    """A factors decorator of a plugin stands before the decision: what it forgets isn't known to the scaler."""
    decorators = Decorators(factors=[Decorator(name="blind")])
    arguments = {"min_workers": 0, "max_workers": 5}
    result = Decider("simple", arguments, decorators=decorators, registry=registry_of(crowd)).decide(BUSY_QUEUE)

    assert result.held
    assert "the queue is not known" in str(result.reasons[0])


def test_hook_register_arguments_decorators(registry_of, crowd):
    """An arguments decorator of a plugin changes the arguments before the decision."""
    decorators = Decorators(arguments=[Decorator(name="more", arguments={"by": 2})])
    decider = Decider("simple", {"max_workers": 1}, decorators=decorators, registry=registry_of(crowd))

    assert 3 == decider.decide(BUSY_QUEUE).max_workers


def test_hook_register_placeholder_kinds(registry_of, crowd):
    """A placeholder of a plugin's kind is read when a decision is made."""
    late = Placeholder(kind="Length", name="abcd")
    result = Decider("fixed", {"workers": late}, registry=registry_of(crowd)).decide(BUSY_QUEUE)

    assert 4 == result.up


def test_hook_register_placeholder_kinds_without_a_value(registry_of, crowd):
    """What a plugin's reader says where there is no value comes through as it is."""
    with pytest.raises(PlaceholderError, match=r"^Length: no name$"):
        registry_of(crowd).read_placeholder(Placeholder(kind="Length", name=""))


def test_hook_register_targets(registry_of, crowd):
    """A target of a plugin makes its engine from what the runtime offers and from the app's settings."""
    factory = registry_of(crowd).find("targets", "pretend")[1]
    notes = []
    engine = factory(SimpleNamespace(note=notes.append), {"prefix": "toy"}, home=Path())
    done = engine.apply(DecideResult(max_workers=2, actions=[ScaleUpAction(count=2)]))

    assert (2, ["toy-1", "toy-2"]) == (done.up, [worker.id for worker in engine.workers()])
    assert ["pretends that toy-1 runs", "pretends that toy-2 runs"] == notes
