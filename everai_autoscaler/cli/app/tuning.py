"""``everai-autoscaler tuning``: what the tuner of an app chose, what it spent, and what it would choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from everai_autoscaler.cli.app.looking import look_at
from everai_autoscaler.cli.options.look import Look, look_options
from everai_autoscaler.errors import StateError
from everai_autoscaler.runtime.tuned import StandingForm, TuningForm, percent, span
from everai_autoscaler.runtime.view import View
from everai_autoscaler.words import counted, moment, printable, table

__all__ = ["tuning"]

_LABEL = 11
_SWITCHES = 5


@click.command
@look_options
def tuning(*, look: Look) -> None:
    """Show what the tuner of the app chose, and why: the rule in force, the error budget, the runners-up, switches.

    \b
    Columns of the table
      WORKERS   on average, on the traffic of the last day, replayed
      COST      of a day of it, where the manifest says a price; else in worker-hours
      WITHIN    the share of requests that began in time
      RISK      the late share that is reckoned with, with a margin for chance
      BUDGET    whether that is within what the budget allows now
    -o wide shows the arguments of each rule, -o json and -o yaml all that is known.

    \b
      everai-autoscaler tuning
      everai-autoscaler tuning --watch
      everai-autoscaler tuning -o json
    """  # noqa: D301 - a backspace is how click knows that lines are to stay

    def ask(view: View) -> TuningForm:
        found = view.tuning()
        if found is None:
            raise StateError(f"nothing is tuned for {printable(view.app)}: everai-autoscaler run FILE --tune")
        return found

    look_at(look, ask, lambda found: _in_words(found, wide=look.form == "wide"))


def _in_words(found: TuningForm, *, wide: bool) -> str:
    paragraphs = ["\n".join(f"{label + ':' if label else '':<{_LABEL}} {text}" for label, text in _facts(found))]
    if standings := _standings(found):
        paragraphs.append(_table(found, standings, wide=wide))
    if found.switches:
        rows = [
            (moment(one.at), "-" if one.was is None else str(one.was), str(one.number), _did(acted=one.acted), one.why)
            for one in found.switches[:_SWITCHES]
        ]
        printed = [[printable(cell) for cell in row] for row in rows]
        paragraphs.append(table(["SWITCHED_AT", "WAS", "RULE", "", "WHY"], printed, align_right=(1, 2)))
    return "\n\n".join(paragraphs)


def _facts(found: TuningForm) -> Iterator[tuple[str, str]]:
    does = "acts" if found.act else "only advises"
    yield "App", f"{printable(found.app)}, tuned among {counted(found.candidates, 'rule', form=',')}; the tuner {does}"
    yield (
        "Promise",
        f"{percent(found.share, 4)} of requests within {found.within:g} s, unless a burst larger than the error budget",
    )
    yield "", "arrives faster than a cold start"
    if found.in_force is not None:
        rule = _rule(found.in_force.number, found.in_force.arguments)
        yield "In force", f"{rule}, since {moment(found.in_force.since)}"
        yield "", printable(found.in_force.why)
    if found.advice is not None:
        if not found.act:
            yield "Advice", f"{_rule(found.advice.number, found.advice.arguments)}, since {moment(found.advice.since)}"
        yield "", printable(found.said)
    budget = found.budget
    if budget is not None:
        spent = f"{percent(budget.spent, 0)} spent: {budget.late:,.0f} of {budget.due:,.0f} requests were late"
        yield "Budget", f"{spent}, and {budget.aim * budget.due:,.0f} may be"
        yield "", f"{percent(budget.allowed)} of the requests may be late under a rule now"
    until = "" if found.until is None else f" up to {moment(found.until)}"
    yield "Evidence", f"{span(found.hours)} of traffic{until}, told at {moment(found.told_at)}"
    if found.cpu is not None:
        yield "Tuner", f"used {percent(found.cpu, 1)} of a core"
    if found.assumed:
        yield "Assumed", printable(found.assumed)


def _standings(found: TuningForm) -> list[StandingForm]:
    """The rules of which it is known how they did: what is in force, the advice, and the runners-up, each once."""
    advice = found.advice
    known: dict[int, StandingForm] = {}
    for one in (found.standing, found.chosen, *found.runners_up):
        if one is not None:
            known.setdefault(one.number, one)
    first = None if advice is None else advice.number
    return sorted(known.values(), key=lambda one: (one.number != first, not one.allowed, one.workers))


def _table(found: TuningForm, standings: list[StandingForm], *, wide: bool) -> str:
    headers = ["", "RULE", "WORKERS", "COST", f"WITHIN {found.within:g} s", "RISK", "BUDGET"]
    rows = []
    for one in standings:
        cost = f"{24 * one.workers:,.1f} h" if found.price is None else f"${24 * one.workers * found.price:,.2f}"
        rows.append(
            [
                _mark(found, one.number),
                str(one.number),
                f"{one.workers:.3g}",
                cost,
                percent(one.share),
                percent(one.risk),
                "within" if one.allowed else "beyond",
                *([printable(_given(one.arguments))] if wide else []),
            ]
        )
    return table([*headers, *(["ARGUMENTS"] if wide else [])], rows, align_right=range(1, 6))


def _mark(found: TuningForm, number: int) -> str:
    in_force = found.in_force is not None and found.in_force.number == number
    advised = found.advice is not None and found.advice.number == number and not found.act
    return "in force" if in_force else "advised" if advised else ""


def _did(*, acted: bool) -> str:
    return "acted" if acted else "advised"


def _rule(number: int, arguments: Mapping[str, object]) -> str:
    given = printable(_given(arguments))
    return f"rule {number}: {given}" if given else f"rule {number}"


def _given(arguments: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in arguments.items())
