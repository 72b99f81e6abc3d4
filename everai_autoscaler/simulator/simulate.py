"""One policy on one workload: the same Decider and guard as in production, on a cluster in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.model import AutoScaler, Dispatch
from everai_autoscaler.simulator.book import (
    MOST_TICKS,
    START,
    Book,
    check_numbers,
    cold_start_words,
    last_second,
    typical_cold_start,
    when_it_ends,
)
from everai_autoscaler.simulator.engine import cluster_of
from everai_autoscaler.simulator.faults import ColdStart, Faults, Machine
from everai_autoscaler.simulator.lag import Lag, Lagged
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.play import play
from everai_autoscaler.simulator.reading import read
from everai_autoscaler.simulator.run import Run, Setting
from everai_autoscaler.simulator.totals import Tally
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.words import counted

__all__ = ["MOST_TICKS", "Load", "simulate", "workload_of"]

Load: TypeAlias = Workload | Clients | str | Path | Iterable[tuple[float, float]]
"""What can be simulated: a workload, clients, the name of a workload that ships, the path of a file, or pairs: for each
request the second at which it comes and the seconds that it keeps a worker busy."""


def simulate(
    scaler: str | AutoScaler,
    workload: Load,
    *,
    arguments: Mapping[str, Any] | None = None,
    cold_start: float | Sequence[float] | ColdStart = 30.0,
    interval: float = 20.0,
    workers: int = 1,
    concurrency: int = 1,
    dispatch: Dispatch | str = Dispatch.MOST_RECENTLY_USED,
    price: float | None = None,
    warm_up: float = 0.0,
    tail: float = 3600.0,
    until: float | None = None,
    seed: int = 0,
    session_timeout: float = 600.0,
    queue_limit: int | None = None,
    starts_per_minute: int | None = None,
    removal: Literal["refuse", "drain"] = "refuse",
    faults: Faults | None = None,
    machines: Sequence[Machine] = (),
    lag: Lag | None = None,
    engine: Literal["auto", "python", "compiled"] = "auto",
    keep: Literal["all", "totals"] = "all",
    progress: Callable[[float], None] | None = None,
) -> Run:
    """What *scaler* would have done about *workload*, decided as in production and served in virtual time.

    The first decision is at second 0. The run ends with the last answer, or *tail* seconds after the last arrival where
    something still waits then. A worker is billed from its launch, but not from before second 0, until it is removed or
    the run ends. What the policy raises is contained as in production: the tick holds, and says so.

    Args:
        scaler: the name of a scaler, a scaler, or a ``Decider``.
        workload: a workload, the name of one that ships, the path of a file, or the second at which each request comes
            with the seconds that it keeps a worker busy; or ``Clients``, which send their next request when they have
            the answer.
        arguments: the scaler's arguments, where it is a name.
        cold_start: seconds until a started worker is ready, ``math.inf`` for one that never is; or one such number for
            each worker in the order in which they are started, the last of which holds for all further ones; or a
            ``ColdStart``, from which each worker's is drawn.
        interval: seconds between decisions.
        workers: how many are ready at the start.
        concurrency: how many requests a worker serves at once.
        dispatch: which of the workers that have room gets the next request.
        price: what an hour of one worker costs.
        warm_up: seconds from the start that aren't judged.
        tail: the most seconds that the run goes on after the last arrival.
        until: the second at which the run ends, whatever is going on; where it isn't given the run ends as said above.
        seed: of all that is random; the same seed gives the same run on every machine.
        session_timeout: seconds without a request after which a session is over.
        queue_limit: requests that may wait; one that comes then is refused.
        starts_per_minute: workers that may be started within any 60 seconds.
        removal: what becomes of a worker that serves, and is to be removed: it is refused, or the worker drains.
        faults: what goes wrong with workers.
        machines: what workers run on, and what an hour of each costs.
        lag: how late snapshots and decisions are, and how often a snapshot is lost. A policy may then name a worker
            that is busy by now; with *removal* ``drain`` that one finishes first.
        engine: ``python``; ``compiled``, which is many times as fast and does the same, event by event; or ``auto``:
            compiled where it can be and there are so many requests that compiling pays.
        keep: ``all``, or ``totals``: each request and decision is added up and forgotten. Percentiles are then at most
            1 % too long, and the elasticity metrics are of what was seen at each decision. No memory grows with the
            requests but the workload's own.
        progress: called now and then with the share of the run that is done, 0 to 1.

    >>> run = simulate("simple", [(0, 10), (1, 10), (2, 10)], arguments={"max_workers": 2}, cold_start=15)
    >>> run
    <Run: simple on 3 requests: 3 requests, 1 worker, 2 decisions, 30 s>
    >>> list(run.requests.began)
    [0.0, 10.0, 20.0]

    Raises:
        ArgumentError: a number out of its bounds, or an argument that the scaler doesn't take.
        ContractError: a workload that can't be read, or that would take more than ``MOST_TICKS`` decisions.
        UnknownNameError: no such scaler, workload or dispatch order.
        MissingExtraError: the compiled engine without what it needs.
    """
    load = workload if isinstance(workload, Clients) else workload_of(workload)
    check_numbers(interval=interval, warm_up=warm_up, tail=tail, until=until, price=price)
    if keep not in ("all", "totals"):
        raise ArgumentError(f"keep: {keep!r} is not one of all, totals")
    span = load.span if isinstance(load, Workload) else min(load.stop, until or load.stop)
    name = load.name if isinstance(load, Workload) else "clients"
    end = last_second(name, span, tail=tail, until=until, interval=interval)
    start = load.start if isinstance(load, Workload) and load.start is not None else START
    decider = scaler if isinstance(scaler, Decider) else Decider(scaler, arguments)
    options: dict[str, Any] = {
        "workers": workers,
        "cold_start": cold_start,
        "concurrency": concurrency,
        "dispatch": dispatch,
        "session_timeout": session_timeout,
        "queue_limit": queue_limit,
        "starts_per_minute": starts_per_minute,
        "removal": removal,
        "faults": faults,
        "machines": tuple(machines) or None,
        "lag": lag,
        "start": start,
        "seed": seed,
    }
    made = cluster_of(load, engine=engine, streams=keep == "totals", **options)
    tally = Tally(warm_up=warm_up, concurrency=concurrency)
    book = Book(made, tally if keep == "totals" else None)
    play(
        [(made.target if lag is None else Lagged(made.target, lag, seed=seed), decider, book.keep)],
        start=start,
        end=end,
        interval=interval,
        until_rest=until is None,
        progress=progress,
    )
    setting = Setting(
        scaler=decider.name,
        arguments=dict(arguments) if arguments is not None else book.arguments,
        cold_start=cold_start_words(cold_start),
        cold_start_seconds=typical_cold_start(cold_start),
        interval=interval,
        dispatch=Dispatch(dispatch).value,
        concurrency=concurrency,
        workers=workers,
        seed=seed,
        price=price,
        warm_up=warm_up,
        start=start,
        assumed=(when_it_ends(tail, until), *made.assumed),
    )
    return book.run(load, setting, book.last_moment(load) if until is None and book.at_rest else end)


def workload_of(given: Workload | str | Path | Iterable[tuple[float, float]]) -> Workload:
    """The workload that is *given*: itself, what the name or path stands for, or pairs of arrival and service.

    >>> workload_of([(0, 2), (1, 2)])
    Workload('2 requests': 2 requests in 1 s, 2 s each)

    Raises:
        ContractError: it can't be read.
        UnknownNameError: no such name or file.
    """
    if isinstance(given, Workload):
        return given
    if isinstance(given, str | Path):
        return read(given)
    try:
        pairs = [(float(came), float(service)) for came, service in given]
    except (TypeError, ValueError) as error:
        raise ContractError(
            f"workload: {given!r:.60} is not a workload, a name, a path, or pairs of arrival and service: {error}"
        ) from error
    return Workload(counted(len(pairs), "request"), [came for came, _ in pairs], [service for _, service in pairs])
