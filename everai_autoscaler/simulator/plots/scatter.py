"""A panel of marks, cost against what a user notices, with labels that don't cover each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

from attrs import evolve, frozen

from everai_autoscaler.simulator.plots.palette import SERIES
from everai_autoscaler.simulator.plots.scale import Scale, log_scale, number_scale
from everai_autoscaler.simulator.plots.scene import Dots, Fill, Frame, Line, Point, Scene, Text, clipped, text_width

__all__ = ["Form", "Mark", "Rule", "front_of", "look_of", "scatter", "share_scale", "x_scale"]

Form: TypeAlias = Literal["round", "square", "triangle", "diamond", "ring"]


@frozen
class Mark:
    """One point: what it cost, and how much of what a user notices."""

    x: float
    y: float
    role: str
    form: Form = "round"
    label: str = ""
    """What is written beside it; empty for none."""
    number: str = ""
    """What is written where there is no room for the labels."""
    rival: bool = True
    """Whether it may be on the front; one that is only company can't."""
    size: float = 12.0
    note: int = -1
    """The number of the note that a page shows for it."""


@frozen
class Rule:
    """A vertical line at a cost."""

    x: float
    role: str


def scatter(
    scene: Scene,
    frame: Frame,
    marks: Sequence[Mark],
    *,
    across: Scale,
    up: Scale,
    x_title: str,
    rules: Sequence[Rule] = (),
    limit: float | None = None,
    front: bool = True,
) -> None:
    """Fill *frame* with *marks*, and write the axes beside it.

    Args:
        scene: the picture.
        frame: the panel, without anything in it.
        marks: what is drawn.
        across: the axis of costs.
        up: the other axis.
        x_title: what the axis of costs is of.
        rules: costs that are drawn as vertical lines.
        limit: the value of the other axis that is to be kept; drawn as a horizontal line.
        front: join the marks that no other one beats in both.
    """
    width, height = frame.width, frame.height

    def at(x: float, y: float) -> Point:
        return across.place(x) * width, height * (1 - up.place(y))

    rows = [height * (1 - place) for place, _ in up.ticks]
    columns = [place * width for place, _ in across.ticks]
    frame.shapes.append(
        Line([*([(0, y), (width, y)] for y in rows), *([(x, 0), (x, height)] for x in columns)], "grid", 1)
    )
    for y, (_, label) in zip(rows, up.ticks, strict=True):
        scene.shapes.append(Text(frame.x - 8, frame.y + y + 4, label, "muted", 12, anchor="end"))
    last = -math.inf
    for x, (_, label) in zip(columns, across.ticks, strict=True):
        if x - last > text_width(label, 12) + 10:
            scene.shapes.append(Text(frame.x + x, frame.y + height + 17, label, "muted", 12, anchor="middle"))
            last = x
    middle = frame.x + width / 2
    scene.shapes.append(Text(middle, frame.y + height + 35, x_title, "muted", 12.5, anchor="middle"))
    frame.shapes.append(Line([[(0, 0), (0, height), (width, height)]], "edge", 1.5))
    if limit is not None:
        y = height * (1 - up.place(limit))
        frame.shapes.append(Line([[(0, y), (width, y)]], "limit", 1.5))
    taken = []
    for rule in rules:
        x = across.place(rule.x) * width
        frame.shapes.append(Line([[(x, 0), (x, height)]], rule.role, 1.8))
        taken.append((x - 2, 0.0, x + 2, height))
    if front:
        corners = [at(x, y) for x, y in front_of([(mark.x, mark.y) for mark in marks if mark.rival])]
        stairs = _stairs(corners)
        frame.shapes.append(Line([stairs], "front", 1.2))
        taken += [(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1) for (a, b), (c, d) in pairwise(stairs)]
    inside = [(mark, _inside(at(mark.x, mark.y), mark.size / 2, frame)) for mark in marks]
    for mark, point in inside:
        notes = [mark.note] if mark.note >= 0 else []
        frame.shapes += [
            Dots([point], "halo", mark.size + 3, "round"),
            Dots([point], mark.role, mark.size, mark.form, notes),
        ]
    _labels(scene, frame, inside, taken)


def front_of(points: Sequence[Point]) -> list[Point]:
    """Those of *points* than which no other has less of one and no more of the other, from left to right.

    >>> front_of([(1, 9), (2, 4), (3, 6), (5, 1)])
    [(1, 9), (2, 4), (5, 1)]
    """
    found: list[Point] = []
    for x, y in sorted(set(points)):
        if not found or y < found[-1][1]:
            found.append((x, y))
    return found


def look_of(number: int) -> tuple[str, Form]:
    """The colour and the form of the marks of the policy of that *number*; 28 policies differ.

    >>> look_of(0), look_of(8)
    (('series 1', 'round'), ('series 2', 'round'))
    """
    forms: tuple[Form, ...] = ("round", "square", "triangle", "diamond")
    return SERIES[number % len(SERIES)], forms[number % len(forms)]


def x_scale(values: Sequence[float]) -> Scale:
    """The axis of costs: from 0, or logarithmic where the dearest is many times the cheapest."""
    above = [value for value in values if value > 0]
    if not above:
        return number_scale(1.0, whole=False)
    if max(above) > _FAR * min(above):
        return log_scale(min(above), max(above))
    return number_scale(max(above), whole=False, ticks=6)


def share_scale(values: Sequence[float], wanted: float) -> Scale:
    """An axis for shares in percent, logarithmic above the *wanted* one where others are far above it.

    >>> [label for _, label in share_scale([0.5], 0.01).ticks]
    ['0 %', '1 %', '3 %', '10 %', '30 %']
    """
    wanted = wanted or 0.001
    most = max([*values, wanted * 1.5])
    if most < 4 * wanted:
        scale = number_scale(most * 100, whole=False)
        return Scale(scale.top / 100, tuple((place, f"{label} %") for place, label in scale.ticks))
    scale = Scale(most * 1.4, (), linear_to=wanted)
    shown = [0.0, wanted, *(one for one in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0) if one >= wanted * 2)]
    return evolve(scale, ticks=tuple((scale.place(one), f"{one * 100:g} %") for one in shown if one <= scale.top))


_SIZE = 11.5
"""Of the letters of labels."""
_FLAT = 0.3
_FAR_OFF = 14.0
"""A label that is so many pixels away has a line to its mark."""
_FAR = 15
"""Where the dearest costs so many times as much as the cheapest, their axis is logarithmic."""
_Box: TypeAlias = tuple[float, float, float, float]


def _inside(point: Point, half: float, frame: Frame) -> Point:
    return min(max(point[0], half), frame.width - half), min(max(point[1], half), frame.height - half)


def _stairs(corners: Sequence[Point]) -> list[Point]:
    points: list[Point] = []
    for x, y in corners:
        if points:
            points.append((x, points[-1][1]))
        points.append((x, y))
    return points


def _labels(scene: Scene, frame: Frame, marks: Sequence[tuple[Mark, Point]], taken: Sequence[_Box]) -> None:
    """Write each label beside its mark; where there is no room for all names, their numbers instead."""
    most = 230.0 if frame.width > 450 else 150.0
    names = [clipped(mark.label, most, size=_SIZE) for mark, _ in marks]
    placed = _placed(frame, marks, names, taken, (8.0, 16.0))
    if _misses(placed, names):  # over lines, then
        placed = _placed(frame, marks, names, (), (8.0, 16.0, 26.0))
    cut = any(name != mark.label for name, (mark, _) in zip(names, marks, strict=True))  # they may look alike then
    if (cut or _misses(placed, names)) and any(mark.number for mark, _ in marks):
        names = [mark.number for mark, _ in marks]
        placed = _placed(frame, marks, names, taken, (6.0, 12.0, 20.0, 30.0))
    for (_, (x, y)), words, box in zip(marks, names, placed, strict=True):
        if box is None or not words:
            continue
        if any(_overlap(box, other) for other in taken):
            left, top, right, bottom = box
            frame.shapes.append(Fill([(left, top), (right, top), (right, bottom), (left, bottom)], "halo", 0.85))
        near = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
        if math.dist(near, (x, y)) > _FAR_OFF:
            frame.shapes.append(Line([[(x, y), near]], "edge", 1))
        scene.shapes.append(Text(frame.x + box[0] + 2, frame.y + box[3] - 4, words, "ink", _SIZE, bold=words.isdigit()))


def _misses(placed: Sequence[_Box | None], names: Sequence[str]) -> bool:
    """Whether a name has no place."""
    return any(box is None and name for box, name in zip(placed, names, strict=True))


def _placed(
    frame: Frame,
    marks: Sequence[tuple[Mark, Point]],
    names: Sequence[str],
    taken: Sequence[_Box],
    distances: Sequence[float],
) -> list[_Box | None]:
    """For each mark the free place next to it for its name; ``None`` where there is none."""
    boxes = [*taken, *((x - 7, y - 7, x + 7, y + 7) for _, (x, y) in marks)]
    found: dict[int, _Box | None] = {}
    for number in sorted(range(len(marks)), key=lambda one: marks[one][1]):
        x, y = marks[number][1]
        found[number] = None
        if not names[number]:
            continue
        for box in _places(x, y, text_width(names[number], _SIZE) + 4, distances):
            outside = box[0] < 2 or box[1] < 2 or box[2] > frame.width - 2 or box[3] > frame.height - 2
            if not outside and not any(_overlap(box, other) for other in boxes):
                boxes.append(box)
                found[number] = box
                break
    return [found[number] for number in range(len(marks))]


def _places(x: float, y: float, wide: float, distances: Sequence[float]) -> list[_Box]:
    high = 15.0
    places = []
    for far in distances:
        for turn in (0, 8, 15, 1, 9, 7, 4, 12, 2, 14, 6, 10, 3, 13, 5, 11):
            angle = turn * math.pi / 8
            dx, dy = math.cos(angle), math.sin(angle)
            middle_x = x + dx * (far + wide / 2) if abs(dx) > _FLAT else x
            middle_y = y + dy * (far + high / 2)
            places.append((middle_x - wide / 2, middle_y - high / 2, middle_x + wide / 2, middle_y + high / 2))
    return places


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
