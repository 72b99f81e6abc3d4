"""Several apps under one capacity, and runs with faults and lags."""

from __future__ import annotations

import math

import pytest

from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.simulator.faults import ColdStart, Faults, Machine
from everai_autoscaler.simulator.lag import Lag
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.together import App, simulate_together
from everai_autoscaler.simulator.workload import Workload

RUSH = Workload("rush", [5.0 * number for number in range(40)], [30.0] * 40)


def app(**options):
    given = {"scaler": "simple", "workload": RUSH, "arguments": {"max_workers": 6, "max_queue_size": 1}}
    return App(**given | {"cold_start": 10} | options)


def most_at_once(runs):
    """The most workers that there were at a time."""
    lives = [life for run in runs.values() for life in run.workers]
    return max(
        sum(life.started_at <= moment < (math.inf if life.ended_at is None else life.ended_at) for life in lives)
        for moment in {max(0.0, life.started_at) for life in lives}
    )


def test_apps_that_have_room_run_as_if_alone():
    """With a capacity for all, each app's run is the one that it has alone."""
    alone = simulate("simple", RUSH, arguments={"max_workers": 6, "max_queue_size": 1}, cold_start=10)
    together = simulate_together({"one": app(), "two": app(arguments={"max_workers": 2})}, capacity=100)["one"]

    assert list(alone.requests.began) == list(together.requests.began)
    assert alone.ticks == together.ticks[: len(alone.ticks)]


def test_never_are_there_more_workers_than_the_capacity_has():
    """All apps together never have more; each refusal is told with the tick's reasons."""
    runs = simulate_together({name: app() for name in ("one", "two", "three")}, capacity=7)
    refused = [reason for run in runs.values() for row in run.ticks for reason in row.reasons if "capacity" in reason]

    assert 7 == most_at_once(runs)
    assert "all 7 of the shared capacity are taken" in refused[0]


def test_none_is_always_the_first_to_take_what_is_left():
    """Of two equal apps that want more than there is, each gets the first new worker at every other decision."""
    runs = simulate_together({"one": app(), "two": app()}, capacity=5)
    starts = sorted((life.started_at, name) for name, run in runs.items() for life in run.workers[1:])

    assert {"one", "two"} == {name for _, name in starts[:3]}


def test_all_runs_end_together():
    """Each worker is billed until the last app has its last answer."""
    short = Workload("short", [0], [1])
    runs = simulate_together({"short": app(workload=short), "long": app()}, capacity=9)

    assert runs["long"].ended_at == runs["short"].ended_at
    assert "2 apps share" in runs["short"].setting.assumed[0]


def test_what_can_not_be_played_together_is_refused():
    """No apps, or more workers at the start than there are, is one clear line."""
    with pytest.raises(ArgumentError, match="apps: none are given"):
        simulate_together({}, capacity=3)
    with pytest.raises(ContractError, match="capacity: 2 workers at the start, but only 1 of 3 are left"):
        simulate_together({"one": app(workers=2), "two": app(workers=2)}, capacity=3)


def test_a_run_says_what_went_wrong_in_it():
    """A run with faults has the lost workers and the interrupted requests, and says what was assumed."""
    run = simulate(
        "simple",
        RUSH,
        arguments={"max_workers": 6, "max_queue_size": 1},
        cold_start=ColdStart([8, 16]),
        faults=Faults(crashes_per_hour=60),
        machines=[Machine("L4", price=0.5)],
        until=400,
        seed=3,
    )

    assert "crashed" in {life.why for life in run.workers}
    assert {0.5} == {life.cost for life in run.workers}
    assert run.requests.interrupted
    assert "a worker crashes 60 times an hour" in run.setting.assumed
    assert "one of 2 from 8 to 16 s" == run.setting.cold_start


def test_a_run_may_see_late_and_lose_what_it_should_see():
    """Decisions on late and lost snapshots hold where nothing is known, and the run still serves everything."""
    run = simulate(
        "simple",
        RUSH,
        arguments={"max_workers": 6, "max_queue_size": 1},
        lag=Lag(observation=20, loss=0.2, decision=5),
        removal="drain",
    )

    assert run.ticks[0].held
    assert -1 == run.ticks[0].waiting
    assert not any(map(math.isnan, run.requests.answered))
    assert {0.0} == {life.started_at % 20 - 5 for life in run.workers[1:]}
    assert ["news are 20 s old; 20 % of the observations are lost; decisions are carried out 5 s later"] == [
        words for words in run.setting.assumed if "news" in words
    ]
