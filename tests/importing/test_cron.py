"""Cron expressions as windows of the wall clock."""

from __future__ import annotations

import pytest

from everai_autoscaler.importing.cron import window
from everai_autoscaler.wrapper.windows import windows_of


@pytest.mark.parametrize(
    ("start", "end", "written"),
    [
        ("0 8 * * *", "30 18 * * *", "08:00-18:30 min 2"),
        ("5 8 * * 1-5", "0 18 * * mon-fri", "mon-fri 08:05-18:00 min 2"),
        ("0 8 * * 0,6", "0 18 * * sat,7", "sat,sun 08:00-18:00 min 2"),
        ("0 8 * * MON,WED,FRI", "0 18 * * 1,3,5", "mon,wed,fri 08:00-18:00 min 2"),
        ("0 8 * * 0-2", "0 18 * * 0-2", "mon,tue,sun 08:00-18:00 min 2"),
        ("0 22 * * ?", "0 6 * * *", "22:00-06:00 min 2"),
        ("0 22 * * 1-5", "0 6 * * 2-6", "mon-fri 22:00-06:00 min 2"),
        ("0 22 * * 6", "0 6 * * 0", "sat 22:00-06:00 min 2"),
    ],
)
def test_a_plain_pair_is_a_window(start, end, written):
    """A time of the day and days of the week, which the wrapper reads."""
    assert written == window(start, end, "", 2)
    assert 1 == len(windows_of(written))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("", ""),
        ("0 8 1 * *", "0 18 * * *"),
        ("0 8 * * *", "0 18 * 3 *"),
        ("*/5 8 * * *", "0 18 * * *"),
        ("0 8 * * *", "0 8 * * *"),
        ("0 24 * * *", "0 8 * * *"),
        ("60 2 * * *", "0 8 * * *"),
        ("0 8 * * 1-5", "0 18 * * *"),
        ("0 22 * * 1-5", "0 6 * * 1-5"),
        ("0 8 * * 5-1", "0 18 * * 5-1"),
        ("0 8 * * 1-9", "0 18 * * 1-9"),
        ("0 8 * * someday", "0 18 * * someday"),
    ],
)
def test_any_other_pair_is_none(start, end):
    """What says more than that, or contradicts itself, isn't guessed at."""
    assert window(start, end, "", 2) is None
