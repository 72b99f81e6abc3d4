"""Bounds by the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from attrs import frozen
from pydantic import JsonValue

from everai_autoscaler.model import ArgumentType, AutoScaler, Factors, Fleet, argument, zone_of
from everai_autoscaler.wrapper.asking import Asked, Move, Opinion, Wrapper, bound_of
from everai_autoscaler.wrapper.memory import moment
from everai_autoscaler.wrapper.windows import Span, Window, windows_of

__all__ = ["Schedule"]

_UNKNOWN_START = 120.0
"""Seconds that a cold start is taken to be until one is known."""
_LONGEST_START = 3600.0
"""Seconds by which a window is begun early at most for a cold start that was learnt."""
_LONGEST_PERIOD = 300.0
"""Seconds between two decisions that are reckoned with at most."""


@frozen
class Schedule(Wrapper):
    """Keep the fleet within bounds that windows of the week set; outside of them, do what the scaler inside says.

    A window's minimum begins one cold start early, so that the workers are ready when it begins: *lead* seconds, or the
    longest of the last starts in the snapshot, and one period between decisions. Where windows overlap, the larger
    minimum and the smaller maximum hold; where those contradict each other the maximum wins, and the reason says so. A
    maximum that ends as a window begins doesn't stop that window from beginning early. Above a maximum the workers
    without work go at once, the newest first, while nothing waits. The ``max_workers`` of the scaler inside holds all
    the time.

    A window is text such as ``mon-fri 08:00-18:00 Europe/Berlin min 4 max 20``, in which days, times, zone and one of
    the bounds may be left out, or a mapping with ``days``, ``begin``, ``end``, ``timezone``, ``min_workers`` and
    ``max_workers``. One that ends not later than it begins ends on the next day. On the days on which a clock is put
    back it begins at the first and ends at the last pass of the hour; an hour that is skipped never comes.

    Raises:
        ArgumentError: a window that can't be read, or there is no such time zone.

    >>> from everai_autoscaler import SimpleAutoScaler
    >>> from everai_autoscaler.testing import snapshot
    >>> scaler = Schedule(SimpleAutoScaler(max_workers=9), "mon-fri 08:00-18:00 min 4 max 6", lead=90)
    >>> monday_before_eight = 1719820740
    >>> result = scaler.decide(snapshot(busy=1, observed_at=monday_before_eight))
    >>> print(result.up, result.reasons[-1])
    3 schedule: starts 3 workers: at least 4 (mon-fri 08:00-18:00 min 4 max 6 begins in 60 s)
    """

    scaler: AutoScaler = argument(help="the scaler that decides within the bounds")
    windows: str | Sequence[str | Mapping[str, Any]] = argument(
        type=cast("type", str | list),
        help="when which bounds hold: 'mon-fri 08:00-18:00 min 4 max 20; sat,sun max 2', or a list",
    )
    timezone: ArgumentType = argument(
        "UTC", kw_only=True, help="whose wall clock the windows mean: a name of the IANA database"
    )
    lead: ArgumentType | None = argument(
        None, type=float, ge=0, le=86400, kw_only=True, help="seconds by which a minimum begins early; else learnt"
    )

    known_as: ClassVar[str] = "schedule"

    def __attrs_post_init__(self) -> None:
        if not callable(self.windows):
            windows_of(self.windows)
        if isinstance(self.timezone, str):
            zone_of(self.timezone)

    def opinion(self, factors: Factors, memory: JsonValue, fleet: Fleet | None) -> Opinion:
        """What it says of *factors*, and what it and the scalers inside remember."""
        now = factors.observed_at
        asked = Asked.of(
            self, self.scaler, factors, memory, fleet, read=lambda own: _Learnt.read(own, now), fresh=_Learnt
        )
        learnt = asked.own.joined(factors)
        lead = learnt.lead(now, asked.own.at, cast("float | None", self.lead))
        bounds = _Bounds.at(now, lead, windows_of(self.windows), self)
        opinion, own = asked.opinion, learnt.written()
        if fleet is None:
            return asked.left_alone(f"{bounds}; nothing is changed: the workers are not known", own)
        most = opinion.max_workers
        if opinion.held and bounds.least and (given := bound_of(self.scaler)) is not None:
            most = given  # a hold has no opinion of the maximum
        elif opinion.held:
            most = max(most, bounds.least)
        if bounds.most is not None:
            most = min(most, bounds.most)
        if opinion.held and fleet.present >= bounds.least:
            return asked.left_alone(str(bounds), own, max_workers=most)
        move = Move.within(opinion, fleet, most=most, least=min(bounds.least, most))
        does = move.beside(opinion)
        if fleet.present + move.up < bounds.least:
            does = f"{does}, and the maximum is {most}".removeprefix(", and ")
        why = f"{does}: {bounds}" if does else str(bounds)
        return asked.moved(move, why, own, max_workers=most, demand=bounds.least)


@frozen
class _Bounds:
    """The bounds that hold at one moment, and the windows that set them."""

    least: int
    most: int | None
    because: Sequence[str]

    @classmethod
    def at(cls, now: float, lead: float, windows: Sequence[Window], schedule: Schedule) -> _Bounds:
        """Those at *now*, when a minimum begins *lead* seconds early."""
        zone = zone_of(cast("str", schedule.timezone))
        spans = [span for window in windows for span in window.spans(now, now + lead, zone)]
        present = [span for span in spans if span.begin <= now]
        held = {id(span.window) for span in present}  # what holds needn't begin early, as a window of all days would
        early = [one for one in spans if one.begin > now and one.window.min_workers and id(one.window) not in held]
        least = max((span.window.min_workers or 0 for span in (*present, *early)), default=0)
        limits = [_limit(span, early) for span in present if span.window.max_workers is not None]
        most = min(limits, default=None)
        because = [str(span.window) for span in present]
        because += [f"{span.window} begins in {span.begin - now:.0f} s" for span in early]
        if most is not None and least > most:
            because.append(f"a minimum of {least} contradicts a maximum of {most}, which wins")
        return cls(least, most, because)

    def __str__(self) -> str:
        if not self.because:
            return "no window holds"
        least = f"at least {self.least}" if self.least else ""
        most = "" if self.most is None else f"at most {self.most}"
        return f"{' and '.join(filter(None, [least, most])) or 'no bound'} ({'; '.join(self.because)})"


def _limit(span: Span, early: Sequence[Span]) -> int:
    """The maximum of *span*; those minimums that begin when it has ended are let begin early."""
    following = (one.window.min_workers or 0 for one in early if one.begin >= span.end)
    return max(span.window.max_workers or 0, *following, 0)


@frozen
class _Learnt:
    """How long a cold start took when one was last known, and when the last decision was."""

    at: float | None = None
    start: float | None = None

    @classmethod
    def read(cls, own: Any, now: float) -> _Learnt | None:
        if own is None:
            return cls()
        if not isinstance(own, list) or len(own) != 2:
            return None
        at, start = moment(own[0], now), None if own[1] is None else moment(own[1], _LONGEST_START)
        sound = at is not None and (start is not None or own[1] is None)
        return cls(at, start) if sound else None

    def joined(self, factors: Factors) -> _Learnt:
        """The same, with what *factors* tell."""
        start = max(factors.start_times) if factors.start_times else self.start
        return _Learnt(factors.observed_at, None if start is None else min(start, _LONGEST_START))

    def lead(self, now: float, before: float | None, given: float | None) -> float:
        """Seconds by which a minimum has to begin early at *now*, when the last decision was *before*.

        One period more than a cold start: at the next decision it would be too late.
        """
        if given is not None:
            return given
        period = 0.0 if before is None else min(now - before, _LONGEST_PERIOD)
        return period + (_UNKNOWN_START if self.start is None else self.start)

    def written(self) -> JsonValue:
        """As it is remembered."""
        return [self.at, self.start]
