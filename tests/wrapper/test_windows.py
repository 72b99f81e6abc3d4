"""Windows of the week: what can be written, what is refused, and when they begin and end."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.wrapper.windows import windows_of

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("text", "days", "begin", "end"),
    [
        ("mon-fri 08:00-18:00 min 1", {0, 1, 2, 3, 4}, 480, 1080),
        ("08:00-18:00 min 1", set(range(7)), 480, 1080),
        ("sat,sun min 1", {5, 6}, 0, 1440),
        ("fri-mon 9:30-24:00 min 1", {4, 5, 6, 0}, 570, 1440),
        ("MON,wed-thu 22:00-06:00 min 1", {0, 2, 3}, 1320, 360),
        ("min 1", set(range(7)), 0, 1440),
    ],
)
def test_days_and_times(text, days, begin, end):
    """Those that aren't written are all of them."""
    (window,) = windows_of(text)

    assert (days, begin, end) == (window.days, window.begin, window.end)


@pytest.mark.parametrize(
    "written",
    [
        "mon 08:00-18:00 Europe/Berlin min 4 max 20",
        "mon 08:00-18:00 europe/berlin max 20 min 4",
        [
            {
                "days": "mon",
                "begin": "08:00",
                "end": "18:00",
                "min_workers": 4,
                "max_workers": 20,
                "timezone": "Europe/Berlin",
            }
        ],
        [
            {
                "days": "mon",
                "begin": "08:00",
                "end": "18:00",
                "min_workers": "4",
                "max_workers": "20",
                "timezone": "Europe/Berlin",
            }
        ],
        ["mon 08:00-18:00 Europe/Berlin min 4 max 20"],
    ],
)
def test_text_and_mappings_say_the_same(written):
    """Also numbers as text, as a ConfigMap has them."""
    (window,) = windows_of(written)

    assert (4, 20, BERLIN, 480) == (window.min_workers, window.max_workers, window.zone, window.begin)


def test_several_windows():
    """A line each, or after a semicolon; blank ones are nothing."""
    assert 3 == len(windows_of("mon min 1; tue min 2;\n wed  min 3 \n\n"))
    assert ["mon min 1", "tue max 2"] == [str(one) for one in windows_of(["mon  min 1", "tue max 2"])]


def test_a_mapping_is_quoted_as_a_line():
    """Reasons are one form, however it was written."""
    (window,) = windows_of([{"days": "mon", "end": "18:00", "min_workers": 0, "timezone": "UTC"}])

    assert "mon 00:00-18:00 UTC min 0" == str(window)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "windows: none is given; write 'mon-fri 08:00-18:00 min 4 max 20'"),
        ([], "windows: none is given"),
        ("mon 08:00-18:00", "'mon 08:00-18:00': it has neither a minimum nor a maximum"),
        ("mon 08:00-08:00 min 1", "it ends when it begins; all of a day is 00:00-24:00"),
        ("mon 24:00-08:00 min 1", "it ends when it begins"),
        ("mon 08:00-24:01 min 1", "'24:01' is no time from '00:00' to '24:00'"),
        ("mon 08:00-18:60 min 1", "'18:60' is no time"),
        ("mo 08:00-18:00 min 1", "'mo' is no day and no list .*; did you mean 'mon'"),
        ("mon-fri-sat min 1", "'fri-sat' is no day and no list such as 'mon-wed,sat'"),
        ("mon tue min 1", "'tue' says days a second time"),
        ("mon min x", "min_workers: 'x' is not a whole number of at least 0"),
        ("mon min", "min_workers: '' is not a whole number"),
        ("mon min 5 max 4", "its minimum of 5 is above its maximum of 4"),
        ("mon Mars/Base min 5", "timezone 'Mars/Base' is not known"),
        ("mon min 1; tue min -1", r"windows\[1\]: 'tue min -1': min_workers: '-1'"),
        ([{"day": "mon", "min_workers": 1}], "key 'day' is not one of begin, days, end, .*did you mean 'days'"),
        ([{"begin": 480, "min_workers": 1}], "480 is no time from '00:00' to '24:00', in quotation marks"),
        ([{"min_workers": True}], "min_workers: True is not a whole number"),
        ([7], r"windows\[0\]: '7': it is neither text nor a mapping"),
        (7, "windows: 7 is neither text nor a list"),
    ],
)
def test_what_cannot_be_read_is_refused(written, message):
    """The window is quoted, with what is wrong in it and what is accepted."""
    with pytest.raises(ArgumentError, match=message):
        windows_of(written)


def spans(text: str, now: str, until: str = "") -> list[tuple[str, str]]:
    """When the window holds around *now*, on the wall clock of Berlin."""
    (window,) = windows_of(text)
    found = window.spans(at(now), at(until or now), BERLIN)
    return [
        tuple(f"{datetime.fromtimestamp(one, BERLIN):%d %H:%M %Z}" for one in (span.begin, span.end)) for span in found
    ]


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("mon 08:00-18:00 min 1", "2024-07-01T07:59+02:00", []),
        ("mon 08:00-18:00 min 1", "2024-07-01T08:00+02:00", [("01 08:00 CEST", "01 18:00 CEST")]),
        ("mon 08:00-18:00 min 1", "2024-07-01T18:00+02:00", []),
        ("mon 08:00-18:00 min 1", "2024-07-02T12:00+02:00", []),
        ("mon 22:00-06:00 min 1", "2024-07-02T05:59+02:00", [("01 22:00 CEST", "02 06:00 CEST")]),
        ("mon 22:00-06:00 min 1", "2024-07-02T06:00+02:00", []),
        ("mon 22:00-06:00 min 1", "2024-07-01T05:00+02:00", []),
        ("mon 12:00-24:00 min 1", "2024-07-01T23:59+02:00", [("01 12:00 CEST", "02 00:00 CEST")]),
        ("mon 12:00-18:00 UTC min 1", "2024-07-01T14:00+02:00", [("01 14:00 CEST", "01 20:00 CEST")]),
    ],
)
def test_when_it_holds(text, now, expected):
    """It belongs to the day on which it begins; its own zone goes before that of the schedule."""
    assert expected == spans(text, now)


def test_those_that_begin_soon():
    """Up to the moment that is asked for."""
    around = ("2024-07-01T07:58+02:00", "2024-07-01T08:00+02:00")

    assert [("01 08:00 CEST", "01 18:00 CEST")] == spans("mon 08:00-18:00 min 1", *around)


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        # The clock is put back at 3: two o'clock comes twice.
        ("02:15-02:45 min 1", "2024-10-27T02:50+02:00", [("27 02:15 CEST", "27 02:45 CET")]),
        ("02:15-02:45 min 1", "2024-10-27T02:45+01:00", []),
        # It is put forward at 2: two o'clock never comes.
        ("01:00-02:30 min 1", "2024-03-31T01:30+01:00", [("31 01:00 CET", "31 03:00 CEST")]),
        ("02:30-04:00 min 1", "2024-03-31T03:00+02:00", [("31 03:00 CEST", "31 04:00 CEST")]),
        ("02:15-02:45 min 1", "2024-03-31T03:00+02:00", []),
    ],
)
def test_when_the_clock_is_changed(text, now, expected):
    """It begins at the first and ends at the last pass of an hour; one that is skipped never comes."""
    assert expected == spans(text, now)


def test_utc_is_the_wall_clock_without_another():
    """Nothing else is given."""
    (window,) = windows_of("mon 08:00-18:00 min 1")

    assert at("2024-07-01T08:00+00:00") == next(window.spans(*[at("2024-07-01T09:00+00:00")] * 2, UTC)).begin
