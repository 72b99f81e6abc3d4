"""A picture as a list of shapes in pixels, which can be written as SVG, as a page, or as PNG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from attrs import Factory, define, frozen

from everai_autoscaler.words import printable

__all__ = [
    "Dots",
    "Fill",
    "Frame",
    "Line",
    "Point",
    "Scene",
    "Shape",
    "Text",
    "clipped",
    "outline",
    "text_width",
    "wrapped",
]

Point: TypeAlias = tuple[float, float]


@frozen
class Fill:
    """An area without an edge."""

    points: Sequence[Point]
    role: str
    """The name of its colour in the palette."""
    opacity: float = 1.0


@frozen
class Line:
    """One or several lines of the same kind."""

    points: Sequence[Sequence[Point]]
    role: str
    width: float = 1.5


@frozen
class Dots:
    """Marks of one kind. Only round ones keep their form where a page is zoomed."""

    points: Sequence[Point]
    role: str
    size: float = 4.0
    """Pixels across."""
    form: Literal["round", "square", "triangle", "diamond", "ring"] = "round"
    notes: Sequence[int] = ()
    """For each dot the number of the note that a page shows where the mouse is over it."""


@frozen
class Text:
    """Words; *x* is where they start, end or have their middle, *y* is their base line."""

    x: float
    y: float
    text: str
    role: str = "ink"
    size: float = 13.0
    bold: bool = False
    anchor: Literal["start", "middle", "end"] = "start"
    at: float | None = None
    """The moment (seconds) that it stands at: a page that is zoomed moves a pin, and makes new ticks."""
    kind: Literal["", "tick", "pin"] = ""


Shape: TypeAlias = Fill | Line | Dots | Text


@define
class Frame:
    """One panel: shapes in its own pixels, cut off at its edges."""

    x: float
    y: float
    width: float
    height: float
    shapes: list[Shape] = Factory(list)
    name: str = ""
    """What a reader who can't see it is told."""


@define
class Scene:
    """A whole picture."""

    width: float
    height: float = 0.0
    title: str = ""
    shapes: list[Shape] = Factory(list)
    frames: list[Frame] = Factory(list)

    def paragraph(
        self, text: str, x: float, y: float, width: float, *, role: str = "ink", size: float = 13.0, bold: bool = False
    ) -> float:
        """Write *text* from the top *y* down, in lines that are no wider than *width*; gives where it ends."""
        for line in wrapped(text, width, size=size, bold=bold):
            y += round(size * 1.45)
            self.shapes.append(Text(x, y - size * 0.35, line, role, size, bold))
        return y


def outline(form: str, x: float, y: float, half: float) -> list[Point]:
    """The corners of a mark of that *form* round a point; none for a circle."""
    match form:
        case "square":
            half *= 0.88
            return [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
        case "triangle":
            return [(x, y - half * 1.15), (x + half * 1.1, y + half * 0.8), (x - half * 1.1, y + half * 0.8)]
        case "diamond":
            half *= 1.2
            return [(x, y - half), (x + half, y), (x, y + half), (x - half, y)]
    return []


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide *text* is, in pixels; rather too much than too little.

    >>> text_width("worker", 10)
    34.6
    """
    narrow = sum(text.count(one) for one in "iljtfr.,:;'|!()[] ")
    wide = sum(text.count(one) for one in "mwMW%@")
    em = 0.6 * len(text) - 0.22 * narrow + 0.3 * wide
    return round(em * size * (1.1 if bold else 1.0), 3)


def wrapped(text: str, width: float, *, size: float, bold: bool = False) -> list[str]:
    """*text* in lines of at most *width* pixels; a word that is longer is cut into pieces.

    >>> wrapped("a queue of requests", 60, size=10)
    ['a queue of', 'requests']
    """
    lines: list[str] = []
    line = ""
    for word in _pieces(printable(text).split(), width, size, bold=bold):
        longer = f"{line} {word}" if line else word
        if line and text_width(longer, size, bold=bold) > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line] if line else lines


def clipped(text: str, width: float, *, size: float, bold: bool = False) -> str:
    """*text* in one line of at most *width* pixels; what is cut off is three dots.

    >>> clipped("a queue of requests", 60, size=10)
    'a queue of…'
    """
    text = printable(text)
    if text_width(text, size, bold=bold) <= width:
        return text
    while text and text_width(f"{text}…", size, bold=bold) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _pieces(words: Iterable[str], width: float, size: float, *, bold: bool) -> Iterable[str]:
    for word in words:
        rest = word
        while len(rest) > 1 and text_width(rest, size, bold=bold) > width:
            most = max(1, int(width / size / 0.75))
            yield rest[:most]
            rest = rest[most:]
        yield rest
