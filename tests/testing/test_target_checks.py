"""The kit for targets bites: each broken target is caught by its own rule, and by no other."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

import pytest

from everai_autoscaler.testing import (
    TARGET_CHECKS,
    TargetCase,
    TargetRuleBrokenError,
    check_target,
    parametrize_with_target_checks,
)
from everai_autoscaler.testing.checks import fact_of, name_of


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


broken_targets = _load("broken_targets")
BROKEN = broken_targets.BROKEN
SOUND = partial(broken_targets.Case, broken_targets.Sound)


def broken_rules(target):
    """The rules that *target*, a class, breaks."""
    found = []
    for check in TARGET_CHECKS:
        try:
            check(partial(broken_targets.Case, target))
        except TargetRuleBrokenError as error:
            found.append(error.rule)
    return found


def test_a_sound_target_keeps_every_rule():
    """Whatever the broken ones have in common breaks nothing, and nothing is skipped."""
    assert () == check_target(SOUND)


def test_there_is_a_broken_target_for_each_rule():
    """No rule is without a target that shows that it bites."""
    assert {name_of(check) for check in TARGET_CHECKS} == set(BROKEN)


@pytest.mark.parametrize("rule", BROKEN)
def test_each_broken_target_breaks_its_own_rule_and_no_other(rule):
    """A rule finds what it is for, and isn't set off by what is another's."""
    assert [rule] == broken_rules(BROKEN[rule])


def test_a_failure_says_what_the_target_did():
    """What a failing test shows is enough to know what is wrong."""
    with pytest.raises(TargetRuleBrokenError) as info:
        check_target(partial(broken_targets.Case, broken_targets.RemovesTheBusy))

    assert (
        "RemovesTheBusy breaks the rule keeps_a_busy_worker: "
        "Keeps a worker that has begun to serve since the decision.\n\n    removes m1, which serves a request"
    ) == str(info.value)


def test_a_failure_is_an_assertion():
    """It is shown as a failing test, not as an error of the test."""
    assert issubclass(TargetRuleBrokenError, AssertionError)


class Bare(TargetCase):
    """It has only what it must."""

    ended = 0

    def __init__(self, workers):
        self.target = SOUND(workers).target

    def settle(self):
        broken_targets.Case.settle(self.target)

    def end(self):
        type(self).ended += 1


def test_what_a_case_cannot_do_is_skipped_with_a_word():
    """The rules that need more than a case has aren't looked at, and it is said which and why."""
    skipped = check_target(Bare)

    assert 6 == len(skipped)
    assert "says_what_it_does_not_start: Bare can't limit starts: it has no limit_starts()" in skipped


def test_every_case_is_ended():
    """What a case has made is cleared up for each rule, also for those that are skipped."""
    Bare.ended = 0
    check_target(Bare)

    assert len(TARGET_CHECKS) == Bare.ended


@pytest.mark.parametrize("check", TARGET_CHECKS, ids=name_of)
def test_each_rule_states_its_fact(check):
    """A rule's first line is a whole sentence, in one line."""
    fact = fact_of(check)

    assert fact.endswith(".")
    assert "\n" not in fact


def test_ids_name_the_case_and_the_rule():
    """A test's id says which target and which rule."""
    mark = parametrize_with_target_checks({"sound": SOUND})

    assert "sound-keeps_a_busy_worker" in [case.id for case in mark.args[1]]


@parametrize_with_target_checks({"sound": SOUND, "bare": Bare})
def test_may_be_run_rule_by_rule(make, check):
    """Each rule is a test of its own; what can't be checked is skipped."""
    check(make)


class Restless(broken_targets.Sound):
    def observe(self):
        factors = super().observe()
        return factors.model_copy(update={"workers": None})


def test_a_target_that_never_knows_its_workers_is_caught():
    """Not to know the workers where nothing is wrong is no honesty."""
    with pytest.raises(TargetRuleBrokenError, match="doesn't know its workers, although nothing is wrong"):
        check_target(partial(broken_targets.Case, Restless))


@pytest.mark.parametrize(
    ("served", "complaint"),
    [
        ((), "says that 0 requests ended, and one did"),
        (((1.0, None, 3.0),), "says that no worker took a request which one has served"),
        (((2.0, 1.0, 3.0),), "says that a request came at 2, was taken at 1, ended at 3"),
    ],
)
def test_what_was_served_is_said_in_order(served, complaint):
    """Once, with a worker, and as time goes."""

    class Says(broken_targets.Sound):
        pass

    Says.served = served
    with pytest.raises(TargetRuleBrokenError) as info:
        check_target(partial(broken_targets.Case, Says))

    assert complaint == info.value.complaint
