"""What the tests of the wrappers share: a scaler that wants what it is told, and the life of an app under a Decider."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define

from everai_autoscaler.decision import Decider, replay
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Placeholder, Record
from everai_autoscaler.plugin import Registry, hookimpl
from everai_autoscaler.testing import snapshot

BEGIN = 1_000_000.0


@define
class Wants(AutoScaler):
    """Wants so many workers, and doesn't know below zero; the newest go first, whoever idles for however long."""

    workers: int = 1
    most: int = 20

    def decide(self, factors: Factors) -> DecideResult:
        if self.workers < 0:
            return DecideResult.hold(factors, "not known", max_workers=self.most)
        return DecideResult.scale_to(self.workers, factors, max_workers=self.most).because(f"{self.workers} wanted")


class Life:
    """An app's decisions, one after the other; values come from a ConfigMap, and each decision is replayed."""

    def __init__(self, registry: Registry, name: str, arguments: Any, values: dict[str, Any]) -> None:
        self.registry, self.name, self.arguments, self.values = registry, name, arguments, values
        self.records: list[Record] = []
        self.decider = self._decider(None)

    def _decider(self, memory: Any) -> Decider:
        providers = {"ConfigMap": lambda _name, key: str(self.values[key])}
        return Decider(
            self.name,
            self.arguments,
            registry=self.registry,
            providers=providers,
            memory=memory,
        )

    def at(self, seconds: float, present: int | None, **values: Any) -> int | str:
        """What changes when so many workers are *present* after so many *seconds*, with these *values* from now on."""
        self.values |= values
        fields: Any = {"workers": None} if present is None else {"free": present}
        decision = self.decider.decision(snapshot(observed_at=BEGIN + seconds, idle_for=1000, **fields))
        result, record = decision.result, decision.record()
        assert record is not None
        self.records.append(record)
        again = replay(Record.from_json(record.json()), registry=self.registry)
        assert again.same
        return "hold" if result.held else result.up - len(result.down)

    def restart(self) -> None:
        """A new process, which is given what the last one saved."""
        saved = json.dumps(self.decider.memory)
        self.decider = self._decider(json.loads(saved))

    @property
    def said(self) -> str:
        """The last reason of the last decision."""
        return str(self.records[-1].result.reasons[-1])

    @property
    def kept(self) -> list[str]:
        """Every argument of the last decision whose last good value had to do."""
        return [name for name, argument in self.records[-1].arguments.items() if argument.kept]


@pytest.fixture(scope="session")
def wants() -> type[Wants]:
    """The scaler that wants what it is told."""
    return Wants


@pytest.fixture
def life() -> Any:
    """Makes lives, of a wrapper by its name; ``wants`` is a scaler that a ConfigMap tells how many it wants."""
    registry = Registry.installed(blocked=())
    plugin = SimpleNamespace(
        register_autoscalers=hookimpl(lambda: {"wants": Wants}, specname="register_autoscalers"),
    )
    registry.add(plugin, name="tests")
    return lambda name, arguments, **values: Life(registry, name, arguments, values)


@pytest.fixture
def late() -> Any:
    """Makes a placeholder for a value of the ConfigMap."""
    return lambda key: Placeholder(kind="ConfigMap", name="settings", key=key)
