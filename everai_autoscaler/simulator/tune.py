"""A search for the arguments with which a scaler costs least and meets its SLO, judged on what it has not seen."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import AutoScaler, schema_of
from everai_autoscaler.plugin import default_registry
from everai_autoscaler.simulator.compare import Candidate, Cell, Demand, attained, cell_of, peak_of, workloads_of
from everai_autoscaler.simulator.search import BATCH, Search, Trial
from everai_autoscaler.simulator.searched import Searched, searched_of
from everai_autoscaler.simulator.spread import Spread
from everai_autoscaler.simulator.workload import Workload

__all__ = ["Evidence", "Trial", "Tuning", "tune"]

_HELD_OUT = 1 / 3
"""The share of each workload, its end, that is held out where no others are given."""
_FEWEST = 10
"""Requests that each part has to have at least."""
_KEPT = 0.5
"""The least share of what was saved in training that has to be saved on what was held out."""


@frozen
class Evidence:
    """What some arguments came to on a set of workloads."""

    cells: tuple[Cell, ...] = field(repr=False)
    cost: float | None
    """Worker-seconds for each second of service that was asked for, on average over the workloads; ``None`` when one
    failed."""
    attainment: float
    """The share of requests that began in time, on the worst of the workloads; 0 when one failed."""
    error: str = ""
    """Why it failed, in one line."""


@frozen
class Tuning:
    """What a search found, and how it did on workloads that it hadn't seen."""

    scaler: str
    searched: tuple[Searched, ...]
    fixed: Mapping[str, Any]
    """The arguments that were given."""
    best: Trial
    """The cheapest that met the SLO in training; the one nearest to it where none did."""
    trials: tuple[Trial, ...] = field(repr=False)
    """All of them, in the order in which they were tried."""
    training: Evidence
    """The best one in training."""
    held_out: Evidence
    """The best one on what was held out."""
    usual: Evidence
    """The arguments as they were given, with the scaler's own defaults moved into the ranges, on what was held out."""
    slo: float
    share: float
    warm_up: float
    """Seconds from the start of each workload that weren't judged."""
    stopped: str
    """Why the search ended."""
    split: str
    """What was trained on, and what was held out, in words."""

    @property
    def arguments(self) -> dict[str, Any]:
        """All arguments to run with: those that were given and those that were found."""
        return {**self.fixed, **self.best.arguments}

    def best_trials(self) -> tuple[Trial, ...]:
        """All trials, the best first: the cheapest of those that met the SLO, then those nearest to it."""
        return tuple(sorted(self.trials, key=lambda one: _order(one, self.share)))

    @property
    def met(self) -> bool:
        """Whether the best one met the SLO in training."""
        return self.best.meets(self.share)

    @property
    def overfits(self) -> str:
        """Why what was found in training doesn't hold on what was held out, in a sentence; empty where it does."""
        first, found = self.trials[0], self.held_out
        if not self.met:
            return ""
        if found.cost is None or found.attainment < self.share:
            return (
                f"In training {self.best.attainment:.2%} of the requests began within {self.slo:g} s, on what was held "
                f"out only {found.attainment:.2%}, fewer than the wanted {self.share:.2%}."
            )
        if first.cost is None or self.best.cost is None or self.usual.cost is None or not first.meets(self.share):
            return ""
        saved, kept = 1 - self.best.cost / first.cost, 1 - found.cost / self.usual.cost
        if saved > 0.01 and kept < _KEPT * saved:
            return f"In training {saved:.0%} less was spent than with the arguments as given, on what was held out " + (
                f"only {kept:.0%} less." if kept >= 0 else f"{-kept:.0%} more."
            )
        return ""


def tune(
    scaler: str | AutoScaler | Candidate,
    workloads: Iterable[Demand] | Demand,
    *,
    held_out: Iterable[Demand] | Demand | None = None,
    search: Mapping[str, tuple[float, float] | None] | None = None,
    slo: float = 5.0,
    share: float = 0.99,
    cold_start: float = 30.0,
    interval: float = 20.0,
    warm_up: float | None = None,
    trials: int = 60,
    seconds: float | None = None,
    seed: int = 0,
    resume: str | None = None,
    processes: int = 1,
    progress: Callable[[float], None] | None = None,
    **setting: Any,
) -> Tuning:
    """Search the arguments of *scaler* for the least cost at which it meets the SLO on each of *workloads*.

    What is found is then judged on workloads that the search has not seen. The loop is closed. The search is that of
    optuna's tree-structured Parzen estimator with the SLO as a constraint; the same seed finds the same on every
    machine, in however many processes, unless the time ends it.

    Args:
        scaler: a name, or a :class:`Candidate` with the arguments that are fixed.
        workloads: what to train on.
        held_out: what to judge on; the last third of each of *workloads*, which then isn't trained on, unless given.
        search: the arguments to search, with their lowest and highest values; ``None`` for a range of its own.
        slo: seconds within which a request is to begin.
        share: the share of the requests that are to begin within them.
        cold_start: seconds until a started worker is ready.
        interval: seconds between decisions.
        warm_up: seconds from the start of each workload that aren't judged; ten times cold start and interval together
            unless given, but no more than a fifth of it. What is held out of a workload begins so much earlier.
        trials: how many sets of arguments to try, those of a search that is resumed included.
        seconds: begin no further trials after so long.
        seed: of the search and of each simulation.
        resume: a file in which the search is kept, and from which it goes on: ``.db`` a database, else a journal.
        processes: in how many processes to work; 0 for one on each core. A script that asks for several needs its
            ``if __name__ == "__main__":``.
        progress: is told now and then what share of the work is done.
        setting: whatever else ``simulate`` takes.

    Raises:
        ArgumentError: arguments that can't be searched.
        ContractError: workloads that can't be read or split, no trials, or a file of another search.
        MissingExtraError: optuna isn't installed.
    """
    if trials < 1:
        raise ContractError(f"trials: {trials} is not a whole number of at least 1")
    candidate = _candidate(scaler)
    whole = workloads_of(workloads)
    shortest = min((one.span for one in whole), default=0.0)
    lead = min(10 * (cold_start + interval), shortest // 5) if warm_up is None else warm_up
    train, judge, split = _split(whole, None if held_out is None else workloads_of(held_out), lead)
    searched = searched_of(
        default_registry().autoscaler(candidate.name),
        candidate.arguments,
        search or {},
        peak=max(map(peak_of, train)) / float(setting.get("concurrency", 1)),
        owner=candidate.name,
    )
    candidate.decider()  # what is wrong with the arguments that are fixed is said before anything is tried
    setting = {**setting, "seed": seed, "cold_start": cold_start, "interval": interval, "warm_up": lead}
    question = _question(candidate, searched, train, {**setting, "slo": slo, "share": share})
    first = _defaults(searched, candidate)
    study = Search(searched, share=share, seed=seed, first=first, question=question, path=resume)
    given = _Given(candidate, tuple(train), tuple(judge), slo, setting)
    began = time.monotonic()
    stopped = f"all {trials} trials were made"
    with Spread(_one, given, processes=processes) as spread:
        while len(study.trials) < trials:
            if seconds is not None and study.trials and time.monotonic() - began >= seconds:
                stopped = f"{seconds:g} s were over after {len(study.trials)} of {trials} trials"
                break
            before = len(study.trials)
            asked = study.ask(min(BATCH, trials - before))
            came_to = _tried(spread, given, [one for _, one in asked], more=trials - before - len(asked))
            for (number, _), found in zip(asked, came_to, strict=True):
                study.tell(number, cost=found.cost, attainment=found.attainment, error=found.error)
            if progress is not None:
                progress((before + len(asked)) / trials)
        tried = tuple(study.trials)
        best = _best(tried, share)
        (training,) = _tried(spread, given, [best.arguments])
        found, usual = _tried(spread, given, [best.arguments, tried[0].arguments], held_out=True)
    return Tuning(
        candidate.name,
        searched,
        candidate.arguments,
        best,
        tried,
        training,
        found,
        usual,
        slo,
        share,
        lead,
        stopped,
        split,
    )


@frozen
class _Given:
    candidate: Candidate
    train: tuple[Workload, ...]
    judge: tuple[Workload, ...]
    slo: float
    setting: Mapping[str, Any]


_Job = tuple[Mapping[str, float], bool, int]


def _one(given: _Given, job: _Job) -> Cell:
    arguments, held_out, which = job
    demand = (given.judge if held_out else given.train)[which]
    candidate = evolve(given.candidate, arguments={**given.candidate.arguments, **arguments})
    return cell_of(candidate, demand, slo=given.slo, **given.setting)


def _tried(
    spread: Spread[_Job, Cell],
    given: _Given,
    tried: Sequence[Mapping[str, float]],
    *,
    held_out: bool = False,
    more: int = 0,
) -> list[Evidence]:
    """What each set of arguments came to, on all workloads of one kind; equal sets are simulated once."""
    demands = given.judge if held_out else given.train
    different = list({json.dumps(one, sort_keys=True): one for one in tried}.items())
    jobs = [(one, held_out, which) for _, one in different for which in range(len(demands))]
    cells = iter(spread.do(jobs, more=more * len(demands)))
    known = {key: _evidence([next(cells) for _ in demands], demands, given.setting["warm_up"]) for key, _ in different}
    return [known[json.dumps(one, sort_keys=True)] for one in tried]


def _evidence(cells: Sequence[Cell], demands: Sequence[Workload], warm_up: float) -> Evidence:
    failed = next((cell.error for cell in cells if cell.metrics is None), "")
    found = [cell.metrics for cell in cells if cell.metrics is not None]
    if failed or not found:
        return Evidence(tuple(cells), None, 0.0, failed or "nothing was simulated")
    work = [math.fsum(demand.between(warm_up).services) or 1.0 for demand in demands]
    costs = [one.worker_seconds / asked for one, asked in zip(found, work, strict=True)]
    return Evidence(tuple(cells), sum(costs) / len(costs), min(map(attained, found)))


def _candidate(scaler: str | AutoScaler | Candidate) -> Candidate:
    candidate = scaler if isinstance(scaler, Candidate) else Candidate(scaler)
    if not isinstance(candidate.scaler, str):
        raise ContractError(
            f"tune: {candidate.scaler!r} has its arguments already; give the name of a scaler that a plugin offers"
        )
    return candidate


def _split(
    workloads: list[Workload], held_out: list[Workload] | None, lead: float
) -> tuple[list[Workload], list[Workload], str]:
    if not workloads or held_out == []:
        raise ContractError("tune: no workload was given; at least one is needed to train on, and one to hold out")
    if held_out is not None:
        names = (", ".join(one.name for one in some) for some in (workloads, held_out))
        return workloads, held_out, "trained on {}; held out: {}".format(*names)
    ends = [one.span * (1 - _HELD_OUT) for one in workloads]
    train = [_part(one, "first two thirds", 0.0, end) for one, end in zip(workloads, ends, strict=True)]
    judge = [_part(one, "last third", end - lead, math.inf) for one, end in zip(workloads, ends, strict=True)]
    for whole, *parts in zip(workloads, train, judge, strict=True):
        if min(len(part.between(lead)) for part in parts) < _FEWEST:
            raise ContractError(
                f"{whole.name}: {len(whole)} requests in {whole.span:g} s are too few to train on the first two thirds "
                "of the time and hold out the last; give others to hold out"
            )
    return train, judge, "trained on the first two thirds of each trace; its last third was held out"


def _part(workload: Workload, which: str, start: float, end: float) -> Workload:
    return evolve(workload.between(max(0.0, start), end), name=f"{workload.name}, {which}")


def _best(trials: Sequence[Trial], share: float) -> Trial:
    if all(trial.cost is None for trial in trials):
        raise ContractError(f"tune: every trial failed; the first: {trials[0].error}")
    return min(trials, key=lambda one: _order(one, share))


def _order(trial: Trial, share: float) -> tuple[int, float, float, int]:
    if trial.cost is None:
        return 2, 0.0, 0.0, trial.number
    if trial.meets(share):
        return 0, trial.cost, 0.0, trial.number
    return 1, -trial.attainment, trial.cost, trial.number


def _defaults(searched: Sequence[Searched], candidate: Candidate) -> dict[str, float]:
    taken = schema_of(default_registry().autoscaler(candidate.name)).arguments
    first = {}
    for one in searched:
        default = taken[one.name].default
        value = min(one.high, max(one.low, float(default) if isinstance(default, int | float) else one.low))
        first[one.name] = int(value) if one.whole else value
    return first


def _question(
    candidate: Candidate, searched: Sequence[Searched], train: Sequence[Workload], setting: Mapping[str, Any]
) -> dict[str, str]:
    """What is searched, in words that can be compared with those of an earlier search."""
    traces = [f"{one.name} ({len(one)} requests, {_digest(one)})" for one in train]
    fixed = " ".join(f"{name}={value}" for name, value in candidate.arguments.items())
    return {
        "scaler": candidate.name,
        "arguments": fixed,
        "search": ", ".join(map(str, searched)),
        "traces": ", ".join(traces),
        **{name: str(value) for name, value in sorted(setting.items())},
    }


def _digest(workload: Workload) -> str:
    digest = hashlib.sha256(workload.arrivals.tobytes())
    digest.update(workload.services.tobytes())
    return digest.hexdigest()[:12]
