"""A scene as SVG: text, with nothing in it that a viewer would have to fetch or run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from everai_autoscaler.simulator.plots.palette import PALETTE
from everai_autoscaler.simulator.plots.scene import Dots, Fill, Frame, Line, Point, Scene, Shape, Text, outline

__all__ = ["FONTS", "svg_of"]

FONTS = "DejaVu Sans, Verdana, Segoe UI, system-ui, sans-serif"


def svg_of(scene: Scene, *, themed: bool = False) -> str:
    """*scene* as one SVG element.

    Args:
        scene: what to draw.
        themed: colours are CSS variables of the page round it, rather than those for white paper.
    """
    pen = _Pen(themed=themed)
    size = f'viewBox="0 0 {_n(scene.width)} {_n(scene.height)}"'
    if not themed:
        size += f' width="{_n(scene.width)}" height="{_n(scene.height)}"'
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONTS}" role="img">',
            f"<title>{escape(scene.title)}</title>",
            f'<rect width="100%" height="100%" fill="{pen.colour("ground")}"/>',
            *(pen.frame(frame) for frame in scene.frames),
            *(pen.shape(shape) for shape in scene.shapes),
            "</svg>\n",
        ]
    )


class _Pen:
    def __init__(self, *, themed: bool) -> None:
        self._themed = themed

    def colour(self, role: str) -> str:
        return f"var(--{role.replace(' ', '-')})" if self._themed else PALETTE[role].light

    def frame(self, frame: Frame) -> str:
        place = f'x="{_n(frame.x)}" y="{_n(frame.y)}" width="{_n(frame.width)}" height="{_n(frame.height)}"'
        inner = "".join(self.shape(shape, scales=True) for shape in frame.shapes)
        view = f'viewBox="0 0 {_n(frame.width)} {_n(frame.height)}" preserveAspectRatio="none"'
        label = f' aria-label="{escape(frame.name)}"' if frame.name else ""
        return f'<svg class="frame" {place} {view}{label}>{inner}</svg>'

    def shape(self, shape: Shape, *, scales: bool = False) -> str:
        fixed = ' vector-effect="non-scaling-stroke"' if scales else ""
        match shape:
            case Fill():
                more = f' fill-opacity="{shape.opacity:g}"' if shape.opacity < 1 else ""
                return f'<path d="{_path([shape.points])}Z" fill="{self.colour(shape.role)}"{more}/>'
            case Line():
                dash = PALETTE[shape.role].dash
                more = f' stroke-dasharray="{" ".join(f"{one:g}" for one in dash)}"' if dash else ""
                return (
                    f'<path d="{_path(shape.points)}" fill="none" stroke="{self.colour(shape.role)}" '
                    f'stroke-width="{shape.width:g}" stroke-linejoin="round"{more}{fixed}/>'
                )
            case Dots():
                return self._dots(shape, fixed)
            case Text():
                anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
                more = ' font-weight="bold"' if shape.bold else ""
                more += f' class="{shape.kind}" data-at="{shape.at:.10g}"' if shape.at is not None else ""
                return (
                    f'<text x="{_n(shape.x)}" y="{_n(shape.y)}" font-size="{shape.size:g}" '
                    f'fill="{self.colour(shape.role)}"{anchor}{more}>{escape(shape.text)}</text>'
                )

    def _dots(self, dots: Dots, fixed: str) -> str:
        if dots.form == "round" and not dots.notes:
            # A line of no length with round ends stays a round dot however its panel is stretched.
            drawn = "".join(f"M{_n(x)} {_n(y)}h0" for x, y in dots.points)
            return (
                f'<path d="{drawn}" fill="none" stroke="{self.colour(dots.role)}" stroke-width="{dots.size:g}" '
                f'stroke-linecap="round"{fixed}/>'
            )
        paint = f'fill="{self.colour(dots.role)}"'
        if dots.form == "ring":
            paint = f'fill="{self.colour("ground")}" stroke="{self.colour(dots.role)}" stroke-width="2"'
        notes = dots.notes or [-1] * len(dots.points)
        marks = []
        for (x, y), note in zip(dots.points, notes, strict=True):
            more = f' data-note="{note}"' if note >= 0 else ""
            marks.append(f'<path d="{_mark(dots.form, x, y, dots.size / 2)}" {paint}{more}/>')
        return "".join(marks)


def _mark(form: str, x: float, y: float, half: float) -> str:
    corners = outline(form, x, y, half)
    if corners:
        return f"{_path([corners])}Z"
    r = _n(half)
    return f"M{_n(x - half)} {_n(y)}a{r} {r} 0 1 0 {_n(2 * half)} 0a{r} {r} 0 1 0 {_n(-2 * half)} 0Z"


def _path(lines: Iterable[Sequence[Point]]) -> str:
    return "".join("M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) for points in lines if points)


def _n(number: float) -> str:
    """A number of pixels, to a tenth."""
    text = f"{number:.1f}"
    return text.removesuffix(".0")
