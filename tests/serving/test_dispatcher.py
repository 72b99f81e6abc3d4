"""Who waits, who is served, and by whom."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from everai_autoscaler.model import Dispatch, QueueReason
from everai_autoscaler.serving.dispatcher import Dispatcher, QueueFullError, Ticket
from everai_autoscaler.serving.worker import ServingWorker

BUSY, SESSION, NOBODY = QueueReason.QueueDueBusy, QueueReason.QueueDueSession, QueueReason.NotDispatch


class Desk:
    """A dispatcher, its workers by name, and what each was given in turn."""

    def __init__(self, order=Dispatch.MOST_RECENTLY_USED, *, longest=None):
        self.dispatcher = Dispatcher(order, longest=longest)
        self.given = []
        self.now = count(1)

    def worker(self, name, concurrency=1):
        worker = ServingWorker(name, started_at=0, concurrency=concurrency)
        self.dispatcher.add(worker)
        return worker

    def ready(self, name, concurrency=1):
        worker = self.worker(name, concurrency)
        self.dispatcher.ready(worker, next(self.now))
        return worker

    def ticket(self, name, session=None):
        return Ticket(next(self.now), lambda worker: self.given.append((name, worker.worker_id)), session)

    def submit(self, name, session=None):
        ticket = self.ticket(name, session)
        self.dispatcher.submit(ticket)
        return ticket

    def answered(self, *tickets):
        for ticket in tickets:
            self.dispatcher.answered(ticket, next(self.now), seconds=2.0, well=True)

    def reasons(self):
        return [reason for _, reason in self.dispatcher.queue()]


# Workers


def test_a_worker_is_given_nothing_before_it_is_ready():
    """A request waits until somebody is ready, as WorkerBusy once there is a worker at all."""
    desk = Desk()
    desk.submit("a")
    nobody = desk.reasons()
    worker = desk.worker("w")
    starting = desk.reasons()
    desk.dispatcher.ready(worker, 9.5)

    assert ([NOBODY], [BUSY], []) == (nobody, starting, desk.reasons())
    assert [("a", "w")] == desk.given
    assert 9.5 == worker.ready_at


def test_knows_how_long_the_last_starts_took():
    """What a start took is known once the worker is ready; one that was ready before counts once."""
    desk = Desk()
    for name, moment in (("a", 12.5), ("b", 20)):
        worker = desk.worker(name)
        desk.dispatcher.ready(worker, moment)
    desk.dispatcher.ready(worker, 30)

    assert [20, 12.5] == list(desk.dispatcher.start_times)


def test_a_worker_that_is_ready_again_was_ready_before():
    """When it became ready for the first time is kept."""
    desk = Desk()
    worker = desk.ready("w")
    desk.dispatcher.ready(worker, 99)

    assert 1 == worker.ready_at


def test_there_is_somebody_or_nobody():
    """A worker counts from its start until it takes no more requests."""
    desk = Desk()
    seen = [desk.dispatcher.anybody]
    worker = desk.worker("w")
    seen.append(desk.dispatcher.anybody)
    desk.dispatcher.withdraw(worker)
    seen.append(desk.dispatcher.anybody)

    assert [False, True, False] == seen


def test_a_worker_serves_as_many_as_it_may():
    """Of three requests, a worker of concurrency 2 has two; the third is next."""
    desk = Desk()
    worker = desk.ready("w", concurrency=2)
    first, second, _ = (desk.submit(name) for name in "abc")

    assert 2 == worker.serving
    assert [BUSY] == desk.reasons()
    desk.answered(second)
    assert [("a", "w"), ("b", "w"), ("c", "w")] == desk.given
    assert first.worker is worker


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Dispatch.MOST_RECENTLY_USED, ["w2", "w1", "half", "never"]),
        (Dispatch.LONGEST_IDLE, ["never", "w1", "w2", "half"]),
        (Dispatch.OLDEST, ["w1", "w2", "half", "never"]),
    ],
)
def test_who_gets_the_next(order, expected):
    """Of those with room, the order decides: two that have answered, one that serves one of two, one never used."""
    desk = Desk(order)
    desk.ready("w1")
    first = desk.submit("a")
    desk.ready("w2")
    second = desk.submit("b")
    desk.ready("half", concurrency=2)
    desk.submit("c")
    desk.ready("never")
    desk.answered(first, second)
    before = len(desk.given)
    for name in range(4):
        desk.submit(name)

    assert expected == [worker for _, worker in desk.given[before:]]


def test_the_most_recently_used_keeps_the_work():
    """With one request at a time, one worker does it all, and the others fall idle."""
    desk = Desk()
    for name in ("w1", "w2", "w3"):
        desk.ready(name)
    for name in range(5):
        desk.answered(desk.submit(name))

    assert {"w1"} == {worker for _, worker in desk.given}


def test_the_longest_idle_take_turns():
    """With one request at a time, each worker has its turn."""
    desk = Desk(Dispatch.LONGEST_IDLE)
    for name in ("w1", "w2", "w3"):
        desk.ready(name)
    for name in range(6):
        desk.answered(desk.submit(name))

    assert ["w1", "w2", "w3"] * 2 == [worker for _, worker in desk.given]


def test_a_withdrawn_worker_goes_on_serving():
    """What it has, it finishes; it is given nothing more."""
    desk = Desk()
    worker = desk.ready("w", concurrency=2)
    served = desk.submit("a")
    desk.dispatcher.withdraw(worker)
    desk.submit("b")
    desk.answered(served)
    desk.dispatcher.ready(worker, 9)

    assert [("a", "w")] == desk.given
    assert [NOBODY] == desk.reasons()
    assert (0, 1) == (worker.serving, worker.successes)


# Requests


def test_first_come_first_served():
    """Those that wait are served in the order in which they came."""
    desk = Desk()
    tickets = {name: desk.submit(name) for name in "abc"}
    desk.ready("w")
    for name in "abc":
        desk.answered(tickets[name])

    assert ["a", "b", "c"] == [name for name, _ in desk.given]


def test_the_queue_tells_when_and_why():
    """Each that waits, in the order in which they came, with its reason; and how many for each."""
    desk = Desk()
    desk.ready("w")
    desk.submit("a", "s")
    waiting = [desk.submit("b"), desk.submit("c", "s"), desk.submit("d")]

    assert [(ticket.came_at, why) for ticket, why in zip(waiting, (BUSY, SESSION, BUSY), strict=True)] == (
        desk.dispatcher.queue()
    )
    assert {BUSY: 2, SESSION: 1} == desk.dispatcher.summary()
    assert 3 == len(desk.dispatcher)


def test_counts():
    """Whoever comes is an arrival, whoever is answered a completion; who leaves is neither."""
    desk = Desk(longest=0)
    worker = desk.ready("w")
    ticket = desk.submit("a")
    with pytest.raises(QueueFullError):
        desk.submit("b")
    desk.dispatcher.answered(ticket, 50, seconds=3.0, well=False)
    desk.dispatcher.give_up(desk.submit("c"), 60)

    assert (3, 1) == (desk.dispatcher.arrivals, desk.dispatcher.completions)
    assert (0, 1, 3.0, 60) == (worker.successes, worker.failures, worker.served_for, worker.last_served_at)


def test_a_full_queue():
    """One more than may wait is turned away and forgotten; the others keep their places."""
    desk = Desk(longest=1)
    desk.submit("a")
    with pytest.raises(QueueFullError):
        desk.submit("b")
    desk.ready("w", concurrency=2)
    desk.submit("c")

    assert ["a", "c"] == [name for name, _ in desk.given]
    assert 0 == len(desk.dispatcher)


def test_a_full_queue_counts_those_who_wait_for_their_session():
    """They wait, too, even while somebody else is free."""
    desk = Desk(longest=1)
    desk.ready("w1")
    desk.submit("a", "s")
    desk.submit("b", "s")
    desk.ready("w2")
    with pytest.raises(QueueFullError):
        desk.submit("c", "s")

    assert [SESSION] == desk.reasons()


def test_put_back_before_all_that_came_later():
    """A request that its worker couldn't serve is the next again."""
    desk = Desk()
    worker = desk.ready("w")
    first = desk.submit("a")
    desk.submit("b")
    desk.dispatcher.withdraw(worker)
    desk.dispatcher.put_back(first)
    desk.ready("w2")

    assert [("a", "w"), ("a", "w2")] == desk.given
    assert [BUSY] == desk.reasons()


def test_put_back_behind_those_that_came_before():
    """It has the place that it had, not the very first."""
    desk = Desk()
    worker = desk.ready("w", concurrency=2)
    first, second = desk.submit("a"), desk.submit("b")
    desk.dispatcher.withdraw(worker)
    desk.dispatcher.put_back(second)
    desk.dispatcher.put_back(first)
    desk.ready("w2", concurrency=2)

    assert [("a", "w2"), ("b", "w2")] == desk.given[2:]


def test_put_back_to_the_same_worker():
    """A worker that is still there may get it again; it is no completion, and nobody's failure."""
    desk = Desk()
    worker = desk.ready("w")
    ticket = desk.submit("a")
    desk.dispatcher.put_back(ticket)

    assert [("a", "w")] * 2 == desk.given
    assert (1, 0, 0) == (worker.serving, worker.failures, desk.dispatcher.completions)


@pytest.mark.parametrize("session", [None, "s"])
def test_a_client_that_leaves_the_queue(session):
    """Is forgotten, and others move up; telling so twice does no harm."""
    desk = Desk()
    desk.ready("w")
    served = desk.submit("a", session)
    leaves = desk.submit("b", session)
    desk.submit("c", session)
    for _ in range(2):
        desk.dispatcher.give_up(leaves, 9)
    desk.answered(served)

    assert ["a", "c"] == [name for name, _ in desk.given]
    assert [] == desk.reasons()


def test_a_client_that_leaves_while_it_is_served():
    """Its worker is the next one's at once; telling so twice does no harm."""
    desk = Desk()
    worker = desk.ready("w")
    leaves = desk.submit("a")
    desk.submit("b")
    for _ in range(2):
        desk.dispatcher.give_up(leaves, 9)

    assert [("a", "w"), ("b", "w")] == desk.given
    assert (1, 9) == (worker.serving, worker.last_served_at)


# Sessions


def test_a_session_stays_at_its_worker():
    """Its requests wait for the worker that has it, out of the way of the others."""
    desk = Desk()
    desk.ready("w1")
    first = desk.submit("a", "s")
    second = desk.submit("b", "s")
    desk.ready("w2")
    desk.submit("c")
    reasons = desk.reasons()
    desk.answered(first)
    desk.answered(second)
    desk.submit("d", "s")

    assert [SESSION] == reasons
    assert [("a", "w1"), ("c", "w2"), ("b", "w1"), ("d", "w1")] == desk.given


def test_a_worker_that_begins_a_session_holds_it():
    """A session that a worker names in its answer is its own from then on, and pins it."""
    desk = Desk()
    worker = desk.ready("w1")
    desk.ready("w2")
    first = desk.submit("a")
    desk.dispatcher.begin_session(first, "s", 30)
    desk.answered(first)
    desk.submit("b")
    desk.submit("c", "s")

    assert {"s": 30} == worker.sessions
    assert [("a", "w1"), ("b", "w1")] == desk.given
    assert [SESSION] == desk.reasons()


def test_a_session_has_one_worker_whoever_names_it():
    """A worker doesn't get a session by naming it that another one holds; nor does one that leaves."""
    desk = Desk()
    workers = [desk.ready(name) for name in ("w1", "w2", "w3")]
    desk.submit("a", "s")
    other, last = desk.submit("b"), desk.submit("c")
    desk.dispatcher.withdraw(workers[2])
    desk.dispatcher.begin_session(other, "s", 30)
    desk.dispatcher.begin_session(last, "t", 30)

    assert [1, 0, 0] == [len(worker.sessions) for worker in workers]


def test_a_session_that_waits_has_no_precedence():
    """Who came before it is served before it, by its worker, too."""
    desk = Desk()
    desk.ready("w")
    first = desk.submit("a", "s")
    second = desk.submit("b")
    desk.submit("c", "s")
    desk.answered(first)
    desk.answered(second)

    assert ["a", "b", "c"] == [name for name, _ in desk.given]


def test_who_waits_for_its_session_is_not_passed_by():
    """When its worker has room, it is before those that came later and could go anywhere."""
    desk = Desk()
    desk.ready("w1")
    first = desk.submit("a", "s")
    desk.submit("b", "s")
    desk.ready("w2")
    desk.submit("x")
    desk.submit("c")
    desk.answered(first)

    assert [("a", "w1"), ("x", "w2"), ("b", "w1")] == desk.given


def test_two_requests_of_a_new_session():
    """The first that is served decides where the other belongs."""
    desk = Desk()
    desk.submit("a", "s")
    desk.submit("b", "s")
    desk.ready("w1")
    desk.ready("w2")

    assert [("a", "w1")] == desk.given
    assert [SESSION] == desk.reasons()


def test_put_back_within_a_session():
    """A session's request that is put back is before those of it that came later, which wait for its worker already."""
    desk = Desk()
    desk.ready("w1")
    first = desk.submit("a", "s")
    desk.submit("b", "s")
    desk.ready("w2")
    desk.dispatcher.put_back(first)

    assert [("a", "w1"), ("a", "w1")] == desk.given
    assert [SESSION] == desk.reasons()


def test_a_withdrawn_workers_sessions_are_anybodys():
    """What waited for it goes to the others, in its old place."""
    desk = Desk()
    worker = desk.ready("w1")
    desk.submit("a", "s")
    desk.submit("b", "s")
    desk.ready("w2")
    blocks = desk.submit("x")
    desk.submit("c")
    desk.dispatcher.withdraw(worker)
    reasons = desk.reasons()
    desk.answered(blocks)

    assert [BUSY, BUSY] == reasons
    assert ("b", "w2") == desk.given[-1]
    assert not worker.sessions


def test_what_waits_for_a_withdrawn_worker_is_given_on_at_once():
    """A session's request goes to whoever is free, without waiting for anything else to happen."""
    desk = Desk()
    worker = desk.ready("w1")
    desk.submit("a", "s")
    desk.submit("b", "s")
    desk.ready("w2")
    desk.dispatcher.withdraw(worker)

    assert ("b", "w2") == desk.given[-1]


def test_a_session_is_heard_of_until_its_last_answer():
    """A request that takes longer than a session may be silent doesn't end it."""
    desk = Desk()
    worker = desk.ready("w")
    ticket = desk.submit("a", "s")
    desk.dispatcher.answered(ticket, 1000.0, seconds=990.0, well=True)
    desk.dispatcher.expire(1000.0)

    assert {"s": 1000.0} == worker.sessions


def test_a_session_ends_when_nothing_is_heard_of_it():
    """The worker is nobody's then; the next request may go anywhere."""
    desk = Desk(Dispatch.OLDEST)
    first = desk.ready("w1")
    second = desk.ready("w2")
    blocks = desk.submit("x")
    ticket = desk.submit("a", "s")
    desk.answered(ticket, blocks)
    heard = second.sessions["s"]
    desk.dispatcher.expire(heard)
    held = dict(second.sessions)
    desk.dispatcher.expire(heard + 1)
    desk.submit("b", "s")

    assert {"s": heard} == held
    assert {} == second.sessions
    assert ("b", first.worker_id) == desk.given[-1]


@pytest.mark.parametrize("waits", [False, True])
def test_a_session_does_not_end_while_something_of_it_is_there(waits):
    """Neither while it is served nor while it waits."""
    desk = Desk()
    worker = desk.ready("w")
    ticket = desk.submit("a", "s")
    if waits:
        desk.submit("x")
        desk.submit("b", "s")
        desk.answered(ticket)
    desk.dispatcher.expire(10**6)

    assert {"s"} == worker.sessions.keys()


def test_a_busy_workers_other_sessions_end():
    """A worker that always has something to do doesn't collect sessions for ever."""
    desk = Desk()
    worker = desk.ready("w")
    served = None
    for number in range(10):
        desk.submit(number, f"s{number}")
        if served is not None:
            desk.answered(served)
        served = next(iter(desk.dispatcher._served))
    desk.dispatcher.expire(10**6)

    assert {served.session} == worker.sessions.keys()


class AnyStory(RuleBasedStateMachine):
    """Whatever happens, in whatever order."""

    workers, tickets = Bundle("workers"), Bundle("tickets")

    def __init__(self):
        super().__init__()
        self.dispatcher = Dispatcher(longest=6)
        self.now = 0.0
        self.here, self.ready_ones, self.everyone = set(), set(), set()
        self.waiting, self.served = {}, {}
        self.came = self.ended = 0
        self.names = count(1)

    @initialize(target=workers)
    def begin(self):
        """Most of it begins with somebody there."""
        workers = [ServingWorker(f"w{next(self.names)}", started_at=0, concurrency=each) for each in (1, 2)]
        for worker in workers:
            self.here.add(worker)
            self.everyone.add(worker)
            self.ready_ones.add(worker)
            self.dispatcher.add(worker)
            self.dispatcher.ready(worker, 0)
        return multiple(*workers)

    def _give(self, ticket, worker):
        assert ticket in self.waiting, "served twice, or after it left"
        assert worker in self.here & self.ready_ones, "by a worker that takes no requests"
        others = {session for other in self.everyone - {worker} for session in other.sessions}
        earlier = [other for other in self.waiting if other.number < ticket.number]
        assert all(other.session in others for other in earlier), "before one that came first, and could be served"
        assert ticket.session not in others, "by a worker that isn't its session's"
        del self.waiting[ticket]
        self.served[ticket] = worker

    @rule(target=workers, concurrency=st.integers(1, 3))
    def add(self, concurrency):
        worker = ServingWorker(f"w{next(self.names)}", started_at=self.now, concurrency=concurrency)
        self.here.add(worker)
        self.everyone.add(worker)
        self.dispatcher.add(worker)
        return worker

    @rule(worker=workers)
    def ready(self, worker):
        self.ready_ones.add(worker)
        self.dispatcher.ready(worker, self.now)

    @rule(worker=workers)
    def withdraw(self, worker):
        self.here.discard(worker)
        self.dispatcher.withdraw(worker)

    @rule(target=tickets, session=st.sampled_from([None, None, "s", "t"]))
    def submit(self, session):
        self.now += 1
        self.came += 1
        ticket = Ticket(self.now, lambda worker: self._give(ticket, worker), session)
        self.waiting[ticket] = None
        before = len(self.waiting)
        try:
            self.dispatcher.submit(ticket)
        except QueueFullError:
            assert before > 6
            del self.waiting[ticket]
        return ticket

    @rule(ticket=tickets)
    def put_back(self, ticket):
        if ticket in self.served:
            del self.served[ticket]
            self.waiting[ticket] = None
            self.dispatcher.put_back(ticket)

    @rule(ticket=consumes(tickets), well=st.booleans())
    def answered(self, ticket, well):
        if ticket in self.served:
            self.now += 1
            del self.served[ticket]
            self.ended += 1
            self.dispatcher.answered(ticket, self.now, seconds=1.0, well=well)

    @rule(ticket=tickets)
    def give_up(self, ticket):
        self.now += 1
        self.waiting.pop(ticket, None)
        self.served.pop(ticket, None)
        self.dispatcher.give_up(ticket, self.now)

    @rule(ago=st.integers(0, 5))
    def expire(self, ago):
        self.dispatcher.expire(self.now - ago)

    @invariant()
    def nobody_is_lost(self):
        assert sorted(ticket.came_at for ticket in self.waiting) == [came for came, _ in self.dispatcher.queue()]
        assert all(ticket.worker is worker for ticket, worker in self.served.items())
        assert (self.came, self.ended) == (self.dispatcher.arrivals, self.dispatcher.completions)
        assert self.ended == sum(worker.successes + worker.failures for worker in self.everyone)

    @invariant()
    def nobody_has_too_much(self):
        for worker in self.everyone:
            assert worker.serving == list(self.served.values()).count(worker) <= worker.concurrency

    @invariant()
    def nobody_waits_in_vain(self):
        room = {worker for worker in self.here & self.ready_ones if worker.serving < worker.concurrency}
        for ticket in self.waiting:
            holders = [worker for worker in self.here if ticket.session in worker.sessions]
            assert not room.intersection(holders) if holders else not room

    @invariant()
    def sessions_have_one_worker(self):
        for session in ("s", "t"):
            assert 1 >= sum(session in worker.sessions for worker in self.everyone)
        assert not any(worker.sessions for worker in self.everyone - self.here)

    @invariant()
    def reasons_are_right(self):
        held = {session for worker in self.here for session in worker.sessions}
        waiting = sorted(self.waiting, key=lambda ticket: ticket.number)
        expected = [SESSION if one.session in held else BUSY if self.here else NOBODY for one in waiting]
        assert expected == [reason for _, reason in self.dispatcher.queue()]


TestAnyStory = AnyStory.TestCase
TestAnyStory.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
