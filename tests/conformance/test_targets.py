"""The targets that ship keep every rule of the kit; local processes are checked beside their own tests."""

from __future__ import annotations

from everai_autoscaler.testing import Clients, TargetCase, VirtualTarget, parametrize_with_target_checks


class VirtualCase(TargetCase):
    """A target in virtual time: from its second minute on a client waits for an answer that takes for ever."""

    def __init__(self, workers):
        load = [Clients(1, service_time=1e9, start=100)]
        self.target = VirtualTarget(workers=workers, cold_start=15, load=load)

    def settle(self):
        self.target.clock.sleep_until(self.target.clock.now() + 15)

    def make_busy(self):
        self.target.clock.sleep_until(self.target.clock.now() + 100)
        return self.target.requests[0].taken_by


@parametrize_with_target_checks({"virtual": VirtualCase})
def test_keeps_the_contract(make, check):
    """A target that ships never surprises the loop."""
    check(make)
