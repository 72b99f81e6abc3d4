"""Targets that each break one rule of the kit, and one that breaks none, over a platform that does what it is told."""

from __future__ import annotations

from everai_autoscaler.loop import Applied
from everai_autoscaler.model import Factors
from everai_autoscaler.testing import TargetCase, worker


class Platform:
    """Machines by their names: whether each is Inflight, Free or Busy."""

    def __init__(self, machines):
        self.machines = {f"m{number}": "Free" for number in range(1, machines + 1)}
        self.made = machines
        self.most = 99
        self.connected = True

    def list(self):
        if not self.connected:
            raise ConnectionError("the platform can't be reached")
        return dict(self.machines)

    def create(self):
        self.list()
        if len(self.machines) < self.most:
            self.made += 1
            self.machines[f"m{self.made}"] = "Inflight"

    def delete(self, name):
        self.list()
        del self.machines[name]


class Sound:
    """Keeps every rule."""

    served = ((1.0, 2.0, 3.0),)

    def __init__(self, platform):
        self.platform = platform

    def observe(self):
        return Factors(workers=[worker(name, status) for name, status in self.platform.list().items()], queue={})

    def apply(self, result):
        before = self.platform.list()
        for _ in range(self.asked_for(result)):
            self.platform.create()
        started = len(self.platform.list()) - len(before)
        gone = [name for name in result.down if self.may_go(name)]
        for name in gone:
            self.remove(name)
        why = [f"{name} stays: it serves" for name in result.down if name in before and name not in gone]
        if started < result.up:
            why.append(f"starts {started} of {result.up}: there is no more room")
        return Applied(started, tuple(gone), tuple(why))

    def asked_for(self, result):
        return result.up

    def may_go(self, name):
        return self.platform.list().get(name, "Busy") != "Busy"

    def remove(self, name):
        self.platform.delete(name)


class ListsOneTwice(Sound):
    def observe(self):
        factors = super().observe()
        return factors.model_copy(update={"workers": [*factors.workers, *factors.workers[:1]]})


class ShowsEveryoneFree(Sound):
    def observe(self):
        workers = [worker(name, "Free") for name in self.platform.list()]
        return Factors(workers=workers, queue={})


class ListsOnlyTheReady(Sound):
    def observe(self):
        factors = super().observe()
        ready = [one for one in factors.workers if one.status != "Inflight"]
        return factors.model_copy(update={"workers": ready})


class StartsOneTooMany(Sound):
    def asked_for(self, result):
        return result.up and result.up + 1


class RemovesTheNewest(Sound):
    """As a ReplicaSet does, to which only a number is told."""

    def remove(self, name):
        self.platform.delete(list(self.platform.list())[-1])


class RemovesAnotherInstead(Sound):
    """It removes the named worker, or the newest where that isn't there."""

    def apply(self, result):
        for name in result.down:
            if name not in self.platform.list():
                self.platform.delete(list(self.platform.list())[-1])
        return super().apply(result)


class RemovesTheBusy(Sound):
    def may_go(self, name):
        return name in self.platform.list()


class SaysItTwice(Sound):
    served = ((1.0, 2.0, 3.0), (1.0, 2.0, 3.0))


class KeepsTheBusyInSilence(Sound):
    def apply(self, result):
        applied = super().apply(result)
        return Applied(applied.up, applied.down, tuple(why for why in applied.why if "serves" not in why))


class StartsFewerInSilence(Sound):
    def apply(self, result):
        applied = super().apply(result)
        return Applied(result.up, applied.down, tuple(why for why in applied.why if "room" not in why))


class TakesALostConnectionForAnEmptyFleet(Sound):
    def observe(self):
        try:
            return super().observe()
        except ConnectionError:
            return Factors(workers=[], queue={})


class SwallowsALostConnection(Sound):
    def apply(self, result):
        try:
            return super().apply(result)
        except ConnectionError:
            return None


BROKEN = {
    "lists_each_worker_once": ListsOneTwice,
    "shows_a_busy_worker": ShowsEveryoneFree,
    "shows_a_start_at_once": ListsOnlyTheReady,
    "starts_as_many_as_asked": StartsOneTooMany,
    "removes_exactly_the_named": RemovesTheNewest,
    "removes_a_worker_only_once": RemovesAnotherInstead,
    "keeps_a_busy_worker": RemovesTheBusy,
    "says_what_was_served": SaysItTwice,
    "says_which_worker_stays": KeepsTheBusyInSilence,
    "says_what_it_does_not_start": StartsFewerInSilence,
    "reads_a_lost_connection_as_not_known": TakesALostConnectionForAnEmptyFleet,
    "loses_nothing_with_the_connection": SwallowsALostConnection,
}
"""For each rule, the target that breaks it and no other."""


class Case(TargetCase):
    """A target over a platform that the test can change."""

    def __init__(self, target, workers):
        self.platform = Platform(workers)
        self.target = target(self.platform)

    def settle(self):
        for name, status in self.platform.machines.items():
            self.platform.machines[name] = "Free" if status == "Inflight" else status

    def make_busy(self):
        self.platform.machines["m1"] = "Busy"
        return "m1"

    def serve_one(self):
        return self.target.served

    def limit_starts(self):
        self.platform.most = len(self.platform.machines) + 1

    def cut(self):
        self.platform.connected = False

    def restore(self):
        self.platform.connected = True
