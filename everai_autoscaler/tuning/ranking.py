"""A book judged offline: which candidate the tuner would choose on whole workloads, and how it does on the rest."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import field, frozen

from everai_autoscaler.errors import ContractError
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.tuning.book import Book
from everai_autoscaler.tuning.choose import budget_of, choose, risks_of, standings_of
from everai_autoscaler.tuning.constants import Constants
from everai_autoscaler.tuning.evidence import Account, Evidence
from everai_autoscaler.tuning.forms import Budget, Slo, Standing, Traffic

__all__ = ["Ranking", "rank"]

_NEVER = 1e15
"""A half-life in seconds at which nothing fades."""
_HELD_OUT = 1 / 3


@frozen
class Ranking:
    """How the candidates of a book did on workloads, and the chosen one on what was held out of them."""

    standings: tuple[Standing, ...] = field(repr=False)
    """The best first: the cheapest of those within the budget, then those that are late least."""
    best: Standing
    """The one that is chosen."""
    start: Standing
    """The one that the book begins with."""
    held_out: Standing
    """The chosen one on what was held out."""
    start_held_out: Standing
    """The one that the book begins with, on what was held out."""
    budget: Budget
    slo: Slo
    hours: float
    """Hours of traffic that it was judged on, without what was held out."""


def rank(
    book: Book,
    workloads: Iterable[Workload],
    *,
    slo: Slo | None = None,
    cold_start: float = 30.0,
    period: float = 20.0,
    fixed: Mapping[str, Any] | None = None,
    workers: int = 1,
    concurrency: int = 1,
    warm_up: float | None = None,
    constants: Constants | None = None,
    progress: Callable[[float], None] | None = None,
) -> Ranking:
    """Judge *book* on the first two thirds of each of *workloads*, and what is chosen on the last.

    The evidence, the late share that is reckoned with and the choice are those of the tuner that runs beside an app;
    only that nothing fades, and that nothing was spent yet.

    Args:
        book: the candidates.
        workloads: what they are judged on, all together.
        slo: what is promised.
        cold_start: seconds until a started worker is ready.
        period: seconds between decisions.
        fixed: arguments that all candidates have.
        workers: how many are ready at the beginning of each.
        concurrency: how many requests a worker serves at once.
        warm_up: seconds from the start of each that aren't judged; ten times cold start and period together unless
            given, but no more than a fifth of it.
        constants: the numbers of the algorithm.
        progress: is told now and then what share of the work is done.

    Raises:
        ContractError: no workload, or one without requests to judge on.
        ArgumentError: a candidate whose arguments don't fit.
        MissingExtraError: the extra ``simulator`` isn't installed.
    """
    from everai_autoscaler.tuning.fleets import Fleets  # needs numpy and numba

    slo, constants = slo or Slo(), constants or Constants()
    given = list(workloads)
    if not given:
        raise ContractError("rank: no workload was given; at least one is needed")
    parts = [Evidence.none(len(book)), Evidence.none(len(book))]
    whole, done = sum(one.span for one in given) or 1.0, 0.0
    about: dict[str, Any] = {"cold_start": cold_start, "period": period, "concurrency": concurrency}
    for load in given:
        lead = min(10 * (cold_start + period), load.span / 5) if warm_up is None else warm_up
        fleets = Fleets(book.candidates, fixed or {}, within=slo.within, workers=workers)
        for traffic in _stretches(load, constants.block, about):
            outcome = fleets.play(traffic)
            if traffic.start >= lead:
                which = int(traffic.start >= load.span * (1 - _HELD_OUT))
                parts[which] = parts[which].with_outcome(outcome, half_life=_NEVER, block=constants.block)
            if progress is not None:
                progress(min(1.0, (done + traffic.until) / whole))
        done += load.span
    training, judging = parts
    if min(training.requests, judging.requests) < 1:
        raise ContractError("rank: too few requests: some have to come in the first two thirds, and in the last")
    # As for an app that is known, and has spent what it may.
    aim = constants.aim * (1 - slo.share)
    budget = budget_of(Account(due=constants.known_requests, late=aim * constants.known_requests), slo, constants)
    risks = risks_of(training, book.candidates, cold_start, constants)
    number = choose(training.worker_seconds, risks, budget.allowed, present=None, constants=constants)
    standings = standings_of(book.candidates, training, risks, budget)
    judged = standings_of(book.candidates, judging, risks_of(judging, book.candidates, cold_start, constants), budget)
    ordered = sorted(standings, key=lambda one: (one.number != number, one.rank))
    hours = training.seconds / 3600
    return Ranking(
        tuple(ordered), standings[number], standings[book.first], judged[number], judged[book.first], budget, slo, hours
    )


def _stretches(load: Workload, seconds: float, about: Mapping[str, Any]) -> Iterator[Traffic]:
    """The *load* in stretches of so many seconds, the last one shorter."""
    for number in range(math.ceil((load.span + 1.0) / seconds)):
        start, end = number * seconds, min((number + 1) * seconds, load.span + 1.0)
        first, last = bisect_left(load.arrivals, start), bisect_left(load.arrivals, end)
        yield Traffic(load.arrivals[first:last], load.services[first:last], start=start, until=end, **about)
