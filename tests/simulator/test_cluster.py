"""What the cluster promises, held against the slow and obvious one."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from reference_cluster import ReferenceCluster

from everai_autoscaler.model import DecideResult, Dispatch, ScaleDownAction, ScaleUpAction
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.load import Clients

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
    return [*seen, requests, cluster.everyone, cluster.deleted_at, cluster.served()]


@settings(deadline=None)
@given(case=cases, walk=ticks)
def test_is_the_reference_event_by_event(case, walk):
    """Who took which request when, what was answered and each snapshot are those of the slow and obvious cluster."""
    expected, found = (told(kind(start=START, **case), walk) for kind in (ReferenceCluster, Cluster))

    assert expected == found
