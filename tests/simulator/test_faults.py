"""What goes wrong with simulated workers, and what becomes of their requests."""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler import Decider, run
from everai_autoscaler.errors import ArgumentError, ContractError, UnknownNameError
from everai_autoscaler.model import (
    DecideResult,
    Dispatch,
    Factors,
    QueueReason,
    ScaleDownAction,
    ScaleUpAction,
    WorkerStatus,
)
from everai_autoscaler.simulator.capacity import Capacity
from everai_autoscaler.simulator.clock import VirtualClock
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.faults import ColdStart, Faults, Machine
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.workload import Workload

START = 1_000_000.0


def up(count):
    return DecideResult(max_workers=99, actions=[ScaleUpAction(count=count)])


def down(*worker_ids):
    return DecideResult(max_workers=99, actions=[ScaleDownAction(worker_id=worker_id) for worker_id in worker_ids])


def at(cluster, seconds):
    """What *cluster* shows so many seconds after its start."""
    cluster.clock.sleep_until(START + seconds)
    return cluster.observe()


def make(**options):
    return Cluster(start=START, **options)


def lost_at(cluster):
    """The second at which the first worker of *cluster* was gone, in a time that is long enough."""
    cluster.clock.sleep_until(START + 1e7)
    return cluster.lives()[0].ended_at


# Starts


def test_a_start_that_fails_is_gone_when_it_should_be_ready():
    """A worker that fails to start is Inflight for its cold start, and then isn't there."""
    cluster = make(workers=0, cold_start=10, faults=Faults(start_failure=1))
    cluster.apply(up(1))
    before, after = at(cluster, 9), at(cluster, 10)
    (life,) = cluster.lives()

    assert (1, 0) == (len(before.workers), len(after.workers))
    assert ("failed to start", None, 10.0) == (life.why, life.ready_at, life.ended_at)


def test_a_start_may_never_complete():
    """A worker that never completes its start is Inflight for ever, and may be removed."""
    cluster = make(workers=0, cold_start=10, faults=Faults(never_ready=1))
    cluster.apply(up(1))
    (worker,) = at(cluster, 1e5).workers
    cluster.apply(down(worker.worker_id))

    assert WorkerStatus.Inflight is worker.status
    assert ["removed"] == [life.why for life in cluster.lives()]


def test_cold_starts_are_drawn_for_each_worker():
    """The same seed gives each worker the same cold start, whenever it is started; another seed another one."""

    def starts(seed, moments):
        cluster = make(workers=0, cold_start=ColdStart([30], spread=0.5), seed=seed)
        for moment in moments:
            at(cluster, moment)
            cluster.apply(up(1))
        at(cluster, 10_000)
        return [round(life.ready_at - life.started_at, 6) for life in cluster.lives()]

    assert starts(1, [0, 0, 0]) == starts(1, [0, 50, 70])
    assert starts(1, [0, 0, 0]) != starts(2, [0, 0, 0])
    assert 3 == len(set(starts(1, [0, 0, 0])))


def test_a_lognormal_cold_start_has_its_median():
    """Half of many lognormal cold starts are shorter than the number given, and their logarithm has that spread."""
    drawn = sorted(ColdStart([30], spread=0.5).draw(seed=3, ordinal=number) for number in range(2001))

    assert 30 == pytest.approx(drawn[1000], rel=0.05)
    assert math.exp(0.5) == pytest.approx(drawn[1683] / drawn[1000], rel=0.1)


def test_an_empirical_cold_start_draws_what_was_measured():
    """Each of the measured numbers is drawn as often as it stands there."""
    drawn = Counter(ColdStart([10, 20, 20, 40]).draw(seed=3, ordinal=number) for number in range(2000))

    assert {10, 20, 40} == set(drawn)
    assert 0.5 == pytest.approx(drawn[20] / 2000, abs=0.05)


def test_cold_starts_are_learnt_from_recorded_snapshots():
    """What one snapshot repeats of the one before is counted once, also where a snapshot says nothing."""
    said = [[], [12.0], None, [12.0, 12.0], [9.0, 12.0, 12.0]]
    snapshots = [Factors(start_times=times, observed_at=1) for times in said]

    assert (12.0, 12.0, 9.0) == ColdStart.learnt(snapshots).seconds


def test_nothing_to_learn_from_is_refused():
    """Records without a start give no cold start."""
    with pytest.raises(ArgumentError, match="none of the snapshots has start_times"):
        ColdStart.learnt([Factors(observed_at=1)])


# Losses


def test_a_crash_interrupts_and_the_request_waits_again():
    """What a crashed worker served is served again from its beginning, ahead of what came later."""
    faults = Faults(crashes_per_hour=3)
    crash = lost_at(make(workers=1, faults=faults, seed=4))
    load = [(crash - 1, 10), (crash - 0.5, 10)]
    cluster = make(workers=1, faults=faults, seed=4, load=[load], cold_start=15)
    at(cluster, crash)
    cluster.apply(up(1))
    at(cluster, crash + 40)
    fates = cluster.fates()

    assert ["crashed", ""] == [life.why for life in cluster.lives()]
    assert (0,) == fates.interrupted
    assert [15.0, 25.0] == pytest.approx([began - crash for began in fates.began])
    assert [1, 1] == list(fates.worker)


def test_a_crash_gives_its_sessions_up():
    """A session of a crashed worker goes on with another one."""
    faults = Faults(crashes_per_hour=3)
    lucks = [(seed, [faults.luck(seed, ordinal).crashes_after for ordinal in (0, 1)]) for seed in range(20)]
    seed, crash = next((seed, first) for seed, (first, second) in lucks if first + 60 < second)
    load = [(0, 1, "s"), (crash - 1, 10, "s"), (crash - 0.5, 1, "s")]
    cluster = make(workers=2, faults=faults, seed=seed, load=[load], dispatch=Dispatch.OLDEST, session_timeout=1e6)
    at(cluster, crash + 30)
    fates = cluster.fates()

    assert [0, 1, 1] == list(fates.worker)
    assert [0.0, 10.0] == pytest.approx([began - crash for began in fates.began[1:]], abs=1e-6)


def test_crashes_come_at_their_rate():
    """At two an hour, the mean life of many workers is half an hour."""
    cluster = make(workers=400, faults=Faults(crashes_per_hour=2))
    at(cluster, 1e6)

    assert 1800 == pytest.approx(sum(life.ended_at for life in cluster.lives()) / 400, rel=0.15)


def test_a_reclaimed_worker_drains_for_its_notice():
    """From the notice on it takes no request; at its end what it serves waits again."""
    faults = Faults(spot_share=1, reclaims_per_hour=3, notice=30)
    end = lost_at(make(workers=1, faults=faults))
    load = [(end - 31, 100), (end - 20, 1)]
    cluster = make(workers=1, faults=faults, load=[load])
    noticed, gone = at(cluster, end - 10), at(cluster, end + 0.001)

    assert (True, True, 1, {QueueReason.NotDispatch: 1}) == (
        noticed.workers[0].draining,
        noticed.workers[0].spot,
        noticed.workers[0].current_request,
        noticed.queue,
    )
    assert ([], 2) == (gone.workers, gone.waiting())
    assert "reclaimed" == cluster.lives()[0].why


def test_only_spot_workers_are_reclaimed():
    """Workers on capacity of one's own stay; both kinds say what they are."""
    cluster = make(workers=200, faults=Faults(spot_share=0.25, reclaims_per_hour=60))
    spot = [worker.spot for worker in cluster.observe().workers]
    left = at(cluster, 36_000).workers

    assert 0.25 == pytest.approx(sum(spot) / 200, abs=0.08)
    assert [False] * (200 - sum(spot)) == [worker.spot for worker in left]


def test_another_fault_leaves_the_luck_as_it_was():
    """Who crashes when doesn't depend on whether starts fail."""
    crashes = [Faults(crashes_per_hour=1, start_failure=one).luck(1, 5).crashes_after for one in (0, 0.9)]

    assert crashes[0] == crashes[1]


def test_prices_depend_on_the_machine():
    """Each worker says its GPU and what an hour of it costs, less on capacity that may be taken back."""
    machines = [Machine("L4", price=0.7, spot_price=0.3), Machine("H100", price=4.0)]
    cluster = make(workers=40, machines=machines, faults=Faults(spot_share=0.5))
    offers = {(worker.gpu_type, worker.spot, worker.cost) for worker in cluster.workers}

    assert {("L4", False, 0.7), ("L4", True, 0.3), ("H100", False, 4.0), ("H100", True, 4.0)} == offers
    assert [worker.cost for worker in cluster.workers] == [life.cost for life in cluster.lives()]


# Removal


def test_draining_takes_its_time():
    """A removed worker that was ready stays for the draining time, takes nothing, and is shown draining."""
    cluster = make(workers=1, faults=Faults(draining=30), load=[[(10, 1)]])
    cluster.apply(down(cluster.workers[0].worker_id))
    there, gone = at(cluster, 29), at(cluster, 30)

    assert (True, {QueueReason.NotDispatch: 1}) == (there.workers[0].draining, there.queue)
    assert ([], 30.0) == (gone.workers, cluster.lives()[0].ended_at)


def test_a_busy_worker_may_drain():
    """Where removal drains, a busy worker finishes what it serves, takes nothing more, and is gone with its answer."""
    cluster = make(workers=1, removal="drain", load=[[(0, 20), (1, 5)]])
    (worker,) = at(cluster, 5).workers
    applied = cluster.apply(down(worker.worker_id))
    draining, gone = at(cluster, 19), at(cluster, 20)
    (life,) = cluster.lives()

    assert (worker.worker_id,) == applied.down
    assert (True, WorkerStatus.Busy) == (draining.workers[0].draining, draining.workers[0].status)
    assert ([], 1, 1) == (gone.workers, gone.waiting(), gone.completions)
    assert ("removed", 20.0, 0) == (life.why, life.ended_at, life.killed)


def test_a_worker_that_holds_a_session_may_drain():
    """Where removal drains, a worker that only holds a session goes at once, and another one serves the session."""
    cluster = make(workers=2, removal="drain", load=[[(0, 1, "s"), (10, 1, "s")]])
    (worker, _) = at(cluster, 5).workers
    cluster.apply(down(worker.worker_id))
    at(cluster, 20)

    assert [0, 1] == list(cluster.fates().worker)


def test_a_worker_that_drains_is_not_removed_again():
    """To name a worker that drains, or is gone, removes nothing more where removal drains: it is said why."""
    cluster = make(workers=2, removal="drain", load=[[(0, 20)]])
    busy, idle = (worker.worker_id for worker in at(cluster, 5).workers)
    cluster.apply(down(busy, idle))
    applied = cluster.apply(down(busy, idle))

    assert () == applied.down
    assert (
        f"worker {busy!r} is on its way out already",
        f"worker {idle!r} is gone already",
    ) == applied.why
    with pytest.raises(UnknownNameError):
        cluster.apply(down("nobody"))


# Limits


def test_starts_beyond_the_quota_are_refused():
    """At most so many workers are started within any minute, and the rest is refused with the reason."""
    cluster = make(workers=0, starts_per_minute=3)
    first = cluster.apply(up(2))
    at(cluster, 59)
    second = cluster.apply(up(5))
    at(cluster, 60)
    third = cluster.apply(up(5))

    assert [2, 1, 2] == [first.up, second.up, third.up]
    assert () == first.why
    assert ("4 of 5 workers not started: at most 3 may be started a minute, and 2 were within the last",) == second.why


def test_requests_beyond_the_limit_of_the_queue_are_refused():
    """A request that finds the queue full is refused, and isn't served."""
    cluster = make(workers=1, queue_limit=2, load=[Workload("w", [0, 1, 2, 3, 12], [10, 1, 1, 1, 1])])
    at(cluster, 100)
    fates = cluster.fates()

    assert (3,) == fates.refused
    assert [True, True, True, False, True] == [not math.isnan(answered) for answered in fates.answered]


def test_a_refused_client_asks_again_later():
    """A client that found the queue full sends its next request as much later as a request takes."""
    cluster = make(workers=1, queue_limit=0, load=[Clients(2, service_time=10)])
    at(cluster, 15)

    assert [0.0, 0.0, 10.0, 10.0] == list(cluster.fates().came)


def test_clusters_share_a_capacity():
    """A start beyond what the others have left is refused with the reason; a removed worker makes room."""
    clock, capacity = VirtualClock(START), Capacity(3)
    first, second = (Cluster(workers=1, clock=clock, capacity=capacity) for _ in range(2))
    applied = first.apply(up(3))
    refused = second.apply(up(1))
    second.apply(down(second.workers[0].worker_id))

    assert (1, ("2 of 3 workers not started: all 3 of the shared capacity are taken",)) == (applied.up, applied.why)
    assert 0 == refused.up
    assert 1 == second.apply(up(1)).up


def test_a_capacity_has_room_for_the_workers_of_the_beginning():
    """Clusters that begin with more workers than there are, are refused."""
    with pytest.raises(ContractError, match="capacity: 3 workers at the start, but only 2 of 2 are left"):
        Cluster(workers=3, capacity=Capacity(2))


@pytest.mark.parametrize(
    ("make_it", "words"),
    [
        (lambda: Faults(start_failure=1.5), "start_failure: 1.5 is not a number from 0 to 1"),
        (lambda: Faults(never_ready=-1), "never_ready: -1 is not a number from 0 to 1"),
        (lambda: Faults(crashes_per_hour=math.nan), "crashes_per_hour: nan is not a number of at least 0"),
        (lambda: Faults(notice=math.inf), "notice: inf is not a number of at least 0"),
        (lambda: ColdStart([]), "cold_start: .* is not a list of numbers of seconds"),
        (lambda: ColdStart([-1]), "cold_start: .* is not a list of numbers of seconds"),
        (lambda: ColdStart([1], spread=-1), "spread: -1 is not a number of at least 0"),
        (lambda: Machine(price=-1), "price: -1 is not a number of at least 0"),
        (lambda: Capacity(-1), "capacity: -1 is not a number of workers"),
        (lambda: Cluster(queue_limit=-1), "queue_limit: -1 is not a number of at least 0"),
        (lambda: Cluster(removal="kill"), "removal: 'kill' is neither 'refuse' nor 'drain'"),
    ],
)
def test_what_can_not_be_meant_is_refused(make_it, words):
    """A number out of its bounds is one clear line."""
    with pytest.raises(ValueError, match=words):
        make_it()


# Conservation

faults = st.builds(
    Faults,
    start_failure=st.sampled_from([0, 0.3]),
    never_ready=st.sampled_from([0, 0.2]),
    crashes_per_hour=st.sampled_from([0, 30]),
    spot_share=st.sampled_from([0, 0.5]),
    reclaims_per_hour=st.sampled_from([0, 60]),
    notice=st.sampled_from([0, 20]),
    draining=st.sampled_from([0, 15]),
)


@settings(deadline=None, max_examples=50)
@given(
    gaps=st.lists(st.floats(0, 40), max_size=30),
    seconds=st.lists(st.floats(0, 90), min_size=1, max_size=5),
    sessions=st.lists(st.sampled_from([None, "a", "b"]), min_size=1, max_size=3),
    options=st.fixed_dictionaries(
        {
            "faults": faults,
            "concurrency": st.integers(1, 3),
            "dispatch": st.sampled_from(list(Dispatch)),
            "queue_limit": st.sampled_from([None, 0, 3]),
            "starts_per_minute": st.sampled_from([None, 1, 4]),
            "removal": st.sampled_from(["refuse", "drain"]),
            "seed": st.integers(0, 9),
        }
    ),
)
def test_each_request_is_served_once_or_counted(gaps, seconds, sessions, options):
    """Each comes once, and is answered once, refused, being served, or waiting, whatever goes wrong."""
    moments = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    services = [seconds[number % len(seconds)] for number in range(len(gaps))]
    whose = [sessions[number % len(sessions)] for number in range(len(gaps))]
    load = Workload("random", moments, services, sessions=whose if any(whose) else None)
    cluster = make(workers=1, cold_start=ColdStart([5, 30]), load=[load], **options)
    decider = Decider("free-worker", {"max_workers": 4, "max_idle_time": 20})
    for _ in islice(run(cluster, decider, clock=cluster.clock), 60):
        fates, factors = cluster.fates(), cluster.observe()
        answered = sum(not math.isnan(moment) for moment in fates.answered)
        served = sum(worker.current_request for worker in factors.workers)

        assert len(fates) == answered + len(fates.refused) + factors.waiting() + served

    assert len(gaps) == len(fates)
    for came, service, began, ended in zip(fates.came, fates.service, fates.began, fates.answered, strict=True):
        assert math.isnan(ended) or (came <= began and ended == began + service)
    assert sum(worker.number_of_successes for worker in cluster.everyone) == answered


def test_the_same_seed_is_the_same_run():
    """Snapshots, fates and lives repeat with their seed, faults and all."""

    def told():
        cluster = make(
            workers=3,
            cold_start=ColdStart([20, 40], spread=0.3),
            faults=Faults(crashes_per_hour=10, start_failure=0.2),
            load=[Clients(5, service_time=7)],
        )
        decider = Decider("simple", {"max_workers": 6})
        ticks = [tick.factors.json() for tick in islice(run(cluster, decider, clock=cluster.clock), 60)]
        return ticks, cluster.lives(), list(cluster.fates().answered)[:100]

    assert told() == told()
