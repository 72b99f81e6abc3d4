"""The linear programme of one stretch of time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import define, field, frozen

from everai_autoscaler.simulator.optimum.curves import load_in_cells, work_done
from everai_autoscaler.simulator.optimum.exact import Floats
from everai_autoscaler.simulator.optimum.programme import Places, Programme, Solution
from everai_autoscaler.simulator.optimum.question import Question

__all__ = ["Asked", "Prices", "Stretch"]

_PIECES = np.array([1, 3, 8])
"""The late requests of a cell are let go longest first, in pieces that begin at these ranks."""


@frozen(eq=False)
class Asked:
    """A question and its requests, as columns."""

    came: Floats
    services: Floats
    question: Question
    until: Floats
    """The last second at which each request may still run if it isn't late."""
    horizon: float
    most: float
    """Workers that some optimum has at most, beside one for each request that may run nearby."""
    everywhere: bool
    """Whether ``most`` alone is the limit."""

    @classmethod
    def of(cls, came: Floats, services: Floats, question: Question, known: float) -> Asked:
        """The columns, where a schedule of cost *known* is known."""
        several = question.concurrency > 1
        most = float(max(question.ready, question.minimum) + question.may_be_late)
        if several and question.cold_start > 0:
            most = question.ready + np.floor(known / question.cold_start) + 1
        elif several:
            most = float(question.ready + question.minimum + len(came))
        horizon = float((came + services).max())
        return cls(came, services, question, came + question.wait + services, horizon, most, several)


@frozen
class Prices:
    """What the stretches charge each other for what they share."""

    late: float = 0.0
    """Worker-seconds for each late request; at least 0."""
    work: float = 0.0
    """Worker-seconds for each second of late requests' work left to other stretches; from 0 to 1/concurrency."""
    at_start: tuple[float, float] = (0.0, 0.0)
    """Worker-seconds for each worker that is ready when the stretch begins, and each second of work done by then."""
    at_end: tuple[float, float] = (0.0, 0.0)
    """What the next stretch pays for the same."""


@define(eq=False)
class Stretch:
    """The programme of the time between the first and the last of *edges*, which every schedule satisfies.

    Why it does. In a cell from t to t + d, let x be the average number of ready workers, l how many become ready in it,
    and b how many are ready at its first edge. A cell costs d x, and a cold start for each of l. At each moment of the
    cell at most b + l are ready, and at least as many as at its last edge, less l. Hence

    * x <= b + l, x >= b' - l and b' <= b + l, where b' is the next cell's b;
    * the work done by the last edge is at most k d x more than by the first, with k requests at once a worker;
    * by a moment t, no more work is done than if every request began when it came, and no less than if each began at
      its latest: sum of min(s, max(0, t - a)) and of min(s, max(0, t - a - W));
    * a request with s > W is being served from a + W to a + s in any case: with m of those there are at least m/k
      workers, rounded up, at that moment. So x is at least their average over the cell, and b and b + l at least their
      number at the edge and their maximum;
    * each request begins somewhere in [a, a + W], and finds a worker then: b of the first such cell and l of all such
      cells are together at least 1;
    * x and b are at least the minimum, until the horizon.

    A request may be late at the price of ``Prices.late`` each. As if it began when it came, it takes part in the work
    done; the work that nobody does then is called undone, is at most its service, and is done at some later time, in
    any stretch. Of the m above, as many may be missing at a moment as late requests have come whose service, begun at
    once, would last until then; over all cells no more than their s - W together. In a cell the longest go first.

    Every variable has a finite upper limit that some optimum keeps. With one request at a time a worker, an optimum
    exists in which every worker above the minimum is busy, or idle for at most a cold start between two requests (see
    :func:`~.exact.cover`), so that at each moment there are at most as many as requests that may run within a cold
    start of it. With several at a time, an optimum launches no more workers than a known schedule's cost pays for.
    """

    asked: Asked
    edges: Floats
    charged: Prices
    crossings: npt.NDArray[np.int64] = field(repr=False)
    """For each request of the workload, how many cuts between stretches it may run across."""
    alone: bool = False
    """It is the only stretch: what is left over is done after its end, and the number of late requests is limited."""
    programme: Programme = field(factory=Programme, init=False)
    ready: Places = field(init=False)
    """The places of the average number of ready workers in each cell."""
    _launched: Places = field(init=False)
    _at_edge: Places = field(init=False)
    _late: Places = field(init=False, factory=lambda: np.zeros(0, np.int64))
    _late_of: Places = field(init=False, factory=lambda: np.zeros(0, np.int64))
    _requests: Places = field(init=False)
    _until_late: Places = field(init=False)
    _onwards: list[tuple[Places, Places, int]] = field(init=False, factory=list)
    _work: Places = field(init=False)
    _last_rows: tuple[Places, Places] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        asked, question, edges = self.asked, self.asked.question, self.edges
        first, last = edges[0], edges[-1]
        self._requests = np.flatnonzero((asked.until > first) & (asked.came < last))
        came, services = asked.came[self._requests], asked.services[self._requests]
        cells = len(edges) - 1
        widths = np.diff(edges)
        lasting = came + services > came + question.wait
        must = load_in_cells((came + question.wait)[lasting], (came + services)[lasting], edges, question.concurrency)
        programme = self.programme
        most = self._most()
        minimum = question.minimum * np.clip((asked.horizon - edges[:-1]) / widths, 0.0, 1.0)
        held = np.where(edges < asked.horizon, question.minimum, 0)
        strict = not question.may_be_late
        self.ready = programme.variables(
            cells, cost=widths, least=np.maximum(minimum, must[0] / widths if strict else 0.0), most=most[:-1]
        )
        self._launched = programme.variables(cells, cost=question.cold_start, least=0, most=most[:-1])
        self._at_edge = programme.variables(
            cells + 1,
            cost=_at_ends(cells, self.charged, 0),
            least=np.maximum(held, must[1] if strict else 0.0),
            most=most,
        )
        x, launched, here, there = self.ready, self._launched, self._at_edge[:-1], self._at_edge[1:]
        none = -np.inf
        working = programme.rows(none, 0, (x, 1), (here, -1), (launched, -1))
        programme.rows(none, 0, (there, 1), (launched, -1), (x, -1))
        staying = programme.rows(none, 0, (there, 1), (here, -1), (launched, -1))
        edge = np.arange(cells)
        self._onwards += [(edge, working, -1), (edge, staying, -1)]
        if first == 0:
            before = programme.variables(1, cost=question.cold_start, least=0, most=most[:1])
            programme.rows(none, question.ready, (here[:1], 1), (before, -1))
        tolerance = 1e-9 * max(1.0, float(services.sum()))
        soonest = work_done(came, services, edges) + tolerance
        latest = np.minimum(work_done(came + question.wait, services, edges) - tolerance, soonest)
        done = programme.variables(cells + 1, cost=_at_ends(cells, self.charged, 1), least=latest, most=soonest)
        work = self._work = programme.rows(none, 0, (done[1:], 1), (done[:-1], -1), (x, -question.concurrency * widths))
        if not strict:
            self._let_late(came, services, must, work, np.diff(soonest))
        peaks = np.flatnonzero(must[2] > 0)
        if strict and len(peaks):
            rows = programme.rows(must[2][peaks], np.inf, (here[peaks], 1), (launched[peaks], 1))
            self._onwards.append((peaks, rows, 1))
        self._somebody(came[services > 0], must[1])

    def _most(self) -> Floats:
        """More workers than some optimum has at each edge, and in the cell after it."""
        asked = self.asked
        if asked.everywhere:
            return np.full(len(self.edges), asked.most)
        beginning, end = self.edges, np.append(self.edges[1:], self.edges[-1])
        cold_start = asked.question.cold_start
        ended = np.sort(asked.until)
        near = np.searchsorted(asked.came, end + cold_start, "right")
        near = near - np.searchsorted(ended, beginning - cold_start, "left")
        return np.asarray(asked.most + near, np.float64)

    def _somebody(self, came: Floats, must: Floats) -> None:
        """Each request finds a worker at some moment at which it may begin, unless it is late."""
        edges, cells = self.edges, len(self.edges) - 1
        inside = (came >= edges[0]) & (came + self.asked.question.wait < edges[-1])
        first = np.searchsorted(edges, came[inside], "right") - 1
        last = np.searchsorted(edges, came[inside] + self.asked.question.wait, "right") - 1
        covered = np.concatenate(([0], np.cumsum(must[:-1] >= 1)))
        bare = covered[np.minimum(last + 1, cells)] == covered[first]
        pairs = np.unique(np.stack((last[bare], first[bare]), 1), axis=0)
        if not len(pairs):
            return
        pairs = pairs[np.append(pairs[1:, 0] != pairs[:-1, 0], True)]
        pairs = pairs[np.append(True, pairs[1:, 1] != pairs[:-1, 1])]
        last, first = pairs[:, 0], pairs[:, 1]
        rows = self.programme.rows(1, np.inf, (self._at_edge[first], 1))
        self._onwards.append((first, rows, 1))
        count = last - first + 1
        offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        self.programme.term(np.repeat(rows, count), self._launched[np.repeat(first, count) + offset], 1)
        if self.asked.question.may_be_late:
            self.programme.term(rows, self._until_late[last + 2], 1)
            self.programme.term(rows, self._until_late[first + 1], -1)

    def _let_late(
        self, came: Floats, services: Floats, must: tuple[Floats, Floats, Floats], work: Places, flow: Floats
    ) -> None:
        """Lets requests be late, each at a price: the work they would have been isn't done then, but some time."""
        question, edges, programme = self.asked.question, self.edges, self.programme
        cells, widths, none = len(edges) - 1, np.diff(edges), -np.inf
        group = np.searchsorted(edges, came, "right")  # 0 for what came before the stretch
        order = np.lexsort((-services, group))
        sorted_group = group[order]
        firsts = np.flatnonzero(np.append(True, sorted_group[1:] != sorted_group[:-1])) if len(order) else order
        rank = np.arange(len(order)) - np.repeat(firsts, np.diff(np.append(firsts, len(order))))
        piece = sorted_group * (len(_PIECES) + 1) + np.searchsorted(_PIECES, rank, "right")
        starts = np.flatnonzero(np.append(True, piece[1:] != piece[:-1])) if len(order) else order
        count = np.diff(np.append(starts, len(order)))
        share = 1.0 / (1 + self.crossings[self._requests][order])
        price = self.charged.late * (np.minimum.reduceat(share, starts) if len(starts) else 0.0)
        longest = services[order][starts]
        self._late = programme.variables(len(starts), cost=price, least=0, most=count)
        self._late_of = np.repeat(np.arange(len(starts)), count)[np.argsort(order)] if len(order) else order
        of_group = sorted_group[starts]
        budget = question.may_be_late + self.alone  # the price is the row's, not this limit's
        total = float(services.sum()) + 1.0
        # How many late requests there are up to each group, the work they leave undone, and the load.
        self._until_late = programme.variables(
            cells + 2, cost=0, least=0, most=np.append(0, np.full(cells + 1, budget))
        )
        chain = programme.rows(0, 0, (self._until_late[1:], 1), (self._until_late[:-1], -1))
        programme.term(chain[of_group], self._late, -1)
        undone = programme.variables(cells, cost=self.charged.work, least=0, most=np.maximum(flow, 0))
        dropped = programme.variables(cells, cost=0, least=0, most=must[0])
        done_late = programme.variables(
            cells, cost=-self.charged.work, least=0, most=question.concurrency * widths * self._most()[:-1]
        )
        programme.term(work, undone, -1)
        programme.term(work, done_late, 1)
        for taken, weight in ((undone, longest), (dropped, np.maximum(longest - question.wait, 0.0))):
            stock = programme.variables(cells + 1, cost=0, least=0, most=total)
            rows = programme.rows(none, 0, (stock[1:], 1), (stock[:-1], -1), (taken, 1))
            first = programme.rows(none, 0, (stock[:1], 1))
            where = np.where(of_group > 0, rows[np.maximum(of_group - 1, 0)], first[0])
            programme.term(where, self._late, -weight)
        oldest = self._oldest(group, came + services)
        upto = np.arange(cells) + 2
        for taken in (undone, dropped):
            programme.rows(none, 0, (taken, 1), (self._until_late[upto], -widths), (self._until_late[oldest], widths))
        programme.rows(must[0], np.inf, (self.ready, widths), (dropped, 1))
        peaks = np.flatnonzero(must[2] > 0)
        if len(peaks):
            programme.rows(
                must[2][peaks],
                np.inf,
                (self._at_edge[peaks], 1),
                (self._launched[peaks], 1),
                (self._until_late[upto[peaks]], 1),
                (self._until_late[oldest[peaks]], -1),
            )
        if self.alone:
            after = programme.variables(1, cost=1.0 / question.concurrency, least=0, most=total)
            left = programme.rows(0, np.inf, (after, 1))
            programme.term(np.repeat(left, cells), undone, -1)
            programme.term(np.repeat(left, cells), done_late, 1)
            limit = programme.rows(none, question.may_be_late, (self._until_late[-1:], 1))
            self._last_rows = left, limit

    def _oldest(self, group: Places, ends: Floats) -> Places:
        """For each cell the first group of which a request, begun at once, would still run in it."""
        cells = len(self.edges) - 1
        until = np.clip(np.searchsorted(self.edges, ends, "left") - 1, 0, cells - 1)
        oldest = np.arange(cells) + 1
        np.minimum.at(oldest, until, group)
        return np.minimum.accumulate(oldest[::-1])[::-1]

    def prices(self, solution: Solution) -> Prices:
        """What a late request, and work left to others, are worth in this stretch."""
        if self._last_rows is None:
            return Prices()
        left, limit = self._last_rows
        most = 1.0 / self.asked.question.concurrency
        work = float(np.clip(solution.prices[left[0]], 0.0, most))
        return Prices(max(0.0, -float(solution.prices[limit[0]])), work)

    def edge_prices(self, solution: Solution) -> tuple[Floats, Floats]:
        """For each edge but the last what a ready worker, and a second of work done, are worth to the time after it."""
        worker = np.zeros(len(self.edges) - 1)
        for edge, rows, factor in self._onwards:
            np.add.at(worker, edge, factor * solution.prices[rows])
        return np.clip(worker, 0.0, self.asked.question.cold_start), -solution.prices[self._work]

    def let_be_late(self, solution: Solution) -> tuple[Places, Floats]:
        """The requests of this stretch, and the part by which each was let be late."""
        if not len(self._late):
            return self._requests, np.zeros(len(self._requests))
        _, _, most = self.programme.limits
        part = solution.values[self._late] / np.maximum(most[self._late], 1.0)
        return self._requests, part[self._late_of]


def _at_ends(cells: int, charged: Prices, which: int) -> Floats:
    """The costs at each edge of what is handed on from stretch to stretch."""
    costs = np.zeros(cells + 1)
    costs[0], costs[-1] = charged.at_start[which], -charged.at_end[which]
    return costs
