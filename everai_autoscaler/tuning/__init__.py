"""Finds the scaler arguments that are cheapest within an error budget, on the evidence of an app's own traffic."""

from __future__ import annotations

from everai_autoscaler.tuning.book import Book
from everai_autoscaler.tuning.constants import Constants
from everai_autoscaler.tuning.forms import Budget, Candidate, Choice, Slo, Spent, Standing, Traffic

__all__ = ["Book", "Budget", "Candidate", "Choice", "Constants", "Slo", "Spent", "Standing", "Traffic"]
