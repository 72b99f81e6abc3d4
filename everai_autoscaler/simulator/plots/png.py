"""A scene as PNG, drawn by matplotlib: the same bytes for the same scene."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence

from everai_autoscaler.errors import MissingExtraError
from everai_autoscaler.simulator.plots.palette import PALETTE
from everai_autoscaler.simulator.plots.scene import Dots, Fill, Frame, Line, Point, Scene, Shape, Text

try:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path as Outline
except ImportError as error:
    raise MissingExtraError(
        "a picture as .png needs matplotlib: pip install 'everai-autoscaler[simulator]'; .svg and .html need nothing"
    ) from error

__all__ = ["png_of"]

_DPI = 100
_POINTS = 72 / _DPI
"""Points of a pixel."""


_MARKERS = {"round": "o", "ring": "o", "square": "s", "triangle": "^", "diamond": "D"}


def png_of(scene: Scene, *, zoom: float = 1.5) -> bytes:
    """*scene* as PNG, with *zoom* dots for each of its pixels."""
    figure = Figure(figsize=(scene.width / _DPI, scene.height / _DPI), dpi=_DPI, facecolor=PALETTE["ground"].light)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, scene.width)
    axes.set_ylim(scene.height, 0)
    axes.axis("off")
    for frame in scene.frames:
        for shape in frame.shapes:
            _draw(axes, shape, frame)
    for shape in scene.shapes:
        _draw(axes, shape, None)
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a letter that the font doesn't have is a box
        figure.savefig(written, format="png", dpi=_DPI * zoom, metadata={"Software": None})
    return written.getvalue()


def _draw(axes: Axes, shape: Shape, frame: Frame | None) -> None:
    left, top = (frame.x, frame.y) if frame else (0.0, 0.0)
    match shape:
        case Fill():
            drawn = PathPatch(
                _path([shape.points], left, top), facecolor=_colour(shape.role), alpha=shape.opacity, lw=0
            )
        case Line():
            drawn = PathPatch(
                _path(shape.points, left, top), fill=False, edgecolor=_colour(shape.role), lw=shape.width * _POINTS
            )
            drawn.set_joinstyle("round")
            dash = PALETTE[shape.role].dash
            if dash:
                drawn.set_linestyle((0, [one / shape.width for one in dash]))
        case Dots():
            _dots(axes, shape, frame)
            return
        case Text():
            axes.text(
                left + shape.x,
                top + shape.y,
                shape.text,
                color=_colour(shape.role),
                fontsize=shape.size * _POINTS,
                fontweight="bold" if shape.bold else "normal",
                fontfamily="DejaVu Sans",
                ha={"start": "left", "middle": "center", "end": "right"}[shape.anchor],
                va="baseline",
                parse_math=False,
            )
            return
    _add(axes, drawn, frame)


def _dots(axes: Axes, dots: Dots, frame: Frame | None) -> None:
    left, top = (frame.x, frame.y) if frame else (0.0, 0.0)
    hollow = dots.form == "ring"
    drawn = Line2D(
        [left + x for x, _ in dots.points],
        [top + y for _, y in dots.points],
        linestyle="none",
        marker=_MARKERS[dots.form],
        markersize=dots.size * _POINTS,
        markerfacecolor=_colour("ground" if hollow else dots.role),
        markeredgecolor=_colour(dots.role),
        markeredgewidth=2 * _POINTS if hollow else 0,
    )
    _add(axes, drawn, frame)


def _add(axes: Axes, drawn: Artist, frame: Frame | None) -> None:
    axes.add_artist(drawn)  # not add_patch, which measures each of them
    if frame is not None:
        drawn.set_clip_path(Rectangle((frame.x, frame.y), frame.width, frame.height, transform=axes.transData))


def _path(lines: Iterable[Sequence[Point]], left: float, top: float) -> Outline:
    points: list[Point] = []
    codes: list[int] = []
    for line in lines:
        points += [(left + x, top + y) for x, y in line]
        codes += [int(Outline.MOVETO), *[int(Outline.LINETO)] * (len(line) - 1)][: len(line)]
    return Outline(points, codes) if points else Outline([(left, top)], [int(Outline.MOVETO)])


def _colour(role: str) -> str:
    return PALETTE[role].light
