"""Check that a policy keeps every rule, in a test, rule by rule or all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from everai_autoscaler.model import AutoScaler
from everai_autoscaler.testing import rules
from everai_autoscaler.testing.rule import EXAMPLES, Check, RuleBrokenError, T, fact_of, name_of, parametrized
from everai_autoscaler.testing.rules import *  # noqa: F403 - each rule is public here, too
from everai_autoscaler.testing.rules import CHECKS, check_decides_in_time, check_is_monotone, check_is_steady

__all__ = [
    "Check",
    "RuleBrokenError",
    "check_autoscaler",
    "fact_of",
    "name_of",
    "parametrize_with_checks",
    "yield_checks",
]
__all__ += rules.__all__


def check_autoscaler(
    scaler: AutoScaler, *, examples: int = EXAMPLES, seed: int = 0, within: float | None = None
) -> None:
    """Check that *scaler* keeps every rule that applies to it.

    Args:
        examples: how many snapshots each rule looks at.
        seed: which snapshots those are; the same ones each time.
        within: the seconds that a decision on 10,000 workers may take; not looked at where it isn't given, since it
            depends on the machine.

    Raises:
        RuleBrokenError: the first rule that it breaks, and the smallest snapshot that shows it.

    >>> from everai_autoscaler.model import DecideResult
    >>> class Hasty(AutoScaler):
    ...     def decide(self, factors):
    ...         busy = [one.worker_id for one in factors.workers or () if one.status == "Busy"]
    ...         gone = [{"action": "ScaleDown", "worker_id": worker_id} for worker_id in busy]
    ...         return DecideResult(max_workers=9, actions=gone).because("they cost most")
    >>> try:
    ...     check_autoscaler(Hasty())
    ... except RuleBrokenError as error:
    ...     print(error.rule, error.code)
    removes_nobody_at_work snapshot(workers=[worker("w1", "Busy")])
    """
    for check in yield_checks(scaler, within=within):
        check(scaler, examples=examples, seed=seed)


def yield_checks(scaler: AutoScaler, *, within: float | None = None) -> Iterator[Check]:
    """The rules that apply to *scaler*: all but those for what it doesn't declare, and the time where none is given."""
    for check in CHECKS:
        if check is check_decides_in_time:
            if within is not None:
                yield partial(check_decides_in_time, within=within)
        elif check not in _DECLARED or getattr(scaler, _DECLARED[check], False):
            yield check


def parametrize_with_checks(
    scalers: Iterable[AutoScaler] | Mapping[str, AutoScaler], *, within: float | None = None
) -> Callable[[T], T]:
    """Run a test with the arguments *scaler* and *check* for each of *scalers* and each rule that applies to it.

    The ids name both: ``simple-removes_nobody_at_work``. A mapping gives the scalers' names.

    Raises:
        MissingExtraError: pytest isn't installed.
    """
    named = scalers.items() if isinstance(scalers, Mapping) else [(_named(scaler), scaler) for scaler in scalers]
    return parametrized(
        "scaler",
        ((name, scaler, check) for name, scaler in named for check in yield_checks(scaler, within=within)),
    )


_DECLARED: Mapping[Check, str] = {check_is_steady: "steady", check_is_monotone: "monotone"}
"""Rules only for scalers that declare it: with an attribute of that name that is true."""


def _named(scaler: AutoScaler) -> str:
    name = getattr(scaler, "autoscaler_name", None)
    return str(name()) if callable(name) else type(scaler).__name__
