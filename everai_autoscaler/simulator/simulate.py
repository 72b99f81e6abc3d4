"""One policy on one workload: the same Decider and guard as in production, on a cluster in virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import evolve

from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.loop import Tick, tick
from everai_autoscaler.model import AutoScaler, Dispatch, WorkerStatus
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.run import Life, Run, Setting, TickRow
from everai_autoscaler.simulator.workload import Workload

__all__ = ["MOST_TICKS", "simulate", "workload_of"]

MOST_TICKS = 10_000_000
"""A run of more decisions is refused: the workload has a gap of years, most likely."""
_START = 1_722_221_030.0
_STEPS = 200


def simulate(
    scaler: str | AutoScaler,
    workload: Workload | str | Path | Iterable[tuple[float, float]],
    *,
    arguments: Mapping[str, Any] | None = None,
    cold_start: float | Sequence[float] = 30.0,
    interval: float = 20.0,
    workers: int = 1,
    concurrency: int = 1,
    dispatch: Dispatch | str = Dispatch.MOST_RECENTLY_USED,
    price: float | None = None,
    warm_up: float = 0.0,
    tail: float = 3600.0,
    until: float | None = None,
    seed: int = 0,
    engine: Literal["auto", "python", "compiled"] = "auto",
    progress: Callable[[float], None] | None = None,
) -> Run:
    """What *scaler* would have done about *workload*, decided as in production and served in virtual time.

    The first decision is at second 0. The run ends with the last answer, or *tail* seconds after the last arrival where
    something still waits then. A worker is billed from its launch, but not from before second 0, until it is removed or
    the run ends. What the policy raises is contained as in production: the tick holds, and says so.

    Args:
        scaler: the name of a scaler, a scaler, or a ``Decider``.
        workload: a workload, the name of one that ships, the path of a file, or the second at which each request comes
            with the seconds that it keeps a worker busy.
        arguments: the scaler's arguments, where it is a name.
        cold_start: seconds until a started worker is ready, ``math.inf`` for one that never is; or one such number for
            each worker in the order in which they are started, the last of which holds for all further ones.
        interval: seconds between decisions.
        workers: how many are ready at the start.
        concurrency: how many requests a worker serves at once.
        dispatch: which of the workers that have room gets the next request.
        price: what an hour of one worker costs.
        warm_up: seconds from the start that aren't judged.
        tail: the most seconds that the run goes on after the last arrival.
        until: the second at which the run ends, whatever is going on; where it isn't given the run ends as said above.
        seed: of all that is random; the same seed gives the same run on every machine.
        engine: ``python``, ``compiled``, or ``auto``.
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
    """
    load = workload_of(workload)
    _check(interval=interval, warm_up=warm_up, tail=tail, until=until, price=price)
    if engine == "compiled":
        raise ArgumentError("engine: 'compiled' isn't there yet; one of python, auto")
    start = _START if load.start is None else load.start
    decider = scaler if isinstance(scaler, Decider) else Decider(scaler, arguments)
    target = Cluster(
        load=[load],
        start=start,
        workers=workers,
        cold_start=cold_start,
        concurrency=concurrency,
        dispatch=dispatch,
        seed=seed,
    )
    end = load.span + tail if until is None else until
    if end / interval > MOST_TICKS:
        raise ContractError(
            f"{load.name}: its {end:,.0f} s are {end / interval:,.0f} decisions at an interval of {interval:g} s, more "
            f"than {MOST_TICKS:,}: take a part of it (Workload.between), or a longer interval"
        )
    ticks, given = _play(target, decider, start, end, interval, settled=until is None, progress=progress)
    requests, lives = target.fates(), target.lives()
    ended_at = end
    if until is None and target.at_rest:
        ended_at = max([load.span, *(moment for moment in requests.answered if not math.isnan(moment))])
    if warm_up and warm_up >= ended_at:
        raise ArgumentError(f"warm_up: {warm_up:g} s is not before the end of the run at {ended_at:g} s")
    setting = Setting(
        scaler=decider.name,
        arguments=dict(arguments) if arguments is not None else given,
        cold_start=_cold_start_words(cold_start),
        cold_start_seconds=_typical(cold_start),
        interval=interval,
        dispatch=Dispatch(dispatch).value,
        concurrency=concurrency,
        workers=workers,
        seed=seed,
        price=price,
        warm_up=warm_up,
        start=start,
        assumed=(_when_it_ends(tail, until), "simulated by the python engine"),
    )
    return Run(load, setting, requests, tuple(_until(life, ended_at) for life in lives), ticks, ended_at)


def workload_of(given: Workload | str | Path | Iterable[tuple[float, float]]) -> Workload:
    """The workload that is *given*: itself, what the name or path stands for, or pairs of arrival and service.

    >>> workload_of([(0, 2), (1, 2)])
    Workload('2 requests': 2 requests in 1 s, 2 s each)
    """
    if isinstance(given, Workload):
        return given
    if isinstance(given, str | Path):
        raise ContractError(f"workload: {str(given)!r} can't be read yet: give a Workload, or pairs")
    pairs = list(given)
    return Workload(f"{len(pairs)} requests", [came for came, _ in pairs], [service for _, service in pairs])


def _check(**numbers: float | None) -> None:
    for name, number in numbers.items():
        least = "above 0" if name == "interval" else "of at least 0"
        if number is not None and not (0 < number < math.inf or (number == 0 and name != "interval")):
            raise ArgumentError(f"{name}: {number} is not a number {least}")


def _play(
    target: Any,
    decider: Decider,
    start: float,
    end: float,
    interval: float,
    *,
    settled: bool,
    progress: Callable[[float], None] | None,
) -> tuple[tuple[TickRow, ...], dict[str, object]]:
    """Tick from second 0 until *end*, or until all is answered where *settled*; and the arguments that were used."""
    rows: list[TickRow] = []
    given: dict[str, object] = {}
    each = max(1, math.ceil(end / interval / _STEPS))
    beat = 0
    while True:
        at = beat * interval
        target.clock.sleep_until(start + min(at, end))
        if beat and (at >= end or (settled and target.at_rest)):
            break
        done = tick(target, decider)
        if not beat and done.decision is not None:
            given = {name: one.value for name, one in done.decision.arguments.items() if one.source != "default"}
        rows.append(_row(at, done))
        beat += 1
        if progress is not None and beat % each == 0:
            progress(min(1.0, at / end))
    if progress is not None:
        progress(1.0)
    return tuple(rows), given


def _row(at: float, done: Tick) -> TickRow:
    factors, decision = done.factors, done.decision
    workers = None if factors is None else factors.workers
    free = busy = draining = 0
    for worker in workers or ():
        free += worker.status is WorkerStatus.Free
        busy += worker.status is WorkerStatus.Busy
        draining += bool(worker.draining)
    waiting = None if factors is None else factors.waiting()
    known = workers is not None
    failure = done.failure or (decision.error if decision is not None else None) or ""
    return TickRow(
        at=at,
        free=free if known else -1,
        busy=busy if known else -1,
        inflight=len(workers) - free - busy if workers is not None else -1,
        draining=draining if known else -1,
        waiting=-1 if waiting is None else waiting,
        up=0 if done.applied is None else done.applied.up,
        down=0 if done.applied is None else len(done.applied.down),
        held=decision is None or decision.result.held or bool(failure),
        reasons=() if decision is None else tuple(map(str, decision.result.reasons)),
        failure=failure,
    )


def _until(life: Life, end: float) -> Life:
    """*life* as it was at the *end* of the run."""
    if (life.ended_at is None or life.ended_at <= end) and (life.ready_at is None or life.ready_at <= end):
        return life
    gone = life.ended_at is not None and life.ended_at <= end
    return evolve(
        life,
        ready_at=life.ready_at if life.ready_at is not None and life.ready_at <= end else None,
        ended_at=life.ended_at if gone else None,
        why=life.why if gone else "",
    )


def _cold_start_words(cold_start: float | Sequence[float]) -> str:
    if isinstance(cold_start, int | float):
        return f"{cold_start:g} s"
    seconds = list(cold_start)
    shown = ", ".join(f"{one:g}" for one in seconds[:5])
    return f"{shown}{', ...' if len(seconds) > 5 else ''} s, in the order of the launches"


def _typical(cold_start: float | Sequence[float]) -> float | None:
    if isinstance(cold_start, int | float):
        return float(cold_start)
    seconds = sorted(cold_start)
    return seconds[len(seconds) // 2] if seconds else None


def _when_it_ends(tail: float, until: float | None) -> str:
    if until is not None:
        return f"the run ends at {until:g} s"
    return f"the run ends with the last answer, at the latest {tail:g} s after the last arrival"
