"""A book judged offline, with the tuner's own evidence and choice."""

from __future__ import annotations

import pytest

from everai_autoscaler.errors import ContractError
from everai_autoscaler.simulator import Workload, generate
from everai_autoscaler.simulator.processes import Poisson
from everai_autoscaler.tuning import Book, Candidate, rank

pytest.importorskip("numba")

RULES = ["1*now[1200s] + 1.5*root + 9", "1*now[300s] + 1.5*root", "0.2*now[60s]"]
BOOK = Book([Candidate("demand", {"rule": rule}) for rule in RULES])
ABOUT = {"cold_start": 10.0, "period": 5.0, "fixed": {"max_workers": 40}}


def load(seed: int = 1) -> Workload:
    return generate(Poisson(1), service="exponential:4", duration=3600, seed=seed)


def test_the_cheapest_that_keeps_the_slo_is_first() -> None:
    """Nine workers too many are dearer, and a fifth of the demand is late; it holds on what was held out, too."""
    found = rank(BOOK, [load(1), load(2)], **ABOUT)

    assert [1, 0, 2] == [one.number for one in found.standings]
    assert found.best == found.standings[0]
    assert found.best.workers < 0.7 * found.start.workers
    assert found.held_out.workers < 0.7 * found.start_held_out.workers
    assert not found.standings[2].allowed


def test_the_work_is_told_of() -> None:
    """To its end, and never backwards."""
    told: list[float] = []
    rank(BOOK, [load()], progress=told.append, **ABOUT)

    assert told == sorted(told)
    assert pytest.approx(1.0) == told[-1]


@pytest.mark.parametrize(
    ("workloads", "why"),
    [([], "no workload was given"), ([Workload("one", [0.0], [1.0])], "too few requests")],
)
def test_there_has_to_be_something_to_judge_on(workloads: list[Workload], why: str) -> None:
    """And something to hold out."""
    with pytest.raises(ContractError, match=why):
        rank(BOOK, workloads, **ABOUT)
