"""The tuner: what it says, what it keeps, and what it does about gaps, silence and requests that aren't answered."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from bisect import bisect_left
from typing import Any

import pytest
from attrs import evolve

from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.simulator import Workload, generate
from everai_autoscaler.simulator.processes import Poisson
from everai_autoscaler.tuning import Book, Candidate, Choice, Constants, Slo, Spent, Traffic, Tuner

pytest.importorskip("numba")

RULES = ["1*now[1200s] + 1.5*root + 1", "0.2*now[60s]", "1*now[300s] + 0.7*root", "1*now[300s] + 0.7*root + 9"]
BOOK = Book([Candidate("demand", {"rule": rule, "min_workers": 1}) for rule in RULES])
FIXED = {"max_workers": 60}
ABOUT: dict[str, Any] = {"cold_start": 10.0, "period": 5.0}


def load(rate: float = 1.0, seconds: float = 3600.0) -> Workload:
    return generate(Poisson(rate), service="exponential:4", duration=seconds, seed=5)


def part(workload: Workload, start: float, until: float, **about: Any) -> Traffic:
    first, last = bisect_left(workload.arrivals, start), bisect_left(workload.arrivals, until)
    columns = workload.arrivals[first:last], workload.services[first:last]
    return Traffic(*columns, start=start, until=until, **{**ABOUT, **about})


def learnt(tuner: Tuner, workload: Workload, start: float, until: float) -> list[Choice]:
    found = []
    while start < until:
        traffic = part(workload, start, start + 300.0)
        found.append(tuner.learn(traffic, spent=Spent(len(traffic), 0, worker_seconds=6000.0)))
        start += 300.0
    return found


def test_it_begins_with_the_start_of_the_book_and_finds_a_cheaper_one() -> None:
    """Steady traffic needs neither a window of twenty minutes nor nine workers more."""
    tuner = Tuner(BOOK, fixed=FIXED, workers=8)
    first, *_, last = learnt(tuner, load(), 0.0, 3600.0)

    assert tuner.in_force == last.candidate == BOOK[2]
    assert not [one for one in (first, last) if one.standing is None]
    assert (last.standing or first.standing) is not None
    assert last.share is not None
    assert last.share > 0.99
    assert last.saving is not None
    assert last.saving > 0.3
    assert {0, 1, 3} == {one.number for one in last.runners_up}


def test_each_choice_says_why_with_its_numbers() -> None:
    """The sentence names the evidence, the saving, the share in time and the budget."""
    tuner = Tuner(BOOK, fixed=FIXED, workers=8)
    choices = learnt(tuner, load(), 0.0, 1500.0)
    switch = next(one for one in choices if one.switched)

    assert f"candidate {switch.number} on" in switch.why
    assert "% cheaper than candidate 0" in switch.why
    assert "within 5 s (reckoned late share" in switch.why
    assert "candidate 2 stays on" in choices[-1].why or choices[-1].switched


def test_too_little_traffic_leaves_everything_as_it_is() -> None:
    """Fewer than a hundred requests are no evidence, and what is assumed is said."""
    tuner = Tuner(BOOK, fixed=FIXED)
    choice = tuner.learn(part(load(0.1), 0.0, 300.0, assumed="requests are spread over each minute"))

    assert 0 == choice.number
    assert choice.standing is None
    assert "requests of at least 100 are evidence: demand rule=" in choice.why
    assert choice.why.endswith("requests are spread over each minute")


def test_a_day_with_no_traffic_changes_nothing() -> None:
    """What was chosen stays, and what is known of the budget fades."""
    tuner = Tuner(BOOK, fixed=FIXED, workers=8)
    before = learnt(tuner, load(), 0.0, 3600.0)[-1]
    after = tuner.learn(Traffic([], [], start=3600.0, until=3600.0 + 86_400, **ABOUT), spent=Spent(0, 0))

    assert before.number == after.number
    assert not after.switched
    assert after.budget.due < before.budget.due


def test_a_dearer_candidate_is_chosen_when_too_much_was_late() -> None:
    """What was really late narrows the budget, whatever the replay says."""
    constants = Constants(first_requests=10)
    tight, wide = (Tuner(BOOK, fixed=FIXED, constants=constants, workers=8) for _ in range(2))
    traffic = part(load(), 0.0, 3600.0)
    allowed = [
        tuner.learn(traffic, spent=Spent(3000, late)).budget.allowed for tuner, late in ((tight, 300), (wide, 0))
    ]

    assert allowed[0] < allowed[1]
    assert pytest.approx(0.004) == allowed[0]


def test_a_killed_tuner_goes_on_as_if_nothing_had_happened() -> None:
    """Its state is JSON; the next choice is the same to the last bit."""
    whole = Tuner(BOOK, fixed=FIXED, workers=8)
    learnt(whole, load(), 0.0, 1500.0)
    state = json.loads(json.dumps(whole.state()))
    resumed = Tuner.resume(state, BOOK, fixed=FIXED)

    assert not resumed.afresh
    assert whole.since == resumed.since
    assert learnt(whole, load(), 1500.0, 3600.0)[-1] == learnt(resumed, load(), 1500.0, 3600.0)[-1]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 0}, r"of another version \(0, now \d+\)"),
        ({"book": "other"}, "of another book"),
        ({"slo": {"within": 1.0, "share": 0.5}}, "of another slo"),
        ({"fleets": {}}, "can't be read"),
        ({"number": 17}, "4 candidates"),
    ],
)
def test_a_state_of_something_else_begins_afresh_and_says_so(change: dict[str, Any], why: str) -> None:
    """Nothing of it is taken over."""
    tuner = Tuner(BOOK, fixed=FIXED, workers=8)
    learnt(tuner, load(), 0.0, 600.0)
    resumed = Tuner.resume({**tuner.state(), **change}, BOOK, fixed=FIXED)

    assert re.search(why, resumed.afresh)
    assert resumed.afresh.endswith("the tuner begins afresh")
    assert resumed.since is None
    assert resumed.number == 0


def test_no_state_is_nothing_to_say() -> None:
    """The first start isn't a loss."""
    assert not Tuner.resume(None, BOOK, fixed=FIXED).afresh
    assert "not a state of a tuner" in Tuner.resume(7, BOOK, fixed=FIXED).afresh


def test_requests_that_are_not_answered_are_told_again() -> None:
    """What follows the first of them is played for one choice only; told to its end, it is as if never guessed."""
    workload = load()
    whole, guessing = (Tuner(BOOK, fixed=FIXED, workers=8) for _ in range(2))
    whole.learn(part(workload, 0.0, 300.0))
    whole.learn(part(workload, 300.0, 600.0))
    first = part(workload, 0.0, 300.0)
    late = bisect_left(first.arrivals, 280.0)
    guessing.learn(evolve(first, unanswered=[late, len(first) - 1]))
    since = guessing.since

    assert first.arrivals[late] == since
    guessing.learn(part(workload, since or 0.0, 600.0))
    assert pytest.approx(whole.choice.standing.workers, rel=1e-4) == guessing.choice.standing.workers
    assert pytest.approx(whole.choice.share, rel=1e-4) == guessing.choice.share


def test_a_request_that_hangs_is_waited_for_one_block_at_most() -> None:
    """After five minutes it is taken to have taken so long."""
    workload = load()
    tuner = Tuner(BOOK, fixed=FIXED, workers=8)
    tuner.learn(evolve(part(workload, 0.0, 900.0), unanswered=[0]))

    assert 600.0 == tuner.since


def test_a_gap_is_a_restart_and_no_evidence() -> None:
    """The fleets go on; a clock that was set back is the same."""
    tuner = Tuner(BOOK, fixed=FIXED, workers=8)
    before = learnt(tuner, load(), 0.0, 1500.0)[-1]
    after = tuner.learn(part(load(), 3000.0, 3300.0))
    back = tuner.learn(part(load(), 600.0, 900.0))

    assert before.number == after.number == back.number
    assert pytest.approx(before.hours + 2 * 300 / 3600, rel=0.03) == back.hours
    assert 900.0 == tuner.since


def test_what_is_wrong_with_a_candidate_is_said_at_once() -> None:
    """Before any traffic comes."""
    with pytest.raises(ArgumentError, match="every: 0 is not"):
        Tuner(BOOK, every=0)
    with pytest.raises(UnknownNameError, match="simpel"):
        Tuner(Book([Candidate("simpel")]))
    with pytest.raises(ArgumentError, match="the term"):
        Tuner(Book([Candidate("demand", {"rule": "more"})]))


@pytest.mark.parametrize("missing", ["numba", "numpy"])
def test_without_the_extra_the_line_that_installs_it_is_said(missing: str) -> None:
    """The forms and books need nothing; a tuner does."""
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from everai_autoscaler.tuning import Book, Tuner\n"
        "from everai_autoscaler.errors import MissingExtraError\n"
        "Book.shipped()\n"
        "try:\n    Tuner()\nexcept MissingExtraError as error:\n    print(error)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert f"{missing} is missing: pip install 'everai-autoscaler[simulator]'" == printed.strip()


def test_candidates_of_any_scaler_are_compared() -> None:
    """A book may have rules of demand beside other scalers; each costs what it costs in the simulation."""
    book = Book(
        [
            Candidate("simple", {"max_queue_size": 1, "max_idle_time": 60}),
            Candidate("demand", {"rule": "1*now[300s] + 0.7*root"}),
            Candidate("free-worker", {"min_free_workers": 2, "max_idle_time": 60}),
        ]
    )
    tuner = Tuner(book, slo=Slo(share=0.9), fixed={"max_workers": 20}, workers=4)
    workload = load(0.5, 1800.0)
    for start in range(0, 1200, 300):
        tuner.learn(part(workload, start, start + 300.0, period=20.0))
    resumed = Tuner.resume(json.loads(json.dumps(tuner.state())), book, slo=Slo(share=0.9), fixed=tuner.fixed)
    choices = [one.learn(part(workload, 1200.0, 1500.0, period=20.0)) for one in (tuner, resumed)]

    assert not resumed.afresh
    assert choices[0] == choices[1]
    standings = {one.number: one for one in (choices[0].standing, *choices[0].runners_up) if one is not None}
    assert {0, 1, 2} == set(standings)
    assert all(0 < one.workers <= 20 for one in standings.values())
