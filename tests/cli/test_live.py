"""The live view: what a terminal shows of an app that runs."""

from __future__ import annotations

import fcntl
import io
import os
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from everai_autoscaler.cli.app.live import MOST_DECISIONS, picture, sparkline
from everai_autoscaler.engine import SampleForm, WorkerForm
from everai_autoscaler.runtime.forms import DecisionForm, StatusForm

NOW = 1_722_222_482.0
WHY = "free-worker: 0 free, fewer than 1: starts 1 worker"
WORD = {"word": "hold", "workers": 3, "until": None, "reason": "a demo", "by": "ann", "since": NOW - 9}

WHOLE = """\
get-start at http://127.0.0.1:8080   page http://127.0.0.1:8081
2024-07-29T03:08:02+0000   free-worker   next decision in 15 s

ID                      STATUS       DETAIL_STATUS  CREATED_AT  REQUESTS  ANSWERED  FAILED
VtU8mgrcneAqQzSh9GE5K0  RUNNING      BUSY           03:03:02           1         7
VtU8mgrcneAqQzSh9GE5K1  TERMINATING  BUSY           03:03:03           1         7       2
VtU8mgrcneAqQzSh9GE5K2  PENDING      IN_FLIGHT      03:03:04                     7

3 busy, 1 free, 1 starting; at most 5  ▃▅▆█  max 4
2 WorkerBusy                           ▁▁▅█  max 2

03:08:02  up 1           free-worker: 0 free, fewer than 1: starts 1 worker
03:07:42  nothing to do  free-worker: 0 free, fewer than 1: starts 1 worker

2024-07-29T03:07:02+0000 starts 1 worker: VtU8mgrcneAqQzSh9GE5K0
"""


def a_status(**more: Any) -> StatusForm:
    given = {
        "app": "get-start",
        "scaler": "free-worker",
        "running": True,
        "started_at": NOW - 300,
        "app_url": "http://127.0.0.1:8080",
        "admin_url": "http://127.0.0.1:8081",
        "state_dir": "/tmp/state",
        "dry_run": False,
        "stopping": False,
        "operator": None,
        "tick": {"failure": "", "next_at": NOW + 15},
        "max_workers": 5,
        "arguments": {"max_workers": {"value": 5, "source": "literal", "kept": None}},
        "workers": {"inflight": 1, "free": 1, "busy": 3, "draining": 1},
        "queue": {"WorkerBusy": 2, "NotDispatch": 0},
        "back_off_until": None,
        "notes": ["2024-07-29T03:07:02+0000 starts 1 worker: VtU8mgrcneAqQzSh9GE5K0"],
        **more,
    }
    return StatusForm.model_validate(given)


def a_worker(number: int = 0, status: str = "RUNNING", detail: str = "BUSY", **more: Any) -> WorkerForm:
    given = {
        "id": "VtU8mgrcneAqQzSh9GE5KQ"[: 22 - len(str(number))] + str(number),
        "status": status,
        "detail_status": detail,
        "created_at": NOW - 300 + number,
        "requests": 1 if detail == "BUSY" else 0,
        "successes": 7,
        "failures": 0,
        **more,
    }
    return WorkerForm.model_validate(given)


WORKERS = [a_worker(0), a_worker(1, "TERMINATING", failures=2), a_worker(2, "PENDING", "IN_FLIGHT")]


def a_decision(ago: float = 0, up: int = 1, **more: Any) -> DecisionForm:
    applied = {"up": up, "down": [], "why": []} if up else None
    named = {"failure": "", "operator": None, "held": False, "why": [WHY], "applied": applied, "shortfall": []}
    named["by"] = "failure" if more.get("failure") else "operator" if more.get("operator") else "policy"
    beside = {"id": 1, "took": 0.01, "scaler": "free-worker", "max_workers": 5}
    return DecisionForm.model_validate({"at": NOW - ago, "up": up, "down": [], **beside, **named, **more})


def samples(*pairs: tuple[int, int]) -> list[SampleForm]:
    return [
        SampleForm(at=NOW, inflight=0, free=1, busy=workers - 1, draining=0, waiting={"QueueDueBusy": waiting})
        for workers, waiting in pairs
    ]


def shown(status: Any = None, workers: Any = (), decisions: Any = (), seen: Any = (), *, rows=30, columns=100) -> str:
    console = Console(width=columns, height=rows, file=io.StringIO(), record=True)
    console.print(
        picture(status or a_status(), workers, decisions, seen, rows=rows, columns=columns, now=NOW), crop=False
    )
    return "\n".join(line.rstrip() for line in console.export_text().splitlines()) + "\n"


def test_the_whole_picture():
    """Where the app is, who is there, the numbers over time, the last decisions with why, and what happened."""
    seen = samples((1, 0), (2, 0), (3, 1), (4, 2))

    assert WHOLE == shown(None, WORKERS, [a_decision(), a_decision(20, up=0)], seen)


def test_nobody_there_is_said():
    """An app that has no workers, and no decision yet, is shown as such."""
    words = shown(a_status(workers=dict.fromkeys(["inflight", "free", "busy", "draining"], 0), queue={}, notes=[]))

    assert "\nno workers\n" in words
    assert "\n0 busy, 0 free, 0 starting; at most 5\nnobody waits\n" in words


def test_demand_beyond_a_bound_is_said():
    """How many are wanted stands beside how many there may be."""
    words = shown(a_status(capped={"wanted": 9, "allowed": 5, "by": "maximum", "since": NOW - 60}))

    assert "3 busy, 1 free, 1 starting; at most 5, 9 wanted" in words


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"operator": WORD}, "held at 3 workers by ann: a demo"),
        ({"dry_run": True}, "dry run: nothing is applied"),
        ({"stopping": True}, "drains; Ctrl-C once more ends it now"),
        ({"back_off_until": NOW + 8}, "starts wait 8 s more, since workers died while starting"),
        (
            {"tick": {"failure": "observe failed: OSError", "next_at": None}},
            "tick failed, nothing is changed: observe failed: OSError",
        ),
        (
            {"arguments": {"max_workers": {"value": 5, "source": "literal", "kept": "'abc' is no number"}}},
            "max_workers is still 5: 'abc' is no number",
        ),
    ],
)
def test_what_is_not_as_usual_has_a_line(more, line):
    """An operator's word, a dry run, starts that wait, a failure, a bad value: each is there, and only then."""
    assert f"\n{line}\n" in shown(a_status(**more))
    assert line not in shown()


def test_what_is_bad_is_red():
    """A value that is kept stands out."""
    console = Console(width=100, file=io.StringIO(), force_terminal=True, color_system="standard")
    kept = {"max_workers": {"value": 5, "source": "literal", "kept": "'abc' is no number"}}
    console.print(picture(a_status(arguments=kept), [], [], [], rows=30, columns=100, now=NOW))

    assert "\x1b[1;31mmax_workers is still 5: 'abc' is no number\x1b[0m" in console.file.getvalue()


def test_under_an_operators_word_the_policy_is_heard():
    """The word is above; beside what was done stands what the policy had said."""
    decision = a_decision(operator=WORD, down=["w1"], applied={"up": 0, "down": ["w1"], "why": []}, up=0)

    assert "\n03:08:02  remove 1  the policy: remove w1: free-worker: 0 free" in shown(decisions=[decision])


def test_a_failed_tick_says_why():
    """Among the decisions, too."""
    decision = a_decision(failure="observe failed: OSError", why=[], up=0)

    assert "\n03:08:02  failed  observe failed: OSError\n" in shown(decisions=[decision])


def test_a_narrow_terminal_has_fewer_columns():
    """IDs and what their workers do stay whole; the numbers go first."""
    wide, usual, narrow = (shown(None, WORKERS, [a_decision()], columns=columns) for columns in (90, 80, 40))

    assert ["FAILED", "REQUESTS", "DETAIL_STATUS"] == [one.splitlines()[3].split()[-1] for one in (wide, usual, narrow)]
    assert "\nVtU8mgrcneAqQzSh9GE5K0  BUSY\n" in narrow
    assert "\n03:08:02  up 1  free-worker: 0 free, fe…\n" in narrow


def test_names_from_elsewhere_are_no_commands():
    """Neither the terminal's codes nor rich's are obeyed in what an app or an error says."""
    failure = "\x1b[2J[bold]boo[/bold]"
    words = shown(a_status(app=f"a{failure}", tick={"failure": failure, "next_at": None}, notes=[failure]))

    assert "\x1b" not in words
    assert 3 == words.count("?[2J[bold]boo[/bold]")


@settings(deadline=None)
@given(
    st.integers(0, 60),
    st.integers(0, 20),
    st.integers(0, 60),
    st.integers(18, 60),
    st.integers(60, 200),
)
def test_the_picture_fits(workers, decisions, notes, rows, columns):
    """However many workers, decisions and notes there are: it is no larger than the terminal."""
    status = a_status(operator=WORD, notes=["a note"] * notes)
    words = shown(
        status,
        [a_worker(number) for number in range(workers)],
        [a_decision(20 * number) for number in range(decisions)],
        rows=rows,
        columns=columns,
    )

    assert len(words.splitlines()) <= rows
    assert max(map(len, words.splitlines())) <= columns
    assert words.count(WHY[12:18]) <= MOST_DECISIONS
    if "and " in words:
        assert workers == words.count("\nVtU8") + int(words.split("\nand ")[1].split()[0])
    else:
        assert workers == words.count("\nVtU8")


@given(st.lists(st.integers(0, 1000), max_size=50), st.integers(1, 30))
def test_a_sparkline_is_as_high_as_its_values(values, width):
    """At most so wide; the greatest value is seen, and what isn't nothing doesn't look like nothing."""
    line = sparkline(values, width)

    assert min(width, len(values)) == len(line)
    if any(values):
        assert "█" in line
    if len(values) <= width:
        assert [value == 0 for value in values] == [bar == "▁" for bar in line]


@pytest.mark.slow
def test_a_terminal_of_another_size_is_drawn_anew(tmp_path):
    """What a terminal has broken into more lines, when it was made narrower, is no longer there."""
    manifest = tmp_path / "app.yaml"
    manifest.write_text("{name: simple, arguments: {min_workers: 0}, local: {command: sh}}")
    script = str(Path(sys.executable).with_name("everai-autoscaler"))
    command = [script, "run", str(manifest), "--port=0", "--admin-port=0", "--state-dir", str(tmp_path / "state")]
    ours, terminal = os.openpty()
    _resize(terminal, 30, 110)
    # Given, since readline, which pytest imports, puts a size of its own where only C sees it.
    env = {**os.environ}
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=env) as process:
        try:
            first = _read_until(ours, b"next decision")
            _resize(terminal, 20, 60)
            second = _read_until(ours, b"\x1b[2J")
        finally:
            process.kill()  # nobody is there who would read what it says at its end
    os.close(terminal)
    os.close(ours)

    assert (0, 1) == (first.count(b"\x1b[2J"), second.count(b"\x1b[2J"))


def _resize(terminal: int, rows: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _read_until(ours: int, words: bytes) -> bytes:
    """What a terminal is sent until those *words* are among it."""
    shown, until = b"", time.monotonic() + 60
    while words not in shown:
        assert time.monotonic() < until, shown
        if select.select([ours], [], [], 0.1)[0]:
            shown += os.read(ours, 1 << 16)
    return shown
