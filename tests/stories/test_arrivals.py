"""Requests come one after another, and every one of them is answered."""

from __future__ import annotations

from itertools import accumulate, islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler, WorkerStatus, run
from everai_autoscaler.testing import Dispatch, VirtualTarget

limits = {
    "max_idle_time": st.integers(0, 120),
    "scale_up_step": st.integers(1, 4),
    "start_timeout": st.sampled_from([30, 600]),
}
scalers = st.one_of(
    [
        st.tuples(st.integers(0, 4), st.integers(1, 6)).flatmap(
            lambda bounds, kind=kind, own=own: st.builds(
                kind, min_workers=st.just(min(bounds)), max_workers=st.just(max(bounds)), **own, **limits
            )
        )
        for kind, own in (
            (SimpleAutoScaler, {"max_queue_size": st.integers(0, 5)}),
            (FreeWorkerAutoScaler, {"min_free_workers": st.integers(0, 3)}),
        )
    ]
)
seconds = st.floats(0, 40) | st.integers(0, 40)
arrivals = st.lists(st.tuples(seconds, seconds), max_size=30).map(
    lambda pairs: list(zip(accumulate(gap for gap, _ in pairs), (service for _, service in pairs), strict=True))
)
targets = st.builds(
    VirtualTarget,
    workers=st.just(0),
    cold_start=st.lists(st.floats(0, 25), min_size=1, max_size=5),
    load=arrivals.map(lambda pairs: [pairs]),
    dispatch=st.sampled_from(Dispatch),
)


def test_a_burst_brings_workers_and_their_end(play):
    """Twelve requests at once bring five workers in steps of two; they are answered, and the first worker is left."""
    scaler = SimpleAutoScaler(min_workers=1, max_workers=5, max_queue_size=1, scale_up_step=2, max_idle_time=60)
    target = VirtualTarget(workers=1, cold_start=15, load=[[(25, 30)] * 12, [(26, 30), (70, 5)]])
    first = target.workers[0]
    ticks = play(target, scaler, seconds=320)

    # Seen at 40: two more, ready at 55; seen at 60: two more, ready at 75.
    assert [1, 1, 1, 3, 5, 5, 5] == [len(tick.factors.workers) for tick in ticks[:7]]
    assert 14 == target.served().answered == len(target.requests)
    assert [first.worker_id] == [worker.worker_id for worker in target.workers]


@given(scaler=scalers, target=targets)
def test_every_request_is_answered_once_and_in_turn(scaler, target):
    """Whatever comes: each is answered once, in turn; never too many workers; nobody who serves is removed."""
    beats = run(target, scaler, clock=target.clock)
    came = answered = 0
    begin = target.clock.now()
    for tick in islice(beats, 200):
        factors = tick.factors
        serving = sum(worker.current_request for worker in factors.workers)
        came += factors.arrivals
        answered += factors.completions

        assert "" == tick.failure
        assert len(target.workers) <= scaler.max_workers
        assert came == answered + serving + factors.waiting()
        assert not (tick.result.up and tick.result.down)
        if factors.observed_at > begin + 30 * 40 and answered == came:
            break
    begun = [request.taken_at for request in target.requests]
    by_worker = {}
    for request in target.requests:
        by_worker.setdefault(request.taken_by, []).append(request)

    assert all(request.answered_at is not None for request in target.requests)
    assert sorted(begun) == begun
    assert all(
        earlier.answered_at <= later.taken_at for served in by_worker.values() for earlier, later in pairwise(served)
    )
    assert {worker.worker_id: worker.number_of_successes for worker in target.everyone} == {
        worker.worker_id: len(by_worker.get(worker.worker_id, ())) for worker in target.everyone
    }
    assert all(worker.status is not WorkerStatus.Busy for worker in target.everyone)
