"""Bounds by the clock: within windows, early before them, and where they contradict each other."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler import SimpleAutoScaler
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.testing import snapshot, story
from everai_autoscaler.wrapper import Ceiling, Schedule

MONDAY = datetime.fromisoformat("2024-07-01T00:00+00:00").timestamp()
HOUR = 3600.0
DAY_AND_NIGHT = "mon-fri 08:00-18:00 min 4 max 8; 18:00-08:00 max 1"


@pytest.mark.parametrize(
    ("wanted", "present", "hour", "changes", "maximum"),
    [
        (1, 1, 12, 3, 8),  # up to the minimum
        (0, 5, 12, -1, 8),  # down to it
        (12, 5, 12, 3, 8),  # up to the maximum
        (9, 10, 12, -2, 8),  # down to it, though more are wanted
        (12, 0, 20, 1, 1),
        (3, 3, 20, -2, 1),
        (-1, 1, 12, 3, 8),  # also where the scaler inside doesn't know
        (-1, 9, 12, 0, 8),
        (12, 1, 24 * 5 + 12, 11, 20),  # Saturday: no window
    ],
)
def test_bounds(wants, wanted, present, hour, changes, maximum):
    """What is wanted, within the bounds of the hour; those above them have no work."""
    scaler = Schedule(wants(wanted), DAY_AND_NIGHT, lead=0)
    result = scaler.decide(snapshot(free=present, observed_at=MONDAY + hour * HOUR))

    assert (changes, maximum) == (result.up - len(result.down), result.max_workers)


@pytest.mark.parametrize(("fields", "down"), [({"free": 3}, 2), ({"busy": 3}, 0), ({"free": 3, "waiting": 1}, 0)])
def test_above_the_maximum_those_without_work_go(wants, fields, down):
    """At once, but nobody at work, and nobody while anything waits."""
    result = Schedule(wants(3), "max 1").decide(snapshot(**fields, idle_for=1))

    assert down == len(result.down)


def test_the_maximum_inside_holds_all_the_time(wants):
    """It wins over the minimum of a window, and that is said."""
    result = Schedule(Ceiling(wants(-1), workers=2), "min 4").decide(snapshot())

    assert (2, "wanted 4, may have 2: maximum") == (result.up, str(result.capped))
    assert "schedule: starts 2 workers, and the maximum is 2: at least 4 (min 4)" == str(result.reasons[-1])


def test_a_hold_inside_is_no_maximum(wants):
    """Who doesn't know has no opinion of it, either."""
    assert 30 == Schedule(wants(-1, most=5), "min 30").decide(snapshot()).up


def test_it_says_what_it_swallowed(wants):
    """The bound of the window, as that of any wrapper."""
    result = Schedule(wants(9), "max 5").decide(snapshot(free=1))

    assert "wanted 9, may have 5: schedule" == str(result.capped)
    assert "schedule: starts 4 of 8 workers: at most 5 (max 5)" == str(result.reasons[-1])


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        ("min 2; 10:00-14:00 min 5", "schedule: starts 4 workers: at least 5 (min 2; 10:00-14:00 min 5)"),
        ("max 9; 10:00-14:00 min 2 max 3", "schedule: starts 1 worker: at least 2 and at most 3 (max 9; 10:00-14:00"),
        (
            "min 6; 10:00-14:00 max 3",
            "at most 3 (min 6; 10:00-14:00 max 3; a minimum of 6 contradicts a maximum of 3, which wins)",
        ),
        ("10:00-11:00 min 5", "schedule: no window holds"),
        ("min 0", "schedule: no bound (min 0)"),
    ],
)
def test_windows_that_overlap(wants, windows, said):
    """The larger minimum, the smaller maximum; a contradiction is said."""
    result = Schedule(wants(1), windows).decide(snapshot(free=1, observed_at=MONDAY + 12 * HOUR))

    assert said in str(result.reasons[-1])


class TestEarly:
    """A minimum begins one cold start early."""

    def decide(self, seconds: float, *, memory=None, lead=None, **fields):
        """What is decided so many seconds before eight o'clock, with one idle worker."""
        scaler = Schedule(SimpleAutoScaler(max_workers=9), DAY_AND_NIGHT, lead=lead)
        factors = snapshot(free=1, observed_at=MONDAY + 8 * HOUR - seconds, **fields)
        return scaler.decide_with_memory(factors, memory)

    @pytest.mark.parametrize(("seconds", "up"), [(91, 0), (90, 3), (1, 3), (0, 3)])
    def test_by_the_argument(self, seconds, up):
        """The maximum of the night, which ends then, doesn't stop it."""
        assert up == self.decide(seconds, lead=90)[0].up

    @pytest.mark.parametrize(("seconds", "up"), [(46, 0), (45, 3)])
    def test_by_what_the_last_starts_took(self, seconds, up):
        """The longest of them."""
        assert up == self.decide(seconds, start_times=[30.0, 45.0])[0].up

    @pytest.mark.parametrize(("seconds", "up"), [(121, 0), (120, 3)])
    def test_before_a_start_is_known(self, seconds, up):
        """Two minutes."""
        assert up == self.decide(seconds)[0].up

    def test_what_was_learnt_is_remembered(self):
        """The snapshot lists starts only for a while; one period more, since the next decision would be too late."""
        _, memory = self.decide(70, start_times=[45.0])

        assert (0, 3) == (self.decide(66, memory=memory)[0].up, self.decide(50, memory=memory)[0].up)

    def test_a_long_gap_between_decisions_is_no_period(self):
        """Five minutes at most."""
        _, memory = self.decide(7200, start_times=[45.0])

        assert (0, 3) == (self.decide(346, memory=memory)[0].up, self.decide(345, memory=memory)[0].up)

    def test_a_window_that_holds_does_not_begin_early_again(self):
        """One of all days goes on at midnight."""
        result = Schedule(SimpleAutoScaler(max_workers=9), "min 4").decide(snapshot(observed_at=MONDAY - 60))

        assert "schedule: starts 4 workers: at least 4 (min 4)" == str(result.reasons[-1])

    def test_a_maximum_that_goes_on_stays(self):
        """It overlaps with the window that begins: a contradiction, and the maximum wins."""
        scaler = Schedule(SimpleAutoScaler(max_workers=9), "08:00-18:00 min 4; 06:00-09:00 max 2", lead=60)
        result = scaler.decide(snapshot(free=1, observed_at=MONDAY + 8 * HOUR - 60))

        assert 1 == result.up

    def test_a_memory_of_the_scaler_inside_alone_is_none_of_its_own(self):
        """As where the schedule was put round a scaler that remembers."""
        assert "begins in 120 s" in str(self.decide(120, memory={"own": None, "children": [7]})[0].reasons[-1])

    def test_a_memory_of_another_kind_starts_afresh(self):
        """And says so."""
        for own in (7, [1], ["x", 1], [1, "x"]):
            result, _ = self.decide(0, memory={"own": own, "children": [None]})
            assert "starts afresh" in str(result.reasons[-2])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"windows": "mon"}, r"windows\[0\]: 'mon': it has neither a minimum nor a maximum"),
        ({"windows": "min 1", "timezone": "Mars/Base"}, "timezone 'Mars/Base' is not known"),
        ({"windows": "min 1", "lead": -1}, "lead: -1 is not a number of at least 0 and at most 86400"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(wants, fields, message):
    """Not at the first decision."""
    with pytest.raises(ArgumentError, match=message):
        Schedule(wants(), **fields)


def test_where_the_workers_are_not_known_nothing_is_changed(wants):
    """But the maximum is told."""
    result = Schedule(wants(3), "min 4").decide(snapshot(workers=None))

    assert result.held
    assert "schedule: at least 4 (min 4); nothing is changed: the workers are not known" == str(result.reasons[-1])


def test_story_windows_from_a_config_map(life, late):
    """Read at each decision, replayed, and the last good ones are kept in the place of bad ones."""
    app = life(
        "schedule",
        {
            "scaler": {"name": "wants", "arguments": {"workers": late("wanted")}},
            "windows": late("windows"),
            "timezone": late("zone"),
        },
        wanted=1,
        windows="min 3",
        zone="Asia/Tokyo",
    )

    assert 3 == app.at(0, 0)
    assert 0 == app.at(20, 3, windows="min 3; max 2x")
    assert ["windows"] == app.kept
    assert -2 == app.at(40, 3, windows="max 2", wanted=1)
    assert "schedule: at most 2 (max 2)" == app.said
    app.restart()
    assert 1 == app.at(60, 1, wanted=9)


def test_story_a_monday():
    """The fleet is there at eight, keeps its minimum through the day, and is small again at night."""
    scaler = Schedule(SimpleAutoScaler(max_workers=9, max_idle_time=60), DAY_AND_NIGHT, lead=60)
    morning = story(scaler, start=MONDAY + 7 * HOUR).free(1).expect_nothing()

    working = morning.after(3540).expect(up=3, because="begins in 60 s").inflight(3).after(60).expect_nothing()
    evening = working.inflight(0).free(4).after(9.9 * HOUR).expect_nothing(because="at least 4 and at most 8")
    evening.after(0.1 * HOUR).expect(down=3, because="at most 1")


CHANGES = [
    ("Europe/Berlin", "2024-03-25T00:00+01:00"),
    ("Europe/Berlin", "2024-10-21T00:00+02:00"),
    ("America/Santiago", "2024-09-02T00:00-04:00"),
    ("Australia/Lord_Howe", "2024-04-01T00:00+11:00"),
]
"""Zones, and the beginnings of weeks at whose ends their clocks are changed."""
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def misses(
    zone: str, monday: str, days: set[str], begin: int, end: int, *, days_of_week: range, every: int
) -> list[str]:
    """When the minimum doesn't hold although the wall clock shows a time within the window."""
    text = f"{','.join(sorted(days))} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02} min 3"
    scaler = Schedule(SimpleAutoScaler(min_workers=0, max_workers=9), text, timezone=zone, lead=0)
    first, found = int(datetime.fromisoformat(monday).timestamp()), []
    for moment in range(first + days_of_week.start * 86_400, first + days_of_week.stop * 86_400, every):
        wall = datetime.fromtimestamp(moment, ZoneInfo(zone))
        minute, today, yesterday = wall.hour * 60 + wall.minute, NAMES[wall.weekday()], NAMES[wall.weekday() - 1]
        began, goes_on = today in days and begin <= minute, minute < end
        inside = (began and goes_on) if begin < end else (began or (yesterday in days and goes_on))
        if inside and scaler.decide(snapshot(observed_at=moment)).up != 3:
            found.append(f"{wall}")
    return found


@settings(max_examples=12)
@given(
    st.sampled_from(CHANGES),
    st.sets(st.sampled_from(["fri", "sat", "sun"]), min_size=1),
    st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda pair: pair[0] != pair[1]),
)
def test_the_minimum_holds_on_a_weekend_with_a_change_of_clocks(where, days, times):
    """Whenever the wall clock shows a time within the window, on a day on which it began or through the night."""
    assert [] == misses(*where, days, *times, days_of_week=range(5, 8), every=1260)


@pytest.mark.soak
@pytest.mark.parametrize("where", CHANGES)
@pytest.mark.parametrize("times", [(150, 165), (1320, 150), (165, 150)])
def test_the_minimum_holds_at_every_minute_of_a_week_with_a_change_of_clocks(where, times):
    """Windows that begin and end in the hour that is skipped or comes twice."""
    assert [] == misses(*where, set(NAMES), *times, days_of_week=range(8), every=60)


def test_late_windows_are_read_when_it_decides(wants):
    """Also by a wrapper that no pipeline binds."""
    scaler = Schedule(wants(1), lambda: "min 3", timezone=lambda: "Asia/Tokyo")

    assert 3 == scaler.decide(snapshot()).up
