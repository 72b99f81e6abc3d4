"""Several apps under one capacity, each with its own policy and workload, in one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import AutoScaler, Dispatch
from everai_autoscaler.simulator.book import (
    START,
    Book,
    check_numbers,
    cold_start_words,
    last_second,
    typical_cold_start,
    when_it_ends,
)
from everai_autoscaler.simulator.capacity import Capacity
from everai_autoscaler.simulator.clock import VirtualClock
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.engine import Engine
from everai_autoscaler.simulator.faults import ColdStart, Faults, Machine
from everai_autoscaler.simulator.play import play
from everai_autoscaler.simulator.run import Run, Setting
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.words import counted

__all__ = ["App", "simulate_together"]


@frozen(kw_only=True)
class App:
    """One of several apps: its policy, its workload, and how its workers are; as for ``simulate``."""

    scaler: str | AutoScaler
    """The name of a scaler, a scaler, or a ``Decider``, which no other app may have."""
    workload: Workload
    arguments: Mapping[str, Any] | None = None
    cold_start: float | Sequence[float] | ColdStart = 30.0
    workers: int = 1
    concurrency: int = 1
    dispatch: Dispatch | str = Dispatch.MOST_RECENTLY_USED
    price: float | None = None
    queue_limit: int | None = None
    starts_per_minute: int | None = None
    faults: Faults | None = None
    machines: Sequence[Machine] = field(default=(), converter=tuple)


def simulate_together(
    apps: Mapping[str, App],
    *,
    capacity: int,
    interval: float = 20.0,
    warm_up: float = 0.0,
    tail: float = 3600.0,
    until: float | None = None,
    seed: int = 0,
) -> dict[str, Run]:
    """What would have become of *apps* whose workers come out of one *capacity*; a run for each, by its name.

    All have one clock and decide at the same moments, one after the other: at second 0 in the order given, and at each
    later decision the app that was first is last. What one starts isn't left to those after it; what it removes is.
    A start for which there is no worker left is refused, and the row of its tick says so.

    Args:
        apps: the apps, by their names.
        capacity: the most workers at a time, of all apps together, those that start or drain among them.
        interval: seconds between decisions.
        warm_up: seconds from the start that aren't judged.
        tail: the most seconds that all runs go on after the last arrival of any.
        until: the second at which all end; where it isn't given, all end with the last answer of any.
        seed: of all that is random; the app at place *n* has the seed *n* higher.

    >>> load = Workload("rush", [0, 1, 2, 3], [30, 30, 30, 30])
    >>> simple = App(scaler="simple", workload=load, arguments={"max_workers": 4, "max_queue_size": 1}, cold_start=5)
    >>> runs = simulate_together({"one": simple, "other": simple}, capacity=3)
    >>> [len(run.workers) for run in runs.values()]
    [1, 2]
    >>> print(runs["one"].ticks[1].reasons[-1])
    target: 1 of 1 worker not started: all 3 of the shared capacity are taken

    Raises:
        ArgumentError: a number out of its bounds, an argument that a scaler doesn't take, or no app at all.
        ContractError: the capacity has no room for the workers at the start, or there would be too many decisions.
        UnknownNameError: no such scaler.
    """
    check_numbers(interval=interval, warm_up=warm_up, tail=tail, until=until)
    if not apps:
        raise ArgumentError("apps: none are given; at least one app is needed")
    span = max(app.workload.span for app in apps.values())
    end = last_second("the apps", span, tail=tail, until=until, interval=interval)
    clock, shared = VirtualClock(START), Capacity(capacity)
    rule = (
        f"its workers come out of a capacity of {counted(capacity, 'worker')} that {counted(len(apps), 'app')} share, "
        "which decide one after the other: at second 0 in the order given, and then whoever was first is last"
    )
    played = []
    for place, (name, app) in enumerate(apps.items()):
        cluster = Cluster(
            workers=app.workers,
            cold_start=app.cold_start,
            load=[app.workload],
            concurrency=app.concurrency,
            dispatch=app.dispatch,
            seed=seed + place,
            clock=clock,
            queue_limit=app.queue_limit,
            starts_per_minute=app.starts_per_minute,
            faults=app.faults,
            machines=app.machines,
            capacity=shared,
        )
        scaler = app.scaler
        decider = scaler if isinstance(scaler, Decider) else Decider(scaler, app.arguments, app=name)
        played.append((app, cluster, decider, Book(Engine(cluster), None)))
    tickers = [(cluster, decider, book.keep) for _, cluster, decider, book in played]
    play(tickers, start=START, end=end, interval=interval, until_rest=until is None)
    if until is None and all(cluster.at_rest for _, cluster, _, _ in played):
        end = max(book.last_moment(app.workload) for app, _, _, book in played)
    runs = {}
    for place, (name, (app, _, decider, book)) in enumerate(zip(apps, played, strict=True)):
        setting = Setting(
            scaler=decider.name,
            arguments=dict(app.arguments) if app.arguments is not None else book.arguments,
            cold_start=cold_start_words(app.cold_start),
            cold_start_seconds=typical_cold_start(app.cold_start),
            interval=interval,
            dispatch=Dispatch(app.dispatch).value,
            concurrency=app.concurrency,
            workers=app.workers,
            seed=seed + place,
            price=app.price,
            warm_up=warm_up,
            start=START,
            assumed=(rule, when_it_ends(tail, until), "simulated by the python engine"),
        )
        runs[name] = book.run(app.workload, setting, end)
    return runs
