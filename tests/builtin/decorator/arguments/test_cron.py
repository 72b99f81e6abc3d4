"""What five fields mean, also by the word of an independent library."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import example, given
from hypothesis import strategies as st

from everai_autoscaler.builtin.decorator.arguments.cron import CronRule
from everai_autoscaler.errors import ArgumentError

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
# Name, index of the field, lowest, highest, names by number.
FIELDS = {
    "minutes": (0, 0, 59, []),
    "hours": (1, 0, 23, []),
    "days": (2, 1, 31, []),
    "months": (3, 1, 12, MONTHS),
    "weekdays": (4, 0, 6, WEEKDAYS),
}


def rule_with(field, written):
    """A rule whose other fields are stars."""
    fields = ["*"] * 5
    fields[FIELDS[field][0]] = written
    return CronRule.parse(" ".join(fields))


def values(field, written):
    """The numbers that *written* means in *field*."""
    return sorted(getattr(rule_with(field, written), field))


class TestLanguage:
    @pytest.mark.parametrize(
        ("field", "written", "expected"),
        [
            ("minutes", "*", [*range(60)]),
            ("minutes", "7", [7]),
            ("minutes", "007", [7]),
            ("minutes", "1,2,2", [1, 2]),
            ("minutes", "*,5", [*range(60)]),
            ("minutes", "9-11", [9, 10, 11]),
            ("minutes", "9-9", [9]),
            ("minutes", "*/20", [0, 20, 40]),
            ("minutes", "*/59", [0, 59]),
            ("minutes", "5/20", [5, 25, 45]),
            ("minutes", "10-30/10", [10, 20, 30]),
            ("minutes", "50-10", [*range(11), *range(50, 60)]),
            ("minutes", "50-10/15", [5, 50]),
            ("hours", "22-6", [0, 1, 2, 3, 4, 5, 6, 22, 23]),
            ("hours", "23,0-8", [*range(9), 23]),
            ("hours", "22-6/2", [0, 2, 4, 6, 22]),
            ("days", "*/10", [1, 11, 21, 31]),
            ("days", "25-5", [1, 2, 3, 4, 5, *range(25, 32)]),
            ("months", "NOV-FEB", [1, 2, 11, 12]),
            ("months", "jan,Mar-may", [1, 3, 4, 5]),
            ("months", "*/6", [1, 7]),
            ("months", "10/2", [10, 12]),
            ("weekdays", "0", [0]),
            ("weekdays", "7", [0]),
            ("weekdays", "sun", [0]),
            ("weekdays", "0-7", [*range(7)]),
            ("weekdays", "0-7/7", [0]),
            ("weekdays", "7-0", [0]),
            ("weekdays", "5-7", [0, 5, 6]),
            ("weekdays", "6,7", [0, 6]),
            ("weekdays", "7-2", [0, 1, 2]),
            ("weekdays", "SUN-TUE", [0, 1, 2]),
            ("weekdays", "FRI-SUN", [0, 5, 6]),
            ("weekdays", "FRI-MON", [0, 1, 5, 6]),
            ("weekdays", "MON-SUN", [*range(7)]),
            ("weekdays", "FRI-MON/2", [0, 5]),
            ("weekdays", "*/2", [0, 2, 4, 6]),
            ("weekdays", "7/2", [0, 2, 4, 6]),
            ("weekdays", "mon/2", [1, 3, 5]),
        ],
    )
    def test_a_field_means(self, field, written, expected):
        """Stars, numbers, names, lists, ranges (also round the end) and steps mean these values."""

        assert expected == values(field, written)

    def test_blanks_and_tabs_separate_fields(self):
        """Any blanks and tabs may stand between fields and around them."""

        assert CronRule.parse("* 9-22 * * 1-5") == CronRule.parse("  *\t9-22 *   *  \t1-5 ")

    def test_equal_rules_mean_the_same_minutes(self):
        """However it is written, a rule equals another that means the same, and keeps its own text."""
        one, other = CronRule.parse("* 9-11 * * MON"), CronRule.parse("* 9,10,11 * * 1")

        assert one == other
        assert hash(one) == hash(other)
        assert "* 9,10,11 * * 1" == other.text

    def test_is_copied_and_pickled(self):
        """A rule survives a copy and a pickle."""
        rule = CronRule.parse("0 9 * * FRI-MON")

        assert rule == copy.deepcopy(rule) == pickle.loads(pickle.dumps(rule))


class TestRefusals:
    @pytest.mark.parametrize("text", ["", "*", "@daily", " @hourly", "* * * *", "* * * * * *", "0 0 1 1 * 2025"])
    def test_other_than_five_fields(self, text):
        """Another number of fields, or a shorthand, is refused with the five that are accepted."""
        with pytest.raises(ArgumentError) as raised:
            CronRule.parse(text)

        assert "write five fields: MIN HOUR DOM MON DOW" in str(raised.value)
        assert repr(text) in str(raised.value)
        assert ("@" in text) == ("shorthands with @ are not read" in str(raised.value))

    def test_what_is_not_text(self):
        """Something that is not text is refused in words."""
        with pytest.raises(ArgumentError, match="cron rule 5 is not text"):
            CronRule.parse(5)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("60 * * * *", "minute '60' is out of range; accepted: 0 to 59"),
            ("* 24 * * *", "hour '24' is out of range; accepted: 0 to 23"),
            ("* 22-24 * * *", "hour '24' is out of range; accepted: 0 to 23"),
            ("* * 0 * *", "day of month '0' is out of range; accepted: 1 to 31"),
            ("* * 32 * *", "day of month '32' is out of range; accepted: 1 to 31"),
            ("* * * 13 *", f"month '13' is out of range; accepted: 1 to 12 or {', '.join(MONTHS)}"),
            ("* * * * 8", f"day of week '8' is out of range; accepted: 0 to 7 or {', '.join(WEEKDAYS)}"),
            ("* * * MOM *", f"month 'MOM' is not known; accepted: 1 to 12 or {', '.join(MONTHS)}"),
            ("* * * * MOM", "day of week 'MOM' is not known; accepted: 0 to 7 or "),
            ("* * * * MONDAY", "; did you mean 'MON'?"),
            ("MON * * * *", "minute 'MON' is not known; accepted: 0 to 59"),
            ("* * * * JAN", "day of week 'JAN' is not known"),
            ("+5 * * * *", "minute '+5' is not known; accepted: 0 to 59"),
            ("٥ * * * *", "minute '٥' is not known; accepted: 0 to 59"),  # noqa: RUF001 - a digit of another alphabet
            ("1_0 * * * *", "minute '1_0' is not known; accepted: 0 to 59"),
            ("9" * 5000 + " * * * *", "is not known; accepted: 0 to 59"),
            ("*/0 * * * *", "minute step '0' is not accepted; accepted: 1 to 59"),
            ("*/90 * * * *", "minute step '90' is not accepted; accepted: 1 to 59"),
            ("* * * * */x", "day of week step 'x' is not accepted; accepted: 1 to 7"),
            ("* * ? * *", "day of month '?': ?, L, W and # are not read; accepted: *, 1 to 31"),
            ("* * L * *", "day of month 'L': ?, L, W and # are not read"),
            ("* * L-3 * *", "day of month 'L': ?, L, W and # are not read"),
            ("* * 15W * *", "day of month '15W': ?, L, W and # are not read"),
            ("* * LW * *", "day of month 'LW': ?, L, W and # are not read"),
            ("* * * * 5L", "day of week '5L': ?, L, W and # are not read"),
            ("* * * * FRIL", "day of week 'FRIL': ?, L, W and # are not read"),
            ("* * * * 5#2", "day of week '5#2': ?, L, W and # are not read"),
            ("* * * * fri#2", "day of week 'fri#2': ?, L, W and # are not read"),
        ],
    )
    def test_a_value_that_cannot_be_read(self, text, message):
        """A value that can't be read is refused with the field, what was written, and what is accepted."""
        with pytest.raises(ArgumentError) as raised:
            CronRule.parse(text)

        assert str(raised.value).startswith(f"cron rule {text!r}: ")
        assert message in str(raised.value)

    @pytest.mark.parametrize("item", ["*-5", "1-2-3", "1,,2", ",1", "1-", "-5", "*/", "/5", "1/2/3", "1--2", ","])
    def test_an_item_of_another_shape(self, item):
        """An item of no known shape is refused, with the shapes that there are."""
        with pytest.raises(ArgumentError, match="can't be read; write \\*, a number, a range a-b, a step"):
            CronRule.parse(f"{item} * * * *")

    @pytest.mark.parametrize("text", ["* * 31 2 *", "* * 30-31 FEB *", "0 0 31 4,6,SEP,11 *", "* * 31 2 MON"])
    def test_a_rule_that_never_matches(self, text):
        """A day that none of the months has is refused."""
        with pytest.raises(ArgumentError, match="never matches"):
            CronRule.parse(text)

    @pytest.mark.parametrize("text", ["* * 29 2 *", "* * 28-31 2 *", "* * 31 2,3 *", "* * 30-2 2 *", "* * 30 4 *"])
    def test_a_rule_that_matches_sometimes(self, text):
        """A day that comes in some year is accepted, be it 29 February."""

        assert text == CronRule.parse(text).text


class TestMatching:
    def test_day_of_month_and_day_of_week_are_anded(self):
        """Unlike Vixie's OR, the first week and Monday mean the first Monday."""
        rule = CronRule.parse("0 9 1-7 * MON")
        july = [day for day in range(1, 32) if rule.matches(datetime(2024, 7, day, 9, tzinfo=UTC))]

        assert [1] == july

    def test_seconds_are_not_looked_at(self):
        """The resolution is the minute."""
        rule = CronRule.parse("30 9 * * *")

        assert rule.matches(datetime(2024, 7, 29, 9, 30, 59, 999_999, tzinfo=UTC))
        assert not rule.matches(datetime(2024, 7, 29, 9, 31, tzinfo=UTC))

    def test_each_field_can_refuse(self):
        """One field that disagrees is enough."""
        rule = CronRule.parse("30 9 29 7 1")

        assert rule.matches(datetime(2024, 7, 29, 9, 30, tzinfo=UTC))
        for moment in (
            datetime(2024, 7, 29, 9, 29, tzinfo=UTC),
            datetime(2024, 7, 29, 8, 30, tzinfo=UTC),
            datetime(2024, 7, 22, 9, 30, tzinfo=UTC),
            datetime(2024, 4, 29, 9, 30, tzinfo=UTC),
            datetime(2025, 7, 29, 9, 30, tzinfo=UTC),
        ):
            assert not rule.matches(moment)


# Properties


@st.composite
def plain_items(draw, field):
    """An item on which every cron agrees: no range round the end."""
    _, low, high, names = FIELDS[field]
    first, last = sorted(draw(st.lists(st.integers(low, high), min_size=2, max_size=2)))
    step = draw(st.integers(1, max(1, high - low)))

    def written(value):
        name = draw(st.sampled_from([str.upper, str.lower, str.title]))
        return name(names[value - low]) if names and draw(st.booleans()) else str(value)

    shapes = ["*", f"*/{step}", written(first), f"{first}/{step}"]
    if first < last:
        shapes += [f"{written(first)}-{written(last)}", f"{first}-{last}/{min(step, last - first)}"]
    if field == "weekdays":
        shapes += ["7", "5-7", "6,7"]
    return draw(st.sampled_from(shapes))


@st.composite
def plain_rules(draw):
    """Five fields on which every cron agrees; mostly wide, so that both answers come up."""
    return " ".join(
        "*" if draw(st.booleans()) else ",".join(draw(st.lists(plain_items(field), min_size=1, max_size=3)))
        for field in FIELDS
    )


moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31))  # noqa: DTZ001


@given(plain_rules(), moments)
@example("* 9-22 * * 1-5", datetime(2024, 7, 29, 10))  # noqa: DTZ001
@example("0 0 29 2 0", datetime(2032, 2, 29))  # noqa: DTZ001
def test_agrees_with_croniter(text, moment):
    """Where all crons agree on the language, an independent library gives the same answer."""
    try:
        rule = CronRule.parse(text)
    except ArgumentError as error:
        assert "never matches" in str(error)  # noqa: PT017
        return

    assert croniter.match(text, moment.replace(second=0, microsecond=0), day_or=False) == rule.matches(moment)


@given(plain_rules(), st.data())
def test_a_rule_finds_its_own_minutes(text, data):
    """A moment put together from a rule's own values matches it, by croniter's word as well."""
    try:
        rule = CronRule.parse(text)
    except ArgumentError:
        return
    day = data.draw(st.sampled_from(_days_of(rule)))
    moment = day.replace(
        hour=data.draw(st.sampled_from(sorted(rule.hours))), minute=data.draw(st.sampled_from(sorted(rule.minutes)))
    )

    assert rule.matches(moment)
    assert croniter.match(text, moment, day_or=False)


# 28 years, in which each date falls on each weekday.
DAYS = [datetime(2000, 1, 1) + timedelta(days=day) for day in range(28 * 365 + 7)]  # noqa: DTZ001


def _days_of(rule):
    return [
        day
        for day in DAYS
        if day.day in rule.days and day.month in rule.months and day.isoweekday() % 7 in rule.weekdays
    ]


@given(st.sampled_from(sorted(FIELDS)), st.data())
def test_a_range_round_the_end_is_two_plain_ranges(field, data):
    """A range whose end comes before its start is the range to the end and the one from the beginning."""
    _, low, high, _ = FIELDS[field]
    last, first = sorted(data.draw(st.lists(st.integers(low, high), min_size=2, max_size=2, unique=True)))

    assert rule_with(field, f"{first}-{high},{low}-{last}") == rule_with(field, f"{first}-{last}")


@given(st.sampled_from(sorted(FIELDS)), st.data())
def test_steps_count_from_the_start_of_the_range(field, data):
    """A step takes each n-th of the range's values in their order, also round the end."""
    _, low, high, _ = FIELDS[field]
    first, last = data.draw(st.integers(low, high)), data.draw(st.integers(low, high))
    step = data.draw(st.integers(1, high))
    order = [*range(first, last + 1)] if first <= last else [*range(first, high + 1), *range(low, last + 1)]

    assert sorted(order[::step]) == values(field, f"{first}-{last}/{step}")


@given(st.text(alphabet="0123456789*/-,?LW#@ \tMONJAFEB", max_size=30) | st.text(max_size=30))
def test_any_text_is_read_or_refused_in_one_line(text):
    """Whatever is written, the answer is a rule or one clear line."""
    try:
        rule = CronRule.parse(text)
    except ArgumentError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert all((rule.minutes, rule.hours, rule.days, rule.months, rule.weekdays))
