"""How good anything could be: the least worker-seconds when all requests are known, between proven limits."""

from __future__ import annotations

from everai_autoscaler.simulator.optimum.answer import Optimum
from everai_autoscaler.simulator.optimum.question import Question
from everai_autoscaler.simulator.optimum.solve import optimum

__all__ = ["Optimum", "Question", "optimum"]
