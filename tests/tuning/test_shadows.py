"""The fleets in machine code do what the simulation of the scaler does, and go on after a restart."""

from __future__ import annotations

import json
from bisect import bisect_left
from typing import Any

import pytest

from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.simulator import Workload, generate, simulate
from everai_autoscaler.simulator.processes import Modulated, Poisson
from everai_autoscaler.tuning import Candidate, Traffic

pytest.importorskip("numba")

from everai_autoscaler.tuning.shadows import DemandShadows

RULES = [
    "1*now[600s] + 1.5*root + 1",
    "1*mean300[60s] + 0.7*root",
    "1.3*ahead20 + 1.5*root | 0.7*mean300[600s] + 0.5*root",
    "1.4*now[30s] + 0.7*root | 1.3*ahead60[120s] | 0.4*mean60[1200s]",
]
LIMIT = 5.0 + 1e-6


def candidates(least: int = 0) -> list[Candidate]:
    return [Candidate("demand", {"rule": rule, "min_workers": least}) for rule in RULES]


def bursts(seed: int = 3) -> Workload:
    """An hour in which two rates take turns."""
    return generate(Modulated((1.5, 0.05), (200.0, 500.0)), service="lognormal:6:1", duration=3600, seed=seed)


def stretches(workload: Workload, seconds: float, until: float, **about: Any) -> list[Traffic]:
    found, start = [], 0.0
    while start < until:
        end = min(start + seconds, until)
        first, last = bisect_left(workload.arrivals, start), bisect_left(workload.arrivals, end)
        columns = workload.arrivals[first:last], workload.services[first:last]
        found.append(Traffic(*columns, start=start, until=end, **about))
        start = end
    return found


def played(shadows: DemandShadows, some: list[Traffic]) -> tuple[list[float], list[float]]:
    outcomes = [shadows.play(one) for one in some]
    return (
        [sum(column) for column in zip(*(one.worker_seconds for one in outcomes), strict=True)],
        [sum(column) for column in zip(*(one.late for one in outcomes), strict=True)],
    )


@pytest.mark.parametrize(
    ("cold_start", "period", "fixed"),
    [
        (30.0, 20.0, {"max_workers": 50, "service_time": 6.0, "cold_start": 60.0}),
        (5.0, 20.0, {"max_workers": 8, "min_workers": 1}),
        pytest.param(120.0, 5.0, {"max_workers": 50}, marks=pytest.mark.slow),
        pytest.param(30.0, 7.0, {"max_workers": 50}, marks=pytest.mark.slow),
    ],
)
def test_a_shadow_does_what_the_simulation_does(cold_start: float, period: float, fixed: dict[str, Any]) -> None:
    """The same worker-seconds and late requests as the policy itself on the simulator's cluster.

    At most one percent and three requests differ: the scaler thins what it remembers of long windows, and keeps a
    value for up to a sixteenth of its age longer.
    """
    workload = bursts()
    shadows = DemandShadows(candidates(), fixed, within=5.0)
    cost, late = played(shadows, stretches(workload, 300.0, 3600.0, cold_start=cold_start, period=period))
    for number, one in enumerate(candidates()):
        arguments = {**one.arguments, **fixed}
        setting: dict[str, Any] = {"cold_start": cold_start, "interval": period, "until": 3600.0}
        run = simulate("demand", workload, arguments=arguments, **setting)
        waits = zip(run.requests.came, run.requests.began, strict=True)
        expected = sum(not began - came <= LIMIT for came, began in waits if came < 3600.0 - LIMIT or began == began)  # noqa: PLR0124

        assert pytest.approx(run.worker_seconds, rel=0.01) == cost[number]
        assert pytest.approx(expected, abs=3) == late[number]


def test_the_length_of_the_stretches_does_not_matter() -> None:
    """An hour in pieces of any length is an hour."""
    workload = bursts()
    found = [
        played(
            DemandShadows(candidates(), {"max_workers": 50}, within=5.0),
            stretches(workload, seconds, 3600.0, cold_start=30.0, period=5.0),
        )
        for seconds in (3600.0, 300.0, 61.7)
    ]

    assert pytest.approx(found[0][0]) == found[1][0] == pytest.approx(found[2][0])
    assert found[0][1] == found[1][1] == found[2][1]


def test_shadows_go_on_after_a_restart_as_if_there_had_been_none() -> None:
    """What is kept as JSON is all that there is."""
    some = stretches(bursts(), 300.0, 3600.0, cold_start=30.0, period=5.0)
    whole = DemandShadows(candidates(), {"max_workers": 50}, within=5.0)
    for one in some[:6]:
        whole.play(one)
    other = DemandShadows(candidates(), {"max_workers": 50}, within=5.0)
    other.go_on(json.loads(json.dumps(whole.to_json())))

    assert played(whole, some[6:]) == played(other, some[6:])


def test_a_copy_goes_another_way() -> None:
    """What is played with it changes nothing of what it was copied from."""
    some = stretches(bursts(), 300.0, 1800.0, cold_start=30.0, period=5.0)
    shadows = DemandShadows(candidates(), {"max_workers": 50}, within=5.0)
    shadows.play(some[0])
    before = shadows.to_json()
    shadows.copied().play(some[1])

    assert before == shadows.to_json()


@pytest.mark.parametrize("broken", ["heap", "fleet", "peaks"])
def test_a_state_that_does_not_fit_is_refused(broken: str) -> None:
    """A column that is missing its end, or is none at all."""
    shadows = DemandShadows(candidates(), {"max_workers": 50}, within=5.0)
    for one in stretches(bursts(), 300.0, 900.0, cold_start=30.0, period=5.0):
        shadows.play(one)
    told = shadows.to_json()
    empty = DemandShadows(candidates(), {}, within=5.0).to_json()["arrived"]

    with pytest.raises(ValueError, match=r".+"):
        shadows.go_on({**told, broken: empty})
    with pytest.raises(ContractError, match="can't be read"):
        shadows.go_on({**told, broken: "?"})


def test_after_a_restart_the_fleet_is_there() -> None:
    """The workers stay; what was remembered of the demand doesn't."""
    shadows = DemandShadows(candidates(), {"max_workers": 50}, within=5.0)
    first, *_, last = stretches(bursts(), 300.0, 1200.0, cold_start=30.0, period=5.0)
    shadows.play(first)
    before = shadows.workers
    shadows.restart()

    assert before == shadows.workers
    assert shadows.service_time is None
    assert min(shadows.play(last).worker_seconds) >= 300.0 * min(before)


def test_a_fleet_that_must_stay_small_has_a_queue_that_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits beyond the bound is given up, and was late."""
    monkeypatch.setattr("everai_autoscaler.tuning.shadows.MOST_WAITING", 100)
    load = generate(Poisson(2), service=60.0, duration=1800, seed=1)
    shadows = DemandShadows(candidates()[:1], {"max_workers": 1}, within=5.0)
    _, late = played(shadows, stretches(load, 300.0, 1800.0, cold_start=30.0, period=5.0))

    assert len(load) - 100 <= late[0] <= len(load)
    assert len(json.dumps(shadows.to_json())) < 10_000


def test_workers_with_slots_need_fewer_of_them() -> None:
    """Ten requests at once fit into two workers of eight slots."""
    load = Workload("ten at once", [float(10 * (n // 10)) for n in range(1000)], [10.0] * 1000)
    about: dict[str, Any] = {"cold_start": 10.0, "period": 5.0}
    rule = [Candidate("demand", {"rule": "1*now[60s]"})]
    single = DemandShadows(rule, {"max_workers": 50}, within=5.0)
    slots = DemandShadows(rule, {"max_workers": 50}, within=5.0)
    for one in stretches(load, 300.0, 900.0, **about):
        single.play(one)
    for one in stretches(load, 300.0, 900.0, concurrency=8, **about):
        slots.play(one)

    assert [2] == slots.workers
    assert [10] <= single.workers


def test_ten_times_the_traffic_from_one_minute_to_the_next_is_followed() -> None:
    """The fleet grows with it, and not beyond its maximum."""
    calm, storm = (generate(Poisson(rate), service="exponential:5", duration=1800, seed=1) for rate in (1.0, 10.0))
    came = [*calm.arrivals, *(1800 + moment for moment in storm.arrivals)]
    load = Workload("ten times", came, [*calm.services, *storm.services])
    shadows = DemandShadows(candidates(), {"max_workers": 40}, within=5.0)
    some = stretches(load, 300.0, 3600.0, cold_start=30.0, period=5.0)
    for one in some[:6]:
        shadows.play(one)
    before = shadows.workers
    for one in some[6:]:
        shadows.play(one)

    assert max(before) < 30
    assert [40] == sorted(set(shadows.workers))[-1:]


@pytest.mark.parametrize(
    ("candidate", "fixed", "takes"),
    [
        (Candidate("demand", {"rule": "1*now"}), {"max_workers": 5, "service_time": 3}, True),
        (Candidate("demand", {"service_time": 3}), {}, False),
        (Candidate("demand", {"service_time": 3}), {"service_time": 4.0}, True),
        (Candidate("demand"), {"cold_start": "late"}, False),
        (Candidate("demand"), {"decorators": None}, False),
        (Candidate("simple"), {}, False),
    ],
)
def test_which_candidates_are_followed(candidate: Candidate, fixed: dict[str, Any], takes: bool) -> None:
    """Those of demand that differ in their rules and bounds only."""
    assert takes == DemandShadows.takes(candidate, fixed)


def test_a_rule_that_can_not_be_read_is_refused() -> None:
    """With the words of the scaler."""
    with pytest.raises(ArgumentError, match="the term"):
        DemandShadows([Candidate("demand", {"rule": "1*never"})], {}, within=5.0)
