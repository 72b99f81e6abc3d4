"""The tuner in the arena: what is played, and the page that tells of it."""

from __future__ import annotations

import gzip
import json
import math

import pytest
from attrs import asdict

pytest.importorskip("numba")

from benchmarks.arena.bout import Best, Kept, load
from benchmarks.arena.own import main, tasks
from benchmarks.arena.own_page import page
from benchmarks.arena.rehearsed import VARIANTS, Own, Runs, apps
from everai_autoscaler.tuning import Book

CODE = "azure_llm_code_2023"


def own(**changed):
    """A run of a quarter of a million worker-seconds."""
    values = {"trace": CODE, "cold_start": 30.0, "period": 5.0, "variant": "as shipped", "requests": 1000}
    values |= {"worker_seconds": 250_000.0, "share": 0.995, "first_hour": 0.99, "worst_hour": 0.9, "wait_p99": 4.0}
    values |= {"switches": 2, "rule": "1*now", "late_of_allowed": 0.5, "hindsight": 200_000.0, "took": 1.0}
    return Own(**{**values, **changed})


@pytest.fixture
def kept(tmp_path):
    """An arena that knows one optimum of 100,000 worker-seconds, for each cold start."""
    kept = Kept(tmp_path / "kept")
    for cold in (10.0, 30.0, 120.0):
        kept.add_best(Best(CODE, cold, 5.0, 90_000.0, 100_000.0, "", "", 9, 300_000.0, 1.0))
    return kept


def test_a_field_has_cost_and_shares(kept):
    """Over the best schedule known; bold where the SLO was met; what wasn't played is said."""
    told = page({CODE: CODE}, kept, [own(), own(cold_start=10.0, share=0.98)])

    assert f"| `{CODE}` | 2.50, 98.00 % (99.0, 90.0) | **2.50**, 99.50 % (99.0, 90.0) | not played |" in told
    assert "On the first four traces: met in 1 of 2 cells, at 2.50 times" in told


def test_a_miss_is_told_with_what_was_possible(kept):
    """Whether any rule of the book would have met the SLO."""
    told = page({CODE: CODE}, kept, [own(share=0.98), own(cold_start=10.0, share=0.97, hindsight=math.nan)])

    assert "97.00 %, at 2.50 times the best schedule; 99.0 % of the first hour. In hindsight no rule" in told
    assert "98.00 %, at 2.50 times the best schedule; 99.0 % of the first hour. In hindsight some rule" in told


def test_apps_are_told_over_the_best_rule_in_hindsight(kept):
    """An app has no optimum."""
    told = page({CODE: CODE}, kept, [own(trace="app: fn1, 6 s")])

    assert "| fn1, 6 s | 1,000 | not played | **1.25**, 99.50 % | not played |" in told
    assert "Met in 1 of 1 cells, at a median of 1.25 times the best rule in hindsight." in told


def test_runs_are_kept(tmp_path):
    """A later command finds them, and plays what is missing: the longest list first."""
    file = tmp_path / "own.jsonl"
    Runs(file).add(own())
    runs = Runs(file)
    due = [task.what for task in tasks({CODE: CODE}, None, runs)]

    assert [asdict(own())] == [asdict(one) for one in runs.found.values()]
    assert 6 - 1 + 3 * (len(VARIANTS) - 1) == len(due)
    assert f"as shipped: {CODE} at 10 s, a decision every 5 s" == due[0]


def test_what_is_left_out_of_the_book_keeps_its_start():
    """Half of it, rules of one term, rules that look ahead."""
    book = Book.shipped()
    sizes = {name: len(variant.book(book)) for name, variant in VARIANTS.items()}

    assert len(book) == sizes["as shipped"] == sizes["aim"]
    assert all(variant.book(book).start == book.start for variant in VARIANTS.values())
    assert 1 < min(sizes.values())


def test_apps_of_a_table_of_counts(tmp_path):
    """As they are with short services, a tenth of them with long ones; an app that is hardly called is left out."""
    file = tmp_path / "apps.csv.gz"
    with gzip.open(file, "wt") as lines:
        lines.write(",".join(["minute", *(f"a{place}" for place in range(10))]) + "\n")
        lines.writelines(",".join(map(str, [minute, 400, *[1] * 9])) + "\n" for minute in range(10))
    found = apps(file)

    assert ["a0, 0.5 s", "a0, 6 s"] == list(found)
    assert [4000, 400] == [len(one) for one in found.values()]
    assert all(0 <= came < 600 for came in found["a0, 6 s"].arrivals)


@pytest.mark.slow
def test_it_plays_and_writes_its_page(tmp_path, capsys):
    """A second call plays nothing again."""
    traces = tmp_path / "traces"
    traces.mkdir()
    with gzip.open(traces / "short.csv.gz", "wt") as lines:
        lines.write("arrival_s,service_s\n" + "".join(f"{5 * row},4\n" for row in range(200)))
    command = ["--traces", str(traces), "--results", str(tmp_path / "kept"), "--page", str(tmp_path / "page.md")]

    assert 0 == main(command)
    kept = [json.loads(line) for line in (tmp_path / "kept" / "own.jsonl").read_text().splitlines()]
    assert 6 == len(kept)
    assert {1.0} == {one["share"] for one in kept}
    assert 0 == main(command)
    assert "short at 30 s" not in capsys.readouterr().out.split("wrote")[1]
    load.cache_clear()
