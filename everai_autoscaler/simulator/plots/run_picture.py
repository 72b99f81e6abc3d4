"""The picture of a run: stacked panels on one time axis, with a title and captions in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from everai_autoscaler.simulator.metrics import measure
from everai_autoscaler.simulator.plots.axes import View, time_axis
from everai_autoscaler.simulator.plots.caption import (
    arguments_line,
    assumptions_line,
    result_lines,
    title_of,
)
from everai_autoscaler.simulator.plots.fleet import demand_of, end_of, fleet_of
from everai_autoscaler.simulator.plots.panels import (
    arrivals_panel,
    decisions_panel,
    demand_panel,
    queue_panel,
    waits_panel,
    workers_panel,
)
from everai_autoscaler.simulator.plots.scale import duration, time_unit
from everai_autoscaler.simulator.plots.scene import Scene, Text, wrapped
from everai_autoscaler.simulator.plots.telling import Telling, did, shortened, telling_decisions

if TYPE_CHECKING:
    from everai_autoscaler.simulator.optimum import Optimum
    from everai_autoscaler.simulator.run import Run

__all__ = ["LEFT", "WIDTH", "run_scene"]

WIDTH = 1200.0
"""Pixels across."""
LEFT = 84.0
_RIGHT = 24.0
_GAP = 20.0
_LINES = 3
"""A decision's reasons take at most so many lines under the picture."""


def run_scene(run: Run, *, optimum: Optimum | None = None, slo: float = 5.0, fine: int = 1) -> Scene:
    """All of *run* as one picture.

    Args:
        run: what is drawn.
        optimum: the best schedule known, to be drawn as a line.
        slo: the wait (seconds) above which a request is late.
        fine: values for each pixel of width; more than one only helps where a page is zoomed.
    """
    inner = WIDTH - LEFT - _RIGHT
    view = View(end_of(run), LEFT, inner, round(inner) * fine, run.setting.warm_up)
    scene = Scene(WIDTH, title=title_of(run))
    y = scene.paragraph(scene.title, 24, 16, WIDTH - 48, size=20, bold=True)
    if run.setting.arguments:
        y = scene.paragraph(arguments_line(run.setting.arguments), 24, y, WIDTH - 48, size=14)
    for line in result_lines(run, measure(run, slo=slo), optimum=optimum):
        y = scene.paragraph(line, 24, y + 2, WIDTH - 48, size=14)
    y = scene.paragraph(assumptions_line(run, slo=slo), 24, y + 4, WIDTH - 48, role="muted", size=12)
    told = telling_decisions(run)
    y = _panels(scene, view, run, y + _GAP - 4, told, slo=slo, optimum=optimum)
    y = _told(scene, told, y)
    for words in _notes(run, view.end / inner):
        y = scene.paragraph(words, 24, y + 6, WIDTH - 48, role="muted", size=12)
    scene.height = y + 18
    return scene


def _panels(
    scene: Scene, view: View, run: Run, y: float, told: Sequence[Telling], *, slo: float, optimum: Optimum | None
) -> float:
    """All panels of what was kept, from *y* down; gives where they end."""
    demand, fleet = demand_of(run, view.columns), fleet_of(run, view.columns)
    kept = bool(len(run.requests) or run.ticks)
    if len(run.requests) or len(run.workload):
        y = arrivals_panel(scene, view, run, y) + _GAP
    if kept:
        y = demand_panel(scene, view, demand, y) + _GAP
    y = workers_panel(scene, view, run, fleet, y, best=None if optimum is None else optimum.fleet)
    if run.ticks:
        y = decisions_panel(scene, view, run, y + _GAP, [one.row.at for one in told]) + (8 if told else 0)
    if kept:
        y = queue_panel(scene, view, demand, y + _GAP)
    if len(run.requests):
        y = waits_panel(scene, view, run, y + _GAP, slo=slo)
    return time_axis(scene, view, y, time_unit(view.end)[1])


def _told(scene: Scene, told: Sequence[Telling], y: float) -> float:
    """The numbered decisions in words."""
    if told:
        scene.shapes.append(Text(24, y + 24, "Decisions in words", "ink", 14, bold=True))
        y += 32
    for number, one in enumerate(told, 1):
        scene.shapes.append(Text(36, y + 14, str(number), "ink", 12.5, bold=True, anchor="end"))
        words = f"{duration(one.row.at)}: {did(one.row)} ({one.why}). {shortened(one.row)}"
        lines = wrapped(words, WIDTH - 48 - 24, size=12.5)
        if len(lines) > _LINES:
            lines = [*lines[: _LINES - 1], f"{lines[_LINES - 1]} …"]
        y = scene.paragraph(" ".join(lines), 48, y, WIDTH - 48 - 24, size=12.5) + 2
    return y


def _notes(run: Run, pixel: float) -> list[str]:
    """What a reader needs to know about the picture itself; a *pixel* of its width is so many seconds."""
    notes = []
    if run.totals is not None and not (len(run.requests) and run.ticks):
        seen = "Demand and queue are as they were seen at each decision. " if run.ticks else ""
        notes.append(f"{seen}What isn't drawn wasn't kept: single requests, or decisions, of this run aren't known.")
    if pixel > run.setting.interval:
        notes.append(
            f"Each pixel of width is {duration(pixel)}: areas are averages over that time, so that they show what was "
            "paid; thin lines and the marks of decisions keep the most in it."
        )
    return notes
