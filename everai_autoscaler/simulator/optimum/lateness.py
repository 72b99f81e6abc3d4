"""Spends the lateness that a share allows: the workers whose launch serves fewest requests aren't launched."""

from __future__ import annotations

from bisect import bisect_right, insort

import numpy as np

from everai_autoscaler.simulator.optimum.exact import Floats
from everai_autoscaler.simulator.optimum.question import Question
from everai_autoscaler.simulator.optimum.schedule import Places, Schedule

__all__ = ["spend"]


def spend(schedule: Schedule, came: Floats, services: Floats, question: Question) -> Floats | None:
    """When requests begin if the dearest lives of *schedule* are spared; ``None`` where lateness is spent already.

    Their requests begin where another worker is idle for long enough, or after its last request. Lives go in the order
    of what each costs beyond its work, for each request that would have to be late.
    """
    late = schedule.begins > came + question.wait
    budget = question.may_be_late - int(np.count_nonzero(late))
    lives = len(schedule.launched)
    count = np.bincount(schedule.worker[~late], minlength=lives)
    work = np.bincount(schedule.worker, services, minlength=lives) / question.concurrency
    saved = schedule.removed - schedule.launched - work
    saved[schedule.given] = 0.0
    worth = saved / np.maximum(count, 0.5)
    spared = np.zeros(lives, bool)
    for life in np.argsort(-worth, kind="stable").tolist():
        if saved[life] > 0 and count[life] <= budget:
            spared[life] = True
            budget -= int(count[life])
        if budget <= 0:
            break
    if not spared.any() or spared.all():
        return None
    return _placed(schedule, spared, came, services, question)


def _placed(schedule: Schedule, spared: Places, came: Floats, services: Floats, question: Question) -> Floats:
    """When all begin if the requests of *spared* lives find their place on the others."""
    begins = schedule.begins.copy()
    moved = np.flatnonzero(spared[schedule.worker])
    stays = np.flatnonzero(~spared[schedule.worker])
    gaps = _gaps(schedule, stays[np.lexsort((begins[stays], schedule.worker[stays]))], services, question)
    last = [(float(end), -1) for end in np.sort(schedule.removed[~spared])]
    for one in moved[np.argsort(came[moved], kind="stable")].tolist():
        wanted, service = float(came[one]), float(services[one])
        place = max(0, bisect_right(gaps, (wanted, np.inf)) - 50)
        for number in range(place, min(place + 2000, len(gaps))):
            since, until = gaps[number]
            at = max(since, wanted)
            if until - at >= service:
                begins[one] = at
                del gaps[number]
                for part in ((since, at), (at + service, until)):
                    if part[1] > part[0]:
                        insort(gaps, part)
                break
        else:
            after = min(bisect_right(last, (wanted, -1)), len(last) - 1)
            at = max(last.pop(after)[0], wanted)
            begins[one] = at
            insort(last, (at + service, -1))
    return begins


def _gaps(schedule: Schedule, order: Places, services: Floats, question: Question) -> list[tuple[float, float]]:
    """When workers that stay are idle between two requests; with several at a time, none is counted."""
    if question.concurrency > 1:
        return []
    worker, begins = schedule.worker[order], schedule.begins[order]
    ends = begins + services[order]
    same = worker[1:] == worker[:-1]
    since, until = ends[:-1][same], begins[1:][same]
    wide = until > since
    return sorted(zip(since[wide].tolist(), until[wide].tolist(), strict=True))
