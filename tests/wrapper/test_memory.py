"""What wrappers remember, and what they make of memories that aren't theirs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler import Decider
from everai_autoscaler.testing import snapshot
from everai_autoscaler.wrapper import Ceiling, Cooldown, FirstValid, Floor, Max, Min, RateLimit, Shadow, Stabilize

MAKE = {
    "cooldown": lambda child: Cooldown(child, up=60),
    "stabilize": lambda child: Stabilize(child, up_window=60),
    "rate-limit": lambda child: RateLimit(child, up_workers=1),
    "max": lambda child: Max([child]),
    "min": lambda child: Min([child]),
    "first-valid": lambda child: FirstValid([child]),
    "floor": lambda child: Floor(child, workers=1),
    "ceiling": lambda child: Ceiling(child, workers=9),
    "shadow": lambda child: Shadow(child, [child]),
}
FOREIGN = [
    3,
    "text",
    [],
    {},
    {"own": None},
    {"own": None, "children": {}},
    {"own": None, "children": [None] * 5},
    {"own": "text", "children": [None]},
    {"own": True, "children": [None]},
    {"own": 1e300, "children": [None]},
    {"own": 3, "children": [None, None]},
    {"own": [], "children": [None]},
    {"own": {"ups": 3, "downs": []}, "children": [None]},
    {"own": {"ups": [[1]], "downs": []}, "children": [None]},
    {"own": {"ups": [["x", 1]], "downs": []}, "children": [None]},
    {"own": {"ups": [[1, None]], "downs": []}, "children": [None]},
    {"own": {"most": [], "least": [3]}, "children": [None]},
]


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("memory", FOREIGN, ids=json.dumps)
def test_a_memory_of_another_kind_starts_afresh(wants, name, memory):
    """It decides as if nothing were remembered, and says why; the next time all is well."""
    scaler = MAKE[name](wants(3))
    fresh, expected = scaler.decide_with_memory(snapshot(free=1), None)
    result, after = scaler.decide_with_memory(snapshot(free=1), memory)
    again, _ = scaler.decide_with_memory(snapshot(free=1), after)
    why = f"{name}: what was remembered is of another kind, so that it starts afresh"

    assert (fresh, expected) == (result, after)
    assert why in [*map(str, result.reasons)]
    assert why not in [*map(str, again.reasons)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["own", "children", "ups", "downs", "most", "least"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(own=JSON, children=st.lists(JSON, min_size=1, max_size=2), name=st.sampled_from(sorted(MAKE)))
@settings(deadline=None)
def test_no_memory_makes_it_fail(wants, own, children, name):
    """Whatever is handed in, an answer comes out, and a memory that JSON knows."""
    scaler = MAKE[name](wants(3))
    result, after = scaler.decide_with_memory(snapshot(free=1), {"own": own, "children": children})

    assert not result.held
    assert after == json.loads(json.dumps(after, allow_nan=False))


@pytest.mark.parametrize("name", MAKE)
def test_the_scaler_inside_remembers(wants, name):
    """A cooldown inside any wrapper is given what it remembered, also after a restart."""
    scaler = MAKE[name](Cooldown(wants(3), up=30))
    first = Decider(scaler)
    first.decide(snapshot(free=2, observed_at=1000))
    restarted = Decider(scaler, memory=json.loads(json.dumps(first.memory)))
    restarted.decide(snapshot(free=1, observed_at=1010))

    assert 1000 == first.memory["children"][0]["own"]
    assert 1000 == restarted.memory["children"][0]["own"]


@pytest.mark.parametrize("name", MAKE)
def test_remembers_nothing_itself_while_the_scaler_inside_does(wants, name):
    """Until the workers are known, say."""
    memory = {"own": None, "children": [{"mine": 3}]} if name != "shadow" else {"own": None, "children": [3, 4]}
    result, after = MAKE[name](wants(1)).decide_with_memory(snapshot(workers=None), memory)

    assert memory == after
    assert not any("afresh" in str(reason) for reason in result.reasons)


def test_changed_scalers_start_afresh(wants):
    """One scaler more than was remembered: which is which, nobody knows."""
    _, memory = Max([Cooldown(wants(3))]).decide_with_memory(snapshot(free=1), None)
    result, _ = Max([Cooldown(wants(1)), Cooldown(wants(1))]).decide_with_memory(snapshot(free=3), memory)

    assert 2 == len(result.down)
    assert any("starts afresh" in str(reason) for reason in result.reasons)
