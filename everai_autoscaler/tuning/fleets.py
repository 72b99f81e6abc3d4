"""The fleets of a whole book: those of ``demand`` together in machine code, any other one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

from everai_autoscaler.tuning.evidence import Outcome
from everai_autoscaler.tuning.forms import Candidate, Traffic
from everai_autoscaler.tuning.general import GeneralShadows
from everai_autoscaler.tuning.shadows import DemandShadows

__all__ = ["Fleets"]


class Fleets:
    """A fleet for each of the *candidates*, that goes on from stretch to stretch.

    Args:
        candidates: all of a book.
        fixed: arguments that all have, whatever their own say.
        within: seconds that a request may wait.
        workers: how many are ready at the beginning.
    """

    def __init__(
        self, candidates: Sequence[Candidate], fixed: Mapping[str, Any], *, within: float, workers: int = 1
    ) -> None:
        quick = [number for number, one in enumerate(candidates) if DemandShadows.takes(one, fixed)]
        slow = [number for number in range(len(candidates)) if number not in set(quick)]
        self._count = len(candidates)
        self._parts: list[tuple[list[int], DemandShadows | GeneralShadows]] = []
        for numbers, kind in ((quick, DemandShadows), (slow, GeneralShadows)):
            if numbers:
                some = [candidates[number] for number in numbers]
                self._parts.append((numbers, kind(some, fixed, within=within, workers=workers)))

    def play(self, traffic: Traffic) -> Outcome:
        """What each comes to on the *traffic*."""
        cost, late = [0.0] * self._count, [0.0] * self._count
        for numbers, shadows in self._parts:
            outcome = shadows.play(traffic)
            for place, number in enumerate(numbers):
                cost[number], late[number] = outcome.worker_seconds[place], outcome.late[place]
        return Outcome(cost, late, len(traffic), traffic.seconds)

    @property
    def service_time(self) -> float | None:
        """The mean seconds that a request takes, as it was learnt; ``None`` where that isn't known."""
        return next((one.service_time for _, one in self._parts if one.service_time is not None), None)

    def copied(self) -> Self:
        """The same fleets, which go another way from here."""
        made = copy(self)
        made._parts = [  # noqa: SLF001 - its own
            (numbers, shadows.copied()) for numbers, shadows in self._parts
        ]
        return made

    def restart(self) -> None:
        """Begin afresh, with the workers that are there."""
        for _, shadows in self._parts:
            shadows.restart()

    def to_json(self) -> dict[str, Any]:
        """What goes on after a restart, as a JSON value."""
        return {"parts": [shadows.to_json() for _, shadows in self._parts]}

    def go_on(self, told: Mapping[str, Any]) -> None:
        """Go on from what ``to_json()`` gave.

        Raises:
            ContractError, KeyError, ValueError: it isn't that of these candidates.
        """
        for one, (_, shadows) in zip(told["parts"], self._parts, strict=True):
            shadows.go_on(one)
