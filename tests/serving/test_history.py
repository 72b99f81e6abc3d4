"""What a queue and its workers show from one observation to the next."""

from __future__ import annotations

from everai_autoscaler.model import WorkerStatus
from everai_autoscaler.serving.dispatcher import Dispatcher, Ticket
from everai_autoscaler.serving.history import History
from everai_autoscaler.serving.worker import ServingWorker


def ready(dispatcher: Dispatcher[ServingWorker], name: str, now: float) -> ServingWorker:
    worker = ServingWorker(name, started_at=now)
    dispatcher.add(worker)
    dispatcher.ready(worker, now)
    return worker


def test_arrivals_are_known_from_the_start_where_their_number_is() -> None:
    """The first observation knows its arrivals only where the number before them is known."""
    dispatcher: Dispatcher[ServingWorker] = Dispatcher()
    known = History(dispatcher, region="here", counted=(0, 0))
    unknown = History(dispatcher, region="here")
    dispatcher.submit(Ticket(5.0, lambda worker: None))

    assert [1, None] == [history.observe([], 6.0).arrivals for history in (known, unknown)]


def test_a_sample_is_no_observation() -> None:
    """Numbers that are only looked at are in no later snapshot, and reset no count."""
    dispatcher: Dispatcher[ServingWorker] = Dispatcher()
    history = History(dispatcher, region="here", counted=(0, 0))
    dispatcher.submit(Ticket(5.0, lambda worker: None))
    history.sample([], 6.0)
    factors = history.observe([], 7.0)

    assert ({}, 1) == (factors.worker_histories, factors.arrivals)


def test_a_worker_that_drains_is_counted_apart() -> None:
    """A sample has the workers that stay by status, and the number of those that drain."""
    dispatcher: Dispatcher[ServingWorker] = Dispatcher()
    stays, drains = ready(dispatcher, "a", 1.0), ready(dispatcher, "b", 2.0)
    drains.draining_at = 3.0
    sample = History(dispatcher, region="here").sample([stays, drains], 4.0)

    assert (1, 1) == (sample.workers[WorkerStatus.Free], sample.draining)


def test_a_clock_that_was_put_back_makes_nothing_younger_than_now() -> None:
    """An earlier observation is never from the future."""
    history = History(Dispatcher(), region="here")
    history.observe([], 100.0)

    assert [0] == list(history.observe([], 90.0).worker_histories or {})
