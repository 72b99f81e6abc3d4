"""The scaler ``hpa``: the formula, what calms it, and what bounds it."""

from __future__ import annotations

from itertools import islice

import pytest
from everai_autoscaler_hpa import HpaAutoScaler, Policy, parse_policies
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler import Decider, Registry, run
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import Fleet, Signal
from everai_autoscaler.testing import Clients, VirtualTarget, snapshot, worker

NOW = snapshot().observed_at
IDLE = {"idle_for": 900}
MISSING, UNREADY, DELETED = "missing", "unready", "deleted"


def asked(policy, *moments):
    """What *policy* starts, or removes as a negative number, at each of *moments*: seconds, and a snapshot's words."""
    memory, told = None, []
    for second, words in moments:
        result, memory = policy.decide_with_memory(snapshot(observed_at=NOW + second, **words), memory)
        told.append(result.up or -len(result.down))
    return told


@pytest.mark.parametrize(
    ("requests", "there", "wanted"),
    [
        (200, 1, 2),  # the documentation's example: 200m of a target of 100m doubles the replicas
        (50, 2, 1),  # and half of it halves them
        (109, 1, 1),  # a ratio of 1.09 is within the tolerance of 0.1
        (110, 1, 1),  # so is 1.1 itself
        (111, 1, 2),
        (90, 1, 1),
        (0, 3, 0),
        (1, 0, 1),
    ],
)
def test_hpa_recommends_the_ceiling_of_the_ratio(requests, there, wanted):
    """The recommendation is ceil(current x metric / target), and the present count within the tolerance."""
    assert wanted == HpaAutoScaler(target=100).aim.average(requests, there)


def test_hpa_rises_in_steps():
    """Fifty requests on one worker are met by doubling: 1, 5, 10, 20."""
    steps = [
        (0, {"waiting": 49, "busy": 1}),
        (20, {"waiting": 45, "busy": 5}),
        (40, {"waiting": 40, "busy": 10}),
        (60, {"waiting": 30, "busy": 20}),
        (80, {"waiting": 10, "busy": 40}),
    ]

    assert [4, 5, 10, 20, 10] == asked(HpaAutoScaler(target=1, max_workers=50), *steps)


def test_hpa_counts_what_it_started_within_the_period():
    """Two looks within 15 s share one period."""
    twice = [(0, {"waiting": 49, "busy": 1}), (10, {"waiting": 49, "busy": 1, "inflight": 4})]

    assert [4, 0] == asked(HpaAutoScaler(target=1, max_workers=50), *twice)


def test_hpa_goes_down_to_the_highest_wish_of_five_minutes():
    """Idle workers leave only when the last higher recommendation is 300 s old."""
    moments = [(0, {"waiting": 0, "busy": 3}), *((second, {"free": 3, **IDLE}) for second in (20, 280, 299, 300))]

    assert [0, 0, 0, 0, -2] == asked(HpaAutoScaler(target=1), *moments)


def test_hpa_kills_nobody_at_work():
    """Where all are busy, nobody leaves, however few are wanted."""
    moments = [(second, {"busy": 3}) for second in (0, 301, 602)]

    assert [0, 0, 0] == asked(HpaAutoScaler(target=3), *moments)


@pytest.mark.parametrize(("before", "most"), [(1, 5), (3, 7), (4, 8), (5, 10), (40, 80)])
def test_hpa_starts_at_most_four_or_as_many_again(before, most):
    """In one period the workers become at most twice as many, or four more: the larger of both."""
    _, memory = HpaAutoScaler(target=1, max_workers=99).decide_with_memory(snapshot(waiting=500, free=before), None)

    assert most == before + memory["started"][0][1]


def test_what_was_removed_within_the_period_may_be_started_again():
    """The workers at the beginning of a period count, so that a mistake on the way down is put right at once."""
    policy = HpaAutoScaler(target=1, down_window=0, up_policies="1/60s")

    assert [-6, 7] == asked(policy, (0, {"free": 8, "waiting": 2, **IDLE}), (5, {"free": 2, "waiting": 20}))


def test_the_period_of_each_policy_is_its_own():
    """One worker in 10 s, but three in a minute: the fourth has to wait, where the least change counts."""
    policy = HpaAutoScaler(target=1, up_policies="1/10s, 3/60s", up_select="min")
    moments = [(10 * n, {"waiting": 20, "free": 1 + min(n, 3)}) for n in range(6)]

    assert [1, 1, 1, 0, 0, 0] == asked(policy, *moments)


def test_disabled_is_a_way_that_is_never_gone():
    """With a selection of ``disabled`` nobody is started, or nobody is removed."""
    up, down = HpaAutoScaler(up_select="disabled"), HpaAutoScaler(down_select="disabled", down_window=0)

    assert [0] == asked(up, (0, {"waiting": 50, "free": 2}))
    assert [0] == asked(down, (0, {"free": 5, **IDLE}))


@pytest.mark.parametrize(
    ("text", "policies"),
    [
        ("4/15s", [Policy(4, percent=False, period=15)]),
        (" 100 % / 15 s , 4/60s", [Policy(100, percent=True, period=15), Policy(4, percent=False, period=60)]),
        ("1/0.5s", [Policy(1, percent=False, period=0.5)]),
    ],
)
def test_policies_are_text(text, policies):
    """Each policy is a number of workers or percent over a period; commas part them."""
    assert policies == list(parse_policies(text))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"up_policies": "fast"}, "up_policies: 'fast' is not a list of policies such as '100%/15s, 4/15s'"),
        ({"down_policies": ""}, "down_policies: '' is not a list of policies such as '100%/15s, 4/15s'"),
        ({"down_policies": "4/0s"}, "down_policies: '4/0s' is not a list"),
        ({"up_select": "Max"}, "up_select 'Max' is not one of disabled, max, min"),
        ({"target_type": "averge"}, "target_type 'averge' is not one of average, .*did you mean 'average'"),
        ({"target_type": "utilization", "metric": "gpu"}, "metric: 'gpu' has no capacity"),
        ({"target": 0}, "target: 0 is not a number above 0"),
    ],
)
def test_a_bad_argument_is_one_line(arguments, why):
    """What isn't accepted is named, with what is."""
    with pytest.raises(ArgumentError, match=why):
        HpaAutoScaler(**arguments)


@pytest.mark.parametrize(
    ("case", "levels", "target", "wanted"),
    [
        ("ScaleUp", [300, 500, 700], 0.30, 5),
        ("ScaleUpUnreadyLessScale", [UNREADY, 500, 700], 0.30, 4),
        ("ScaleUpUnreadyNoScale", [400, UNREADY, UNREADY], 0.30, 3),
        ("ScaleUpIgnoresDeletionPods", [500, 700, DELETED, DELETED], 0.30, 4),
        ("ScaleDown", [100, 300, 500, 250, 250], 0.50, 3),
        ("ScaleDownIncludeUnreadyPods", [100, 300, 500, UNREADY, UNREADY], 0.50, 2),
        ("MissingMetrics", [400, 95, MISSING, MISSING], 1.00, 3),
        ("MissingMetricsNoChangeEq", [1000, MISSING], 1.00, 2),
        ("MissingMetricsNoChangeGt", [1900, MISSING], 1.00, 2),
        ("MissingMetricsNoChangeLt", [600, MISSING], 1.00, 2),
        ("MissingMetricsUnreadyChange", [UNREADY, 450, MISSING], 0.50, 3),
        ("MissingMetricsUnreadyScaleUp", [UNREADY, 2000, MISSING], 0.50, 4),
        ("MissingMetricsUnreadyScaleDown", [UNREADY, 100, 100, MISSING], 0.50, 3),
    ],
)
def test_the_controllers_own_cases_of_use(case, levels, target, wanted):
    """A utilisation ends in the number of workers that ``replica_calculator_test.go`` of Kubernetes states."""
    factors = snapshot(workers=[made(f"w{n}", level) for n, level in enumerate(levels)])
    aim = HpaAutoScaler(target_type="utilization", target=target).aim

    assert wanted == aim.recommended(factors, Fleet.of(factors)).count, case


def made(name, level):
    """A worker of 1000 at this level."""
    if level == UNREADY:
        return worker(name, "Inflight", concurrency=1000)
    if level == DELETED:
        return worker(name, "Busy", concurrency=1000, current_request=100, draining=True)
    return worker(name, "Busy", concurrency=1000, current_request=0 if level == MISSING else level)


def of_signal(*values, **more):
    """Ready workers, each of which says a number of tokens, or nothing."""
    said = [{} if one is None else {"signals": {"tokens": Signal(value=one, age=5)}} for one in values]
    return snapshot(workers=[worker(f"w{n}", "Free", **one) for n, one in enumerate(said)], waiting=0, **more)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((20, 10, 30), 4),  # 20 on average, of a target of 15
        ((20, 10, None), 3),  # the silent one counts as idle: 10, which isn't enough to go either way
        ((5, 5, 5, None), 2),  # on the way down it counts as just at the target: 30 of 60
        ((15, 15), 2),
    ],
)
def test_a_signal_of_the_workers_is_averaged(values, wanted):
    """The metric of each worker, as of a source of type Pods, with care for those that don't say it."""
    factors = of_signal(*values)
    aim = HpaAutoScaler(metric="tokens", target_type="worker", target=15).aim

    assert wanted == aim.recommended(factors, Fleet.of(factors)).count


@pytest.mark.parametrize(
    ("target_type", "words", "wanted"),
    [
        ("average", {"free": 2}, 5),  # 50 in all, 10 for each
        ("value", {"free": 2}, 10),  # five times what it should be
        ("value", {"free": 2, "inflight": 2}, 10),  # those that start had no part in it
        ("value", {"inflight": 2}, 2),
        ("value", {}, 5),
    ],
)
def test_a_signal_of_the_whole_is_a_sum_or_a_value(target_type, words, wanted):
    """A signal of the snapshot is shared by the workers, or itself what should be at the target."""
    factors = snapshot(**words, signals={"tokens": Signal(value=50, age=5)})
    aim = HpaAutoScaler(metric="tokens", target_type=target_type, target=10).aim

    assert wanted == aim.recommended(factors, Fleet.of(factors)).count


@pytest.mark.parametrize(
    ("policy", "factors", "why"),
    [
        (HpaAutoScaler(), snapshot(waiting=None, free=2, **IDLE), "the queue or the workers are not known"),
        (HpaAutoScaler(), snapshot(workers=None), "the workers are not known"),
        (HpaAutoScaler(metric="tokens"), snapshot(free=2, **IDLE), "tokens is not known"),
        (
            HpaAutoScaler(metric="tokens", signal_age=10),
            snapshot(free=2, signals={"tokens": Signal(value=1, age=11)}),
            "tokens is not known",
        ),
        (
            HpaAutoScaler(metric="tokens", target_type="worker"),
            of_signal(None),
            "no worker that is ready says its tokens",
        ),
        (HpaAutoScaler(target_type="worker"), snapshot(waiting=None, busy=1), "the queue is not known"),
        (HpaAutoScaler(target_type="utilization"), snapshot(inflight=2), "no worker that is ready says its use"),
    ],
)
def test_not_known_holds_and_forgets_nothing(policy, factors, why):
    """Where something that it needs isn't known it does nothing, says so, and remembers what it remembered."""
    memory = {"most": [[NOW - 5, 4]], "least": [[NOW - 5, 4]], "started": [], "removed": []}
    result, remembered = policy.decide_with_memory(factors, memory)

    assert (True, [], memory) == (result.held, result.actions, remembered)
    assert why == result.reasons[0].why


def test_the_minimum_is_kept_whatever_is_known():
    """Below the minimum it starts workers also where the metric isn't known."""
    assert 2 == HpaAutoScaler(metric="tokens", min_workers=3).decide(snapshot(free=1)).up


def test_by_use_the_first_worker_is_woken_by_what_waits():
    """Nobody measures anything at zero: one worker is there while anything waits."""
    policy = HpaAutoScaler(target_type="utilization", min_workers=0)

    assert [1] == asked(policy, (0, {"waiting": 9}))
    assert [0] == asked(policy, (0, {"waiting": 0}))


def test_its_memory_is_short():
    """Of the recommendations only those stay that a later one doesn't make irrelevant."""
    policy, memory = HpaAutoScaler(target=1), None
    for tick in range(200):
        factors = snapshot(observed_at=NOW + tick, waiting=tick % 7, free=7)
        _, memory = policy.decide_with_memory(factors, memory)

    assert [7, 6, 3] == [workers for _, workers in memory["most"]]
    assert 1 == len(memory["least"])


@pytest.mark.parametrize("memory", ["nonsense", 7, [], {"most": 3}, {"most": [], "least": [["x"]], "started": []}])
def test_a_memory_that_it_did_not_write_does_no_harm(memory):
    """Another policy's memory is as good as none."""
    factors = snapshot(waiting=3, free=2)

    assert HpaAutoScaler().decide(factors) == HpaAutoScaler().decide_with_memory(factors, memory)[0]


def test_a_clock_that_was_set_back_forgets_what_is_to_come():
    """What is remembered of a later moment isn't waited for."""
    later = {"most": [[NOW + 9000, 9]], "least": [[NOW + 9000, 9]], "started": [[NOW + 9000, 4]], "removed": []}
    result, memory = HpaAutoScaler(target=1).decide_with_memory(snapshot(waiting=2, free=2), later)

    assert ([], [[NOW, 2]]) == (result.actions, memory["most"])


@given(waiting=st.integers(0, 90), more=st.integers(1, 90), free=st.integers(0, 12))
def test_more_requests_never_want_fewer_workers(waiting, more, free):
    """Whatever the policies allow, more waiting asks for at least as many workers."""
    policy = HpaAutoScaler(max_workers=99, down_window=0)
    few, many = (policy.decide(snapshot(waiting=one, free=free, **IDLE)) for one in (waiting, waiting + more))

    assert few.up - len(few.down) <= many.up - len(many.down)


def test_constant_load_never_flaps():
    """Four clients get five workers at 0.8 requests for each, and from then on nobody comes or goes."""
    target = VirtualTarget(workers=1, cold_start=15, load=[Clients(4, service_time=7)])

    ticks = list(islice(run(target, Decider(HpaAutoScaler()), interval=15, clock=target.clock), 100))

    assert 5 == len(target.workers)
    assert [] == [tick.result.actions for tick in ticks[10:] if tick.result.actions]


def test_it_is_found_by_its_name():
    """Once the distribution is installed, a Decider knows the scaler by name, and reads text arguments."""
    decider = Decider("hpa", {"target": "2", "up_tolerance": "0.2"}, registry=Registry.installed())

    assert 1 == decider.decide(snapshot(waiting=3, busy=1)).up
