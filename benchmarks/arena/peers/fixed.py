"""A fleet of constant size: the company that every autoscaler has to be better than."""

from __future__ import annotations

from attrs import frozen

from everai_autoscaler import argument
from everai_autoscaler.model import AutoScaler, DecideResult, Factors

__all__ = ["FixedAutoScaler"]


@frozen
class FixedAutoScaler(AutoScaler):
    """Have *workers* workers, whatever comes.

    >>> from everai_autoscaler.testing import snapshot
    >>> FixedAutoScaler(3).decide(snapshot(busy=1)).up
    2
    """

    workers: int = argument(1, ge=0, help="workers that there are")

    def decide(self, factors: Factors) -> DecideResult:
        """Go to the size."""
        return DecideResult.scale_to(self.workers, factors, max_workers=self.workers).because("a fleet of fixed size")
