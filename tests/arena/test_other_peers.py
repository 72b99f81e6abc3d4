"""The rules of AWS target tracking, Dask, AIAD and MArk, as published."""

from __future__ import annotations

import pytest

from benchmarks.arena.peers.aiad import LATENCY, AiadAutoScaler
from benchmarks.arena.peers.aws import AwsTargetTrackingAutoScaler
from benchmarks.arena.peers.dask import DaskAutoScaler
from benchmarks.arena.peers.demand import recalled
from benchmarks.arena.peers.mark import MarkAutoScaler
from everai_autoscaler.testing import snapshot, worker

NOW = snapshot().observed_at // 60 * 60
IDLE = {"idle_for": 900}


def asked(policy, *moments):
    """What *policy* starts, or removes as a negative number, at each of *moments*: seconds, and a snapshot's words."""
    memory, told = None, []
    for second, words in moments:
        result, memory = policy.decide_with_memory(snapshot(observed_at=NOW + second, **words), memory)
        told.append(result.up or -len(result.down))
    return told


def slow(milliseconds, **words):
    """A snapshot's words with an average latency."""
    return {**words, "signals": {LATENCY: {"value": milliseconds / 1000, "age": 0}}}


def test_aws_scales_out_after_three_minutes():
    """Three finished minutes above the target scale out in proportion to the last."""
    moments = [(20 * look, {"waiting": 6, "busy": 1}) for look in range(10)]

    assert [0] * 9 + [9] == asked(AwsTargetTrackingAutoScaler(max_workers=50), *moments)


def test_aws_begins_anew_after_a_minute_that_is_not_above():
    """One minute at the target between them, and no three are in a row."""
    moments = [(60 * minute, {"waiting": waiting, "busy": 1}) for minute, waiting in enumerate([2, 2, 0, 2, 2])]

    assert [0] * 5 == asked(AwsTargetTrackingAutoScaler(target=1), *moments)


def test_aws_scales_in_by_one_after_fifteen_minutes():
    """Fifteen finished minutes below 90 % of the target take one away; the next waits for the cooldown of 300 s."""
    moments = [(60 * minute, {"busy": 1, "free": 4, **IDLE}) for minute in range(16)]
    moments += [(60 * minute, {"busy": 1, "free": 3, **IDLE}) for minute in range(16, 21)]

    assert [0] * 15 + [-1] + [0] * 4 + [-1] == asked(AwsTargetTrackingAutoScaler(), *moments)


def test_aws_does_not_scale_in_above_its_target():
    """With two workers at 60 % of use, one would be above the target of 70 %: none leaves."""
    moments = [(30 * look, {"busy": 1 + look % 2, "free": 1 - look % 2, **IDLE}) for look in range(40)]

    assert [0] * 40 == asked(AwsTargetTrackingAutoScaler(target=0.9), *moments)


def test_aws_holds_up_a_scale_out_that_is_not_larger():
    """While new workers start, the same alarm asks for no more than before."""
    moments = [(60 * minute, {"waiting": 6, "busy": 1}) for minute in range(4)]
    moments += [(60 * minute, {"waiting": 6, "busy": 1, "inflight": 9}) for minute in range(4, 8)]

    assert [0, 0, 0, 9, 0, 0, 0, 0] == asked(AwsTargetTrackingAutoScaler(max_workers=50), *moments)


@pytest.mark.parametrize(
    ("waiting", "took", "up"),
    [(20, 2.0, 7), (20, 0.0, 1), (3, 60.0, 2), (0, 60.0, 0)],
)
def test_dask_has_the_workers_that_finish_in_time(waiting, took, up):
    """Twenty requests of 2 s take 40 s: eight workers finish them in 5 s; never more workers than requests."""
    free = worker("a", "Free", average_response_time=took, number_of_successes=1 if took else 0)

    assert up == DaskAutoScaler().decide(snapshot(waiting=waiting, workers=[free])).up


def test_dask_lets_a_worker_go_at_the_third_look():
    """An idle worker leaves once it was to go in three looks in a row."""
    idle = {"free": 1, **IDLE}

    assert [0, 0, -1] == asked(DaskAutoScaler(), (0, idle), (20, idle), (40, idle))
    assert [0, 0, 0, 0] == asked(DaskAutoScaler(), (0, idle), (20, idle), (40, {"waiting": 1, **idle}), (60, idle))


def test_dask_lets_those_go_first_that_have_not_arrived():
    """Of two workers too many, the one that starts goes before the idle one."""
    moments = [(second, {"busy": 1, "free": 1, "inflight": 1}) for second in (0, 20, 40)]
    policy, memory = DaskAutoScaler(target_duration=0.25), None
    for second, words in moments:
        result, memory = policy.decide_with_memory(snapshot(observed_at=NOW + second, **words), memory)

    assert ("inflight-1", "free-1") == result.down


def test_aiad_adds_one_after_three_looks():
    """Three looks in a row above the target add one; a look below it begins anew."""
    over, under = slow(721, busy=1), slow(720, busy=1)

    assert [0, 0, 1] == asked(AiadAutoScaler(), (0, over), (10, over), (20, over))
    assert [0, 0, 0, 0] == asked(AiadAutoScaler(), (0, over), (10, over), (20, under), (30, over))


def test_aiad_takes_one_away_after_sixty_looks():
    """Sixty looks at or below the target take one away."""
    moments = [(10 * look, slow(180, free=3, **IDLE)) for look in range(61)]

    assert [0] * 59 + [-1, -1] == asked(AiadAutoScaler(), *moments)


def test_aiad_drops_what_it_wants_while_a_change_is_in_progress():
    """With a worker starting, the third slow look adds none."""
    assert [0, 0, 0] == asked(AiadAutoScaler(), *((10 * look, slow(900, busy=1, inflight=1)) for look in range(3)))


def test_aiad_does_not_ask_again_where_there_was_no_room():
    """An increase that could not be met is dropped: the next one needs three looks again."""
    assert [0, 0, 1, 0, 0, 1] == asked(AiadAutoScaler(), *((10 * look, slow(900, busy=1)) for look in range(6)))


def test_mark_sizes_the_fleet_by_the_largest_minute():
    """A minute of 1,200 requests is 20 a second: at 0.18 s and 0.72 s, five workers."""
    moments = [(10 * look, slow(180, busy=1, arrivals=200)) for look in range(7)]

    assert [0, 0, 0, 0, 0, 0, 4] == asked(MarkAutoScaler(), *moments)


def test_mark_adds_one_when_it_is_slow():
    """Between two forecasts, three slow looks add one."""
    assert [0, 0, 1] == asked(MarkAutoScaler(), *((10 * look, slow(900, busy=1, arrivals=0)) for look in range(3)))


@pytest.mark.parametrize(
    "policy", [AwsTargetTrackingAutoScaler(), DaskAutoScaler(), AiadAutoScaler(), MarkAutoScaler()]
)
def test_not_known_holds(policy):
    """Where what it needs isn't known, nothing is done and nothing forgotten."""
    result, memory = policy.decide_with_memory(snapshot(waiting=None, workers=None), {"any": 1})

    assert (True, {"any": 1}) == (result.held, memory)


def test_memory_of_another_kind_is_forgotten():
    """What another policy remembered is no memory."""
    assert {"a": 1} == recalled({"b": 2}, a=1)
    assert {"a": 3} == recalled({"a": 3}, a=1)
