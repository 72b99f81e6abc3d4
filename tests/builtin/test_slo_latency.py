"""``slo-latency``: its arguments, its control law, what limits it, and that it settles."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from math import exp, log, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler import Decider, Factors, run
from everai_autoscaler.builtin import SloLatencyAutoScaler
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.loop import Applied
from everai_autoscaler.model import DecideResult, Signal
from everai_autoscaler.testing import VirtualTarget, snapshot, story, worker
from everai_autoscaler.testing.snapshots import NOW

SUSPECT = worker("suspect", "Inflight", started_ago=601)
EASY: dict[str, Any] = {"max_workers": 20, "tolerance": 0.0}


def measured(latency: float | None, *, age: float = 0.0, **fields: Any) -> Factors:
    """A snapshot of such a fleet, and of that latency; of idle workers where nothing else is said."""
    signals = {} if latency is None else {"ttft": {"value": latency, "age": age}}
    return snapshot(**{"idle_for": 500.0, "signals": signals, **fields})


def past(level: float, error: float = 0.0, *, ago: float = 20.0) -> dict[str, float]:
    return {"level": level, "error": error, "at": NOW - ago}


def level_after(scaler: SloLatencyAutoScaler, factors: Factors, memory: Any) -> float:
    after: Any = scaler.decide_with_memory(factors, memory)[1]
    return float(after["level"])


# -- its arguments ------------------------------------------------------------------------------------------------


def test_its_name_and_positional_arguments() -> None:
    """What it holds, where, and between which bounds; the rest by name only."""
    scaler = SloLatencyAutoScaler("tpot", 0.05, 1, 5, 60, 2)

    assert ("slo-latency", "tpot", 0.05) == (scaler.autoscaler_name(), scaler.signal, scaler.target)
    assert [1, 5, 60, 2] == [scaler.min_workers, scaler.max_workers, scaler.max_idle_time, scaler.scale_up_step]
    with pytest.raises(TypeError):
        SloLatencyAutoScaler("tpot", 0.05, 1, 5, 60, 2, None, 1)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": 0}, "target: 0 is not a number above 0"),
        ({"gain": 11}, "gain: 11 is not a number above 0 and at most 10"),
        ({"integral_time": 0}, "integral_time: 0 is not a number above 0"),
        ({"tolerance": -0.1}, "tolerance: -0.1 is not a number of at least 0 and at most 0.9"),
        ({"scale_down_step": 0}, "scale_down_step: 0 is not a whole number of at least 1"),
        ({"min_workers": 3, "max_workers": 2}, "min_workers: 3 is above max_workers, which is 2"),
    ],
)
def test_what_a_constructor_call_refuses(arguments: dict[str, Any], message: str) -> None:
    """Each names what was given, and what is accepted."""
    with pytest.raises(ArgumentError) as caught:
        SloLatencyAutoScaler(**arguments)

    assert message == str(caught.value)


def test_late_arguments_are_read_when_it_decides() -> None:
    """The signal's name, too."""
    scaler = SloLatencyAutoScaler(lambda: "ttft", lambda: "0.5", max_workers=lambda: "7")
    result, _ = scaler.decide_with_memory(measured(2.0, busy=4), past(4.0))

    assert (7, 3) == (result.max_workers, result.up)


# -- the control law ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("latency", "before", "seconds"), [(2.0, 0.0, 20), (1.5, 0.4, 45), (1.2, 0.1, 0)])
def test_the_level_moves_by_the_change_and_by_what_lasts(latency: float, before: float, seconds: float) -> None:
    """In logarithms: the gain times the change of the error and, for a share of the integral time, the error."""
    error = log(latency)
    moved = 0.3 * ((error - before) + error * seconds / 60)
    scaler = SloLatencyAutoScaler(**EASY, scale_up_step=20)
    found = level_after(scaler, measured(latency, busy=2), past(2.2, before, ago=seconds))
    expected = 2.2 * exp(moved)

    # Where it moves to another whole number, it begins anew there.
    assert (expected if expected <= 2.5 else round(expected)) == pytest.approx(found)


def test_half_and_twice_the_target_are_errors_of_one_size() -> None:
    """The one undoes the other."""
    scaler = SloLatencyAutoScaler(**EASY, integral_time=1e9)
    up = level_after(scaler, measured(2.0, busy=1), past(1.0))
    down = level_after(scaler, measured(0.5, busy=1), past(1.0))

    assert (log(2.0) * 0.3, 1.0) == (pytest.approx(log(up)), down)  # never below the minimum
    assert 4 * 2**-0.3 == pytest.approx(level_after(scaler, measured(0.5, busy=4), past(4.0)), abs=0.26)


@pytest.mark.parametrize("latency", [0.91, 1.0, 1.09])
def test_near_the_target_nothing_moves(latency: float) -> None:
    """Within the tolerance the error is 0."""
    result, memory = SloLatencyAutoScaler(max_workers=9).decide_with_memory(measured(latency, busy=3), past(3.2))

    assert ([], past(3.2, ago=0)) == (result.actions, pytest.approx(memory))


@pytest.mark.parametrize(("latency", "error"), [(4.0, log(4)), (400.0, log(4)), (1e300, log(4)), (0.0, -log(4))])
def test_the_error_has_a_limit(latency: float, error: float) -> None:
    """A queue that has run full says little of how much is missing; no latency at all is as a fourth of the target."""
    _, memory = SloLatencyAutoScaler(**EASY).decide_with_memory(measured(latency, busy=3), None)

    assert past(3.0, error, ago=0) == pytest.approx(memory)


def test_the_first_decision_changes_nothing() -> None:
    """After a restart, it begins with the workers that there are."""
    result, memory = SloLatencyAutoScaler(max_workers=9).decide_with_memory(measured(9.0, busy=3), None)

    assert ([], 3) == (result.actions, memory["level"])  # type: ignore[call-overload, index]
    assert [] == SloLatencyAutoScaler(max_workers=9).decide(measured(9.0, busy=3)).actions


@pytest.mark.parametrize(
    "memory",
    [
        "text",
        [],
        {},
        {"level": "3", "error": 0.0, "at": NOW},
        {"level": nan, "error": 0.0, "at": NOW},
        {"level": 3.0, "error": 1e300, "at": NOW},
        {"level": 10**400, "error": 0.0, "at": NOW},
    ],
)
def test_a_memory_that_it_did_not_write_is_none(memory: Any) -> None:
    """It begins anew."""
    scaler, factors = SloLatencyAutoScaler(max_workers=9), measured(9.0, busy=3)

    assert scaler.decide_with_memory(factors, None) == scaler.decide_with_memory(factors, memory)


def test_a_clock_that_went_back_is_no_time() -> None:
    """The integral doesn't run backwards."""
    scaler, factors = SloLatencyAutoScaler(**EASY), measured(1.1, busy=3)

    assert level_after(scaler, factors, past(3.0, ago=0)) == level_after(scaler, factors, past(3.0, ago=-900))


def test_a_long_pause_counts_for_one_integral_time() -> None:
    """What the latency was meanwhile isn't known."""
    scaler, factors = SloLatencyAutoScaler(**EASY), measured(1.1, busy=3)

    assert level_after(scaler, factors, past(3.0, ago=60)) == level_after(scaler, factors, past(3.0, ago=9000))


def test_a_leap_from_below_the_target_counts_whole() -> None:
    """From a fourth of it to just above it starts a worker at once; from the target to there takes longer."""
    scaler, calm = SloLatencyAutoScaler(max_workers=9), past(1.0, -log(4))
    leap, _ = scaler.decide_with_memory(measured(1.2, busy=1), calm)
    creep, _ = scaler.decide_with_memory(measured(1.2, busy=1), past(1.0))

    assert (1, 0) == (leap.up, creep.up)


# -- what limits it -----------------------------------------------------------------------------------------------


def test_it_does_not_wind_up_at_the_maximum() -> None:
    """However long it was at its maximum and too slow: once the latency has fallen far, it lets workers go."""
    scaler = SloLatencyAutoScaler(max_workers=3)
    memory: Any = None
    for _ in range(50):
        _, memory = scaler.decide_with_memory(measured(9.0, busy=3), memory)
        memory["at"] -= 20
    result, _ = scaler.decide_with_memory(measured(0.3, free=3), memory)

    assert ("free-3",) == result.down


def test_it_does_not_wind_down_while_nobody_may_go() -> None:
    """However long nobody was idle: the level stays within half a worker of those that there are."""
    scaler = SloLatencyAutoScaler(max_workers=9)
    memory: Any = None
    for _ in range(50):
        result, memory = scaler.decide_with_memory(measured(0.1, busy=3), memory)
        memory["at"] -= 20
    raised, _ = scaler.decide_with_memory(measured(1.1, busy=3), memory)

    assert "; nobody may go yet" in result.reasons[0].why
    assert "2.5 to " in raised.reasons[0].why


@pytest.mark.parametrize(
    ("scaler", "latency", "fields", "up", "down"),
    [
        (SloLatencyAutoScaler(max_workers=99, scale_up_step=2), 9.0, {"busy": 20}, 2, 0),
        (SloLatencyAutoScaler(max_workers=21), 9.0, {"busy": 20}, 1, 0),
        (SloLatencyAutoScaler(max_workers=99), 0.1, {"free": 20}, 0, 1),
        (SloLatencyAutoScaler(max_workers=99, scale_down_step=9), 0.1, {"free": 20}, 0, 9),
        (SloLatencyAutoScaler(max_workers=99, scale_down_step=9, min_workers=15), 0.1, {"free": 20}, 0, 5),
        (SloLatencyAutoScaler(max_workers=99, scale_down_step=9), 0.85, {"free": 20}, 0, 1),
        (SloLatencyAutoScaler(max_workers=99, scale_down_step=9), 0.1, {"free": 20, "idle_for": 119}, 0, 0),
        (SloLatencyAutoScaler(max_workers=99, scale_down_step=9), 0.1, {"free": 20, "waiting": 1}, 0, 0),
        (SloLatencyAutoScaler(max_workers=99, scale_down_step=9), 0.1, {"free": 20, "waiting": None}, 0, 0),
        (SloLatencyAutoScaler(max_workers=99, gain=3), 0.6, {"free": 4}, 0, 1),
        (SloLatencyAutoScaler(max_workers=99, gain=3), 0.8, {"free": 4}, 0, 0),
        (SloLatencyAutoScaler(max_workers=99), 9.0, {"busy": 20, "inflight": 1}, 0, 0),
        (SloLatencyAutoScaler(max_workers=99), 9.0, {"busy": 20, "waiting": None}, 4, 0),
        (SloLatencyAutoScaler(min_workers=2, max_workers=99), 1.0, {"busy": 1}, 1, 0),
        (SloLatencyAutoScaler(min_workers=0, max_workers=99), 9.0, {"waiting": 5}, 1, 0),
        (SloLatencyAutoScaler(min_workers=0, max_workers=99), 9.0, {}, 0, 0),
        (SloLatencyAutoScaler(min_workers=0, max_workers=99), 0.1, {"free": 1}, 0, 0),
        (SloLatencyAutoScaler(max_workers=99), None, {"busy": 1, "workers": [SUSPECT]}, 0, 1),
    ],
)  # fmt: skip
def test_steps_bounds_and_who_stays(
    scaler: SloLatencyAutoScaler, latency: float | None, fields: dict[str, Any], up: int, down: int
) -> None:
    """By a step, within the bounds; idle workers only, and none while requests wait or the load needs them."""
    there = fields.get("busy", 0) + fields.get("free", 0)
    result, _ = scaler.decide_with_memory(measured(latency, **fields), past(max(1, there), ago=60))

    assert (up, down) == (result.up, len(result.down))


def test_a_latency_of_nothing_lets_the_last_one_go() -> None:
    """A sender that says 0 where nothing was served lets the app go to zero."""
    scaler = SloLatencyAutoScaler(min_workers=0, max_workers=9, gain=1)
    result, _ = scaler.decide_with_memory(measured(0.0, free=1), past(1.0, ago=60))

    assert ("free-1",) == result.down


def test_the_last_one_that_may_not_go_yet_is_not_forgotten() -> None:
    """The level waits half a worker below it, and begins from there once it has been idle for long enough."""
    scaler = SloLatencyAutoScaler(min_workers=0, max_workers=9, gain=1)
    _, memory = scaler.decide_with_memory(measured(0.0, free=1, idle_for=100), past(1.0, ago=60))
    result, _ = scaler.decide_with_memory(measured(0.0, free=1, idle_for=120, observed_at=NOW + 20), memory)

    assert 0 == memory["level"]  # type: ignore[call-overload, index]
    assert ("free-1",) == result.down


def test_above_the_target_nobody_goes_and_below_it_nobody_comes() -> None:
    """Also while the latency falls or rises fast, which moves the level."""
    scaler = SloLatencyAutoScaler(**EASY, gain=2)
    falling, _ = scaler.decide_with_memory(measured(1.2, free=4), past(4.0, log(4), ago=0))
    rising, _ = scaler.decide_with_memory(measured(0.9, busy=4), past(4.0, -log(4), ago=0))

    assert ((), 0) == (falling.down, rising.up)


@pytest.mark.parametrize(
    ("factors", "why"),
    [
        (measured(None, free=3), "ttft is not known, or older than 60 s"),
        (measured(0.1, age=61, free=3), "ttft is not known, or older than 60 s"),
        (measured(0.1, workers=None), "the workers are not known"),
        (measured(9.0, waiting=None), "no worker, and the queue is not known"),
        (None, "the workers are not known"),
    ],
)
def test_it_holds_where_something_is_not_known(factors: Factors | None, why: str) -> None:
    """And remembers what it did."""
    result, memory = SloLatencyAutoScaler(min_workers=0, max_workers=9).decide_with_memory(factors, past(3.0))

    assert (True, f"slo-latency: {why}", past(3.0)) == (result.held, str(result.reasons[0]), memory)


@pytest.mark.parametrize(
    ("latency", "fields", "why"),
    [
        (2.0, {"busy": 4}, "ttft 2, 2 times the target of 1: 4.0 to 5.7 workers: 6 wanted (1 to 9), 4 there"),
        (
            2.0,
            {"busy": 4, "inflight": 1},
            "ttft 2, 2 times the target of 1, 1 starting: waits for that: 5 wanted (1 to 9), 5 there",
        ),
        (
            0.6,
            {"free": 2},
            "ttft 0.6, 0.6 times the target of 1: 2.0 to 1.6 workers: 2 wanted (1 to 9), 2 there",
        ),
        (
            0.6,
            {"free": 4},
            "ttft 0.6, 0.6 times the target of 1: 3.9 to 3.1 workers: 3 wanted (1 to 9), 4 there",
        ),
        (
            0.8,
            {"free": 4},
            "ttft 0.8, 0.8 times the target of 1: 3.6 to 3.4 workers, and 4 carry the load: 4 wanted (1 to 9), 4 there",
        ),
        (
            0.6,
            {"free": 4, "waiting": 2},
            (
                "ttft 0.6, 0.6 times the target of 1: 4.0 to 3.1 workers, and nobody leaves while 2 wait: "
                "4 wanted (1 to 9), 4 there"
            ),
        ),
        (
            0.6,
            {"free": 4, "waiting": None},
            (
                "ttft 0.6, 0.6 times the target of 1: 4.0 to 3.1 workers, "
                "and nobody leaves while the queue is not known: 4 wanted (1 to 9), 4 there"
            ),
        ),
    ],
)
def test_the_sentences(latency: float, fields: dict[str, Any], why: str) -> None:
    """Each has the measurement, the target, the level before and after, and what kept it."""
    there = sum(fields.get(kind, 0) for kind in ("busy", "free", "inflight"))
    level = float(why.partition(" of 1: ")[2].partition(" ")[0] or there)
    result, _ = SloLatencyAutoScaler(max_workers=9).decide_with_memory(measured(latency, **fields), past(level, ago=60))

    assert [why] == [reason.why for reason in result.reasons]


# -- that it settles ----------------------------------------------------------------------------------------------


def sharing(load: float) -> float:
    """The latency of a server that shares itself among its requests: in proportion to the load on it."""
    return 0.3 * load


def queueing(load: float) -> float:
    """That of a queue, which grows beyond bounds as the load reaches what the server can do."""
    return min(30.0, 0.3 / (1 - load)) if load < 1 else 30.0


def settled(
    scaler: SloLatencyAutoScaler,
    latency: Callable[[float], float],
    loads: list[float],
    *,
    cold_start: float = 60.0,
    window: int = 3,
) -> list[list[int]]:
    """The workers there are at each decision, for each of *loads*, of which each lasts for an hour.

    The latency that is measured is the highest of the last *window* decisions, of 20 s each: a high percentile.
    """
    ready, starting, memory, now, seen = 1, [], None, NOW, []
    fleets: list[list[int]] = []
    for load in loads:
        fleets.append([])
        for _ in range(180):
            ready += sum(moment <= now for moment in starting)
            starting = [moment for moment in starting if moment > now]
            seen = [*seen, latency(load / ready)][-window:]
            factors = measured(max(seen), free=ready, inflight=len(starting), observed_at=now)
            result, memory = scaler.decide_with_memory(factors, json.loads(json.dumps(memory)))
            starting += [now + cold_start] * result.up
            ready -= len(result.down)
            fleets[-1].append(ready + len(starting))
            now += 20
    return fleets


@pytest.mark.parametrize("latency", [sharing, queueing])
@pytest.mark.parametrize("cold_start", [0.0, 60.0, 120.0])
def test_it_settles_where_the_latency_is_at_the_target(latency: Callable[[float], float], cold_start: float) -> None:
    """Whatever the load changes to: for the last half hour nobody comes or goes, and the latency isn't above it."""
    loads = [2.0, 10.0, 4.0]
    fleets = settled(SloLatencyAutoScaler(max_workers=50), latency, loads, cold_start=cold_start)

    for load, fleet in zip(loads, fleets, strict=True):
        assert 1 == len(set(fleet[90:]))
        assert latency(load / fleet[-1]) <= 1.1


@settings(max_examples=10, deadline=None)
@given(load=st.floats(1, 40), gain=st.floats(0.1, 0.5), cold_start=st.sampled_from([0.0, 30.0, 120.0]))
def test_it_ends_with_few_more_than_the_least_that_do(load: float, gain: float, cold_start: float) -> None:
    """For any load on servers that share themselves: no fewer than are needed, and at most half as many again."""
    fleet = settled(SloLatencyAutoScaler(max_workers=50, gain=gain), sharing, [load], cold_start=cold_start)[0]
    least = next(number for number in range(1, 51) if sharing(load / number) <= 1.13)

    assert least <= fleet[-1] <= max(least + 1, 1.5 * least)


class Measured:
    """A virtual target whose snapshots say the 95th percentile of the waits of the last minute."""

    def __init__(self, target: VirtualTarget) -> None:
        self.target = target

    def observe(self) -> Factors:
        factors = self.target.observe()
        since = factors.observed_at - 60
        waits = sorted(one.wait or 0.0 for one in self.target.requests if (one.taken_at or 0.0) > since)
        if not waits:
            return factors
        value = 0.2 + waits[min(len(waits) - 1, int(0.95 * len(waits)))]
        return factors.model_copy(update={"signals": {"ttft": Signal(value=value, age=0.0)}})

    def apply(self, result: DecideResult) -> Applied | None:
        return self.target.apply(result)


def test_a_load_that_grows_tenfold_and_falls_again_is_followed_in_the_simulator() -> None:
    """Ten requests at once on four slots a worker, later one: nobody waits long, and one worker is left."""
    beats = [8.0 * place for place in range(75)]  # ten minutes
    beats += [600 + 0.8 * place for place in range(1500)]  # twenty
    beats += [1800 + 8.0 * place for place in range(225)]  # thirty
    target = VirtualTarget(workers=1, cold_start=30, load=[[(moment, 8.0) for moment in beats]], concurrency=4)
    begin = target.clock.now()
    ticks = run(Measured(target), Decider(SloLatencyAutoScaler(max_workers=12)), interval=20, clock=target.clock)
    fleet = [len(tick.factors.workers or ()) for tick in islice(ticks, 180)]
    caught_up = [one.wait or 0.0 for one in target.requests if 1000 < one.came_at - begin < 3500]

    assert (1, 3, 1) == (fleet[29], fleet[85], fleet[-1])
    assert max(fleet) <= 8
    assert max(caught_up) <= 0.8


def test_a_story_of_a_slow_afternoon() -> None:
    """Too slow for two minutes: a second worker; while that starts it waits; fast again: it stays until it is idle."""
    slow, fast = {"ttft": {"value": 3.0, "age": 0}}, {"ttft": {"value": 0.2, "age": 0}}
    tale = story(SloLatencyAutoScaler(max_workers=4, max_idle_time=60)).busy(1).given(signals=slow).expect_nothing()
    tale = tale.after(120, every=20).expect(up=1, because="3 times the target of 1")
    tale = tale.inflight(1).after(40, every=20).expect_nothing(because="1 starting: waits for that")
    tale = tale.inflight(0).free(1).given(signals=fast).after(40, every=20).expect_nothing()
    tale = tale.without("signals").after(60).expect_hold(because="ttft is not known")

    tale.given(signals=fast).expect(down=["free-1"])


@pytest.mark.parametrize(
    ("latency", "busy", "capped"),
    [(9.0, 3, "wanted 5, may have 4: maximum"), (9.0, 4, "wanted 6, may have 4: maximum"), (0.01, 4, "None")],
)
def test_demand_beyond_the_maximum_is_said(latency: float, busy: int, capped: str) -> None:
    """How many workers the controller would have without it."""
    scaler = SloLatencyAutoScaler(max_workers=4, scale_up_step=2, gain=5.0)

    assert capped == str(scaler.decide_with_memory(measured(latency, busy=busy), past(busy))[0].capped)
