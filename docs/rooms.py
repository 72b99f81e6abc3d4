"""Draws the rooms of the package and their imports, read from the code, as docs/rooms.svg: `python docs/rooms.py`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from html import escape
from itertools import pairwise
from pathlib import Path
from textwrap import wrap
from typing import Any

PACKAGE = Path(__file__).parents[1] / "everai_autoscaler"
PICTURE = Path(__file__).with_name("rooms.svg")
GROUND = ("errors", "log", "words")
"""Rooms that every other may import; their arrows would hide the rest."""
LEFT_OUT = ("__init__", "_version", "traces")

WIDTH, HEIGHT, PASSAGE, GAP, LEVEL, MARGIN = 184, 64, 10, 20, 122, 24
"""Of a box, of an arrow that passes a level, between two of them, from one level to the next, and round everything; in
pixels."""


DEFINITIONS = """<defs><marker
  id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0 8 4 0 8z" fill="#5b6b7b"/></marker></defs>"""
"""The head of an arrow."""


def read_rooms(package: Path) -> dict[str, tuple[str, set[str]]]:
    """For each room of *package*, the first sentence of its docstring, and the rooms that it imports from."""
    rooms: dict[str, tuple[str, set[str]]] = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        room = parts[0]
        if room in LEFT_OUT:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        said, imported = rooms.setdefault(room, ("", set()))
        if len(parts) == 1 or parts[1:] == ("__init__",):
            said = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ").replace("`", "")
        rooms[room] = said, imported | (_imports(tree) - {room, *LEFT_OUT})
    return rooms


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = node.module == PACKAGE.name
            names = [f"{node.module}.{alias.name}" for alias in node.names] if inside else [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith(f"{PACKAGE.name}.")}
    return found


def levels_of(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """The rooms from the lowest level upwards: each stands above all that it imports from."""
    levels: list[list[str]] = []
    left = dict(imports)
    while left:
        level = sorted(room for room, below in left.items() if not below & left.keys())
        if not level:
            raise ValueError(f"a circle of rooms: {', '.join(sorted(left))}")
        levels.append(level)
        left = {room: below for room, below in left.items() if room not in level}
    return levels


def direct(imports: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """The imports that don't follow from others: of ``a -> b -> c``, not ``a -> c``."""
    below: dict[str, set[str]] = {}
    for level in levels_of(imports):
        for room in level:
            below[room] = imports[room].union(*(below[other] for other in imports[room]))
    return {
        room: sorted(other for other in others if not any(other in below[between] for between in others))
        for room, others in imports.items()
    }


Stop = tuple[str, str, int]
"""Where an arrow from one room to another passes a level between them."""


def _rows(levels: list[list[str]], arrows: Mapping[str, list[str]]) -> tuple[list[list[str | Stop]], list[list[Any]]]:
    """What stands in each level (rooms, passing arrows), in an order with few crossings; and each arrow's way down."""
    level_of = {room: number for number, level in enumerate(levels) for room in level}
    ways = [
        [room, *((room, other, number) for number in range(level_of[room] - 1, level_of[other], -1)), other]
        for room, others in arrows.items()
        for other in others
    ]
    rows: list[list[str | Stop]] = [list(level) for level in levels]
    for way in ways:
        for stop in way[1:-1]:
            rows[stop[2]].append(stop)
    neighbours: dict[Any, list[Any]] = {}
    for way in ways:
        for one, next_one in pairwise(way):
            neighbours.setdefault(one, []).append(next_one)
            neighbours.setdefault(next_one, []).append(one)
    for _ in range(20):
        for order in (range(len(rows)), range(len(rows) - 1, -1, -1)):
            for number in order:
                where = {one: x for row in rows for one, x in _across(row)}
                rows[number].sort(
                    key=lambda one: (
                        sum(where[other] for other in neighbours.get(one, [one])) / len(neighbours.get(one, [one])),
                        str(one),
                    )
                )
    return rows, ways


def _across(row: list[str | Stop]) -> list[tuple[str | Stop, float]]:
    """The middle of each in *row*, the middle of which is 0."""
    widths = [WIDTH if isinstance(one, str) else PASSAGE for one in row]
    left = -(sum(widths) + GAP * (len(row) - 1)) / 2
    return [(one, left + sum(widths[:place]) + GAP * place + widths[place] / 2) for place, one in enumerate(row)]


def draw(rooms: Mapping[str, tuple[str, set[str]]]) -> str:
    """The picture, as SVG."""
    imports = {room: below - set(GROUND) for room, (_, below) in rooms.items() if room not in GROUND}
    rows, ways = _rows(levels_of(imports), direct(imports))
    widest = max(x for row in rows for _, x in _across(row)) + WIDTH / 2 + MARGIN
    middle = {
        one: (widest + x, MARGIN + (len(rows) - 1 - number) * LEVEL)
        for number, row in enumerate(rows)
        for one, x in _across(row)
    }
    width, bottom = 2 * widest, MARGIN + (len(rows) - 1) * LEVEL + HEIGHT
    height = bottom + 98
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        DEFINITIONS,
    ]
    for way in ways:
        out = sorted((one for one in ways if one[0] == way[0]), key=lambda one: middle[one[1]])
        into = sorted((one for one in ways if one[-1] == way[-1]), key=lambda one: middle[one[-2]])
        x, y = middle[way[0]]
        x += WIDTH * ((out.index(way) + 1) / (len(out) + 1) - 0.5)
        path = f"M{x:.0f} {y + HEIGHT:.0f}"
        for stop in way[1:]:
            to_x, to_y = middle[stop]
            is_last = stop == way[-1]
            to_x += WIDTH * ((into.index(way) + 1) / (len(into) + 1) - 0.5) if is_last else 0
            bend = (to_y - y - HEIGHT) / 2
            path += f"C{x:.0f} {y + HEIGHT + bend:.0f} {to_x:.0f} {to_y - bend:.0f} {to_x:.0f} {to_y - 2 * is_last:.0f}"
            path += "" if is_last else f"V{to_y + HEIGHT:.0f}"
            x, y = to_x, to_y
        lines.append(f'<path d="{path}" fill="none" stroke="#5b6b7b" marker-end="url(#head)"/>')
    for room in imports:
        x, y = middle[room]
        lines.append(_box((x - WIDTH / 2, y), WIDTH, room, rooms[room][0]))
    ground = "every room may import these"
    lines.append(_box((MARGIN, bottom + 24), width - 2 * MARGIN, ", ".join(GROUND), ground))
    return "\n".join([*lines, "</svg>\n"])


def _box(corner: tuple[float, float], width: float, name: str, said: str) -> str:
    x, y = corner
    room = wrap(_short(said, int(width / 2.9)), int(width / 5.8))
    text = "".join(
        f'<text x="{x + width / 2:.0f}" y="{y + 38 + 13 * line:.0f}" font-size="10.5" fill="#44525f" '
        f'text-anchor="middle">{escape(words)}</text>'
        for line, words in enumerate(room[:2])
    )
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{HEIGHT if width == WIDTH else 50}" rx="6" '
        f'fill="#eef4fa" stroke="#2f5d8a"/>'
        f'<text x="{x + width / 2:.0f}" y="{y + 20:.0f}" font-size="14" font-weight="bold" fill="#15324d" '
        f'text-anchor="middle">{escape(name)}</text>{text}'
    )


def _short(said: str, most: int) -> str:
    """*said* up to its first stop or colon that leaves no more than *most* letters."""
    words = said.split(". ", maxsplit=1)[0].removesuffix(".")
    for end in (": ", "; ", ", "):
        if len(words) > most:
            words = words.split(end)[0]
    if len(words) <= most:
        return words
    cut = [at for at, (one, _) in enumerate(pairwise(words + "  ")) if one == " " and at < most]
    return words[: cut[-1] if cut else most] + "…"


if __name__ == "__main__":
    PICTURE.write_text(draw(read_rooms(PACKAGE)), "utf-8")
