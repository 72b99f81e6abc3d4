"""``tune``: the arguments with which a scaler costs least and meets an SLO."""

from __future__ import annotations

import json
import sys

import pytest

pytest.importorskip("optuna")


@pytest.fixture
def tune(run, tmp_path):
    """Makes five trials with one argument on two requests a minute, for half an hour."""
    path = tmp_path / "pulse.csv"
    rows = "".join(f"{60 * minute + second},20\n" for minute in range(30) for second in (0, 1))
    path.write_text("arrival_s,service_s\n" + rows)

    def invoke(*options, search=("max_idle_time=0..200",)):
        searched = [option for one in search for option in ("--search", one)]
        ask = ["tune", "--scaler", "simple", "-a", "max_workers=3", "-a", "max_queue_size=0", "--trace", path]
        return run(*ask, *searched, "--share", "50%", "--trials", 5, *options)

    return invoke


def test_it_says_what_was_found_and_on_what_evidence(tune):
    """The arguments, training beside held out, the best trials, and lines to copy."""
    said = tune().stdout

    assert "Search: max_idle_time=0..200" in said
    assert "its last third was held out" in said
    assert "all 5 trials were made" in said
    assert "HELD-OUT COST" in said
    assert "  everai-autoscaler configmap create tuned --from-literal max_workers=3" in said


def test_the_search_can_be_drawn(tune, tmp_path):
    """As a picture whose form its name says."""
    path = tmp_path / "search.svg"
    said = tune("--plot", path).stdout

    assert f"Written: {path}" in said
    assert "<svg" in path.read_text()[:500]


def test_programs_get_every_trial(tune):
    """And the arguments to run with."""
    found = json.loads(tune("-o", "json").stdout)

    assert {"max_workers", "max_queue_size", "max_idle_time"} == set(found["arguments"])
    assert [0, 1, 2, 3, 4] == [trial["number"] for trial in found["trials"]]
    assert 120 == found["trials"][0]["arguments"]["max_idle_time"]


def test_none_that_meets_the_slo_is_said(tune):
    """With what may help."""
    said = tune("--slo", 0, "--share", "100%", search=("scale_up_step=1..2",)).stdout

    assert "None of the trials met the SLO" in said
    assert "Allow a longer wait (--slo)" in said


def test_it_goes_on_where_it_was(tune, tmp_path):
    """Trials in the file count."""
    tune("--resume", tmp_path / "study.journal")
    said = tune("--resume", tmp_path / "study.journal").stdout

    assert tune().stdout == said


def test_others_can_be_held_out(tune):
    """A generator, say."""
    said = tune("--held-out", "poisson:rate=0.05,service=20,duration=600").stdout

    assert "held out: poisson:rate=0.05" in said


@pytest.mark.parametrize(
    ("search", "options", "why"),
    [
        (("idle",), [], "simple: argument 'idle' is not one of"),
        (("max_workers",), [], "simple: max_workers: is fixed to 3"),
        (("max_idle_time=5",), [], "--search: 'max_idle_time=5' is not of the form NAME or NAME=LOW..HIGH"),
        (("max_idle_time=a..b",), [], "'max_idle_time=a..b' is not of the form"),
        (("max_idle_time=9..1",), [], "has to go from a lower number to a higher one"),
        (("max_idle_time", "max_idle_time=1..2"), [], "--search: an argument is there twice"),
        (("max_idle_time",), ["--trials", "0"], "'0' is not a whole number from 1 up"),
        (("max_idle_time",), ["--time", "soon"], "'soon' is not a duration"),
        (("max_idle_time",), ["--resume", __file__], "can't be used to keep a search in"),
        (("max_idle_time",), ["--to", "60"], "too few to train on"),
        (("max_idle_time",), ["--cold-start", "1", "--cold-start", "2"], "only compare takes several"),
    ],
)
def test_bad_input_is_one_line_and_status_two(tune, search, options, why):
    """It names what was given, and what is accepted."""
    result = tune(*options, search=search)

    assert (2, "") == (result.exit_code, result.stdout)
    assert why in result.stderr
    assert 1 == len(result.stderr.splitlines())


def test_a_missing_extra_is_one_line(tune, monkeypatch):
    """It says how to get it."""
    monkeypatch.setitem(sys.modules, "optuna", None)

    assert "pip install 'everai-autoscaler[simulator]'" in tune().stderr
