"""``decisions``: what was decided, why, and what would have made it another decision."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import attrs
import pytest
import yaml

from everai_autoscaler.runtime.store import Store, TickRow

LIST = """\
  ID  TIME                      ACTION         WHY
----  ------------------------  -------------  ...
   5  2024-07-29T03:08:10+0000  up 1           simple: 5 waiting for a busy worker, more than 2: starts 1 worker; \
not applied: a dry run
   4  2024-07-29T03:07:50+0000  nothing        operator: held at 3 workers by ann: a demo; \
the policy: nothing to do: simple: ...; starts 0 of 1: starts wait
   3  2024-07-29T03:07:30+0000  failed         observe failed: OSError: gone
   2  2024-07-29T03:07:10+0000  nothing to do  simple: 3 waiting ...
   1  2024-07-29T03:06:50+0000  up 1           simple: 3 waiting for a busy worker, more than 2: starts 1 worker
"""


def alike(expected: str, shown: str) -> bool:
    """Whether *shown* is as *expected*, in whose lines ``...`` stands for anything."""
    pairs = list(zip(expected.splitlines(), shown.splitlines(), strict=True))
    return all(
        line == told or ("..." in line and line.partition("...")[0] == told[: line.index("...")])
        for line, told in pairs
    )


def test_the_list_says_what_was_decided_and_why(run, kept):
    """The newest first: by the policy, by an operator, in a dry run, or not at all."""
    result = run("decisions", "list", "--state-dir", kept)

    assert alike(LIST, result.stdout), result.stdout
    assert "; starts 0 of 1: starts wait\n" in result.stdout
    assert "nothing runs here" in result.stderr


def test_the_list_has_a_limit(run, kept):
    """``--limit`` says how many."""
    told = run("decisions", "list", "--limit", 2, "-o", "json", "--state-dir", kept).stdout

    assert [5, 4] == [one["id"] for one in json.loads(told)]


def test_the_list_goes_back_for_so_long(run, kept):
    """``--since`` has all of that time, and none from before it, however many there are."""
    now = time.time()
    with closing(Store(kept)) as store:
        empty = {"workers": [], "queue": [], "memory": None, "applied": None, "operator": None, "record": None}
        for minutes in range(700, 0, -1):
            at = now - 60 * minutes + 59  # nearly a minute until the first of ten hours is too old
            sample = {"at": at, "max_workers": 5}
            row = TickRow(at=at, took=0, lag=0, failure="observe failed", sample=sample, **empty)
            store.write_tick("get-start", row)

    def since(span, *options):
        told = run("decisions", "list", "--since", span, *options, "-o", "json", "--state-dir", kept).stdout
        return len(json.loads(told))

    assert (700, 3, 600) == (since("1d"), since("1d", "--limit", 3), since("10h"))


def test_the_wide_list_has_more_columns(run, kept):
    """What was really done, the maximum, the time that it took, and who decided."""
    head, _, *rows = run("decisions", "list", "-o", "wide", "--state-dir", kept).stdout.splitlines()

    assert ["ID", "TIME", "ACTION", "DONE", "MAX_WORKERS", "TOOK", "SCALER", "WHY"] == head.split()
    assert "up 1           up 1                 5   12 ms  simple" in rows[4]


def test_all_of_a_decision_is_shown(run, kept):
    """What was seen, decided and done, the arguments with where they came from, and the versions."""
    words = run("decisions", "show", 1, "--state-dir", kept).stdout

    assert """\
decision 1, 2024-07-29T03:06:50+0000, app get-start:
  scaler:   simple
  saw:      1 busy, 0 free, 0 starting; 3 waiting (3 WorkerBusy)
  decided:  up 1            simple: 3 waiting for a busy worker, more than 2: starts 1 worker
  done:     up 1
  took:     12 ms

ARGUMENT          VALUE  SOURCE             KEPT
""" == words[: words.index("-----")]
    assert "max_idle_time       ***  Secret quota/idle\n" in words
    assert "\nVersions: python 3." in words


def test_what_an_operator_had_said_is_shown(run, kept):
    """Under the policy's decision stands the word that was over it, and why less was done."""
    words = run("decisions", "show", 4, "--state-dir", kept).stdout

    assert "\n  operator: held at 3 workers by ann: a demo\n  done:     nothing\n            starts 0 of 1: " in words


def keep(kept, **changes):
    """Keep a sixth decision: the fifth with *changes* in its record."""
    with closing(Store(kept)) as store:
        fifth = store.decision("get-start", 5)
        row = TickRow(
            at=fifth.at + 20, took=0, lag=0, failure="", record=json.dumps({**fifth.record, **changes}),
            memory=None, applied=None, operator=None, workers=[], queue=[], sample={"at": 0.0, "max_workers": 5},
        )  # fmt: skip
        store.write_tick("get-start", row)


def test_what_the_guard_has_changed_is_shown(run, kept):
    """Beside what was decided stands what the policy had proposed."""
    reason = {"who": "simple", "why": "eager"}
    proposed = {"max_workers": 5, "actions": [{"action": "ScaleUp", "count": 9}], "held": False, "reasons": [reason]}
    keep(kept, proposed=proposed)
    words = run("decisions", "show", 6, "--state-dir", kept).stdout

    assert "\n  proposed: up 9            simple: eager\n  decided:  up 1  " in words


def test_what_a_decision_saw_is_what_decorators_made_of_it(run, kept):
    """The policy saw the decorated snapshot; so do whoever wonders why it decided so."""
    with closing(Store(kept)) as store:
        snapshot = store.decision("get-start", 5).record["snapshot"]
    keep(kept, decorated={**snapshot, "queue": {"QueueDueSession": 2, "NotDispatch": 1, "QueueDueBusy": 0}})

    words = run("decisions", "show", 6, "--state-dir", kept).stdout
    assert "; 3 waiting (2 SessionWorkerBusy, 1 NotDispatch)\n" in words


def test_what_went_wrong_with_a_policy_is_shown(run, kept):
    """A policy that raised holds; the line says what it raised."""
    keep(kept, error="ZeroDivisionError: division by zero")

    assert (
        "\n  error:    ZeroDivisionError: division by zero\n" in run("decisions", "show", 6, "--state-dir", kept).stdout
    )


def test_a_tick_that_failed_is_shown(run, kept):
    """Where nothing was decided, there is what failed."""
    words = run("decisions", "show", 3, "--state-dir", kept).stdout

    assert (
        "decision 3, 2024-07-29T03:07:30+0000, app get-start:\n  failed:   observe failed: OSError: gone\n"
        "  took:     12 ms\n" == words
    )


def test_a_shown_decision_can_be_replayed(run, kept, tmp_path):
    """As JSON it holds the record that ``replay`` and ``explain`` take."""
    told = json.loads(run("decisions", "show", 1, "-o", "json", "--state-dir", kept).stdout)
    path = tmp_path / "record.jsonl"
    path.write_text(json.dumps(told["record"]))

    assert "1 decision replayed: the same" in run("replay", path, "--secret", "max_idle_time=7531").stdout


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ([], 5),
        ([2], 2),
        (["--at", "2024-07-29T03:07:10+0000"], 2),
        (["--at", "2024-07-29 03:07:10"], 2),
        (["--at", "2024-07-29T03:07:10.1"], 1),
        (["--at", "2024-07-29T03:07:29Z"], 2),
        (["--at", "2024-07-29T05:08:09+02:00"], 4),
        (["--at", "2034-07-29T03:07:09"], 5),
    ],
)
def test_the_decision_that_is_meant_is_explained(run, kept, words, number):
    """The last one, that with an ID, or that which was in force at a time; a second as lists show it is all of it."""
    result = run("decisions", "explain", *words, "--state-dir", kept)

    assert result.stdout.startswith(f"decision {number}, 2024-07-29T03:0"), result.output


def test_a_time_of_day_is_the_last_that_there_was(run, kept):
    """Today's, or yesterday's where today's is yet to come."""
    now = datetime.now(UTC)
    with closing(Store(kept)) as store:
        first = store.decision("get-start", 1)
        sample = {"at": 0.0, "max_workers": 5}
        record = json.dumps(first.record)
        row = TickRow(
            at=0.0, took=0, lag=0, failure="", record=record, memory=None, applied=None, operator=None,
            workers=[], queue=[], sample=sample,
        )  # fmt: skip
        for hours in (47, 23, 1):
            store.write_tick("get-start", attrs.evolve(row, at=(now - timedelta(hours=hours)).timestamp()))

    def explained(at):
        return run("decisions", "explain", "--at", at, "--state-dir", kept).stdout.partition(",")[0]

    assert "decision 8" == explained(f"{now - timedelta(hours=1):%H:%M:%S}")
    assert "decision 7" == explained(f"{now - timedelta(hours=23):%H:%M:%S}")
    assert "decision 6" == explained(f"{now + timedelta(minutes=2):%H:%M}")


def test_why_it_scaled_is_explained(run, kept):
    """The reasons and what became of them, the binding limit, and the nearest changes; secrets come from the store."""
    words = run("decisions", "explain", "--at", "2024-07-29T03:07:05", "--state-dir", kept).stdout

    assert words.startswith(
        """\
decision 1, 2024-07-29T03:06:50+0000, app get-start, in force at 2024-07-29T03:07:05+0000:
  decided:  up 1            simple: 3 waiting for a busy worker, more than 2: starts 1 worker
  done:     up 1

Binding limit: scale_up_step.
  With scale_up_step 2 instead of 1, it would have started 2 workers.
  Not changed, since it isn't shown, and may bind: max_idle_time.

Nearest change: With max_queue_size 3 instead of 2, it would have done nothing.
  instead:  nothing to do   simple: 3 waiting for a busy worker, not more than 3; nobody to remove: 0 free, 1 busy
"""
    )
    assert "7531" not in words


def test_an_operators_word_is_no_limit_of_the_policy(run, kept):
    """Where an operator had said something, the limits and changes are said to be the policy's alone."""
    words = run("decisions", "explain", 4, "--state-dir", kept).stdout

    assert "  What follows is about the policy, over which the operator's word stands.\n\nBinding limit" in words
    assert "over which" not in run("decisions", "explain", 1, "--state-dir", kept).stdout


def test_programs_get_the_explanation(run, kept):
    """As JSON there are the limits and flips, and which decision it is about."""
    told = json.loads(run("decisions", "explain", 1, "-o", "json", "--state-dir", kept).stdout)

    assert (1, "get-start", "max_queue_size") == (told["id"], told["app"], told["limits"][0]["name"])
    assert told["recorded"] == told["replayed"]


def test_whoever_watches_follows_the_last_decision(run, kept, monkeypatch):
    """Without an ID each look is at the one that is the last by then, also where nothing was decided."""
    empty = {"workers": [], "queue": [], "memory": None, "applied": None, "operator": None, "record": None}
    sample = {"at": 0.0, "max_workers": 5}
    row = TickRow(at=time.time(), took=0, lag=0, failure="observe failed", sample=sample, **empty)

    def another(_seconds):
        with closing(Store(kept)) as store:
            store.write_tick("get-start", row)

    monkeypatch.setattr(time, "sleep", another)
    watch = ("decisions", "explain", "--watch", "--times", 2, "--state-dir", kept)
    words = run(*watch)
    first, second = yaml.safe_load_all(run(*watch, "-o", "yaml").stdout)

    assert words.stdout.startswith("decision 5, 2024-07-29T03:08:10+0000")
    assert words.stdout.endswith("\n\ndecision 6 can't be explained, for nothing was decided: observe failed\n")
    assert (6, 7, "observe failed") == (first["id"], second["id"], second["failure"])
    assert "nothing runs here" in words.stderr


@pytest.mark.parametrize("words", [("show", 1), ("explain", 1), ("explain", "--at", "2024-07-29T03:07:05")])
def test_a_decision_can_be_watched(run, kept, words):
    """The decision that is given is shown again and again, in each form that there is."""
    once = run("decisions", *words, "-o", "wide", "--state-dir", kept).stdout
    twice = run("decisions", *words, "--watch", "0.01", "--times", 2, "--state-dir", kept).stdout

    assert f"{once}\n{once}" == twice


def test_a_secret_that_is_gone_can_be_given(run, kept):
    """Where the store has it no longer, the command asks for it."""
    run("secret", "delete", "quota", "--state-dir", kept)
    without = run("decisions", "explain", 1, "--state-dir", kept)
    given = run("decisions", "explain", 1, "--secret", "max_idle_time=7531", "--state-dir", kept)

    assert without.stderr.startswith("error: decision 1: ")
    assert "max_idle_time (Secret quota/idle) is a secret" in without.stderr
    assert given.stdout.startswith("decision 1, ")


def test_a_secret_that_is_given_counts(run, kept):
    """What --secret says comes before what the store has now, which may have changed since."""
    with closing(Store(kept)) as store:
        store.put("Secret", "quota", {"idle": "soon"})
    now = run("decisions", "explain", 1, "--state-dir", kept)
    given = run("decisions", "explain", 1, "--secret", "max_idle_time=7531", "--state-dir", kept)

    assert now.stderr.startswith("error: decision 1: ")
    assert given.stdout.startswith("decision 1, ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", 99], "decision 99 isn't kept; the last is 5"),
        (["explain", 3], "decision 3 can't be explained, for nothing was decided: observe failed"),
        (["explain", "--at", "2024-07-29T03:06:49"], "no decision from 2024-07-29T03:06:49+0000 or before is kept"),
        (["explain", "--at", "25:00"], "'25:00' is not a time such as 03:07:30 or 2024-07-29T03:07:30+0000"),
        (["explain", "1", "--secret", "nope=4"], "error: decision 1: secret 'nope' is not one of max_idle_time\n"),
        (["explain", "1", "--secret", "max_idle=4"], "did you mean 'max_idle_time'?"),
        (["explain", "1", "--at", "03:07"], "ID and --at each say which decision"),
        (["list", "--since", "0s"], "'0s' is not above 0"),
    ],
)
def test_what_cannot_be_shown_is_one_line(run, kept, words, told):
    """A decision that isn't there, or wasn't one; a time that is none: one line each, and status 2."""
    result = run("decisions", *words, "--state-dir", kept)

    assert told in result.stderr
    assert ("", 1, 2) == (result.stdout, result.stderr.count("\n"), result.exit_code)


def test_a_running_apps_decisions_are_asked_of_it(run, running, eventually):
    """Whoever runs lists, shows and explains its decisions."""

    def last():
        return json.loads(run("decisions", "list", "--limit", 1, "-o", "json", "--state-dir", running).stdout)[0]["id"]

    eventually(lambda: last() > 1)
    first = run("decisions", "show", 1, "--state-dir", running)
    missing = run("decisions", "show", 999_999, "--state-dir", running)

    assert "  decided:  up 2            simple: 0 workers, below the minimum of 2: starts 2 workers\n" in first.stdout
    assert "\n  done:     up 2\n" in first.stdout
    assert "error: decision 999999 isn't kept; the last is " in missing.stderr
    eventually(lambda: "\nBinding limit" in run("decisions", "explain", "--state-dir", running).stdout)
