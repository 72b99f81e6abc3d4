"""An app's traffic in stretches, made of the requests in its ring, or of the counts in its samples."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from attrs import define, field, frozen

from everai_autoscaler.runtime.ring import Open, Requests
from everai_autoscaler.tuning import Spent, Traffic

__all__ = [
    "LONGEST_BACK",
    "MOST_REQUESTS",
    "Conditions",
    "Follower",
    "Request",
    "Stretch",
    "conditions_of",
    "worker_seconds",
]

MOST_REQUESTS = 60_000
"""Requests of a stretch that are replayed; of more of them every second, third, ... is."""
LONGEST_BACK = 86_400.0
"""Seconds before the first look from which requests are evidence, and for which a tuner that was away catches up."""
USUAL_COLD_START = 30.0
"""Seconds that a start is taken to need as long as none was seen."""
STARTS = 20
"""Starts whose median is the cold start."""
STALE = 30.0
"""Seconds after which what was said of open requests isn't so any more."""

Request = tuple[float, float, float]
"""When it came, how long it waited, how long it was served."""


@frozen(kw_only=True)
class Conditions:
    """Under which conditions an app serves."""

    within: float
    """Seconds that a request may wait."""
    period: float
    """Seconds between two decisions."""
    cold_start: float = USUAL_COLD_START
    concurrency: int = 1
    assumed: str = ""
    """What of it isn't known, in words."""


@frozen
class Stretch:
    """A stretch of traffic, and what became known of what the app itself did."""

    traffic: Traffic
    spent: Spent


@define
class Follower:
    """Cuts an app's traffic into stretches.

    A stretch ends now, with requests that aren't answered yet; the next one begins where the tuner says, and has what
    came from there on once more. What lies further back is given out piece by piece.

    Args:
        every: seconds of a stretch.
        since: where the next stretch begins; ``None`` before the first.
        until: the end of the last one.
        fresh: requests that were read, and not given out yet.
        known: requests that were given out, and came after *since*.
        service: the mean service time of the last stretch that had any, in seconds.
    """

    every: float
    since: float | None = None
    until: float = 0.0
    fresh: list[Request] = field(factory=list)
    known: list[Request] = field(factory=list)
    service: float | None = None

    def add(self, requests: Requests) -> None:
        """These were read since the last time."""
        self.fresh = sorted([*self.fresh, *requests])

    def next(
        self, now: float, opened: Open | None, samples: Sequence[Mapping[str, Any]], conditions: Conditions
    ) -> Stretch | None:
        """The next stretch; ``None`` where it isn't over yet.

        Args:
            now: the moment (epoch seconds).
            opened: which requests aren't over, as far as that is known.
            samples: the app's samples, the oldest first, from before the stretch.
            conditions: how it serves.
        """
        if opened is None or not now - STALE < opened.at <= now:
            opened = Open(now, 0, ())
        self._begin(opened.at)
        while self.since is not None and self.until + self.every <= opened.at:
            before, until = self.until, self.until + self.every
            if until + self.every > opened.at:
                until = opened.at
            seen = any(before - 3 * conditions.period <= one["at"] < until for one in samples)
            if seen or (self.fresh and self.fresh[0][0] < until):
                return self._stretch(before, until, opened, samples, conditions)
            self.since = self.until = until  # nobody was there to serve: the runtime didn't run
            self.known = []
        return None

    def learnt(self, since: float) -> None:
        """The last stretch was learnt; the next begins at *since*."""
        self.since = since
        self.known = [one for one in self.known if one[0] >= since]

    def _begin(self, end: float) -> None:
        if self.since is None:
            came = [one[0] for one in self.fresh if one[0] > end - LONGEST_BACK]
            self.since = self.until = min([*came[:1], end])
            self.fresh = [one for one in self.fresh if one[0] >= self.since]
        elif self.until > end + 1.0 or self.until < end - LONGEST_BACK:
            # The clock was put back, or nobody has looked for long: what was to come is over, or too long ago.
            self.since = self.until = end
            self.known = []

    def _stretch(
        self,
        before: float,
        until: float,
        opened: Open,
        samples: Sequence[Mapping[str, Any]],
        conditions: Conditions,
    ) -> Stretch:
        start = before if self.since is None else self.since
        self.until = until
        assumed = [conditions.assumed]
        number = sum(1 for one in self.fresh if one[0] < until)
        fresh, self.fresh = self.fresh[:number], self.fresh[number:]
        due = [wait for _, wait, service in fresh if wait > conditions.within or not math.isnan(service)]
        late = sum(wait > conditions.within for wait in due)
        spent = Spent(len(due), late, worker_seconds(samples, before, until))
        self.known = sorted([*self.known, *(one for one in fresh if one[0] >= start)])
        served = [service for _, _, service in self.known if not math.isnan(service)]
        if served:
            self.service = fmean(served)
        answered = [(came, service, False) for came, _, service in self.known]
        requests = sorted([*answered, *self._unanswered(opened, start, until)])
        if not requests and not fresh:
            came = _spread(samples, before, until)
            if came:
                self.service = _service_of(samples, before) or self.service
                assumed.append("requests are known by counts alone: spread evenly, each of the mean service time")
                requests = [(at, math.nan, False) for at in came]
        every = 1 + (len(requests) - 1) // MOST_REQUESTS if requests else 1
        if every > 1:
            assumed.append(f"of {len(requests):,} requests in {until - start:.0f} s one in {every} is replayed")
            requests = requests[::every]
        usual = self.service or 1.0
        traffic = Traffic(
            array("d", (came for came, _, _ in requests)),
            array("d", (usual if math.isnan(service) else service for _, service, _ in requests)),
            start=start,
            until=until,
            cold_start=conditions.cold_start,
            period=conditions.period,
            concurrency=conditions.concurrency,
            unanswered=tuple(number for number, (_, _, is_open) in enumerate(requests) if is_open),
            assumed="; ".join(filter(None, assumed)),
        )
        return Stretch(traffic, spent)

    def _unanswered(self, opened: Open, start: float, until: float) -> list[tuple[float, float, bool]]:
        """The requests that aren't over, with the seconds that each was served so far."""
        if until < opened.at:  # long over
            return []
        over = Counter(one[0] for one in (*self.known, *self.fresh))
        served = len(opened.arrivals) - opened.waiting
        found = []
        for number, came in enumerate(opened.arrivals):
            if over[came]:
                over[came] -= 1  # it has ended since
            elif start <= came < until:
                found.append((came, until - came if number < served else 0.0, True))
        return found


def conditions_of(workers: Iterable[Mapping[str, Any]], *, within: float, period: float) -> Conditions:
    """The conditions that the rows of an app's *workers* speak of, those that were started last at the end.

    >>> row = {"created_at": 100.0, "ready_at": 112.5, "concurrency": 2}
    >>> conditions_of([row], within=5.0, period=20.0).cold_start
    12.5
    """
    rows = list(workers)
    took = [max(0.0, row["ready_at"] - row["created_at"]) for row in rows if row.get("ready_at") is not None]
    concurrency = rows[-1].get("concurrency", 1) if rows else 1
    known: dict[str, Any] = {"cold_start": median(took[-STARTS:])} if took else {}
    assumed = "" if took else f"no start was seen yet: one is taken to need {USUAL_COLD_START:g} s"
    return Conditions(within=within, period=period, concurrency=max(1, concurrency), assumed=assumed, **known)


def worker_seconds(samples: Sequence[Mapping[str, Any]], start: float, until: float) -> float | None:
    """Seconds of all workers together from *start* to *until*, as *samples* have them; ``None`` where there are none.

    Each sample stands until the next.

    >>> one = {"inflight": 0, "free": 1, "busy": 1, "draining": 0}
    >>> worker_seconds([{"at": 0, **one}, {"at": 20, **one, "busy": 3}], 10, 30)
    60.0
    """
    before = [one for one in samples if one["at"] < until]
    total, covered = 0.0, 0.0
    for sample, after in pairwise([*before, {"at": until}]):
        seconds = min(after["at"], until) - max(sample["at"], start)
        if seconds > 0:
            covered += seconds
            total += seconds * sum(sample[name] for name in ("inflight", "free", "busy", "draining"))
    if covered <= 0:
        return None
    return total * (until - start) / covered


def _spread(samples: Sequence[Mapping[str, Any]], start: float, until: float) -> list[float]:
    """When requests came, as far as counts say: evenly between two samples."""
    came: list[float] = []
    for before, sample in pairwise(samples):
        number, since = sample.get("arrivals") or 0, sample["at"] - before["at"]
        if start <= before["at"] < until and number:
            came += [before["at"] + since * (place + 0.5) / number for place in range(number)]
    return [min(max(start, at), math.nextafter(until, start)) for at in came]


def _service_of(samples: Sequence[Mapping[str, Any]], start: float) -> float | None:
    """The mean service time of the last hour, by Little's law: busy workers, and how many requests they answered."""
    busy, answered = 0.0, 0
    for before, sample in pairwise(samples):
        if before["at"] >= start - 3600.0 and sample.get("completions") is not None:
            busy += before["busy"] * (sample["at"] - before["at"])
            answered += sample["completions"]
    return busy / answered if answered and busy else None
