"""A picture as one HTML file that shows more where the mouse is; it fetches nothing, and runs only its own script."""

from __future__ import annotations

import json
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from math import isnan
from typing import TYPE_CHECKING, Any

from everai_autoscaler.simulator.plots.fleet import ROUNDING, end_of
from everai_autoscaler.simulator.plots.levels import are_many
from everai_autoscaler.simulator.plots.palette import PALETTE
from everai_autoscaler.simulator.plots.scene import Scene
from everai_autoscaler.simulator.plots.svg import svg_of
from everai_autoscaler.words import printable

if TYPE_CHECKING:
    from everai_autoscaler.simulator.optimum import Optimum
    from everai_autoscaler.simulator.run import Run, TickRow

__all__ = ["page_of", "run_data"]

_ROWS = 6000
"""At most so many decisions are in a page; of more, the most telling one of each group."""
_STEPS = 40_000
"""So many steps of the best schedule's fleet are in a page."""
_REASON = 1000
"""A reason is cut off after so many letters."""
_REASONS = 60
"""So many reasons of one decision are in a page."""


def page_of(scene: Scene, data: dict[str, Any], *, help_words: str) -> str:
    """*scene* as a page, with the *data* that its script shows.

    Every string is escaped where it stands, and the page's own policy lets a browser run and load nothing else.
    """
    here = files(__package__)
    script = (here / "page.js").read_text("utf-8")
    style = _colours() + (here / "page.css").read_text("utf-8")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        written = written.replace(letter, f"\\u{ord(letter):04x}")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(printable(scene.title))}</title><style>{style}</style></head><body>"
        f'<div id="help"><span id="words">{escape(help_words)}</span><button id="all" hidden>Show all</button></div>'
        f'<div id="picture" tabindex="0">{svg_of(scene, themed=True)}<div id="note" hidden></div></div>'
        f'<script type="application/json" id="data">{written}</script><script>{script}</script></body></html>\n'
    )


def run_data(run: Run, scene: Scene, *, slo: float, optimum: Optimum | None = None) -> dict[str, Any]:
    """What the page of a run shows of each decision."""
    kept = _telling(run.ticks)
    places: dict[tuple[str, ...], int] = {}
    whys = [places.setdefault(_reasons(row), len(places)) for row in kept]
    at = [row.at for row in kept]
    came, late, longest = _by_tick(run, at, limit=slo + ROUNDING) if kept else ([], [], [])
    ticks: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in kept]
        for name in ("free", "busy", "inflight", "draining", "waiting", "up", "down")
    }
    ticks |= {
        "at": [round(moment, 3) for moment in at],
        "held": [int(row.held) for row in kept],
        "bad": [int(bool(row.failure)) for row in kept],
        "why": whys,
        "came": came,
        "late": late,
        "longest": [round(wait, 3) for wait in longest],
    }
    return {
        "kind": "run",
        "end": end_of(run),
        "left": scene.frames[0].x,
        "width": scene.frames[0].width,
        "frames": [[frame.y, frame.height] for frame in scene.frames],
        "slo": slo,
        "best": [] if optimum is None else [[round(second, 2), many] for second, many in optimum.fleet[:_STEPS]],
        "requests": len(run.requests),
        "ticks": ticks,
        "whys": [list(reasons) for reasons in places] or [[]],
    }


def _by_tick(run: Run, at: Sequence[float], *, limit: float) -> tuple[list[int], list[int], list[float]]:
    """For each decision the requests that came until the next, how many of them were late, and the longest wait."""
    fates = run.requests
    if are_many(len(fates)):
        from everai_autoscaler.simulator.plots import many  # late: it needs numpy

        return many.by_tick(fates, at, ended_at=run.ended_at, limit=limit)
    came, late, longest = [0] * len(at), [0] * len(at), [0.0] * len(at)
    for moment, began in zip(fates.came, fates.began, strict=True):
        place = max(0, bisect_right(at, moment) - 1)
        wait = (run.ended_at if isnan(began) else began) - moment
        came[place] += 1
        late[place] += wait > limit or isnan(began)
        longest[place] = max(longest[place], wait)
    return came, late, longest


def _telling(rows: Sequence[TickRow]) -> Sequence[TickRow]:
    """All *rows*; of very many, one of each group: one that failed, else that did most, else with the longest queue."""
    if len(rows) <= _ROWS:
        return rows
    size = -(-len(rows) // _ROWS)
    groups = (rows[start : start + size] for start in range(0, len(rows), size))
    return [max(group, key=lambda row: (bool(row.failure), row.up + row.down, row.waiting)) for group in groups]


def _reasons(row: TickRow) -> tuple[str, ...]:
    said = [*([row.failure] if row.failure else []), *row.reasons]
    shown = [text if len(text) <= _REASON else f"{text[:_REASON]}…" for text in map(printable, said[:_REASONS])]
    return (*shown, *([f"and {len(said) - _REASONS} more reasons"] if len(said) > _REASONS else []))


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _colours() -> str:
    sides = {
        side: ";".join(f"--{role.replace(' ', '-')}:{getattr(paint, side)}" for role, paint in PALETTE.items())
        for side in ("light", "dark")
    }
    return (
        f":root{{{sides['light']}}}\n@media (prefers-color-scheme: dark){{:root{{{sides['dark']}}}}}\n"
        f"@media print{{:root{{{sides['light']}}}}}\n"
    )
