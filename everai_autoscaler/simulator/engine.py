"""Which cluster a run is on: the plain one, or the compiled one where it can be and pays."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from attrs import define, field

from everai_autoscaler.errors import ArgumentError, AutoscalerError, words_of
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.line import Line
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.run import Requests
from everai_autoscaler.simulator.totals import Tally
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.words import counted

__all__ = ["PAYS", "Engine", "cluster_of"]

PAYS = 200_000
"""From so many requests on ``auto`` is the compiled engine: below, the compiling may take longer than the run."""
_SETTLES = 4096
"""So many requests are added up at once."""


@define
class Engine:
    """A cluster, and how its requests are added up."""

    target: Cluster
    assumed: tuple[str, ...] = ()
    """What it assumes, a sentence each."""
    _line: Any = None
    """Where requests are while they aren't settled, if they are forgotten then."""
    _settled: Callable[..., Requests | None] | None = None
    """``StreamingLine.settled``, likewise."""
    _fates: Requests | None = field(default=None, init=False)

    def fates(self) -> Requests:
        """What became of each request, once the run is over: asked for once, since it may be large."""
        if self._fates is None:
            self._fates = self.target.fates()
        return self._fates

    def last_moment(self) -> float:
        """The second of the last answer, or at which the last client hung up; 0 when there is neither."""
        answers = [moment for moment in self.target.line.last_served if not math.isnan(moment)]
        left = (
            [] if self._line is not None or self._settled is not None else [moment for _, moment in self.fates().left]
        )
        return max([0.0, *answers, *left])

    def settle(self, tally: Tally, now: float, *, last: bool = False) -> None:
        """Add what is settled to *tally*, and forget it; at the *last* time all that is there."""
        if self._settled is not None:
            fates = self._settled(last=last)
            if fates is not None:
                tally.requests(fates, self.target.ready_times(), now)
            return
        if self._line is None:
            if last:
                tally.requests(self.fates(), self.target.ready_times(), now)
            return
        line = self._line
        if not last and len(line.answered) + len(line.refused) < _SETTLES:
            return
        over = {*line.answered, *line.refused}
        if last:
            over.update(line.began, line.waiting, *line.bound.values())
        self._add(tally, line, sorted(over), now)

    def _add(self, tally: Tally, line: Any, numbers: list[int], now: float) -> None:
        place = {number: place for place, number in enumerate(numbers)}
        for number in set(line.interrupted).intersection(line.waiting) if line.interrupted else ():
            line.began.pop(number, None)  # it waits again
            line.worker.pop(number, None)
        fates = Requests(
            came=array("d", (line.came[number] for number in numbers)),
            service=array("d", (line.service[number] for number in numbers)),
            began=array("d", (line.began.pop(number, math.nan) for number in numbers)),
            answered=array("d", (line.answered.pop(number, math.nan) for number in numbers)),
            worker=array("q", (line.worker.pop(number, -1) for number in numbers)),
            refused=tuple(place[number] for number in line.refused),
            interrupted=tuple(place[number] for number in line.interrupted if number in place),
        )
        line.refused.clear()
        line.interrupted[:] = [number for number in line.interrupted if number not in place]
        tally.requests(fates, self.target.ready_times(), now)


class Sparse(dict[int, Any]):
    """A column that holds only what is set, and gives *missing* for all else."""

    def __init__(self, missing: float) -> None:
        super().__init__()
        self._missing = missing

    def __missing__(self, number: int) -> float:
        return self._missing


class _SparseLine(Line):
    """A line whose columns are read and set by number, as any line's, and hold only what is set."""

    def expect(self, number: int) -> None:  # noqa: ARG002 - what isn't settled takes place, however many come
        """As ``Line.expect``."""
        columns: Any = Sparse(math.nan), Sparse(math.nan), Sparse(-1)
        self.began, self.answered, self.worker = columns


class _SparseCluster(Cluster):
    _new_line = _SparseLine


def cluster_of(
    load: Workload | Clients, *, engine: str, streams: bool = False, session_timeout: float = 600.0, **options: Any
) -> Engine:
    """The cluster that serves *load*.

    Args:
        load: where requests come from.
        engine: ``python``, ``compiled`` or ``auto``.
        streams: whether requests are added up and forgotten.
        session_timeout: seconds without a request after which a session is over.
        options: as for ``Cluster``.

    Raises:
        ArgumentError: an engine that there isn't, or what the compiled one can't do.
        MissingExtraError: the compiled engine without what it needs.
    """
    if engine not in ("auto", "python", "compiled"):
        raise ArgumentError(f"engine: {engine!r} is not one of auto, python, compiled")
    why_not = _why_not_compiled(load)
    if engine == "compiled" and why_not:
        raise ArgumentError(f"engine: the compiled one can't do it: {why_not}; use python, or auto")
    large = isinstance(load, Workload) and len(load) >= PAYS
    assumed = _assumed(options)
    options |= {"load": [load], "session_timeout": session_timeout}
    if engine == "compiled" or (engine == "auto" and large and not why_not and _is_there()):
        from everai_autoscaler.simulator import compiled  # late: numba takes a second to be imported

        assumed = (*assumed, "simulated by the compiled engine")
        if not streams:
            return Engine(_made(compiled.CompiledCluster, options), assumed)
        streaming: Any = _made(compiled.StreamingCluster, options)
        return Engine(streaming, assumed, settled=streaming.line.settled)
    assumed = (*assumed, "simulated by the python engine")
    if streams and isinstance(load, Workload):
        sparse = _made(_SparseCluster, options)
        return Engine(sparse, assumed, sparse.line)
    return Engine(_made(Cluster, options), assumed)


def _why_not_compiled(load: Workload | Clients) -> str:
    """Why the compiled engine can't do it; empty when it can."""
    if isinstance(load, Clients):
        return "clients wait for their answers"
    if load.sessions is not None and any(session is not None for session in load.sessions):
        return "there are sessions"
    return ""


def _is_there() -> bool:
    return all(find_spec(name) is not None for name in ("numba", "numpy"))


def _made(kind: type[Cluster], options: dict[str, Any]) -> Cluster:
    try:
        return kind(**{name: value for name, value in options.items() if value is not None and name != "lag"})
    except ValueError as error:
        if isinstance(error, AutoscalerError):
            raise
        raise ArgumentError(words_of(error)) from error


def _assumed(options: dict[str, Any]) -> tuple[str, ...]:
    said = []
    if (limit := options.get("queue_limit")) is not None:
        said.append(f"at most {counted(limit, 'request')} may wait; one that comes then is refused")
    if (most := options.get("starts_per_minute")) is not None:
        said.append(f"at most {counted(most, 'worker')} may be started within 60 s")
    if options.get("removal") == "drain":
        said.append("a worker that serves and is to be removed finishes what it serves, and then goes")
    said += [str(options[name]) for name in ("faults", "lag") if options.get(name) is not None]
    machines = options.get("machines") or ()
    return (*(one for one in said if one), *map(str, machines))
