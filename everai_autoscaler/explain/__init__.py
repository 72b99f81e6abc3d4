"""What bound a recorded decision, and what would flip it."""

from __future__ import annotations

from everai_autoscaler.explain.flip import Direction, Flip, Part, Search, direction
from everai_autoscaler.explain.search import search

__all__ = ["Direction", "Flip", "Part", "Search", "direction", "search"]
