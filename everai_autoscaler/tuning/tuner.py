"""The tuner: learns from traffic what each candidate would have come to, and chooses."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from attrs import asdict, evolve

from everai_autoscaler.errors import ArgumentError, words_of
from everai_autoscaler.tuning.book import Book
from everai_autoscaler.tuning.choose import budget_of, choose, risks_of, standings_of
from everai_autoscaler.tuning.constants import Constants
from everai_autoscaler.tuning.evidence import Account, Evidence
from everai_autoscaler.tuning.forms import Budget, Candidate, Choice, Slo, Spent, Standing, Traffic
from everai_autoscaler.words import counted

if TYPE_CHECKING:
    from everai_autoscaler.tuning.fleets import Fleets

__all__ = ["Tuner"]

VERSION = 1
"""The version of the form of a state."""
SERVICE_TIME = 10.0
"""Seconds that a request is taken to last while none was answered."""
_HOUR = 3600.0
_SAME = 1e-6
"""Seconds by which moments that are meant to be one may differ."""
_MOMENTS = ("since", "until", "origin", "warm_at")


class Tuner:
    """Chooses among the candidates of a book, on the evidence of one app's traffic.

    It is told each stretch of traffic once, in the order of time, and plays it with a fleet for each candidate. It
    reads no clock and keeps no file: what it knows goes out and in as a JSON value. It needs
    ``pip install 'everai-autoscaler[simulator]'``.

    Args:
        book: the candidates; those that ship where it isn't given.
        slo: what is promised.
        every: seconds after which it is to learn again; told to whoever asks, and no more.
        fixed: arguments that all candidates have, whatever their own say: those of the app that aren't tuned, such as
            ``max_workers``.
        constants: the numbers of the algorithm.
        workers: how many workers each candidate's fleet has at the beginning.

    Raises:
        ArgumentError: a candidate whose arguments don't fit, or a time that isn't one.
        UnknownNameError: a candidate whose scaler no plugin offers.
        MissingExtraError: the extra isn't installed.
    """

    def __init__(
        self,
        book: Book | None = None,
        *,
        slo: Slo | None = None,
        every: float = 300.0,
        fixed: Mapping[str, Any] | None = None,
        constants: Constants | None = None,
        workers: int = 1,
    ) -> None:
        from everai_autoscaler.tuning.fleets import Fleets  # needs numpy and numba

        if not 0 < every < math.inf:
            raise ArgumentError(f"every: {every} is not a number of seconds above 0")
        self.book = Book.shipped() if book is None else book
        self.slo = Slo() if slo is None else slo
        self.every = every
        self.constants = Constants() if constants is None else constants
        self.fixed = dict(fixed or {})
        self.choice: Choice | None = None
        """The last choice; ``None`` before the first."""
        self.afresh = ""
        """Why it doesn't go on from the state that it was given, in a sentence; empty where it does."""
        self._fleets = Fleets(self.book.candidates, self.fixed, within=self.slo.within, workers=workers)
        self._evidence = Evidence.none(len(self.book))
        self._account = Account()
        self._number = self.book.first
        self._times = 0
        self._since: float | None = None
        self._until = self._origin = self._warm_at = 0.0

    @property
    def in_force(self) -> Candidate:
        """What is chosen now; before there is any evidence the book's start."""
        return self.book[self._number]

    @property
    def number(self) -> int:
        """Its place in the book."""
        return self._number

    @property
    def since(self) -> float | None:
        """The moment from which on the next stretch has to be told, in epoch seconds; ``None`` before the first.

        It is the end of the last one, or the arrival of its first request that wasn't answered.
        """
        return self._since

    def learn(self, traffic: Traffic, *, spent: Spent | None = None) -> Choice:
        """What the evidence speaks for after one more stretch of *traffic*.

        A request that isn't answered yet is taken to go on for a mean service time. What came from the first of them
        on, but at most one block of time back, is played for this choice only; the next stretch tells it again, and
        begins at ``since``. A stretch that begins elsewhere is taken as after a restart: the fleets go on with the
        workers that they have, and what follows within ``Constants.warm_up`` isn't evidence.

        Args:
            traffic: what came from ``since`` on.
            spent: what became known meanwhile of what the app itself did; without it nothing is known of what was
                really late.
        """
        constants = self.constants
        self._meet(traffic)
        settled = traffic.until
        if traffic.unanswered:
            settled = max(traffic.arrivals[traffic.unanswered[0]], traffic.until - constants.block, traffic.start)
        traffic = self._completed(traffic)
        for piece in self._pieces(traffic, traffic.start, settled):
            self._evidence = self._played(piece, self._fleets, self._evidence)
        evidence = self._evidence
        if settled < traffic.until:
            fleets = self._fleets.copied()
            for piece in self._pieces(traffic, settled, traffic.until):
                evidence = self._played(piece, fleets, evidence)
        if spent is not None:
            self._account = self._account.with_spent(
                spent, seconds=traffic.until - self._until, half_life=constants.budget_half_life
            )
        self._since, self._until = settled, traffic.until
        self._times += 1
        self.choice = self._choose(traffic, evidence)
        return self.choice

    def _meet(self, traffic: Traffic) -> None:
        """Be ready for the *traffic*, whether it goes on from the last stretch or not."""
        constants = self.constants
        if self._since is None:
            self._until = self._origin = traffic.start
            self._warm_at = traffic.start + constants.warm_up
        elif abs(traffic.start - self._since) > _SAME:
            self._fleets.restart()
            gap = max(0.0, traffic.start - self._until)
            self._evidence = self._evidence.after(gap, half_life=constants.half_life)
            self._account = self._account.after(gap, half_life=constants.budget_half_life)
            self._until = self._origin = traffic.start
            self._warm_at = traffic.start + constants.warm_up

    def _completed(self, traffic: Traffic) -> Traffic:
        """The *traffic* with a guess of how long the requests that aren't answered take."""
        if not traffic.unanswered:
            return traffic
        more = self._fleets.service_time or SERVICE_TIME
        services = traffic.services[:]
        for number in traffic.unanswered:
            services[number] += more
        return evolve(traffic, services=services)

    def _pieces(self, traffic: Traffic, start: float, until: float) -> Iterator[Traffic]:
        """The *traffic* between two moments, cut where a block of time ends."""
        block = self.constants.block
        first = bisect_left(traffic.arrivals, start)
        while start < until - _SAME:
            end = self._origin + block * (math.floor((start - self._origin) / block + _SAME) + 1)
            end = until if end > until - _SAME else end
            last = bisect_left(traffic.arrivals, end)
            columns = traffic.arrivals[first:last], traffic.services[first:last]
            yield evolve(traffic, arrivals=columns[0], services=columns[1], start=start, until=end, unanswered=())
            first, start = last, end

    def _played(self, piece: Traffic, fleets: Fleets, evidence: Evidence) -> Evidence:
        """The *evidence* with what the *fleets* come to on a piece of traffic."""
        constants = self.constants
        outcome = fleets.play(piece)
        if piece.until <= self._warm_at:
            return evidence.after(outcome.seconds, half_life=constants.half_life)
        return evidence.with_outcome(outcome, half_life=constants.half_life, block=constants.block)

    def _choose(self, traffic: Traffic, evidence: Evidence) -> Choice:
        constants = self.constants
        budget = budget_of(self._account, self.slo, constants)
        present = self._number
        early = self._too_early(evidence)
        if early:
            return self._told(budget, present, {}, f"{early}: {self.in_force} stays", traffic, evidence)
        risks = risks_of(evidence, self.book.candidates, traffic.cold_start, constants)
        number = choose(evidence.worker_seconds, risks, budget.allowed, present=present, constants=constants)
        self._number = number
        standings = dict(enumerate(standings_of(self.book.candidates, evidence, risks, budget)))
        why = self._why(number, present, standings, budget, evidence)
        return self._told(budget, present, standings, why, traffic, evidence)

    def _too_early(self, evidence: Evidence) -> str:
        """Why nothing is chosen yet; empty where there is enough to choose on."""
        constants = self.constants
        if self._times < constants.first_stretches:
            return f"{counted(self._times, 'stretch', 'stretches')} of at least {constants.first_stretches} seen"
        if evidence.requests < constants.first_requests:
            return f"{evidence.requests:.0f} requests of at least {constants.first_requests:.0f} are evidence"
        return ""

    def _told(
        self,
        budget: Budget,
        present: int,
        standings: Mapping[int, Standing],
        why: str,
        traffic: Traffic,
        evidence: Evidence,
    ) -> Choice:
        number = self._number
        chosen = standings.get(number)
        others = sorted((one for one in standings.values() if one.number != number), key=lambda one: one.rank)
        before = standings[present].workers if number != present and chosen else self._account.workers
        saving = 1 - chosen.workers / before if chosen and before else None
        return Choice(
            at=traffic.until,
            number=number,
            candidate=self.book[number],
            why=f"{why}; {traffic.assumed}" if traffic.assumed else why,
            switched=number != present,
            saving=saving,
            share=None if chosen is None else chosen.share,
            standing=chosen,
            runners_up=tuple(others[: self.constants.runners_up]),
            budget=budget,
            hours=evidence.seconds / _HOUR,
            workers=self._account.workers,
        )

    def _why(
        self, number: int, present: int, standings: Mapping[int, Standing], budget: Budget, evidence: Evidence
    ) -> str:
        chosen, before = standings[number], standings[present]
        late = f"{chosen.share:.2%} within {self.slo.within:g} s"
        risk = f"reckoned late share {chosen.risk:.2%}, {budget.allowed:.2%} are allowed"
        hours = f"on {evidence.seconds / _HOUR:.3g} h of traffic"
        if number == present:
            why = "stays" if chosen.allowed else "stays, though it is not within the budget: none is that is cheaper"
            return f"candidate {number} {why} {hours}: {chosen.workers:.3g} workers, {late} ({risk})"
        saves = 1 - chosen.workers / before.workers if before.workers else 0.0
        cheaper = f"{saves:.0%} cheaper" if saves >= 0 else f"{-saves:.0%} dearer"
        if before.allowed or not chosen.allowed:
            than = f"than candidate {present}"
        else:
            than = f"than candidate {present}, which is no longer within the budget ({before.risk:.2%})"
        return f"candidate {number} {hours}: {cheaper} {than}, {late} ({risk})"

    def state(self) -> dict[str, Any]:
        """All that it knows, as a JSON value of which ``resume()`` goes on as if nothing had happened."""
        return {
            **self._question(),
            "fleets": self._fleets.to_json(),
            "evidence": self._evidence.to_json(),
            "account": asdict(self._account),
            "number": self._number,
            "times": self._times,
            **{name: getattr(self, f"_{name}") for name in _MOMENTS},
        }

    @classmethod
    def resume(cls, state: object, book: Book | None = None, **options: Any) -> Self:
        """A tuner that goes on from a *state*; it begins afresh, and ``afresh`` says why, where it can't.

        Args:
            state: what ``state()`` gave; ``None`` where there is none.
            book: as for a new one, and all further *options*.
        """
        tuner = cls(book, **options)
        if state is not None:
            tuner.afresh = tuner._go_on(state)
            if tuner.afresh:
                why, tuner = tuner.afresh, cls(book, **options)
                tuner.afresh = why
        return tuner

    def _question(self) -> dict[str, Any]:
        """What a state has to agree with."""
        return {"version": VERSION, "book": self.book.digest, "slo": asdict(self.slo)}

    def _go_on(self, state: Any) -> str:
        begins = "so that the tuner begins afresh"
        if not isinstance(state, Mapping):
            return f"what was kept is not a state of a tuner, {begins}"
        for name, mine in self._question().items():
            if state.get(name) != mine:
                return f"what was kept is of another {name} ({state.get(name)!r}, now {mine!r}), {begins}"
        try:
            evidence = Evidence.of(state["evidence"])
            account = Account(**{name: float(value) for name, value in state["account"].items()})
            number, times = int(state["number"]), int(state["times"])
            moments = [float(state[name]) for name in _MOMENTS] if times else []
            if len(evidence.late) != len(self.book) or not 0 <= number < len(self.book):
                return f"what was kept is of {len(evidence.late)} candidates, not {len(self.book)}, {begins}"
            self._fleets.go_on(state["fleets"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return f"what was kept can't be read ({words_of(error)}), {begins}"
        self._evidence, self._account = evidence, account
        self._number, self._times = number, times
        if moments:
            self._since, self._until, self._origin, self._warm_at = moments
        return ""
