"""The frame of a panel: heading, key, grid and what is written beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from everai_autoscaler.simulator.plots.scale import Scale, time_ticks
from everai_autoscaler.simulator.plots.scene import Dots, Fill, Frame, Line, Point, Scene, Shape, Text, text_width

__all__ = ["Key", "View", "area", "heading", "panel", "stepped", "time_axis"]


@frozen
class Key:
    """One entry of a panel's key."""

    words: str
    role: str
    kind: Literal["fill", "line", "dot"] = "fill"


@frozen
class View:
    """How moments become pixels."""

    end: float
    """Seconds from the start at which the picture ends."""
    left: float
    width: float
    columns: int
    """How many values a line has."""
    warm_up: float = 0.0

    def x(self, moment: float) -> float:
        """Where *moment* (seconds) stands in a panel, in pixels."""
        return moment / self.end * self.width


def panel(
    scene: Scene, view: View, scale: Scale, *, top: float, height: float, title: str, key: Sequence[Key] = ()
) -> Frame:
    """A new panel of *scene* whose heading begins at *top*; its frame is *height* pixels high."""
    top = heading(scene, view.left, top, title, key)
    frame = Frame(view.left, top, view.width, height, name=title)
    if view.warm_up > 0:
        edge = view.x(min(view.warm_up, view.end))
        frame.shapes.append(Fill([(0, 0), (edge, 0), (edge, height), (0, height)], "shade"))
    rows = [height * (1 - place) for place, _ in scale.ticks]
    frame.shapes += [
        Line([[(view.x(moment), 0), (view.x(moment), height)] for moment, _ in time_ticks(view.end)], "time grid", 1),
        Line([[(0, y), (view.width, y)] for y in rows], "grid", 1),
    ]
    scene.frames.append(frame)
    scene.shapes += [
        Text(view.left - 8, top + y + 4, label, "muted", 12, anchor="end")
        for y, (_, label) in zip(rows, scale.ticks, strict=True)
    ]
    scene.shapes.append(Line([[(view.left, top + height), (view.left + view.width, top + height)]], "edge", 1))
    return frame


def heading(scene: Scene, x: float, top: float, title: str, key: Sequence[Key]) -> float:
    """Write a panel's *title* and its *key* beside it; gives where the panel begins."""
    scene.shapes.append(Text(x, top + 14, title, "ink", 14, bold=True))
    first = x
    x += text_width(title, 14, bold=True) + 24
    for entry in key:
        if x + 20 + text_width(entry.words, 12.5) > scene.width - 10:  # a second line
            x, top = first, top + 20
        scene.shapes.append(_swatch(entry, x, top + 9.5))
        scene.shapes.append(Text(x + 20, top + 14, entry.words, "ink", 12.5))
        x += 20 + text_width(entry.words, 12.5) + 20
    return top + 22


def time_axis(scene: Scene, view: View, top: float, unit: str) -> float:
    """Write the moments under the last panel; gives where that ends."""
    for moment, label in time_ticks(view.end):
        scene.shapes.append(
            Text(view.left + view.x(moment), top + 16, label, "muted", 12, anchor="middle", at=moment, kind="tick")
        )
    words = f"Time from the start, {unit}"
    scene.shapes.append(Text(view.left + view.width / 2, top + 36, words, "muted", 12.5, anchor="middle"))
    return top + 42


def stepped(values: Sequence[float], view: View, scale: Scale, height: float) -> list[Point]:
    """A line that stays at each of *values* for the width of its column; equal neighbours are one step."""
    wide = view.width / len(values)
    points: list[Point] = []
    before = -1.0
    for column, value in enumerate(values):
        y = height * (1 - scale.place(value))
        if y != before:
            if points:
                points.append((column * wide, before))
            points.append((column * wide, y))
            before = y
    return [*points, (view.width, before)]


def area(upper: Sequence[Point], lower: Sequence[Point], role: str) -> Fill:
    """What lies between two lines."""
    return Fill([*upper, *reversed(lower)], role)


def _swatch(entry: Key, x: float, y: float) -> Shape:
    if entry.kind == "fill":
        return Fill([(x, y - 6), (x + 14, y - 6), (x + 14, y + 6), (x, y + 6)], entry.role)
    if entry.kind == "line":
        return Line([[(x - 2, y), (x + 16, y)]], entry.role, 2)
    return Dots([(x + 7, y)], entry.role, 7)
