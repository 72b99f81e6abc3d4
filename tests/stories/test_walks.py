"""The two walks that users are shown: four clients, two minutes of load, and what becomes of the workers."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler, WorkerStatus, run
from everai_autoscaler.testing import Clients, VirtualTarget, queue_table, worker_table

FREE_WORKERS = FreeWorkerAutoScaler(min_workers=1, max_workers=5, min_free_workers=1, scale_up_step=1, max_idle_time=60)
QUEUE = SimpleAutoScaler(min_workers=1, max_workers=5, max_queue_size=2, scale_up_step=1, max_idle_time=60)

PERIOD = 20
LOAD_STARTS = 4 * PERIOD
"""The load starts in the period after this; the phase says where in it."""


def between(shortest, longest):
    """Durations in whole milliseconds, so that no float of an epoch rounds one across a tick."""
    return st.integers(round(shortest * 1000), round(longest * 1000)).map(lambda milliseconds: milliseconds / 1000)


service_times = between(0.5, 70)
cold_starts = between(0, PERIOD) | st.sampled_from([0, 15, PERIOD])
phases = between(0.001, PERIOD) | st.sampled_from([5, PERIOD])


def walk_target(service_time, cold_start, phase, *, load_lasts=120):
    begins = LOAD_STARTS + phase
    clients = Clients(4, service_time=service_time, start=begins, stop=begins + load_lasts)
    return VirtualTarget(workers=1, cold_start=cold_start, load=[clients])


def epoch(moment):
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()


def renamed(table, target, names):
    for worker, name in zip(target.everyone, names, strict=True):
        table = table.replace(worker.worker_id, name)
    return table


FREE_WORKERS_UNDER_LOAD = """\
ID                      STATUS    DETAIL_STATUS    CREATED_AT                DELETED_AT
----------------------  --------  ---------------  ------------------------  ------------
5LJtBqJsRYgT67ZEuMAt88  RUNNING   BUSY             2024-07-29T02:42:50+0000
VtU8mgrcneAqQzSh9GE5KQ  RUNNING   BUSY             2024-07-29T03:06:50+0000
iMrG9wGR6y8xYanE3Dpxna  RUNNING   BUSY             2024-07-29T03:07:10+0000
UtybEMGoZ4FtAF5Vjuddmu  RUNNING   BUSY             2024-07-29T03:07:30+0000
LurJwFLStbYoarbNjepGHV  RUNNING   FREE             2024-07-29T03:07:50+0000"""

FREE_WORKERS_AFTERWARDS = """\
ID                      STATUS    DETAIL_STATUS    CREATED_AT                DELETED_AT
----------------------  --------  ---------------  ------------------------  ------------
5LJtBqJsRYgT67ZEuMAt88  RUNNING   FREE             2024-07-29T02:42:50+0000"""

EVERYONE_AFTERWARDS = """\
ID                      STATUS      DETAIL_STATUS    CREATED_AT                DELETED_AT
----------------------  ----------  ---------------  ------------------------  ------------------------
5LJtBqJsRYgT67ZEuMAt88  RUNNING     FREE             2024-07-29T02:42:50+0000
VtU8mgrcneAqQzSh9GE5KQ  TERMINATED                   2024-07-29T03:06:50+0000  2024-07-29T03:09:50+0000
iMrG9wGR6y8xYanE3Dpxna  TERMINATED                   2024-07-29T03:07:10+0000  2024-07-29T03:09:50+0000
UtybEMGoZ4FtAF5Vjuddmu  TERMINATED                   2024-07-29T03:07:30+0000  2024-07-29T03:09:50+0000
LurJwFLStbYoarbNjepGHV  TERMINATED                   2024-07-29T03:07:50+0000  2024-07-29T03:09:10+0000"""

QUEUE_UNDER_LOAD = """\
  QUEUE_INDEX  CREATE_AT                 QUEUE_REASON
-------------  ------------------------  --------------
            0  2024-07-03T22:24:07+0000  WorkerBusy
            1  2024-07-03T22:24:07+0000  WorkerBusy"""


def test_the_free_worker_walk_ends_in_the_tables_shown():
    """One worker; under load one more each period until four are busy and one is free; afterwards the first alone."""
    start, begins, ends = map(epoch, ("2024-07-29T02:43:50", "2024-07-29T03:06:45", "2024-07-29T03:08:45"))
    clients = Clients(4, service_time=10, start=begins - start, stop=ends - start)
    target = VirtualTarget(workers=1, cold_start=15, load=[clients], start=start)
    tables = {}
    for tick in run(target, FREE_WORKERS, interval=PERIOD, clock=target.clock):
        tables[tick.factors.observed_at] = worker_table(tick.factors.workers)
        if target.clock.now() > ends + 120:
            break
    names = [line.split()[0] for line in FREE_WORKERS_UNDER_LOAD.splitlines()[2:]]
    before, during, after = (
        renamed(tables[epoch(moment)], target, names)
        for moment in ("2024-07-29T03:06:30", "2024-07-29T03:08:30", "2024-07-29T03:10:10")
    )
    everyone = worker_table(target.everyone, deleted_at=target.deleted_at)

    assert FREE_WORKERS_AFTERWARDS == before
    assert FREE_WORKERS_UNDER_LOAD == during
    assert FREE_WORKERS_AFTERWARDS == after
    assert EVERYONE_AFTERWARDS == renamed(everyone, target, names)


def test_the_queue_walk_ends_in_the_tables_shown():
    """Under load two workers are busy and two requests wait, and two is not more than two."""
    start, begins = map(epoch, ("2024-07-03T22:20:10", "2024-07-03T22:24:07"))
    clients = Clients(4, service_time=60, start=begins - start, stop=begins - start + 120)
    target = VirtualTarget(workers=1, cold_start=15, load=[clients], start=start)
    for _tick in run(target, QUEUE, interval=PERIOD, clock=target.clock):
        if target.clock.now() >= epoch("2024-07-03T22:24:30"):
            break
    statuses = [line.split()[1:3] for line in worker_table(target.workers).splitlines()[2:]]

    assert QUEUE_UNDER_LOAD == queue_table(target.queue)
    assert [["RUNNING", "BUSY"], ["RUNNING", "BUSY"]] == statuses


@given(service_time=service_times, cold_start=cold_starts, phase=phases)
def test_the_free_worker_walk_is_always_the_same(play, service_time, cold_start, phase):
    """Statuses, spacing and survivor hold for any service time, any cold start within the period, and any phase."""
    target = walk_target(service_time, cold_start, phase)
    first = target.workers[0].worker_id
    ticks = play(target, FREE_WORKERS, seconds=LOAD_STARTS + 300)
    starts = [worker.started_at for worker in target.everyone[1:]]
    counts = [len(tick.factors.workers) for tick in ticks]
    under_load = [
        (tick.factors.count(WorkerStatus.Busy), tick.factors.count(WorkerStatus.Free))
        for tick in ticks
        if LOAD_STARTS + phase <= tick.factors.observed_at - ticks[0].factors.observed_at < LOAD_STARTS + phase + 120
    ]

    assert [1] * 5 == counts[:5]
    assert (4, 1) == under_load[5] == under_load[-1]
    assert [PERIOD] * 3 == [later - earlier for earlier, later in pairwise(starts)]
    assert [first] == [worker.worker_id for worker in target.workers]


@given(service_time=service_times, cold_start=cold_starts, phase=phases)
def test_the_last_come_free_worker_leaves_about_a_minute_before_the_others(play, service_time, cold_start, phase):
    """The spare never served, so its idle time began with its readiness; the others leave together."""
    target = walk_target(service_time, cold_start, phase)
    play(target, FREE_WORKERS, seconds=LOAD_STARTS + 300)
    deleted_at = target.deleted_at
    *others, last = [deleted_at[worker.worker_id] for worker in target.everyone[1:]]

    assert 1 == len(set(others))
    assert others[0] - last in (2 * PERIOD, 3 * PERIOD)


def test_the_last_come_free_worker_leaves_a_minute_before_the_others():
    """After a long load the spare goes at the first tick without it, and the others when their idle time is over."""
    target = walk_target(10, 15, 5, load_lasts=600)
    list(islice(run(target, FREE_WORKERS, interval=PERIOD, clock=target.clock), 60))
    deleted_at = target.deleted_at
    *others, last = [deleted_at[worker.worker_id] for worker in target.everyone[1:]]

    assert [60.0] * 3 == [other - last for other in others]


@given(
    service_time=service_times,
    cold_start=between(PERIOD + 0.001, 2 * PERIOD) | st.just(2 * PERIOD),
    phase=phases,
)
def test_a_cold_start_above_the_period_doubles_the_spacing(play, service_time, cold_start, phase):
    """A worker that still starts holds the next one back for one more period."""
    target = walk_target(service_time, cold_start, phase, load_lasts=240)
    first = target.workers[0].worker_id
    play(target, FREE_WORKERS, seconds=LOAD_STARTS + 420)
    starts = [worker.started_at for worker in target.everyone[1:]]

    assert [2 * PERIOD] * 3 == [later - earlier for earlier, later in pairwise(starts)]
    assert [first] == [worker.worker_id for worker in target.workers]


@given(service_time=service_times, cold_start=cold_starts, phase=phases)
def test_the_queue_walk_is_always_the_same(play, service_time, cold_start, phase):
    """Two busy and two waiting, for any service time, any cold start within the period, and any phase."""
    target = walk_target(service_time, cold_start, phase)
    first = target.workers[0].worker_id
    ticks = play(target, QUEUE, seconds=LOAD_STARTS + 300)
    under_load = [
        (tick.factors.count(WorkerStatus.Busy), tick.factors.count(), tick.factors.waiting())
        for tick in ticks
        if LOAD_STARTS + phase <= tick.factors.observed_at - ticks[0].factors.observed_at < LOAD_STARTS + phase + 120
    ]

    assert [(1, 1, 3), *[(2, 2, 2)] * 5] == under_load
    assert 2 == len(target.everyone)
    assert [first] == [worker.worker_id for worker in target.workers]


@pytest.mark.parametrize("scaler", [FREE_WORKERS, QUEUE], ids=["free-worker", "simple"])
def test_without_load_the_first_worker_stays_alone(play, scaler):
    """Before the load there is one worker, and an hour changes nothing."""
    target = VirtualTarget(workers=1)
    ticks = play(target, scaler, seconds=3600)

    assert not any(tick.result.actions for tick in ticks)
