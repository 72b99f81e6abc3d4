from __future__ import annotations

import pytest

from everai_autoscaler import Decider
from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.loop import run as ticks
from everai_autoscaler.runtime.store import Store, TickRow
from everai_autoscaler.simulator.real import read_records, real_run
from everai_autoscaler.testing import Clients, VirtualTarget

SECONDS = 400


def _recorded(app="app"):
    """A walk whose every decision is recorded, and the target that it was on."""
    target = VirtualTarget(cold_start=15, load=[Clients(4, service_time=10, start=5, stop=125)])
    decider = Decider("free-worker", {"max_workers": 5, "max_idle_time": 60}, app=app)
    records, end = [], target.clock.now() + SECONDS
    for tick in ticks(target, decider, clock=target.clock):
        records.append(tick.decision.record())
        if tick.factors.observed_at + 20 > end:
            return records, target
    return records, target


@pytest.fixture(scope="module")
def recorded():
    return _recorded()


@pytest.fixture(scope="module")
def run(recorded):
    return real_run(recorded[0], price=2.5)


def test_workers_are_those_that_were_there(run, recorded):
    """Each with when it started, was ready and was removed."""
    _, target = recorded
    start = run.setting.start
    expected = {worker.worker_id: worker for worker in target.everyone}

    assert set(expected) == {life.worker_id for life in run.workers}
    for life in run.workers:
        assert expected[life.worker_id].started_at == life.started_at + start
        assert expected[life.worker_id].ready_at == life.ready_at + start
        assert target.deleted_at.get(life.worker_id) == (None if life.ended_at is None else life.ended_at + start)
        assert ("removed" if life.ended_at is not None else "") == life.why


def test_requests_are_counted(run, recorded):
    """As many were answered as the workers say that are still there, or were when they were seen last."""
    answered = recorded[1].served().answered

    assert answered - 4 <= run.metrics().answered <= answered
    assert run.metrics().utilisation is not None


def test_waits_are_not_made_up(run):
    """What no record tells is not known; an assertion about it says so."""
    metrics = run.metrics()

    assert (None, None, None) == (metrics.wait_p99, metrics.slo_attainment, metrics.cold_start_delayed)
    with pytest.raises(ArgumentError, match="the waits of app aren't known"):
        run.slo(5.0)


def test_a_real_run_says_that_it_is_real(run):
    """And what it is made of."""
    said = str(run)

    assert "real: measured, not simulated" in said
    assert "single requests aren't in the records" in said
    assert ("free-worker", 20.0, 15.0) == (run.setting.scaler, run.setting.interval, run.setting.cold_start_seconds)


def test_workers_are_billed_as_in_a_simulation(run):
    """From their launch to their removal."""

    assert run.worker_seconds == pytest.approx(sum((w.ended_at or SECONDS) - max(0, w.started_at) for w in run.workers))
    assert run.cost == pytest.approx(run.worker_seconds / 3600 * 2.5)


def test_records_are_read_from_a_file(recorded, run, tmp_path):
    """A JSON line each, as commands write them."""
    path = tmp_path / "records.jsonl"
    path.write_text("".join(one.json() + "\n" for one in recorded[0]), "utf-8")

    assert len(recorded[0]) == len(read_records(path))
    assert run.workers == real_run(path).workers


def test_records_of_several_apps_need_a_word(recorded):
    """Which app is said, or the message names them."""
    both = [*recorded[0], *_recorded("other")[0]]

    with pytest.raises(ContractError, match="are of the apps app, other"):
        real_run(both)
    assert len(recorded[0]) == len(real_run(both, app="other").ticks)
    with pytest.raises(ContractError, match="none of the app 'third', only of app, other"):
        real_run(both, app="third")


@pytest.mark.parametrize(("text", "words"), [("", "has no records"), ("\n{}\n", "line 2: "), ("no", "line 1: ")])
def test_a_bad_file_is_one_line(tmp_path, text, words):
    """It names the line."""
    path = tmp_path / "records.jsonl"
    path.write_text(text, "utf-8")

    with pytest.raises(ContractError, match=words):
        real_run(path)


def test_no_file_is_one_line(tmp_path):
    """It names the file."""
    with pytest.raises(ContractError, match=r"none\.jsonl: No such file"):
        real_run(tmp_path / "none.jsonl")


def test_a_snapshot_that_is_not_known_is_not_zero():
    """Its counts are -1, and nobody has gone because of it."""
    decider = Decider("simple")
    record = decider.decision(None).record()

    assert (-1, -1) == (real_run([record]).ticks[0].busy, real_run([record]).ticks[0].waiting)


def test_the_local_runtimes_store_tells_records_and_workers(recorded, tmp_path):
    """Its records make the same run; its rows of workers say to the moment when each began, was ready and ended."""
    records, _ = recorded
    store = Store(tmp_path, clock=lambda: records[-1].observed_at)
    for record in records:
        store.write_tick("app", _stored(record))
    first, *_, last = real_run(records).workers
    row = {"id": last.worker_id, "created_at": records[0].observed_at + 170.25, "ready_at": None, "deleted_at": None}
    store.save_worker("app", {**row, "deleted_at": records[0].observed_at + 201.5})
    run = real_run(store.records("app"), workers=store.workers("app", ended=True))
    store.close()

    assert real_run(records).ticks == run.ticks
    told = {life.worker_id: life for life in run.workers}[last.worker_id]
    assert (170.25, None, 201.5) == (told.started_at, told.ready_at, told.ended_at)
    assert first in run.workers


def test_workers_of_another_time_are_left_out(recorded):
    """A store keeps workers that ended before the first record, or began after the last one."""
    start = recorded[0][0].observed_at
    rows = [
        {"id": "before", "created_at": start - 500, "ready_at": start - 400, "deleted_at": start - 100},
        {"id": "after", "created_at": start + 5000, "ready_at": None, "deleted_at": None},
    ]

    assert real_run(recorded[0]).workers == real_run(recorded[0], workers=rows).workers


def _stored(record):
    """A tick as the runtime stores it."""
    return TickRow(
        at=record.observed_at,
        took=0.0,
        lag=0.0,
        record=record.json(),
        memory=None,
        applied=None,
        operator=None,
        failure="",
        workers=[],
        queue=[],
        sample={"at": record.observed_at},
    )
