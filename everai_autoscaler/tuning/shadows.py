"""Fleets that follow the rules of ``demand`` on an app's traffic, all at once, and go on from stretch to stretch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

from everai_autoscaler.builtin.demand import DemandAutoScaler, Rule
from everai_autoscaler.builtin.demand.assumptions import SETTLING
from everai_autoscaler.builtin.demand.rule import SIGNALS
from everai_autoscaler.errors import MissingExtraError
from everai_autoscaler.simulator.waits import ROUNDING
from everai_autoscaler.tuning import kernel
from everai_autoscaler.tuning.evidence import Outcome
from everai_autoscaler.tuning.forms import Candidate, Traffic
from everai_autoscaler.tuning.packed import packed, unpacked

try:
    import numpy as np
except ImportError as error:
    raise MissingExtraError(f"{error.name} is missing: pip install 'everai-autoscaler[simulator]'") from error

__all__ = ["MOST_SLOTS", "MOST_WAITING", "DemandShadows"]

MOST_WAITING = 50_000
"""Requests that may wait in one fleet; of more the oldest are given up, and were late."""
MOST_SLOTS = 20_000
"""Requests that a fleet may serve at once, whatever the maximum of workers is."""
_ARGUMENTS = {"rule", "min_workers", "max_workers", "start_timeout"}
"""What candidates may differ in; what changes the demand itself is one for all."""
_ALIKE = {"service_time", "cold_start"}
_FLEETS = ("fleet", "weights", "learnt", "heap", "starts", "areas", "ends", "peaks")
_STATE = (*_FLEETS, "arrived", "came", "service", "since", "over", "seen")


class DemandShadows:
    """A fleet for each of some *candidates*, all of the scaler ``demand``.

    What is modelled: one cold start for all workers, decisions at a fixed period, requests first come first served,
    each slot of a worker by itself. A worker that starts for longer than ``start_timeout`` is not given up.

    Args:
        candidates: whose rules are followed.
        fixed: arguments that all have, whatever their own say: those of the app that aren't tuned.
        within: seconds that a request may wait.
        workers: how many are ready at the beginning.

    Raises:
        ArgumentError: a rule that can't be read.
    """

    @staticmethod
    def takes(candidate: Candidate, fixed: Mapping[str, Any]) -> bool:
        """Whether these fleets can follow the *candidate*."""
        given = {name for name in candidate.arguments if name not in fixed}
        known = all(isinstance(fixed[name], int | float) for name in fixed if name in _ALIKE)
        return candidate.scaler == "demand" and given <= _ARGUMENTS and known and {*fixed} <= _ARGUMENTS | _ALIKE

    def __init__(
        self, candidates: Sequence[Candidate], fixed: Mapping[str, Any], *, within: float, workers: int = 1
    ) -> None:
        usual = DemandAutoScaler()
        merged: list[dict[str, Any]] = [{**one.arguments, **fixed} for one in candidates]
        rules = [Rule.parse(str(one.get("rule", usual.rule))) for one in merged]
        every = [term for rule in rules for term in rule]
        self._terms = np.cumsum([0] + [len(rule.terms) for rule in rules])
        self._signal = np.array([SIGNALS.index(term.signal) for term in every])
        self._seconds = np.array([term.seconds for term in every])
        self._factors = np.array([(term.a, term.b, term.h) for term in every])
        most = [min(MOST_SLOTS, int(one.get("max_workers", usual.max_workers))) for one in merged]
        least = [int(one.get("min_workers", usual.min_workers)) for one in merged]
        self._bounds = np.stack([np.minimum(least, most), np.array(most)], axis=1).astype(np.int64)
        self._given = float(fixed.get("service_time") or 0.0)
        self._ahead = fixed.get("cold_start")
        self._limit = within + ROUNDING
        self._begin_afresh(np.full(len(merged), workers))

    def _begin_afresh(self, workers: Any) -> None:
        """As after a restart: that many workers of each fleet are ready, and nothing is known of the demand."""
        rules, terms = len(workers), len(self._signal)
        self._fleet = np.zeros((rules, len(kernel.FLEET)), dtype=np.int64)
        self._fleet[:, 0] = workers
        self._weights = np.ones(rules)
        self._heap, self._starts, self._areas = np.zeros(0), np.zeros(0), np.zeros((rules, 0))
        self._ends = np.zeros((terms, 2), dtype=np.int64)
        self._times, self._values = np.zeros((terms, kernel.MOST_PEAKS)), np.zeros((terms, kernel.MOST_PEAKS))
        self._arrived = np.zeros(0)
        self._came = self._service = self._since = self._over = self._seen = np.zeros(0)
        self._learnt = np.zeros((rules, 2))
        self._slots = self._number = 0
        self._period = 0.0
        self._next: float | None = None
        self._stays = -math.inf

    def restart(self) -> None:
        """Begin afresh, as after a restart of the runtime: with the workers that are there, and nothing remembered."""
        self._begin_afresh(self._fleet[:, 0].copy())

    def copied(self) -> Self:
        """The same fleets, which go another way from here."""
        made = copy(self)
        for name in ("fleet", "weights", "areas", "ends", "times", "values", "learnt"):
            setattr(made, f"_{name}", getattr(self, f"_{name}").copy())
        return made  # all other columns are made anew in each stretch

    @property
    def workers(self) -> list[int]:
        """How many workers each fleet has now."""
        return [int(one) for one in self._fleet[:, 0]]

    @property
    def service_time(self) -> float | None:
        """The mean seconds that a request takes, as the fleets learnt it; ``None`` before the first answer."""
        seconds, answers = self._learnt.sum(axis=0)
        return float(seconds / answers) if answers >= 1 else None

    def play(self, traffic: Traffic) -> Outcome:
        """What each fleet comes to on the *traffic*, which begins where the last stretch ended."""
        self._set_up(traffic)
        ticks = self._ticks(traffic)
        rate = self._rates(ticks, np.frombuffer(traffic.arrivals))
        came = np.concatenate([self._came, np.frombuffer(traffic.arrivals)])
        service = np.concatenate([self._service, np.frombuffer(traffic.services)])
        since, over = self._spread_over(ticks, came)
        slots, rules = self._slots, len(self._fleet)
        bounds = np.minimum(self._bounds, max(1, MOST_SLOTS // slots))
        room = np.maximum(bounds[:, 1], np.maximum(self._fleet[:, 0], 1))
        begin = np.cumsum(room) - room
        free_at, ready_at = np.zeros(int(room.sum()) * slots), np.zeros(int(room.sum()))
        self._spread(self._heap, free_at, begin * slots, self._fleet[:, 2])
        self._spread(self._starts, ready_at, begin, self._fleet[:, 6])
        self._fleet[:, 5] = 0
        cost, late = np.zeros(rules), np.zeros(rules)
        horizon = traffic.cold_start if self._ahead is None else float(self._ahead)
        kernel.follow(
            *(traffic.start, traffic.until, ticks, self._number, traffic.period),
            *(came, service, since, over, self._given, rate, horizon),
            *(self._terms, self._signal, self._seconds, self._factors, bounds, self._stays),
            *(slots, traffic.cold_start, self._limit, np.stack([room, begin], axis=1), free_at, ready_at),
            *(self._fleet, self._weights, self._learnt, self._areas, self._times, self._values, self._ends, cost, late),
        )
        self._number += len(ticks)
        self._heap = self._gathered(free_at, begin * slots, self._fleet[:, 2])
        rings = zip(begin, room, self._fleet[:, 5], self._fleet[:, 6], strict=True)
        places = [start + (first + np.arange(many)) % size for start, size, first, many in rings]
        self._starts = ready_at[np.concatenate(places)]
        self._keep((came, service, since, over), late)
        return Outcome(cost.tolist(), late.tolist(), len(traffic), traffic.seconds)

    def _set_up(self, traffic: Traffic) -> None:
        """Begin afresh where what is remembered doesn't fit the period or the concurrency any more."""
        if self._next is not None and (self._period, self._slots) != (traffic.period, traffic.concurrency):
            self.restart()
        if self._next is None:
            self._period, self._slots = traffic.period, traffic.concurrency
            self._fleet[:, 1] = self._fleet[:, 0] * self._slots
            self._areas = np.zeros((len(self._fleet), math.ceil(max(kernel.MEANS) / self._period) + 2))
            self._next, self._stays = traffic.start, traffic.start + SETTLING

    def _ticks(self, traffic: Traffic) -> Any:
        """The moments of decisions in the stretch, which go on from those of the last."""
        first = max(self._next or traffic.start, traffic.start)
        ticks = first + traffic.period * np.arange(max(0, math.ceil((traffic.until - first) / traffic.period)))
        ticks = ticks[ticks < traffic.until]
        self._next = first + traffic.period * len(ticks)
        return ticks

    def _rates(self, ticks: Any, came: Any) -> Any:
        """The arrivals per second over the last seconds, at each decision, for all rules."""
        seen, before, rate = np.concatenate([self._seen, came]), self._arrived, np.zeros((2, len(ticks)))
        # Without requests that came until the last decision; their number is the last of those that are remembered.
        counts = np.searchsorted(seen, ticks, side="right") + (before[-1] if len(before) else 0.0)
        arrived = np.concatenate([before, counts])
        kernel.rates(arrived, len(before), self._period, rate)
        self._seen = seen
        if len(ticks):
            self._seen = seen[seen > ticks[-1]]
            kept = arrived[-(math.ceil(max(kernel.RATES) / self._period) + 2) :]
            self._arrived = kept - kept[0]
        return rate

    def _spread_over(self, ticks: Any, came: Any) -> tuple[Any, Any]:
        """When each request came, if all of its period came evenly spread over it, and the end of that period.

        Both are infinite where the period isn't over.
        """
        since, over = np.full(len(came), math.inf), np.full(len(came), math.inf)
        known = len(self._since)
        since[:known], over[:known] = self._since, self._over
        new = np.flatnonzero(~np.isfinite(over))
        place = np.searchsorted(ticks, came[new])
        new, place = new[place < len(ticks)], place[place < len(ticks)]
        first, many = np.searchsorted(place, place), np.bincount(place, minlength=1)
        longs = np.full(len(ticks), self._period)
        if not self._number:
            longs[:1] = 0.0
        over[new] = ticks[place]
        since[new] = ticks[place] - longs[place] * (1 - (np.arange(len(place)) - first) / many[place])
        return since, over

    def _keep(self, columns: tuple[Any, ...], late: Any) -> None:
        """Keep the requests that wait in any fleet, or began after its last decision."""
        given_up = len(columns[0]) - MOST_WAITING
        if given_up > 0:
            late += np.maximum(0, given_up - self._fleet[:, 4])
            self._fleet[:, 3:5] = np.maximum(self._fleet[:, 3:5], given_up)
        self._fleet[:, 8] = np.maximum(self._fleet[:, 8], given_up)
        first = int(self._fleet[:, 8].min())
        self._came, self._service, self._since, self._over = (column[first:] for column in columns)
        for column in (3, 4, 8):
            self._fleet[:, column] -= first

    @staticmethod
    def _spread(kept: Any, column: Any, begin: Any, sizes: Any) -> None:
        ends = np.cumsum(sizes)
        for start, end, size in zip(begin, ends, sizes, strict=True):
            column[start : start + size] = kept[end - size : end]

    @staticmethod
    def _gathered(column: Any, begin: Any, sizes: Any) -> Any:
        return np.concatenate([column[start : start + size] for start, size in zip(begin, sizes, strict=True)])

    def to_json(self) -> dict[str, Any]:
        """What goes on after a restart, as a JSON value: exactly as if there had been none."""
        rows = zip(self._times, self._values, self._ends, strict=True)
        peaks = [part for times, values, (head, tail) in rows for part in (times[head:tail], values[head:tail])]
        columns = {name: getattr(self, f"_{name}").ravel() for name in _STATE if name != "peaks"}
        columns["peaks"] = np.concatenate(peaks)
        return {
            **{name: packed(column) for name, column in columns.items()},
            "slots": self._slots,
            "number": self._number,
            "period": self._period,
            "next": self._next,
            "stays": None if self._stays == -math.inf else self._stays,
        }

    def go_on(self, told: Mapping[str, Any]) -> None:
        """Go on from what ``to_json()`` gave.

        Raises:
            ContractError, KeyError, ValueError: it isn't that of these candidates.
        """
        columns = {name: np.array(unpacked(told[name])) for name in _STATE}
        rules, terms = len(self._fleet), len(self._signal)
        fleet = columns["fleet"].astype(np.int64).reshape(rules, len(kernel.FLEET))
        ends = columns["ends"].astype(np.int64).reshape(terms, 2)
        sizes = ends[:, 1] - ends[:, 0]
        starts = {"heap": fleet[:, 2].sum(), "starts": fleet[:, 6].sum(), "peaks": 2 * sizes.sum(), "weights": rules}
        starts |= {"learnt": 2 * rules, **dict.fromkeys(("service", "since", "over"), len(columns["came"]))}
        if any(len(columns[name]) != size for name, size in starts.items()) or sizes.max() > kernel.MOST_PEAKS:
            raise ValueError("its columns don't fit together")
        peaks, place = columns.pop("peaks"), 0
        for term, size in enumerate(sizes):
            self._times[term, :size] = peaks[place : place + size]
            self._values[term, :size] = peaks[place + size : place + 2 * size]
            place += 2 * size
        columns |= {"fleet": fleet, "ends": np.stack([np.zeros_like(sizes), sizes], axis=1)}
        columns |= {name: columns[name].reshape(rules, -1) for name in ("areas", "learnt")}
        for name, column in columns.items():
            setattr(self, f"_{name}", column)
        self._slots, self._number, self._next = int(told["slots"]), int(told["number"]), told["next"]
        self._period = float(told["period"])
        self._stays = -math.inf if told["stays"] is None else float(told["stays"])
