"""How a decision is shown."""

from __future__ import annotations

import subprocess
import sys

from everai_autoscaler.model import DecideResult, ScaleDownAction, ScaleUpAction
from everai_autoscaler.testing import describe, snapshot
from everai_autoscaler.testing.display import describe_actions, pytest_assertrepr_compare

UP = DecideResult(max_workers=5, actions=[ScaleUpAction(count=2)]).because("8 waiting")
NOTHING = DecideResult(max_workers=5, actions=[])


def test_a_decision_in_words():
    """What it does, and each reason on a line."""

    assert "starts 2; at most 5\n  policy: 8 waiting" == describe(UP)
    assert "nothing; at most 5\n  (no reason)" == describe(NOTHING)


def test_a_hold_is_told_from_nothing_to_do():
    """The two look alike on the wire, and not here."""

    assert "holds" == describe_actions(DecideResult.hold(snapshot(), "not known"))


def test_both_ways_are_shown():
    """An answer that may not be is shown as it is."""
    both = [ScaleUpAction(count=1), ScaleDownAction(worker_id="a")]

    assert "starts 1 and removes a" == describe_actions(DecideResult(max_workers=1, actions=both))


def test_a_long_answer_is_cut_short():
    """Of thousands who leave ten are named, and ten reasons shown."""
    result = DecideResult(max_workers=1, actions=[ScaleDownAction(worker_id=f"w{n}") for n in range(4000)])
    for n in range(12):
        result = result.because(f"reason {n}")
    shown = describe(result)

    assert "removes w0, w1, w2, w3, w4, w5, w6, w7, w8, w9 and 3990 more; at most 1" == shown.splitlines()[0]
    assert "  and 2 more" == shown.splitlines()[-1]


def test_two_decisions_are_compared_with_their_reasons():
    """Where two decisions differ, each is shown with its reasons."""
    lines = pytest_assertrepr_compare("==", NOTHING, UP)

    assert ["left:", "  nothing; at most 5", "    (no reason)", "right:", "  starts 2; at most 5"] == lines[1:6]
    assert "    policy: 8 waiting" == lines[6]


def test_other_comparisons_are_left_to_pytest():
    """Only a decision that should equal something is shown otherwise."""

    assert pytest_assertrepr_compare("==", 1, 2) is None
    assert pytest_assertrepr_compare("is", UP, NOTHING) is None


def test_pytest_shows_the_reasons(tmp_path):
    """With one line in a conftest, a failing comparison shows why the policy decided as it did."""
    (tmp_path / "conftest.py").write_text(
        "from everai_autoscaler.testing.display import pytest_assertrepr_compare\n", "utf-8"
    )
    (tmp_path / "test_it.py").write_text(
        "from everai_autoscaler import DecideResult, SimpleAutoScaler\n"
        "from everai_autoscaler.testing import snapshot\n"
        "def test_it():\n"
        "    assert DecideResult(max_workers=1, actions=[]) == SimpleAutoScaler().decide(snapshot())\n",
        "utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout

    assert "assert 'nothing; at most 1' == 'starts 1; at most 1'" in shown
    assert "simple: 0 workers, below the minimum of 1: starts 1 worker" in shown
