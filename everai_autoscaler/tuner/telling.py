"""What the tuner chose, in the words and numbers that people and programs are shown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from everai_autoscaler.runtime.tuned import (
    SWITCHES,
    AdviceForm,
    BudgetForm,
    InForceForm,
    StandingForm,
    SwitchForm,
    TuningForm,
    percent,
    span,
)
from everai_autoscaler.tuner.settings import TuningSettings
from everai_autoscaler.tuning import Book, Choice

__all__ = ["first", "news", "told"]

A_DAY = 20.0
"""Hours of evidence from which on costs are told of a day; evidence fades, so that there never are 24 for long."""
_START = "it is the start of the book, until there is evidence"


def first(
    app: str, book: Book, settings: TuningSettings, *, before: TuningForm | None, now: float, read: bool = True
) -> TuningForm:
    """What is told before there is any evidence.

    Args:
        app: the app's name.
        book: the candidates, of which the start is in force.
        settings: how the app is tuned.
        before: what was told before, which stays.
        now: the moment (epoch seconds).
        read: whether anything reads what is in force; where nothing does, nothing is.
    """
    about: dict[str, Any] = {
        "act": settings.act,
        "within": settings.slo.within,
        "share": settings.slo.share,
        "every": settings.every,
        "candidates": len(book),
        "price": settings.price,
        "told_at": now,
    }
    if before is not None:
        return before.model_copy(update=about if read else {**about, "in_force": None})
    number, start = book.first, book.start
    in_force = InForceForm(
        number=number,
        scaler=start.scaler,
        arguments=dict(start.arguments),
        since=now,
        why=_START,
        source=f"tuned: rule {number}, the start of the book, until there is evidence",
    )
    return TuningForm(app=app, in_force=in_force if read else None, said="no evidence yet", **about)


def told(before: TuningForm, choice: Choice, *, assumed: str, now: float, cpu: float) -> TuningForm:
    """What is told after another *choice*.

    Args:
        before: what was told last.
        choice: what the tuner says now.
        assumed: what of the traffic is a model, in words.
        now: the moment (epoch seconds).
        cpu: the share of one core that the tuner has used.
    """
    known = choice.standing is not None
    runners_up = [StandingForm.model_validate(one.to_json()) for one in choice.runners_up]
    standing = None if choice.standing is None else StandingForm.model_validate(choice.standing.to_json())
    number, arguments = choice.number, dict(choice.candidate.arguments)
    advice, in_force = before.advice, before.in_force
    if known:
        since = advice.since if advice is not None and advice.number == number else now
        workers = None if choice.standing is None else choice.standing.workers
        advice = AdviceForm(
            number=number,
            scaler=choice.candidate.scaler,
            arguments=arguments,
            since=since,
            why=choice.why,
            saving=_saving(workers, choice.workers),
            share=choice.share,
            workers=workers,
        )
    switches, switched = before.switches, before.switched
    last = in_force if before.act else before.advice
    was = None if last is None else last.number
    if known and was != number and (before.act or was is not None):
        switches = [SwitchForm(at=now, was=was, number=number, why=choice.why, acted=before.act), *switches][:SWITCHES]
        switched += 1
    if known and before.act and not (_is(in_force, choice) and in_force is not None and in_force.why != _START):
        in_force = InForceForm(
            number=number,
            scaler=choice.candidate.scaler,
            arguments=arguments,
            since=in_force.since if in_force is not None and _is(in_force, choice) else now,
            why=choice.why,
            source=_source(choice, now),
        )
    form = before.model_copy(
        update={
            "advice": advice,
            "in_force": in_force,
            "chosen": standing,
            "standing": _of(in_force, standing, *runners_up),
            "budget": BudgetForm.model_validate(choice.budget.to_json()),
            "runners_up": runners_up,
            "switches": switches,
            "switched": switched,
            "hours": choice.hours,
            "workers": choice.workers,
            "until": choice.at,
            "assumed": assumed,
            "told_at": now,
            "cpu": cpu,
        }
    )
    return form.model_copy(update={"said": _said(form, choice)})


def news(before: TuningForm, after: TuningForm) -> str:
    """What an operator would want to read of the difference, in a line; empty where there is none."""
    if after.advice is None:
        return ""
    rule = _rule(after.advice.number, after.advice.arguments)
    if after.switched > before.switched and after.act:
        return f"the tuner switches to {rule}: {after.said}"
    if after.switched > before.switched or (before.advice is None and not after.act):
        return f"the tuner advises {rule}: {after.said}; --tune=act lets it act"
    return ""


def _is(in_force: InForceForm | None, choice: Choice) -> bool:
    """Whether what is *in_force* is what was chosen; a number alone may be that of another book."""
    known = None if in_force is None else (in_force.number, in_force.arguments)
    return known == (choice.number, dict(choice.candidate.arguments))


def _of(in_force: InForceForm | None, *known: StandingForm | None) -> StandingForm | None:
    """How what is *in_force* did, where that is among what is *known*."""
    number = None if in_force is None else in_force.number
    return next((one for one in known if one is not None and one.number == number), None)


def _said(form: TuningForm, choice: Choice) -> str:
    """What it comes to: money, or worker-hours, and how many began in time."""
    advice = form.advice
    if advice is None or advice.workers is None or advice.share is None:
        return choice.why
    share = f"{percent(advice.share)} within {form.within:g} s"
    hours = 24.0 if form.hours >= A_DAY else form.hours
    over = "a day, at the pace of the last one" if hours == 24.0 else f"over {span(hours)} of traffic"
    would = _cost(advice.workers * hours, form.price)
    if form.workers is None:
        return f"would have cost {would} {over}, {share}"
    did = _cost(form.workers * hours, form.price)
    return f"would have cost {would} instead of {did} {over}, {share}"


def _cost(worker_hours: float, price: float | None) -> str:
    return f"{worker_hours:.3g} worker-hours" if price is None else f"${worker_hours * price:,.2f}"


def _saving(workers: float | None, really: float | None) -> float | None:
    return None if workers is None or not really else 1 - workers / really


def _source(choice: Choice, now: float) -> str:
    at = time.strftime("%H:%M", time.gmtime(now))
    cheaper = ""
    if choice.saving is not None:
        cheaper = f", {percent(abs(choice.saving), 0)} {'cheaper' if choice.saving >= 0 else 'dearer'}"
    share = "" if choice.share is None else f" at {percent(choice.share, 1)}"
    return f"tuned {at} on {span(choice.hours)} of traffic: rule {choice.number}{cheaper}{share}"


def _rule(number: int, arguments: Mapping[str, Any]) -> str:
    given = ", ".join(f"{name} {value}" for name, value in arguments.items())
    return f"rule {number} ({given})" if given else f"rule {number}"
