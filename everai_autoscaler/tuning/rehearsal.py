"""A whole workload with the tuner beside the loop: what would have been chosen, and what it would have come to."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from math import ceil, isnan
from typing import Any

from attrs import define, evolve, field, frozen

from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.loop import Tick
from everai_autoscaler.model import Placeholder, schema_of
from everai_autoscaler.plugin import default_registry
from everai_autoscaler.simulator.book import Book as RunBook
from everai_autoscaler.simulator.book import check_numbers, last_second
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.engine import cluster_of
from everai_autoscaler.simulator.metrics import worker_seconds
from everai_autoscaler.simulator.play import play
from everai_autoscaler.simulator.run import Run, Setting, TickRow
from everai_autoscaler.simulator.simulate import workload_of
from everai_autoscaler.simulator.waits import ROUNDING
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.tuning.book import Book
from everai_autoscaler.tuning.constants import Constants
from everai_autoscaler.tuning.forms import Candidate, Choice, Slo, Spent, Traffic
from everai_autoscaler.tuning.tuner import Tuner

__all__ = ["Rehearsal", "rehearse"]

MAX_WORKERS = 200
"""The most workers where nothing is said."""
_APP = "rehearsal"


@frozen
class Rehearsal:
    """What a tuner chose on a workload, and what became of it."""

    run: Run
    """The run, decided by what was in force at each moment."""
    choices: tuple[Choice, ...] = field(repr=False)
    """Each choice, in the order of time; ``Choice.budget`` says what was spent until then."""
    acted: bool
    """Whether the choices were followed; else the start of the book was in force throughout."""

    @property
    def switches(self) -> tuple[Choice, ...]:
        """The choices that were others than the one before."""
        return tuple(one for one in self.choices if one.switched)

    def in_force(self, second: float) -> Candidate | None:
        """What had been chosen by that second of the run; ``None`` before the first choice."""
        at = [one.at - self.run.setting.start for one in self.choices]
        place = bisect_right(at, second)
        return self.choices[place - 1].candidate if place else None


def rehearse(
    workload: Workload | str | Sequence[tuple[float, float]],
    *,
    cold_start: float = 30.0,
    period: float = 5.0,
    act: bool = True,
    book: Book | None = None,
    slo: Slo | None = None,
    every: float = 300.0,
    constants: Constants | None = None,
    fixed: Mapping[str, Any] | None = None,
    workers: int | None = None,
    concurrency: int = 1,
    until: float | None = None,
    tail: float = 3600.0,
    price: float | None = None,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Rehearsal:
    """Play *workload* with the tuner beside the loop, as it stands beside that of an app.

    The loop is that of a simulation: the same Decider and guard as in production, on a cluster in virtual time, with
    arguments that are read late from what the tuner chose. The tuner learns every so many seconds from what a router
    would know by then, and its choice is in force from the next decision on.

    Args:
        workload: a workload, the name of one that ships, the path of a file, or pairs of arrival and service time.
        cold_start: seconds until a started worker is ready.
        period: seconds between decisions.
        act: whether the choices are followed; else the start of the book is in force throughout.
        book: the candidates, all of one scaler; those that ship where it isn't given.
        slo: what is promised.
        every: seconds between two choices; whole periods are taken.
        constants: the numbers of the algorithm.
        fixed: the scaler's other arguments; ``max_workers`` is 200 unless it is among them.
        workers: how many are ready at the start; 1.25 times the mean load of the first ten minutes unless given.
        concurrency: how many requests a worker serves at once.
        until: the second at which the run ends; with the last answer where it isn't given.
        tail: the most seconds that it goes on after the last arrival.
        price: what an hour of one worker costs.
        seed: of the workers' ids.
        progress: called now and then with the share that is done.

    Raises:
        ArgumentError: a number out of its bounds.
        ContractError: a workload that can't be read, or a book of several scalers.
        MissingExtraError: the extra ``simulator`` isn't installed.
    """
    load = workload_of(workload)
    check_numbers(interval=period, tail=tail, until=until, price=price)
    if every < period:
        raise ArgumentError(f"every: {every:g} s is shorter than the period of {period:g} s")
    book = Book.shipped() if book is None else book
    scaler = _scaler_of(book)
    fixed = {"max_workers": MAX_WORKERS, **(fixed or {})}
    if workers is None:
        workers = max(1, ceil(1.25 * load.between(0, 600).mean_service * len(load.between(0, 600)) / 600 / concurrency))
    start = load.start if load.start is not None else 0.0
    tuner = Tuner(book, slo=slo, every=every, fixed=fixed, constants=constants, workers=workers)
    end = last_second(load.name, load.span, tail=tail, until=until, interval=period)
    options: dict[str, Any] = {"workers": workers, "cold_start": cold_start, "concurrency": concurrency, "seed": seed}
    made = cluster_of(load, engine="auto", start=start, removal="drain", **options)
    beside = _Beside(tuner, made.target, start, cold_start, period, concurrency, act=act)
    tuned = sorted({name for one in book.candidates for name in one.arguments} - {*fixed})
    late = {name: Placeholder(kind="Tuned", name=_APP, key=name) for name in tuned}
    decider = Decider(scaler, {**fixed, **late}, providers={"Tuned": beside.read})
    kept = RunBook(made, None)

    def keep(row: TickRow, done: Tick) -> None:
        kept.keep(row, done)
        beside.after(row)

    play(
        [(made.target, decider, keep)],
        start=start,
        end=end,
        interval=period,
        until_rest=until is None,
        progress=progress,
    )
    setting = Setting(
        scaler=scaler,
        arguments={**fixed, "tuned": ", ".join(tuned)},
        cold_start=f"{cold_start:g} s",
        cold_start_seconds=cold_start,
        interval=period,
        dispatch="most-recently-used",
        concurrency=concurrency,
        workers=workers,
        seed=seed,
        price=price,
        start=start,
        assumed=(f"a tuner with {len(book)} candidates chose every {every:g} s", *made.assumed),
    )
    ended = kept.last_moment(load) if until is None and kept.at_rest else end
    return Rehearsal(kept.run(load, setting, ended), tuple(beside.choices), act)


def _scaler_of(book: Book) -> str:
    scalers = sorted({one.scaler for one in book.candidates})
    if len(scalers) > 1:
        raise ContractError(f"rehearse: a loop has one scaler, and the book has {', '.join(scalers)}")
    return scalers[0]


@define
class _Beside:
    """The tuner beside the loop: what a router would tell it, and what is read from it."""

    tuner: Tuner
    target: Cluster
    start: float
    cold_start: float
    period: float
    concurrency: int
    act: bool = field(kw_only=True)
    choices: list[Choice] = field(factory=list, init=False)
    _in_force: Candidate = field(init=False)
    _defaults: dict[str, Any] = field(init=False)
    _learnt: float = field(default=0.0, init=False)
    _judged: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._in_force = self.tuner.in_force
        taken = schema_of(default_registry().autoscaler(self._in_force.scaler)).arguments
        self._defaults = {name: one.default for name, one in taken.items()}

    def read(self, _: str, key: str) -> str:
        """What a tuned argument is now."""
        return str(self._in_force.arguments.get(key, self._defaults[key]))

    def after(self, row: TickRow) -> None:
        """Learn, where it is time to, after a decision."""
        if row.at - self._learnt < self.tuner.every - self.period / 2:
            return
        now, fates = row.at, self.target.fates()
        limit = self.tuner.slo.within + ROUNDING
        since = 0.0 if self.tuner.since is None else self.tuner.since
        first, last = bisect_left(fates.came, since), bisect_left(fates.came, now)
        services, unanswered = fates.service[first:last], []
        for number in range(first, last):
            if isnan(fates.answered[number]):
                unanswered.append(number - first)
                began = fates.began[number]
                services[number - first] = 0.0 if isnan(began) else now - began
        traffic = Traffic(
            fates.came[first:last],  # in seconds of the run, which are exact
            services,
            start=since,
            until=now,
            cold_start=self.cold_start,
            period=self.period,
            concurrency=self.concurrency,
            unanswered=tuple(unanswered),
        )
        due = bisect_left(fates.came, now - limit)
        waits = zip(fates.came[self._judged : due], fates.began[self._judged : due], strict=True)
        late = sum(not began - came <= limit for came, began in waits)
        used = worker_seconds(self.target.lives(), self._learnt, now)
        choice = self.tuner.learn(traffic, spent=Spent(due - self._judged, late, used))
        self.choices.append(evolve(choice, at=self.start + choice.at))
        self._judged, self._learnt = due, now
        if self.act:
            self._in_force = choice.candidate
