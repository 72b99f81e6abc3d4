"""The error budget, the late share that is reckoned with, and which candidate they speak for."""

from __future__ import annotations

import math
from collections.abc import Sequence

from everai_autoscaler.tuning.constants import Constants
from everai_autoscaler.tuning.evidence import Account, Evidence
from everai_autoscaler.tuning.forms import Budget, Candidate, Slo, Standing

__all__ = ["budget_of", "choose", "risks_of", "standings_of"]


def budget_of(account: Account, slo: Slo, constants: Constants) -> Budget:
    """What the *slo* leaves, minus what was really spent.

    With ``aim = constants.aim * (1 - slo.share)``, *n* the requests that were due, *l* those that were late, and
    ``known = min(1, n / known_requests)``:

    * ``usual = aim * (early + (1 - early) * known)``: little may be late while little is known;
    * ``allowed = usual + (aim * n - l) / (min(n, known_requests) + slack_requests)``: what is left of the budget is
      given back over the requests to come, as an error budget is (Beyer et al., Site Reliability Engineering, 2016,
      chapter 3), and what was spent too much is taken away;
    * at least ``least * aim``, and at most ``usual * (1 + most * known)``.

    >>> round(budget_of(Account(), Slo(), Constants()).allowed, 5)
    0.0056
    >>> round(budget_of(Account(due=50_000, late=900), Slo(), Constants()).allowed, 5)
    0.004
    """
    aim = constants.aim * (1 - slo.share)
    known = min(1.0, account.due / constants.known_requests)
    usual = aim * (constants.early + (1 - constants.early) * known)
    spread = min(account.due, constants.known_requests) + constants.slack_requests
    allowed = usual + (aim * account.due - account.late) / spread
    allowed = max(constants.least * aim, min(usual * (1 + constants.most * known), allowed))
    return Budget(account.due, account.late, aim, allowed)


def risks_of(
    evidence: Evidence, candidates: Sequence[Candidate], cold_start: float, constants: Constants
) -> list[float]:
    """For each candidate the late share that is reckoned with; infinite where nothing at all is known.

    It is ``(L + margin * sqrt(Q) + n0 * p) / (n + n0)``: *L* late of *n* requests, *Q* the sum of squares of the late
    ones per block of time, whose root is the deviation of *L* where blocks are independent and lateness is rare (a
    compound Poisson sum has the variance ``sum(E[X**2])``), *p* the share that was expected, as a beta prior that
    weighs *n0* requests. A candidate of which nothing was expected has its evidence only.

    >>> evidence = Evidence((9.0,), (4.0,), (16.0,), (0.0,), requests=1000.0)
    >>> risks_of(evidence, [Candidate("simple")], 30.0, Constants())
    [0.008]
    """
    risks = []
    for number, candidate in enumerate(candidates):
        expected = candidate.prior_at(cold_start)
        counts = 0.0 if expected is None else constants.prior_requests
        late = evidence.late[number] + constants.margin * math.sqrt(evidence.squared(number))
        late += counts * (expected or 0.0)
        requests = evidence.requests + counts
        risks.append(late / requests if requests else math.inf)
    return risks


def choose(
    costs: Sequence[float], risks: Sequence[float], allowed: float, *, present: int | None, constants: Constants
) -> int:
    """The number of the candidate that is to be in force.

    The cheapest of those whose risk is *allowed*; where there is none, the cheapest of those that are nearly as little
    late as the best. The *present* one stays where it is allowed, unless another saves enough.

    Args:
        costs: of each candidate, in any unit.
        risks: of each, the late share that is reckoned with.
        allowed: the late share that is within the budget.
        present: the number of the one that is in force; ``None`` where none of these is.
        constants: what saving is enough, and what is nearly as little.

    >>> choose([5.0, 3.0, 1.0], [0.001, 0.004, 0.02], 0.009, present=0, constants=Constants())
    1
    >>> choose([5.0, 4.9], [0.001, 0.001], 0.009, present=0, constants=Constants())
    0
    """
    limit = allowed
    if min(risks) > allowed:
        limit = constants.near * min(risks)
    within = [number for number, risk in enumerate(risks) if risk <= limit]
    best = min(within, key=lambda number: (costs[number], risks[number], number))
    if present is not None and risks[present] <= limit:
        saves = costs[present] - costs[best]
        if saves <= constants.switch_saving * costs[present]:
            return present
    return best


def standings_of(
    candidates: Sequence[Candidate], evidence: Evidence, risks: Sequence[float], budget: Budget
) -> list[Standing]:
    """How each of the *candidates* did, in their order; there has to be evidence."""
    return [
        Standing(
            number,
            candidate,
            workers=evidence.worker_seconds[number] / evidence.seconds,
            share=1 - evidence.late[number] / evidence.requests,
            risk=risks[number],
            allowed=risks[number] <= budget.allowed,
        )
        for number, candidate in enumerate(candidates)
    ]
