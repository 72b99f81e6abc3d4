"""The live view of a running app, in a terminal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from everai_autoscaler.cli.app.decided import action_of, why_of
from everai_autoscaler.engine import SampleForm, WorkerForm
from everai_autoscaler.model import RecordedArgument
from everai_autoscaler.runtime.forms import DecisionForm, StatusForm
from everai_autoscaler.runtime.view import View
from everai_autoscaler.words import moment, printable

__all__ = ["picture", "show", "sparkline"]

REFRESH = 0.5
BARS = "▁▂▃▄▅▆▇█"
WINDOW = 600.0
"""Seconds that the sparklines show."""
STYLES = {"BUSY": "yellow", "FREE": "green", "IN_FLIGHT": "cyan", "TERMINATING": "magenta"}
ACTIONS = {"up": "bold green", "remove": "bold yellow", "failed": "bold red", "paused": "bold magenta"}
COLUMNS = (
    # In the order in which they stand; with their widths, and the places at which a narrow terminal lets them go.
    ("ID", 22, 0),
    ("STATUS", 11, 2),
    ("DETAIL_STATUS", 13, 1),
    ("CREATED_AT", 10, 3),
    ("REQUESTS", 8, 4),
    ("ANSWERED", 8, 5),
    ("FAILED", 6, 6),
)
GAP = 2
MOST_DECISIONS = 6
MOST_NOTES = 4
NARROWEST = 10
"""Columns below which a sparkline says nothing."""
FEWEST = 3
"""Rows that workers have in any case."""


async def show(view: View) -> None:
    """Show an app in the terminal until cancelled."""
    console = Console()
    size = console.size
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            if size != (size := console.size):
                console.clear()  # a terminal that is made narrower breaks the lines that it has
            live.update(await asyncio.to_thread(_of, view, console), refresh=True)
            await asyncio.sleep(REFRESH)


def _of(view: View, console: Console) -> RenderableType:
    return picture(
        view.status(),
        view.workers(),
        view.decisions(limit=MOST_DECISIONS),
        view.samples(since=time.time() - WINDOW),
        rows=console.height,
        columns=console.width,
        now=time.time(),
    )


def picture(
    status: StatusForm,
    workers: Sequence[WorkerForm],
    decisions: Sequence[DecisionForm],
    samples: Sequence[SampleForm],
    *,
    rows: int,
    columns: int,
    now: float,
) -> RenderableType:
    """What the terminal of so many *rows* and *columns* shows."""
    head = _head(status, now)
    bad = [_bad(name, one) for name, one in status.arguments.items() if one.kept]
    if status.tick.failure:
        bad.append(Text(f"tick failed, nothing is changed: {printable(status.tick.failure)}", style="bold red"))
    notes = [Text(printable(note), style="dim", no_wrap=True, overflow="ellipsis") for note in status.notes]
    # What is wrong, and how the fleet and the queue are, is there in any case; the rest shares what is left.
    left = rows - len(head) - sum(-(-line.cell_len // columns) for line in bad) - 8
    shown = decisions[: min(MOST_DECISIONS, max(1, left - FEWEST))]
    left -= len(shown)
    notes = notes[: max(0, min(MOST_NOTES, left - min(FEWEST, len(workers))))]
    parts: list[RenderableType] = [
        *head,
        Text(),
        _workers(workers, max(FEWEST, left - len(notes)), columns),
        Text(),
        _numbers(status, samples, columns),
        Text(),
        _decisions(shown, columns),
    ]
    return Group(*parts, *([Text()] if bad or notes else []), *bad, *notes)


def sparkline(values: Sequence[float], width: int) -> str:
    """The *values* as at most *width* bars, of which the highest is the greatest; only nothing is the lowest.

    >>> sparkline([0, 1, 2, 4], width=6), sparkline([0, 1, 100, 0], width=2)
    ('▁▃▅█', '▂█')
    """
    count = min(width, len(values))
    shown = [max(values[len(values) * n // count : len(values) * (n + 1) // count]) for n in range(count)]
    most = max(shown, default=0) or 1
    return "".join(BARS[max(1, round((len(BARS) - 1) * value / most))] if value > 0 else BARS[0] for value in shown)


def _head(status: StatusForm, now: float) -> list[Text]:
    first = Text.assemble(
        (printable(status.app), "bold"), f" at {status.app_url}   ", ("page ", "dim"), status.admin_url
    )
    second = Text(f"{moment(now)}   {printable(status.scaler)}", style="dim")
    next_at = status.tick.next_at
    if next_at is not None and not status.stopping:
        second.append(f"   next decision in {max(0.0, next_at - now):.0f} s")
    lines = [first, second]
    if status.stopping:
        lines.append(Text("drains; Ctrl-C once more ends it now", style="bold magenta"))
    if status.dry_run:
        lines.append(Text("dry run: nothing is applied", style="bold magenta"))
    if status.operator is not None:
        lines.append(Text(printable(str(status.operator)), style="bold magenta"))
    if status.back_off_until is not None:
        waits = max(0.0, status.back_off_until - now)
        lines.append(Text(f"starts wait {waits:.0f} s more, since workers died while starting", style="bold red"))
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return lines


def _workers(workers: Sequence[WorkerForm], room: int, columns: int) -> RenderableType:
    wanted = [name for name, _, place in COLUMNS if _needed(place) <= columns]
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for name, width, _ in COLUMNS:
        if name in wanted:
            right = name in ("REQUESTS", "ANSWERED", "FAILED")
            table.add_column(name, no_wrap=True, min_width=width, justify="right" if right else "left")
    shown = workers if len(workers) <= room else workers[: room - 1]
    for worker in shown:
        cells = {
            "ID": Text(worker.id),
            "STATUS": Text(worker.status, style=STYLES.get(worker.status, "")),
            "DETAIL_STATUS": Text(worker.detail_status, style=STYLES.get(worker.detail_status, "")),
            "CREATED_AT": Text(_time(worker.created_at)),
            "REQUESTS": Text(str(worker.requests or "")),
            "ANSWERED": Text(str(worker.successes)),
            "FAILED": Text(str(worker.failures or ""), style="red"),
        }
        table.add_row(*(cells[name] for name in wanted))
    if not workers:
        return Group(table, Text("no workers", style="dim"))
    if len(shown) < len(workers):
        return Group(table, Text(f"and {len(workers) - len(shown)} more", style="dim"))
    return table


def _needed(place: int) -> int:
    """The columns that a table takes with all that goes not before what goes at *place*."""
    return sum(width + GAP for _, width, other in COLUMNS if other <= place) - GAP


def _numbers(status: StatusForm, samples: Sequence[SampleForm], columns: int) -> RenderableType:
    counts = status.workers
    fleet = [sample.inflight + sample.free + sample.busy for sample in samples]
    waiting = [sum(sample.waiting.values()) for sample in samples]
    most = "" if status.max_workers is None else f"; at most {status.max_workers}"
    wanted = "" if status.capped is None else f", {status.capped.wanted} wanted"
    workers = f"{counts.busy} busy, {counts.free} free, {counts.inflight} starting{most}{wanted}"
    queue = ", ".join(f"{number} {reason}" for reason, number in status.queue.items() if number) or "nobody waits"
    width = columns - max(len(workers), len(queue)) - 2 * GAP - len(f"max {max([*fleet, *waiting, 0])}")
    if width < NARROWEST:
        return Text(f"{workers}\n{queue}", no_wrap=True, overflow="ellipsis")
    table = Table.grid(padding=(0, GAP))
    for _ in range(3):
        table.add_column(no_wrap=True)
    for text, values, style in ((workers, fleet, "green"), (queue, waiting, "yellow")):
        scale = f"max {max(values)}" if values else ""
        table.add_row(text, Text(sparkline(values, width), style=style), Text(scale, style="dim"))
    return table


def _decisions(decisions: Sequence[DecisionForm], columns: int) -> RenderableType:
    actions = [Text(_action(one), style=ACTIONS.get(_action(one).partition(" ")[0], "dim")) for one in decisions]
    table = Table.grid(padding=(0, GAP))
    table.add_column(no_wrap=True, style="dim", min_width=8)
    widest = max((action.cell_len for action in actions), default=0)
    table.add_column(no_wrap=True, min_width=widest)
    table.add_column(no_wrap=True, max_width=max(1, columns - 8 - widest - 2 * GAP))
    for one, action in zip(decisions, actions, strict=True):
        # The override is shown above the table already: here is what the policy said.
        whys = why_of(one)[one.by == "operator" :]
        table.add_row(_time(one.at), action, Text("; ".join(whys), no_wrap=True, overflow="ellipsis"))
    return table


def _action(decision: DecisionForm) -> str:
    """What was decided; the id of a worker that goes stands in the reason, and there is no room for it twice."""
    action = action_of(decision)
    for worker_id in [*decision.down, *(decision.applied.down if decision.applied else [])]:
        action = action.replace(worker_id, "1")
    return action


def _bad(name: str, argument: RecordedArgument) -> Text:
    text = f"{name} is still {argument.value}: {argument.kept}"
    return Text(printable(text), style="bold red", overflow="fold")


def _time(seconds: float) -> str:
    return moment(seconds)[11:19]
