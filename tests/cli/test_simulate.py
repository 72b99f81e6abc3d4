"""``simulate``: what a policy would have cost, and how good anything could be."""

from __future__ import annotations

import json
import sys

import pytest

ROWS = [(0, 10), (1, 10), (2, 10), (300, 10), (301, 10)]


@pytest.fixture
def trace(tmp_path):
    """Five requests of ten seconds, two bursts of them."""
    path = tmp_path / "five.csv"
    path.write_text("arrival_s,service_s\n" + "".join(f"{came},{service}\n" for came, service in ROWS))
    return path


@pytest.fixture
def simulate(run, trace):
    """Simulates ``simple`` with at most three workers on the five requests, without the optimum."""

    def invoke(*options, best="--no-optimum"):
        scaler = [] if "-f" in options else ["--scaler", "simple"]
        return run("simulate", *scaler, "-a", "max_workers=3", "--trace", trace, best, *options)

    return invoke


def test_the_table_says_cost_waits_and_what_was_assumed(simulate):
    """Somebody who has never seen the tool finds price, SLO and the kind of loop."""
    result = simulate("--price", 3.6)

    assert 0 == result.exit_code
    for said in (
        "SLO attainment",
        "wait p99",
        "cost",
        "closed loop (modelled)",
        "most-recently-used",
        "cold start 30 s",
    ):
        assert said in result.stdout


def test_the_optimum_stands_beside_it(simulate):
    """The best schedule, the proven bound and the best static fleet, each with its price."""
    pytest.importorskip("highspy")
    result = simulate("--price", 3.6, best="--optimum")

    for name in ("this policy", "best schedule known", "proven bound", "best static fleet", "rate oracle"):
        assert name in result.stdout
    assert "misses the SLO, so that it may cost less" in result.stdout


def test_programs_get_json(simulate):
    """The model, the metrics by their names, the optimum and the regret, on one line."""
    pytest.importorskip("highspy")
    (line,) = simulate("-o", "json", "--price", 3.6, best="--optimum").stdout.splitlines()
    found = json.loads(line)

    assert "closed" == found["model"]["loop"]
    assert (5, {"max_workers": "3"}) == (found["metrics"]["requests"], found["arguments"])
    assert found["optimum"]["bound"] <= found["optimum"]["schedule"]
    assert found["regret"] == found["metrics"]["worker_seconds"] / found["optimum"]["schedule"]
    assert not found["meets"]


def test_a_part_of_a_trace_can_be_simulated(simulate):
    """From where, and up to where."""
    assert 2 == json.loads(simulate("--from", 100, "-o", "json").stdout)["metrics"]["requests"]
    assert 3 == json.loads(simulate("--to", 100, "-o", "json").stdout)["metrics"]["requests"]


def test_the_conditions_reach_the_cluster(simulate):
    """With enough ready workers nobody waits, and with a warm-up the first ones don't count."""
    ready = json.loads(simulate("--workers", 3, "--to", 100, "-o", "json").stdout)["metrics"]
    warm = json.loads(simulate("--warm-up", 100, "-o", "json").stdout)["metrics"]
    shared = json.loads(simulate("--concurrency", 5, "--to", 100, "-o", "json").stdout)["metrics"]

    assert 0.0 == ready["wait_max"] == shared["wait_max"]
    assert 2 == warm["requests"]


def test_requests_can_be_made_up(run):
    """A generator in place of a file, the same for the same seed."""
    ask = ["simulate", "--scaler", "simple", "--trace", "poisson:rate=1,service=2,duration=60", "--no-optimum"]

    assert run(*ask).stdout == run(*ask).stdout != run(*ask, "--seed", 2).stdout


def test_a_manifest_names_the_scaler(simulate, tmp_path):
    """With its arguments, and values of ConfigMaps where the options give them."""
    (tmp_path / "app.yaml").write_text(
        "name: simple\narguments: {min_workers: {valueFrom: {configMapKeyRef: {name: limits, key: least}}}}\n"
    )
    result = simulate("-f", tmp_path / "app.yaml", "--configmap", "limits:least=3", "-o", "json")

    assert 3 == json.loads(result.stdout)["metrics"]["peak_workers"]


def test_decisions_that_fail_are_told_of(simulate, tmp_path):
    """They are contained, as in production, and the table says how many, and why."""
    (tmp_path / "app.yaml").write_text(
        "name: simple\narguments: {min_workers: {valueFrom: {configMapKeyRef: {name: limits, key: least}}}}\n"
    )
    result = simulate("-f", tmp_path / "app.yaml", "--configmap", "limits:most=3")

    assert "decisions failed, the first at 0 s: decide failed" in result.stdout


def test_the_run_can_be_saved(simulate, tmp_path):
    """Each request, worker and decision, to be looked at with other tools."""
    path = tmp_path / "run.jsonl"
    result = simulate("--save", path)

    assert f"Written: {path}" in result.stdout
    assert 5 < len(path.read_text().splitlines())


def test_the_run_can_be_drawn(simulate, tmp_path):
    """As a picture whose form its name says."""
    path = tmp_path / "run.svg"
    result = simulate("--plot", path)

    assert f"Written: {path}" in result.stdout
    assert "<svg" in path.read_text()[:500]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--trace", "nowhere.csv"], "trace 'nowhere.csv' is not one of"),
        (["--trace", "poisson:rate=-1"], "rate: -1 is not a number"),
        (["-a", "most=3"], "simple: argument 'most' is not one of"),
        (["--from", "500"], "has no requests from 500 s"),
        (["--from", "50", "--to", "20"], "--to: 20 is not above --from, which is 50"),
        (["--cold-start", "10", "--cold-start", "20"], "only compare takes several"),
        (["--cold-start", "nan"], "nan is not a finite number of seconds"),
        (["--price", "-1"], "'-1' is not a price of at least 0"),
        (["--share", "101%"], "'101%' is not a share such as 0.99 or 99%"),
        (["--plot", "run.pdf"], "'run.pdf' doesn't end in one of .html, .png, .svg"),
        (["--save", "run.txt"], "'run.txt' doesn't end in one of .jsonl, .jsonl.gz, .parquet"),
        (["--interval", "0"], "'0' is not a number of seconds above 0"),
        (["--kind", "tea"], "kind of workload 'tea' is not one of"),
        (["--warm-up", "1e6"], "is not before the end of the run"),
    ],
)
def test_bad_input_is_one_line_and_status_two(simulate, options, why):
    """It names what was given, and what is accepted."""
    result = simulate(*options)

    assert (2, "") == (result.exit_code, result.stdout)
    assert why in result.stderr
    assert 1 == len(result.stderr.splitlines())


def test_a_missing_extra_is_one_line(simulate, monkeypatch):
    """It says how to get it."""
    monkeypatch.setitem(sys.modules, "numpy", None)
    for name in ("bracket", "exact"):
        monkeypatch.delitem(sys.modules, f"everai_autoscaler.simulator.optimum.{name}", raising=False)
    result = simulate(best="--optimum")

    assert (2, "") == (result.exit_code, result.stdout)
    assert "pip install 'everai-autoscaler[simulator]'" in result.stderr


def test_what_goes_wrong_is_simulated_and_said(simulate):
    """Failures, spot capacity, scarce starts, and news that are late or lost."""
    trouble = (
        "--start-failures 50% --crashes 2 --spot 0.5 --reclaims 1 --notice 30 --spot-price 1 --starts-per-minute 1"
    )
    said = simulate(*trouble.split(), "--news-age", 10, "--news-lost", "5%", "--drain", "--price", 2).stdout

    for sentence in ("50 % of the workers fail to start", "may be started within 60 s", "news are 10 s old"):
        assert sentence in said


def test_a_full_queue_refuses(simulate):
    """Who finds it full is late."""
    found = json.loads(simulate("--queue-limit", 0, "-o", "json").stdout)

    assert 3 == found["metrics"]["refused"]
    assert 0 == found["model"]["queue_limit"]


def test_options_about_spot_capacity_need_it(simulate):
    """Without any, a price of it says nothing."""
    assert "are about workers on --spot capacity" in simulate("--spot-price", 1).stderr
