"""What decisions tell again and again, told once: demand that a bound swallows, and warnings."""

from __future__ import annotations

import re
from collections.abc import Callable

from everai_autoscaler.model import DecideResult
from everai_autoscaler.runtime.forms import CappedForm

__all__ = ["CALM", "Capping", "Warned"]

CALM = 60.0
"""Seconds without it after which it is over: a policy that asks for more and less in turn is told of once."""


class Capping:
    """Watches which bound is in the way of workers that the policy wants.

    Args:
        note: is given each line that an operator would want to read.

    >>> capping, full = Capping(print), DecideResult(max_workers=5, actions=[])
    >>> for at, wanted in ((0.0, 9), (20.0, 12), (40.0, 5), (100.0, 5)):
    ...     capping.seen(full.wanting(wanted), at)
    demand is capped: wanted 9, may have 5: maximum
    demand is no longer capped: it was for 40 s, and up to 12 were wanted: maximum
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self.in_force: CappedForm | None = None
        """Which bound is in the way, by the last decision; ``None`` where none is."""
        self._note = note
        self._began: float | None = None
        self._free_since: float | None = None
        self._most = 0
        self._by: list[str] = []

    def seen(self, result: DecideResult, now: float) -> None:
        """*result* was decided at the moment *now* (epoch seconds); a hold says nothing new."""
        capped = result.capped
        if result.held:
            return
        if capped is None:
            self.in_force = None
            self._free(now)
            return
        if self._began is None:
            self._note(f"demand is capped: {capped}")
            self._began, self._most, self._by = now, 0, []
        self._free_since, self._most = None, max(self._most, capped.wanted)
        self._by += [] if capped.by in self._by else [capped.by]
        self.in_force = CappedForm(wanted=capped.wanted, allowed=capped.allowed, by=capped.by, since=self._began)

    def _free(self, now: float) -> None:
        if self._began is None:
            return
        if self._free_since is None:
            self._free_since = now
        elif not 0 <= now - self._free_since < CALM:
            lasted = f"{max(0.0, self._free_since - self._began):.0f} s"
            said = f"it was for {lasted}, and up to {self._most} were wanted: {', '.join(self._by)}"
            self._note(f"demand is no longer capped: {said}")
            self._began = self._free_since = None


class Warned:
    """Tells each warning once, for as long as it goes on: a reason that begins with ``warning:``.

    Warnings that differ in numbers only are one.

    Args:
        note: is given each line that an operator would want to read.

    >>> warned, result = Warned(print), DecideResult(max_workers=5, actions=[])
    >>> for at, share in ((0.0, 80), (20.0, 81), (200.0, 80)):
    ...     warned.seen(result.because(f"warning: {share}% are spent", who="budget"), at)
    budget: warning: 80% are spent
    budget: warning: 80% are spent
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._last: dict[str, float] = {}
        """When each warning, without its numbers, was seen last."""

    def seen(self, result: DecideResult, now: float) -> None:
        """*result* was decided at the moment *now* (epoch seconds)."""
        self._last = {said: last for said, last in self._last.items() if 0 <= now - last < CALM}
        for reason in result.reasons:
            if reason.why.startswith("warning:"):
                said = re.sub(r"[0-9.]+", "#", str(reason))
                if said not in self._last:
                    self._note(str(reason))
                self._last[said] = now
