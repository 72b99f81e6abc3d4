from __future__ import annotations

import pytest

from everai_autoscaler import SimpleAutoScaler
from everai_autoscaler.errors import ArgumentError, ContractError, UnknownNameError
from everai_autoscaler.simulator import spread
from everai_autoscaler.simulator.compare import Candidate, Cell, Comparison, compare, peak_of
from everai_autoscaler.simulator.workload import Workload

DAY = Workload("day", [100, 101, 102, 200, 201], [10, 10, 10, 10, 10])
NIGHT = Workload("night", [0, 200], [10, 10])
FEW, MANY = Candidate("simple", {"max_workers": 1}), Candidate("simple", {"max_workers": 4, "min_workers": 4})


@pytest.fixture(scope="module")
def compared():
    """One worker and four, on two workloads at two cold starts."""
    pytest.importorskip("highspy")
    return compare([FEW, MANY], [DAY, NIGHT], cold_starts=[10, 60], share=0.9)


def test_there_is_a_cell_for_each(compared):
    """Workload by workload, cold start by cold start, scaler by scaler."""
    places = [(cell.trace, cell.cold_start, cell.arguments["max_workers"]) for cell in compared.cells]

    assert [(trace, start, most) for trace in ("day", "night") for start in (10, 60) for most in (1, 4)] == places


def test_who_meets_the_slo_is_before_who_is_cheaper(compared):
    """One worker costs less, but on the busy day lets them wait."""
    groups = compared.groups()

    assert [4, 1] == [cell.arguments["max_workers"] for cell in groups["day", 10]]
    assert [1, 4] == [cell.arguments["max_workers"] for cell in groups["night", 10]]


def test_ranks_are_over_all_of_them(compared):
    """The mean place, on how many the SLO was met, and the cost over the best where it was."""
    ranks = {rank.label: rank for rank in compared.ranks()}

    assert (1.5, 2, 4) == (ranks[FEW.label].mean_place, ranks[FEW.label].met, ranks[FEW.label].of)
    assert (1.5, 4) == (ranks[MANY.label].mean_place, ranks[MANY.label].met)
    assert ranks[MANY.label].regret > ranks[FEW.label].regret >= 1


def test_nobody_who_meets_the_slo_is_below_the_bound(compared):
    """The bound is proven for each policy that keeps what was asked."""
    kept = [cell for cell in compared.cells if compared.meets(cell)]

    assert kept
    assert all(cell.metrics.worker_seconds >= cell.optimum.bound - 1e-6 for cell in kept)


def test_an_oracle_keeps_company_and_is_not_ranked(compared):
    """One for each workload and cold start, with the true rate for a forecast."""
    assert 4 == len(compared.oracles)
    assert {"rate-oracle"} == {cell.label for cell in compared.oracles}
    assert "rate-oracle" not in {rank.label for rank in compared.ranks()}


def test_equal_ones_share_the_better_place():
    """Two that cost the same are both first."""
    twins = [Candidate("simple", {"max_workers": 1}, label) for label in "ab"]
    compared = compare(twins, NIGHT, optima=False)

    assert [1.0, 1.0] == [rank.mean_place for rank in compared.ranks()]
    assert compared.ranks()[0].regret is None


def test_several_processes_come_to_the_same(monkeypatch):
    """In whichever process a cell was simulated."""
    monkeypatch.setattr(spread, "_WORTH_IT", 0.0)
    alone = compare([FEW, MANY], DAY, optima=False)

    assert alone == compare([FEW, MANY], DAY, optima=False, processes=2)


def test_runs_are_kept_where_they_are_wanted():
    """Else a cell is small."""
    assert [None] == [cell.run for cell in compare(["simple"], NIGHT, optima=False).cells]
    assert [2] == [len(cell.run.requests) for cell in compare(["simple"], NIGHT, optima=False, runs=True).cells]


def test_a_scaler_of_ones_own_can_be_compared():
    """An object with its arguments, beside names."""
    compared = compare([SimpleAutoScaler(max_workers=2), "simple"], NIGHT, optima=False)

    assert ["simple max_workers=2", "simple"] == [cell.label for cell in compared.cells]


def test_it_says_how_far_it_is():
    """From the first cell to the last."""
    told = []
    compare([FEW, MANY], NIGHT, optima=False, progress=told.append)

    assert [0.5, 1.0] == told


def test_the_warm_up_is_not_in_the_optimum():
    """What isn't judged isn't asked of the best schedule either."""
    pytest.importorskip("highspy")
    (cell,) = compare(["simple"], NIGHT, warm_up=100.0).cells

    assert 40.0 == pytest.approx(cell.optimum.bound), "a start and a request, and nothing of the first one"


def test_a_failure_in_the_middle_is_a_cell_that_says_so():
    """The other scalers go on."""
    late = Candidate("simple", {"max_workers": lambda: "many"}, "late")
    cells = compare([late, "simple"], NIGHT, optima=False).cells

    assert [False, True] == [cell.done for cell in cells]
    assert "max_workers" in cells[0].error
    assert (2, 0.0) == Comparison(cells, 5.0, 0.99).key(cells[0])


@pytest.mark.parametrize(
    ("scalers", "workloads", "options", "error", "why"),
    [
        (["nope"], NIGHT, {}, UnknownNameError, "scaler 'nope' is not one of"),
        ([Candidate("simple", {"most": 1})], NIGHT, {}, ArgumentError, "simple: argument 'most' is not one of"),
        (["simple", "simple"], NIGHT, {}, ContractError, "scaler 'simple' is there twice"),
        (["simple"], [NIGHT, NIGHT], {}, ContractError, "workload 'night' is there twice"),
        ([], NIGHT, {}, ContractError, "no scaler was given"),
        (["simple"], [], {}, ContractError, "no workload was given"),
        (["simple"], NIGHT, {"cold_starts": []}, ContractError, "no cold start was given"),
        (["simple"], NIGHT, {"share": 1.5}, ContractError, "share: 1.5 is not above 0 and at most 1"),
        (["simple"], NIGHT, {"slo": -1}, ContractError, "slo: -1 is not a number of seconds"),
        (["simple"], "nowhere.csv", {}, UnknownNameError, "'nowhere.csv' is not one of"),
    ],
)
def test_what_cannot_be_compared_is_refused(scalers, workloads, options, error, why):
    """Before anything is simulated, in one line."""
    with pytest.raises(error, match=why):
        compare(scalers, workloads, optima=False, **options)


def test_the_peak_is_what_nobody_waits_with():
    """One that ends as another comes needs no second worker."""
    assert 2 == peak_of(Workload("three", [0, 1, 2], [2, 2, 1]))
    assert 0 == peak_of(Workload("none", [], []))


def test_a_cell_without_a_result_has_no_regret():
    """Neither where it failed, nor where the best isn't known."""
    assert Cell("a", "simple", {}, "day", 30.0, error="no").regret is None
