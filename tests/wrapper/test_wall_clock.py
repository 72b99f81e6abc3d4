"""Days, months and minutes of a wall clock, also on the days on which it skips an hour or repeats one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.wrapper.wall_clock import day_of, moment_at, month_of

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [UTC, BERLIN, ZoneInfo("America/Santiago"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kolkata")]


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@given(st.integers(0, 4_000_000_000), st.sampled_from(ZONES))
def test_now_is_in_its_day_and_its_month(now, zone):
    """Each begins and ends where the date changes on the wall clock."""
    day, month = day_of(now, zone), month_of(now, zone)

    assert month.begin <= day.begin <= now < day.end <= month.end
    assert 23 <= (day.end - day.begin) / 3600 <= 25
    before, inside = (datetime.fromtimestamp(day.begin - one, zone).date() for one in (1, 0))
    assert before + timedelta(days=1) == inside
    assert 1 == datetime.fromtimestamp(month.end, zone).day


@pytest.mark.parametrize("now", [1e12, 1e18])
def test_after_the_end_of_the_calendar_it_is_the_last_day(now):
    """A moment in milliseconds, say, is no reason to fail."""
    assert 9999 == datetime.fromtimestamp(day_of(now, UTC).begin, UTC).year


@pytest.mark.parametrize("minute", [120, 150, 179, 180])
def test_a_minute_that_is_skipped_is_the_moment_of_the_skip(minute):
    """Also the last and the first minute of the hour that never comes."""
    assert at("2024-03-31T01:00+00:00") == moment_at(date(2024, 3, 31), minute, BERLIN)


def test_a_minute_that_comes_twice():
    """The first time, or the last."""
    assert at("2024-10-27T02:30+02:00") == moment_at(date(2024, 10, 27), 150, BERLIN)
    assert at("2024-10-27T02:30+01:00") == moment_at(date(2024, 10, 27), 150, BERLIN, last=True)


def test_after_a_day_is_the_next():
    """Minutes beyond 1440 are the next day's."""
    assert at("2024-07-02T02:00+02:00") == moment_at(date(2024, 7, 1), 26 * 60, BERLIN)
