"""A walk as people and programs see it: the lists, the decisions, and what it came to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import click

from everai_autoscaler.cli.text.words import as_json, gist, kind_of, sentences
from everai_autoscaler.model import Factors, Outcome, WorkerStatus
from everai_autoscaler.testing import VirtualTarget, queue_table, worker_table
from everai_autoscaler.words import counted, moment

__all__ = ["Changes", "Lines", "Numbers", "Programs", "Tables"]

_LONGEST_LIST = 12


class Numbers:
    """What a walk came to."""

    def __init__(self, target: VirtualTarget) -> None:
        self._target = target
        self._start = target.clock.now()
        self._there = {worker.worker_id for worker in target.workers}
        self._most = len(self._there)

    def note(self) -> None:
        """Look at the fleet once more; it changes only by decisions."""
        self._most = max(self._most, len(self._target.workers))

    def summary(self) -> dict[str, float | int | None]:
        """The numbers; waits in seconds, over the requests that were answered, ``None`` when there were none."""
        target, now = self._target, self._target.clock.now()
        waits = sorted(r.wait for r in target.requests if r.answered_at is not None and r.wait is not None)
        gone = target.deleted_at
        return {
            "requests": len(target.requests),
            "answered": len(waits),
            "hung_up": sum(1 for request in target.requests if request.hung_up_at is not None),
            "mean_wait": math.fsum(waits) / len(waits) if waits else None,
            "p95_wait": waits[math.ceil(0.95 * len(waits)) - 1] if waits else None,
            "max_wait": waits[-1] if waits else None,
            "most_workers": self._most,
            "worker_seconds": math.fsum(
                gone.get(worker.worker_id, now) - max(worker.started_at, self._start) for worker in target.everyone
            ),
            "starts": len(target.everyone) - len(self._there),
            "stops": len(gone),
            "seconds": now - self._start,
        }


class Lines:
    """A line for each decision, under what is modelled and over what it came to."""

    def begin(self, model: Mapping[str, Any]) -> None:
        """What is modelled, and what the columns are."""
        _introduce(model)
        click.echo(f"\n{'TIME':<24}  BUSY  FREE  STARTING  WAITING  DECISION")

    def tick(self, factors: Factors, outcome: Outcome) -> None:
        """The fleet in numbers, and the gist of the decision."""
        fleet = _fleet(factors)
        row = (
            f"{moment(factors.observed_at)}  {fleet['busy']:>4}  {fleet['free']:>4}  {fleet['starting']:>8}  "
            f"{factors.waiting():>7}  "
        )
        click.echo(row + gist(outcome, indent=len(row)))

    def end(self, found: Mapping[str, Any], why: str) -> None:
        """What was *found* in the end, and *why* it ended."""
        hung_up = f", {found['hung_up']:,} hung up" if found["hung_up"] else ""
        waiting = found["requests"] - found["answered"] - found["hung_up"]
        left = f", {waiting:,} not served" if waiting else ""
        waits = (
            f"{found['mean_wait']:.1f} s on average, {found['p95_wait']:.1f} s at most for 95 %, "
            f"{found['max_wait']:.1f} s at most"
            if found["answered"]
            else "not known, for nothing was answered"
        )
        starts, stops = (counted(found[f"{one}s"], one, form=",") for one in ("start", "stop"))
        click.echo(
            f"\nEnded after {found['seconds']:,.0f} s: {why}.\n\n"
            f"Requests: {found['requests']:,} came, {found['answered']:,} answered{hung_up}{left}\n"
            f"Waits:    {waits}\n"
            f"Workers:  {starts}, {stops}, "
            f"{found['most_workers']:,} at most, {found['worker_seconds']:,.0f} worker-seconds"
        )


class Changes(Lines):
    """A line for each decision that does something, or says something new."""

    def __init__(self) -> None:
        self._kind = ""

    def tick(self, factors: Factors, outcome: Outcome) -> None:
        """The decision, unless it does nothing and gives the same reasons as the one before."""
        kind = kind_of(outcome)
        if outcome.actions or kind != self._kind:
            super().tick(factors, outcome)
        self._kind = kind


class Tables(Lines):
    """The platform's lists as they change, and every decision."""

    def __init__(self, target: VirtualTarget) -> None:
        self._target = target
        self._workers = self._queue = ""

    def begin(self, model: Mapping[str, Any]) -> None:
        """What is modelled."""
        _introduce(model)

    def tick(self, factors: Factors, outcome: Outcome) -> None:
        """The lists where they have changed, and the decision."""
        workers = _shortened(worker_table(factors.workers or []))
        queue = _shortened(queue_table(self._target.queue)) if factors.waiting() else ""
        if workers != self._workers:
            click.echo(f"\n{workers}")
        if queue != self._queue:
            click.echo(f"\n{queue or 'Nothing waits.'}")
        if (workers, queue) != (self._workers, self._queue):
            click.echo()
        self._workers, self._queue = workers, queue
        stamp = moment(factors.observed_at) + "  "
        click.echo(stamp + sentences(outcome, indent=len(stamp)))

    def end(self, found: Mapping[str, Any], why: str) -> None:
        """Every worker that was there, and what it came to."""
        everyone = worker_table(self._target.everyone, deleted_at=self._target.deleted_at)
        click.echo(f"\nEveryone who was there:\n\n{_shortened(everyone)}")
        super().end(found, why)


class Programs(Lines):
    """JSON lines: the model, each tick, the summary."""

    def begin(self, model: Mapping[str, Any]) -> None:
        """The model, and that its loop is closed."""
        click.echo(json.dumps({"model": {"loop": "closed", **model}}))

    def tick(self, factors: Factors, outcome: Outcome) -> None:
        """The fleet, and what was decided."""
        click.echo(as_json(outcome, factors.observed_at, workers=_fleet(factors), waiting=factors.waiting()))

    def end(self, found: Mapping[str, Any], why: str) -> None:
        """The summary."""
        click.echo(json.dumps({"summary": {**found, "ended": why}}))


def _fleet(factors: Factors) -> dict[str, int | None]:
    return {
        "busy": factors.count(WorkerStatus.Busy),
        "free": factors.count(WorkerStatus.Free),
        "starting": factors.count(WorkerStatus.Inflight),
    }


def _shortened(table: str) -> str:
    head, rows = table.split("\n")[:2], table.split("\n")[2:]
    more = len(rows) - _LONGEST_LIST
    return "\n".join([*head, *rows[:_LONGEST_LIST], *([f"... and {more} more"] if more > 0 else [])])


def _introduce(model: Mapping[str, Any]) -> None:
    order = str(model["dispatch"]).replace("-", " ")
    source = f"\n          {model['source']}" if model["source"] else ""
    click.echo(
        f"Model:    a fleet in virtual time (closed loop), a decision every {model['interval']:g} s, a cold start of "
        f"{model['cold_start']:g} s,\n          one request at a time per worker, the {order} worker first\n"
        f"Load:     {model['load']}{source}\n"
        f"Scaler:   {model['scaler']}"
    )
