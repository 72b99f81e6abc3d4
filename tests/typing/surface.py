"""What a plugin author's and a client's type checker sees; checked by mypy, never run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_type

from attrs import define

from everai_autoscaler import AutoScaler, Decider, DecideResult, Factors, Worker, argument, hookimpl
from everai_autoscaler.builtin import BuiltinFactory, FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.builtin.decorator.factors import AverageDecorator
from everai_autoscaler.builtin.is_builtin import is_builtin
from everai_autoscaler.model import (
    ArgumentsDecorator,
    ArgumentType,
    BuiltinAutoScaler,
    Decorator,
    Decorators,
    FactorsDecorator,
    Placeholder,
    QueueReason,
    Reason,
    Record,
    ScaleDownAction,
    ScaleUpAction,
    WorkerStatus,
)


@define
class Backlog(AutoScaler):
    """A policy as its author writes it."""

    target_backlog: int = argument(4, ge=1, help="requests waiting for each worker")
    max_workers: int = 10

    def decide(self, factors: Factors) -> DecideResult:
        """Every answer is typed, and what isn't known has to be looked at."""
        waiting, busy = factors.waiting(QueueReason.QueueDueBusy), factors.count(WorkerStatus.Busy)
        assert_type(waiting, int | None)
        assert_type(factors.observed_at, float)
        assert_type(factors.workers, list[Worker] | None)
        if waiting is None or busy is None:
            return DecideResult.hold(factors, "not known")
        wanted = busy + waiting // self.target_backlog
        return DecideResult.scale_to(wanted, factors, max_workers=self.max_workers).because(f"{waiting} waiting")


@hookimpl
def register_autoscalers() -> Mapping[str, Callable[..., AutoScaler]]:
    """A hook as a plugin writes it."""
    return {"backlog": Backlog}


def halved(factors: Factors) -> Factors | None:
    """A plain function is a decorator of snapshots."""
    return factors


def doubled(arguments: Mapping[str, ArgumentType], *, observed_at: float) -> Mapping[str, ArgumentType]:
    """One of arguments may take fewer of the keywords."""
    return arguments


decorators_of_snapshots: list[FactorsDecorator] = [halved, AverageDecorator(used_histories=3)]
decorators_of_arguments: list[ArgumentsDecorator] = [doubled]


def a_client(factors: Factors, record: Record) -> None:
    """What the SDK and scripts do."""
    late = Placeholder(kind="ConfigMap", name="get-start-configmap", key="max_workers")
    scaler = SimpleAutoScaler(min_workers="1", max_workers=late, max_queue_size=2, max_idle_time=60.0)
    FreeWorkerAutoScaler(1, lambda: 5, 1, 60, 1, Decorators(factors=[Decorator(name="average")]), start_timeout=30)
    assert_type(scaler.autoscaler_arguments(), dict[str, ArgumentType])
    assert_type(SimpleAutoScaler.from_arguments({"max_workers": "5"}), SimpleAutoScaler)
    assert_type(BuiltinFactory().create("simple", {"max_workers": "5"}), BuiltinAutoScaler)
    assert_type(is_builtin(scaler), bool)

    result = scaler.decide(None)
    assert_type(result, DecideResult)
    assert_type(result.up, int)
    assert_type(result.down, tuple[str, ...])
    assert_type(result.held, bool)
    assert_type(result.reasons, tuple[Reason, ...])
    assert_type(result.actions, list[ScaleUpAction | ScaleDownAction])
    assert_type(result.json(), str)
    assert_type(DecideResult.from_json(b"{}"), DecideResult)
    assert_type(Factors.from_json("{}"), Factors)
    assert_type(Factors(queue={QueueReason.QueueDueBusy: 1}, workers=None).free(), int | None)
    assert_type(record.moment(), Factors | None)
    for worker in factors.workers or ():
        assert_type(worker.status, WorkerStatus)
        assert_type(worker.draining, bool | None)
        assert_type(factors.idle_time(worker), float | None)


def the_pipeline(decider: Decider, factors: Factors) -> DecideResult:
    """A Decider is an AutoScaler like any other."""
    policy: AutoScaler = decider
    return policy.decide(factors)


def mistakes(factors: Factors) -> None:
    """What a type checker finds before anything runs; an ignore that isn't needed is an error itself."""
    SimpleAutoScaler(max_workers=[5])  # type: ignore[arg-type]
    SimpleAutoScaler(most=5)  # type: ignore[call-arg]
    Placeholder("ConfigMap", "c", "k")  # type: ignore[call-arg]
    factors.waiting() + 1  # type: ignore[operator]
    DecideResult.scale_to(1, factors)  # type: ignore[call-arg]
    decorators_of_snapshots.append(doubled)  # type: ignore[arg-type]
