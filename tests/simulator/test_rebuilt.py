from __future__ import annotations

import pytest

from everai_autoscaler import Decider, Placeholder
from everai_autoscaler.errors import ContractError
from everai_autoscaler.loop import run
from everai_autoscaler.model import Decorator, Decorators, Factors
from everai_autoscaler.simulator.rebuilt import recorded_candidate, simulate_records
from everai_autoscaler.testing import VirtualTarget


@pytest.fixture
def day(tmp_path):
    """The records of ten minutes in which a request of ten seconds came every eight, with starts of 25 s."""
    path = tmp_path / "day.jsonl"
    target = VirtualTarget(workers=1, cold_start=25, load=[[(8.0 * one, 10.0) for one in range(60)]], start=1_000)
    decider = Decider("free-worker", {"max_workers": 4})
    with path.open("w") as lines:
        for number, tick in enumerate(run(target, decider, interval=15, clock=target.clock)):
            lines.write(tick.decision.record().json() + "\n")
            if number == 40:
                break
    return path


def test_the_model_comes_near_what_was_recorded(day):
    """On the rebuilt demand the recorded scaler costs within a fifth what it really did."""
    rebuilt = simulate_records(day)

    assert rebuilt.real.worker_seconds == pytest.approx(rebuilt.recorded.metrics.worker_seconds, rel=0.2)
    assert rebuilt.recorded.metrics == rebuilt.other.metrics


def test_what_is_not_given_is_learnt_from_the_records(day):
    """The cold start, the interval, and the workers that were there at the start."""
    rebuilt = simulate_records(day)

    assert (25.0, 15.0, 1) == (rebuilt.cold_start, rebuilt.interval, rebuilt.workers)
    assert 59 == len(rebuilt.workload), "the first was being served already"
    assert "cut off by the capacity of its day" in rebuilt.assumed[-1]


def test_other_arguments_go_beside_the_recorded_ones(day):
    """Of the recorded scaler only those change that are given; another one has its own alone."""
    assert 2 == simulate_records(day, arguments={"max_workers": 2}).other.arguments["max_workers"]
    assert {"max_workers": 2} == simulate_records(day, scaler="simple", arguments={"max_workers": 2}).other.arguments


def test_a_secret_that_is_not_in_the_record_has_to_be_given():
    """The candidate is made of the values that were used."""
    late = Placeholder(kind="Secret", name="quota", key="most")
    decider = Decider("simple", {"max_workers": late}, providers={"Secret": lambda name, key: "7"})
    record = decider.decision(Factors(observed_at=0)).record()

    with pytest.raises(ContractError, match="max_workers is a secret that it doesn't hold: give its value"):
        recorded_candidate(record, {})
    assert 7 == recorded_candidate(record, {"max_workers": 7}).arguments["max_workers"]


def test_its_decorators_go_round_it():
    """Those of the snapshot; what decorators of arguments chose is in the values."""
    around = Decorators(factors=[Decorator(name="average", arguments={"used_histories": 3})])
    record = Decider("simple", {"max_workers": 7}, decorators=around).decision(Factors(observed_at=0)).record()

    assert ["average"] == [one.name for one in recorded_candidate(record, {}).decorators.factors]
