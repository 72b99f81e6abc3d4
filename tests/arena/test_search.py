"""How the arena tunes, keeps its results and writes its page."""

from __future__ import annotations

import gzip
import random

import pytest

from benchmarks.arena.bout import Best, Bout, Kept, Result, load, play, starts_with
from benchmarks.arena.page import page
from benchmarks.arena.roster import PEERS, made
from benchmarks.arena.search import search
from everai_autoscaler.simulator.workload import Workload


@pytest.fixture
def trace(tmp_path):
    """Ten minutes of about one request in 5 s, of 5 s each."""
    chance = random.Random(7)
    seconds = sorted(600 * chance.random() for _ in range(120))
    file = tmp_path / "small.csv.gz"
    with gzip.open(file, "wt") as written:
        written.write("arrival_s,service_s\n" + "".join(f"{second:.3f},5\n" for second in seconds))
    yield str(file)
    load.cache_clear()


def _result(in_time, seconds=100.0):
    return Result(Bout("t", 30, "simple"), seconds, in_time, 1, 1, 1, 0, 0, 0)


def test_what_meets_the_slo_comes_first():
    """A dear run that meets the SLO is better than a cheap one that misses it, and of two that meet it the cheaper."""
    dear, cheap, missing = _result((0.99, 1.0), 200), _result((0.995, 1.0), 150), _result((0.98, 1.0), 50)

    assert [cheap, dear, missing] == sorted([missing, dear, cheap], key=lambda one: one.order(0))
    assert [missing, cheap, dear] == sorted([dear, cheap, missing], key=lambda one: one.order(1))


def test_everybody_begins_with_the_same_fleet():
    """The mean load of the first ten minutes, and a quarter more; at least one."""
    assert 5 == starts_with(Workload("steady", [float(second) for second in range(1200)], [4.0] * 1200))
    assert 1 == starts_with(Workload("empty", [], []))


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_value_of_every_grid_is_accepted(peer):
    """No run of a search fails on its arguments."""
    for name, values in peer.grid.items():
        for value in values:
            made(peer, {name: value})


def test_a_search_is_the_same_each_time_and_goes_on_where_it_was(trace):
    """Six runs at once are the same as three and then three more."""
    bout = Bout("small", 10.0, "free-worker")
    default = play(trace, bout)
    at_once = search(trace, bout, [default], 6)
    again = search(trace, bout, [default], 6)

    assert [one.bout for one in at_once] == [one.bout for one in again]
    assert 5 == len({one.bout for one in at_once})
    assert 6 == 4 + len(search(trace, bout, [default, *at_once[:3]], 6))


@pytest.mark.parametrize("peer", ["SkyServe request rate", "Dask adaptive"])
def test_arguments_in_units_of_the_trace_can_be_tuned(trace, peer):
    """A rate for each worker, and a duration, are multiples of what the trace has."""
    bout = Bout("small", 10.0, peer)
    found = search(trace, bout, [play(trace, bout)], 6)

    assert 5 == len(found)
    assert all(one.failed == one.killed == 0 for one in found)


def test_results_are_found_again(tmp_path):
    """What was kept is read again, with its arguments."""
    bout = Bout("t", 30.0, "simple", (("max_idle_time", 60), ("scale_up_step", 2)))
    result = Result(bout, 10.0, (0.5, 1.0), 2.0, 1.0, 3, 0, 0, 0.1)
    best = Best("t", 30.0, 5.0, 8.0, 9.0, "b", "s", 2, 20.0, 0.1)
    kept = Kept(tmp_path)
    kept.add([result, result])
    kept.add_best(best)

    assert {bout: result} == Kept(tmp_path).results
    assert {("t", 30.0, 5.0): best} == Kept(tmp_path).optima


def test_the_cheapest_schedule_known_may_be_that_of_a_run(tmp_path):
    """A run that meets the SLO is a schedule; one that misses it is none."""
    best, kept = Best("t", 30, 5.0, 8.0, 90.0, "b", "s", 2, 80.0, 0.1), Kept(tmp_path)

    assert 80.0 == kept.cheapest(best)
    kept.add([_result((0.98, 1.0), 60.0)])
    assert 80.0 == kept.cheapest(best)
    assert 60.0 == kept.cheapest(Best("t", 30, 30.0, 8.0, 90.0, "b", "s", 2, 80.0, 0.1))


def test_the_page_says_what_was_played_and_what_was_not(trace, tmp_path):
    """A page of a few results has its tables, and leaves empty what is missing."""
    kept = Kept(tmp_path / "results")
    kept.add([play(trace, Bout("small", 30.0, peer.name)) for peer in PEERS])
    kept.apps = {"hours": 6.0, "start_up": 65.0, "requests": 1234, "table": "| 16 | AIAD |"}
    for limit in (5.0, 30.0):
        kept.add_best(Best("small", 30.0, limit, 700.0, 800.0, "b", "s", 2, 1300.0, 0.1))
    text = page({"small": trace}, kept, (30.0, 10.0, 120.0))

    assert "### `small`, within 5 s" in text
    assert "none was tuned yet" in text
    assert "| `small` | 30 s | 5 s | 0.19 | 0.22 | 1.143 | 2 |" in text
    assert "1,234 requests in 6 hours" in text
    assert "| 16 | AIAD |" in text
    assert all(f"| {peer.name} |" in text for peer in PEERS)
