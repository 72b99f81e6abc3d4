"""Code that gives the snapshot again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from everai_autoscaler.model import Factors
from everai_autoscaler.testing import as_code, factors, lives, snapshot, worker

NAMES = {"snapshot": snapshot, "worker": worker, "Factors": Factors}


@given(factors(allow_duplicates=True))
@settings(max_examples=40, deadline=None, database=None)
def test_pasted_code_is_the_snapshot(one):
    """Whatever a snapshot holds, its code gives it again."""

    assert one == eval(as_code(one), NAMES)


@given(lives(max_size=3))
@settings(max_examples=20, deadline=None, database=None)
def test_lives_can_be_pasted_too(life):
    """Also snapshots of other moments, with histories, by whatever ids."""

    assert life == [eval(as_code(one), NAMES) for one in life]


@pytest.mark.parametrize(
    "code",
    [
        "snapshot()",
        "snapshot(waiting=3, busy=1)",
        "snapshot(waiting=None, workers=None)",
        "snapshot(free=2, idle_for=90, utilization=30)",
        'snapshot(waiting={"QueueDueSession": 2}, workers=[worker("a", "Busy", cost=1.5)])',
        'snapshot(workers=[worker("é\\"\\n", last_service_time=0)], unknown=["worker"])',
        "snapshot(inflight=1, observed_at=1800000000)",
    ],
)  # fmt: skip
def test_the_code_is_as_one_would_write_it(code):
    """Counts where they say it all, and nothing that is so anyway."""

    assert code == as_code(eval(code, NAMES))


def test_a_snapshot_without_a_moment():
    """A stamped moment isn't something that the sender said, and isn't in the code."""
    one = Factors(queue={"WorkerBusy": 2}, workers=[worker("a")])

    assert one == eval(as_code(one), NAMES)
    assert "observed_at" not in as_code(one)


def test_long_code_is_broken_into_lines():
    """No line is longer than a screen is wide."""
    one = snapshot(workers=[worker(f"worker-{n}", cost=1.25, spot=True, draining=False) for n in range(3)])

    assert max(map(len, as_code(one).splitlines())) <= 100
    assert one == eval(as_code(one), NAMES)
