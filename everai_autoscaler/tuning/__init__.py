"""Finds the scaler arguments that are cheapest within an error budget, on the evidence of an app's own traffic."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from everai_autoscaler.tuning.book import Book
from everai_autoscaler.tuning.constants import Constants
from everai_autoscaler.tuning.forms import Budget, Candidate, Choice, Slo, Spent, Standing, Traffic
from everai_autoscaler.tuning.tuner import Tuner

if TYPE_CHECKING:
    from everai_autoscaler.tuning.ranking import Ranking, rank
    from everai_autoscaler.tuning.rehearsal import Rehearsal, rehearse

__all__ = [
    "Book",
    "Budget",
    "Candidate",
    "Choice",
    "Constants",
    "Ranking",
    "Rehearsal",
    "Slo",
    "Spent",
    "Standing",
    "Traffic",
    "Tuner",
    "rank",
    "rehearse",
]

_LATE = {
    **dict.fromkeys(("Rehearsal", "rehearse"), "rehearsal"),
    **dict.fromkeys(("Ranking", "rank"), "ranking"),
}
"""What only some need, by the module that is imported when it is first used."""


def __getattr__(name: str) -> Any:
    module = _LATE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return __all__
