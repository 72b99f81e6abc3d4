"""Several scalers on several workloads, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, TypeAlias

from attrs import evolve, field, frozen, has

from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import AutoscalerError, ContractError, words_of
from everai_autoscaler.model import AutoScaler, Decorators, schema_of
from everai_autoscaler.model.late import source_of
from everai_autoscaler.simulator.metrics import Metrics, measure
from everai_autoscaler.simulator.optimum import Optimum, optimum
from everai_autoscaler.simulator.oracle import RateOracle
from everai_autoscaler.simulator.reading import read
from everai_autoscaler.simulator.run import Run
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.spread import Spread
from everai_autoscaler.simulator.workload import Workload

__all__ = ["Candidate", "Cell", "Comparison", "Rank", "compare", "workloads_of"]

_ORACLE = -1

Demand: TypeAlias = "Workload | str | PathLike[str]"


@frozen
class Candidate:
    """A scaler as it is to be tried.

    >>> Candidate("simple", {"max_workers": 5}).label
    'simple max_workers=5'
    """

    scaler: str | AutoScaler
    """The name of a scaler, or a scaler."""
    arguments: Mapping[str, Any] = field(factory=dict)
    """For a name, its arguments."""
    label: str = field()
    """What it is called in tables and pictures."""
    decorators: Decorators | None = field(default=None, kw_only=True)
    providers: Mapping[str, Callable[[str, str], str]] = field(factory=dict, kw_only=True)
    """For each placeholder kind, who reads it."""

    @label.default
    def _in_words(self) -> str:
        arguments = self.arguments
        if not isinstance(self.scaler, str) and has(type(self.scaler)):
            taken = schema_of(type(self.scaler)).arguments
            held = {name: getattr(self.scaler, one.attribute or name, one.default) for name, one in taken.items()}
            arguments = {name: value for name, value in held.items() if value != taken[name].default}
        given = (f"{name}={source_of(value) if callable(value) else value}" for name, value in arguments.items())
        return " ".join([self.name, *given])

    @property
    def name(self) -> str:
        """The scaler's name; of a scaler that no plugin offers, its class's."""
        return self.scaler if isinstance(self.scaler, str) else Decider(self.scaler).name

    def decider(self) -> Decider:
        """A pipeline of its own that decides with it.

        Raises:
            AutoscalerError: there is no such scaler, or it doesn't take the arguments.
        """
        return Decider(self.scaler, self.arguments, decorators=self.decorators, providers=self.providers)


@frozen
class Cell:
    """One scaler, with its arguments, on one workload at one cold start.

    >>> Cell("short idle", "simple", {"max_idle_time": 30}, "monday.csv", 30.0, error="cannot be read").done
    False
    """

    label: str
    """What the scaler is called in tables and pictures."""
    scaler: str
    """Its name."""
    arguments: Mapping[str, object]
    """Its arguments, as given."""
    trace: str
    """The name of the workload."""
    cold_start: float
    """Seconds until a started worker is ready."""
    metrics: Metrics | None = None
    """What it came to; ``None`` when it failed."""
    optimum: Optimum | None = field(default=None, repr=False)
    """The cheapest that was possible; ``None`` when it wasn't computed."""
    run: Run | None = field(default=None, repr=False)
    """The run itself, where it was asked for."""
    error: str = ""
    """Why there are no metrics, in one line; empty when there are."""

    @property
    def done(self) -> bool:
        """Whether it was simulated to its end."""
        return self.metrics is not None

    @property
    def regret(self) -> float | None:
        """Its worker-seconds over those of the best schedule known; ``None`` when either is not known, or nothing."""
        if self.metrics is None or self.optimum is None or not self.optimum.schedule:
            return None
        return float(self.metrics.worker_seconds / self.optimum.schedule)


@frozen
class Rank:
    """How a scaler did among all, over every workload and cold start."""

    label: str
    mean_place: float
    """Its place among all, on average; 1 is the first."""
    met: int
    """On how many it met the SLO."""
    of: int
    """On how many it was tried."""
    regret: float | None
    """Its worker-seconds over the best schedule's, on average over those on which it met the SLO; ``None`` of none."""


@frozen
class Comparison:
    """Each scaler on each workload at each cold start."""

    cells: tuple[Cell, ...]
    """Workload by workload, cold start by cold start, and in each the scalers in the order in which they were given."""
    slo: float
    """Seconds within which a request is to begin."""
    share: float
    """The share of the requests that are to begin within them."""
    oracles: tuple[Cell, ...] = field(default=(), repr=False)
    """For each workload and cold start a policy that knows the true rate of requests, for company; it isn't ranked."""

    def meets(self, cell: Cell) -> bool:
        """Whether the share of its requests that began in time is at least the wanted one."""
        return cell.metrics is not None and attained(cell.metrics) >= self.share

    def groups(self) -> dict[tuple[str, float], list[Cell]]:
        """For each workload and cold start its cells, the best first: :meth:`key` says what is better."""
        grouped: dict[tuple[str, float], list[Cell]] = {}
        for cell in self.cells:
            grouped.setdefault((cell.trace, cell.cold_start), []).append(cell)
        return {place: sorted(cells, key=self.key) for place, cells in grouped.items()}

    def key(self, cell: Cell) -> tuple[int, float]:
        """What orders the cells of one workload and cold start.

        First those that meet the SLO, the cheapest first; then those that miss it, the nearest to it first; then those
        that failed.
        """
        if cell.metrics is None:
            return 2, 0.0
        if self.meets(cell):
            return 0, cell.metrics.worker_seconds
        return 1, -attained(cell.metrics)

    def ranks(self) -> tuple[Rank, ...]:
        """The scalers, the best first by their mean place; of equal ones all have the better place."""
        places: dict[str, list[int]] = {}
        for cells in self.groups().values():
            keys = [self.key(cell) for cell in cells]
            for cell in cells:
                places.setdefault(cell.label, []).append(1 + keys.index(self.key(cell)))
        ranks = [self._rank(label, found) for label, found in places.items()]
        return tuple(sorted(ranks, key=lambda rank: rank.mean_place))

    def _rank(self, label: str, places: Sequence[int]) -> Rank:
        cells = [cell for cell in self.cells if cell.label == label]
        regrets = [cell.regret for cell in cells if cell.regret is not None and self.meets(cell)]
        return Rank(
            label,
            mean_place=sum(places) / len(places),
            met=sum(map(self.meets, cells)),
            of=len(cells),
            regret=sum(regrets) / len(regrets) if regrets else None,
        )


def compare(
    scalers: Iterable[Candidate | str | AutoScaler],
    workloads: Iterable[Demand] | Demand,
    *,
    cold_starts: Iterable[float] = (30.0,),
    slo: float = 5.0,
    share: float = 0.99,
    optima: bool = True,
    runs: bool = False,
    processes: int = 1,
    progress: Callable[[float], None] | None = None,
    **setting: Any,
) -> Comparison:
    """Simulate each of *scalers* on each of *workloads* at each of *cold_starts*. The loop is closed.

    A scaler that fails on a workload has a cell that says why; the others go on.

    Args:
        scalers: names, scalers, or :class:`Candidate` objects with arguments.
        workloads: workloads, names of those that ship, or paths.
        cold_starts: seconds until a started worker is ready.
        slo: seconds within which a request is to begin.
        share: the share of the requests that are to begin within them.
        optima: compute the cheapest that was possible, and a policy that knows the true rate; takes seconds for each
            workload and cold start.
        runs: keep each run in its cell; else the cells are small.
        processes: in how many processes to work; 0 for one on each core. A script that asks for several needs its
            ``if __name__ == "__main__":``.
        progress: is told now and then what share of the work is done.
        setting: whatever else ``simulate`` takes: ``interval``, ``price``, ``dispatch`` ...

    Raises:
        ContractError: a workload that can't be read, a share that isn't one, or two scalers with one label.
        UnknownNameError: no such scaler, workload or dispatch order.
        ArgumentError: an argument that a scaler doesn't take.

    >>> from everai_autoscaler.simulator.workload import Workload
    >>> workload = Workload("four", [0, 1, 2, 100], [10, 10, 10, 10])
    >>> arguments = [{"max_workers": 3, "max_idle_time": idle} for idle in (20, 200)]
    >>> compared = compare([Candidate("simple", one) for one in arguments], workload, optima=False, share=0.5)
    >>> [rank.label for rank in compared.ranks()]
    ['simple max_workers=3 max_idle_time=20', 'simple max_workers=3 max_idle_time=200']
    """
    _check(slo, share)
    candidates = [one if isinstance(one, Candidate) else Candidate(one) for one in scalers]
    demands, starts = workloads_of(workloads), list(cold_starts)
    for what, names in (
        ("scaler", [one.label for one in candidates]),
        ("workload", [one.name for one in demands]),
        ("cold start", [f"{one:g} s" for one in starts]),
    ):
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ContractError(f"compare: {what} {twice!r} is there twice")
        if not names:
            raise ContractError(f"compare: no {what} was given; at least one is needed")
    for one in candidates:
        one.decider()
    given = _Given(tuple(candidates), tuple(demands), slo, share, setting, runs)
    places = [(which, start) for which in range(len(demands)) for start in starts]
    company = (None, _ORACLE) if optima else ()
    firsts = [_Job(number, *place) for place in places for number in company]
    jobs = firsts + [_Job(number, *place) for place in places for number in range(len(candidates))]
    with Spread(_one, given, processes=processes) as spread:
        done = None if progress is None else lambda count: progress(count / len(jobs))
        results = spread.do(jobs, done=done)
    best = {
        (job.which, job.cold_start): one for job, one in zip(jobs, results, strict=True) if isinstance(one, Optimum)
    }
    cells = [
        (job, evolve(cell, optimum=best.get((job.which, job.cold_start))))
        for job, cell in zip(jobs, results, strict=True)
        if isinstance(cell, Cell)
    ]
    ranked = tuple(cell for job, cell in cells if job.number != _ORACLE)
    return Comparison(ranked, slo, share, tuple(cell for job, cell in cells if job.number == _ORACLE))


def attained(metrics: Metrics) -> float:
    """The share of the requests that began in time; 1 where none came."""
    return 1.0 if metrics.slo_attainment is None else metrics.slo_attainment


def peak_of(workload: Workload) -> int:
    """The most requests that would ever be served at once, if none had to wait.

    >>> peak_of(Workload("three", [0, 1, 5], [2, 2, 2]))
    2
    """
    steps = sorted([(came, 1) for came, _ in workload] + [(came + service, -1) for came, service in workload])
    there = most = 0
    for _, step in steps:
        there += step
        most = max(most, there)
    return most


def workloads_of(workloads: Iterable[Demand] | Demand) -> list[Workload]:
    """Each of *workloads*, read where a name or a path is given.

    Raises:
        ContractError: one that can't be read.
        UnknownNameError: neither a name nor a file.
    """
    if isinstance(workloads, Workload | str | PathLike):
        workloads = [workloads]
    return [one if isinstance(one, Workload) else read(one) for one in workloads]


@frozen
class _Given:
    candidates: tuple[Candidate, ...]
    demands: tuple[Workload, ...]
    slo: float
    share: float
    setting: Mapping[str, Any]
    runs: bool


@frozen
class _Job:
    number: int | None
    """Which candidate; ``None`` asks for what was possible, ``_ORACLE`` for a policy that knows the true rate."""
    which: int
    """Which workload."""
    cold_start: float


def _one(given: _Given, job: _Job) -> Cell | Optimum | None:
    demand = given.demands[job.which]
    if job.number is None:
        return best_possible(demand, job.cold_start, given.slo, given.share, given.setting)
    if job.number == _ORACLE:
        return oracle_cell(demand, cold_start=job.cold_start, slo=given.slo, **given.setting)
    return cell_of(
        given.candidates[job.number], demand, cold_start=job.cold_start, slo=given.slo, keep=given.runs, **given.setting
    )


def cell_of(
    candidate: Candidate, demand: Workload, *, cold_start: float, slo: float, keep: bool = False, **setting: Any
) -> Cell:
    """*candidate* on *demand*; a failure is in the cell."""
    cell = Cell(
        candidate.label,
        candidate.scaler if isinstance(candidate.scaler, str) else candidate.label,
        candidate.arguments,
        demand.name,
        cold_start,
    )
    try:
        run = simulate(candidate.decider(), demand, cold_start=cold_start, **setting)
        if all(tick.failure for tick in run.ticks):
            return evolve(cell, error=f"every decision failed: {run.ticks[0].failure}")
        return evolve(cell, metrics=measure(run, slo=slo), run=run if keep else None)
    except AutoscalerError as error:
        return evolve(cell, error=words_of(error))


def oracle_cell(demand: Workload, *, cold_start: float, slo: float, **setting: Any) -> Cell:
    """A policy that knows the true rate of *demand*, though no single request, on it: what good forecasts are worth."""
    oracle = RateOracle(demand, cold_start, concurrency=int(setting.get("concurrency", 1)))
    return cell_of(Candidate(oracle, {}, "rate-oracle"), demand, cold_start=cold_start, slo=slo, **setting)


def best_possible(
    demand: Workload, cold_start: float, slo: float, share: float, setting: Mapping[str, Any]
) -> Optimum | None:
    """The cheapest schedule for what of *demand* is judged; ``None`` when nothing is.

    Its seconds are those of *demand*. After a warm-up a fleet of any size may be there already, and has cost nothing:
    so the bound holds for every policy.
    """
    warm_up = float(setting.get("warm_up", 0.0))
    judged = demand.between(warm_up)
    if not len(judged):
        return None
    found = optimum(
        judged,
        wait=slo,
        share=share,
        cold_start=cold_start,
        concurrency=int(setting.get("concurrency", 1)),
        workers=peak_of(judged) if warm_up else int(setting.get("workers", 1)),
    )
    moved = tuple((second + warm_up, workers) for second, workers in found.fleet)
    return evolve(found, fleet=moved, horizon=found.horizon + warm_up)


def _check(slo: float, share: float) -> None:
    if not slo >= 0:
        raise ContractError(f"slo: {slo} is not a number of seconds of at least 0")
    if not 0 < share <= 1:
        raise ContractError(f"share: {share} is not above 0 and at most 1")
