"""The panels of a run's picture, from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING, Any, TypeAlias

from everai_autoscaler.simulator.plots.axes import Key, View, area, panel, stepped
from everai_autoscaler.simulator.plots.fleet import ROUNDING, Demand, Fleet, steps_level
from everai_autoscaler.simulator.plots.levels import are_many, counts, quantiles, thinned
from everai_autoscaler.simulator.plots.scale import Scale, duration, number_scale, step_near, wait_scale
from everai_autoscaler.simulator.plots.scene import Dots, Frame, Line, Point, Scene, Shape, Text
from everai_autoscaler.words import counted

if TYPE_CHECKING:
    from everai_autoscaler.simulator.run import Requests, Run

__all__ = ["arrivals_panel", "decisions_panel", "demand_panel", "queue_panel", "waits_panel", "workers_panel"]

_Columns: TypeAlias = tuple[Any, Any]
"""When requests came, and for how many seconds each waited: lists, or arrays of numpy's."""
_SHARES = 0.5, 0.99
_EACH = 4000
"""Up to so many requests each has a dot of its own without anything else."""
_FEW = 300
"""Up to so many requests their dots are large."""
_SEEN = 0.12
"""The most at once is drawn where it is more than the average by this share."""


def arrivals_panel(scene: Scene, view: View, run: Run, top: float) -> float:
    """How many requests came in each interval."""
    came = run.requests.came if len(run.requests) else run.workload.arrivals
    wide = step_near(view.end / 300, duration_like=True)
    number = max(1, int(view.end / wide) + 1)
    if are_many(len(came)):
        from everai_autoscaler.simulator.plots import many  # late: it needs numpy

        found = many.counts(came, width=wide, columns=number)
    else:
        found = counts(came, width=wide, columns=number)
    scale = number_scale(max(found))
    title = f"Requests that came in each {duration(wide)}" if any(found) else "No request came"
    key = [Key("warm-up, not judged", "shade")] if view.warm_up > 0 else []
    frame = panel(scene, view, scale, top=top, height=64, title=title, key=key)
    points: list[Point] = [(0, 64)]
    for column, requests in enumerate(found):
        y = 64 * (1 - scale.place(requests))
        points += [(view.x(column * wide), y), (view.x((column + 1) * wide), y)]
    frame.shapes.append(area([*points, (points[-1][0], 64)], [], "arrivals"))
    return frame.y + frame.height


def demand_panel(scene: Scene, view: View, demand: Demand, top: float) -> float:
    """Requests that are being served and those that wait, one above the other."""
    most = max(demand.both.peak)
    scale = number_scale(most)
    key = [Key("being served", "busy"), Key("waiting", "waiting"), *_peak_key(demand.both.mean, demand.both.peak)]
    frame = panel(scene, view, scale, top=top, height=110, title="Demand: requests in the system", key=key)
    _stack(frame, view, scale, [(demand.serving.mean, "busy"), (demand.waiting.mean, "waiting")])
    _peak(frame, view, scale, demand.both.mean, demand.both.peak)
    return frame.y + frame.height


def workers_panel(
    scene: Scene, view: View, run: Run, fleet: Fleet, top: float, *, best: Sequence[tuple[float, float]] | None
) -> float:
    """Workers by status, and the fleet of the best schedule known."""
    ideal = None if best is None else steps_level(best, end=view.end, columns=view.columns)
    scale = number_scale(max([1, *fleet.total.peak, *(ideal.mean if ideal else [])]))
    title = "Workers" if run.workers else "Workers, as seen at each decision"
    parts = [
        (fleet.busy, "busy", "busy"),
        (fleet.draining, "draining", "draining"),
        (fleet.free, "free", "free (paid for, idle)" if run.ticks or len(run.requests) else "ready (busy or free)"),
        (fleet.starting, "starting", "starting"),
    ]
    shown = [part for part in parts if any(part[0]) or part[1] != "draining"]
    key = [Key(words, role) for _, role, words in shown]
    key += _peak_key(fleet.total.mean, fleet.total.peak)
    if ideal:
        key.append(Key("fleet of the best schedule known", "best", "line"))
    frame = panel(scene, view, scale, top=top, height=190, title=title, key=key)
    _stack(frame, view, scale, [(values, role) for values, role, _ in shown])
    _peak(frame, view, scale, fleet.total.mean, fleet.total.peak)
    if ideal:
        line = stepped(ideal.mean, view, scale, frame.height)
        frame.shapes += [Line([line], "halo", 4), Line([line], "best", 2)]
    return frame.y + frame.height


def decisions_panel(scene: Scene, view: View, run: Run, top: float, pins: Sequence[float]) -> float:
    """What each decision did: workers started above the line, removed below it; where it held or failed."""
    height = 96.0
    ups, downs = [0] * view.columns, [0] * view.columns
    for row in run.ticks:
        column = min(view.columns - 1, int(row.at / view.end * view.columns))
        ups[column] = max(ups[column], row.up)
        downs[column] = max(downs[column], row.down)
    most_up, most_down = max(1, *ups), max(1, *downs)
    room = height - 16
    zero = 8 + room * min(0.78, max(0.22, most_up / (most_up + most_down)))
    unit = min((zero - 8) / most_up, (height - 8 - zero) / most_down)
    scale = Scale(
        height,
        tuple(
            ((height - y) / height, label)
            for y, label in [
                (zero - most_up * unit, f"+{most_up}"),
                (zero, "0"),
                (zero + most_down * unit, f"\N{MINUS SIGN}{most_down}"),
            ]
        ),
    )
    bad = sum(1 for row in run.ticks if row.failure)
    held = sum(1 for row in run.ticks if row.held and not row.failure)
    key = [Key("workers started", "up", "dot")] if any(ups) else []
    key += [Key("workers removed", "down", "dot")] if any(downs) else []
    key += [Key(f"held: something wasn't known ({held:,})", "held", "line")] if held else []
    key += [Key(f"the policy failed ({bad:,})", "failed", "line")] if bad else []
    title = f"Decisions, every {duration(run.setting.interval)}"
    title += "" if any(ups) or any(downs) else ": none started or removed a worker"
    frame = panel(scene, view, scale, top=top, height=height, title=title, key=key)
    if pins:
        frame.shapes.append(Line([[(view.x(at), 0), (view.x(at), height)] for at in pins], "edge", 1))
    frame.shapes.append(Line([[(0, zero), (view.width, zero)]], "edge", 1))
    for role, wide, wanted in (("held", 5, False), ("failed", 7, True)):
        spans = _spans(run, view, failed=wanted)
        if spans:
            frame.shapes.append(Line([[(start, zero), (stop, zero)] for start, stop in spans], role, wide))
    _stems(frame, view, zero, [(ups, "up", -unit), (downs, "down", unit)])
    _pins(scene, view, frame, pins)
    return frame.y + frame.height


def queue_panel(scene: Scene, view: View, demand: Demand, top: float) -> float:
    """How many requests wait."""
    scale = number_scale(max(demand.waiting.peak))
    peak = _peak_key(demand.waiting.mean, demand.waiting.peak)
    key = [Key("on average in each column", "waiting"), *peak] if peak else []
    frame = panel(scene, view, scale, top=top, height=72, title="Queue: requests that wait", key=key)
    _stack(frame, view, scale, [(demand.waiting.mean, "waiting")])
    _peak(frame, view, scale, demand.waiting.mean, demand.waiting.peak)
    return frame.y + frame.height


def waits_panel(scene: Scene, view: View, run: Run, top: float, *, slo: float) -> float:
    """How long each request waited until a worker began with it, and which of them waited too long."""
    fates = run.requests
    in_time, late, never = _waits(fates, limit=slo + ROUNDING)
    scale = wait_scale(max([0.0, *(max(seconds) for _, seconds in (in_time, late) if len(seconds))]), slo)
    height = 170.0
    many = len(fates) > _EACH
    key = [
        Key(f"within {duration(slo)}", "in time", "dot"),
        Key(f"late: {len(late[0]):,} of {counted(len(fates), 'request', form=',')}", "late", "dot"),
    ]
    key += [Key(f"refused or never begun: {len(never):,}", "failed", "dot")] if never else []
    key += [Key("the limit", "limit", "line")] if slo > 0 else []
    key += [Key("half wait less", "median", "line"), Key("99 % wait less", "high", "line")] if many else []
    title = "Wait until a worker began with each request"
    frame = panel(scene, view, scale, top=top, height=height, title=title, key=key)

    size = 3.0 if many else 4.5 if len(fates) > _FEW else 7.0

    def placed(waits: _Columns) -> list[Point]:
        # A dot at the very edge is moved inside by its half, so that none is cut off.
        ends = view.width - size / 2, height - size / 2
        places = _dots(waits, view, scale, height)
        return [(min(max(x, size / 2), ends[0]), min(y, ends[1])) for x, y in places]

    frame.shapes.append(Dots(placed(in_time), "in time", size))
    frame.shapes.append(Dots(placed(late), "late", size))
    if many and len(in_time[0]) + len(late[0]):
        for values, role in zip(_quantiles(in_time, late, view), ("median", "high"), strict=True):
            line = _broken(values, view, scale, height)
            frame.shapes.append(Line(line, role, 1.5))
    if never:
        frame.shapes.append(Dots(thinned((view.x(came), 6.0) for came in never), "failed", 6))
    if slo > 0:
        y = height * (1 - scale.place(slo))
        frame.shapes.append(Line([[(0, y), (view.width, y)]], "limit", 1.5))
    return frame.y + frame.height


def _waits(fates: Requests, *, limit: float) -> tuple[_Columns, _Columns, Sequence[float]]:
    """When requests came, with the seconds that each waited: those up to the *limit*, the others; those never begun."""
    if are_many(len(fates)):
        from everai_autoscaler.simulator.plots import many  # late: it needs numpy

        return many.waits(fates, limit=limit)
    in_time: _Columns = [], []
    late: _Columns = [], []
    never = []
    for came, began in zip(fates.came, fates.began, strict=True):
        if isnan(began):
            never.append(came)
        else:
            moments, waits = late if began - came > limit else in_time
            moments.append(came)
            waits.append(began - came)
    return in_time, late, never


def _dots(columns: _Columns, view: View, scale: Scale, height: float) -> list[Point]:
    if are_many(len(columns[0])):
        from everai_autoscaler.simulator.plots import many  # late: it needs numpy

        return many.dots(*columns, view, scale, height)
    return thinned((view.x(came), height * (1 - scale.place(wait))) for came, wait in zip(*columns, strict=True))


def _quantiles(in_time: _Columns, late: _Columns, view: View) -> list[list[float]]:
    """Of all waits in each of some columns: what half of them, and 99 % of them, don't exceed."""
    moments, waits = ([*some, *others] for some, others in zip(in_time, late, strict=True))
    columns = max(8, min(120, len(moments) // 60))
    if are_many(len(moments)):
        from everai_autoscaler.simulator.plots import many  # late: it needs numpy

        return many.quantiles(moments, waits, _SHARES, width=view.end / columns, columns=columns)
    return quantiles(moments, waits, _SHARES, width=view.end / columns, columns=columns)


def _stack(frame: Frame, view: View, scale: Scale, parts: Sequence[tuple[Sequence[float], str]]) -> None:
    sums = [0.0] * view.columns
    lower = stepped(sums, view, scale, frame.height)
    for values, role in parts:
        sums = [below + value for below, value in zip(sums, values, strict=True)]
        upper = stepped(sums, view, scale, frame.height)
        frame.shapes.append(area(upper, lower, role))
        lower = upper


def _differs(mean: Sequence[float], peak: Sequence[float]) -> bool:
    """Whether the most at once is to be seen beside the average."""
    return sum(peak) - sum(mean) > _SEEN * sum(mean)


def _peak_key(mean: Sequence[float], peak: Sequence[float]) -> list[Key]:
    return [Key("most at once", "peak", "line")] if _differs(mean, peak) else []


def _peak(frame: Frame, view: View, scale: Scale, mean: Sequence[float], peak: Sequence[float]) -> None:
    if _differs(mean, peak):
        frame.shapes.append(Line([stepped(peak, view, scale, frame.height)], "peak", 0.8))


def _spans(run: Run, view: View, *, failed: bool) -> list[tuple[float, float]]:
    """From where to where (pixels) decisions failed, or held."""
    spans: list[tuple[float, float]] = []
    moments = [row.at for row in run.ticks[1:]] + [view.end]
    for row, until in zip(run.ticks, moments, strict=False):
        if bool(row.failure) if failed else row.held and not row.failure:
            start, stop = view.x(row.at), view.x(min(until, row.at + run.setting.interval))
            if spans and start - spans[-1][1] < 1:
                spans[-1] = (spans[-1][0], stop)
            else:
                spans.append((start, max(stop, start + 1)))
    return spans


def _stems(frame: Frame, view: View, zero: float, sides: Sequence[tuple[Sequence[int], str, float]]) -> None:
    wide = view.width / view.columns
    drawn: list[Shape] = []
    for numbers, role, unit in sides:
        ends = [
            ((column + 0.5) * wide, zero + unit * max(number, 5 / abs(unit)))
            for column, number in enumerate(numbers)
            if number
        ]
        drawn.append(Line([[(x, zero), (x, y)] for x, y in ends], role, 2 if len(ends) < 250 else 1))
        drawn.append(Dots(ends, role, 7 if len(ends) < 120 else 4 if len(ends) < 400 else 2.5))
    frame.shapes += drawn


def _pins(scene: Scene, view: View, frame: Frame, pins: Sequence[float]) -> None:
    """The numbers of the decisions that are told in words, over the panel."""
    last = -20.0
    for number, at in enumerate(pins, 1):
        last = max(view.x(at), last + 13)
        scene.shapes.append(
            Text(frame.x + last, frame.y + frame.height + 13, str(number), "ink", 11.5, True, "middle", at, "pin")
        )


def _broken(values: Sequence[float], view: View, scale: Scale, height: float) -> list[list[Point]]:
    """A line through the middles of the columns, with a gap where there is no value."""
    wide = view.width / len(values)
    lines: list[list[Point]] = [[]]
    for column, value in enumerate(values):
        if isnan(value):
            lines.append([])
        else:
            lines[-1].append(((column + 0.5) * wide, height * (1 - scale.place(value))))
    return [line if len(line) > 1 else [*line, (line[0][0] + wide, line[0][1])] for line in lines if line]
