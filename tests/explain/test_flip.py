"""The search for the nearest change that would have made a decision another one."""

from __future__ import annotations

import pytest
from attrs import define, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler import AutoScaler, Decider, Factors, Placeholder, Record, argument
from everai_autoscaler.decision import replay
from everai_autoscaler.errors import ContractError
from everai_autoscaler.explain import Direction, Flip, Part, direction, search
from everai_autoscaler.model import DecideResult, Decorator, Decorators, Outcome
from everai_autoscaler.testing import snapshot, worker
from everai_autoscaler.testing.snapshots import NOW


def recorded(scaler: str, arguments, factors: Factors | None, **options) -> Record:
    """The record of one decision."""
    record = Decider(scaler, arguments, **options).decision(factors).record()
    assert record is not None
    return record


def named(found: tuple[Flip, ...], name: str) -> Flip:
    (flip,) = [flip for flip in found if flip.name == name]
    return flip


def shown(flips: tuple[Flip, ...]) -> list[tuple[str, float, float]]:
    return [(flip.name, flip.was, flip.now) for flip in flips]


@pytest.mark.parametrize(
    ("actions", "held", "expected"),
    [
        ([{"count": 1, "action": "ScaleUp"}], False, Direction.UP),
        ([{"worker_id": "a", "action": "ScaleDown"}], False, Direction.DOWN),
        ([], False, Direction.NOTHING),
        ([], True, Direction.HOLD),
    ],
)
def test_a_decision_has_one_of_four_directions(actions, held, expected):
    """Up, down, nothing, and hold, which isn't nothing."""
    assert expected is direction(Outcome(max_workers=1, actions=actions, held=held, reasons=[]))


def test_one_more_that_waits_starts_a_worker():
    """At the threshold, the nearest change is one request more, and the decision with it is there to be shown."""
    found = search(recorded("simple", {"max_workers": 5, "max_queue_size": 2}, snapshot(waiting=2, busy=1)))

    nearest = found.flips[0]
    assert (Part.WAITING, "QueueDueBusy", 2, 3) == (nearest.part, nearest.name, nearest.was, nearest.now)
    assert [{"count": 1, "action": "ScaleUp"}] == nearest.outcome.actions
    assert [] == found.unchanged.outcome.actions
    assert "3 waiting for a busy worker, more than 2" in nearest.outcome.reasons[0].why


@pytest.mark.parametrize(
    ("arguments", "factors", "expected"),
    [
        # Up: what held it to so many.
        ({"max_queue_size": 2}, snapshot(waiting=3, busy=3), [("scale_up_step", 1, 2)]),
        ({"min_workers": 3}, snapshot(waiting=3, busy=3), [("scale_up_step", 1, 2)]),
        ({"scale_up_step": 4}, snapshot(waiting=3, busy=3), [("max_workers", 5, 6)]),
        ({"min_workers": 2}, snapshot(), [("min_workers", 2, 3)]),
        ({}, snapshot(waiting=1), [("min_workers", 1, 2)]),
        ({"min_workers": 0}, snapshot(waiting=1), []),
        # Nothing to do: the threshold that wasn't met, the room that wasn't there.
        ({"max_queue_size": 9}, snapshot(waiting=2, busy=1), [("max_queue_size", 9, 1)]),
        ({}, snapshot(waiting=3, busy=5), [("max_workers", 5, 6)]),
        ({}, snapshot(busy=1, free=1, idle_for=100), [("max_idle_time", 120, 100)]),
        ({"max_workers": 3}, snapshot(free=3, idle_for=10), [("max_idle_time", 120, 10)]),
        ({"min_workers": 2}, snapshot(free=2, idle_for=200), [("min_workers", 2, 1)]),
        ({"min_workers": 2}, snapshot(free=2, idle_for=10), []),
        ({}, snapshot(waiting=3, busy=1, inflight=1), [("start_timeout", 600, 9)]),
        # Down: what kept the others.
        ({"min_workers": 2}, snapshot(free=3, idle_for=200), [("min_workers", 2, 1)]),
        ({"max_workers": 2}, snapshot(free=4, idle_for=10), [("max_workers", 2, 1)]),
        # Hold: no argument, but what wasn't known.
        ({}, snapshot(waiting=None, busy=1), []),
        ({}, snapshot(waiting=0, workers=None), []),
    ],
)
def test_what_held_the_decision_back_binds(arguments, factors, expected):
    """The nearest that lets more be done; what would only have undone it, or asked for more, doesn't bind."""
    found = search(recorded("simple", {"max_workers": 5, **arguments}, factors))

    assert expected == shown(found.binding)[:1]
    assert () == found.together


def test_free_workers_that_are_kept_bind_where_none_is_started():
    """With one more to keep it would have started one."""
    found = search(recorded("free-worker", {"max_workers": 5}, snapshot(busy=3, free=1)))

    assert [("min_free_workers", 1, 2)] == shown(found.binding)[:1]


def test_a_share_of_the_busy_ones_binds_where_none_is_started():
    """With a larger share kept free it would have started one: 11 % of ten are two."""
    found = search(recorded("free-worker", {"max_workers": 99, "min_free_percent": 10}, snapshot(busy=10, free=1)))

    assert ("min_free_percent", 10, 11) in shown(found.binding)


def test_a_latency_and_its_target_flip_what_a_controller_did():
    """From what was remembered then: 1.47 would not have started one; and a larger gain would have started more."""
    decider, records = Decider("slo-latency", {"max_workers": 9}), []
    for later, latency in ((0, 1.0), (20, 1.6)):
        signals = {"ttft": {"value": latency, "age": 5}}
        records.append(decider.decision(snapshot(busy=4, observed_at=NOW + later, signals=signals)).record())
    found = search(records[-1])

    assert (1.6, pytest.approx(1.476, abs=0.002)) == (named(found.flips, "ttft").was, named(found.flips, "ttft").now)
    assert {"target", "gain"} <= {flip.name for flip in found.binding}


def test_one_more_worker_has_as_many_slots_as_the_newest():
    """Where slots are counted, one more free worker adds what a worker has, and not one."""
    older = worker("older", "Busy", concurrency=4, current_request=4, started_ago=900)
    newest = worker("newest", "Busy", concurrency=8, current_request=8, started_ago=800)
    silent = worker("silent", "Busy", started_ago=700)
    found = search(recorded("free-worker", {"max_workers": 9}, snapshot(workers=[older, newest, silent])))

    assert "8 of 21 slots free" in named(found.flips, "Free").outcome.reasons[0].why


def test_two_limits_at_once_bind_together():
    """A step that ends at the maximum: neither gives way alone."""
    found = search(recorded("free-worker", {"max_workers": 5}, snapshot(busy=4)))

    assert () == found.binding
    assert [("max_workers", 5, 6), ("scale_up_step", 1, 2)] == shown(found.together)
    assert [{"count": 2, "action": "ScaleUp"}] == found.together[0].outcome.actions


def test_limits_of_scalers_inside_bind_together_too():
    """The ceiling and the maximum of the scaler under it are as low as each other."""
    inside = {"name": "simple", "arguments": {"max_workers": 3}}
    found = search(recorded("ceiling", {"workers": 3, "scaler": inside}, snapshot(waiting=9, busy=3)))

    assert [("workers", 3, 4), ("scaler.max_workers", 3, 4)] == shown(found.together)


def test_a_floor_asks_for_workers():
    """What kept a worker from being started is the queue's limit, though a higher floor would be nearer."""
    inside = {"name": "simple", "arguments": {"max_workers": 5, "max_queue_size": 5}}
    found = search(recorded("floor", {"workers": 2, "scaler": inside}, snapshot(waiting=1, busy=2)))

    assert [("scaler.max_queue_size", 5, 0)] == shown(found.binding)[:1]
    assert [("workers", 2, 3)] == shown(found.limits)[:1]


def test_an_argument_of_a_strangers_policy_may_ask_for_workers(offering):
    """It says so itself, and then isn't named as what held the decision back."""

    @define
    class Reserving(AutoScaler):
        reserve: int = argument(1, ge=0, asks=1)
        most: int = argument(5, ge=0)

        def decide(self, factors):
            return DecideResult.scale_to(self.reserve, factors, max_workers=self.most)

    registry = offering(scalers={"reserving": Reserving})
    record = recorded("reserving", {"reserve": 2}, snapshot(busy=2), registry=registry)
    found = search(record, registry=registry)

    assert [("reserve", 2, 3)] == shown(found.limits)
    assert [] == shown(found.binding)


def test_a_signal_may_flip_a_decision(offering):
    """Whatever else a platform measures is tried as other numbers are; how old it is stays."""

    @define
    class Signalled(AutoScaler):
        def decide(self, factors):
            waiting = factors.signal("tokens_waiting", max_age=30)
            if waiting is None:
                return DecideResult.hold(factors, "the tokens that wait are not known")
            return DecideResult.scale_to(1 + int(waiting // 1000), factors, max_workers=9)

    registry = offering(scalers={"signalled": Signalled})
    signals = {"tokens_waiting": {"value": 900, "age": 5}, "old": {"value": 1, "age": 600}}
    record = recorded("signalled", {}, snapshot(busy=1, signals=signals), registry=registry)
    flips = [flip for flip in search(record, registry=registry).flips if flip.part is Part.SIGNAL]

    assert [("tokens_waiting", 900)] == [(flip.name, flip.was) for flip in flips]
    assert 1000 == pytest.approx(flips[0].now, rel=2e-3)
    assert Direction.UP is direction(flips[0].outcome)


def test_another_amount_is_no_flip():
    """A step that starts two is no other direction."""
    found = search(recorded("simple", {"max_workers": 5}, snapshot(waiting=3, busy=1)))

    assert "scale_up_step" not in {flip.name for flip in found.flips}


def test_a_later_moment_may_flip_a_decision():
    """Idle for 100 of 120 seconds: 20 seconds later he would have gone."""
    found = search(recorded("simple", {"max_workers": 5}, snapshot(busy=1, free=1, idle_for=100)))

    later = named(found.flips, "observed_at")
    assert (Part.TIME, 20) == (later.part, later.now)
    assert Direction.DOWN is direction(later.outcome)


def test_an_earlier_moment_may_be_the_nearest():
    """A worker that has just become old enough would have stayed a second earlier."""
    found = search(recorded("simple", {"max_workers": 5}, snapshot(busy=1, free=1, idle_for=120)))

    assert -1 == named(found.flips, "observed_at").now


def test_a_worker_more_or_fewer_is_tried_for_each_status():
    """With one starting, more wait for that; with one busy fewer, there is room; each with a summary that fits."""
    up = search(recorded("free-worker", {"max_workers": 5}, snapshot(busy=2)))
    full = search(recorded("simple", {"max_workers": 2}, snapshot(waiting=3, busy=2)))

    assert (0, 1) == (named(up.flips, "Inflight").was, named(up.flips, "Inflight").now)
    assert (0, 1) == (named(up.flips, "Free").was, named(up.flips, "Free").now)
    assert (2, 1) == (named(full.flips, "Busy").was, named(full.flips, "Busy").now)


def test_a_snapshot_without_a_summary_gets_none():
    """Where the list alone says how many there are, it alone is changed; a taken name isn't given again."""
    workers = [worker("one more free worker", "Busy"), worker("b", "Busy")]
    found = search(recorded("free-worker", {"max_workers": 5}, snapshot(workers=workers, worker=None)))

    flip = named(found.flips, "Free")
    changed = flip.replay.record.snapshot
    assert changed.worker is None
    added = "one more free worker again"
    assert ["one more free worker", "b", added] == [one.worker_id for one in changed.workers]


def test_what_was_not_known_is_tried_as_nothing():
    """A hold because of the queue, or of the workers, ends where that is known."""
    queue = search(recorded("simple", {"max_workers": 5}, snapshot(waiting=None, free=1)))
    workers = search(recorded("simple", {"max_workers": 5}, snapshot(waiting=0, workers=None)))

    assert (Part.KNOWN, Direction.NOTHING) == (
        named(queue.flips, "queue").part,
        direction(named(queue.flips, "queue").outcome),
    )
    assert (Part.KNOWN, Direction.UP) == (
        named(workers.flips, "workers").part,
        direction(named(workers.flips, "workers").outcome),
    )


def test_without_a_snapshot_there_is_nothing_to_change():
    """Where there was no snapshot, no argument makes a decision."""
    found = search(recorded("simple", {"max_workers": 5}, None))

    assert ((), (), (), ()) == (found.flips, found.limits, found.binding, found.together)


@frozen
class Exacting(AutoScaler):
    """Starts one above a share of the queue; refuses an odd pair of arguments, and text that isn't a number."""

    share: float = argument(0.5, gt=0, le=1)
    at_least: int = argument(10, le=20)
    twice: int = argument(20)
    eager: bool = argument(False)
    word: str = argument("a")

    def __attrs_post_init__(self) -> None:
        if self.twice < self.at_least:
            raise ValueError("twice")

    def decide(self, factors):
        more = (factors.waiting() or 0) * self.share >= self.at_least
        up = [{"action": "ScaleUp", "count": 1}] if more else []
        return DecideResult(max_workers=9, actions=up).because("so it is")


@pytest.fixture
def exacting(offering):
    return offering(scalers={"exacting": Exacting})


def test_a_number_that_is_not_whole_is_found_in_few_digits(exacting):
    """16 at 0.5 are 8 of 10: 0.625 would have been enough, and is said like that."""
    found = search(recorded("exacting", {}, snapshot(waiting=16), registry=exacting), registry=exacting)

    assert ("share", 0.5, 0.625) == shown((named(found.flips, "share"),))[0]


def test_what_the_constructor_refuses_is_no_change(exacting):
    """A value that isn't allowed beside the others ends the search on that side; so do the bounds."""
    record = recorded("exacting", {"at_least": 10, "twice": 10}, snapshot(waiting=26), registry=exacting)
    down = recorded("exacting", {"at_least": 20, "share": 0.05}, snapshot(waiting=2), registry=exacting)

    assert "twice" not in {flip.name for flip in search(record, registry=exacting).flips}
    assert "at_least" not in {flip.name for flip in search(record, registry=exacting).flips}
    assert ["at_least"] == [flip.name for flip in search(down, registry=exacting).limits]


@frozen
class Sharp(AutoScaler):
    """Starts one from a number with many digits on."""

    at_least: float = argument(0.333333)

    def decide(self, factors):
        up = [{"action": "ScaleUp", "count": 1}] if self.at_least >= 0.333333 + 0.001 else []
        return DecideResult(max_workers=9, actions=up).because("so it is")


def test_a_number_that_needs_its_digits_keeps_them(offering):
    """Where a shorter number would not flip it, the long one is said."""
    registry = offering(scalers={"sharp": Sharp})
    found = search(recorded("sharp", {}, snapshot(), registry=registry), registry=registry)

    assert 0.333333 + 0.001 == named(found.flips, "at_least").now


def test_truths_and_texts_are_left_alone(exacting):
    """Only numbers are turned."""
    found = search(recorded("exacting", {}, snapshot(waiting=16), registry=exacting), registry=exacting)

    assert {"eager", "word"}.isdisjoint(flip.name for flip in found.limits)


def test_a_secret_is_used_and_not_turned(monkeypatch):
    """A record without its secret needs it given; its value is then neither changed nor told."""
    monkeypatch.setenv("IDLE", "7531")
    late = Placeholder(kind="Secret", name="s", key="idle")
    record = recorded(
        "simple",
        {"max_workers": 5, "max_idle_time": late},
        snapshot(busy=1, free=1, idle_for=7000),
        providers={"Secret": lambda name, key: "7531"},
    )

    with pytest.raises(ContractError, match="max_idle_time"):
        search(record)
    found = search(record, secrets={"max_idle_time": "7531"})
    assert 531 == named(found.flips, "observed_at").now
    assert "max_idle_time" not in {flip.name for flip in found.limits}


def test_decorators_see_the_change():
    """What the decorators make of a changed snapshot is what decides: an averaged queue needs five times as much."""
    averaged = Decorators(factors=[Decorator(name="average", arguments={"used_histories": "4"})])
    histories = {age: {"QueueDueBusy": 0} for age in (20, 40, 60, 80)}
    factors = snapshot(waiting=0, busy=1, queue_histories=histories)
    found = search(recorded("simple", {"max_workers": 5, "max_queue_size": 2}, factors, decorators=averaged))

    assert 15 == named(found.flips, "QueueDueBusy").now


@define
class Doubled(AutoScaler):
    """As one of its scalers says."""

    scalers: list[AutoScaler]
    spare: AutoScaler
    which: int = argument(0, ge=0, le=1)

    def decide(self, factors):
        return self.scalers[self.which].decide(factors)


def test_the_arguments_of_scalers_inside_are_turned_too(offering):
    """An argument of a scaler in a list, or in an argument of its own, is named by the way to it."""
    registry = offering(scalers={"doubled": Doubled})
    inside = {"name": "simple", "arguments": {"max_workers": 5, "max_queue_size": 3}}
    arguments = {"scalers": [{"name": "free-worker"}, inside], "spare": inside, "which": 1}
    record = recorded("doubled", arguments, snapshot(waiting=3, busy=1), registry=registry)
    found = search(record, registry=registry)

    assert ("scalers[1].max_queue_size", 3, 2) == shown((named(found.flips, "scalers[1].max_queue_size"),))[0]
    assert not [flip for flip in found.limits if flip.name.startswith("spare.")]


@settings(deadline=None, max_examples=40)
@given(
    waiting=st.integers(0, 40),
    most=st.integers(0, 40),
    busy=st.integers(0, 6),
    free=st.integers(0, 3),
    idle_for=st.integers(0, 300),
    scaler=st.sampled_from(["simple", "free-worker"]),
)
def test_every_flip_flips_and_none_is_nearer_on_the_way(waiting, most, busy, free, idle_for, scaler):
    """Made again with the change the decision has another direction, and one step before it has the same."""
    arguments = {"max_workers": 8, **({"max_queue_size": most} if scaler == "simple" else {})}
    record = recorded(scaler, arguments, snapshot(waiting=waiting, busy=busy, free=free, idle_for=idle_for))
    found = search(record)
    present = direction(found.unchanged.outcome)

    assert all(present is not direction(flip.outcome) for flip in found.flips)
    assert [flip.nearness for flip in found.flips] == sorted(flip.nearness for flip in found.flips)
    for flip in found.flips:
        if flip.part is Part.ARGUMENT:
            step = 1 if flip.now > flip.was else -1
            before = replay(record, arguments={flip.name: int(flip.now) - step})
            assert present is direction(before.outcome)


@settings(deadline=None, max_examples=60)
@given(
    waiting=st.none() | st.integers(0, 12),
    most=st.integers(0, 12),
    lowest=st.integers(0, 4),
    highest=st.integers(4, 8),
    step=st.integers(1, 3),
    busy=st.integers(0, 5),
    free=st.integers(0, 3),
    idle_for=st.integers(0, 300),
    scaler=st.sampled_from(["simple", "free-worker"]),
)
def test_what_binds_lets_more_be_done(waiting, most, lowest, highest, step, busy, free, idle_for, scaler):
    """Decided again with the value that is said, it starts more, removes more, or does something instead of nothing."""
    queue = {"max_queue_size": most} if scaler == "simple" else {"min_free_workers": most % 4}
    arguments = {"min_workers": lowest, "max_workers": highest, "scale_up_step": step, **queue}
    record = recorded(scaler, arguments, snapshot(waiting=waiting, busy=busy, free=free, idle_for=idle_for))
    found = search(record)

    changes = [{flip.name: int(flip.now)} for flip in found.binding]
    changes += [{flip.name: int(flip.now) for flip in found.together}] if found.together else []
    for changed in changes:
        more = replay(record, arguments=changed).outcome
        if record.result.actions:
            assert direction(more) is direction(record.result)
            assert _workers(more) > _workers(record.result)
        else:
            assert direction(more) not in (Direction.NOTHING, Direction.HOLD)


def _workers(outcome: Outcome) -> int:
    return sum(action.get("count", 1) for action in outcome.actions)
