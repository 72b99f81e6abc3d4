"""``describe``: what a name stands for, what it takes, and what it says."""

from __future__ import annotations

import json

import pytest

from everai_autoscaler.plugin import KINDS, default_registry


def test_a_scaler_shows_its_arguments_and_its_reasons(run):
    """What it does, who gives it, each argument with its type, bounds, default and help, and decisions with reasons."""
    words = run("describe", "simple").stdout

    assert words.startswith("simple: scaler, of plugin 'builtin' (everai-autoscaler ")
    assert "\nStart workers when more than *max_queue_size* requests wait for a busy worker;" in words
    assert (
        "max_queue_size  whole number  >= 0      1          requests that may wait before a worker is started" in words
    )
    assert "By example, with max_workers=5:\n" in words
    assert (
        "  1 busy, 3 waiting                 up 1            simple: 3 waiting for a busy worker, more than 1" in words
    )
    assert "  2 free, the queue not known       hold            simple: the queue is not known" in words


def test_the_examples_take_arguments(run):
    """``-a`` changes what is decided about the examples, and stands above them."""
    words = run("describe", "simple", "-a", "max_workers=9", "-a", "max_queue_size=3").stdout

    assert "By example, with max_workers=9 max_queue_size=3:\n" in words
    assert "1 busy, 3 waiting                 nothing to do   simple: 3 waiting for a busy worker, not more" in words


def test_no_example_is_remembered_by_the_next(run):
    """A scaler that remembers is asked about each as if that were the first."""
    words = run("describe", "demand", "-a", "max_workers=99").stdout

    assert "  5 busy, 20 waiting                up 29           demand: demand 25 at most over 1200 s" in words
    assert "  1 busy, 2 free for 10 minutes     up 1            demand: demand 1 at most over 1200 s" in words


def test_what_is_made_of_scalers_is_shown_with_some(run):
    """Scalers inside, and a number that is needed, have something stand for them; that is said above the examples."""
    floor = run("describe", "floor").stdout
    most = run("describe", "max").stdout

    assert "scaler      scaler " in floor
    assert "By example, with scaler=simple(max_workers=5) workers=2:\n" in floor
    assert "scalers     list of scalers  >= 1 " in most
    assert "By example, with scalers=[simple(max_workers=5), free-worker(max_workers=5)]:\n" in most
    assert "max: 2 wanted (simple wants " in most


def test_a_name_of_two_kinds_is_shown_as_both(run):
    """``noop`` is a decorator of snapshots, and one of arguments."""
    words = run("describe", "noop").stdout

    assert words.startswith("noop: factors decorator, of plugin 'builtin'")
    assert "\nnoop: arguments decorator, of plugin 'builtin'" in words
    assert 2 == words.count("It takes no arguments.")


def test_a_decorator_that_takes_any_name_says_so(run):
    """The rules of ``time-match`` are further arguments."""
    words = run("describe", "time-match").stdout

    assert "timezone" in words
    assert words.endswith("and any further arguments\n")


def test_a_placeholder_kind_shows_how_a_file_names_it(run):
    """It has no arguments of its own: a file gives its name and key."""
    assert "In a file: {placeholder: {kind: Env, name: ..., key: ...}}" in run("describe", "Env").stdout


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in default_registry().names(kind)])
def test_whatever_is_installed_can_be_described(run, kind, name):
    """Each name that any plugin gives is shown, in words and as JSON."""
    told = [json.loads(line) for line in run("describe", name, "-o", "json").stdout.splitlines()]

    assert KINDS[kind] in [one["kind"] for one in told]
    assert f"{name}: {KINDS[kind]}, of plugin " in run("describe", name).stdout


def test_json_has_each_example_with_its_snapshot(run):
    """For programs: the schema, and each example with what it was asked, and what it answered."""
    told = json.loads(run("describe", "free-worker", "-o", "json").stdout)

    step = next(one for one in told["arguments"] if one["name"] == "scale_up_step")
    example = next(one for one in told["examples"] if one["of"] == "1 busy, nobody waiting")
    assert ("whole number", 1, 1, False) == (step["type"], step["ge"], step["default"], step["required"])
    assert [{"count": 1, "action": "ScaleUp"}] == example["actions"]
    assert 1 == len(example["snapshot"]["workers"])
    assert {"max_workers": 5} == example["arguments"]


def test_each_example_stands_by_itself(run):
    """A scaler that remembers has nothing to remember: what it decides on one isn't held against the next."""
    told = json.loads(run("describe", "rate-limit", "-o", "json", "-a", "up_workers=1").stdout)

    ups = [action for one in told["examples"] for action in one["actions"] if action["action"] == "ScaleUp"]
    assert 1 < len(ups)
    assert {1} == {action["count"] for action in ups}


def test_what_it_needs_and_is_not_given_is_said(run):
    """Arguments that don't fit leave the examples out, and say why; what it takes is shown all the same."""
    result = run("describe", "simple", "-a", "max_workers=many")
    told = json.loads(run("describe", "simple", "-a", "max_workers=many", "-o", "json").stdout)

    assert (
        "It can't be shown by example: simple: max_workers: 'many' is not a whole number of at least 0" in result.stdout
    )
    assert "max_queue_size" in result.stdout
    assert ([], True) == (told["examples"], "'many'" in told["error"])
    assert 0 == result.exit_code


def test_an_unknown_name_is_one_line_with_the_nearest(run):
    """A misspelt name is told the one that was meant, of whatever kind."""
    result = run("describe", "time-mach")

    assert result.stderr.startswith("error: name 'time-mach' is not one of ")
    assert result.stderr.endswith("did you mean 'time-match'?\n")
    assert 2 == result.exit_code
