"""Who decides."""

from __future__ import annotations

import pytest

from everai_autoscaler.model import AutoScaler, DecideResult, Factors
from everai_autoscaler.testing.snapshots import snapshot


class Never(AutoScaler):
    """A policy that never scales."""

    def decide(self, factors: Factors) -> DecideResult:
        """Nothing, always."""
        return DecideResult(max_workers=1, actions=[])


def test_decide_is_all_that_has_to_be_written() -> None:
    """Without it there is no policy."""
    assert [] == Never().decide(snapshot()).actions
    with pytest.raises(TypeError, match="decide"):
        AutoScaler()  # type: ignore[abstract]


def test_a_policy_without_memory_keeps_what_it_is_given() -> None:
    """And decides as ever."""
    result, memory = Never().decide_with_memory(snapshot(), {"since": 5})

    assert (DecideResult(max_workers=1, actions=[]), {"since": 5}) == (result, memory)


def test_the_only_scheduler() -> None:
    """It is asked of the class."""
    assert "queue" == Never.scheduler_name() == Never().scheduler_name()
