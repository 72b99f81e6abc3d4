"""Schedules, and the check that catches broken ones."""

from __future__ import annotations

import random

import pytest
from attrs import evolve

pytest.importorskip("numpy")
pytest.importorskip("highspy")

import numpy as np

from everai_autoscaler.simulator.optimum import Question
from everai_autoscaler.simulator.optimum.exact import cover
from everai_autoscaler.simulator.optimum.schedule import flaw, pack

CAME, SERVICES = np.array([0.0, 1.0, 50.0]), np.array([5.0, 5.0, 5.0])
QUESTION = Question(wait=2, cold_start=10, requests=3)
HORIZON = 55.0


def _good():
    return pack(CAME, SERVICES, QUESTION, HORIZON)


def test_a_good_schedule_has_no_flaw():
    """What the packing makes keeps every rule."""
    assert "" == flaw(_good(), CAME, SERVICES, QUESTION, HORIZON)


def _with(column, place, value):
    schedule = _good()
    changed = getattr(schedule, column).copy()
    changed[place] = value
    return evolve(schedule, **{column: changed})


@pytest.mark.parametrize(
    ("column", "place", "value", "words"),
    [
        ("begins", 0, -1, "a request begins before it comes"),
        ("begins", 2, 53, "1 requests are late, 0 may be"),
        ("begins", 0, np.nan, "a request isn't served"),
        ("worker", 1, 7, "a request has no worker"),
        ("worker", 1, 0, "a worker is removed while it serves"),
        ("launched", 0, -5, "a worker serves before it is ready"),
        ("removed", 0, 4, "a worker is removed while it serves"),
        ("given", 0, True, "1 workers are ready at second 0, 0 are given"),
    ],
)
def test_a_broken_schedule_is_caught(column, place, value, words):
    """Each rule that a schedule may break has its words."""
    assert words == flaw(_with(column, place, value), CAME, SERVICES, QUESTION, HORIZON)


def test_two_at_once_on_one_worker_are_caught():
    """A worker that serves one request at a time may not serve two."""
    schedule = evolve(_with("worker", 1, 0), removed=np.array([9.0, 6.0, 55.0]))

    assert "a worker serves too many at once" == flaw(schedule, CAME, SERVICES, QUESTION, HORIZON)
    assert "" == flaw(schedule, CAME, SERVICES, evolve(QUESTION, concurrency=2), HORIZON)


def test_a_missing_minimum_is_caught():
    """Between the second answer and the third request nobody is there."""
    words = flaw(_good(), CAME, SERVICES, evolve(QUESTION, minimum=1), HORIZON)

    assert "there are fewer workers than the minimum" == words


@pytest.mark.parametrize("seed", range(30))
def test_packing_costs_what_the_levels_cost(seed):
    """With one request at a time the workers' lives cost exactly the least, and keep every rule."""
    draw = random.Random(seed)
    came = np.array(sorted(draw.uniform(0, 60) for _ in range(40)))
    services = np.array([draw.choice([0.0, draw.uniform(0, 9)]) for _ in came])
    question = Question(
        wait=0, cold_start=draw.uniform(0, 9), minimum=draw.randint(0, 2), workers=draw.randint(0, 4), requests=40
    )
    horizon = float((came + services).max())
    schedule = pack(came, services, question, horizon)

    assert cover(came, came + services, question, horizon).cost == pytest.approx(schedule.cost)
    assert "" == flaw(schedule, came, services, question, horizon)


@pytest.mark.parametrize("seed", range(10))
def test_packing_several_at_a_time_keeps_every_rule(seed):
    """Workers with three slots serve all, and cost less than workers with one."""
    draw = random.Random(seed)
    came = np.array(sorted(draw.uniform(0, 60) for _ in range(60)))
    services = np.array([draw.uniform(0, 9) for _ in came])
    question = Question(cold_start=5, minimum=draw.randint(0, 2), concurrency=3, requests=60)
    horizon = float((came + services).max())
    schedule = pack(came, services, question, horizon)

    assert "" == flaw(schedule, came, services, question, horizon)
    assert cover(came, came + services, question, horizon).cost > schedule.cost
