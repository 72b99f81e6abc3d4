from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler import AutoScaler, Decider, DecideResult, SimpleAutoScaler
from everai_autoscaler.errors import ArgumentError, ContractError, UnknownNameError
from everai_autoscaler.model import ScaleDownAction, ScaleUpAction
from everai_autoscaler.simulator.faults import ColdStart, Faults
from everai_autoscaler.simulator.lag import Lag
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.simulate import MOST_TICKS, simulate
from everai_autoscaler.simulator.workload import Workload

BURST = Workload("burst", [0, 0, 0, 100], [30, 30, 30, 10])


class Failing(AutoScaler):
    """Asks for a worker, then raises, then answers nonsense, then is well again."""

    def __init__(self):
        self.asked = 0

    def decide(self, factors):
        self.asked += 1
        if self.asked == 2:
            raise RuntimeError("no luck")
        if self.asked == 3:
            return "nonsense"
        return DecideResult(max_workers=9, actions=[ScaleUpAction(count=1)] if self.asked in {1, 4} else [])


class Greedy(AutoScaler):
    """Removes everyone, always."""

    def decide(self, factors):
        return DecideResult(max_workers=9, actions=[ScaleDownAction(worker_id=w.worker_id) for w in factors.workers])


def test_a_scaler_is_a_name_an_object_or_a_decider():
    """All three are one run."""
    by_name = simulate("simple", BURST, arguments={"max_workers": 3})
    by_object = simulate(SimpleAutoScaler(max_workers=3), BURST)
    by_decider = simulate(Decider("simple", {"max_workers": 3}), BURST)

    assert list(by_name.requests.began) == list(by_object.requests.began) == list(by_decider.requests.began)
    assert by_name.ticks == by_object.ticks == by_decider.ticks


def test_the_first_decision_is_at_second_0_and_the_run_ends_with_the_last_answer():
    """Decisions every 20 s; the last request comes at 100 s and takes ten."""
    run = simulate("simple", BURST)

    assert [0, 20, 40, 60, 80, 100] == [tick.at for tick in run.ticks]
    assert 110 == run.ended_at


def test_a_run_whose_requests_cannot_be_served_ends_after_the_tail():
    """Nobody serves: the requests wait at the end, and are late."""
    run = simulate("simple", [(0, 1)], arguments={"min_workers": 0, "max_workers": 0}, workers=0, tail=100)

    assert 100 == run.ended_at
    assert (1, 0.0) == (run.metrics().waiting_at_end, run.slo(5.0))


def test_a_run_may_go_on_until_a_given_second():
    """So what the policy does after the load is seen: one of the two workers goes after its idle time."""
    run = simulate("simple", BURST, arguments={"max_workers": 2, "max_idle_time": 60}, until=300)

    assert 300 == run.ended_at
    assert (2, 1) == (run.metrics().peak_workers, run.metrics().removals)


def test_a_policy_that_fails_in_the_middle_is_contained():
    """The ticks hold and say why, and the next ones go on."""
    run = simulate(Failing(), BURST)

    assert [False, True, True, False, False, False] == [tick.held for tick in run.ticks]
    assert "RuntimeError: no luck" in run.ticks[1].failure
    assert "str" in run.ticks[2].failure
    assert [1, 0, 0, 1, 0, 0] == [tick.up for tick in run.ticks]
    assert 2 == run.metrics().failed_ticks


def test_the_guard_goes_round_every_policy():
    """Nobody who serves is removed, whatever the policy says."""
    run = simulate(Greedy(), BURST, until=200)

    assert 0 == run.metrics().killed
    assert any("stays" in reason for tick in run.ticks for reason in tick.reasons)


def test_the_progress_ends_at_1():
    """It never falls, and is told in whole."""
    told = []
    simulate("simple", BURST, progress=told.append)

    assert told == sorted(told)
    assert 1.0 == told[-1]


def test_the_setting_says_what_was_assumed():
    """Arguments, cold start and order are in it; so are those that an object was made with."""
    named = simulate("simple", BURST, arguments={"max_workers": "3"}, cold_start=[5, 10], dispatch="oldest").setting
    made = simulate(SimpleAutoScaler(max_workers=3), BURST).setting

    assert ("simple", {"max_workers": "3"}) == (named.scaler, named.arguments)
    assert ("5, 10 s, in the order of the launches", "oldest") == (named.cold_start, named.dispatch)
    assert 3 == made.arguments["max_workers"]


def test_a_run_describes_itself_in_words():
    """The table has the loop, the order of dispatch and the wait limit over the cold start below it."""
    said = str(simulate("simple", BURST, price=2.5))

    assert "closed loop (modelled)" in said
    assert "dispatch order most-recently-used" in said
    assert "the wait limit of 5 s is 0.17 times the cold start (W/c)" in said


def test_a_failing_assertion_shows_the_worst_moment():
    """The number's own form has the request, what it met, and the decision."""
    share = simulate("simple", BURST).slo(5.0)

    assert 0.5 == share
    assert "request 2 came at 0 s and waited 60 s; 1 worker ready, 0 starting, 2 waiting" in repr(share)
    assert "Decision at 0 s: no change: simple:" in repr(share)
    assert len(repr(share)) <= 240


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"interval": 0}, "interval: 0 is not a number above 0"),
        ({"warm_up": -1}, "warm_up: -1 is not a number of at least 0"),
        ({"tail": math.nan}, "tail: nan is not a number"),
        ({"price": -2}, "price: -2 is not"),
        ({"warm_up": 500}, "warm_up: 500 s is not before the end of the run at 110 s"),
        ({"arguments": {"max_worker": 1}}, "max_worker"),
    ],
)
def test_numbers_out_of_bounds_are_refused(wrong, words):
    """One line names what was given."""
    with pytest.raises(ArgumentError, match=words):
        simulate("simple", BURST, **wrong)


def test_a_gap_of_years_is_refused():
    """It would take more decisions than anyone waits for."""
    with pytest.raises(ContractError, match=f"more than {MOST_TICKS:,}: take a part of it"):
        simulate("simple", [(0, 1), (3e7, 1)], interval=1)


def test_an_unknown_scaler_is_named():
    """With the nearest name that there is."""
    with pytest.raises(UnknownNameError, match="did you mean 'simple'"):
        simulate("simpel", BURST)


def test_the_same_seed_gives_the_same_run():
    """Requests, workers and decisions are equal."""
    first, second = (simulate("free-worker", BURST, arguments={"max_workers": 3}, seed=4) for _ in range(2))

    assert (first.workers, first.ticks) == (second.workers, second.ticks)
    assert first.requests.began == second.requests.began


def test_totals_are_those_of_the_run_that_kept_everything():
    """Requests and decisions are forgotten as they are settled; what they come to is the same."""
    options = {"arguments": {"max_workers": 3}, "queue_limit": 2, "warm_up": 10}
    load = [(number * 3.0, 10.0 + number % 7) for number in range(10_000)]
    kept, added = simulate("simple", load, **options), simulate("simple", load, **options, keep="totals")

    assert (0, ()) == (len(added.requests), added.ticks)
    assert kept.ended_at == added.ended_at
    assert kept.workers == added.workers
    left_out = {"wait_p50", "wait_p95", "wait_p99", "elasticity", "mean_wait", "utilisation"}
    for name in {one.name for one in kept.metrics().__attrs_attrs__} - left_out:
        assert getattr(kept.metrics(), name) == getattr(added.metrics(), name), name
    assert kept.metrics().mean_wait == pytest.approx(added.metrics().mean_wait)


def test_a_full_queue_refuses():
    """Two of three find a worker or a place; the third is refused, is late, and the result says what was assumed."""
    run = simulate("simple", [(0, 10)] * 3, queue_limit=1)

    assert ((2,), 1) == (run.requests.refused, run.metrics().refused)
    assert "at most 1 request may wait; one that comes then is refused" in run.setting.assumed


def test_what_a_quota_leaves_out_is_among_the_reasons():
    """The cluster says why it started fewer workers than were decided."""
    load = [(0, 100)] * 9
    run = simulate("simple", load, arguments={"max_workers": 9, "scale_up_step": 5}, starts_per_minute=2)

    assert 2 == run.ticks[0].up
    assert "target: 3 of 5 workers not started" in run.ticks[0].reasons[-1]


def test_a_shipped_trace_has_its_name():
    """It is read, and its source is in the run."""
    run = simulate("free-worker", "azure_llm_code_2023", arguments={"max_workers": 30}, until=120)

    assert "azure_llm_code_2023" == run.workload.name
    assert run.workload.source


def test_the_compiled_engine_is_refused_where_it_cannot_do_it():
    """And says what it can't do."""
    with pytest.raises(ArgumentError, match="clients wait for their answers"):
        simulate("simple", Clients(1, service_time=1, stop=10), engine="compiled")
    with pytest.raises(ArgumentError, match="'fast' is not one of auto, python, compiled"):
        simulate("simple", BURST, engine="fast")


def test_clients_that_never_stop_need_an_end():
    """Or the run would have none."""
    with pytest.raises(ArgumentError, match="until: clients never stop"):
        simulate("simple", Clients(1, service_time=1))


def test_what_is_no_workload_is_one_line():
    """Whatever was given."""
    with pytest.raises(ContractError, match="is not a workload, a name, a path, or pairs"):
        simulate("simple", [1, 2])


@pytest.mark.parametrize("keep", ["all", "totals"])
def test_a_request_that_lost_its_worker_and_still_waits_was_never_begun_with(keep):
    """It had a worker, which crashed; at the end it waits, and is late."""
    faults = Faults(crashes_per_hour=100_000)
    nobody = {"min_workers": 0, "max_workers": 0}
    metrics = simulate("simple", [(0, 500)], arguments=nobody, faults=faults, tail=100, keep=keep).metrics()

    assert (1, 1, 0) == (metrics.interrupted, metrics.waiting_at_end, metrics.answered)
    assert (0.0, 100.0) == (metrics.slo_attainment, metrics.wait_max)


def test_two_scalers_meet_the_same_luck():
    """What becomes of each worker, in the order in which they are started, doesn't depend on the policy."""
    faults = Faults(start_failure=0.3, crashes_per_hour=20)
    load = [(number * 2.0, 15.0) for number in range(300)]
    cold_start = ColdStart([20], spread=0.5)
    first, second = (
        simulate(scaler, load, arguments={"max_workers": 12}, cold_start=cold_start, faults=faults, seed=3)
        for scaler in ("simple", "free-worker")
    )
    starts = [
        [round(life.ready_at - life.started_at, 6) if life.ready_at is not None else None for life in run.workers]
        for run in (first, second)
    ]
    both = [(one, two) for one, two in zip(*starts, strict=False) if one is not None and two is not None]

    assert len(both) > 10
    assert [one for one, _ in both[1:]] == [two for _, two in both[1:]]
    assert any("crashed" == life.why for life in first.workers)


def test_old_news_and_late_decisions_are_played():
    """The setting says so, and the policy sees nothing until the first news are there."""
    run = simulate("simple", BURST, arguments={"max_workers": 3}, lag=Lag(observation=30, decision=10), until=200)

    assert [-1, -1, 1] == [tick.busy for tick in run.ticks[:3]]
    assert any("news are 30 s old" in sentence for sentence in run.setting.assumed)


@given(
    gaps=st.lists(st.tuples(st.floats(0, 60), st.floats(0, 60)), max_size=25),
    concurrency=st.integers(1, 3),
    queue_limit=st.none() | st.integers(0, 4),
    crashes=st.sampled_from([0, 60]),
    until=st.none() | st.integers(1, 300),
)
@settings(max_examples=40, deadline=None)
def test_every_request_is_conserved(gaps, concurrency, queue_limit, crashes, until):
    """Each that came was answered, refused, waits, or is being served; and nobody was answered before it began."""
    load = [(sum(gap for gap, _ in gaps[: number + 1]), service) for number, (_, service) in enumerate(gaps)]
    run = simulate(
        "simple",
        load,
        arguments={"max_workers": 4, "max_idle_time": 20},
        concurrency=concurrency,
        queue_limit=queue_limit,
        faults=Faults(crashes_per_hour=crashes) if crashes else None,
        until=until,
        tail=500,
    )
    fates, metrics = run.requests, run.metrics()
    serving = sum(
        math.isnan(end) and not math.isnan(began) for began, end in zip(fates.began, fates.answered, strict=True)
    )

    assert len(fates) == metrics.answered + metrics.refused + metrics.waiting_at_end + serving
    assert len(fates) == sum(came <= run.ended_at for came, _ in load)
    assert all(
        math.isnan(end) or end == pytest.approx(began + service)
        for began, end, service in zip(fates.began, fates.answered, fates.service, strict=True)
    )
    assert 0 == metrics.killed
    assert 0 <= (metrics.utilisation or 0) <= 1 + 1e-9
