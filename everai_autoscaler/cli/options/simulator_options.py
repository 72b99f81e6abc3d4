"""The options that say what is simulated, on which workload, and what is wanted of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import click
from attrs import frozen
from click.shell_completion import CompletionItem

from everai_autoscaler.cli.options.parameters import Seconds, Whole, interval_option, misused, packed
from everai_autoscaler.model import Dispatch
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.words import counted

__all__ = [
    "Conditions",
    "Part",
    "Price",
    "Share",
    "condition_options",
    "optimum_option",
    "plot_option",
    "processes_option",
    "save_option",
    "trace_option",
]


class Share(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4, not before
    """A share above 0 and at most 1, such as ``0.99`` or ``99%``."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share that *value* says."""
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = math.nan
        if not 0 < share <= 1:
            self.fail(f"{value!r} is not a share such as 0.99 or 99%, above 0 and at most 1", param, ctx)
        return share


class Price(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4, not before
    """A finite price of at least 0."""

    name = "price"
    what = "a price of at least 0"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """*value* as a number, or an error that says which are accepted."""
        try:
            price = float(value)
        except ValueError:
            price = math.nan
        if not 0 <= price < math.inf:
            self.fail(f"{value!r} is not {self.what}", param, ctx)
        return price


@frozen
class Part:
    """The part of each workload that is simulated."""

    begin: float | None
    end: float | None

    def of(self, workload: Workload) -> Workload:
        """That part of *workload*.

        Raises:
            click.ClickException: nothing comes in it.
        """
        if self.begin is None and self.end is None:
            return workload
        part = workload.between(self.begin or 0.0, math.inf if self.end is None else self.end)
        if not len(part):
            raise click.ClickException(
                f"{workload.name}: has no requests from {self.begin or 0:g} s to "
                f"{workload.span if self.end is None else self.end:g} s; its last comes at {workload.span:g} s"
            )
        return part


@frozen
class Conditions:
    """What is assumed of the cluster, and what is wanted of the waits."""

    cold_start: tuple[float, ...]
    interval: float
    slo: float
    share: float
    warm_up: float | None
    part: Part
    kind: str | None
    """The form of the files."""
    app: str | None
    """Which app of a file that has several."""
    unit: str | None
    """Of the times in an access log."""
    service: str | None
    """The model of the seconds that a request keeps a worker busy."""
    setting: Mapping[str, Any]
    """Whatever else is handed to a simulation."""

    def only_cold_start(self) -> float:
        """The one cold start of a command that takes no more.

        Raises:
            click.UsageError: there are several.
        """
        if len(self.cold_start) > 1:
            raise misused(f"--cold-start: {len(self.cold_start)} were given; only compare takes several")
        return self.cold_start[0]

    def read(self, trace: str) -> Workload:
        """The part of the workload *trace* that is simulated.

        Raises:
            AutoscalerError: it can't be read.
            click.ClickException: nothing comes in that part.
        """
        from everai_autoscaler.simulator.reading import read

        seed = self.setting["seed"]
        found = read(trace, kind=self.kind, service=self.service, seed=seed, app=self.app, unit=self.unit)
        return self.part.of(found)

    def introduction(self) -> str:
        """What is modelled, in two sentences."""
        setting = self.setting
        starts = " or ".join(f"{one:g} s" for one in self.cold_start)
        at_once = counted(setting["concurrency"], "request")
        order = setting["dispatch"].replace("-", " ")
        return (
            f"Model: a fleet in virtual time (closed loop), a decision every {self.interval:g} s, a cold start of "
            f"{starts}, {at_once} at a time\nper worker, the {order} worker first, "
            f"{counted(setting['workers'], 'worker')} ready at the start.\n"
            f"SLO:   {self.share * 100:.6g}% of the requests begin within {self.slo:g} s."
        )

    def document(self, trouble: Mapping[str, Any]) -> dict[str, Any]:
        """What is modelled, with what goes wrong; plain JSON."""
        return {
            "loop": "closed",
            "cold_start": list(self.cold_start),
            "interval": self.interval,
            **self.setting,
            **{name: attrs.asdict(one) if attrs.has(type(one)) else one for name, one in trouble.items()},
            "slo": self.slo,
            "share": self.share,
            "warm_up": self.warm_up,
        }


def _conditions(
    cold_start: tuple[float, ...],
    interval: float,
    price: float | None,
    slo: float,
    share: float,
    warm_up: float | None,
    dispatch: str,
    workers: int,
    concurrency: int,
    seed: int,
    begin: float | None,
    end: float | None,
    kind: str | None,
    app: str | None,
    unit: str | None,
    service: str | None,
) -> Conditions:
    if begin is not None and end is not None and end <= begin:
        raise misused(f"--to: {end:g} is not above --from, which is {begin:g}")
    setting: dict[str, Any] = {
        "price": price,
        "dispatch": dispatch,
        "workers": workers,
        "concurrency": concurrency,
        "seed": seed,
    }
    return Conditions(
        cold_start or (30.0,), interval, slo, share, warm_up, Part(begin, end), kind, app, unit, service, setting
    )


def _complete_trace(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from everai_autoscaler.simulator.reading import names

    found = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def trace_option(*, multiple: bool, required: bool = True) -> Callable[[Any], Any]:
    """The option ``--trace``; its value is a text, or a tuple of them where there may be *multiple*."""
    return click.option(
        "--trace",
        "traces" if multiple else "trace",
        multiple=multiple,
        required=required,
        metavar="NAME|FILE|GENERATOR",
        shell_complete=_complete_trace,
        help="When requests come, and for how long each keeps a worker busy: a trace that ships, a file (CSV, JSON "
        "Lines, Parquet, an access log), or a generator such as poisson:rate=2,duration=3600."
        + (" Repeatable." if multiple else ""),
    )


processes_option = click.option(
    "--processes",
    type=Whole(min=0),
    default=0,
    metavar="COUNT",
    help="In how many processes to work; 0 is one on each core.  [default: 0]",
)

optimum_option = click.option(
    "--optimum/--no-optimum", "optimum", default=True, help="Compute the cheapest that was possible.  [default: yes]"
)


def _to_file(name: str, endings: tuple[str, ...], *, what: str) -> Callable[[Any], Any]:
    """The option *name*, which takes a file of one of these *endings*."""

    def known(_ctx: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and not path.name.lower().endswith(endings):
            raise click.BadParameter(f"{str(path)!r} doesn't end in one of {', '.join(endings)}")
        return path

    return click.option(
        name, type=click.Path(dir_okay=False, path_type=Path), callback=known, metavar="FILE", help=what
    )


plot_option = _to_file(
    "--plot",
    (".html", ".png", ".svg"),
    what="Draw it into FILE: .png, .svg, or .html, which shows the numbers under the pointer.",
)
save_option = _to_file(
    "--save",
    (".jsonl", ".jsonl.gz", ".parquet"),
    what="Save every request, worker and decision into FILE: .jsonl, .jsonl.gz or .parquet.",
)

condition_options = packed(
    "conditions",
    _conditions,
    click.option(
        "--cold-start",
        type=Seconds(min=0),
        multiple=True,
        metavar="SECONDS",
        help="Until a started worker is ready; compare takes several.  [default: 30]",
    ),
    interval_option,
    click.option("--price", type=Price(), metavar="MONEY", help="What an hour of one worker costs."),
    click.option(
        "--slo",
        type=Seconds(min=0),
        default=5.0,
        show_default=True,
        metavar="SECONDS",
        help="Within which a request is to begin.",
    ),
    click.option(
        "--share",
        type=Share(),
        default="0.99",
        show_default=True,
        help="The share of the requests that are to begin within them.",
    ),
    click.option(
        "--warm-up",
        type=Seconds(min=0),
        metavar="SECONDS",
        help="From the start of the workload, that are simulated but not judged.",
    ),
    click.option(
        "--dispatch",
        type=click.Choice([order.value for order in Dispatch]),
        default=Dispatch.MOST_RECENTLY_USED.value,
        show_default=True,
        help="Which worker with room gets the next request.",
    ),
    click.option(
        "--workers", type=Whole(min=0), default=1, show_default=True, metavar="COUNT", help="Ready at the start."
    ),
    click.option(
        "--concurrency",
        type=Whole(min=1),
        default=1,
        show_default=True,
        metavar="COUNT",
        help="Requests that a worker serves at once.",
    ),
    click.option(
        "--seed",
        type=Whole(min=0),
        default=0,
        show_default=True,
        metavar="NUMBER",
        help="Of all that is random; the same seed gives the same on every machine.",
    ),
    click.option("--from", "begin", type=Seconds(min=0), metavar="SECONDS", help="Where in a trace to begin."),
    click.option("--to", "end", type=Seconds(min=0), metavar="SECONDS", help="Where in a trace to end."),
    click.option(
        "--kind",
        metavar="FORM",
        help="The form of the file, such as csv or access-log.  [default: as its content shows]",
    ),
    click.option("--app", metavar="NAME", help="Which app of a file that has several."),
    click.option(
        "--unit",
        type=click.Choice(["s", "ms", "us"]),
        help="Of the times in an access log.  [default: s with a point, else us]",
    ),
    click.option(
        "--service",
        metavar="MODEL",
        help="The seconds that a request keeps a worker busy, where the file doesn't say: a number, or such as "
        "lognormal:6:1, with mean 6 and CV 1.",
    ),
)
"""Gives a command its :class:`Conditions`, as *conditions*."""
