"""Scalers that each break one rule of the kit, and one that breaks none."""

from __future__ import annotations

import random
import socket
import threading
from time import time
from typing import ClassVar

from attrs import define

from everai_autoscaler.model import AutoScaler, DecideResult, Factors, ScaleDownAction, ScaleUpAction, WorkerStatus


def removing(worker_ids, scaler):
    return DecideResult(max_workers=scaler.max_workers, actions=[ScaleDownAction(worker_id=one) for one in worker_ids])


@define(slots=False)
class Sound(AutoScaler):
    """Keeps every rule: a worker for each busy one, and one more while anything waits."""

    max_workers: int = 5
    max_idle_time: int = 60
    steady: ClassVar[bool] = True
    monotone: ClassVar[bool] = True

    def decide(self, factors: Factors) -> DecideResult:
        waiting, busy = factors.waiting(), factors.count(WorkerStatus.Busy)
        if waiting is None or busy is None or factors.free() is None:
            return DecideResult.hold(factors, "the queue or the workers are not known", max_workers=self.max_workers)
        return self.towards(busy + (1 if waiting else 0), factors).because(f"{waiting} waiting, {busy} busy")

    def towards(self, wanted, factors):
        return DecideResult.scale_to(wanted, factors, max_workers=self.max_workers, max_idle_time=self.max_idle_time)


class RaisesWithoutWorkers(Sound):
    def decide(self, factors):
        if factors.workers is not None:
            max(one.started_at for one in factors.workers)
        return super().decide(factors)


class SortsTheWorkers(Sound):
    def decide(self, factors):
        result = super().decide(factors)
        if factors.workers:
            factors.workers.sort(key=lambda one: one.started_at)
        return result


class CountsItsAnswers(Sound):
    asked = 0

    def decide(self, factors):
        self.asked += 1
        return super().decide(factors).because(f"for the {self.asked}th time")


class ForgetsSessions(Sound):
    def decide(self, factors):
        if factors.workers is None:
            return super().decide(factors)
        workers = [one.model_copy(update={"number_of_sessions": 0}) for one in factors.workers]
        return super().decide(factors.model_copy(update={"workers": workers}))


class RemovesOneTwice(Sound):
    def decide(self, factors):
        result = super().decide(factors)
        return removing(result.down[:1] * 2, self).because("make sure") if result.down else result


class TakesNotKnownForZero(Sound):
    def decide(self, factors):
        if factors.queue is None:
            factors = factors.model_copy(update={"queue": {}})
        return super().decide(factors)


class ReplacesInOneAnswer(Sound):
    steady = False

    def decide(self, factors):
        result = super().decide(factors)
        if not result.down or len(factors.workers) >= self.max_workers:
            return result
        both = [ScaleUpAction(count=1), ScaleDownAction(worker_id=result.down[0])]
        return DecideResult(max_workers=self.max_workers, actions=both).because("a new one for an old one")


class KnowsNoMaximum(Sound):
    def towards(self, wanted, factors):
        result = DecideResult.scale_to(wanted, factors, max_workers=99, max_idle_time=self.max_idle_time)
        return result.model_copy(update={"max_workers": self.max_workers})


class SaysNothing(Sound):
    def decide(self, factors):
        result = super().decide(factors)
        return result if result.held else DecideResult(max_workers=result.max_workers, actions=result.actions)


class RemembersATuple(Sound):
    def decide_with_memory(self, factors, memory):
        return self.decide(factors), ("seen", factors.observed_at)


@define(slots=False)
class HoldsALock(Sound):
    def __attrs_post_init__(self):
        self.lock = threading.Lock()

    def decide(self, factors):
        with self.lock:
            return super().decide(factors)


class LooksAtTheClock(Sound):
    def decide(self, factors):
        late = time() < factors.observed_at - 1e9
        return super().decide(factors) if not late else DecideResult.hold(factors, "too late")


class ThrowsADie(Sound):
    def decide(self, factors):
        lucky = random.random() < 2
        return super().decide(factors) if lucky else DecideResult.hold(factors, "no luck")


class AsksTheNetwork(Sound):
    def decide(self, factors):
        socket.getaddrinfo("127.0.0.1", 80)
        return super().decide(factors)


class RemovesWhatItStartsAgain(Sound):
    """As the predecessor did: it keeps one worker free, and removes whoever is idle."""

    def decide(self, factors):
        result = super().decide(factors)
        if result.held or result.up or any(one.status is WorkerStatus.Inflight for one in factors.workers):
            return result
        busy = factors.count(WorkerStatus.Busy)
        if busy == factors.count():
            return self.towards(busy + 1, factors).because("none free")
        return result


class GivesUpOnALongQueue(Sound):
    def decide(self, factors):
        waiting = factors.waiting()
        if waiting is not None and waiting > 100:
            factors = factors.model_copy(update={"queue": {}})
        return super().decide(factors)


class ComparesManyWithAll(Sound):
    """Of 10,000 workers it compares 500 with all: late enough, without half a minute of computing."""

    def decide(self, factors):
        for _ in (factors.workers or ())[::20]:
            [one.started_at for one in factors.workers]
        return super().decide(factors)


class HeedsTheCache(Sound):
    """Keeps every rule: it removes workers only while the KV cache is known to be nearly empty."""

    longest = 60.0

    def decide(self, factors):
        result = super().decide(factors)
        used = self.used(factors)
        if used is None and result.down:
            return DecideResult.hold(factors, "the cache is not known", max_workers=self.max_workers)
        return result if used is None or used < 0.5 else self.towards(99, factors).because("the cache is in use")

    def used(self, factors):
        return factors.signal("kv_cache", max_age=self.longest)


class TakesAMissingSignalForZero(HeedsTheCache):
    monotone = steady = False

    def used(self, factors):
        return super().used(factors) or 0.0


class BelievesAStaleSignal(HeedsTheCache):
    monotone = steady = False
    longest = 1e12


class OverlooksAWorkersSignal(HeedsTheCache):
    monotone = steady = False

    def used(self, factors):
        values = [one.signal("kv_cache", max_age=60) for one in factors.workers or ()]
        return max((value or 0.0 for value in values), default=0.0)


BROKEN = {
    "answers_every_snapshot": RaisesWithoutWorkers,
    "leaves_the_snapshot_as_it_was": SortsTheWorkers,
    "gives_the_same_answer_again": CountsItsAnswers,
    "removes_nobody_at_work": ForgetsSessions,
    "removes_only_who_is_there": RemovesOneTwice,
    "removes_nobody_on_what_is_not_known": TakesNotKnownForZero,
    "never_goes_both_ways": ReplacesInOneAnswer,
    "stays_within_max_workers": KnowsNoMaximum,
    "explains_every_action_and_every_hold": SaysNothing,
    "survives_json": RemembersATuple,
    "survives_copies": HoldsALock,
    "reads_no_clock": LooksAtTheClock,
    "draws_no_random_numbers": ThrowsADie,
    "opens_no_connection": AsksTheNetwork,
    "is_steady": RemovesWhatItStartsAgain,
    "is_monotone": GivesUpOnALongQueue,
    "decides_in_time": ComparesManyWithAll,
}
"""For each rule, the scaler that breaks it and no other."""
