"""The colours of the pictures: told apart by people who are colour-blind, and in print without colour."""

from __future__ import annotations

from attrs import frozen

__all__ = ["PALETTE", "SERIES", "Paint"]


@frozen
class Paint:
    """One colour, on white and on black."""

    light: str
    dark: str
    dash: tuple[float, ...] = ()
    """Lengths of the dashes and gaps of its lines, in pixels; empty for a line without gaps."""


PALETTE = {
    "ground": Paint("#ffffff", "#14171c"),
    "ink": Paint("#1b2028", "#e6e9ee"),
    "muted": Paint("#565f6d", "#a3adbb"),
    "grid": Paint("#e6e9ee", "#272d36"),
    "time grid": Paint("#e6e9ee", "#272d36"),
    "edge": Paint("#b9c0ca", "#444c58"),
    "shade": Paint("#f0f1f4", "#1d2129"),
    "busy": Paint("#0072b2", "#4aa3df"),
    "free": Paint("#b5d8ee", "#25506f"),
    "starting": Paint("#e69f00", "#e0a63a"),
    "draining": Paint("#cc79a7", "#c583ab"),
    "waiting": Paint("#d55e00", "#f08a4b"),
    "late": Paint("#d55e00", "#f08a4b"),
    "in time": Paint("#56b4e9", "#56a0d0"),
    "median": Paint("#0072b2", "#6fb9ec"),
    "high": Paint("#1b2028", "#e6e9ee"),
    "arrivals": Paint("#8a94a3", "#7f8998"),
    "peak": Paint("#1b2028", "#e6e9ee"),
    "up": Paint("#009e73", "#35c79b"),
    "down": Paint("#8b4f9f", "#c492d6"),
    "held": Paint("#8a94a3", "#7f8998"),
    "failed": Paint("#c4002f", "#ff6b81"),
    "best": Paint("#000000", "#ffffff"),
    "halo": Paint("#ffffff", "#14171c"),
    "limit": Paint("#1b2028", "#e6e9ee", (6, 4)),
    "bound": Paint("#565f6d", "#a3adbb", (2, 3)),
    "static": Paint("#565f6d", "#a3adbb", (8, 3, 2, 3)),
    "front": Paint("#565f6d", "#a3adbb"),
    "series 1": Paint("#0072b2", "#4aa3df"),
    "series 2": Paint("#d55e00", "#f08a4b"),
    "series 3": Paint("#009e73", "#35c79b"),
    "series 4": Paint("#8b4f9f", "#c492d6"),
    "series 5": Paint("#e69f00", "#e0a63a"),
    "series 6": Paint("#56b4e9", "#8fcdf3"),
    "series 7": Paint("#565f6d", "#a3adbb"),
}
"""Each role's colour; most are those of Okabe and Ito, *Color Universal Design* (2008)."""
SERIES = tuple(role for role in PALETTE if role.startswith("series"))
