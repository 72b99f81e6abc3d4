from __future__ import annotations

import sys

import pytest

from everai_autoscaler.errors import ContractError, MissingExtraError
from everai_autoscaler.simulator.search import BATCH, Search
from everai_autoscaler.simulator.searched import Searched

pytest.importorskip("optuna")

RANGES = (Searched("idle", 0, 600, whole=True), Searched("gain", 0.1, 10, whole=False))
FIRST = {"idle": 120, "gain": 1.0}


def search(path=None, seed=1, question="the same"):
    kept = None if path is None else str(path)
    return Search(RANGES, share=0.99, seed=seed, first=FIRST, question={"scaler": question}, path=kept)


def go_on(found, count):
    """Make trials until there are *count*; a low gain is cheap, and too low a one is late."""
    while len(found.trials) < count:
        for number, arguments in found.ask(BATCH):
            found.tell(number, cost=arguments["gain"] + arguments["idle"] / 600, attainment=min(1, arguments["gain"]))
    return found.trials


def test_the_first_trial_is_the_given_one():
    """So that what is found is never worse than what there was."""
    first = go_on(search(), BATCH)[0]

    assert (0, FIRST) == (first.number, first.arguments)


def test_a_seed_finds_the_same_again():
    """And another seed something else."""
    trials = go_on(search(), 20)

    assert trials == go_on(search(), 20)
    assert trials != go_on(search(seed=2), 20)


def test_it_finds_better_ones_that_keep_the_share():
    """The cheapest lies at the edge of what is allowed, and is approached from the right side."""
    trials = go_on(search(), 40)
    allowed = [trial for trial in trials if trial.meets(0.99)]

    assert min(trial.cost for trial in allowed[1:]) < trials[0].cost + 0.2


@pytest.mark.parametrize(("name", "count"), [("study.journal", 20), ("study.db", 2 * BATCH)])
def test_one_that_goes_on_asks_what_one_in_a_piece_does(tmp_path, name, count):
    """What was tried is in the file, and the same is tried next."""
    go_on(search(tmp_path / name), count // 2)

    assert go_on(search(), count) == go_on(search(tmp_path / name), count)


def test_an_interrupted_batch_is_asked_again(tmp_path):
    """Trials that were asked and never told leave no trace."""
    go_on(search(tmp_path / "study.journal"), 10)
    search(tmp_path / "study.journal").ask(BATCH)

    assert go_on(search(), 20) == go_on(search(tmp_path / "study.journal"), 20)


def test_a_failure_is_a_trial_too():
    """It counts, and says why it has no cost."""
    found = search()
    ((number, _), *_) = found.ask(BATCH)
    found.tell(number, cost=None, attainment=0.0, error="no such worker")

    assert [(None, "no such worker")] == [(trial.cost, trial.error) for trial in found.trials]


def test_another_search_is_not_gone_on_with(tmp_path):
    """The file says what was searched, and the error what differs."""
    search(tmp_path / "study.journal")
    with pytest.raises(ContractError, match="holds another search: scaler was 'the same', and is now 'another'"):
        search(tmp_path / "study.journal", question="another")


@pytest.mark.parametrize("name", ["notes.txt", "notes.db", "none/study.journal", "none/study.db"])
def test_a_file_that_is_none_of_a_search_is_refused(tmp_path, name):
    """In one line that names it; what it holds is left as it is."""
    (tmp_path / "notes.txt").write_text("milk\n")
    (tmp_path / "notes.db").write_text("milk\n" * 100)
    with pytest.raises(ContractError, match="can't be used to keep a search in") as error:
        search(tmp_path / name)

    assert str(tmp_path / name) in str(error.value)
    assert "\n" not in str(error.value)
    assert "milk\n" == (tmp_path / "notes.txt").read_text()


def test_without_optuna_the_pip_line_is_shown(monkeypatch):
    """The search is what the extra brings."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'everai-autoscaler\[simulator\]'"):
        search()
