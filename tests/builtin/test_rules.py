"""The rules of both builtin scalers: a table, an independent transcription, and what holds for any fleet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.builtin import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.model import DecideResult, Factors, QueueReason, Worker, WorkerStatus
from everai_autoscaler.testing.snapshots import NOW, snapshot, worker

Scaler = SimpleAutoScaler | FreeWorkerAutoScaler

BOTH = pytest.mark.parametrize("kind", [SimpleAutoScaler, FreeWorkerAutoScaler])


# -- an independent transcription, sentence by sentence -----------------------------------------------------------


def transcription(  # noqa: C901, PLR0912 - as long as what it transcribes
    scaler: Any, factors: Factors | None
) -> tuple[int, list[str]]:
    """The rules as they are written, one sentence after the other, slow and with no help from the package."""
    if factors is None or factors.workers is None:
        return 0, []

    # Draining workers count towards the maximum only; so do suspects.
    n = len(factors.workers)
    counted = [w for w in factors.workers if not w.draining]
    late = factors.observed_at - scaler.start_timeout
    suspects = [w for w in counted if w.status == "Inflight" and w.started_at < late]
    counted = [w for w in counted if w not in suspects]
    starting = [w for w in counted if w.status == "Inflight"]
    free = [w for w in counted if w.status == "Free"]
    busy = [w for w in counted if w.status == "Busy"]
    suspects = [w for w in suspects if w.number_of_sessions == 0 and w.current_request == 0]
    oldest_suspect = [w.worker_id for w in sorted(suspects, key=lambda w: w.started_at)][:1]

    # 1. Fewer than the minimum: up by the difference, whatever step and starting workers, never above the maximum.
    if len(counted) < scaler.min_workers:
        if n < scaler.max_workers:
            return min(scaler.min_workers - len(counted), scaler.max_workers - n), []
        return 0, oldest_suspect

    # 2. What isn't known holds rules 2 and 3.
    waiting = None if factors.queue is None else sum(factors.queue.values())
    if isinstance(scaler, SimpleAutoScaler):
        if factors.queue is None:
            return 0, []
        more = factors.queue.get(QueueReason.QueueDueBusy, 0) > scaler.max_queue_size
        floor = min(scaler.max_workers, scaler.min_workers)
    else:
        if factors.unknown and "worker" in factors.unknown:
            return 0, []
        seen = len(free) if factors.worker is None else factors.worker.get(WorkerStatus.Free, 0)
        more = seen < scaler.min_free_workers
        floor = min(scaler.max_workers, max(scaler.min_workers, len(busy) + scaler.min_free_workers))
    wanted = scaler.scale_up_step if more else 0
    if wanted == 0 and not counted and waiting:
        wanted = 1  # from zero, anything waiting wakes one
    if wanted and not starting:
        if n < scaler.max_workers:
            return min(wanted, scaler.max_workers - n), []
        if oldest_suspect:
            return 0, oldest_suspect

    # 3. Else remove, one at a time, and look again.
    down = [w.worker_id for w in suspects]
    staying = free + busy
    for w in sorted(free, key=lambda w: w.started_at, reverse=True):
        idle_since = w.last_service_time or (w.started_at if w.ready_at is None else w.ready_at)
        above = len(staying) + len(starting) > scaler.max_workers
        idle = max(0, factors.observed_at - idle_since) >= scaler.max_idle_time
        last_needed = len(staying) == 1 and waiting != 0
        if w.number_of_sessions or w.current_request or len(staying) - 1 < floor or last_needed:
            continue
        if above or idle:
            staying.remove(w)
            down.append(w.worker_id)
    return 0, down


# -- any fleet ----------------------------------------------------------------------------------------------------


def workers(ids: st.SearchStrategy[str]) -> st.SearchStrategy[Worker]:
    """Any worker, from few values, so that ties and bounds are met often."""
    ago = st.sampled_from([0, 5, 59, 60, 61, 119, 120, 600, 601, 4000])
    moments = ago.map(lambda seconds: int(NOW) - seconds)
    rare = st.sampled_from([0, 0, 0, 1])
    return st.builds(
        worker,
        ids,
        st.sampled_from(WorkerStatus),
        started_ago=ago,
        last_service_time=moments | st.just(0),
        ready_at=st.none() | moments,
        number_of_sessions=rare,
        current_request=rare,
        draining=st.sampled_from([None, None, False, True]),
    )


def snapshots(fleet: st.SearchStrategy[list[Worker] | None]) -> st.SearchStrategy[Factors]:
    """Any snapshot of *fleet*, whose summary need not agree with it."""
    count = st.integers(0, 4)
    return st.builds(
        Factors,
        workers=fleet,
        queue=st.none() | st.dictionaries(st.sampled_from(QueueReason) | st.just("GpuReserved"), count),
        worker=st.none() | st.dictionaries(st.sampled_from(WorkerStatus), count),
        unknown=st.sampled_from([None, None, None, ["worker"]]),
        observed_at=st.sampled_from([NOW, NOW + 0.5]),
    )


UNIQUE = st.lists(workers(st.uuids().map(str)), max_size=7)
ANY = st.none() | st.lists(workers(st.sampled_from("abcde")), max_size=8)


@st.composite
def scalers(draw: st.DrawFn) -> Scaler:
    """Either scaler with any arguments that agree with each other."""
    most = draw(st.integers(0, 6))
    arguments = {
        "max_workers": most,
        "min_workers": draw(st.integers(0, most)),
        "max_idle_time": draw(st.sampled_from([0, 60, 120])),
        "scale_up_step": draw(st.integers(1, 3)),
        "start_timeout": draw(st.sampled_from([0, 60, 600])),
    }
    few = draw(st.integers(0, 3))
    if draw(st.booleans()):
        return SimpleAutoScaler(max_queue_size=few, **arguments)
    return FreeWorkerAutoScaler(min_free_workers=few, **arguments)


@given(scalers(), snapshots(UNIQUE))
def test_the_rules_are_those_that_are_written(scaler: Scaler, factors: Factors) -> None:
    """For any fleet and arguments the answer is that of a literal transcription."""
    result = scaler.decide(factors)

    assert transcription(scaler, factors) == (result.up, list(result.down))


@given(scalers(), snapshots(ANY))
def test_never_up_and_down_together(scaler: Scaler, factors: Factors) -> None:
    """One answer starts or removes, or neither."""
    result = scaler.decide(factors)

    assert not (result.up and result.down)


@given(scalers(), snapshots(ANY))
def test_never_above_the_maximum(scaler: Scaler, factors: Factors) -> None:
    """Whoever is there counts: starting, suspect and draining workers, too."""
    result = scaler.decide(factors)

    assert scaler.max_workers == result.max_workers
    if result.up:
        assert result.up + len({w.worker_id for w in factors.workers or ()}) <= scaler.max_workers


@given(scalers(), snapshots(ANY))
def test_nobody_at_work_leaves(scaler: Scaler, factors: Factors) -> None:
    """Whoever is busy, in a session, serving or on the way out, by any statement about it, isn't removed."""
    at_work = {
        w.worker_id
        for w in factors.workers or ()
        if w.status is WorkerStatus.Busy or w.number_of_sessions or w.current_request or w.draining
    }

    assert set() == at_work & set(scaler.decide(factors).down)


@given(scalers(), snapshots(ANY))
def test_each_leaves_once_and_was_there(scaler: Scaler, factors: Factors) -> None:
    """No id is removed twice, and none that isn't listed."""
    down = scaler.decide(factors).down

    assert len(set(down)) == len(down)
    assert set(down) <= {w.worker_id for w in factors.workers or ()}


@given(scalers(), snapshots(UNIQUE))
def test_below_the_minimum_no_ready_worker_leaves(scaler: Scaler, factors: Factors) -> None:
    """At most a suspect makes room there."""
    suspects = {w.worker_id for w in factors.suspects(float(scaler.start_timeout))}
    counted = [w for w in factors.workers or () if not w.draining and w.worker_id not in suspects]
    down = scaler.decide(factors).down

    if len(counted) < scaler.min_workers:
        assert set(down) <= suspects
        assert len(down) <= 1


@given(scalers(), snapshots(UNIQUE))
def test_a_removal_leaves_the_floor(scaler: Scaler, factors: Factors) -> None:
    """Whatever leaves, free and busy workers enough for the floor stay, or nobody ready left."""
    ready = [w for w in factors.workers or () if w.status is not WorkerStatus.Inflight and not w.draining]
    busy = [w for w in ready if w.status is WorkerStatus.Busy]
    spare = len(busy) + scaler.min_free_workers if isinstance(scaler, FreeWorkerAutoScaler) else 0
    floor = min(scaler.max_workers, max(scaler.min_workers, spare))
    down = set(scaler.decide(factors).down)
    left = [w for w in ready if w.worker_id not in down]

    assert len(left) >= floor or left == ready


@given(scalers(), snapshots(UNIQUE))
def test_the_last_worker_stays_while_anything_waits(scaler: Scaler, factors: Factors) -> None:
    """Also while nobody knows whether anything does."""
    ready = {w.worker_id for w in factors.workers or () if w.status is not WorkerStatus.Inflight and not w.draining}
    left = ready - set(scaler.decide(factors).down)

    if ready and factors.waiting() != 0:
        assert left


@given(scalers(), snapshots(ANY))
def test_what_is_not_known_removes_nobody(scaler: Scaler, factors: Factors) -> None:
    """No list, no queue (where the queue decides), or no summary (where that does): nobody leaves."""
    unknown = [factors.workers is None]
    if isinstance(scaler, SimpleAutoScaler):
        unknown.append(factors.queue is None)
    else:
        unknown.append(bool(factors.unknown))
    result = scaler.decide(factors)

    if any(unknown) and not result.up:
        suspects = {w.worker_id for w in factors.suspects(float(scaler.start_timeout))}
        assert set(result.down) <= suspects  # one suspect may make room for the minimum
        assert result.held or result.down or "minimum" in str(result.reasons[0])


@given(scalers(), snapshots(ANY))
def test_every_answer_has_a_reason(scaler: Scaler, factors: Factors) -> None:
    """One sentence for each action, and one where there is none; each says who speaks."""
    result = scaler.decide(factors)

    assert max(1, len(result.actions)) == len(result.reasons)
    assert {scaler.autoscaler_name()} == {reason.who for reason in result.reasons}
    assert all(reason.why for reason in result.reasons)
    for worker_id, reason in zip(result.down, result.reasons, strict=False):
        assert worker_id in reason.why


@given(scalers(), snapshots(ANY))
def test_the_same_snapshot_has_the_same_answer_and_stays_as_it_is(scaler: Scaler, factors: Factors) -> None:
    """A decision neither remembers nor touches anything, the order of the caller's list least of all."""
    before, listed = factors.model_copy(deep=True), factors.workers
    order = list(listed or ())
    first, second = scaler.decide(factors), scaler.decide(factors)

    assert first == second
    assert first.reasons == second.reasons
    assert before == factors
    assert listed is factors.workers
    assert all(was is now for was, now in zip(order, listed or (), strict=True))


@given(scalers(), snapshots(ANY))
def test_answers_survive_json(scaler: Scaler, factors: Factors) -> None:
    """So does the snapshot: what was sent as text is decided alike."""
    result = scaler.decide(factors)

    assert result == DecideResult.from_json(result.json())
    assert result == scaler.decide(Factors.from_json(factors.json()))


@BOTH
def test_two_threads_on_one_snapshot_agree(kind: type[Scaler]) -> None:
    """The predecessor's second thread saw a list that the first was reordering."""
    factors = snapshot(free=300, idle_for=500)
    scaler = kind(max_workers=400)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(scaler.decide, [factors] * 40))

    assert 299 == len(answers[0].down)
    assert all(answers[0] == answer for answer in answers)


# -- rule 0: what is looked at ------------------------------------------------------------------------------------


@BOTH
def test_no_list_of_workers_holds(kind: type[Scaler]) -> None:
    """Whatever the summary says: not known removes and starts nobody (the predecessor crashed)."""
    factors = snapshot(waiting=9, workers=None, busy=1)
    result = kind(min_workers=2, max_workers=5).decide(factors)

    assert factors.worker is not None
    assert [] == result.actions
    assert result.held
    assert 5 == result.max_workers
    assert "the workers are not known" == result.reasons[0].why


@BOTH
def test_nothing_to_decide_on_is_nothing_to_do(kind: type[Scaler]) -> None:
    """``decide(None)``: nothing, with max_workers."""
    result = kind(max_workers=7).decide(None)

    assert DecideResult(max_workers=7, actions=[]) == result
    assert result.held


def test_only_free_workers_test_for_more_reads_the_summary() -> None:
    """A summary that was averaged says whether to start one; who is there and who leaves is counted in the list."""
    factors = snapshot(busy=1, free=1, idle_for=500, worker={"Free": 0, "Busy": 2, "Inflight": 9})

    assert 1 == FreeWorkerAutoScaler(max_workers=5).decide(factors).up
    assert ("free-1",) == SimpleAutoScaler(max_workers=5).decide(factors).down


def test_without_the_summary_the_list_is_counted() -> None:
    """The predecessor's free-worker then never scaled up."""
    assert 1 == FreeWorkerAutoScaler(max_workers=5).decide(snapshot(busy=1, worker=None)).up
    assert 0 == FreeWorkerAutoScaler(max_workers=5).decide(snapshot(busy=1, free=1, worker=None)).up


# -- rule 1: the minimum ------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("fleet", "lowest", "highest", "up"),
    [
        ({}, 3, 5, 3),
        ({"busy": 1}, 3, 5, 2),
        ({"inflight": 2}, 3, 5, 1),
        ({"inflight": 3}, 3, 5, 0),
        ({}, 5, 5, 5),
        ({"free": 3}, 3, 5, 0),
    ],
)
def test_up_to_the_minimum(kind: type[Scaler], fleet: dict[str, int], lowest: int, highest: int, up: int) -> None:
    """By the difference at once, whatever the step is and whoever is starting."""
    assert up == kind(lowest, highest, 0, scale_up_step=1).decide(snapshot(**fleet)).up


@BOTH
def test_below_the_minimum_nothing_is_removed(kind: type[Scaler]) -> None:
    """With one starting and idle ones there: the predecessor removed those."""
    factors = snapshot(free=2, inflight=1, idle_for=5000)
    result = kind(min_workers=5, max_workers=9).decide(factors)

    assert (2, ()) == (result.up, result.down)


@BOTH
def test_up_to_the_minimum_stops_at_the_maximum(kind: type[Scaler]) -> None:
    """Draining workers take their places until they are gone."""
    leaving = [worker(f"leaving-{n}", draining=True) for n in range(3)]

    assert 1 == kind(min_workers=4, max_workers=4).decide(snapshot(workers=leaving)).up
    assert 0 == kind(min_workers=3, max_workers=3).decide(snapshot(workers=leaving)).up


@BOTH
def test_the_minimum_is_kept_when_the_queue_is_not_known(kind: type[Scaler]) -> None:
    """Rule 1 needs the list only."""
    assert 2 == kind(min_workers=2, max_workers=5).decide(Factors(queue=None, unknown=["worker"])).up


# -- rule 2: more -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("waiting", "up"), [(0, 0), (2, 0), (3, 2), (99, 2)])
def test_simple_starts_when_strictly_more_wait(waiting: int, up: int) -> None:
    """Two is not more than two."""
    scaler = SimpleAutoScaler(max_workers=9, max_queue_size=2, scale_up_step=2)

    assert up == scaler.decide(snapshot(waiting=waiting, busy=1)).up


@pytest.mark.parametrize("reason", ["NotDispatch", "QueueDueSession", "GpuReserved"])
def test_simple_counts_those_that_wait_for_a_busy_worker(reason: str) -> None:
    """With a worker there, other reasons don't start one."""
    assert 0 == SimpleAutoScaler(max_workers=9).decide(snapshot(waiting={reason: 50}, busy=1)).up


@pytest.mark.parametrize(("free", "up"), [(0, 3), (1, 3), (2, 0), (3, 0)])
def test_free_worker_starts_when_fewer_are_free(free: int, up: int) -> None:
    """Two is not fewer than two."""
    scaler = FreeWorkerAutoScaler(max_workers=9, min_free_workers=2, scale_up_step=3)

    assert up == scaler.decide(snapshot(busy=1, free=free)).up


@BOTH
@pytest.mark.parametrize(("busy", "up"), [(3, 2), (4, 1), (5, 0), (6, 0)])
def test_more_stops_at_the_maximum(kind: type[Scaler], busy: int, up: int) -> None:
    """By ``min(scale_up_step, max_workers - n)``, if positive."""
    assert up == kind(max_workers=5, scale_up_step=2).decide(snapshot(waiting=9, busy=busy)).up


@BOTH
def test_a_starting_worker_holds_back_more(kind: type[Scaler]) -> None:
    """It is on its way; the sentence says so."""
    result = kind(max_workers=5).decide(snapshot(waiting=9, busy=1, inflight=1))

    assert [] == result.actions
    assert not result.held
    assert "1 worker starting" in result.reasons[0].why


@BOTH
@pytest.mark.parametrize("reason", ["QueueDueBusy", "NotDispatch", "QueueDueSession", "GpuReserved"])
def test_from_zero_anything_waiting_wakes_one(kind: type[Scaler], reason: str) -> None:
    """One request, whatever it waits for, and whatever the limit and the step are."""
    scaler = kind(0, 5, 1 if kind is SimpleAutoScaler else 0, scale_up_step=3)

    assert 1 == scaler.decide(snapshot(waiting={reason: 1})).up


@BOTH
def test_from_zero_nothing_waiting_wakes_nobody(kind: type[Scaler]) -> None:
    """Nor does a queue that isn't known."""
    scaler = kind(0, 5, 0)

    assert 0 == scaler.decide(snapshot(waiting=0)).up
    assert 0 == scaler.decide(snapshot(waiting=None)).up


def test_from_zero_what_is_not_known_wakes_nobody() -> None:
    """While the averages aren't known rule 2 holds, whatever waits."""
    result = FreeWorkerAutoScaler(min_workers=0, max_workers=5).decide(snapshot(waiting=9, unknown=["worker"]))

    assert ([], True) == (result.actions, result.held)


@BOTH
def test_zero_may_hold_suspects_and_leavers(kind: type[Scaler]) -> None:
    """Neither will serve, so that waiting requests wake one all the same."""
    gone = [worker("suspect", "Inflight", started_ago=601), worker("leaving", draining=True)]
    scaler = kind(0, 5, 0)

    assert 1 == scaler.decide(snapshot(waiting=1, workers=gone)).up


# -- rule 3: fewer ------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(("idle_for", "down"), [(119, ()), (120, ("free-2",)), (121, ("free-2",))])
def test_idle_workers_go(kind: type[Scaler], idle_for: int, down: tuple[str, ...]) -> None:
    """From ``max_idle_time`` on, the newest first, down to the minimum."""
    assert down == kind(max_workers=5).decide(snapshot(free=2, idle_for=idle_for)).down


@BOTH
@pytest.mark.parametrize(
    "fields",
    [{"number_of_sessions": 1}, {"current_request": 1}, {"draining": True}, {"status": "Busy", "current_request": 0}],
)
def test_who_may_not_go(kind: type[Scaler], fields: dict[str, Any]) -> None:
    """In a session, serving, leaving or busy: it stays, however long it has been idle."""
    spared = worker("spared", **{"idle_for": 9000, **fields})

    assert () == kind(0, 5, 0).decide(snapshot(workers=[spared])).down


@BOTH
def test_the_newest_go_first_and_equals_keep_their_order(kind: type[Scaler]) -> None:
    """The oldest stay; of those that started together the first listed goes first."""
    fleet = [
        worker(name, idle_for=500, started_ago=ago) for name, ago in [("a", 900), ("b", 700), ("c", 700), ("d", 800)]
    ]

    assert ("b", "c", "d") == kind(max_workers=5).decide(snapshot(workers=fleet)).down


def test_free_worker_keeps_its_spares() -> None:
    """Four busy, two free and idle: one goes, the other is the spare that the next tick would start again."""
    scaler = FreeWorkerAutoScaler(max_workers=9, max_idle_time=60)

    assert ("free-2",) == scaler.decide(snapshot(busy=4, free=2, idle_for=500)).down
    assert () == scaler.decide(snapshot(busy=4, free=1, idle_for=500)).down


def test_more_spares_than_the_minimum_stay_without_load() -> None:
    """With ``min_free_workers`` above ``min_workers`` and no load nothing is started or stopped."""
    scaler = FreeWorkerAutoScaler(max_workers=9, min_free_workers=3)

    assert [] == scaler.decide(snapshot(free=3, idle_for=5000)).actions


@BOTH
@pytest.mark.parametrize(("waiting", "down"), [({"NotDispatch": 1}, ()), ({"GpuReserved": 1}, ()), ({}, ("free-1",))])
def test_the_last_worker_stays_while_something_waits(
    kind: type[Scaler], waiting: dict[str, int], down: tuple[str, ...]
) -> None:
    """From one to zero only when nothing waits."""
    assert (
        down
        == kind(0, 5, 0 if kind is FreeWorkerAutoScaler else 9)
        .decide(snapshot(waiting=waiting, free=1, idle_for=500))
        .down
    )


def test_the_last_worker_stays_while_the_queue_is_not_known() -> None:
    """An outage isn't an empty queue."""
    scaler = FreeWorkerAutoScaler(min_workers=0, max_workers=5, min_free_workers=0)

    assert ("free-2",) == scaler.decide(snapshot(waiting=None, free=2, idle_for=500)).down


@BOTH
@pytest.mark.parametrize(
    ("fields", "down"),
    [
        ({"started_ago": 100, "ready_at": NOW - 119}, ()),
        ({"started_ago": 500, "ready_at": NOW - 119}, ()),
        ({"started_ago": 500, "ready_at": NOW - 120}, ("fresh",)),
        ({"started_ago": 119}, ()),
        ({"started_ago": 120}, ("fresh",)),
    ],
)
def test_a_worker_that_never_served_is_idle_since_it_was_ready(
    kind: type[Scaler], fields: dict[str, Any], down: tuple[str, ...]
) -> None:
    """Or since it started, where that isn't known; not since 1970."""
    fresh = worker("fresh", last_service_time=0, **fields)

    assert down == kind(0, 5, 0).decide(snapshot(workers=[fresh])).down


@BOTH
def test_free_workers_above_a_lowered_maximum_go_at_once(kind: type[Scaler]) -> None:
    """The newest first, without waiting for ``max_idle_time``; those in a session stay."""
    pinned = worker("pinned", started_ago=5, number_of_sessions=1)
    result = kind(max_workers=3).decide(snapshot(free=4, workers=[pinned]))

    assert ("free-4", "free-3") == result.down
    assert "removes free-4: free, and above the maximum of 3" == result.reasons[0].why


@BOTH
def test_leavers_above_the_maximum_push_nobody_out(kind: type[Scaler]) -> None:
    """Nor do suspects: once they are gone the fleet is at its maximum."""
    going = [worker("leaving", draining=True), worker("suspect", "Inflight", started_ago=5000)]

    assert ("suspect",) == kind(max_workers=3).decide(snapshot(free=3, workers=going)).down


@BOTH
def test_a_maximum_of_zero_empties_the_fleet(kind: type[Scaler]) -> None:
    """Of those who are free, while nothing waits."""
    assert ("free-2", "free-1") == kind(0, 0).decide(snapshot(free=2, busy=1)).down
    assert ("free-2",) == kind(0, 0).decide(snapshot(waiting={"NotDispatch": 1}, free=2)).down


@BOTH
def test_each_id_goes_once(kind: type[Scaler]) -> None:
    """Duplicate ids gave duplicate actions; here the statement that keeps a worker is believed."""
    idle = worker("twice", idle_for=500)
    result = kind(0, 5, 0).decide(snapshot(workers=[idle, idle, worker("busy"), worker("busy", "Busy")]))

    assert ("twice",) == result.down


def test_a_worker_listed_twice_is_one_free_worker() -> None:
    """Two statements about one worker don't make a spare."""
    free = worker("twice")

    assert (
        1
        == FreeWorkerAutoScaler(max_workers=5, min_free_workers=2)
        .decide(snapshot(workers=[free, free], worker=None))
        .up
    )


# -- suspects -----------------------------------------------------------------------------------------------------

SUSPECT = worker("suspect", "Inflight", started_ago=601)


@BOTH
@pytest.mark.parametrize(("started_ago", "up"), [(600, 0), (601, 1)])
def test_a_worker_that_never_becomes_ready_blocks_nothing(kind: type[Scaler], started_ago: int, up: int) -> None:
    """Starting for longer than ``start_timeout``, it doesn't hold back rule 2 any longer."""
    stuck = worker("stuck", "Inflight", started_ago=started_ago)

    assert up == kind(max_workers=5).decide(snapshot(waiting=9, busy=1, workers=[stuck])).up


@BOTH
def test_the_start_up_limit_is_an_argument(kind: type[Scaler]) -> None:
    """With 30 seconds a worker that started 31 seconds ago is suspect."""
    stuck = worker("stuck", "Inflight", started_ago=31)

    assert ("stuck",) == kind(max_workers=5, start_timeout=30).decide(snapshot(free=1, workers=[stuck])).down


@BOTH
def test_a_suspect_counts_towards_the_maximum(kind: type[Scaler]) -> None:
    """It costs: with two busy and one suspect of four, one more at most."""
    scaler = kind(max_workers=4, scale_up_step=3)

    assert 1 == scaler.decide(snapshot(waiting=9, busy=2, workers=[SUSPECT])).up


@BOTH
def test_a_suspect_does_not_count_towards_the_minimum(kind: type[Scaler]) -> None:
    """One of the two that there must be is still missing."""
    assert 1 == kind(min_workers=2, max_workers=5).decide(snapshot(busy=1, workers=[SUSPECT])).up


@BOTH
@pytest.mark.parametrize("lowest", [1, 3])
def test_a_suspect_makes_room(kind: type[Scaler], lowest: int) -> None:
    """One, the oldest, and nothing else, when it takes the place that more workers need (n = max)."""
    older = worker("older", "Inflight", started_ago=700)
    result = kind(lowest, 4).decide(snapshot(waiting=9, busy=2, workers=[SUSPECT, older]))

    assert (0, ("older",)) == (result.up, result.down)
    assert "makes room" in result.reasons[0].why


@BOTH
def test_suspects_go_in_the_first_answer_that_does_not_scale_up(kind: type[Scaler]) -> None:
    """All of them, without waiting for idle time, also below a younger starting worker."""
    other = worker("other", "Inflight", started_ago=5000)
    fleet = snapshot(busy=1, free=1, inflight=1, workers=[SUSPECT, other])

    assert ("suspect", "other") == kind(max_workers=9).decide(fleet).down


@BOTH
def test_suspects_stay_in_an_answer_that_scales_up(kind: type[Scaler]) -> None:
    """Never up and down in one answer."""
    result = kind(max_workers=9).decide(snapshot(waiting=9, busy=1, workers=[SUSPECT]))

    assert (1, ()) == (result.up, result.down)


@BOTH
def test_a_suspect_in_a_session_stays(kind: type[Scaler]) -> None:
    """Whatever else: a worker with sessions may not be removed, not even to make room."""
    pinned = worker("pinned", "Inflight", started_ago=5000, number_of_sessions=1)

    assert [] == kind(max_workers=9).decide(snapshot(free=1, workers=[pinned])).actions
    assert [] == kind(max_workers=2).decide(snapshot(waiting=9, busy=1, workers=[pinned])).actions


# -- nothing printed, no clock ------------------------------------------------------------------------------------


@BOTH
def test_nothing_is_printed(kind: type[Scaler], capfd: pytest.CaptureFixture[str]) -> None:
    """The predecessor printed on every decision."""
    kind(max_workers=5).decide(snapshot(waiting=9, busy=1))

    assert ("", "") == tuple(capfd.readouterr())


@BOTH
def test_the_snapshot_is_the_only_clock(kind: type[Scaler], monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot of long ago is decided as it was then, without a look at the wall clock."""
    factors = snapshot(free=2, idle_for=119, observed_at=1_000_000.0)
    monkeypatch.setattr("time.time", lambda: pytest.fail("the wall clock was read"))

    assert () == kind(max_workers=5).decide(factors).down


# -- what a reader hears ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scaler", "factors", "why"),
    [
        (
            SimpleAutoScaler(3, 3),
            snapshot(),
            "0 workers, below the minimum of 3: starts 3 workers, up to the maximum of 3",
        ),
        (
            SimpleAutoScaler(1, 1),
            snapshot(workers=[worker("a", draining=True)]),
            "0 workers, below the minimum of 1, but 1 worker of at most 1 there",
        ),
        (SimpleAutoScaler(0, 3), snapshot(waiting=1), "1 waiting and no worker: starts 1 worker"),
        (
            SimpleAutoScaler(1, 2),
            snapshot(waiting=4, busy=2),
            "4 waiting for a busy worker, more than 1, but 2 workers of at most 2 there",
        ),
        (SimpleAutoScaler(), snapshot(waiting=None, busy=1), "the queue is not known"),
        (FreeWorkerAutoScaler(), snapshot(busy=1, unknown=["worker"]), "the free workers are not known"),
        (
            FreeWorkerAutoScaler(1, 5),
            snapshot(busy=1, free=1),
            "1 free, not fewer than 1; nobody to remove: 1 free, 1 busy",
        ),
        (
            SimpleAutoScaler(1, 5),
            snapshot(free=2, idle_for=130),
            "removes free-2: idle for 130 s, at least 120 s",
        ),
        (
            # Nor is it said to have been idle for longer than it has: a maximum of 131 s would have kept it.
            SimpleAutoScaler(1, 5),
            snapshot(free=2, idle_for=130, observed_at=NOW + 0.7),
            "removes free-2: idle for 130 s, at least 120 s",
        ),
        (
            SimpleAutoScaler(1, 5),
            snapshot(free=1, workers=[SUSPECT]),
            "removes suspect: starting for 601 s, longer than 600 s",
        ),
        (
            SimpleAutoScaler(1, 2),
            snapshot(waiting=4, busy=1, workers=[SUSPECT]),
            (
                "4 waiting for a busy worker, more than 1, but 2 workers of at most 2 there: "
                "suspect, starting for longer than 600 s, makes room"
            ),
        ),
    ],
)
def test_the_sentences(scaler: Scaler, factors: Factors, why: str) -> None:
    """Each could be read out in an incident: numbers, and the rule that they met."""
    assert [why] == [reason.why for reason in scaler.decide(factors).reasons]
