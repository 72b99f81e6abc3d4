"""Others beside the one that decides."""

from __future__ import annotations

from typing import Any

import pytest

from everai_autoscaler import AutoScaler, DecideResult
from everai_autoscaler.testing import snapshot
from everai_autoscaler.wrapper import Shadow


def test_story_a_candidate_runs_beside(life, late):
    """The candidate is asked each time and remembers, over a restart too; what is done is what the active one says."""
    app = life(
        "shadow",
        {
            "scaler": {"name": "wants", "arguments": {"workers": late("active")}},
            "others": [
                {
                    "name": "cooldown",
                    "arguments": {"scaler": {"name": "wants", "arguments": {"workers": late("shadow")}}, "up": 60},
                }
            ],
        },
        active=2,
        shadow=4,
    )

    assert 1 == app.at(0, 1)
    assert "shadow cooldown: would start 3 workers: 4 wanted; starts 3 workers: no change is remembered" == app.said
    app.restart()
    assert 0 == app.at(30, 2, shadow=5)
    assert "shadow cooldown: would do the same" == app.said
    assert 0 == app.at(60, 2)
    assert app.said.startswith("shadow cooldown: would start 3 workers: ")
    assert "hold" == app.at(70, 2, active=-1)
    assert app.said.startswith("shadow cooldown: would do nothing: ")


class Bad(AutoScaler):
    """Does what it should not."""

    def __init__(self, what: str) -> None:
        self.what = what

    def decide(self, factors: Any) -> DecideResult:
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Any, memory: Any) -> Any:
        good = DecideResult(max_workers=9, actions=[])
        if self.what == "changes its snapshot":
            factors.workers.clear()
            factors.queue["QueueDueBusy"] = 99
            factors.queue_histories[20]["QueueDueBusy"] = 99
        answers: dict[str, Any] = {
            "gives nonsense": None,
            "gives half an answer": (good,),
            "gives text": ("up", None),
            "remembers an object": (good, object()),
            "remembers not a number": (good, float("nan")),
            "changes its snapshot": (good, None),
        }
        if self.what not in answers:
            raise ValueError("no\n idea")
        return answers[self.what]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("raises", "would hold: failed: ValueError: no idea"),
        (
            "gives nonsense",
            "would hold: failed: TypeError: Bad gave a NoneType, not a DecideResult and what to remember",
        ),
        (
            "gives half an answer",
            "would hold: failed: TypeError: Bad gave a tuple, not a DecideResult and what to remember",
        ),
        ("gives text", "would hold: failed: TypeError: Bad gave a str, not a DecideResult"),
        ("remembers an object", "would hold: failed: TypeError: Object of type object is not JSON serializable"),
        ("remembers not a number", "would hold: failed: ValueError: Out of range float values are not JSON compliant"),
        ("changes its snapshot", "would do nothing: it doesn't say why"),
    ],
)
def test_a_shadow_harms_nobody(wants, what, told):
    """Whatever it does, the active one's answer, the snapshot and the memories stay as they would be without it."""
    seen = snapshot(free=2, waiting=3, queue_histories={20: {"QueueDueBusy": 1}})
    before = seen.model_copy(deep=True)
    alone = wants(4).decide(seen)
    result, memory = Shadow(wants(4), [Bad(what), wants(1)]).decide_with_memory(seen, None)

    assert (alone, alone.held) == (result, result.held)
    assert before == seen
    assert memory is None
    assert f"shadow Bad: {told}" in str(result.reasons[1])
    assert "shadow Wants: would remove free-2: 1 wanted" == str(result.reasons[2])


def test_a_shadow_without_a_memory_method_is_asked_all_the_same(wants):
    """A stranger's scaler may have ``decide`` alone."""

    class Duck:
        def decide(self, factors):
            return DecideResult(max_workers=3, actions=[])

    result = Shadow(wants(2), [Duck()]).decide(snapshot(free=2))

    assert "shadow Duck: would do the same, but with a maximum of 3: it doesn't say why" == str(result.reasons[-1])


def test_a_shadow_that_fails_keeps_its_memory(wants):
    """What it remembered before is there when it works again."""
    memory = {"own": None, "children": [None, {"mine": 3}]}
    _, after = Shadow(wants(2), [Bad("raises")]).decide_with_memory(snapshot(free=2), memory)

    assert memory == after
