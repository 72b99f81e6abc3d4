"""The answer: two limits that the least cost lies between, the fleet of the cheaper schedule, and the static fleet."""

from __future__ import annotations

import json
import math
from typing import Any, Self

from attrs import asdict, field, fields, frozen

from everai_autoscaler.errors import ContractError
from everai_autoscaler.simulator.optimum.question import Question

__all__ = ["Optimum"]


def _steps(steps: Any) -> tuple[tuple[float, int], ...]:
    return tuple((float(second), int(workers)) for second, workers in steps)


@frozen
class Optimum:
    """What the least worker-seconds lie between, and how each of the two limits was found.

    No policy can cost less than ``bound``, and somebody who knew all requests in advance could have paid ``schedule``.
    Both are in worker-seconds, each worker counted from launch to removal.

    >>> best = Optimum(bound=90.0, schedule=100.0)
    >>> round(best.gap, 3), Optimum.from_json(best.to_json()) == best
    (0.111, True)
    """

    bound: float
    """Worker-seconds: proven, nothing costs less."""
    schedule: float
    """Worker-seconds of the cheapest schedule that was found; it was checked request by request."""
    question: Question = field(factory=Question)
    """What was asked: the limit on waiting, the cold start and the rest."""
    bound_how: str = ""
    """How the bound is proven, in a sentence."""
    schedule_how: str = ""
    """How the schedule was found, in a sentence."""
    fleet: tuple[tuple[float, int], ...] = field(default=(), converter=_steps, repr=False)
    """The schedule's workers, starting ones included: from each second on, how many; the last is 0.

    The first second is negative where workers were launched before second 0.
    """
    launches: int = 0
    """Workers that the schedule launches."""
    late: int = 0
    """Requests of the schedule that begin later than the question's limit on waiting; as many as its share allows."""
    horizon: float = 0.0
    """The second at which the workload's last answer is given when no request waits."""
    static: int = 0
    """Workers of the smallest fleet of constant size that meets the same limit, sized in hindsight."""
    static_cost: float = 0.0
    """Worker-seconds of that static fleet."""

    @property
    def gap(self) -> float:
        """By what part of the bound the schedule is above it: 0 when the answer is exact.

        Infinite when the bound is 0 and the schedule isn't.
        """
        if self.schedule <= self.bound:
            return 0.0
        return self.schedule / self.bound - 1 if self.bound > 0 else math.inf

    @property
    def exact(self) -> bool:
        """Whether the two limits meet, up to the rounding of floating-point numbers."""
        return self.gap <= 1e-9

    def regret(self, worker_seconds: float) -> float:
        """How many times the schedule's cost *worker_seconds* are: 1 is as good as the cheapest schedule known.

        Infinite when the schedule costs nothing.
        """
        return worker_seconds / self.schedule if self.schedule > 0 else math.inf

    def to_json(self) -> str:
        """The answer as one line of JSON, to be stored."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The answer that :meth:`to_json` wrote.

        Raises:
            ContractError: the text isn't one.
        """
        try:
            said = json.loads(text)
            return cls(**{**said, "question": Question(**said["question"])})
        except (TypeError, ValueError, KeyError) as error:
            known = ", ".join(one.name for one in fields(cls))
            raise ContractError(f"optimum: {text[:40]!r} is not an object with {known}: {error}") from error
