"""Real runs in the form of simulated ones, out of the records of their decisions, so that the same code measures them.

A record tells what was seen at each decision: the workers, the queue, and how many requests were answered. It doesn't
tell single requests; how long they waited is not known, and nothing is made up for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from attrs import define

from everai_autoscaler.errors import ContractError, words_of
from everai_autoscaler.model import Record, Worker, WorkerStatus
from everai_autoscaler.simulator.run import Life, Requests, Run, Setting, TickRow
from everai_autoscaler.simulator.totals import Tally, Totals
from everai_autoscaler.simulator.workload import Workload
from everai_autoscaler.words import counted

__all__ = ["read_records", "real_run"]

_ASSUMED = (
    "single requests aren't in the records: waits, the SLO attainment and cold-start delays aren't known",
    "what was done is taken to be what was decided",
    "a worker ends when a decision removes it, or else at the first decision that doesn't see it any more",
    "requests are counted from the workers' own counters: what a worker answered after it was last seen is missing",
    "the elasticity metrics are of what was seen at each decision, which stands until the next one",
)


def read_records(path: str | Path) -> list[Record]:
    """The records in the file *path*, a JSON line each, as ``run --record`` and ``walk --record`` write them.

    Raises:
        ContractError: no such file, none in it, or a line that is no record; names the line.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{path}: {getattr(error, 'strerror', None) or words_of(error)}") from error
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                records.append(Record.from_json(line))
            except ContractError as error:
                raise ContractError(f"{path}: line {number}: {words_of(error)}") from error
    if not records:
        raise ContractError(f"{path}: has no records")
    return records


def real_run(
    records: str | Path | Iterable[Record],
    *,
    app: str = "",
    price: float | None = None,
    workers: Iterable[Mapping[str, Any]] = (),
) -> Run:
    """The run that *records* are of; its ``setting.loop`` is ``real``.

    Its ``totals`` hold what is known of its requests; ``None`` there, and in its metrics, means "not known".

    Args:
        records: records of decisions about one app, in any order, or the path of a file with them, a JSON line each.
        app: which app, where they are of several.
        price: what an hour of one worker costs, where the workers don't say it themselves.
        workers: rows of the workers, where those are kept, as the local runtime's store lists them: with ``id``,
            ``created_at``, ``ready_at`` and ``deleted_at`` (epoch seconds). They are exact, where a snapshot shows
            only that a worker was gone since the one before.

    >>> from everai_autoscaler import Decider
    >>> from everai_autoscaler.testing import snapshot
    >>> decider = Decider("simple", {"max_workers": 3})
    >>> seen = [snapshot(busy=1, waiting=waiting, observed_at=1000 + 20 * waiting) for waiting in range(3)]
    >>> records = [decider.decision(factors).record() for factors in seen]
    >>> run = real_run(records)
    >>> run.setting.loop, [tick.waiting for tick in run.ticks], run.metrics().wait_p99
    ('real', [0, 1, 2], None)

    Raises:
        ContractError: no records, or those of several apps where *app* doesn't say which.
    """
    told = read_records(records) if isinstance(records, str | Path) else list(records)
    apps = sorted({record.app for record in told})
    if app:
        told = [record for record in told if record.app == app]
    elif len(apps) > 1:
        raise ContractError(f"records: are of the apps {', '.join(apps)}: say which one with app")
    if not told:
        of_app = f" of the app {app!r}, only of {', '.join(apps)}" if app else ""
        raise ContractError(f"records: none{of_app}")
    told.sort(key=lambda record: record.observed_at)
    return _run(told, price, list(workers))


def _run(records: Sequence[Record], price: float | None, rows: Sequence[Mapping[str, Any]]) -> Run:
    first, last = records[0], records[-1]
    start = first.observed_at
    ended_at = last.observed_at - start
    fleet: dict[str, _Seen] = {}
    tally = Tally(concurrency=_concurrency(records))
    ticks = []
    for record in records:
        _look(record, fleet, start)
        row = _row(record, record.observed_at - start)
        tally.tick(row)
        ticks.append(row)
    for told in rows:
        _tell(told, fleet, start, ended_at)
    followed = tally.totals(ended_at)
    lives = tuple(seen.life() for seen in sorted(fleet.values(), key=lambda seen: seen.started_at))
    gaps = [after.at - before.at for before, after in pairwise(ticks)]
    starts = [life.ready_at - life.started_at for life in lives if life.ready_at is not None and life.started_at >= 0]
    setting = Setting(
        scaler=last.scaler,
        arguments={name: one.value for name, one in last.arguments.items() if one.source != "default"},
        cold_start=f"{median(starts):.4g} s (the median of {len(starts)} starts that were seen)"
        if starts
        else "not known",
        cold_start_seconds=median(starts) if starts else None,
        interval=median(gaps) if gaps else 20.0,
        dispatch="not known",
        concurrency=_concurrency(records),
        workers=sum(life.ready_at is not None and life.ready_at <= 0 for life in lives),
        price=price,
        loop="real",
        start=start,
        assumed=_ASSUMED,
    )
    answered = sum(seen.answered for seen in fleet.values())
    there = [_there(record) for record in (first, last)]
    totals = Totals(
        requests=max(0, answered + there[1] - there[0]),
        answered=answered,
        waiting_at_end=max(0, ticks[-1].waiting),
        served=sum(seen.served for seen in fleet.values()),
        elasticity=followed.elasticity,
        decisions=followed.decisions,
        held=followed.held,
        failed=followed.failed,
        flaps=followed.flaps,
    )
    columns = Requests(array("d"), array("d"), array("d"), array("d"), array("q"))
    workload = Workload(first.app, [], [], start=start, source=counted(len(records), "recorded decision"))
    return Run(workload, setting, columns, lives, tuple(ticks), ended_at, totals)


@define
class _Seen:
    """What the snapshots tell of one worker; seconds from the first of them."""

    worker_id: str
    started_at: float
    ready_at: float | None
    cost: float | None
    answered: int = 0
    """Requests that it answered since it was seen first, or since it started where that was later than the start."""
    served: float = 0.0
    ended_at: float | None = None
    why: str = ""
    removed_at: float | None = None
    """When a decision removed it; it may drain for a while."""
    seen_at: float = 0.0
    _counted: int = 0
    _took: float = 0.0

    @classmethod
    def of(cls, worker: Worker, start: float, now: float) -> _Seen:
        """It is seen for the first time, *now*."""
        seen = cls(worker.worker_id, worker.started_at - start, None, worker.cost)
        if now == 0:  # what it did before the first record is no part of the run
            seen._counted, seen._took = _answers(worker), _took(worker)
        else:  # its whole second may be the one before
            seen.started_at = max(0.0, seen.started_at)
        return seen

    def look(self, worker: Worker, start: float, now: float) -> None:
        """It was there *now*."""
        if self.ready_at is None and worker.status is not WorkerStatus.Inflight:
            self.ready_at = now if worker.ready_at is None else worker.ready_at - start
        self.answered += max(0, _answers(worker) - self._counted)
        self.served += max(0.0, _took(worker) - self._took)
        self._counted, self._took = _answers(worker), _took(worker)
        self.seen_at, self.ended_at, self.why = now, None, ""

    def miss(self, now: float) -> None:
        """It wasn't there any more *now*."""
        if self.ended_at is None:
            self.why = "gone" if self.removed_at is None else "removed"
            at_once = self.removed_at is not None and self.seen_at <= self.removed_at
            self.ended_at = self.removed_at if at_once else now

    def life(self) -> Life:
        """The form of a run."""
        return Life(self.worker_id, self.started_at, self.ready_at, self.ended_at, self.why, self.cost)


def _look(record: Record, fleet: dict[str, _Seen], start: float) -> None:
    now = record.observed_at - start
    workers = None if record.snapshot is None else record.snapshot.workers
    if workers is not None:
        listed = {worker.worker_id: worker for worker in workers}
        for worker_id, worker in listed.items():
            fleet.setdefault(worker_id, _Seen.of(worker, start, now)).look(worker, start, now)
        for worker_id, seen in fleet.items():
            if worker_id not in listed:
                seen.miss(now)
    for worker_id in _actions(record)[1]:
        if worker_id in fleet:
            fleet[worker_id].removed_at = now


def _tell(row: Mapping[str, Any], fleet: dict[str, _Seen], start: float, ended_at: float) -> None:
    """What the *row* of a worker says, which goes before what snapshots showed."""
    began, ready, gone = (row.get(name) for name in ("created_at", "ready_at", "deleted_at"))
    if not isinstance(began, int | float) or began - start > ended_at or (gone is not None and gone < start):
        return  # it is of another time
    seen = fleet.setdefault(str(row.get("id", "")), _Seen(str(row.get("id", "")), 0.0, None, None))
    seen.started_at, seen.ready_at = began - start, None if ready is None else ready - start
    seen.ended_at = None if gone is None or gone - start > ended_at else gone - start
    seen.why = "" if seen.ended_at is None else "gone" if seen.removed_at is None else "removed"


def _row(record: Record, at: float) -> TickRow:
    snapshot = record.snapshot
    workers = None if snapshot is None else snapshot.workers
    waiting = None if snapshot is None else snapshot.waiting()
    up, down = _actions(record)
    counts = dict.fromkeys(("free", "busy", "inflight", "draining"), -1)
    if workers is not None:
        counts = dict.fromkeys(counts, 0)
        for worker in workers:
            counts[worker.status.value.lower()] += 1
            counts["draining"] += bool(worker.draining)
    return TickRow(
        at=at,
        **counts,
        waiting=-1 if waiting is None else waiting,
        up=up,
        down=len(down),
        held=record.result.held,
        reasons=tuple(map(str, record.result.reasons)),
        failure=record.error or "",
    )


def _actions(record: Record) -> tuple[int, list[str]]:
    """How many workers were started, and which were removed."""
    up, down = 0, []
    for action in record.result.actions:
        if isinstance(action, dict):
            up += int(str(action.get("count") or 0))
            if action.get("worker_id"):
                down.append(str(action["worker_id"]))
    return up, down


def _concurrency(records: Sequence[Record]) -> int:
    seen = [worker.concurrency for one in records if one.snapshot for worker in one.snapshot.workers or ()]
    return max((one for one in seen if one), default=1)


def _there(record: Record) -> int:
    """Requests that wait or are being served."""
    if record.snapshot is None:
        return 0
    served = sum(worker.current_request for worker in record.snapshot.workers or ())
    return served + (record.snapshot.waiting() or 0)


def _answers(worker: Worker) -> int:
    return worker.number_of_successes + worker.number_of_failures


def _took(worker: Worker) -> float:
    return worker.average_response_time * _answers(worker)
