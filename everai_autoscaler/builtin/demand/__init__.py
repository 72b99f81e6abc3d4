"""The scaler that follows demand: its rules, their arithmetic, and what it remembers."""

from __future__ import annotations

from everai_autoscaler.builtin.demand.demand import DemandAutoScaler
from everai_autoscaler.builtin.demand.rule import Rule, Term

__all__ = ["DemandAutoScaler", "Rule", "Term"]
