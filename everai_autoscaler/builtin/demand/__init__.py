"""The scaler that follows demand: its rules, their arithmetic, and what it remembers."""

from __future__ import annotations
