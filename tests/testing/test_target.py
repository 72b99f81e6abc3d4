"""What the target in virtual time promises."""

from __future__ import annotations

import math
import re
from itertools import count

import pytest

from everai_autoscaler import Target
from everai_autoscaler.errors import ContractError, UnknownNameError
from everai_autoscaler.model import DecideResult, QueueReason, ScaleDownAction, ScaleUpAction, WorkerStatus
from everai_autoscaler.testing import Clients, Dispatch, VirtualTarget, worker_table

START = 1_000_000.0


def up(count):
    return DecideResult(max_workers=99, actions=[ScaleUpAction(count=count)])


def down(*worker_ids):
    return DecideResult(max_workers=99, actions=[ScaleDownAction(worker_id=worker_id) for worker_id in worker_ids])


def at(target, seconds):
    """What *target* shows so many seconds after its start."""
    target.clock.sleep_until(START + seconds)
    return target.observe()


def statuses(target, seconds):
    return [worker.status.value for worker in at(target, seconds).workers]


def taken(target):
    """For each request, the seconds at which it was taken and the number of the worker that took it."""
    names = [worker.worker_id for worker in target.everyone]
    return [(request.taken_at - START, names.index(request.taken_by)) for request in target.requests]


def test_is_a_target():
    """The loop can run it."""

    assert isinstance(VirtualTarget(), Target)


# Workers


def test_its_first_workers_are_ready():
    """Workers that are there from the start are free, and their idle time begins there."""
    factors = at(VirtualTarget(workers=2, start=START), 30)

    assert [WorkerStatus.Free] * 2 == [worker.status for worker in factors.workers]
    assert [30.0, 30.0] == [factors.idle_time(worker) for worker in factors.workers]


def test_its_first_workers_are_of_different_ages():
    """The first of those that are there from the start is the oldest, and all are older than any that comes later."""
    target = VirtualTarget(workers=2, start=START)
    target.apply(up(1))
    starts = [worker.started_at for worker in target.workers]

    assert sorted(set(starts)) == starts


def test_a_started_worker_is_ready_after_the_cold_start():
    """A started worker is Inflight until its cold start is over, and Free from that moment on."""
    target = VirtualTarget(workers=0, cold_start=15, start=START)
    target.apply(up(1))

    assert ["Inflight"] == statuses(target, 0)
    assert ["Inflight"] == statuses(target, 14.9)
    assert ["Free"] == statuses(target, 15)


def test_a_cold_start_of_nothing_is_over_at_once():
    """With a cold start of 0 a started worker is free when somebody looks next."""
    target = VirtualTarget(workers=0, cold_start=0, start=START)
    target.apply(up(1))

    assert ["Free"] == statuses(target, 0)


def test_each_worker_may_have_its_own_cold_start():
    """Cold starts are taken in the order of starts; the last holds for all further workers."""
    target = VirtualTarget(workers=0, cold_start=[30, 10], start=START)
    target.apply(up(3))

    assert ["Inflight", "Free", "Free"] == statuses(target, 10)
    assert ["Free", "Free", "Free"] == statuses(target, 30)


def test_a_worker_may_never_become_ready():
    """With an infinite cold start a worker starts for ever, and the others don't."""
    target = VirtualTarget(workers=0, cold_start=[math.inf, 10], start=START)
    target.apply(up(2))

    assert ["Inflight", "Free"] == statuses(target, 1e6)


def test_a_worker_removed_while_it_starts_never_becomes_ready():
    """A starting worker may be removed: its readiness doesn't bring it back, nor does it get the waiting request."""
    target = VirtualTarget(workers=0, cold_start=10, load=[[(0, 1)]], start=START)
    target.apply(up(1))
    target.clock.sleep_until(START + 5)
    (worker,) = target.workers
    target.apply(down(worker.worker_id))
    factors = at(target, 20)

    assert [] == factors.workers
    assert 1 == factors.waiting()
    assert target.everyone[0].ready_at is None


def test_tells_of_a_worker_what_it_has_done():
    """A listed worker has its start, its readiness, its last answer, how many and how long they took on average."""
    target = VirtualTarget(workers=0, cold_start=10, load=[[(0, 2), (0, 4), (0, 9)]], start=START)
    target.apply(up(1))
    (worker,) = at(target, 20).workers

    assert (START, START + 10) == (worker.started_at, worker.ready_at)
    assert (START + 16, 2, 3.0) == (worker.last_service_time, worker.number_of_successes, worker.average_response_time)
    assert (WorkerStatus.Busy, 1, 1) == (worker.status, worker.current_request, worker.concurrency)


def test_a_worker_that_never_served_says_so():
    """A worker that never served has no last service, and is idle since it was ready."""
    target = VirtualTarget(workers=0, cold_start=12.5, start=START)
    target.apply(up(1))
    factors = at(target, 20)

    assert 0 == factors.workers[0].last_service_time
    assert 7.5 == factors.idle_time(factors.workers[0])


@pytest.mark.parametrize(("service_time", "idle"), [(10, 50.0), (9.5, 50.0), (10.5, 49.0), (0.1, 59.0)])
def test_idle_time_is_never_overstated(service_time, idle):
    """Last service is told in whole seconds, so that a worker has been idle at least as long as it seems."""
    factors = at(VirtualTarget(load=[[(0, service_time)]], start=START), 60)

    assert idle == factors.idle_time(factors.workers[0])


def test_sums_of_tenths_are_no_later_than_they_should_be():
    """Two hundred answers of three tenths of a second end after 60 seconds, whatever floats make of that sum."""
    target = VirtualTarget(load=[Clients(1, service_time=0.3)], start=START)

    assert START + 60 == at(target, 60.1).workers[0].last_service_time


# The queue


def test_requests_are_served_in_the_order_in_which_they_come():
    """The queue is first come, first served, one at a time for each worker."""
    target = VirtualTarget(load=[[(0, 5), (1, 5), (2, 5)]], start=START)
    at(target, 100)

    assert [(0, 0), (5, 0), (10, 0)] == taken(target)
    assert [5.0, 10.0, 15.0] == [request.answered_at - START for request in target.requests]
    assert [0.0, 4.0, 8.0] == [request.wait for request in target.requests]


def test_a_request_that_nobody_took_has_no_wait_yet():
    """How long a request waits isn't known while it does."""
    target = VirtualTarget(workers=0, load=[[(0, 5)]], start=START)
    at(target, 10)

    assert target.requests[0].wait is None


def test_a_worker_may_serve_several_at_once():
    """With a concurrency of two, the third request waits for the first answer; a worker that serves one is busy."""
    target = VirtualTarget(load=[[(0, 5), (1, 9), (2, 5)]], concurrency=2, start=START)
    busy = at(target, 3)
    at(target, 100)

    assert [(0, 0), (1, 0), (5, 0)] == taken(target)
    assert ["Busy", 2, 2] == [busy.workers[0].status, busy.workers[0].current_request, busy.workers[0].concurrency]


def test_says_why_requests_wait():
    """Without a worker nobody has looked at a request; with one that starts or serves, it waits for that."""
    target = VirtualTarget(workers=0, load=[[(1, 5), (2, 5)]], start=START)
    alone = at(target, 3)
    target.apply(up(1))
    starting = target.observe()

    assert {QueueReason.NotDispatch: 2} == alone.queue
    assert {QueueReason.NotDispatch: 2.0} == alone.oldest_wait
    assert {QueueReason.QueueDueBusy: 2} == starting.queue
    assert [(START + 1, QueueReason.QueueDueBusy), (START + 2, QueueReason.QueueDueBusy)] == target.queue


def test_an_empty_queue_is_known():
    """When nothing waits, the queue says so, and nothing waits longest."""
    factors = at(VirtualTarget(start=START), 1)

    assert ({}, {}, 0) == (factors.queue, factors.oldest_wait, factors.waiting())


# Who gets the next request


@pytest.mark.parametrize(
    ("dispatch", "expected"),
    [(Dispatch.MOST_RECENTLY_USED, 1), (Dispatch.LONGEST_IDLE, 2), (Dispatch.OLDEST, 0)],
)
def test_dispatches_in_the_order_asked_for(dispatch, expected):
    """Of three free workers: the last to answer, the one that never served, or the oldest."""
    load = [(0, 3), (0, 5), (10, 1)]
    target = VirtualTarget(workers=3, load=[load], dispatch=dispatch, start=START)
    at(target, 20)

    assert (10, expected) == taken(target)[2]


def test_a_dispatch_order_may_be_named():
    """The order may be given by its name; another name is refused."""
    VirtualTarget(dispatch="longest-idle")
    with pytest.raises(ValueError, match="'newest'"):
        VirtualTarget(dispatch="newest")


def test_the_most_recently_used_is_never_one_that_was_not_used():
    """A worker that has just become ready isn't recently used: one that has answered long ago goes first."""
    target = VirtualTarget(cold_start=10, load=[[(0, 1), (20, 1)]], start=START)
    target.apply(up(1))
    at(target, 30)

    assert [(0, 0), (20, 0)] == taken(target)


def test_the_longest_idle_takes_turns():
    """Longest idle first, requests go round."""
    target = VirtualTarget(workers=3, load=[[(10 * n, 1) for n in range(6)]], dispatch="longest-idle", start=START)
    at(target, 100)

    assert [0, 1, 2, 0, 1, 2] == [worker for _, worker in taken(target)]


def test_a_worker_is_idle_since_it_became_ready():
    """A worker that never served isn't the longest idle for that: an answer before its readiness is longer ago."""
    target = VirtualTarget(cold_start=10, load=[[(0, 3), (20, 1)]], dispatch="longest-idle", start=START)
    target.apply(up(1))
    at(target, 30)

    assert [(0, 0), (20, 0)] == taken(target)


def test_the_longest_idle_is_not_one_that_serves():
    """With room in a busy worker, a free one is the longest idle all the same."""
    load = [(0, 100), (1, 1), (5, 1)]
    target = VirtualTarget(workers=2, load=[load], concurrency=2, dispatch="longest-idle", start=START)
    at(target, 20)

    assert [0, 1, 1] == [worker for _, worker in taken(target)]


# Sessions


def test_a_session_stays_with_its_worker():
    """A session's second request waits for the worker that holds it, although another one is free."""
    load = [(0, 10, "s"), (1, 5, "s"), (2, 5)]
    target = VirtualTarget(workers=2, load=[load], start=START)
    waiting = at(target, 3)
    at(target, 100)

    assert [(0, 0), (10, 0), (2, 1)] == taken(target)
    assert {QueueReason.QueueDueSession: 1} == waiting.queue
    assert [1, 0] == [worker.number_of_sessions for worker in waiting.workers]


def test_a_session_ends_when_it_is_not_used():
    """A session without a request for longer than its timeout is over, and its worker may go."""
    target = VirtualTarget(load=[[(0, 10, "s")]], session_timeout=60, start=START)
    holding, over = at(target, 70), at(target, 71)

    assert [1, 0] == [one.workers[0].number_of_sessions for one in (holding, over)]


def test_refuses_to_remove_a_worker_that_holds_a_session():
    """A worker that holds a session is not removed, although it serves nothing."""
    target = VirtualTarget(load=[[(0, 1, "s")]], start=START)
    (worker,) = at(target, 30).workers
    with pytest.raises(ContractError, match=f"'{worker.worker_id}' holds a session"):
        target.apply(down(worker.worker_id))

    assert [worker] == target.workers


# What comes first at one moment


def test_an_answer_comes_before_readiness():
    """When an answer and a new worker come at one moment, whoever answered takes the waiting request."""
    target = VirtualTarget(cold_start=10, load=[[(0, 10), (1, 1)]], start=START)
    target.apply(up(1))
    at(target, 20)

    assert [(0, 0), (10, 0)] == taken(target)


def test_an_answer_comes_before_an_arrival():
    """A request that comes when an answer does, finds the worker free."""
    target = VirtualTarget(load=[[(0, 10), (10, 1)]], start=START)
    at(target, 10)

    assert [(0, 0), (10, 0)] == taken(target)


def test_readiness_comes_before_an_arrival():
    """A request that comes when a worker becomes ready may go to that one, before one that serves already."""
    load = [(0, 100), (10, 1)]
    target = VirtualTarget(cold_start=10, load=[load], concurrency=2, dispatch="longest-idle", start=START)
    target.apply(up(1))
    at(target, 10)

    assert [(0, 0), (10, 1)] == taken(target)


def test_all_answers_of_a_moment_come_before_the_next_requests():
    """Of two workers that answer together, the next request goes to the one that did so last."""
    target = VirtualTarget(workers=2, load=[Clients(2, service_time=10, stop=20)], start=START)
    at(target, 19)

    assert [(0, 0), (0, 1), (10, 1), (10, 0)] == taken(target)


def test_a_client_that_asks_again_comes_behind_those_that_wait():
    """A client's next request is queued behind what waited when its last one was answered."""
    target = VirtualTarget(load=[Clients(2, service_time=10)], start=START)
    at(target, 30)

    assert [0.0, 10.0, 10.0, 10.0] == [request.wait for request in target.requests[:4]]


@pytest.mark.parametrize("moment", [0, 10, 20])
def test_the_next_request_comes_before_whoever_looks(moment):
    """Nobody sees the instant between a client's answer and its next request, nor the one before its first."""
    target = VirtualTarget(load=[Clients(1, service_time=10)], start=START)

    assert ["Busy"] == statuses(target, moment)


# The load


def test_clients_keep_as_many_requests_open_as_they_are():
    """So many clients have so many requests open at any moment between start and stop, and none before."""
    target = VirtualTarget(workers=2, load=[Clients(4, service_time=7, start=5, stop=100)], start=START)
    seen = [at(target, moment) for moment in (4, *range(5, 100, 5))]

    assert [0, *[4] * 19] == [sum(w.current_request for w in one.workers) + one.waiting() for one in seen]


def test_clients_hang_up():
    """When the clients stop, what waits is gone, whoever still served them is free, and nothing counts as answered."""
    target = VirtualTarget(workers=2, load=[Clients(4, service_time=60, start=5, stop=100)], start=START)
    before, after = at(target, 99), at(target, 100)
    much_later = at(target, 1000)

    assert [(2, 2), (0, 0)] == [(one.count(WorkerStatus.Busy), one.waiting()) for one in (before, after)]
    assert [0.0, 0.0] == [after.idle_time(worker) for worker in after.workers]
    assert 2 == target.served().answered == sum(worker.number_of_successes for worker in much_later.workers)
    assert [START + 100] * 4 == [r.hung_up_at for r in target.requests if r.answered_at is None]


def test_an_answer_at_the_stop_counts():
    """An answer that comes when the clients stop is an answer, and is the last."""
    target = VirtualTarget(load=[Clients(1, service_time=10, stop=30)], start=START)
    at(target, 100)

    assert (3, 3) == (target.served().came, target.served().answered)


def test_hanging_up_makes_room_for_others():
    """When the clients stop, a request from elsewhere that waited behind them is served at once."""
    load = [Clients(2, service_time=60, stop=10), [(1, 5)]]
    target = VirtualTarget(load=load, start=START)
    at(target, 100)

    assert [9.0] == [request.wait for request in target.requests if request.answered_at]


def test_several_sources_come_together():
    """Arrivals and clients from several sources are one load."""
    load = [[(0, 1), (6, 1)], [(3, 1)], Clients(1, service_time=1, start=4, stop=5.5)]
    target = VirtualTarget(load=load, start=START)
    at(target, 10)

    assert [0.0, 3.0, 4.0, 5.0, 6.0] == [request.came_at - START for request in target.requests]


def test_arrivals_may_never_end():
    """Arrivals are drawn one by one, so that a trace need not fit into memory, nor have an end."""
    target = VirtualTarget(load=[((n, 0.5) for n in count())], start=START)

    assert 101 == at(target, 100).arrivals


def test_arrivals_out_of_order_are_refused():
    """An arrival before the one that stands ahead of it, or before the start, is an error that says which."""
    target = VirtualTarget(load=[[(5, 1), (3, 1)]], start=START)
    with pytest.raises(ValueError, match="load: an arrival at 3 s stands after one at 5 s"):
        at(target, 10)
    with pytest.raises(ValueError, match="an arrival at -1 s stands after one at 0"):
        VirtualTarget(load=[[(-1, 1)]])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Clients(4, service_time=0), "service_time: 0 is not"),
        (lambda: Clients(4, service_time=math.nan), "service_time: nan is not"),
        (lambda: VirtualTarget(load=[[(3, -1)]]), "load: the arrival at 3 s has a service time of -1 s"),
        (lambda: VirtualTarget(concurrency=0), "concurrency: 0 is not"),
        (lambda: VirtualTarget(cold_start=-1), "cold_start: -1 is not"),
        (lambda: VirtualTarget(cold_start=[]), r"cold_start: \[\] is not"),
        (lambda: VirtualTarget(cold_start=math.nan), "cold_start: nan is not"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(make, words):
    """A number that can't be meant is an error that names it."""
    with pytest.raises(ValueError, match=words):
        make()


# What it shows, from one look to the next


def test_counts_what_came_and_was_answered_since_the_last_look():
    """Arrivals and completions are those since the last snapshot, the first time since the start."""
    target = VirtualTarget(load=[[(n, 2.5) for n in range(10)]], start=START)
    looks = [at(target, moment) for moment in (4, 9, 9, 100)]

    assert [(5, 1), (5, 2), (0, 0), (0, 7)] == [(one.arrivals, one.completions) for one in looks]


def test_tells_how_it_was():
    """A snapshot tells of the earlier ones by their age in whole seconds, the youngest first; the first of none."""
    target = VirtualTarget(workers=0, cold_start=30, load=[[(5, 100), (25, 100)]], start=START)
    first = target.observe()
    at(target, 20)
    target.apply(up(1))
    at(target, 40)
    last = at(target, 60.4)

    assert ({}, {}) == (first.queue_histories, first.worker_histories)
    assert [20, 40, 60] == list(last.queue_histories) == list(last.worker_histories)
    assert [{"QueueDueBusy": 2}, {"NotDispatch": 1}, {}] == list(last.queue_histories.values())
    assert [1, 0, 0] == [one[WorkerStatus.Inflight] for one in last.worker_histories.values()]
    assert {WorkerStatus.Busy: 1, WorkerStatus.Free: 0, WorkerStatus.Inflight: 0} == last.worker


def test_tells_how_much_of_its_workers_is_used():
    """One request at one of two workers uses half of them; without a worker that is ready, that isn't known."""
    target = VirtualTarget(workers=2, load=[[(0, 10)]], start=START)

    assert 50 == at(target, 5).utilization
    assert None is VirtualTarget(workers=0).observe().utilization


def test_tells_how_long_the_last_starts_took():
    """A snapshot has the seconds of the starts that are over, the newest first; those before the start are none."""
    target = VirtualTarget(workers=1, cold_start=[30, 10.5], start=START)
    none = target.observe()
    target.apply(up(2))

    assert [] == none.start_times
    assert [30.0, 10.5] == at(target, 40).start_times


def test_forgets_how_it_was_long_ago():
    """A snapshot tells of the last twenty."""
    target = VirtualTarget(start=START)
    last = [at(target, 20 * n) for n in range(30)][-1]

    assert [20 * n for n in range(1, 21)] == list(last.worker_histories)


def test_a_snapshot_stays_as_it_was():
    """What was seen isn't changed by what happens next."""
    target = VirtualTarget(load=[[(0, 50), (1, 50)]], start=START)
    factors = at(target, 5)
    before = factors.json()
    target.apply(up(1))
    at(target, 200)

    assert before == factors.json()


def test_sums_up_what_requests_met_with():
    """The summary has how many came and were answered, and how long those waited."""
    target = VirtualTarget(load=[[(0, 5), (1, 5), (2, 5)]], start=START)
    nothing = target.served()
    at(target, 12)
    served = target.served()

    assert (0, 0, None, None) == (nothing.came, nothing.answered, nothing.mean_wait, nothing.max_wait)
    assert (3, 2, 2.0, 4.0) == (served.came, served.answered, served.mean_wait, served.max_wait)


# What it does, and what it refuses


def test_removes_exactly_the_named():
    """The named workers go, and the others stay."""
    target = VirtualTarget(workers=4, start=START)
    first, second, third, fourth = (worker.worker_id for worker in target.workers)
    target.apply(down(third, first))

    assert [second, fourth] == [worker.worker_id for worker in target.workers]


def test_remembers_every_worker():
    """A worker that is gone is still listed among everyone, with when it was removed."""
    target = VirtualTarget(workers=2, start=START)
    at(target, 30)
    gone, stays = target.workers
    target.apply(down(gone.worker_id))

    assert [gone, stays] == target.everyone
    assert {gone.worker_id: START + 30} == target.deleted_at
    assert 1 == worker_table(target.everyone, deleted_at=target.deleted_at).count("TERMINATED")


def test_refuses_to_remove_a_busy_worker():
    """A worker that serves is not removed, and nothing else of that answer is done."""
    target = VirtualTarget(workers=2, load=[[(0, 10)]], start=START)
    at(target, 1)
    busy, free = (worker.worker_id for worker in target.workers)
    with pytest.raises(ContractError, match=f"'{busy}' is serving"):
        target.apply(down(free, busy))

    assert [busy, free] == [worker.worker_id for worker in target.workers]


@pytest.mark.parametrize("gone", [False, True])
def test_refuses_to_remove_a_worker_that_is_not_there(gone):
    """A worker that never was, or is gone already, can't be removed; the error says who is there."""
    target = VirtualTarget(workers=2, start=START)
    first, second = (worker.worker_id for worker in target.workers)
    if gone:
        target.apply(down(first))
    with pytest.raises(UnknownNameError, match=second):
        target.apply(down(second, first if gone else "nobody"))

    assert second in [worker.worker_id for worker in target.workers]


def test_a_worker_named_twice_goes_once():
    """An answer that names a worker twice removes it."""
    target = VirtualTarget(workers=2, start=START)
    first, second = (worker.worker_id for worker in target.workers)
    target.apply(down(first, first))

    assert [second] == [worker.worker_id for worker in target.workers]


def test_ids_look_like_the_platforms():
    """Ids have 22 letters and digits, none of which could be taken for another."""
    ids = [worker.worker_id for worker in VirtualTarget(workers=50).workers]

    assert 50 == len(set(ids))
    assert all(re.fullmatch("[1-9A-HJ-NP-Za-km-z]{22}", worker_id) for worker_id in ids)


def test_ids_repeat_from_run_to_run():
    """The same seed gives the same ids, another gives others."""
    ids = [[worker.worker_id for worker in VirtualTarget(workers=3, seed=seed).workers] for seed in (1, 1, 2)]

    assert ids[0] == ids[1]
    assert not set(ids[1]) & set(ids[2])


def test_the_same_story_twice_is_the_same_story():
    """Two targets with the same load show the same snapshots, whatever the machine's clock says."""
    targets = [VirtualTarget(load=[Clients(3, service_time=1.7, start=2, stop=90)], start=START) for _ in range(2)]
    first, second = ([at(target, 20 * n).json() for n in range(6)] for target in targets)

    assert first == second
