"""``walk``: a fleet that follows its load in virtual time."""

from __future__ import annotations

import gzip
import json

import pytest

ACTIONS = {"up", "remove"}


def decisions(output):
    """What was decided at each tick, of text output."""
    return [line.split("  ")[1] for line in output.splitlines() if line[:3] == "202" and "+0000  " in line]


def summary(result):
    return json.loads(result.stdout.splitlines()[-1])["summary"]


def test_the_walk_with_free_workers_is_the_one_that_users_are_shown(run):
    """Workers come one a period until four are busy and one is free; then all go but the first."""
    words = run("walk").stdout

    lists = [block for block in words.split("\n\n") if block.startswith("ID ")]
    statuses = [[line.split()[2] for line in one.splitlines()[2:]] for one in lists[:-1]]
    assert [
        ["FREE"],
        ["BUSY"],
        ["BUSY"] * 2,
        ["BUSY"] * 3,
        ["BUSY"] * 4,
        ["BUSY"] * 4 + ["FREE"],
        ["FREE"] * 5,
        ["FREE"] * 4,
        ["FREE"],
    ] == statuses
    assert lists[0].splitlines()[2].split()[0] == lists[-2].splitlines()[2].split()[0]
    assert 4 == lists[-1].count("TERMINATED")


def test_the_walk_with_a_queue_stays_at_two_and_two(run):
    """Two workers are busy and two requests wait, and it stays so while the load does."""
    result = run("walk", "queue", "-o", "json")

    ticks = [json.loads(line) for line in result.stdout.splitlines()[1:-1]]
    under_load = [(tick["workers"]["busy"], tick["waiting"]) for tick in ticks[2:7]]
    assert [(2, 2)] * len(under_load) == under_load
    assert {"busy": 0, "free": 1, "starting": 0} == ticks[-1]["workers"]


def test_it_says_that_it_is_a_model(run):
    """Nobody takes what a model came to for what happened."""
    words = run("walk").stdout
    first = json.loads(run("walk", "-o", "json").stdout.splitlines()[0])

    assert words.startswith("Model:    a fleet in virtual time (closed loop), a decision every 20 s")
    assert "closed" == first["model"]["loop"]


def test_arguments_and_scaler_can_be_others(run):
    """``-a`` changes an argument of the walk's scaler, ``--scaler`` the scaler, whose own arguments then hold."""
    greedy = run("walk", "queue", "-a", "max_queue_size=0", "-o", "json")
    other = run("walk", "--scaler", "simple", "-a", "max_workers=2")

    assert 4 == summary(greedy)["most_workers"]
    assert "Scaler:   simple max_workers=2\n" in other.stdout


def test_the_model_can_be_another(run):
    """Interval, cold start, dispatch and the workers at the start are the caller's."""
    slow = run("walk", "--cold-start", "35", "--interval", "10", "--dispatch", "oldest", "--workers", "2", "-o", "json")

    lines = [json.loads(line) for line in slow.stdout.splitlines()]
    assert 10 == lines[2]["observed_at"] - lines[1]["observed_at"]
    assert 2 == sum(lines[1]["workers"].values())
    assert any(line["workers"]["starting"] for line in lines[1:-1])
    assert "oldest" == lines[0]["model"]["dispatch"]


def test_a_shipped_trace_is_played_with_its_source(run):
    """Real arrivals come with where they are from, what is modelled, a line a decision, and what it came to."""
    result = run("walk", "--trace", "azure_llm_code_2023", "--from", "600", "--to", "700")

    assert "azure_llm_code_2023 from 600 s to 700 s: 484 requests, real arrivals with modelled service times" in (
        result.stdout
    )
    assert "Azure Public Dataset" in result.stdout
    assert "CC-BY-4.0" in result.stdout
    assert "TIME                      BUSY  FREE  STARTING  WAITING  DECISION\n" in result.stdout
    assert "Requests: 484 came, 484 answered\n" in result.stdout
    assert ("", 0) == (result.stderr, result.exit_code)


def test_the_sums_are_right(run, tmp_path):
    """Three requests of ten seconds at one worker wait 0, 10 and 20 s, and the worker's time is what passed."""
    trace = tmp_path / "three.csv"
    trace.write_text("arrival_s,service_s\n1,10\n1,10\n1,10\n")
    result = run("walk", "--trace", trace, "--scaler", "simple", "-a", "max_workers=1", "-o", "json")

    found = summary(result)
    assert (3, 3, 10.0, 20.0, 20.0) == tuple(
        found[name] for name in ("requests", "answered", "mean_wait", "p95_wait", "max_wait")
    )
    assert (1, 0, 0, found["seconds"]) == tuple(
        found[name] for name in ("most_workers", "starts", "stops", "worker_seconds")
    )


def test_every_decision_of_a_trace_is_shown_unless_only_changes_are_asked_for(run):
    """What does the same and says the same, but for numbers, isn't repeated."""
    part = ("walk", "--trace", "azure_llm_code_2023", "--from", "600", "--to", "900")
    every, some = run(*part).stdout, run(*part, "--changes").stdout
    ticks = [json.loads(line) for line in run(*part, "-o", "json").stdout.splitlines()[1:-1]]

    shown = [line for line in some.splitlines() if line.startswith("2024")]
    assert len(ticks) == sum(1 for line in every.splitlines() if line.startswith("2024"))
    assert len(ticks) > len(shown) >= sum(1 for tick in ticks if tick["actions"])


def test_a_file_of_arrivals_plain_or_packed(run, tmp_path):
    """A trace of one's own comes from a .csv or a .csv.gz file, and both give the same."""
    text = "arrival_s,service_s,model\n0.5,2,a\n3,4.5,b\n"
    (tmp_path / "own.csv").write_text(text)
    (tmp_path / "own.csv.gz").write_bytes(gzip.compress(text.encode()))

    plain = run("walk", "--trace", tmp_path / "own.csv", "-o", "json")
    packed = run("walk", "--trace", tmp_path / "own.csv.gz", "-o", "json")

    assert 2 == summary(plain)["answered"]
    assert plain.stdout.splitlines()[1:] == packed.stdout.splitlines()[1:]


def test_tables_can_be_had_for_a_trace_and_done_without_for_a_walk(run, tmp_path):
    """``--tables`` and ``--no-tables`` go before what is usual."""
    (tmp_path / "own.csv").write_text("arrival_s,service_s\n0,2\n")

    assert "DETAIL_STATUS" in run("walk", "--trace", tmp_path / "own.csv", "--tables").stdout
    assert "DETAIL_STATUS" not in run("walk", "--no-tables").stdout


def test_what_is_never_served_ends_the_walk(run, tmp_path):
    """With a maximum of no workers at all, the walk ends and says what wasn't served."""
    (tmp_path / "own.csv").write_text("arrival_s,service_s\n5,2\n")
    result = run(
        "walk", "--trace", tmp_path / "own.csv", "--workers", "0", "-a", "max_workers=0", "-a", "min_workers=0",
        "-a", "min_free_workers=0",
    )  # fmt: skip

    assert "the load is over, and what still waits is not served" in result.stdout
    assert "Requests: 1 came, 0 answered, 1 not served\n" in result.stdout
    assert "Waits:    not known, for nothing was answered\n" in result.stdout


def test_records_of_a_walk_replay_the_same(run, tmp_path):
    """What a walk records is what replay reads."""
    path = tmp_path / "records.jsonl"
    walked = run("walk", "--record", path, "-o", "json")
    replayed = run("replay", path)

    ticks = len(walked.stdout.splitlines()) - 2
    assert f"{ticks} decisions replayed: the same, to the word.\n" == replayed.stdout


def test_a_walk_is_the_same_each_time(run):
    """Virtual time and fixed seeds: nothing differs from run to run."""
    assert run("walk").stdout == run("walk").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["free-workers"], "walk 'free-workers' is not one of free-worker, queue; did you mean 'free-worker'?"),
        (["--trace", "azure"], "trace 'azure' is not one of azf_onoff_fn5_14d, azure_llm_code_2023, "),
        (["--scaler", "simpel"], "scaler 'simpel' is not one of budget, ceiling, cooldown, "),
        (["-a", "max_workers=many"], "free-worker: max_workers: 'many' is not a whole number of at least 0"),
        (["--from", "5"], "--from and --to say which part of a --trace"),
        (["--interval", "0"], "'--interval'"),
        (["--cold-start", "inf"], "inf is not a finite number of seconds"),
        (["--interval", "nan"], "nan"),
        (["--trace", "azure_llm_code_2023", "--from", "720", "--to", "830"], "has no requests from 720 s to 830 s"),
        (["--trace", "azure_llm_code_2023", "--from", "9000"], "its last comes at 3435.95 s"),
        (["--record", "/nowhere/at/all"], "can't write /nowhere/at/all: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run, arguments, told):
    """Whatever was given wrong: one line that begins with error, nothing played, status 2."""
    result = run("walk", *arguments)

    assert told in result.stderr
    assert result.stderr.startswith("error: ")
    assert 1 == result.stderr.count("\n")
    assert ("", 2) == (result.stdout, result.exit_code)


def test_a_late_argument_that_cannot_be_read_ends_the_walk(run, tmp_path):
    """A tick that fails isn't walked over: the one line says what failed."""
    described = tmp_path / "scaler.yaml"
    described.write_text("{name: simple, arguments: {max_workers: {placeholder: {kind: Env, name: NOT_SET_ANYWHERE}}}}")
    result = run("walk", "-f", described)

    assert "Env NOT_SET_ANYWHERE can't be read: no such environment variable" in result.stderr
    assert 1 == result.stderr.count("\n")
    assert 2 == result.exit_code


def test_a_fleet_that_never_rests_ends_all_the_same(run):
    """Workers that are given up before they are ready come and go for ever; the walk doesn't."""
    result = run("walk", "--workers", "0", "--cold-start", "900", "-a", "start_timeout=10", "-o", "json")

    assert 0 == summary(result)["answered"]
    assert summary(result)["seconds"] < 4000
