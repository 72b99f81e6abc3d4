"""How closely the workers that were ready followed the workers that were needed: the SPEC Research Group's metrics."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from everai_autoscaler.errors import ArgumentError

if TYPE_CHECKING:
    from everai_autoscaler.simulator.run import Requests, Run

__all__ = ["Divisor", "Elasticity", "Follow", "elasticity"]

_NEVER = math.inf
Divisor: TypeAlias = Literal["mean demand", "demand", "workers"]
"""What the accuracies are divided by; ``elasticity`` says what each of them means."""


@frozen(kw_only=True)
class Elasticity:
    """How far supply was from demand, how often, and whether it moved with it. 0 is best everywhere.

    Demand is the number of workers needed: the requests that wait or are being served, divided by the requests that a
    worker serves at once, rounded up. Supply is the number of workers that are ready; those that start are not.
    """

    under_accuracy: float
    """Workers that were missing, on average over the time, over the divisor."""
    over_accuracy: float
    """Workers that were too many, on average over the time, over the divisor."""
    under_timeshare: float
    """Share of the time in which workers were missing; 0 to 1."""
    over_timeshare: float
    """Share of the time in which there were too many; 0 to 1."""
    instability: float
    """Share of the control periods over which supply and demand didn't move in the same direction; 0 to 1."""
    divisor: str
    """What the accuracies were divided by, in words with its value."""
    mean_demand: float
    """Workers needed, on average over the time."""
    mean_supply: float
    """Workers ready, on average over the time."""

    def speed_up(self, reference: Elasticity) -> float:
        """How many times more elastic this run was than the *reference* run; above 1 is better.

        The geometric mean of the reference's accuracies and timeshares, each over this run's. Where both are 0 their
        ratio is 1; where only this run's is 0 the speed-up is infinite.

        Raises:
            ArgumentError: the two have different divisors.
        """
        if self.divisor.split(":")[0] != reference.divisor.split(":")[0]:
            raise ArgumentError(f"reference: its divisor is {reference.divisor}, not {self.divisor}")
        product = 1.0
        for name in ("under_accuracy", "over_accuracy", "under_timeshare", "over_timeshare"):
            mine, other = getattr(self, name), getattr(reference, name)
            product *= 1.0 if mine == other else other / mine if mine else math.inf
        return product**0.25 if not math.isnan(product) else math.nan


def elasticity(run: Run, *, divisor: Divisor = "mean demand") -> Elasticity:
    r"""The elasticity metrics of *run*, exact, from the end of its warm-up until its end.

    With demand d and supply s (see ``Elasticity``) over T seconds, D being the divisor:

    * accuracy of under-provisioning: 1/T ∫ max(d - s, 0) / D dt; of over-provisioning: 1/T ∫ max(s - d, 0) / D dt;
    * timeshare of under-provisioning: 1/T ∫ [s < d] dt; of over-provisioning: 1/T ∫ [s > d] dt;
    * instability: the share of the control periods in which sign(Δs) differs from sign(Δd), both read at its two ends;
    * elastic speed-up over a reference (``Elasticity.speed_up``): the geometric mean of the four ratios.

    Source: N. Herbst et al., "Ready for Rain? A View from SPEC Research on the Future of Cloud Metrics",
    SPEC-RG-2016-01, section on elasticity; N. Herbst, S. Kounev, R. Reussner, "Elasticity in Cloud Computing: What It
    Is, and What It Is Not", ICAC 2013. The report divides by the resources in use; publications differ in what they
    divide by, and so it is stated here with each result.

    Args:
        run: a run that kept its requests and workers.
        divisor: ``mean demand``: the workers needed on average, so that 0.5 reads "half as many again as were needed";
            ``demand``: the workers needed at that very moment, at least 1; ``workers``: 1, which gives workers.
    """
    follow = Follow()
    follow.follow(run)
    return follow.elasticity(divisor)


class Follow:
    """Adds up how supply followed demand, so that nothing has to be kept.

    >>> follow = Follow()
    >>> follow.span(50, needed=2, ready=1)
    >>> follow.span(50, needed=1, ready=1)
    >>> follow.elasticity("workers").under_accuracy
    0.5
    """

    def __init__(self) -> None:
        self._time = self._demand = self._supply = 0.0
        self._missing = self._spare = self._under = self._over = 0.0
        self._missing_each = self._spare_each = 0.0
        self._moved = self._periods = 0
        self._last: tuple[int, int] | None = None

    def follow(self, run: Run) -> None:
        """All that happened in *run* from the end of its warm-up on, moment by moment."""
        setting, end = run.setting, run.ended_at
        coming, going = _demand(run.requests, end)
        changes = _supply(run)
        concurrency, spans = setting.concurrency, defaultdict[tuple[int, int], float](float)
        since = next_beat = setting.warm_up
        beat = here = there = came = went = changed = 0
        next_came, next_over, next_change = coming[0], going[0], changes[0][0]
        while since < end:
            now = min(next_over, next_came)
            now = min(now, next_change)
            now = min(now, end)
            if now > since:
                needed = here if concurrency == 1 else -(-here // concurrency)
                spans[needed, there] += now - since
                while next_beat < now:
                    self.period(needed=needed, ready=there)
                    beat += 1
                    next_beat = setting.warm_up + beat * setting.interval
                since = now
            while next_over <= now:
                went += 1
                here -= 1
                next_over = going[went]
            while next_came <= now:
                came += 1
                here += 1
                next_came = coming[came]
            while next_change <= now:
                there += changes[changed][1]
                changed += 1
                next_change = changes[changed][0]
        for (needed, ready), seconds in spans.items():
            self.span(seconds, needed=needed, ready=ready)

    def span(self, seconds: float, *, needed: int, ready: int) -> None:
        """So many workers were needed and ready for *seconds*."""
        self._time += seconds
        self._demand += seconds * needed
        self._supply += seconds * ready
        if ready < needed:
            missing = seconds * (needed - ready)
            self._missing += missing
            self._missing_each += missing / needed
            self._under += seconds
        elif ready > needed:
            spare = seconds * (ready - needed)
            self._spare += spare
            self._spare_each += spare / max(needed, 1)
            self._over += seconds

    def period(self, *, needed: int, ready: int) -> None:
        """A control period begins, or ends and the next one begins, with so many workers needed and ready."""
        if self._last is not None:
            self._periods += 1
            self._moved += _sign(needed - self._last[0]) != _sign(ready - self._last[1])
        self._last = needed, ready

    def periods(self, number: int, *, moved: int) -> None:
        """So many changes from one period to the next, of which so many weren't in the same direction."""
        self._periods += number
        self._moved += moved

    def elasticity(self, divisor: Divisor = "mean demand") -> Elasticity:
        """The metrics of what was added up.

        Raises:
            ArgumentError: an unknown *divisor*.
        """
        over = self._time or 1.0
        demand = self._demand / over
        missing, spare, by = self._missing / over, self._spare / over, 1.0
        if divisor == "demand":
            words = "demand: the workers needed at each moment, at least 1"
            missing, spare = self._missing_each / over, self._spare_each / over
        elif divisor == "workers":
            words = "workers: 1, so that the accuracies are workers"
        elif divisor == "mean demand":
            words, by = f"mean demand: {demand:.4g} workers needed on average", demand
        else:
            raise ArgumentError(f"divisor: {divisor!r} is not one of mean demand, demand, workers")
        return Elasticity(
            under_accuracy=missing / by if by else 0.0,
            over_accuracy=spare / by if by else math.inf if spare else 0.0,
            under_timeshare=self._under / over,
            over_timeshare=self._over / over,
            instability=self._moved / self._periods if self._periods else 0.0,
            divisor=words,
            mean_demand=demand,
            mean_supply=self._supply / over,
        )


def _demand(requests: Requests, end: float) -> tuple[list[float], list[float]]:
    """When each request came, and when each was over, in the order of time; the refused ones aren't among them."""
    if not requests.refused and not requests.left:
        over = [end if moment != moment else moment for moment in requests.answered]  # noqa: PLR0124 - NaN
        return [*requests.came, _NEVER], [*sorted(over), _NEVER]
    refused, left = set(requests.refused), dict(requests.left)
    came, over = [], []
    for number, (moment, answered) in enumerate(zip(requests.came, requests.answered, strict=True)):
        if number not in refused:
            came.append(moment)
            over.append(left.get(number, end) if math.isnan(answered) else answered)
    return [*came, _NEVER], [*sorted(over), _NEVER]


def _supply(run: Run) -> list[tuple[float, int]]:
    """When workers became ready and were gone, in the order of time; by how many they then were more."""
    changes = [(_NEVER, 0)]
    for life in run.workers:
        if life.ready_at is not None:
            changes += [(life.ready_at, 1), (run.ended_at if life.ended_at is None else life.ended_at, -1)]
    return sorted(changes)


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
