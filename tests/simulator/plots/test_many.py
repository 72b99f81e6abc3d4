"""Very many requests, drawn in whole columns at a time."""

import random

import pytest

from everai_autoscaler.simulator import simulate
from everai_autoscaler.simulator.faults import Faults
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.plots import levels as levels_module
from everai_autoscaler.simulator.plots.levels import level, quantiles
from everai_autoscaler.simulator.plots.page import run_data
from everai_autoscaler.simulator.plots.run_picture import run_scene
from everai_autoscaler.simulator.plots.svg import svg_of

pytest.importorskip("numpy")
many = pytest.importorskip("everai_autoscaler.simulator.plots.many")


def _load(number, seed):
    luck, came, pairs = random.Random(f"many:{seed}"), 0.0, []
    for _ in range(number):
        came += luck.expovariate(1 / 4)
        pairs.append((came, luck.expovariate(1 / 15)))
    return pairs


RUNS = {
    "plain": (_load(400, 1), {}),
    "more than have a dot each": (_load(4200, 5), {}),
    "refused and late": (_load(300, 2), {"queue_limit": 2, "warm_up": 200, "concurrency": 2}),
    "interrupted": (_load(300, 3), {"faults": Faults(crashes_per_hour=40, start_failure=0.2), "tail": 30}),
    "cut short": (_load(300, 4), {"until": 500}),
    "hung up": (Clients(4, service_time=10, start=5, stop=125), {"until": 200}),
    "nobody waits": ([(0, 1), (30, 1)], {}),
    "nobody is served": ([(5, 1)], {"workers": 0, "cold_start": float("inf"), "until": 60}),
}


@pytest.mark.parametrize("kind", RUNS)
def test_many_requests_are_drawn_as_few(kind, monkeypatch):
    """Column by column the picture, and what its page tells, are what they are one by one."""
    load, options = RUNS[kind]
    run = simulate("free-worker", load, arguments={"max_workers": 6, "max_idle_time": 40}, **options)
    pictures = []
    for number in (10**9, 0):
        monkeypatch.setattr(levels_module, "MANY", number)
        scene = run_scene(run)
        pictures.append((svg_of(scene), run_data(run, scene, slo=5.0)))

    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("seed", range(20))
def test_a_level_is_that_of_one_by_one(seed):
    """Also with moments before the start, after the end, at edges, together, and that never come."""
    luck = random.Random(seed)
    ups = [float(luck.choice([-3, 0, 1, 2, 2.5, 5, 7, 10, 12, luck.uniform(0, 10)])) for _ in range(30)]
    downs = [*(up + luck.choice([0, 1, 2.5, 4]) for up in ups[:25]), *[float("nan")] * 5]
    expected = level(ups, downs, end=10.0, columns=7)
    found = many.level(ups, downs, end=10.0, columns=7)

    assert expected.peak == found.peak
    assert expected.mean == pytest.approx(found.mean)


def test_quantiles_are_those_of_one_by_one():
    """Nearest ranks, also of one and of none."""
    luck = random.Random(1)
    moments = [luck.uniform(0, 40) for _ in range(50)] + [99.0]
    waits = [luck.expovariate(1) for _ in moments]
    expected = quantiles(moments, waits, (0.5, 0.99), width=10, columns=6)

    assert repr(expected) == repr(many.quantiles(moments, waits, (0.5, 0.99), width=10, columns=6))
