from __future__ import annotations

import pytest
from attrs import evolve

from everai_autoscaler import SimpleAutoScaler
from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.simulator import spread
from everai_autoscaler.simulator.compare import Candidate
from everai_autoscaler.simulator.search import Trial
from everai_autoscaler.simulator.tune import Evidence, tune
from everai_autoscaler.simulator.workload import Workload

pytest.importorskip("optuna")

PULSE = Workload("pulse", [60.0 * minute + second for minute in range(60) for second in (0, 1)], [20.0] * 120)
"""Two requests each minute, for an hour."""
SIMPLE = Candidate("simple", {"max_workers": 4, "scale_up_step": 1, "max_queue_size": 0})
RANGES = {"max_idle_time": (0, 300), "min_workers": (0, 4)}


def tuned(**options):
    return tune(SIMPLE, PULSE, **{"search": RANGES, "trials": 10, "share": 0.9, "slo": 3.0, **options})


@pytest.fixture(scope="module")
def found():
    """Ten trials with two arguments."""
    return tuned()


def test_the_best_is_the_cheapest_that_meets_the_slo(found):
    """None of the others that meet it costs less."""
    assert found.best.meets(0.9)
    assert min(trial.cost for trial in found.trials if trial.meets(0.9)) == found.best.cost
    assert found.best == found.best_trials()[0]


def test_what_was_given_is_among_the_arguments(found):
    """So that they can be run with as they are."""
    assert {"max_workers": 4, "scale_up_step": 1, "max_queue_size": 0}.items() <= found.arguments.items()
    assert set(RANGES) < set(found.arguments)


def test_the_first_trial_is_the_scalers_own_defaults(found):
    """What was found stands beside it, in training and on what was held out."""
    assert {"max_idle_time": 120, "min_workers": 1} == found.trials[0].arguments
    assert found.usual.cost is not None


def test_the_last_third_is_held_out(found):
    """It begins with a warm-up, which isn't judged."""
    (trained,), (judged,) = found.training.cells, found.held_out.cells

    assert "pulse, first two thirds" == trained.trace
    assert "pulse, last third" == judged.trace
    assert 40 == judged.metrics.requests
    assert 62 == trained.metrics.requests


@pytest.mark.slow
def test_a_seed_finds_the_same_in_several_processes(found, monkeypatch):
    """The processes have no say in what is tried."""
    monkeypatch.setattr(spread, "_WORTH_IT", 0.0)

    assert found.trials == tuned(processes=2).trials


def test_it_goes_on_where_it_was(found, tmp_path):
    """Five trials today and five tomorrow are ten."""
    resume = str(tmp_path / "study.journal")
    tuned(trials=5, resume=resume)

    assert found.trials == tuned(resume=resume).trials


def test_another_question_is_not_gone_on_with(tmp_path):
    """Trials at another cold start are no evidence."""
    resume = str(tmp_path / "study.journal")
    tuned(trials=5, resume=resume)
    with pytest.raises(ContractError, match=r"holds another search: cold_start was '30.0', and is now '60.0'"):
        tuned(resume=resume, cold_start=60.0)


def test_time_ends_it(tmp_path):
    """No batch begins after it; one at least is made."""
    found = tuned(seconds=0.0)

    assert 5 == len(found.trials)
    assert "0 s were over after 5 of 10 trials" == found.stopped


def test_workloads_of_its_own_can_be_held_out():
    """Then the whole of the others is trained on."""
    other = evolve(PULSE, name="other")
    found = tuned(trials=1, held_out=other, warm_up=0.0)

    assert [120, 120] == [found.training.cells[0].metrics.requests, found.held_out.cells[0].metrics.requests]
    assert "trained on pulse; held out: other" == found.split


def test_none_that_meets_the_slo_leaves_the_nearest():
    """And no word of over-fitting: there was no promise to keep."""
    found = tuned(slo=0.0, share=1.0, search={"max_idle_time": (0, 5)}, trials=5)

    assert not found.met
    assert "" == found.overfits
    assert max(trial.attainment for trial in found.trials) == found.best.attainment


def evidence(cost, attainment):
    return Evidence((), cost, attainment)


def test_it_overfits_where_the_slo_is_missed_on_what_was_held_out(found):
    """The sentence has both numbers."""
    missed = evolve(found, held_out=evidence(1.0, 0.5))

    assert "on what was held out only 50.00%, fewer than the wanted 90.00%" in missed.overfits


def test_it_overfits_where_little_of_the_saving_is_left(found):
    """A fifth saved in training, and nothing on what was held out."""
    first, best = Trial(0, {}, 2.0, 1.0), Trial(1, {}, 1.6, 1.0)
    saved = evolve(found, trials=(first, best), best=best, usual=evidence(2.0, 1.0), held_out=evidence(1.98, 1.0))

    assert "In training 20% less was spent" in saved.overfits
    assert "only 1% less" in saved.overfits
    assert "10% more" in evolve(saved, held_out=evidence(2.2, 1.0)).overfits
    assert "" == evolve(saved, held_out=evidence(1.7, 1.0)).overfits


@pytest.mark.parametrize(
    ("scaler", "workload", "options", "error", "why"),
    [
        (SIMPLE, PULSE, {"trials": 0}, ContractError, "trials: 0 is not a whole number of at least 1"),
        (SIMPLE, [], {}, ContractError, "no workload was given"),
        (SIMPLE, Workload("two", [0, 1], [1, 1]), {}, ContractError, "two: 2 requests in 1 s are too few"),
        (SimpleAutoScaler(), PULSE, {}, ContractError, "has its arguments already"),
        (Candidate("simple", {"max_workers": "x"}), PULSE, {}, ArgumentError, "max_workers: 'x' is not a whole number"),
    ],
)
def test_what_cannot_be_tuned_is_refused(scaler, workload, options, error, why):
    """Before anything is tried, in one line."""
    with pytest.raises(error, match=why):
        tune(scaler, workload, **options)
