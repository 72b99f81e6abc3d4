"""``backtest``: recorded decisions beside those of another scaler."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def records(run, a_line, tmp_path):
    """Three decisions of ``simple``, 20 s apart: up, nothing, up."""
    path = tmp_path / "records.jsonl"
    stream = a_line(3) + a_line(0, at=1_722_220_990) + a_line(3, at=1_722_221_010)
    run("decide", "simple", "-a", "max_workers=5", "--record", path, given=stream)
    return path


def test_it_says_agreement_workers_and_money(run, records):
    """Two of three decisions would have started two workers more; how long the last one lasted nobody knows."""
    result = run("backtest", records, "-a", "scale_up_step=3", "--price", 3.6)

    assert 0 == result.exit_code
    assert "Open loop (exact)" in result.stdout
    assert "3 decisions about app in 40 s: 1 would have been the same, 33.33%." in result.stdout
    assert ["difference", "40", "1.00", "0.04"] in [line.split() for line in result.stdout.splitlines()]


def test_it_shows_where_it_differs_with_the_reasons(run, records):
    """What was recorded stands over what would have been, the largest difference first."""
    said = run("backtest", records, "-a", "scale_up_step=3").stdout

    assert "line 1, 2024-07-29T02:42:50+0000, app app:" in said
    assert "  recorded: up 1" in said
    assert "  instead:  up 3" in said
    assert "2 workers more for 20 s" in said


def test_the_same_scaler_differs_nowhere(run, records):
    """All decisions are the same, and there is nothing to show."""
    said = run("backtest", records).stdout

    assert "3 would have been the same, 100.00%." in said
    assert "differs" not in said


def test_programs_get_each_difference(run, records):
    """With both decisions, and how long it lasted."""
    found = json.loads(run("backtest", records, "--scaler", "free-worker", "-a", "max_workers=5", "-o", "json").stdout)

    assert "open" == found["loop"]
    assert [2] == [one["line"] for one in found["differences"]]
    assert {"recorded", "replayed", "workers", "seconds"} < set(found["differences"][0])


def test_a_secret_has_to_be_given(run, a_line, tmp_path):
    """As for a replay: a record doesn't hold it."""
    directory = tmp_path / "secrets" / "quota"
    directory.mkdir(parents=True)
    (directory / "most").write_text("5")
    manifest, path = tmp_path / "app.yaml", tmp_path / "records.jsonl"
    manifest.write_text(
        "name: simple\narguments: {max_workers: {valueFrom: {secretKeyRef: {name: quota, key: most}}}}\n"
    )
    run("decide", "-f", manifest, "--secrets", tmp_path / "secrets", "--record", path, given=a_line(3))

    assert "give its value" in run("backtest", path).stderr
    assert "100.00%" in run("backtest", path, "--secret", "max_workers=5").stdout


def test_bad_records_are_one_line_and_status_two(run, tmp_path):
    """It names the file and the line."""
    path = tmp_path / "records.jsonl"
    path.write_text("{}\n")
    result = run("backtest", path)

    assert (2, "") == (result.exit_code, result.stdout)
    assert f"error: {path}: line 1: " in result.stderr
    assert 1 == len(result.stderr.splitlines())


@pytest.fixture
def walked(run, tmp_path):
    """The records of a walk on a short trace."""
    trace, path = tmp_path / "trace.csv", tmp_path / "walk.jsonl"
    trace.write_text("arrival_s,service_s\n" + "".join(f"{10 * one},10\n" for one in range(30)))
    run("walk", "--trace", trace, "--record", path)
    return path


def test_the_demand_is_rebuilt_and_both_scalers_simulated(run, walked):
    """What was recorded stands beside the model of it, and beside the other arguments."""
    said = run("backtest", walked, "-a", "max_workers=2", "--closed-loop", "--price", 2.5).stdout

    assert "Closed loop (modelled)" in said
    assert "cut off by the capacity of its day" in said
    for row in ("as recorded", "recorded, simulated", "otherwise, simulated"):
        assert row in said


def test_programs_get_the_rebuilt_day(run, walked):
    """The recorded cold start and interval are taken from the records, unless they are given."""
    found = json.loads(run("backtest", walked, "--scaler", "simple", "--closed-loop", "-o", "json").stdout)
    given = json.loads(run("backtest", walked, "--closed-loop", "--cold-start", 40, "-o", "json").stdout)

    assert (15.0, 20.0, 29) == (found["cold_start"], found["interval"], found["requests"])
    assert ["free-worker", "simple"] == [found[which]["scaler"] for which in ("recorded", "otherwise")]
    assert 40.0 == given["cold_start"]
    assert given["recorded"]["metrics"] == given["otherwise"]["metrics"]


def test_the_demand_cannot_be_rebuilt_from_a_stream(run, walked):
    """It is read twice."""
    result = run("backtest", "-", "--closed-loop", given=walked.read_text())

    assert 2 == result.exit_code
    assert "reads RECORDS twice" in result.stderr
