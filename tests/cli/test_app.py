"""``app``: how an app is, and what waits for it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from everai_autoscaler.runtime.store import Store

QUEUE = """\
  QUEUE_INDEX  CREATE_AT                 QUEUE_REASON
-------------  ------------------------  --------------
            0  2024-07-29T03:08:05+0000  WorkerBusy
            1  2024-07-29T03:08:06+0000  WorkerBusy
"""


def test_the_queue_is_the_platforms(run, kept):
    """Who waits, in the platform's columns; that nothing runs is said beside it."""
    result = run("app", "queue", "--state-dir", kept)

    assert QUEUE == result.stdout
    assert "nothing runs here; as last seen at 2024-07-29T03:08:10+0000\n" == result.stderr


def test_the_wide_queue_says_for_how_long(run, kept):
    """There is a column with the seconds that each has waited."""
    head, _, first, _ = run("app", "queue", "-o", "wide", "--state-dir", kept).stdout.splitlines()

    assert head.endswith("    WAITED")
    assert re.search(r"WorkerBusy +\d+\.\d s$", first)


def test_programs_get_the_queue(run, kept):
    """As JSON there are the moments and the reasons."""
    queue = json.loads(run("app", "queue", "-o", "json", "--state-dir", kept).stdout)

    assert ["WorkerBusy", "WorkerBusy"] == [one["reason"] for one in queue]
    assert 1_722_222_485.25 == queue[0]["created_at"]


def test_the_status_of_an_app_that_runs_no_more(run, kept):
    """What was seen last, with the last decision and why, and the arguments with where they came from."""
    words = run("app", "status", "--state-dir", kept).stdout

    assert f"""\
App:        get-start, does not run
Scaler:     simple
State:      {kept}
Workers:    1 busy, 0 free, 1 starting; at most 5
Queue:      2 WorkerBusy
Decision:   5, 2024-07-29T03:08:10+0000: up 1
            simple: 5 waiting for a busy worker, more than 2: starts 1 worker
            not applied: a dry run

ARGUMENT          VALUE  SOURCE
--------------  -------  -----------------
min_workers           1  default
max_workers           5  literal
max_queue_size        2  literal
max_idle_time       ***  Secret quota/idle
""" == words[: words.index("scale_up_step")]


def test_programs_get_the_status(run, kept):
    """As JSON there is all of it, with the last decision."""
    status = json.loads(run("app", "status", "-o", "json", "--state-dir", kept).stdout)

    assert ("get-start", False, 5) == (status["app"], status["running"], status["last_decision"]["id"])
    assert {"busy": 1, "free": 0, "inflight": 1, "draining": 0} == status["workers"]


def test_an_operators_word_is_said(run, kept):
    """While it is in force every list says so on standard error, and the status in a line of its own."""
    word = {"word": "pause", "workers": None, "until": 9e9, "reason": "moving", "by": "ann", "since": 1_722_222_490.0}
    with closing(Store(kept)) as store:
        store.set_operator("get-start", word)
        told = "paused by ann until 2255-03-14T16:00:00+0000: moving (since 2024-07-29T03:08:10+0000)"
        for words in (["app", "queue"], ["worker", "list"], ["decisions", "list"], ["app", "status"]):
            assert told in run(*words, "--state-dir", kept).stderr

        assert f"\nOperator:   {told}\n" in run("app", "status", "--state-dir", kept).stdout
        store.set_operator("get-start", {**word, "until": 1_722_222_499.0})

        assert "paused" not in run("app", "status", "--state-dir", kept).output


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_whoever_wants_no_colours_gets_none(run, kept, env, coloured):
    """In a terminal what matters is coloured, unless NO_COLOR says that it isn't to be."""
    run("pause", "--state-dir", kept)
    script = str(Path(sys.executable).with_name("everai-autoscaler"))
    ours, terminal = os.openpty()
    said = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | env
    subprocess.run([script, "app", "status", "--state-dir", kept], stdout=terminal, env=said, check=True)
    os.close(terminal)
    shown = os.read(ours, 1 << 16)
    os.close(ours)

    assert coloured is (b"\x1b[" in shown)


def test_a_kept_bad_value_is_said(run, running, eventually):
    """An argument whose present value is bad is named, with what it still is."""
    run("configmap", "update", "limits", "--from-literal", "most=many", "--state-dir", running)
    status = ["app", "status", "--state-dir", running]
    eventually(lambda: "max_workers is still 4" in run(*status).stdout)

    (line,) = (line for line in run(*status).stdout.splitlines() if "still" in line)
    assert "'many' from ConfigMap limits/most is not a whole number" in line
    run("configmap", "update", "limits", "--from-literal", "most=4", "--state-dir", running)
    eventually(lambda: "still" not in run(*status).stdout)


def test_the_status_of_a_running_app(run, running):
    """It says since when it runs, where it answers, when it decides next, and the last notes."""
    result = run("app", "status", "--state-dir", running)
    facts = dict(re.findall(r"^(\w+): +(.*)$", result.stdout, re.MULTILINE))

    assert re.fullmatch(r"app, runs since \S+ \(pid \d+\)", facts["App"])
    assert facts["Requests"].startswith("http://127.0.0.1:")
    assert facts["Page"].startswith("http://127.0.0.1:")
    assert "0 busy, 2 free, 0 starting; at most 4" == facts["Workers"]
    assert "empty" == facts["Queue"]
    assert re.fullmatch(r"(now|in \d s), every 0.2 s", facts["Next"])
    assert "\nLast notes:\n  20" in result.stdout
    assert "" == result.stderr


@pytest.mark.parametrize("command", ["queue", "status"])
def test_where_nothing_has_run_is_one_line(run, tmp_path, command):
    """A directory without an app is told as such."""
    result = run("app", command, "--state-dir", tmp_path)

    assert f"error: no app has run with the state directory {tmp_path} yet" in result.stderr
    assert ("", 1, 2) == (result.stdout, result.stderr.count("\n"), result.exit_code)
