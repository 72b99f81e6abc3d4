"""A whole workload with the tuner beside the loop."""

from __future__ import annotations

from typing import Any

import pytest

from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.simulator import Workload, generate
from everai_autoscaler.simulator.processes import Poisson
from everai_autoscaler.tuning import Book, Candidate, rehearse

pytest.importorskip("numba")

RULES = ["1*now[1200s] + 1.5*root + 9", "1*now[300s] + 1.5*root"]
BOOK = Book([Candidate("demand", {"rule": rule, "min_workers": 1}) for rule in RULES])


def load() -> Workload:
    return generate(Poisson(1), service="exponential:4", duration=1500, seed=1)


def rehearsed(**options: Any) -> Any:
    return rehearse(load(), **{"cold_start": 10.0, "period": 10.0, "book": BOOK, **options})


def test_what_is_chosen_is_in_force_from_the_next_decision_on() -> None:
    """The policy reads its rule late, and so the loop costs less than without the tuner."""
    acting, telling = rehearsed(), rehearsed(act=False)
    (switch,) = acting.switches

    assert (BOOK[1], None) == (acting.in_force(900.0), acting.in_force(100.0))
    assert 300.0 <= switch.at - acting.run.setting.start <= 900.0
    assert [one.number for one in telling.switches] == [1]
    assert acting.run.worker_seconds < 0.9 * telling.run.worker_seconds
    assert acting.run.slo(5.0) >= 0.99


def test_what_was_really_spent_is_known() -> None:
    """The budget counts the requests of the run itself, and the average of its workers."""
    found = rehearsed(act=False).choices[-1]

    assert 0.9 * len(load()) < found.budget.due <= len(load())
    assert found.workers is not None
    assert found.saving is not None
    assert found.saving > 0.2


def test_a_rehearsal_repeats() -> None:
    """The same workload gives the same choices."""
    assert rehearsed().choices == rehearsed().choices


def test_any_one_scaler_can_be_rehearsed() -> None:
    """Its arguments are read late as well; where a candidate gives none, it is the scaler's default."""
    book = Book([Candidate("free-worker", {"min_free_workers": 4}), Candidate("free-worker", {"max_idle_time": 40})])
    found = rehearsed(book=book, fixed={"max_workers": 12}, until=900.0, period=20.0)

    assert "free-worker" == found.run.setting.scaler
    assert 2 == len(found.choices)


def test_what_can_not_be_rehearsed_is_refused() -> None:
    """A loop has one scaler, and a period fits into the time between two choices."""
    with pytest.raises(ContractError, match="the book has free-worker, simple"):
        rehearsed(book=Book([Candidate("simple"), Candidate("free-worker")]))
    with pytest.raises(ArgumentError, match="every: 5 s is shorter than the period of 10 s"):
        rehearsed(every=5.0)
