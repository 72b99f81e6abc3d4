from __future__ import annotations

import operator
import os

import pytest

from everai_autoscaler.errors import AutoscalerError, ContractError
from everai_autoscaler.simulator import spread as room
from everai_autoscaler.simulator.spread import Spread, cores


def process_of(_share, _job):
    return os.getpid()


@pytest.fixture
def at_once(monkeypatch):
    """Any work at all is worth a process."""
    monkeypatch.setattr(room, "_WORTH_IT", 0.0)


def test_results_come_in_the_order_of_the_jobs(at_once):
    """However many processes there are."""
    with Spread(operator.mul, 10, processes=2) as spread:
        assert [10, 20, 30, 40, 50] == spread.do([1, 2, 3, 4, 5])
        assert [60] == spread.do([6])


def test_work_that_lasts_is_spread_over_processes(at_once):
    """All but the first job, by which it is told how long they take, are done elsewhere."""
    with Spread(os.path.join, "a", processes=2) as spread:
        assert ["a/x", "a/y", "a/z"] == spread.do(["x", "y", "z"])
        assert spread._pool is not None


def test_little_work_is_done_here():
    """A process takes longer to start than a few quick jobs take."""
    with Spread(process_of, None, processes=2) as spread:
        assert {os.getpid()} == set(spread.do([1, 2, 3]))


def test_what_cannot_be_sent_is_done_here(at_once):
    """A lambda has no place in another process."""
    with Spread(lambda share, job: share + job, 1, processes=2) as spread:
        assert [2, 3, 4] == spread.do([1, 2, 3])


def test_it_says_how_many_are_done(at_once):
    """After each job that is done here, and each time that some are done elsewhere."""
    told = []
    with Spread(operator.add, 0, processes=2) as spread:
        spread.do([1, 2, 3], done=told.append)

    assert 1 == told[0]
    assert 3 == told[-1]


def test_a_failure_is_the_callers(at_once):
    """What the work raises elsewhere is raised here."""
    with pytest.raises(ZeroDivisionError), Spread(operator.truediv, 1, processes=2) as spread:
        spread.do([1, 2, 0, 3])


def test_a_process_that_dies_is_one_clear_line(at_once):
    """Out of memory, say: the error says what may help."""
    with Spread(operator.call, os._exit, processes=1) as spread:
        spread._pool = spread._started()
        with pytest.raises(AutoscalerError, match="ended before its work did"):
            spread.do([3])


def test_no_fewer_than_no_processes():
    """Below 0 is refused; 0 is as many as there are cores."""
    with pytest.raises(ContractError, match="processes: -1 is not a whole number of at least 0"):
        cores(-1)
    assert cores(0) >= 1
