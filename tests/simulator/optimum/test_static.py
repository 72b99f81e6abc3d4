"""The best static fleet, sized in hindsight."""

from __future__ import annotations

import random

import pytest

from everai_autoscaler.simulator.optimum import Question
from everai_autoscaler.simulator.optimum.static import begins_with, static_fleet
from everai_autoscaler.simulator.workload import Workload


def _workload(seed) -> Workload:
    draw = random.Random(seed)
    arrivals = sorted(draw.uniform(0, 200) for _ in range(150))
    return Workload("drawn", arrivals, [draw.expovariate(0.2) for _ in arrivals])


@pytest.mark.parametrize("seed", range(6))
def test_one_worker_less_would_be_too_few(seed):
    """The number found is enough, and no smaller number is."""
    workload, question = _workload(seed), Question(wait=4, share=0.9, requests=150)
    enough, _ = static_fleet(workload, question)

    late = [
        sum(began > came + 4 for began, came in zip(begins_with(workload, slots), workload.arrivals, strict=True))
        for slots in range(1, enough + 1)
    ]
    assert [enough] == [slots for slots, those in enumerate(late, 1) if those <= 15][:1]


def test_it_costs_its_size_until_the_last_answer():
    """Two workers over 14 seconds, of which one is ready at the start and one costs a cold start more."""
    workload = Workload("three", [0, 0, 1], [10, 9, 5])

    assert (2, 2 * 14 + 30) == static_fleet(workload, Question(wait=8, workers=1, requests=3))


def test_slots_count_for_workers():
    """Two workers of three slots serve five at once."""
    workload = Workload("five", [0] * 5, [3] * 5)

    assert (2, 6 + 60) == static_fleet(workload, Question(concurrency=3, requests=5))


def test_it_is_never_smaller_than_the_minimum():
    """The minimum is there in any case."""
    assert (4, 4 * 2) == static_fleet(Workload("one", [0], [2]), Question(minimum=4, requests=1))


def test_nothing_to_serve_needs_the_minimum():
    """Without a request nobody but the minimum is there, for no time."""
    assert (2, 0) == static_fleet(Workload("none", [], []), Question(minimum=2))
