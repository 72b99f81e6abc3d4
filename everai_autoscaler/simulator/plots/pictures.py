"""Pictures as files, and what a notebook shows: each explains itself to a reader who has never seen the tool."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.plots.comparison_picture import comparison_scene
from everai_autoscaler.simulator.plots.page import page_of, run_data
from everai_autoscaler.simulator.plots.run_picture import run_scene
from everai_autoscaler.simulator.plots.scene import Scene
from everai_autoscaler.simulator.plots.svg import svg_of
from everai_autoscaler.simulator.plots.tuning_picture import tuning_scene

if TYPE_CHECKING:
    from everai_autoscaler.simulator.compare import Cell
    from everai_autoscaler.simulator.optimum import Optimum
    from everai_autoscaler.simulator.run import Run
    from everai_autoscaler.simulator.tune import Tuning

__all__ = ["ENDINGS", "ending_of", "html_of", "plot_comparison", "plot_run", "plot_tuning"]

ENDINGS = (".html", ".png", ".svg")
"""What a picture's path may end with. Only ``.png`` needs matplotlib."""

_RUN_HELP = (
    "Move the mouse over the panels to see each decision and its reasons. Drag to enlarge a part of the time; "
    "arrow keys go from decision to decision."
)
_POINTS_HELP = "Move the mouse over a mark to see the policy with its arguments and numbers."
_FINE = 4
"""Values for each pixel in a page, which can be enlarged."""


def plot_run(run: Run, path: str | PathLike[str], *, optimum: Optimum | None = None, slo: float = 5.0) -> None:
    """Draw *run* into *path*: demand, workers by status, decisions with their reasons, queue and waits.

    Args:
        run: what is drawn.
        path: ends in ``.html`` (one file with hover), ``.svg`` or ``.png``.
        optimum: the offline optimum of the same workload; its fleet is drawn as a line.
        slo: the wait (seconds) above which a request is late.

    Raises:
        ArgumentError: another ending.
        MissingExtraError: a ``.png`` without matplotlib.
    """
    ending = ending_of(path)
    scene = run_scene(run, optimum=optimum, slo=slo, fine=_FINE if ending == ".html" else 1)
    _write(scene, path, run_data(run, scene, slo=slo, optimum=optimum) if ending == ".html" else {}, _RUN_HELP)


def plot_comparison(cells: Iterable[Cell], path: str | PathLike[str], *, share: float = 0.99) -> None:
    """Draw what was compared into *path*: what each policy cost, against how many requests were late.

    One panel for each workload and cold start; of a single one also the waits.

    Args:
        cells: of a ``Comparison``, say.
        path: ends in ``.html`` (one file with hover), ``.svg`` or ``.png``.
        share: the share of the requests that are to begin in time.

    Raises:
        ArgumentError: another ending, or nothing to draw.
        MissingExtraError: a ``.png`` without matplotlib.
    """
    ending_of(path)
    compared = tuple(cells)
    if not compared:
        raise ArgumentError("picture: there is nothing to compare: at least one cell is needed")
    scene, notes = comparison_scene(compared, share=share)
    _write(scene, path, {"kind": "points", "notes": notes}, _POINTS_HELP)


def plot_tuning(tuning: Tuning, path: str | PathLike[str]) -> None:
    """Draw a search into *path*: each trial's cost against its lateness, and how the best does on what was held out.

    Args:
        tuning: what a search found.
        path: ends in ``.html`` (one file with hover), ``.svg`` or ``.png``.

    Raises:
        ArgumentError: another ending.
        MissingExtraError: a ``.png`` without matplotlib.
    """
    ending_of(path)
    scene, notes = tuning_scene(tuning)
    _write(scene, path, {"kind": "points", "notes": notes}, _POINTS_HELP)


def html_of(run: Run, *, optimum: Optimum | None = None, slo: float = 5.0) -> str:
    """What a notebook shows of *run*: the picture, as SVG inside HTML, without any script."""
    scene = run_scene(run, optimum=optimum, slo=slo)
    return f'<div style="max-width:1200px;overflow:auto">{svg_of(scene)}</div>'


def ending_of(path: str | PathLike[str]) -> str:
    """How *path* ends, in small letters.

    >>> ending_of("out/run.SVG")
    '.svg'

    Raises:
        ArgumentError: it isn't one of ``ENDINGS``.
    """
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise ArgumentError(
            f"picture: {str(path)!r} ends in {ending or 'nothing'!r}, not in one of {', '.join(ENDINGS)}"
        )
    return ending


def _write(scene: Scene, path: str | PathLike[str], data: dict[str, Any], help_words: str) -> None:
    match ending_of(path):
        case ".html":
            written = page_of(scene, data, help_words=help_words).encode()
        case ".svg":
            written = svg_of(scene).encode()
        case _:
            from everai_autoscaler.simulator.plots.png import png_of  # only PNG needs matplotlib

            written = png_of(scene)
    Path(path).write_bytes(written)
