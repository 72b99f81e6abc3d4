"""What a search for arguments found, in words and tables for people, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from everai_autoscaler.cli.options.scaler_options import shown
from everai_autoscaler.cli.text.simulated import metrics_document, percent, plain
from everai_autoscaler.simulator.search import Trial
from everai_autoscaler.simulator.tune import Evidence, Tuning
from everai_autoscaler.words import counted, printable, table

__all__ = ["tuning_document", "tuning_in_words"]

_SHOWN = 5
_COST = """\
COST is worker-seconds for each second of service that was asked for. Workers that start at once and are never idle
would cost 1."""


def tuning_in_words(found: Tuning) -> str:
    """The arguments that were found, the evidence for them, and whether they hold on what was held out."""
    met = sum(trial.meets(found.share) for trial in found.trials)
    tried = counted(len(found.trials), "trial", form=",")
    fixed = " ".join(f"{name}={shown(value)}" for name, value in found.fixed.items())
    lines = [
        f"Scaler: {printable(f'{found.scaler} {fixed}'.strip())}",
        f"Search: {', '.join(map(str, found.searched))}",
        f"Traces: {printable(found.split)}; the first {found.warm_up:g} s aren't judged",
        f"Trials: {found.stopped}; {met:,} of {tried} met the SLO in training",
        "",
        _COST,
        "",
        _evidence_table(found),
        "",
        f"The best of the {tried} in training:" if met else f"The nearest of the {tried} in training:",
        "",
        _trial_table(found),
        "",
        *_verdict(found),
    ]
    return "\n".join(lines)


def _evidence_table(found: Tuning) -> str:
    first = found.trials[0]
    rows = [
        ("as given", *_both(first, found.usual)),
        ("found", *_both(found.best, found.held_out)),
    ]
    headers = [
        "ARGUMENTS",
        "TRAINING COST",
        f"WITHIN {found.slo:g} s",
        "HELD-OUT COST",
        f"WITHIN {found.slo:g} s",
        "p99",
    ]
    return table(headers, rows, align_right=range(1, 6))


def _both(trained: Trial, judged: Evidence) -> tuple[str, ...]:
    longest = [cell.metrics.wait_p99 for cell in judged.cells if cell.metrics and cell.metrics.wait_p99 is not None]
    return (
        _cost(trained.cost),
        percent(trained.attainment),
        _cost(judged.cost),
        percent(judged.attainment),
        f"{max(longest):,.1f} s" if longest else "-",
    )


def _trial_table(found: Tuning) -> str:
    names = [one.name for one in found.searched]
    rows = [
        (
            str(trial.number),
            *(f"{trial.arguments[name]:g}" for name in names),
            _cost(trial.cost),
            percent(trial.attainment),
        )
        for trial in _different(found.best_trials())
    ]
    headers = ["TRIAL", *names, "COST", f"WITHIN {found.slo:g} s"]
    return table(headers, rows, align_right=range(len(headers)))


def _different(trials: tuple[Trial, ...]) -> Iterator[Trial]:
    """The first few of *trials* of which no two have the same arguments."""
    known: list[Mapping[str, float]] = []
    for trial in trials:
        if len(known) < _SHOWN and trial.arguments not in known:
            known.append(trial.arguments)
            yield trial


def _verdict(found: Tuning) -> Iterator[str]:
    if not found.met:
        yield (
            f"None of the trials met the SLO: the nearest had {percent(found.best.attainment)} begin within "
            f"{found.slo:g} s. Allow a longer wait (--slo), a smaller --share, more workers, or more trials."
        )
    elif found.overfits:
        yield f"This over-fits. {found.overfits} Train on more, or longer, traces."
    else:
        yield "It holds on what was held out" + _saving(found) + "."
    arguments = {name: shown(value) for name, value in found.arguments.items()}
    yield ""
    yield "Run it with:\n  " + " ".join(f"-a {name}={one}" for name, one in arguments.items())
    literals = " ".join(f"--from-literal {name}={value}" for name, value in _literals(found))
    yield "Keep in a ConfigMap:\n  everai-autoscaler configmap create tuned " + literals


def _literals(found: Tuning) -> Iterator[tuple[str, str]]:
    for name, value in found.arguments.items():
        if isinstance(value, int | float | str):
            yield name, str(value)


def _saving(found: Tuning) -> str:
    if found.usual.cost is None or found.held_out.cost is None or found.usual.attainment < found.share:
        return ""
    change = found.held_out.cost / found.usual.cost - 1
    missed = "" if found.trials[0].meets(found.share) else ", which miss the SLO in training"
    if abs(change) < 0.005:  # half a percent shows as none
        return f", and costs as much as the arguments as given{missed}"
    return f", and costs {abs(change):.0%} {'less' if change < 0 else 'more'} than the arguments as given{missed}"


def _cost(cost: float | None) -> str:
    return "-" if cost is None else f"{cost:.3f}"


def tuning_document(found: Tuning, model: Mapping[str, Any]) -> dict[str, Any]:
    """All that a search found; plain JSON."""
    return {
        "model": {**model, "warm_up": found.warm_up},
        "scaler": found.scaler,
        "arguments": plain(found.arguments),
        "met": found.met,
        "overfits": found.overfits,
        "searched": [attrs.asdict(one) for one in found.searched],
        "split": found.split,
        "stopped": found.stopped,
        "training": _evidence_document(found.training),
        "held_out": _evidence_document(found.held_out),
        "as_given_held_out": _evidence_document(found.usual),
        "trials": [plain(attrs.asdict(trial)) for trial in found.trials],
    }


def _evidence_document(evidence: Evidence) -> dict[str, Any]:
    return {
        "cost": evidence.cost,
        "attainment": evidence.attainment,
        "error": evidence.error,
        "cells": [
            {"trace": cell.trace, "metrics": None if cell.metrics is None else metrics_document(cell.metrics)}
            for cell in evidence.cells
        ],
    }
