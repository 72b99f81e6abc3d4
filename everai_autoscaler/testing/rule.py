"""What a rule is: what it looks at, what it finds, and the failure that shows it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable
from functools import partial
from textwrap import indent
from typing import Any, Protocol, TypeVar

from attrs import evolve, frozen
from pydantic import JsonValue

from everai_autoscaler.errors import AutoscalerError, MissingExtraError, describe_error
from everai_autoscaler.model import AutoScaler, DecideResult, Factors
from everai_autoscaler.testing.asking import Answer, ask, remembered
from everai_autoscaler.testing.display import describe
from everai_autoscaler.testing.pasteable import as_code

__all__ = ["Broken", "Case", "Check", "RuleBrokenError", "fact_of", "fault_of", "fresh", "name_of", "parametrized"]

T = TypeVar("T", bound=Callable[..., object])

EXAMPLES = 100
"""Snapshots that each rule looks at, unless it finds one that breaks it."""


class RuleBrokenError(AutoscalerError, AssertionError):
    """A policy breaks a rule: which, at what, and how."""

    def __init__(self, rule: str, fact: str, scaler: AutoScaler, broken: Broken) -> None:
        self.rule = rule
        """The rule's name, ``removes_nobody_at_work``, say."""
        self.fact = fact
        """What the rule says."""
        self.complaint = broken.complaint
        """What the policy did."""
        self.snapshot = broken.factors
        """The smallest snapshot that was found at which it breaks the rule."""
        self.memory = broken.memory
        """What the policy remembered then."""
        self.code = as_code(broken.factors)
        """The snapshot as an expression; ``snapshot``, ``worker`` and ``Factors`` are what it needs."""
        self.result = broken.result
        """What it decided there; ``None`` when it failed."""
        lines = [f"{broken.setting}\n"] if broken.setting else []
        lines.append(f"factors = {self.code}")
        asked = "decide(factors)"
        if self.memory is not None:
            lines.append(f"memory = {self.memory!r}")
            asked = "decide_with_memory(factors, memory)"
        lines.append(f"\n{asked}: {self.complaint}")
        if self.result is not None:
            lines.append(f"\n{describe(self.result)}")
        shown = indent("\n".join(lines), "    ")
        super().__init__(f"{scaler!r} breaks the rule {rule}: {fact}\n\n{shown}")


class Check(Protocol):
    """One rule."""

    def __call__(self, scaler: AutoScaler, /, *, examples: int = EXAMPLES, seed: int = 0) -> None:
        """Look for a snapshot at which *scaler* breaks the rule, among so many *examples*, the same for each *seed*.

        Raises:
            RuleBrokenError: there is one.
        """


def name_of(check: Any) -> str:
    """The name of a rule.

    >>> from everai_autoscaler.testing.checks import check_removes_nobody_at_work
    >>> name_of(check_removes_nobody_at_work)
    'removes_nobody_at_work'
    """
    function = check.func if isinstance(check, partial) else check
    return str(function.__name__).removeprefix("check_")


def fact_of(check: Any) -> str:
    """What a rule says, in one sentence.

    >>> from everai_autoscaler.testing.checks import check_never_goes_both_ways
    >>> fact_of(check_never_goes_both_ways)
    'Never starts and removes workers in one answer.'
    """
    function = check.func if isinstance(check, partial) else check
    return str(function.__doc__).partition("\n\n")[0].replace("\n    ", " ")


def parametrized(argument: str, cases: Iterable[tuple[str, object, object]]) -> Callable[[T], T]:
    """Run a test with that *argument* and ``check`` for each of the *cases*: a name, the argument's value, a rule.

    Raises:
        MissingExtraError: pytest isn't installed.
    """
    try:
        import pytest
    except ImportError as error:
        raise MissingExtraError("pytest is missing: pip install 'everai-autoscaler[testing]'") from error
    values = [pytest.param(value, check, id=f"{name}-{name_of(check)}") for name, value, check in cases]
    return pytest.mark.parametrize((argument, "check"), values)


@frozen
class Case:
    """What a rule looks at: a snapshot, and what the policy remembers then."""

    factors: Factors
    memory: JsonValue = None

    def copied(self) -> Case:
        """A copy that shares nothing with this one."""
        twin: Case = pickle.loads(pickle.dumps(self))  # noqa: S301 - half the time of a deep copy
        return twin

    def ask(self, policy: AutoScaler) -> Answer:
        """What *policy* says of a copy of the case, whatever that is."""
        copied = self.copied()
        return ask(policy, copied.factors, copied.memory)

    def ask_again(self, policy: AutoScaler) -> Answer | None:
        """What *policy* says; ``None`` where it fails, or gives no sound answer, each of which has its own rule."""
        try:
            answer = self.ask(policy)
        except Exception:  # noqa: BLE001 - whatever a policy raises
            return None
        return None if fault_of(answer) else answer

    def answer(self, policy: AutoScaler) -> Answer | None:
        """What a fresh copy of *policy* says; ``None`` where it fails, or gives no sound answer."""
        return self.ask_again(fresh(policy))

    def broken(self, complaint: str, answer: Answer | None = None) -> Broken:
        """That the rule is broken here."""
        return Broken(complaint, self.factors, self.memory, None if answer is None else answer.result)

    def with_(self, **changes: Any) -> Case:
        """The same but for these fields of the snapshot."""
        return evolve(self, factors=self.factors.model_copy(update=changes))


@frozen
class Broken:
    """How a rule is broken."""

    complaint: str
    factors: Factors
    memory: JsonValue = None
    result: DecideResult | None = None
    setting: str = ""


def fresh(policy: AutoScaler) -> AutoScaler:
    """A copy, so that what a policy keeps doesn't reach the next example; itself, where it can't be copied."""
    try:
        return copy.deepcopy(policy)
    except Exception:  # noqa: BLE001 - that is a rule of its own
        return policy


def fault_of(answer: Answer) -> str:
    """Why *answer* doesn't survive JSON; empty when it does."""
    try:
        if DecideResult.from_json(answer.result.json()) != answer.result:
            return "its answer reads otherwise from JSON"
    except Exception as error:  # noqa: BLE001 - not every way to make a result checks what it holds
        return f"its answer doesn't survive JSON: {describe_error(error)}"
    try:
        if remembered(answer) != answer.memory:
            return f"what it remembers reads otherwise from JSON: {answer.memory!r}"
    except (TypeError, ValueError) as error:
        return f"what it remembers doesn't survive JSON: {describe_error(error)}"
    return ""
