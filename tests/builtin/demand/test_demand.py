"""The scaler ``demand``: its arguments, what it does, and how it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler import Decider
from everai_autoscaler.builtin.demand import DemandAutoScaler, Rule
from everai_autoscaler.builtin.demand.arithmetic import workers_for
from everai_autoscaler.builtin.demand.assumptions import RULE
from everai_autoscaler.decision import replay
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.explain import search
from everai_autoscaler.model import DecideResult, Factors, Record
from everai_autoscaler.simulator import simulate
from everai_autoscaler.simulator.metrics import in_time
from everai_autoscaler.testing import snapshot, worker
from everai_autoscaler.testing.checks import check_is_steady

NOW = 1_720_000_000.0


def settled(scaler: DemandAutoScaler, factors: Factors) -> DecideResult:
    """What it decides where it has just seen the same, and began long enough ago to remove somebody."""
    memory: Any = scaler.decide_with_memory(factors, None)[1]
    return scaler.decide_with_memory(factors, {**memory, "begun": NOW - 600})[0]


def said(scaler: DemandAutoScaler, factors: Factors) -> str:
    """The first reason of a decision when it began long enough ago."""
    return settled(scaler, factors).reasons[0].why


# -- arguments ----------------------------------------------------------------------------------------------------


def test_its_defaults() -> None:
    """From zero to one worker, by the default rule; the service time and the cold start are learnt."""
    defaults = {"min_workers": 0, "max_workers": 1, "rule": RULE, "service_time": None, "cold_start": None}

    assert {**defaults, "start_timeout": 600} == DemandAutoScaler().autoscaler_arguments()
    assert RULE == str(Rule.parse(RULE))
    assert "demand" == DemandAutoScaler.autoscaler_name()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_workers": -1}, "min_workers: -1 is not a whole number of at least 0"),
        ({"service_time": 0}, "service_time: 0 is not a number of at least 0.001 and at most 86400.0"),
        ({"cold_start": "soon"}, "cold_start: 'soon' is not a number of at least 0 and at most 86400.0"),
        ({"min_workers": 3, "max_workers": 2}, "min_workers: 3 is above max_workers, which is 2"),
        (
            {"rule": "1*nwo"},
            (
                "rule: '1*nwo' is refused: the term '1*nwo': signal 'nwo' is not one of ahead20, ahead60, mean300, "
                "mean60, now; did you mean 'now'?"
            ),
        ),
        ({"rule": 7}, "rule: 7 is not text"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], message: str) -> None:
    """In one line, with what is accepted."""
    with pytest.raises(ArgumentError) as caught:
        DemandAutoScaler(**arguments)

    assert message == str(caught.value)


def test_arguments_may_be_text_and_late() -> None:
    """As manifests have them: they are read when it decides."""
    scaler = DemandAutoScaler(max_workers=lambda: "9", rule=lambda: "2*now", service_time="4")

    assert 6 == scaler.decide(snapshot(waiting=3)).up
    assert 4.0 == scaler.service_time


def test_a_bad_late_rule_keeps_the_last_good_one() -> None:
    """Somebody mistypes it while the app runs: it goes on with what was right."""
    rules = ["1*now", "1*nwo", "2*now"]
    decider = Decider("demand", {"max_workers": 9, "rule": lambda: rules[0]})
    ups = []
    while rules:
        ups.append(decider.decide(snapshot(waiting=3)).up)
        del rules[0]

    assert [3, 3, 6] == ups


# -- what it does -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "case", "why"),
    [
        (
            "1.3*mean60[1200s] + 1.5*root",
            {"waiting": 2, "busy": 1, "free": 4},
            "(mean of 60 s), 2.5 s a request: 1.3*3 + 1.5*sqrt(3.25) = 6.6: wants 7, has 5: starts 2 workers",
        ),
        ("1*now", {"waiting": 1}, "demand 1, 10 s a request: 1*1 = 1: wants 1, has 0: starts 1 worker"),
        (
            "1*ahead20 + 2",
            {"busy": 1},
            "demand 1 (30 s ahead, at the rate of 20 s), 5.5 s a request: 1*1 + 2 = 3: wants 3, has 1: starts 2",
        ),
        (
            "0.2*now | 3*now | 1*now",
            {"waiting": 1},
            "demand 1, 10 s a request: 3*1 = 3: wants 3, has 0: starts 3 worke",
        ),
        ("1*now", {}, "demand 0, 10 s a request: next to none: wants 0, has 0"),
        ("5*now", {"waiting": 4}, "wants 20, may have 9, has 0: starts 9 workers"),
        ("1*now", {"free": 1}, "next to none: wants 0, has 1: removes free-1, idle"),
        ("0.5*now", {"waiting": 1, "free": 3}, "wants 1, has 3: 1 request waits: removes nobody"),
        ("0.5*now", {"busy": 3}, "wants 2, has 3: nobody is free to go"),
        ("1*now", {"free": 5}, "has 5: removes free-5, free-4, free-3 and 2 more, idle"),
        ("1*now", {"waiting": 3, "busy": 9}, "may have 9, has 9"),
    ],
)
def test_it_says_why(rule: str, case: dict[str, Any], why: str) -> None:
    """The term that counts with its numbers, what there is, and what is done."""
    words = said(DemandAutoScaler(max_workers=9, rule=rule), snapshot(**case))

    assert why in words


def test_the_minimum_is_kept() -> None:
    """Whatever the demand is, and whatever is known of it."""
    scaler = DemandAutoScaler(min_workers=2, max_workers=9, rule="1*now")

    assert "wants 0, keeps at least 2, has 1: starts 1 worker" in said(scaler, snapshot(free=1))
    assert 1 == scaler.decide(snapshot(waiting=None, free=1)).up
    assert ("free-3",) == settled(scaler, snapshot(free=3)).down


def test_what_the_maximum_swallows_is_told() -> None:
    """For events and metrics: how many it wanted, and how many there may be."""
    scaler = DemandAutoScaler(max_workers=5, rule="1*now")

    assert "wanted 9, may have 5: maximum" == str(scaler.decide(snapshot(waiting=4, busy=5)).capped)
    assert scaler.decide(snapshot(waiting=1, busy=4)).capped is None


def test_from_zero_one_request_is_enough() -> None:
    """Also where it has waited for so long that it is next to no demand, or where it counts for nothing."""
    scaler = DemandAutoScaler(max_workers=9, rule="0*now")
    result = scaler.decide(snapshot(waiting=1))

    assert 1 == result.up
    assert "= 0: wants 0, but 1 request waits: wants 1, has 0: starts 1 worker" in result.reasons[0].why


def test_what_workers_serve_at_once_is_counted_in_requests() -> None:
    """Nine requests at four a worker are three workers, of which one is there."""
    fleet = [worker("a", "Busy", current_request=4, concurrency=4)]
    result = DemandAutoScaler(max_workers=9, rule="1*now").decide(snapshot(waiting=5, workers=fleet))

    assert 2 == result.up
    assert "1*9 = 9, at 4 a worker: wants 3, has 1: starts 2 workers" in result.reasons[0].why


def test_unknown_workers_hold_and_nothing_is_forgotten() -> None:
    """It can't know how many to start; what it remembers stays."""
    scaler = DemandAutoScaler(max_workers=9)
    _, memory = scaler.decide_with_memory(snapshot(busy=1), None)
    result, later = scaler.decide_with_memory(snapshot(workers=None), memory)

    assert (True, "the workers are not known", memory) == (result.held, result.reasons[0].why, later)
    assert scaler.decide(None).held


def test_an_unknown_demand_holds() -> None:
    """Without the queue the demand stays as it was, and nobody is removed."""
    scaler = DemandAutoScaler(max_workers=9, rule="1*now")
    _, memory = scaler.decide_with_memory(snapshot(busy=2), None)
    dark = snapshot(waiting=None, free=2, observed_at=NOW + 20)
    result, _ = scaler.decide_with_memory(dark, memory)

    assert (True, []) == (result.held, result.actions)
    assert result.reasons[0].why.startswith("the queue is not known: the demand stays as it was; demand 2, 4 s a reque")


def test_after_a_restart_nobody_goes_before_there_is_data() -> None:
    """For ten minutes those that were there are kept; what has come since may go."""
    scaler = DemandAutoScaler(max_workers=9, rule="1*now")
    result, memory = scaler.decide_with_memory(snapshot(free=2), None)
    more, later = scaler.decide_with_memory(snapshot(free=3, observed_at=NOW + 300), memory)
    after, _ = scaler.decide_with_memory(snapshot(free=2, observed_at=NOW + 600), later)
    kept = "wants 0, has 2: 2 there when it began, 0 of 600 s ago: removes nobody"

    assert [(), ("free-3",), ("free-2", "free-1")] == [one.down for one in (result, more, after)]
    assert result.reasons[0].why.endswith(kept)


def test_idle_workers_go_the_newest_first_and_as_many_as_are_too_many() -> None:
    """Not those that start, serve, or hold a session."""
    pinned = worker("pinned", number_of_sessions=1, started_ago=1)
    factors = snapshot(busy=1, free=3, inflight=1, workers=[pinned])

    assert ("free-3", "free-2", "free-1") == settled(DemandAutoScaler(max_workers=9, rule="1*now"), factors).down
    assert ("free-3",) == settled(DemandAutoScaler(max_workers=9, rule="5*now"), factors).down


def test_a_worker_that_never_becomes_ready_is_given_up() -> None:
    """As by the other builtin scalers: it isn't counted on, makes room where there is none, and goes first."""
    stuck = worker("stuck", "Inflight", started_ago=601)
    scaler = DemandAutoScaler(max_workers=2, rule="1*now")
    starts = scaler.decide(snapshot(waiting=1, workers=[stuck]))
    swaps = scaler.decide(snapshot(waiting=1, busy=1, workers=[stuck]))
    idles = scaler.decide(snapshot(busy=1, workers=[stuck]))

    assert (1, ()) == (starts.up, starts.down)
    assert (0, ("stuck",)) == (swaps.up, swaps.down)
    assert "2 workers of at most 2 there: stuck, starting for longer than 600 s, makes room" in swaps.reasons[0].why
    assert (("stuck",), "gives up stuck: starting for longer than 600 s") == (idles.down, idles.reasons[1].why)


def test_a_full_fleet_says_so() -> None:
    """Where draining workers take the room."""
    leaving = worker("leaving", draining=True)

    assert "wants 2, has 1, but 2 workers of at most 2 there" in said(
        DemandAutoScaler(max_workers=2, rule="1*now"), snapshot(waiting=1, busy=1, workers=[leaving])
    )


def test_too_little_room_is_said() -> None:
    """It starts as many as there is room for."""
    leaving = worker("leaving", draining=True)
    result = DemandAutoScaler(max_workers=3, rule="1*now").decide(snapshot(waiting=2, busy=1, workers=[leaving]))

    assert 1 == result.up
    assert result.reasons[0].why.endswith("wants 3, has 1: starts 1 worker, up to the maximum of 3")


def test_a_memory_of_another_kind_begins_afresh_and_says_so() -> None:
    """What it begins with is what it would begin with after a start."""
    scaler, factors = DemandAutoScaler(max_workers=9), snapshot(busy=1)
    fresh, memory = scaler.decide_with_memory(factors, None)
    other, later = scaler.decide_with_memory(factors, {"version": 0})

    assert (fresh, memory) == (other, later)
    assert "what was remembered is of another kind: the windows begin afresh" == other.reasons[-1].why


# -- what always holds --------------------------------------------------------------------------------------------

LIFE = st.lists(
    st.tuples(st.sampled_from([5.0, 20.0, 60.0]), st.integers(0, 40), st.integers(0, 9)), min_size=1, max_size=40
)


@given(LIFE, st.sampled_from([RULE, "1*now", "1.5*ahead20[300s] + 1*root + 1 | 0.5*mean300[2400s]"]))
@settings(max_examples=25, deadline=None)
def test_the_target_is_never_below_what_now_needs(life: list[tuple[float, int, int]], rule: str) -> None:
    """Whatever the past was, no term wants less than for the present value of its signal; and memory stays small."""
    scaler, memory, now = DemandAutoScaler(max_workers=999, rule=rule, service_time=8), None, NOW
    result = DecideResult(max_workers=0, actions=[])
    for step, arrivals, waiting in life:
        now += step
        factors = snapshot(waiting=waiting, observed_at=now, arrivals=arrivals)
        result, memory = scaler.decide_with_memory(factors, memory)
    windows: Any = memory
    present = {name: values[-1] for name, (_, values) in windows["windows"].items()}
    needed = [workers_for(term.a, term.b, term.h, present[term.signal]) for term in Rule.parse(rule)]

    assert max(needed) <= result.up
    assert 20_000 > len(json.dumps(memory))


def test_under_constant_load_the_default_rule_is_steady() -> None:
    """It removes nobody whom it then starts again; a rule that doesn't look back may."""
    check_is_steady(DemandAutoScaler(max_workers=8))


# -- records, explanations, simulations ---------------------------------------------------------------------------


def test_a_recorded_decision_is_made_again() -> None:
    """From its JSON line, which holds the memory: each decision of a while, byte by byte."""
    decider = Decider("demand", {"max_workers": 20, "rule": lambda: "1.3*ahead20[60s] + 1*root"})
    lines = []
    for k in range(6):
        arrivals = 5 if 0 < k < 3 else 0
        factors = snapshot(waiting=arrivals, busy=k, free=2, observed_at=NOW + 20 * k, arrivals=arrivals)
        record = decider.decision(factors).record()
        assert record is not None
        lines.append(record.json())
    replayed = [replay(Record.from_json(line)) for line in lines]

    assert [True] * 6 == [one.same for one in replayed]


def test_an_explanation_finds_what_would_flip_it() -> None:
    """Among the numbers that went in: the maximum, the service time, what waits and what came."""
    decider = Decider("demand", {"max_workers": 4, "rule": "1*now", "service_time": 10.0})
    decider.decide(snapshot(observed_at=NOW))
    record = decider.decision(snapshot(waiting=12, busy=2, observed_at=NOW + 20, arrivals=14)).record()
    assert record is not None
    names = {flip.name for flip in search(record).limits}

    assert {"max_workers", "service_time"} <= names


def test_in_the_simulator_it_follows_the_load() -> None:
    """Requests of ten seconds, one every two: five at once. It has enough of them, and none when they are over."""
    load = [(2.0 * k, 10.0) for k in range(600)]
    run = simulate(
        DemandAutoScaler(max_workers=30, rule="1.3*mean60[120s] + 1.5*root"),
        load,
        cold_start=30.0,
        interval=5.0,
        workers=0,
        warm_up=120.0,
        until=2400.0,
        engine="python",
    )
    share, _ = in_time(run, 5.0)

    assert 0.99 <= share
    assert (0, 0) == (run.ticks[-1].free, run.ticks[-1].busy)
