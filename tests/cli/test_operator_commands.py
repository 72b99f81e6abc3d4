"""``pause``, ``hold`` and ``resume``: an operator's word over a policy."""

from __future__ import annotations

import getpass
import json
import re
import time
from contextlib import closing

import pytest

from everai_autoscaler.runtime.store import Store

ME = getpass.getuser()


def word_of(directory):
    with closing(Store(directory)) as store:
        return store.operator(store.last_app())


def test_a_pause_is_kept(run, kept):
    """It is there for the next start, with who said it, why, and until when."""
    began = time.time()
    result = run("pause", "--for", "1h30m", "--reason", "the disk\nis moved", "--state-dir", kept)
    word = word_of(kept)

    assert ("pause", None, "the disk is moved", ME) == tuple(word[one] for one in ("word", "workers", "reason", "by"))
    assert began <= word["since"] <= time.time()
    assert 5400 == pytest.approx(word["until"] - word["since"])
    assert re.fullmatch(rf"get-start: paused by {ME} until \S+: the disk is moved\n", result.stdout)
    assert "nothing runs here: it holds when the app is run again\n" == result.stderr


def test_a_hold_is_kept(run, kept):
    """So many workers, for ever unless it is said; more than the policy may have is told."""
    result = run("hold", 9, "--state-dir", kept)
    word = word_of(kept)

    assert ("hold", 9, None, "") == tuple(word[one] for one in ("word", "workers", "until", "reason"))
    assert f"get-start: held at 9 workers by {ME}\n" == result.stdout
    assert "there will be 5 at most: that is the policy's maximum\n" in result.stderr
    assert "at most" not in run("hold", 5, "--state-dir", kept).stderr


def test_resume_takes_it_back(run, kept):
    """What was said is gone, and named; where nothing was, that is said."""
    run("hold", 1, "--state-dir", kept)
    first, second = run("resume", "--state-dir", kept), run("resume", "--state-dir", kept)

    assert None is word_of(kept)
    assert f"get-start: the policy decides again; it was held at 1 worker by {ME} (since 20" in first.stdout
    assert "get-start: the policy decides, as before: nobody had paused or held it\n" == second.stdout


def test_programs_get_the_word(run, kept):
    """As JSON there is what is in force now, and what was before."""
    said = json.loads(run("hold", 3, "--reason", "a demo", "-o", "json", "--state-dir", kept).stdout)
    resumed = json.loads(run("resume", "-o", "json", "--state-dir", kept).stdout)

    assert ("hold", 3, "a demo") == tuple(said["operator"][one] for one in ("word", "workers", "reason"))
    assert {"app": "get-start", "operator": None, "was": said["operator"]} == resumed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["hold"], "Missing argument 'N'"),
        (["hold", "--", "-1"], "'-1' is not a whole number from 0 to 100000"),
        (["hold", "many"], "'many' is not a whole number from 0 to 100000"),
        (["pause", "--for", "never"], "'never' is not a duration such as 90s, 30m, 2h or 1h30m"),
        (["pause", "--for", "9999999999h"], "'9999999999h' is longer than ten years"),
        (["pause", "--reason", "x" * 501], "has 501 characters; 500 at most"),
    ],
)
def test_what_is_no_word_is_one_line(run, kept, words, told):
    """What can't be meant is refused, and nothing is kept."""
    result = run(words[0], "--state-dir", kept, *words[1:])

    assert told in result.stderr
    assert ("", 1, 2) == (result.stdout, result.stderr.count("\n"), result.exit_code)
    assert None is word_of(kept)


@pytest.mark.parametrize("words", [["pause"], ["hold", 1], ["resume"]])
def test_where_nothing_has_run_is_one_line(run, tmp_path, words):
    """There is no app over which one could say something."""
    result = run(*words, "--state-dir", tmp_path)

    assert f"error: no app has run with the state directory {tmp_path} yet" in result.stderr
    assert (1, 2) == (result.stderr.count("\n"), result.exit_code)


def test_a_running_app_does_as_it_is_told(run, running, eventually):
    """It holds so many, says so in every list and decision, and goes back to its policy when it is resumed."""
    here = ["--state-dir", running]

    def ready():
        return run("worker", "list", *here).stdout.count("RUNNING")

    said = run("hold", 3, "--reason", "a demo", *here)
    eventually(lambda: ready() == 3)
    listed = run("decisions", "list", "--limit", 1, *here)
    run("pause", *here)
    eventually(lambda: "  paused  " in run("decisions", "list", "--limit", 1, *here).stdout)
    run("hold", 2, *here)
    eventually(lambda: ready() == 2)
    run("resume", *here)

    assert "" == said.stderr
    assert f"held at 3 workers by {ME}: a demo (since 20" in listed.stderr
    assert f"operator: held at 3 workers by {ME}: a demo; the policy: nothing to do: simple: " in listed.stdout
    eventually(lambda: "operator" not in run("decisions", "list", "--limit", 1, *here).stdout)
    assert "" == run("worker", "list", *here).stderr
