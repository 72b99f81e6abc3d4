"""The picture of a comparison: what each policy cost against how many requests were late, workload by workload."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from everai_autoscaler.simulator.plots.caption import arguments_line
from everai_autoscaler.simulator.plots.scale import Scale, duration, wait_scale
from everai_autoscaler.simulator.plots.scatter import Mark, Rule, look_of, scatter, share_scale, x_scale
from everai_autoscaler.simulator.plots.scene import Dots, Frame, Line, Scene, Text, clipped
from everai_autoscaler.words import counted, printable

if TYPE_CHECKING:
    from everai_autoscaler.simulator.compare import Cell
    from everai_autoscaler.simulator.metrics import Metrics

__all__ = ["comparison_scene"]

_WIDTH = 1200.0
_EDGE = 24.0
_ORACLE = "rate-oracle"
"""The policy that knows the true rate: company, on no front."""
_MANY = 5
"""From so many policies on they are named in two columns."""
_LEFT = 72.0
"""Pixels for what is written beside a panel."""


@frozen
class _Measure:
    title: str
    read: Callable[[Metrics], float]


def comparison_scene(cells: Sequence[Cell], *, share: float = 0.99) -> tuple[Scene, list[dict[str, Any]]]:
    """*cells* as one picture with a panel for each workload and cold start, and a note for each mark.

    Args:
        cells: what was compared, in the order in which the policies are to be named.
        share: the share of the requests that are to begin in time; drawn as a line.
    """
    groups: dict[tuple[str, float], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.trace, cell.cold_start), []).append(cell)
    labels = list(dict.fromkeys(cell.label for cell in cells))
    slo = next((cell.metrics.slo for cell in cells if cell.metrics is not None), 5.0)
    scene = Scene(_WIDTH, title=_title(len(labels), list(groups)))
    y = scene.paragraph(scene.title, _EDGE, 16, _WIDTH - 2 * _EDGE, size=20, bold=True)
    y = scene.paragraph(_how_to_read(slo, share), _EDGE, y + 2, _WIDTH - 2 * _EDGE, size=13)
    rate = _rate(cells)
    late = _Measure(f"Late: waited more than {duration(slo)}", _late)
    measures = [late] if len(groups) > 1 else [late, _Measure("Wait that 99 % don't exceed", _p99)]
    wanted: list[tuple[tuple[str, float], _Measure]] = [(key, one) for key in groups for one in measures]
    columns = _columns(list(groups), len(measures))
    notes: list[dict[str, Any]] = []
    wide = (_WIDTH - 2 * _EDGE - columns * _LEFT - (columns - 1) * 12) / columns
    high = 400.0 if columns <= 2 and len(wanted) <= 2 else 280.0
    for number, (key, measure) in enumerate(wanted):
        row, column = divmod(number, columns)
        top = y + 30 + row * (high + 96)
        frame = Frame(_EDGE + _LEFT + column * (wide + _LEFT + 12), top + 24, wide, high)
        frame.name = f"{key[0]}, cold start {duration(key[1])}: {measure.title}"
        _panel(
            scene,
            frame,
            groups[key],
            measure,
            labels=labels,
            rate=rate,
            share=share,
            notes=notes,
            first=measure is late,
        )
    y += 30 + -(-len(wanted) // columns) * (high + 96)
    y = _key(scene, cells, labels, y)
    scene.height = _failures(scene, cells, y) + 16
    return scene, notes


def _panel(
    scene: Scene,
    frame: Frame,
    cells: Sequence[Cell],
    measure: _Measure,
    *,
    labels: Sequence[str],
    rate: float | None,
    share: float,
    notes: list[dict[str, Any]],
    first: bool,
) -> None:
    marks = []
    for cell in cells:
        if cell.metrics is None:
            continue
        role, form = look_of(labels.index(cell.label))
        x = _cost(cell.metrics.worker_seconds, rate)
        marks.append(
            Mark(
                x,
                measure.read(cell.metrics),
                role,
                form,
                cell.label,
                str(labels.index(cell.label) + 1),
                note=len(notes),
                rival=cell.scaler != _ORACLE,
            )
        )
        notes.append(_note(cell, cell.metrics, rate))
    best = next((cell.optimum for cell in cells if cell.optimum is not None), None)
    rules = []
    title = measure.title
    if best is not None and best.schedule > 0:
        rules = [Rule(_cost(best.schedule, rate), "best")]
        rules += [] if best.exact else [Rule(_cost(best.bound, rate), "bound")]
        if best.static_cost > 0:
            rules.append(Rule(_cost(best.static_cost, rate), "static"))
            title += f". Best static fleet: {counted(best.static, 'worker')}"
    values = [mark.y for mark in marks]
    slo = next((cell.metrics.slo for cell in cells if cell.metrics is not None), 5.0)
    up: Scale = share_scale(values, 1 - share) if first else wait_scale(max(values, default=0.0), slo)
    scene.shapes.append(Text(frame.x - _LEFT + 4, frame.y - 26, _head(cells[0]), "ink", 14, bold=True))
    scene.shapes.append(Text(frame.x - _LEFT + 4, frame.y - 9, title, "muted", 12))
    scene.frames.append(frame)
    scatter(
        scene,
        frame,
        marks,
        across=x_scale([*(mark.x for mark in marks), *(rule.x for rule in rules)]),
        up=up,
        x_title="Cost at the given price" if rate is not None else "Cost in worker-hours",
        rules=rules,
        limit=1 - share if first else slo,
    )


def _head(cell: Cell) -> str:
    return clipped(f"{cell.trace}, cold start {duration(cell.cold_start)}", 520, size=14, bold=True)


def _columns(groups: Sequence[tuple[str, float]], measures: int) -> int:
    """As many as there are cold starts, where each workload has them all; else two or three."""
    if len(groups) == 1:
        return measures
    starts = len({start for _, start in groups})
    if 1 < starts <= 3 and len(groups) % starts == 0:
        return starts
    return 2 if len(groups) <= 4 else 3


def _title(policies: int, groups: Sequence[tuple[str, float]]) -> str:
    traces = list(dict.fromkeys(trace for trace, _ in groups))
    where = printable(traces[0]) if len(traces) == 1 else counted(len(traces), "workload")
    return f"Cost against lateness: {counted(policies, 'policy', 'policies')} on {where}"


def _how_to_read(slo: float, share: float) -> str:
    return (
        "Each mark is one policy: further left is cheaper, further down fewer requests are late or waits are shorter. "
        f"Wanted is that {share * 100:g} % begin within {duration(slo)}: marks below the dashed line keep that. "
        "The thin stairs join the policies that no other one beats in both. Closed loop: the fleets are a model."
    )


def _key(scene: Scene, cells: Sequence[Cell], labels: Sequence[str], y: float) -> float:
    """Each policy with its mark and its arguments, in two columns where there are many; then the lines."""
    columns = 2 if len(labels) > _MANY else 1
    rows = -(-len(labels) // columns)
    wide = (_WIDTH - 2 * _EDGE) / columns
    for number, label in enumerate(labels):
        cell = next(cell for cell in cells if cell.label == label)
        role, form = look_of(number)
        x, top = _EDGE + number // rows * wide, y + number % rows * 20
        scene.shapes.append(Dots([(x + 34, top + 10)], role, 11, form))
        scene.shapes.append(Text(x + 20, top + 14, str(number + 1), "ink", 12.5, bold=True, anchor="end"))
        words = printable(label)
        arguments = arguments_line(dict(cell.arguments))
        if arguments and cell.scaler == label:
            words += f": {arguments}"
        if cell.scaler == _ORACLE:
            words += ": knows the true rate of requests; no policy can, it is here for comparison"
        scene.shapes.append(Text(x + 48, top + 14, clipped(words, wide - 70, size=12.5), "ink", 12.5))
    y += rows * 20 + 8
    best = [cell.optimum for cell in cells if cell.optimum is not None]
    lines = [("best", "the best schedule known, which sees the future and keeps what is wanted")] if best else []
    if not all(one.exact for one in best):
        lines.append(("bound", "nothing that keeps what is wanted can cost less: proven"))
    if any(one.static_cost > 0 for one in best):
        lines.append(("static", "the best static fleet: the smallest of constant size that keeps what is wanted"))
    for role, words in lines:
        scene.shapes.append(Line([[(_EDGE + 8, y + 10), (_EDGE + 42, y + 10)]], role, 1.8))
        scene.shapes.append(Text(_EDGE + 48, y + 14, words, "ink", 12.5))
        y += 20
    return y


def _failures(scene: Scene, cells: Sequence[Cell], y: float) -> float:
    for cell in cells:
        if cell.error:
            words = f"{cell.label} on {cell.trace} has no mark: {cell.error}"
            y = scene.paragraph(words, _EDGE, y + 4, _WIDTH - 2 * _EDGE, role="failed", size=12.5)
    return y


def _rate(cells: Sequence[Cell]) -> float | None:
    """What a worker-second costs, where that is known and the same for all."""
    rates = set()
    for cell in cells:
        if cell.metrics is not None:
            if cell.metrics.cost is None or cell.metrics.worker_seconds <= 0:
                return None
            rates.add(round(cell.metrics.cost / cell.metrics.worker_seconds, 9))
    return rates.pop() if len(rates) == 1 else None


def _cost(worker_seconds: float, rate: float | None) -> float:
    return worker_seconds / 3600 if rate is None else worker_seconds * rate


def _late(metrics: Metrics) -> float:
    return 1 - metrics.slo_attainment if metrics.slo_attainment is not None else 0.0


def _p99(metrics: Metrics) -> float:
    return metrics.wait_p99 or 0.0


def _note(cell: Cell, metrics: Metrics, rate: float | None) -> dict[str, Any]:
    rows = [
        ["cost", f"{_cost(metrics.worker_seconds, rate):,.4g}{' worker-hours' if rate is None else ''}"],
        ["times the best schedule", "not known" if cell.regret is None else f"{cell.regret:.3g}"],
        [f"began within {duration(metrics.slo)}", f"{(1 - _late(metrics)) * 100:.4g} %"],
        ["99 % waited at most", duration(_p99(metrics))],
        ["longest wait", duration(metrics.wait_max or 0.0)],
        ["requests", f"{metrics.requests:,}"],
        ["workers on average, at most", f"{metrics.mean_workers:.3g}, {metrics.peak_workers}"],
        ["decisions that failed", f"{metrics.failed_ticks:,}"],
    ]
    return {
        "title": printable(f"{cell.label} on {cell.trace}"),
        "rows": rows,
        "words": arguments_line(dict(cell.arguments)),
    }
