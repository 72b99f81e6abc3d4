"""The kit bites: each broken scaler is caught by its own rule, and by no other."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path

import pytest

from everai_autoscaler import AutoScaler, DecideResult, Factors, Placeholder, SimpleAutoScaler
from everai_autoscaler.model import ScaleDownAction
from everai_autoscaler.testing import (
    CHECKS,
    RuleBrokenError,
    check_autoscaler,
    parametrize_with_checks,
    snapshot,
    worker,
    yield_checks,
)
from everai_autoscaler.testing.checks import (
    check_decides_in_time,
    check_is_monotone,
    check_is_steady,
    check_removes_nobody_at_work,
    check_survives_copies,
    fact_of,
    name_of,
)


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pickle looks for classes there
    spec.loader.exec_module(module)
    return module


broken_scalers = _load("broken_scalers")
BROKEN = broken_scalers.BROKEN
EXAMPLES = 60
WITHIN = 1.0
WITHIN_OF_THE_SLOW_ONE = 0.1
"""Seconds; fewer, so that the slow scaler is late without long computing."""


@cache
def broken_rules(scaler):
    """The failure for each rule that *scaler*, a class, breaks."""
    within = WITHIN_OF_THE_SLOW_ONE if scaler is BROKEN["decides_in_time"] else WITHIN
    scaler, found = scaler(), {}
    for check in yield_checks(scaler, within=within):
        try:
            check(scaler, examples=EXAMPLES)
        except RuleBrokenError as error:
            found[error.rule] = error
    return found


@cache
def caught(rule):
    """The failure of the rule's broken scaler."""
    return broken_rules(BROKEN[rule])[rule]


def test_a_sound_scaler_keeps_every_rule():
    """Whatever the broken ones have in common breaks nothing."""

    assert {} == broken_rules(broken_scalers.Sound)


def test_there_is_a_broken_scaler_for_each_rule():
    """No rule is without a scaler that shows that it bites."""

    assert {name_of(check) for check in CHECKS} == set(BROKEN)


@pytest.mark.parametrize("rule", BROKEN)
def test_each_broken_scaler_breaks_its_own_rule_and_no_other(rule):
    """A rule finds what it is for, and isn't set off by what is another's."""

    assert [rule] == list(broken_rules(BROKEN[rule]))


def test_a_scaler_that_holds_without_its_signal_keeps_every_rule():
    """Not to know a signal is no fault, where nothing is removed meanwhile."""

    assert {} == broken_rules(broken_scalers.HeedsTheCache)


@pytest.mark.parametrize("name", ["TakesAMissingSignalForZero", "BelievesAStaleSignal", "OverlooksAWorkersSignal"])
def test_a_missing_or_stale_signal_is_not_known(name):
    """A policy that removes workers without the signal that it looks for is found, whatever the signal's name."""

    assert ["removes_nobody_on_what_is_not_known"] == list(broken_rules(getattr(broken_scalers, name)))


@pytest.mark.parametrize("rule", [rule for rule in BROKEN if rule != "decides_in_time"])
def test_the_smallest_snapshot_can_be_pasted(rule):
    """What is shown is an expression, which gives the very snapshot at which the rule is broken."""
    error = caught(rule)
    pasted = eval(error.code, {"snapshot": snapshot, "worker": worker, "Factors": Factors})

    assert error.snapshot == pasted
    assert textwrap.indent(error.code, "    ").strip() in str(error)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("answers_every_snapshot", "snapshot()"),
        ("leaves_the_snapshot_as_it_was", None),
        ("removes_nobody_at_work", None),
        ("removes_nobody_on_what_is_not_known", 'snapshot(waiting=None, workers=[worker("w1", idle_for=60)])'),
        ("stays_within_max_workers", "snapshot(waiting=1, busy=5)"),
        ("is_monotone", None),
    ],
)
def test_the_smallest_snapshot_is_small(rule, code):
    """Nothing stands in it that isn't needed to break the rule; where there are several as small, any will do."""
    error = caught(rule)
    if code is None:
        assert len(error.code) < 100
    else:
        assert code == error.code.replace('waiting={"NotDispatch": 1}', "waiting=1")


def test_a_failure_names_the_rule_its_fact_and_the_answer():
    """What a failing test shows is enough to know what is wrong."""
    shown = str(caught("removes_nobody_at_work"))

    assert shown.startswith("ForgetsSessions(max_workers=5, max_idle_time=60) breaks the rule removes_nobody_at_work: ")
    assert "Removes nobody who is busy, serves a request, is in a session" in shown
    assert "decide(factors): removes w1, which has a session" in shown
    assert "removes w1; at most 5\n      policy: 0 waiting, 0 busy" in shown


def test_a_restless_scaler_is_shown_with_its_load():
    """A rule about what happens over time shows the load under which it happens."""
    error = caught("is_steady")

    assert "target = VirtualTarget(workers=0, cold_start=15" in str(error)
    assert re.search(r"after \d+ s it starts 1, and it removed \w+ after \d+ s", error.complaint)


def test_a_failure_is_an_assertion():
    """It is shown as a failing test, not as an error of the test."""

    assert isinstance(caught("answers_every_snapshot"), AssertionError)


class Grumpy(AutoScaler):
    """After two snapshots, it removes everybody."""

    def decide(self, factors):
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors, memory):
        seen = (memory or 0) + 1
        names = [one.worker_id for one in factors.workers or ()] if seen > 2 else []
        actions = [ScaleDownAction(worker_id=name) for name in names]
        return DecideResult(max_workers=9, actions=actions).because(f"{seen} times"), seen


def test_a_policy_is_asked_with_what_it_remembers():
    """A rule that is broken only after some time is found, and the memory is shown."""
    with pytest.raises(RuleBrokenError, match=r"memory = \d") as info:
        check_removes_nobody_at_work(Grumpy(), examples=40)

    assert 2 == info.value.memory
    assert "decide_with_memory(factors, memory): removes" in str(info.value)


class Moody(AutoScaler):
    """Throws out everybody now and then."""

    asked = 0

    def decide(self, factors):
        type(self).asked += 1
        actions = [ScaleDownAction(worker_id=one.worker_id) for one in factors.workers or () if self.asked % 7 == 0]
        return DecideResult(max_workers=9, actions=actions).because("who knows")


def test_a_policy_of_moods_is_caught_at_once():
    """What it did once stands, also if it wouldn't do it again."""
    with pytest.raises(RuleBrokenError, match=r"which is busy|has a session|has \d sessions|leaving"):
        check_removes_nobody_at_work(Moody())


def test_the_same_seed_looks_at_the_same_snapshots():
    """A failure comes again, to the letter; another seed may show another."""
    failures = []
    for _ in range(2):
        with pytest.raises(RuleBrokenError) as info:
            check_autoscaler(BROKEN["removes_only_who_is_there"](), examples=EXAMPLES, seed=7)
        failures.append(str(info.value))

    assert failures[0] == failures[1]


def test_declared_rules_are_for_those_who_declare_them():
    """Steady and monotone are checked where a scaler says it is that, and the time where it is stated."""
    plain = list(yield_checks(Grumpy()))

    assert not {check_is_steady, check_is_monotone, check_decides_in_time} & set(plain)
    assert len(CHECKS) - 3 == len(plain)
    assert [name_of(check) for check in CHECKS] == [
        name_of(check) for check in yield_checks(broken_scalers.Sound(), within=1)
    ]


def test_late_arguments_are_read_before():
    """A scaler with placeholders is checked as it is when it decides; a callable that can't be pickled is no fault."""
    check_survives_copies(SimpleAutoScaler(max_workers=lambda: "3"), examples=5)


def test_a_scaler_of_a_function_cannot_be_pickled():
    """What no other process could make again is found, and the reason shown."""

    class Local(broken_scalers.Sound):
        pass

    with pytest.raises(RuleBrokenError, match=r"pickle of it fails: .*Local"):
        check_survives_copies(Local(), examples=1)


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_each_rule_states_its_fact(check):
    """A rule's first line is a whole sentence, in one line."""
    fact = fact_of(check)

    assert fact.endswith(".")
    assert "\n" not in fact


def test_ids_name_the_scaler_and_the_rule():
    """A test's id says which scaler and which rule, with the names that are given or the scalers' own."""
    marks = [
        parametrize_with_checks([SimpleAutoScaler(), Grumpy()], within=1),
        parametrize_with_checks({"small": SimpleAutoScaler()}),
    ]
    ids = [case.id for mark in marks for case in mark.args[1]]

    assert "simple-removes_nobody_at_work" in ids
    assert "Grumpy-decides_in_time" in ids
    assert "small-survives_json" in ids


def _with(missing, program):
    lines = f"import sys\nsys.modules[{missing!r}] = None\n" + textwrap.dedent(program)
    return subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False)


def test_the_room_opens_without_the_extra():
    """Snapshots and stories need no Hypothesis; a check that needs it says how to get it."""
    done = _with(
        "hypothesis",
        """
        from everai_autoscaler import SimpleAutoScaler, errors, testing
        testing.story(SimpleAutoScaler()).expect(up=1)
        for name in ("check_autoscaler", "factors"):
            try:
                getattr(testing, name)
            except errors.MissingExtraError as error:
                print(error)
        """,
    )

    assert ["hypothesis is missing: pip install 'everai-autoscaler[testing]'"] * 2 == done.stdout.splitlines()


def test_checks_need_no_pytest():
    """Without pytest the rules can be run, and only its parametrisation says what is missing."""
    done = _with(
        "pytest",
        """
        from everai_autoscaler import SimpleAutoScaler, errors, testing
        testing.check_autoscaler(SimpleAutoScaler(), examples=2)
        try:
            testing.parametrize_with_checks([SimpleAutoScaler()])
        except errors.MissingExtraError as error:
            print(error)
        """,
    )

    assert ["pytest is missing: pip install 'everai-autoscaler[testing]'"] == done.stdout.splitlines()


def test_a_secret_is_read_where_it_is_needed(monkeypatch):
    """A placeholder that is checked outside any Decider asks the installed plugins."""
    monkeypatch.setenv("MOST", "3")
    check_removes_nobody_at_work(SimpleAutoScaler(max_workers=Placeholder(kind="Env", name="MOST")), examples=5)
