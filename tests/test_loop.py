"""Observe, decide, apply: one tick, and the loop around it."""

from __future__ import annotations

import logging
import threading
import time
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from everai_autoscaler.builtin import SimpleAutoScaler
from everai_autoscaler.decision import Decider
from everai_autoscaler.loop import Applied, SystemClock, Target, run, tick
from everai_autoscaler.model import AutoScaler, DecideResult, Factors
from everai_autoscaler.testing import VirtualClock, snapshot

DEEP = snapshot(waiting=8, busy=1)
SCALER = SimpleAutoScaler(max_workers=5)


class Fleet:
    """A target that shows what it is given, and keeps what it is told."""

    def __init__(self, seen: Any = DEEP, *, refuses: Exception | None = None, answer: Any = None) -> None:
        self.seen, self.refuses, self.answer = seen, refuses, answer
        self.applied: list[DecideResult] = []

    def observe(self) -> Factors:
        if isinstance(self.seen, Exception):
            raise self.seen
        return self.seen  # type: ignore[no-any-return]

    def apply(self, result: DecideResult) -> Applied | None:
        if self.refuses:
            raise self.refuses
        self.applied.append(result)
        return self.answer


class Answers(AutoScaler):
    """Answers what it is told, or fails with it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def decide(self, factors: Factors) -> DecideResult:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


class Speechless(Exception):  # noqa: N818 - it is one
    """An error that can't say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


class TestTick:
    """One walk round."""

    def test_observes_decides_and_applies(self) -> None:
        """What was decided about what was seen is what is applied."""
        fleet = Fleet()
        done = tick(fleet, SCALER)

        assert (DEEP, 1, "") == (done.factors, done.result.up, done.failure)  # type: ignore[union-attr]
        assert [done.result] == fleet.applied

    def test_says_what_was_applied(self) -> None:
        """A target that says nothing did what it was asked for; one that did less says so."""
        refused = Applied(0, (), ("starts 0 of 1: no room",))

        assert Applied(1, (), ()) == tick(Fleet(), SCALER).applied
        assert refused == tick(Fleet(answer=refused), SCALER).applied

    def test_refuses_another_word_about_what_was_applied(self) -> None:
        """It can't be told as what was done."""
        assert "apply failed: TypeError: gave a int, not a Applied" == tick(Fleet(answer=1), SCALER).failure

    def test_asks_for_the_whole_decision(self) -> None:
        """What a pipeline knows of it is in the tick, its record among that."""
        done = tick(Fleet(), Decider("simple", {"max_workers": 5}))

        assert done.decision is not None
        assert 5 == done.decision.arguments["max_workers"].value
        assert "simple" == done.decision.record().scaler  # type: ignore[union-attr]

    @pytest.mark.parametrize("scaler", [SCALER, SimpleNamespace(decide=SCALER.decide)])
    def test_of_a_scaler_by_itself_has_a_decision_too(self, scaler: Any) -> None:
        """Also of one that has nothing but ``decide``."""
        done = tick(Fleet(), scaler)

        assert done.decision is not None
        assert (1, DEEP, None) == (done.decision.result.up, done.decision.factors, done.decision.record())

    @pytest.mark.parametrize("scaler", [SCALER, Decider(SCALER), Decider("simple", {"max_workers": 5})])
    def test_takes_any_scaler(self, scaler: AutoScaler) -> None:
        """It never asks which."""
        fleet = Fleet()
        tick(fleet, scaler)

        assert [1] == [result.up for result in fleet.applied]

    def test_of_a_dry_run_applies_nothing(self) -> None:
        """It is all the same otherwise."""
        fleet = Fleet()
        done = tick(fleet, SCALER, dry_run=True)

        assert 1 == done.result.up  # type: ignore[union-attr]
        assert None is done.applied
        assert [] == fleet.applied

    def test_applies_nothing_where_nothing_is_to_be_done(self) -> None:
        """A target isn't bothered with that."""
        fleet = Fleet(snapshot(busy=1))
        done = tick(fleet, SCALER)

        assert done.result is not None
        assert [] == fleet.applied

    @pytest.mark.parametrize(
        ("fleet", "scaler", "failure", "seen", "decided"),
        [
            (Fleet(OSError("no\nroute")), SCALER, "observe failed: OSError: no route", False, False),
            (Fleet({"queue": {}}), SCALER, "observe failed: TypeError: gave a dict, not a Factors", False, False),
            (Fleet(None), SCALER, "observe failed: TypeError: gave a NoneType, not a Factors", False, False),
            (Fleet(), Answers(KeyError("x")), "decide failed: KeyError: 'x'", True, False),
            (Fleet(), Answers(None), "decide failed: TypeError: gave a NoneType, not a DecideResult", True, False),
            (Fleet(), Answers(ValueError()), "decide failed: ValueError", True, False),
            (Fleet(), Answers(Speechless()), "decide failed: Speechless", True, False),
            (Fleet(refuses=TimeoutError("late")), SCALER, "apply failed: TimeoutError: late", True, True),
        ],
    )
    def test_contains_what_fails_and_says_which(
        self,
        caplog: pytest.LogCaptureFixture,
        fleet: Fleet,
        scaler: AutoScaler,
        failure: str,
        seen: bool,
        decided: bool,
    ) -> None:
        """Observe, decide or apply: in the tick and in the log, in one line, and nothing more is applied."""
        done = tick(fleet, scaler)

        assert failure == done.failure
        assert (seen, decided) == (done.factors is not None, done.result is not None)
        assert [] == fleet.applied
        assert [{"event": "tick_failed", "stage": failure.split(maxsplit=1)[0], "error": failure}] == [
            record.event_dict  # type: ignore[attr-defined]
            for record in caplog.records
        ]

    def test_lets_through_who_wants_to_stop_the_process(self) -> None:
        """Ctrl-C ends the loop."""

        class Interrupted(Fleet):
            def observe(self) -> Factors:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            tick(Interrupted(), SCALER)


class Slow(Fleet):
    """A target whose observing takes its time, in turn."""

    def __init__(self, clock: VirtualClock, *times: float) -> None:
        super().__init__()
        self.clock, self.times, self.beats = clock, list(times), list[float]()

    def observe(self) -> Factors:
        self.beats.append(self.clock.now())
        self.clock.sleep_until(self.clock.now() + (self.times.pop(0) if self.times else 0))
        return super().observe()


class TestRun:
    """The loop."""

    @pytest.mark.parametrize(
        ("times", "beats"),
        [
            ((), [100, 120, 140, 160, 180]),
            ((5, 19.9), [100, 120, 140, 160, 180]),
            ((20,), [100, 120, 140, 160, 180]),
            ((25,), [100, 140, 160, 180, 200]),
            ((1, 70), [100, 120, 200, 220, 240]),
        ],
    )
    def test_beats_on_the_interval(self, times: tuple[float, ...], beats: list[float]) -> None:
        """The first time at once; after a tick that took too long it misses beats rather than bunching them."""
        clock = VirtualClock(100)
        fleet = Slow(clock, *times)
        list(islice(run(fleet, SCALER, interval=20, clock=clock), 5))

        assert beats == fleet.beats

    def test_counts_the_callers_time_too(self) -> None:
        """Whatever happens between two ticks."""
        clock = VirtualClock(100)
        fleet = Slow(clock)
        loop = run(fleet, SCALER, interval=20, clock=clock)
        next(loop)
        clock.sleep_until(130)
        next(loop)

        assert [100, 140] == fleet.beats

    def test_goes_on_after_a_failure(self) -> None:
        """The next tick starts afresh."""
        fleet = Fleet(OSError("gone"))
        loop = run(fleet, SCALER, clock=VirtualClock())
        failed = next(loop)
        fleet.seen = DEEP

        assert "observe failed: OSError: gone" == failed.failure
        assert "" == next(loop).failure
        assert 1 == len(fleet.applied)

    def test_stops_when_the_caller_stops_asking(self) -> None:
        """No tick is made that nobody asked for."""
        clock = VirtualClock()
        fleet = Slow(clock)
        for _ in islice(run(fleet, SCALER, clock=clock), 2):
            pass

        assert [0, 20] == fleet.beats

    def test_of_a_dry_run_applies_nothing(self) -> None:
        """Tick after tick."""
        fleet = Fleet()
        list(islice(run(fleet, SCALER, clock=VirtualClock(), dry_run=True), 3))

        assert [] == fleet.applied

    @pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf")])
    def test_refuses_a_bad_interval_at_once(self, interval: float) -> None:
        """Before anybody asks for a tick."""
        with pytest.raises(ValueError, match=r"^interval: .* is not a number of seconds above 0$"):
            run(Fleet(), SCALER, interval=interval)

    def test_refuses_a_bad_limit_at_once(self) -> None:
        """A tick of no time at all always hangs."""
        with pytest.raises(ValueError, match=r"^hangs_after: 0 is not a number of seconds above 0$"):
            run(Fleet(), SCALER, hangs_after=0)

    def test_does_not_wait_for_a_clock_that_was_put_back(self) -> None:
        """The next beat is never further away than the interval."""

        class PutBack(VirtualClock):
            def __init__(self) -> None:
                super().__init__(10_000)
                self.readings, self.waited_for = [10_000.0, 6_405.0], list[float]()

            def now(self) -> float:
                return self.readings.pop(0)

            def sleep_until(self, moment: float) -> None:
                self.waited_for.append(moment)

        clock = PutBack()
        list(islice(run(Fleet(), SCALER, interval=20, clock=clock), 2))

        assert [6_425.0] == clock.waited_for


class Hangs(AutoScaler):
    """Hangs until it is let go."""

    def __init__(self, let_go: threading.Event) -> None:
        self.let_go = let_go

    def decide(self, factors: Factors) -> DecideResult:
        self.let_go.wait(5)
        return DecideResult(max_workers=1, actions=[])


class LetGo(logging.Handler):
    """Lets go as soon as something is logged, and keeps it."""

    def __init__(self, let_go: threading.Event) -> None:
        super().__init__()
        self.let_go, self.events = let_go, list[Any]()

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append(record.event_dict)  # type: ignore[attr-defined]
        self.let_go.set()


@pytest.mark.parametrize(
    ("wrap", "name"), [(lambda scaler: scaler, "Hangs"), (lambda scaler: Decider(scaler, app="a"), "Hangs")]
)
def test_the_watchdog_names_a_scaler_that_hangs(wrap: Any, name: str) -> None:
    """While it still hangs: it goes on only once its name was logged."""
    let_go = threading.Event()
    handler = LetGo(let_go)
    logger = logging.getLogger("everai_autoscaler")
    logger.addHandler(handler)
    try:
        done = next(run(Fleet(), wrap(Hangs(let_go)), clock=VirtualClock(), hangs_after=0.02))
    finally:
        logger.removeHandler(handler)

    assert {"event": "tick_hangs", "scaler": name, "seconds": 0.02} == handler.events[0]
    assert done.result is not None


def test_the_watchdog_is_silent_and_gone_after_a_tick_in_time(caplog: pytest.LogCaptureFixture) -> None:
    """No timer is left behind."""
    before = set(threading.enumerate())
    next(run(Fleet(), SCALER, clock=VirtualClock(), hangs_after=60))
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(10)

    assert set() == set(threading.enumerate()) - before
    assert [] == caplog.records


def test_a_target_is_whatever_observes_and_applies() -> None:
    """There is nothing to inherit from."""
    assert isinstance(Fleet(), Target)
    assert not isinstance(SCALER, Target)


def test_the_systems_clock_tells_the_time_and_waits() -> None:
    """It is the one that is used where none is given; a moment that has passed isn't waited for."""
    clock = SystemClock()
    began = time.time()
    clock.sleep_until(began - 100)
    clock.sleep_until(began + 0.01)

    assert began + 0.01 <= clock.now() <= began + 5


def test_without_a_clock_the_loop_uses_the_systems() -> None:
    """At an interval that a test can wait for."""
    began = time.time()
    list(islice(run(Fleet(), SCALER, interval=0.01), 3))

    assert 0.02 <= time.time() - began
