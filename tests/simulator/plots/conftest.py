"""Runs to draw."""

from __future__ import annotations

import pytest

from everai_autoscaler import AutoScaler
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.workload import Workload


class Broken(AutoScaler):
    """Raises from the third decision on."""

    asked = 0

    def decide(self, factors):
        type(self).asked += 1
        raise ValueError("<b>no</b> idea")


@pytest.fixture(scope="session")
def afternoon():
    """Bursts of requests, and a scaler that starts and removes workers for them."""
    pairs = [(60.0 * burst + 2 * i, 9.0) for burst in (0, 5, 11) for i in range(12)]
    arguments = {"max_workers": 6, "max_queue_size": 2, "max_idle_time": 60}
    return simulate("simple", pairs, arguments=arguments, cold_start=30, price=2.5)


@pytest.fixture(scope="session")
def broken():
    """A policy that always fails."""
    return simulate(Broken(), [(0, 5), (30, 5), (31, 50)], tail=120)


@pytest.fixture(scope="session")
def nobody():
    """No request at all."""
    return simulate("simple", Workload("nobody", [], []), until=100)


@pytest.fixture(scope="session")
def single():
    """One request."""
    return simulate("simple", [(0, 0.4)])
