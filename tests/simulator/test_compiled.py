"""What the compiled cluster promises: it is the other one, event by event."""

from __future__ import annotations

import math
import sys
from random import Random

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.errors import ContractError, MissingExtraError
from everai_autoscaler.model import DecideResult, Dispatch, ScaleDownAction, ScaleUpAction
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.engine import PAYS
from everai_autoscaler.simulator.faults import Faults
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.workload import Workload

pytest.importorskip("numba")

from everai_autoscaler.simulator.compiled import CompiledCluster

TENTHS = st.integers(0, 160).map(lambda tenths: tenths / 10)


@st.composite
def workloads(draw):
    requests = draw(st.lists(st.tuples(TENTHS, TENTHS), max_size=20))
    return Workload("drawn", sorted(came for came, _ in requests), [service for _, service in requests])


cases = st.fixed_dictionaries(
    {
        "workers": st.integers(0, 3),
        "cold_start": st.lists(st.one_of(TENTHS, st.just(math.inf)), min_size=1, max_size=4),
        "concurrency": st.integers(1, 3),
        "dispatch": st.sampled_from(list(Dispatch)),
        "queue_limit": st.sampled_from([None, None, 0, 3]),
        "removal": st.sampled_from(["refuse", "drain"]),
        "seed": st.integers(0, 3),
    }
)
walks = st.lists(
    st.tuples(TENTHS, st.integers(0, 2), st.lists(st.integers(0, 5)), st.none() | st.integers(0, 5)), max_size=12
)


def decided(up, down):
    actions = [ScaleDownAction(worker_id=worker_id) for worker_id in down]
    return DecideResult(max_workers=99, actions=[*([ScaleUpAction(count=up)] if up else []), *actions])


def told(cluster, walk, removal):
    """All that can be known of what happens in *cluster* on a *walk* which starts, removes and loses workers."""
    seen = []
    for wait, up, places, lost in [*walk, (100.0, 0, [], None)]:
        cluster.clock.sleep_until(cluster.clock.now() + wait)
        factors = cluster.observe()
        idle = [w.worker_id for w in factors.workers if removal == "drain" or not w.current_request]
        down = dict.fromkeys(idle[place] for place in places if place < len(idle))
        seen += [factors.json(), cluster.queue, cluster.at_rest, cluster.apply(decided(up, down))]
        members = list(cluster._fleet.here.values())
        if lost is not None and lost < len(members):
            now = cluster.clock.now() - cluster._start
            cluster._fleet._lose("lost", members[lost], now)
    fates = cluster.fates()
    columns = [fates.came, fates.service, fates.began, fates.answered, fates.worker]
    return [*seen, *map(repr, columns), fates.refused, fates.interrupted, cluster.lives(), cluster.everyone]


@settings(deadline=None)
@given(workload=workloads(), case=cases, walk=walks)
def test_is_the_cluster_event_by_event(workload, case, walk):
    """Each snapshot, what became of each request and the life of each worker are those of the other cluster."""
    expected, found = (
        told(kind(load=[workload], **case), walk, case["removal"]) for kind in (Cluster, CompiledCluster)
    )

    assert expected == found


def test_the_queue_may_grow():
    """There is no limit to how many may wait where none was given."""
    cluster = CompiledCluster(load=[Workload("burst", [0.0] * 1000, [1.0] * 1000)])
    cluster.clock.sleep_until(cluster.clock.now() + 600)

    assert 399 == cluster.observe().waiting()
    assert list(range(1000)) == list(cluster.fates().began)[:601] + list(range(601, 1000))


def test_many_may_be_refused():
    """All that found the queue full are told of, however many came between two ticks."""
    cluster = CompiledCluster(load=[Workload("burst", [0.0] * 500, [1.0] * 500)], queue_limit=10)
    cluster.clock.sleep_until(cluster.clock.now() + 1)

    assert tuple(range(11, 500)) == cluster.fates().refused


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ([], "load: nothing given; the compiled cluster takes one Workload, Cluster takes any load"),
        (
            [Clients(1, service_time=1.0)],
            "load: Clients given; the compiled cluster takes one Workload, Cluster takes any load",
        ),
        (
            [Workload("chat", [0.0], [1.0], sessions=["a"])],
            "load: chat has sessions, which only Cluster knows",
        ),
    ],
)
def test_says_what_it_does_not_take(load, said):
    """A load that isn't one workload without sessions is refused in one line."""
    with pytest.raises(ContractError) as refused:
        CompiledCluster(load=load)

    assert said == str(refused.value)


def run_of(requests, engine):
    workload = Workload("steady", [0.1 * number for number in range(requests)], [1.0] * requests)
    return simulate("free-worker", workload, arguments={"max_workers": 30}, engine=engine, until=60.0)


def test_simulates_the_same_run():
    """The compiled engine gives the same run, and the run says which engine it was."""
    python, compiled = run_of(1000, "python"), run_of(1000, "compiled")

    assert (python.ticks, python.workers) == (compiled.ticks, compiled.workers)
    assert python.requests.began[:80] == compiled.requests.began[:80]
    assert "simulated by the compiled engine" in compiled.setting.assumed


@settings(deadline=None, max_examples=30)
@given(workload=workloads(), seed=st.integers(0, 99), concurrency=st.integers(1, 3))
def test_what_goes_wrong_is_the_same(workload, seed, concurrency):
    """Workers fail to start, crash and are reclaimed under the same requests, whichever engine simulates them."""
    faults = Faults(
        start_failure=0.2,
        never_ready=0.1,
        notice=1.5,
        draining=1.0,
        crashes_per_hour=60,
        spot_share=0.5,
        reclaims_per_hour=60,
    )
    python, compiled = (
        simulate(
            "free-worker",
            workload,
            arguments={"max_workers": 6},
            cold_start=3,
            interval=2,
            concurrency=concurrency,
            faults=faults,
            seed=seed,
            tail=60,
            engine=engine,
        )
        for engine in ("python", "compiled")
    )

    assert (python.ticks, python.workers, python.ended_at) == (compiled.ticks, compiled.workers, compiled.ended_at)
    columns = "began", "answered", "worker"
    assert [repr(getattr(python.requests, one)) for one in columns] == [
        repr(getattr(compiled.requests, one)) for one in columns
    ]


@pytest.mark.parametrize(("requests", "engine"), [(PAYS - 1, "python"), (PAYS, "compiled")])
def test_many_requests_are_compiled(requests, engine):
    """Where nobody says which engine, many requests are simulated by the compiled one."""
    assert f"simulated by the {engine} engine" in run_of(requests, "auto").setting.assumed


@pytest.mark.parametrize("queue_limit", [None, 20])
def test_totals_are_those_of_the_other_engine(queue_limit):
    """A run that keeps only totals comes to the same, whichever engine adds them up, and so does one that is kept."""
    chance = Random(1)
    services = [chance.expovariate(1) for _ in range(20_000)]
    workload = Workload("steady", [number / 20 for number in range(20_000)], services)
    options = {"arguments": {"max_workers": 30}, "queue_limit": queue_limit}
    python, compiled = (
        simulate("free-worker", workload, engine=engine, keep="totals", **options) for engine in ("python", "compiled")
    )
    kept = simulate("free-worker", workload, engine="compiled", **options)

    utilisation = compiled.metrics().utilisation  # a sum, in another order
    assert pytest.approx(utilisation) == python.metrics().utilisation
    assert evolve(python.metrics(), utilisation=utilisation) == compiled.metrics()
    assert (kept.metrics().requests, kept.metrics().refused) == (
        compiled.metrics().requests,
        compiled.metrics().refused,
    )
    assert 0 == len(compiled.requests)


def test_sessions_that_nobody_has():
    """A column of sessions without any is none."""
    workload = Workload("chat", [0.0], [1.0], sessions=[None])

    assert 1 == CompiledCluster(load=[workload]).observe().arrivals


@pytest.mark.parametrize("missing", ["numba", "numpy"])
def test_without_the_extra(monkeypatch, missing):
    """Where the extra isn't installed it is named, and the python engine takes its place where nobody asked for one."""
    for module in ("compiled", "kernel", "heaps"):
        monkeypatch.delitem(sys.modules, f"everai_autoscaler.simulator.{module}")
        monkeypatch.delattr(f"everai_autoscaler.simulator.{module}")
    monkeypatch.setitem(sys.modules, missing, None)

    assert "simulated by the python engine" in run_of(PAYS, "auto").setting.assumed
    with pytest.raises(MissingExtraError, match=f"{missing} is missing: pip install 'everai-autoscaler.simulator.'"):
        run_of(1, "compiled")


@pytest.mark.parametrize("dispatch", list(Dispatch))
def test_answers_of_one_moment_come_in_the_order_in_which_they_were_begun(dispatch):
    """Which worker is free first decides who gets the next request."""
    workload = Workload("pairs", [0, 0, 0, 10, 10, 20], [5, 5, 5, 5, 1, 1])
    python, compiled = (kind(load=[workload], workers=3, dispatch=dispatch) for kind in (Cluster, CompiledCluster))
    for cluster in (python, compiled):
        cluster.clock.sleep_until(cluster.clock.now() + 30)

    assert list(python.fates().worker) == list(compiled.fates().worker)
