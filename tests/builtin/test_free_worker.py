"""``free-worker``: its arguments, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from everai_autoscaler.builtin import FreeWorkerAutoScaler
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import Decorators
from everai_autoscaler.testing.snapshots import snapshot

FIVE = ["min_workers", "max_workers", "min_free_workers", "max_idle_time", "scale_up_step"]


def test_its_defaults() -> None:
    """As manifests have known them, in order; the newer one isn't told."""
    scaler = FreeWorkerAutoScaler()

    assert dict(zip(FIVE, [1, 1, 1, 120, 1], strict=True)) == scaler.autoscaler_arguments()
    assert FIVE == list(scaler.autoscaler_arguments())
    assert (600, None) == (scaler.start_timeout, scaler.decorators)
    assert ("free-worker", "queue") == (FreeWorkerAutoScaler.autoscaler_name(), FreeWorkerAutoScaler.scheduler_name())


def test_its_positional_arguments() -> None:
    """The five and the decorators; the newer one by name only."""
    scaler = FreeWorkerAutoScaler(1, 5, 2, 60, 3, Decorators())

    assert [1, 5, 2, 60, 3] == list(scaler.autoscaler_arguments().values())
    with pytest.raises(TypeError):
        FreeWorkerAutoScaler(1, 5, 2, 60, 3, None, 30)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale_up_step": 0}, "scale_up_step: 0 is not a whole number of at least 1"),
        ({"max_idle_time": -1}, "max_idle_time: -1 is not a whole number of at least 0"),
        ({"max_workers": -1}, "max_workers: -1 is not a whole number of at least 0"),
        ({"min_workers": -1}, "min_workers: -1 is not a whole number of at least 0"),
        ({"min_free_workers": -1}, "min_free_workers: -1 is not a whole number of at least 0"),
        ({"start_timeout": -1}, "start_timeout: -1 is not a whole number of at least 0"),
        ({"min_free_percent": -1}, "min_free_percent: -1 is not a whole number of at least 0"),
        ({"min_free_percent": "2.5"}, "min_free_percent: '2.5' is not a whole number of at least 0"),
        ({"min_free_workers": "2.9"}, "min_free_workers: '2.9' is not a whole number of at least 0"),
        ({"min_workers": 3, "max_workers": 2}, "min_workers: 3 is above max_workers, which is 2"),
    ],
)
def test_what_a_constructor_call_refuses(arguments: dict[str, Any], message: str) -> None:
    """The predecessor accepted all of these in silence."""
    with pytest.raises(ArgumentError) as caught:
        FreeWorkerAutoScaler(**arguments)

    assert message == str(caught.value)


def test_late_arguments_are_read_when_it_decides() -> None:
    """And fitted then."""
    scaler = FreeWorkerAutoScaler(max_workers=lambda: "5.0", min_free_workers=lambda: 2)
    result = scaler.decide(snapshot(busy=1, free=1))

    assert (5, 1) == (result.max_workers, result.up)


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ({"free": 1}, True),
        ({"free": 2}, False),
        ({"free": 1, "worker": {"Free": 2}}, False),
        ({"free": 2, "unknown": ["worker"]}, None),
    ],
)
def test_its_wish(fields: dict[str, Any], more: Any) -> None:
    """What the free workers alone ask for, before the limits; ``None`` where they aren't known."""
    wish = FreeWorkerAutoScaler(min_free_workers=2).wish(snapshot(**fields))

    assert (more, 2 if more is not None else 0) == (wish.more, wish.spare)


@pytest.mark.parametrize(
    ("busy", "free", "arguments", "up"),
    [
        (10, 2, {"min_free_percent": 25}, 1),  # 2.5 of them, rounded up
        (10, 3, {"min_free_percent": 25}, 0),
        (4, 1, {"min_free_percent": 25}, 0),
        (5, 1, {"min_free_percent": 25}, 1),
        (4, 1, {"min_free_percent": 25, "min_free_workers": 2}, 1),  # the count is more
        (0, 1, {"min_free_percent": 900}, 0),
        (3, 0, {"min_free_percent": 25, "min_free_workers": 0}, 1),
        (10, 2, {}, 0),
    ],
)
def test_a_share_of_the_busy_ones_stays_free(busy: int, free: int, arguments: dict[str, Any], up: int) -> None:
    """The larger of ``min_free_workers`` and the share, rounded up, counts."""
    assert up == FreeWorkerAutoScaler(max_workers=99, **arguments).decide(snapshot(busy=busy, free=free)).up


@pytest.mark.parametrize(("free", "down"), [(3, 0), (5, 2)])
def test_the_share_stays_when_workers_leave(free: int, down: int) -> None:
    """Else they would be started again."""
    scaler = FreeWorkerAutoScaler(max_workers=99, min_free_percent=25)

    assert down == len(scaler.decide(snapshot(busy=10, free=free, idle_for=500)).down)


def test_a_share_is_told_to_a_platform_only_where_it_was_set() -> None:
    """It is newer than the five: one that doesn't know it would refuse it."""
    assert FIVE == list(FreeWorkerAutoScaler(min_free_percent=0).autoscaler_arguments())
    assert [*FIVE, "min_free_percent"] == list(FreeWorkerAutoScaler(min_free_percent=20).autoscaler_arguments())
