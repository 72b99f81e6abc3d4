"""Pictures of runs and comparisons that explain themselves: PNG, SVG, and a page with hover."""

from __future__ import annotations

from everai_autoscaler.simulator.plots.pictures import ENDINGS, html_of, plot_comparison, plot_run, plot_tuning

__all__ = ["ENDINGS", "html_of", "plot_comparison", "plot_run", "plot_tuning"]
