"""What the cluster promises, held against the slow and obvious one."""

from __future__ import annotations

import math

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_cluster import ReferenceCluster

from everai_autoscaler.model import DecideResult, Dispatch, Factors, ScaleDownAction, ScaleUpAction
from everai_autoscaler.simulator.clock import VirtualClock
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.workload import Workload

START = 1_000_000.0
EIGHTHS = st.integers(0, 160).map(lambda eighths: eighths / 8)
"""Times that floats add exactly, so that both clusters' sums are the same."""


@st.composite
def arrivals(draw, sessions):
    moments = sorted(draw(st.lists(EIGHTHS, max_size=12)))
    session = st.sampled_from([None, "a", "b", "c"]) if sessions else st.none()
    return [(moment, draw(EIGHTHS), draw(session)) for moment in moments]


clients = st.builds(
    Clients,
    count=st.integers(1, 4),
    service_time=st.integers(1, 40).map(lambda eighths: eighths / 8),
    start=EIGHTHS,
    stop=st.one_of(EIGHTHS, st.just(math.inf)),
)
loads = st.one_of(
    arrivals(sessions=False).map(lambda one: [one]),
    arrivals(sessions=True).map(lambda one: [one]),
    st.lists(st.one_of(arrivals(sessions=False), arrivals(sessions=True), clients), max_size=3),
)
cases = st.fixed_dictionaries(
    {
        "workers": st.integers(0, 3),
        "cold_start": st.lists(st.one_of(EIGHTHS, st.just(math.inf)), min_size=1, max_size=4),
        "load": loads,
        "concurrency": st.integers(1, 3),
        "dispatch": st.sampled_from(list(Dispatch)),
        "session_timeout": st.sampled_from([1.0, 5.0, 600.0]),
        "queue_limit": st.sampled_from([None, 0, 1, 3]),
    }
)
ticks = st.lists(
    st.tuples(st.integers(0, 40).map(lambda eighths: eighths / 8), st.integers(0, 2), st.lists(st.integers(0, 5))),
    max_size=10,
)


def decided(up, down):
    actions = [ScaleDownAction(worker_id=worker_id) for worker_id in down]
    return DecideResult(max_workers=99, actions=[*([ScaleUpAction(count=up)] if up else []), *actions])


def told(cluster, walk):
    """All that can be known of what happened in *cluster*, of which each tick of the *walk* removes idle workers."""
    seen = []
    for wait, up, places in [*walk, (100.0, 0, [])]:
        cluster.clock.sleep_until(cluster.clock.now() + wait)
        factors = cluster.observe()
        idle = [w.worker_id for w in factors.workers if not w.current_request and not w.number_of_sessions]
        down = dict.fromkeys(idle[place] for place in places if place < len(idle))
        seen += [factors.json(), cluster.queue, cluster.apply(decided(up, down))]
    requests = [(r.came_at, r.taken_at, r.taken_by, r.answered_at, r.hung_up_at) for r in cluster.requests]
    refused = cluster.refused if isinstance(cluster, ReferenceCluster) else list(cluster.fates().refused)
    return [*seen, requests, refused, cluster.everyone, cluster.deleted_at, cluster.served()]


@settings(deadline=None)
@given(case=cases, walk=ticks)
def test_is_the_reference_event_by_event(case, walk):
    """Who took which request when, what was answered and each snapshot are those of the slow and obvious cluster."""
    expected, found = (told(kind(start=START, **case), walk) for kind in (ReferenceCluster, Cluster))

    assert expected == found


@settings(deadline=None)
@given(case=cases, load=st.one_of(arrivals(sessions=False), arrivals(sessions=True)), walk=ticks)
def test_a_workload_is_a_load_as_any_other(case, load, walk):
    """A workload, whose columns are read as they are, comes out as the same requests in a list do."""
    sessions = [session for _, _, session in load]
    workload = Workload("w", [came for came, _, _ in load], [seconds for _, seconds, _ in load], sessions=sessions)
    plain = evolve(workload, sessions=None)
    expected, found = (told(Cluster(start=START, **case | {"load": [one]}), walk) for one in (load, workload))
    unbound, pairs = (told(Cluster(start=START, **case | {"load": [one]}), walk) for one in (plain, list(plain)))

    assert expected == found
    assert unbound == pairs


def test_a_snapshot_is_as_if_validated():
    """A snapshot, which is put together without validation, is what a reader makes of its JSON; copies are equal."""
    cluster = Cluster(workers=2, load=[[(0, 5, "s"), (1, 5, "s")], Clients(3, service_time=7)], start=START)
    cluster.observe()
    cluster.clock.sleep_until(START + 20)
    cluster.apply(decided(1, []))
    factors = cluster.observe()

    assert Factors.from_json(factors.json()) == factors == factors.model_copy(deep=True)
    assert factors.json() == Factors(**dict(factors)).json(exclude={"signals", "unknown"})


def test_a_worker_stays_the_same_object_while_nothing_changes():
    """What doesn't change between two snapshots isn't made anew."""
    cluster = Cluster(workers=2, load=[[(0, 50), (25, 1)]], start=START, dispatch="oldest")
    first = cluster.observe().workers
    cluster.clock.sleep_until(START + 30)
    second = cluster.observe().workers

    assert [True, False] == [before is after for before, after in zip(first, second, strict=True)]


def test_fates_and_lives_are_those_of_the_requests_and_workers():
    """Columns and lives say in seconds from the start what the requests and workers say in epoch seconds."""
    cluster = Cluster(workers=1, cold_start=10, load=[Workload("w", [0, 1, 2], [5, 30, 30])], start=START)
    cluster.apply(decided(1, []))
    cluster.clock.sleep_until(START + 12)
    fates, lives = cluster.fates(), cluster.lives()

    assert [0.0, 5.0, 10.0] == list(fates.began)
    assert [0, 0, 1] == list(fates.worker)
    assert [(-60.0, 0.0, None), (0.0, 10.0, None)] == [
        (life.started_at, life.ready_at, life.ended_at) for life in lives
    ]
    assert [5.0] == [answered for answered in fates.answered if not math.isnan(answered)]
    assert not cluster.at_rest


def test_is_at_rest_when_all_is_answered():
    """Nothing is to come, waits or is served; clients without an end never rest."""
    cluster = Cluster(load=[[(1, 5)], Clients(1, service_time=3, start=2, stop=20)], start=START)
    seen = []
    for second in (0, 3, 12, 21):
        cluster.clock.sleep_until(START + second)
        seen.append(cluster.at_rest)

    assert [False, False, False, True] == seen
    assert Cluster().at_rest


def test_clusters_may_share_a_clock():
    """Two clusters live by one clock, and begin when it says so at their making."""
    clock = VirtualClock(START)
    first = Cluster(clock=clock, load=[[(1, 5)]])
    clock.sleep_until(START + 100)
    second = Cluster(clock=clock, load=[[(1, 5)]])
    clock.sleep_until(START + 200)

    assert [START + 1, START + 101] == [cluster.requests[0].came_at for cluster in (first, second)]


def test_what_is_planned_on_the_clock_finds_the_moment_over():
    """Whoever plans something on the clock finds all that happens to the cluster at that moment done."""
    cluster = Cluster(load=[[(0, 10), (10, 5)]], start=START)
    seen = []
    cluster.clock.call_at(START + 10, lambda: seen.append((cluster.served().came, cluster.served().answered)))
    cluster.clock.sleep_until(START + 30)

    assert [(2, 1)] == seen


def test_a_workload_is_not_copied_or_changed():
    """A workload can be played many times, side by side."""
    workload = Workload("w", [0, 1, 2], [5, 5, 5])
    clusters = [Cluster(workers=workers, load=[workload], start=START) for workers in (1, 3)]
    for cluster in clusters:
        cluster.clock.sleep_until(START + 100)

    assert [[0.0, 5.0, 10.0], [0.0, 1.0, 2.0]] == [list(cluster.fates().began) for cluster in clusters]
    assert [0.0, 1.0, 2.0] == list(workload.arrivals)


def test_sessions_of_a_workload_are_kept():
    """The sessions of a workload's column go to their workers, as those of other sources do."""
    workload = Workload("w", [0, 1, 2], [10, 5, 5], sessions=["s", "s", None])
    cluster = Cluster(workers=2, load=[workload], start=START)
    cluster.clock.sleep_until(START + 100)

    assert [(0, 0.0), (0, 10.0), (1, 2.0)] == list(zip(cluster.fates().worker, cluster.fates().began, strict=True))
