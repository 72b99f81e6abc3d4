"""``simple``: its arguments, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from everai_autoscaler.builtin import SimpleAutoScaler
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import Decorator, Decorators, Placeholder, QueueReason
from everai_autoscaler.testing.snapshots import snapshot

FIVE = ["min_workers", "max_workers", "max_queue_size", "max_idle_time", "scale_up_step"]


def test_its_defaults() -> None:
    """As manifests have known them, in order; the newer one isn't told."""
    scaler = SimpleAutoScaler()

    assert dict(zip(FIVE, [1, 1, 1, 120, 1], strict=True)) == scaler.autoscaler_arguments()
    assert FIVE == list(scaler.autoscaler_arguments())
    assert (600, None) == (scaler.start_timeout, scaler.decorators)
    assert ("simple", "queue") == (SimpleAutoScaler.autoscaler_name(), SimpleAutoScaler.scheduler_name())


def test_its_positional_arguments() -> None:
    """The five and the decorators; the newer one by name only."""
    decorators = Decorators(factors=[Decorator(name="average")])
    scaler = SimpleAutoScaler(1, 5, 2, 60, 3, decorators)

    assert [1, 5, 2, 60, 3] == list(scaler.autoscaler_arguments().values())
    assert decorators is scaler.decorators
    with pytest.raises(TypeError):
        SimpleAutoScaler(1, 5, 2, 60, 3, None, 30)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale_up_step": 0}, "scale_up_step: 0 is not a whole number of at least 1"),
        ({"scale_up_step": -1}, "scale_up_step: -1 is not a whole number of at least 1"),
        ({"max_idle_time": -1}, "max_idle_time: -1 is not a whole number of at least 0"),
        ({"max_workers": -1}, "max_workers: -1 is not a whole number of at least 0"),
        ({"min_workers": -1}, "min_workers: -1 is not a whole number of at least 0"),
        ({"max_queue_size": -1}, "max_queue_size: -1 is not a whole number of at least 0"),
        ({"start_timeout": -1}, "start_timeout: -1 is not a whole number of at least 0"),
        ({"max_workers": "2.9"}, "max_workers: '2.9' is not a whole number of at least 0"),
        ({"max_workers": 2.9}, "max_workers: 2.9 is not a whole number of at least 0"),
        ({"min_workers": 3, "max_workers": 2}, "min_workers: 3 is above max_workers, which is 2"),
        ({"min_workers": "3"}, "min_workers: 3 is above max_workers, which is 1"),
    ],
)
def test_what_a_constructor_call_refuses(arguments: dict[str, Any], message: str) -> None:
    """The predecessor accepted all of these in silence."""
    with pytest.raises(ArgumentError) as caught:
        SimpleAutoScaler(**arguments)

    assert message == str(caught.value)


@pytest.mark.parametrize("given", ["2", "2.0", 2.0])
def test_integral_text_is_accepted(given: Any) -> None:
    """And is a whole number from then on."""
    assert 2 == SimpleAutoScaler(max_workers=given).autoscaler_arguments()["max_workers"]


def test_late_arguments_are_read_when_it_decides() -> None:
    """Each time, and the scaler itself keeps them unread, for the manifest."""
    values = iter(["1", "2"])

    def most() -> str:
        return next(values)

    scaler = SimpleAutoScaler(max_workers=most)
    answers = [scaler.decide(snapshot(waiting=9, busy=1)) for _ in range(2)]

    assert [(1, 0), (2, 1)] == [(answer.max_workers, answer.up) for answer in answers]
    assert most is scaler.autoscaler_arguments()["max_workers"]


def test_late_arguments_that_contradict_each_other_are_decided_on() -> None:
    """The maximum wins; a late one beside a literal isn't judged before it is read."""
    assert 2 == SimpleAutoScaler(min_workers=3, max_workers=lambda: "2").decide(snapshot()).up
    assert 2 == SimpleAutoScaler(min_workers=lambda: 3, max_workers=2).decide(snapshot()).up


def test_a_late_argument_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was given, where it came from, and what is accepted."""
    monkeypatch.setenv("MOST", "abc")
    scaler = SimpleAutoScaler(max_workers=Placeholder(kind="Env", name="MOST"))

    with pytest.raises(ArgumentError, match="max_workers: 'abc' from Env MOST is not a whole number of at least 0"):
        scaler.decide(snapshot())


def test_its_decorators_are_the_pipelines_to_apply() -> None:
    """Its own ``decide`` doesn't."""
    decorators = Decorators(factors=[Decorator(name="average", arguments={"used_histories": 9})])

    assert 1 == SimpleAutoScaler(max_workers=5, decorators=decorators).decide(snapshot(waiting=9, busy=1)).up


def test_its_wish() -> None:
    """What the queue alone asks for, before the limits; ``None`` where it isn't known."""
    scaler = SimpleAutoScaler(max_queue_size=2)
    waits = [None, {QueueReason.QueueDueBusy: 2}, {QueueReason.QueueDueBusy: 3}, {QueueReason.NotDispatch: 9}]

    assert [None, False, True, False] == [scaler.wish(snapshot(waiting=waiting)).more for waiting in waits]
