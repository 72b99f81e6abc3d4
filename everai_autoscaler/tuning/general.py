"""Fleets that follow any scalers on an app's traffic, each played anew from a little before every stretch."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

from attrs import define
from pydantic import JsonValue

from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ContractError
from everai_autoscaler.loop import Tick
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.engine import cluster_of
from everai_autoscaler.simulator.metrics import worker_seconds
from everai_autoscaler.simulator.play import play
from everai_autoscaler.simulator.run import Requests, TickRow
from everai_autoscaler.simulator.waits import ROUNDING
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.tuning.evidence import Outcome
from everai_autoscaler.tuning.forms import Candidate, Traffic
from everai_autoscaler.tuning.packed import packed, unpacked

__all__ = ["LEAD", "MOST", "GeneralShadows"]

LEAD = 600.0
"""Seconds that are played before each stretch, at least, so that the fleet is as it would be."""
MOST = 50
"""Candidates that a book may have of scalers other than ``demand``: each decision of each is made one by one."""


@define
class _Shadow:
    """Where the next play of one candidate begins."""

    candidate: Candidate
    arguments: Mapping[str, Any]
    workers: int
    """Workers that are there."""
    memory: JsonValue = None
    """What its policy remembers."""


class GeneralShadows:
    """A fleet for each of some *candidates*, of any scalers: the policy, the guard and the cluster of a simulation.

    A stretch is played from ``LEAD`` seconds before its beginning, or five times cold start and period together where
    that is longer, with the workers and the memory that the candidate had then; requests that waited at that moment are
    forgotten. What such a play costs is bounded by that and by ``MOST``.

    Args:
        candidates: who decides for each fleet.
        fixed: arguments that all have, whatever their own say.
        within: seconds that a request may wait.
        workers: how many are ready at the beginning.

    Raises:
        ContractError: too many candidates.
        ArgumentError: arguments that a scaler doesn't take.
        UnknownNameError: no plugin offers a scaler.
    """

    def __init__(
        self, candidates: Sequence[Candidate], fixed: Mapping[str, Any], *, within: float, workers: int = 1
    ) -> None:
        if len(candidates) > MOST:
            raise ContractError(
                f"book: {len(candidates)} candidates have to be simulated decision by decision; at most {MOST} are "
                "accepted beside rules of demand"
            )
        self._limit = within + ROUNDING
        self._shadows = [_Shadow(one, {**one.arguments, **fixed}, workers) for one in candidates]
        for one in self._shadows:
            Decider(one.candidate.scaler, one.arguments)
        self._begin_afresh()

    def _begin_afresh(self) -> None:
        self._from: float | None = None
        self._came, self._service = array("d"), array("d")
        self._judged: float | None = None

    def restart(self) -> None:
        """Begin afresh, with the workers that are there."""
        for one in self._shadows:
            one.memory = None
        self._begin_afresh()

    @property
    def service_time(self) -> float | None:
        """The mean seconds that the requests of the last minutes took; ``None`` where there were none."""
        return sum(self._service) / len(self._service) if self._service else None

    def copied(self) -> Self:
        """The same fleets, which go another way from here."""
        made = copy(self)
        made._shadows = [copy(one) for one in self._shadows]  # noqa: SLF001 - its own
        return made  # all else is made anew in each stretch

    def play(self, traffic: Traffic) -> Outcome:
        """What each fleet comes to on the *traffic*, which begins where the last stretch ended."""
        begin = traffic.start if self._from is None else self._from
        judged = traffic.start if self._judged is None else self._judged
        came, service = self._came + traffic.arrivals, self._service + traffic.services
        load = Workload("traffic", array("d", (one - begin for one in came)), service, start=begin)
        lead = max(LEAD, 5 * (traffic.cold_start + traffic.period))
        onward = max(0, int((traffic.until - lead - begin) / traffic.period))
        # Which of them are late is known only so many seconds after they came.
        known = traffic.until - self._limit
        rows = [
            self._played(one, load, traffic, begin=begin, onward=onward, judged=(judged - begin, known - begin))
            for one in self._shadows
        ]
        self._from, self._judged = begin + onward * traffic.period, max(judged, known)
        first = bisect_left(came, self._from)
        self._came, self._service = came[first:], service[first:]
        costs, late = ([row[place] for row in rows] for place in (0, 1))
        return Outcome(costs, late, len(traffic), traffic.seconds)

    def _played(
        self,
        one: _Shadow,
        load: Workload,
        traffic: Traffic,
        *,
        begin: float,
        onward: int,
        judged: tuple[float, float],
    ) -> tuple[float, float]:
        """The worker-seconds of the stretch, and the late requests of those that came in the *judged* seconds."""
        decider = Decider(one.candidate.scaler, one.arguments, memory=one.memory)
        options: dict[str, Any] = {
            "cold_start": traffic.cold_start,
            "concurrency": traffic.concurrency,
            "removal": "drain",
        }
        target: Cluster = cluster_of(load, engine="auto", workers=one.workers, start=begin, **options).target

        def keep(row: TickRow, _: Tick) -> None:
            if onward and round(row.at / traffic.period) == onward - 1:
                one.workers, one.memory = len(target.workers), decider.memory

        end = traffic.until - begin
        play([(target, decider, keep)], start=begin, end=end, interval=traffic.period, until_rest=False)
        cost = worker_seconds(target.lives(), traffic.start - begin, end)
        return cost, float(self._late(target.fates(), judged))

    def _late(self, fates: Requests, judged: tuple[float, float]) -> int:
        first, last = (bisect_left(fates.came, moment) for moment in judged)
        waits = zip(fates.came[first:last], fates.began[first:last], strict=True)
        return sum(not began - came <= self._limit for came, began in waits)

    def to_json(self) -> dict[str, Any]:
        """What goes on after a restart, as a JSON value."""
        return {
            "from": self._from,
            "judged": self._judged,
            "came": packed(self._came),
            "service": packed(self._service),
            "workers": [one.workers for one in self._shadows],
            "memories": [one.memory for one in self._shadows],
        }

    def go_on(self, told: Mapping[str, Any]) -> None:
        """Go on from what ``to_json()`` gave.

        Raises:
            ContractError, KeyError, ValueError: it isn't that of these candidates.
        """
        for one, workers, memory in zip(self._shadows, told["workers"], told["memories"], strict=True):
            one.workers, one.memory = int(workers), memory
        self._from, self._judged = told["from"], told["judged"]
        self._came, self._service = unpacked(told["came"]), unpacked(told["service"])
