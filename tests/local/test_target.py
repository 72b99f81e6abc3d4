"""The local runtime as a Target."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from everai_autoscaler.local.target import LocalTarget
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.loop import Target
from everai_autoscaler.model import DecideResult, QueueReason, ScaleDownAction, ScaleUpAction, WorkerStatus
from everai_autoscaler.serving.dispatcher import Dispatcher, Ticket


@define
class Fleet:
    """Workers that are started and removed at once."""

    dispatcher: Dispatcher
    workers: dict[str, LocalWorker] = field(factory=dict)
    most: int = 99

    def start(self, count: int) -> tuple[int, str]:
        for _ in range(begun := min(count, self.most)):
            worker = LocalWorker(f"w{len(self.workers) + 1}", started_at=100.0)
            self.workers[worker.worker_id] = worker
            self.dispatcher.add(worker)
        return begun, "" if begun == count else "starts wait, since workers have died while starting"

    def remove(self, worker_id: str, why: str) -> None:
        self.workers[worker_id].why = why
        self.dispatcher.withdraw(self.workers.pop(worker_id))


class Here:
    """A target with *ready* workers, at a moment that a test sets."""

    def __init__(self, ready: int = 0, **fleet) -> None:
        self.now = 100.0
        self.dispatcher = Dispatcher()
        self.fleet = Fleet(self.dispatcher, **fleet)
        self.target = LocalTarget(self.fleet, self.dispatcher, clock=lambda: self.now)
        self.fleet.start(ready)
        for worker in self.fleet.workers.values():
            self.dispatcher.ready(worker, self.now)

    def request(self, session: str | None = None) -> Ticket:
        ticket = Ticket(self.now, lambda worker: None, session)
        self.dispatcher.submit(ticket)
        return ticket


def remove(*workers: str) -> DecideResult:
    return DecideResult(max_workers=5, actions=[ScaleDownAction(worker_id=one) for one in workers]).because("idle")


def test_it_is_a_target() -> None:
    """It has what a loop asks for."""
    assert isinstance(Here().target, Target)


def test_a_snapshot_tells_all_that_is_known() -> None:
    """Workers, queue, oldest wait and utilization are those of the moment."""
    here = Here(ready=2)
    for here.now in (98.0, 99.0, 100.0, 101.0):
        here.request()
    here.now = 104.0
    factors = here.target.observe()

    assert 104.0 == factors.observed_at
    assert [WorkerStatus.Busy, WorkerStatus.Busy] == [worker.status for worker in factors.workers or ()]
    assert {QueueReason.QueueDueBusy: 2} == factors.queue
    assert {QueueReason.QueueDueBusy: 4.0} == factors.oldest_wait
    assert 100 == factors.utilization


def test_the_first_snapshot_knows_no_arrivals() -> None:
    """What came since the last snapshot isn't known where there was none."""
    here = Here()
    here.request()

    assert None is here.target.observe().arrivals


def test_later_snapshots_tell_what_came_and_was_answered() -> None:
    """Arrivals and completions are those since the snapshot before."""
    here = Here(ready=1)
    here.target.observe()
    ticket = here.request()
    here.request()
    here.dispatcher.answered(ticket, 101.0, seconds=1.0, well=True)
    factors = here.target.observe()

    assert (2, 1) == (factors.arrivals, factors.completions)
    here.request()
    factors = here.target.observe()
    assert (1, 0) == (factors.arrivals, factors.completions)


def test_earlier_snapshots_are_histories() -> None:
    """A snapshot tells of the queue and the workers of those before it, by their age."""
    here = Here(ready=1)
    here.request()
    here.request()
    here.target.observe()
    here.now = 120.0
    factors = here.target.observe()

    assert {20: {QueueReason.QueueDueBusy: 1}} == factors.queue_histories
    assert 1 == (factors.worker_histories or {})[20][WorkerStatus.Busy]


def test_a_snapshot_tells_of_the_last_twenty() -> None:
    """What lies further back is forgotten, however long the runtime runs."""
    here = Here(ready=1)
    for here.now in range(100, 140):
        here.target.observe()
    here.now = 140

    assert list(range(1, 21)) == sorted(here.target.observe().worker_histories or {})


def test_histories_survive_a_restart() -> None:
    """What an earlier runtime has seen is there again, from the form in which it is kept."""
    here = Here(ready=1)
    here.target.observe()
    again = LocalTarget(here.fleet, here.dispatcher, seen=[here.target.sample()], clock=lambda: 130.0)

    assert [30] == list(again.observe().worker_histories or {})


def test_utilization_counts_all_that_a_worker_can_serve() -> None:
    """One request at a worker that can serve four uses a quarter of it."""
    here = Here()
    here.fleet.start(1)
    (worker,) = here.fleet.workers.values()
    worker.concurrency = 4
    here.dispatcher.ready(worker, here.now)
    here.request()

    assert 25 == here.target.observe().utilization


def test_a_starting_worker_has_no_utilization() -> None:
    """How busy the app is isn't known while nobody can serve."""
    here = Here()
    here.fleet.start(1)

    assert None is here.target.observe().utilization


def test_exactly_the_named_worker_goes() -> None:
    """Of three free workers the one that is named goes, with the reason."""
    here = Here(ready=3)
    second = here.fleet.workers["w2"]
    here.target.apply(remove("w2"))

    assert ["w1", "w3"] == list(here.fleet.workers)
    assert "policy: idle" == second.why


def test_a_worker_that_has_begun_to_serve_stays() -> None:
    """A worker that was free when it was named, and serves now, isn't removed; what was done says so."""
    here = Here(ready=1)
    here.request()
    applied = here.target.apply(remove("w1"))

    assert ["w1"] == list(here.fleet.workers)
    assert ("w1 stays: it has begun to serve since",) == applied.why


def test_a_worker_with_a_session_stays() -> None:
    """A worker that holds a session isn't removed, although it serves nobody."""
    here = Here(ready=1)
    here.dispatcher.answered(here.request("s"), 101.0, seconds=1.0, well=True)
    applied = here.target.apply(remove("w1"))

    assert ("w1 stays: it holds a session",) == applied.why


def test_a_worker_that_goes_already_is_told() -> None:
    """A worker that an operator has removed since the look isn't counted as one that this decision has removed."""
    here = Here(ready=1)
    here.fleet.workers["w1"].draining_at = 100.0
    applied = here.target.apply(remove("w1"))

    assert ((), ("w1 stays: it is on its way out already",)) == (applied.down, applied.why)


def test_a_worker_that_is_gone_already_is_no_error() -> None:
    """A worker that died between the look and the answer can't go again, and stops nothing else."""
    here = Here(ready=1)
    applied = here.target.apply(remove("gone", "w1"))

    assert ("w1",) == applied.down


def test_starts_that_have_to_wait_are_told() -> None:
    """Where fewer workers can be started than were asked for, what was done says so."""
    here = Here(most=0)
    applied = here.target.apply(DecideResult(max_workers=5, actions=[ScaleUpAction(count=2)]))

    assert ("starts 0 of 2: starts wait, since workers have died while starting",) == applied.why


def test_whoever_drains_is_not_among_the_statuses() -> None:
    """A worker on its way out is listed as draining, and counted apart."""
    here = Here(ready=2)
    leaving: Mapping[str, LocalWorker] = here.fleet.workers
    leaving["w2"].draining_at = 100.0
    here.dispatcher.withdraw(leaving["w2"])
    factors = here.target.observe()

    assert [None, True] == [worker.draining for worker in factors.workers or ()]
    assert 1 == (factors.worker or {})[WorkerStatus.Free]


def test_each_worker_goes_for_its_own_reason() -> None:
    """Of several that go, each is told the sentence that names it."""
    here = Here(ready=2)
    gone = dict(here.fleet.workers)
    actions = [ScaleDownAction(worker_id="w1"), ScaleDownAction(worker_id="w2")]
    here.target.apply(DecideResult(max_workers=5, actions=actions).because("w1 is idle").because("w2 is idle"))

    assert ["policy: w1 is idle", "policy: w2 is idle"] == [gone[one].why for one in ("w1", "w2")]
