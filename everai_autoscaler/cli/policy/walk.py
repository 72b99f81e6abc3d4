"""``everai-autoscaler walk``: a fleet that follows its load in virtual time, decision by decision."""

from __future__ import annotations

import math
from collections.abc import Mapping

import click
from attrs import frozen
from click.shell_completion import CompletionItem

from everai_autoscaler.cli.options.parameters import (
    SCALER,
    Name,
    Seconds,
    Whole,
    cold_start_option,
    interval_option,
    misused,
)
from everai_autoscaler.cli.options.record_file import record_file, record_option
from everai_autoscaler.cli.options.scaler_options import ScalerOptions, WantedScaler, scaler_options
from everai_autoscaler.cli.policy.walk_output import Changes, Lines, Numbers, Programs, Tables
from everai_autoscaler.cli.text.progress import Progress
from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.errors import UnknownNameError
from everai_autoscaler.loop import run
from everai_autoscaler.model import ArgumentType, Decision, Outcome, RecordedArgument, WorkerStatus
from everai_autoscaler.simulator.reading import names, read
from everai_autoscaler.testing import Clients, Dispatch, Load, VirtualTarget
from everai_autoscaler.words import counted

__all__ = ["walk"]

_START = 1_722_221_030.0
"""When a walk begins; a trace's first request comes then, too."""
_A_WHILE = 300.0
_AN_HOUR = 3600.0

_WALKS: Mapping[str, tuple[str, Mapping[str, ArgumentType]]] = {
    "free-worker": (
        "free-worker",
        {"min_workers": 1, "max_workers": 5, "min_free_workers": 1, "scale_up_step": 1, "max_idle_time": 60},
    ),
    "queue": (
        "simple",
        {"min_workers": 1, "max_workers": 5, "max_queue_size": 2, "scale_up_step": 1, "max_idle_time": 60},
    ),
}
"""For each walk its scaler."""
_FOR_A_TRACE: Mapping[str, Mapping[str, ArgumentType]] = {
    "free-worker": {"max_workers": 64, "min_free_workers": 4, "scale_up_step": 8},
    "queue": {"max_workers": 64, "scale_up_step": 8},
}
"""What has to be otherwise where more comes than four clients send."""


def _complete_trace(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    found = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


@frozen
class _Demand:
    """What the fleet has to serve."""

    load: Load
    description: str
    source: str
    start: float
    """When its seconds begin, in epoch seconds."""
    ends: float
    """Seconds from *start* after which nothing more comes."""
    longest: float
    """Seconds that the longest request takes."""


@click.command
@click.argument("name", metavar="[free-worker|queue]", default="free-worker", type=Name("walk", lambda: _WALKS))
@click.option(
    "--trace",
    metavar="NAME|FILE",
    shell_complete=_complete_trace,
    help="Real arrivals in place of the clients: "
    + ", ".join(names())
    + "; or a file, such as a .csv or .csv.gz with the columns arrival_s and service_s.",
)
@click.option(
    "--from", "begin", type=Seconds(min=0), metavar="SECONDS", help="Where in the trace to begin.  [default: 0]"
)
@click.option(
    "--to", "end", type=Seconds(min=0), metavar="SECONDS", help="Where in the trace to end.  [default: its end]"
)
@click.option("--scaler", metavar="SCALER", type=SCALER, help="Another scaler than the walk's own.")
@scaler_options
@interval_option
@cold_start_option
@click.option(
    "--dispatch",
    type=click.Choice([order.value for order in Dispatch]),
    default=Dispatch.MOST_RECENTLY_USED.value,
    show_default=True,
    help="Which free worker gets the next request.",
)
@click.option("--workers", type=Whole(min=0), default=1, show_default=True, metavar="COUNT", help="There at the start.")
@click.option("--changes", is_flag=True, help="Show only those decisions of a trace that do or say something new.")
@click.option(
    "--tables/--no-tables", default=None, help="Show the lists of workers and queue.  [default: without --trace]"
)
@output_option
@record_option
def walk(
    name: str,
    *,
    trace: str | None,
    begin: float | None,
    end: float | None,
    scaler: str | None,
    options: ScalerOptions,
    interval: float,
    cold_start: float,
    dispatch: str,
    workers: int,
    changes: bool,
    tables: bool | None,
    output: str,
    record_to: str | None,
) -> None:
    """Watch a fleet follow its load, with every decision and why.

    Four clients, each of which sends its next request when the last one is answered, are there for two minutes; or
    real requests come as a trace says. It all happens in virtual time, through the whole pipeline. The fleet is a
    model (closed loop): what a decision starts or removes is there, or gone, for the next.

    "free-worker" keeps a worker free, "queue" starts one when more than two requests wait; -a changes an argument,
    --scaler or -f the whole scaler. It ends when the load has, and the fleet has come to rest.

    \b
    Both walks, and one with another argument:
      everai-autoscaler walk
      everai-autoscaler walk queue
      everai-autoscaler walk queue -a max_queue_size=0
    Five minutes of real requests:
      everai-autoscaler walk --trace azure_llm_code_2023 --from 600 --to 900
    Your own arrivals and manifest, with records to replay:
      everai-autoscaler walk --trace arrivals.csv -f app.yaml --record decisions.jsonl
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    if name not in _WALKS:
        raise UnknownNameError.of("walk", name, _WALKS)
    wanted = _wanted(name, scaler, options, trace)
    demand = _clients() if trace is None else _traced(trace, begin, end)
    if trace is None and (begin is not None or end is not None):
        raise misused("--from and --to say which part of a --trace")
    target = VirtualTarget(
        workers=workers, cold_start=cold_start, load=[demand.load], dispatch=dispatch, start=demand.start
    )
    view: Lines
    if output == "json":
        view = Programs()
    elif tables or (tables is None and trace is None):
        view = Tables(target)
    else:
        view = Changes() if changes else Lines()
    decider = wanted.decider()
    with record_file(record_to) as append:
        ending = _Ending(demand, cold_start, interval)
        progress = Progress("of the load", beside=True)
        numbers = Numbers(target)
        view.begin(
            {
                "interval": interval,
                "cold_start": cold_start,
                "dispatch": dispatch,
                "scaler": str(wanted),
                "load": demand.description,
                "source": demand.source,
            }
        )
        for tick in run(target, decider, interval=interval, clock=target.clock):
            if tick.failure or tick.factors is None or tick.decision is None:
                raise click.ClickException(tick.failure)
            append(tick.decision)
            numbers.note()
            view.tick(tick.factors, Outcome.of(tick.decision.result))
            progress.tell((target.clock.now() - demand.start) / (demand.ends or 1.0))
            if why := ending.of(tick.decision):
                break
        progress.forget()
        view.end(numbers.summary(), why)


def _wanted(name: str, scaler: str | None, options: ScalerOptions, trace: str | None) -> WantedScaler:
    if scaler is not None or options.file is not None:
        return options.wanted(scaler)
    own, defaults = _WALKS[name]
    return options.wanted(own, {**defaults, **(_FOR_A_TRACE[name] if trace else {})})


def _clients() -> _Demand:
    clients = Clients(4, service_time=10, start=5, stop=125)
    return _Demand(
        clients,
        f"{clients.count} clients from {clients.start:g} s to {clients.stop:g} s, each of which sends its next request "
        f"when the last one is answered; a request takes {clients.service_time:g} s",
        "",
        _START,
        clients.stop,
        clients.service_time,
    )


def _traced(name: str, begin: float | None, end: float | None) -> _Demand:
    whole = read(name)
    first = begin or 0.0
    last = whole.span if end is None else end
    part = whole.between(first, math.inf if end is None else end)
    span = f"from {first:g} s to {last:g} s"
    if not part:
        raise click.ClickException(f"{whole.name}: has no requests {span}; its last comes at {whole.span:g} s")
    shipped = name in names()
    return _Demand(
        part,
        f"{whole.name} {span}: {counted(len(part), 'request', form=',')}"
        + (
            f", {'sampled' if 'sampled' in whole.modelled else 'real'} arrivals with modelled service times"
            if shipped
            else ""
        ),
        f"{whole.source}, {whole.licence}" if shipped else whole.source,
        _START + first,
        part.span,
        max(part.services),
    )


class _Ending:
    """Says when a walk ends: the load is over, and the fleet at rest."""

    def __init__(self, demand: _Demand, cold_start: float, interval: float) -> None:
        self._over = demand.start + demand.ends
        self._slowest = max(cold_start, demand.longest)
        self._interval = interval
        self._active = self._answered = demand.start

    def of(self, decision: Decision) -> str:
        """Why the walk ends with *decision*; empty when it doesn't."""
        factors, result = decision.factors, decision.result
        if factors is None:
            return ""
        now = factors.observed_at
        if factors.completions:
            self._answered = now
        if result.actions or factors.completions:
            self._active = now
        if now <= self._over:
            return ""
        arguments = decision.arguments
        least, idle = (_number(arguments, name) for name in ("min_workers", "max_idle_time"))
        busy = factors.count(WorkerStatus.Busy, WorkerStatus.Inflight) or factors.waiting()
        still = now - self._active >= max(_A_WHILE if idle is None else idle, self._slowest) + 2 * self._interval
        lowest = least is not None and len(factors.workers or ()) <= least
        if not busy and not result.actions and (lowest or still):
            return "the load is over, and the fleet at rest"
        # A fleet that comes and goes for ever, and answers nothing, has to have an end as well.
        if still or now - max(self._over, self._answered) >= max(_AN_HOUR, self._slowest):
            return f"the load is over, and {'what still waits is not served' if busy else 'the fleet does not rest'}"
        return ""


def _number(arguments: Mapping[str, RecordedArgument], name: str) -> float | None:
    value = arguments[name].value if name in arguments else None
    return value if isinstance(value, int | float) else None
