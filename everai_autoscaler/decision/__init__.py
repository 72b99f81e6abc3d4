"""The pipeline: decorate, bind, decide, guard, record."""

from __future__ import annotations

from everai_autoscaler.decision.decider import Decider
from everai_autoscaler.decision.guard import GUARDS, guard
from everai_autoscaler.decision.judge import Judgement, judge
from everai_autoscaler.decision.replay import Replay, replay

__all__ = ["GUARDS", "Decider", "Judgement", "Replay", "guard", "judge", "replay"]
