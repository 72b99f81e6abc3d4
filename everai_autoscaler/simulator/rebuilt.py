"""A day that was recorded, played again: demand rebuilt from its records, and a scaler simulated on it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from attrs import frozen

from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.model import Decorator, Decorators, Record
from everai_autoscaler.simulator.compare import Candidate, Cell, cell_of
from everai_autoscaler.simulator.faults import ColdStart
from everai_autoscaler.simulator.metrics import Metrics, measure
from everai_autoscaler.simulator.reading import read
from everai_autoscaler.simulator.real import read_records, real_run
from everai_autoscaler.simulator.workload import Workload

__all__ = ["Rebuilt", "recorded_candidate", "simulate_records"]

CUT_OFF = (
    "a recorded queue is cut off by the capacity of its day: who gave up, or was served late, leaves fewer requests in "
    "the records than a larger fleet would have seen"
)
"""What every demand out of records has to say of itself."""


@frozen
class Rebuilt:
    """The recorded scaler and another one, simulated on the demand that the records show. The loop is closed."""

    workload: Workload
    """The demand; ``modelled`` says how it was rebuilt."""
    real: Metrics
    """What was really there, as far as the records tell; ``None`` in it is what they don't."""
    recorded: Cell
    """The scaler that was recorded last, simulated: how far it is from *real* is how good the model is."""
    other: Cell
    """The other scaler, simulated."""
    cold_start: float
    interval: float
    workers: int
    """Workers that were there at the start."""
    assumed: tuple[str, ...]
    """What was taken from the records, and what of it is a model, a sentence each."""


def simulate_records(
    path: str | Path,
    *,
    scaler: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    app: str | None = None,
    cold_start: float | None = None,
    interval: float | None = None,
    slo: float = 5.0,
    price: float | None = None,
    service: float | str | None = None,
    seed: int = 0,
    **setting: Any,
) -> Rebuilt:
    """Rebuild the demand of the records in *path*, and simulate another scaler, and the recorded one, on it.

    Args:
        path: records of decisions, a JSON line each, in order.
        scaler: another scaler; the recorded one unless given.
        arguments: of another scaler its arguments, of the recorded one those that are to be different.
        secrets: the values that the records don't hold.
        app: which app, where the records are of several.
        cold_start: seconds until a started worker is ready; the median of the recorded ones, or else 30.
        interval: seconds between decisions; the median of the recorded ones.
        slo: seconds within which a request is to begin.
        price: what an hour of one worker costs.
        service: a model of service times, in place of the recorded averages.
        seed: of all that is random.
        setting: whatever else ``simulate`` takes.

    Raises:
        ContractError: records that can't be read, of several apps, or without a secret that isn't given.
        ArgumentError: an argument that the scaler doesn't take.
        UnknownNameError: no such scaler, or app.
    """
    workload = read(path, kind="records", app=app, service=service, seed=seed)
    records = read_records(path)
    apps = list(dict.fromkeys(record.app for record in records))
    records = [record for record in records if app is None or record.app == app]
    real = measure(real_run(records, app=app or apps[0], price=price), slo=slo)
    typical, how = (cold_start, "as given") if cold_start is not None else _cold_start(records)
    usual = _interval(records) if interval is None else interval
    there = len(records[0].snapshot.workers or ()) if records[0].snapshot is not None else 0
    before = recorded_candidate(records[-1], secrets or {})
    given = dict(arguments or {})
    after = (
        Candidate(scaler, given)
        if scaler is not None and scaler != before.scaler
        else Candidate(before.scaler, {**before.arguments, **given}, decorators=before.decorators)
    )
    common = {
        **setting,
        "cold_start": typical,
        "interval": usual,
        "slo": slo,
        "price": price,
        "seed": seed,
        "workers": there,
        "until": records[-1].observed_at - records[0].observed_at or None,
    }
    for one in (before, after):
        one.decider()
    return Rebuilt(
        workload,
        real,
        cell_of(before, workload, **common),
        cell_of(after, workload, **common),
        typical,
        usual,
        there,
        (f"a cold start of {typical:g} s, {how}", *([workload.modelled] if workload.modelled else []), CUT_OFF),
    )


def recorded_candidate(record: Record, secrets: Mapping[str, Any]) -> Candidate:
    """The scaler of *record*, with the arguments that its decision used and its factors decorators.

    Raises:
        ContractError: it lacks a secret that isn't given.
    """
    form = record.form()
    for leaf in list(form.leaves()):
        if leaf.place in record.secrets:
            if leaf.place not in secrets:
                raise ContractError(f"record: {leaf.place} is a secret that it doesn't hold: give its value")
            form = form.replace(leaf.way, secrets[leaf.place])
    around = [
        Decorator(name=one.name, arguments={name: str(value.value) for name, value in one.arguments.items()})
        for one in record.decorators.factors
    ]
    values = dict(form.arguments)
    return Candidate(record.scaler, values, decorators=Decorators(factors=around) if around else None)


def _cold_start(records: Sequence[Record]) -> tuple[float, str]:
    seen = [one for one in (record.moment() for record in records) if one is not None]
    try:
        starts = ColdStart.learnt(seen).seconds
    except ArgumentError:
        return 30.0, "since the records show none"
    return statistics.median(starts), f"the median of {len(starts)} that were recorded"


def _interval(records: Sequence[Record]) -> float:
    moments = [record.observed_at for record in records]
    between = [later - earlier for earlier, later in pairwise(moments) if later > earlier]
    return statistics.median(between) if between else 20.0
