"""What holds by day, by night and at weekends; each defect of the predecessor has a test that names it."""

from __future__ import annotations

import copy
import pickle
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everai_autoscaler.builtin.decorator.arguments import time_match
from everai_autoscaler.builtin.decorator.arguments.cron import CronRule
from everai_autoscaler.builtin.decorator.arguments.time_match import TimeMatchDecorator
from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import zone as zone_module

ALWAYS = "match(* * * * *)"
NEVER = "match(0 0 29 2 0)"  # nearly
MONDAY_TEN = datetime(2024, 7, 29, 10, 0)  # noqa: DTZ001
MONDAY_NIGHT = datetime(2024, 7, 29, 23, 0)  # noqa: DTZ001
SUNDAY_TEN = datetime(2024, 7, 28, 10, 0)  # noqa: DTZ001
ACCEPTED = ("min_workers", "max_workers", "max_queue_size", "max_idle_time", "scale_up_step")

MANIFEST = {
    "timezone": "Asia/Shanghai",
    "match(* 9-22 * * 1-5)": "weekday_day_",
    "match(* 23,0-8 * * 1-5)": "weekday_night_",
    "match(* 9-23,0 * * 6,7)": "weekend_day_",
    "match(* 1-8 * * 6,7)": "weekend_night_",
    "weekday_day_min_workers": "5",
    "weekday_day_max_workers": "50",
    "weekday_night_min_workers": "2",
    "weekday_night_max_workers": "5",
    "weekend_day_max_workers": "80",
    "weekend_day_max_idle_time": "300",
}


def refusal(**arguments):
    """What the constructor says when it refuses *arguments*."""
    with pytest.raises(ArgumentError) as raised:
        TimeMatchDecorator(**arguments)
    assert "\n" not in str(raised.value)
    return str(raised.value)


class TestManifest:
    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            (MONDAY_TEN, {"min_workers": "5", "max_workers": "50", "max_idle_time": "60"}),
            (MONDAY_NIGHT, {"min_workers": "2", "max_workers": "5", "max_idle_time": "60"}),
            (SUNDAY_TEN, {"min_workers": "1", "max_workers": "80", "max_idle_time": "300"}),
            (SUNDAY_TEN.replace(hour=3), {"min_workers": "1", "max_workers": "8", "max_idle_time": "60"}),
        ],
    )
    @pytest.mark.parametrize("accepted", [None, ACCEPTED])
    def test_weekdays_nights_and_weekends(self, now, expected, accepted):
        """The form that manifests use: prefixed arguments beside the rules override the scaler's."""
        decorator = TimeMatchDecorator.from_arguments(MANIFEST)
        plain = {"min_workers": "1", "max_workers": "8", "max_idle_time": "60"}

        assert expected == decorator(plain, now, accepted=accepted)

    def test_prefixed_arguments_among_the_scalers_own(self):
        """Prefixed arguments may also stand among the scaler's own, and are taken out of the result."""
        decorator = TimeMatchDecorator("Asia/Shanghai", **{"match(* 9-22 * * 1-5)": "weekday_day_"})
        arguments = {"min_workers": "1", "weekday_day_max_workers": "50", "max_workers": "5"}

        assert {"min_workers": "1", "max_workers": "50"} == decorator(arguments, MONDAY_TEN)
        assert {"min_workers": "1", "max_workers": "5"} == decorator(arguments, MONDAY_NIGHT)

    def test_beside_the_rules_goes_before_the_scalers_own(self):
        """Written in both places, the one beside the rules holds."""
        decorator = TimeMatchDecorator(**{ALWAYS: "night_", "night_max_workers": "7"})

        assert {"max_workers": "7"} == decorator({"max_workers": "1", "night_max_workers": "9"})

    def test_is_called_time_match(self):
        """A manifest calls it time-match."""

        assert "time-match" == TimeMatchDecorator.name()

    @pytest.mark.parametrize("given", [{}, None, {"timezone": None}])
    def test_without_rules(self, given):
        """Without a rule nothing changes, in UTC."""
        decorator = TimeMatchDecorator.from_arguments(given)

        assert TimeMatchDecorator() == decorator
        assert UTC is decorator.zone
        assert {"max_workers": "5"} == decorator({"max_workers": "5"})

    def test_of_a_subclass_gives_the_subclass(self):
        """A subclass's from_arguments gives the subclass."""

        class Mine(TimeMatchDecorator):
            pass

        assert Mine is type(Mine.from_arguments(MANIFEST))


class TestOverriding:
    def test_later_rules_win(self):
        """Of two rules that match, the later one's value holds, whichever prefix that is."""
        values = {"a_max_workers": "1", "b_max_workers": "2"}
        plain = {"max_workers": "0"}

        assert {"max_workers": "2"} == TimeMatchDecorator(**{ALWAYS: "a_", "match(* 10 * * *)": "b_"}, **values)(
            plain, MONDAY_TEN
        )
        assert {"max_workers": "1"} == TimeMatchDecorator(**{"match(* 10 * * *)": "b_", ALWAYS: "a_"}, **values)(
            plain, MONDAY_TEN
        )

    def test_two_rules_may_share_a_prefix(self):
        """Either of two rules with one prefix brings its arguments in."""
        decorator = TimeMatchDecorator(
            **{"match(* 9-17 * * MON-FRI)": "open_", "match(* 10-13 * * SAT)": "open_", "open_max_workers": "5"}
        )
        saturday = datetime(2024, 7, 27, 11, 0)  # noqa: DTZ001

        assert {"max_workers": "5"} == decorator({"max_workers": "1"}, MONDAY_TEN)
        assert {"max_workers": "5"} == decorator({"max_workers": "1"}, saturday)
        assert {"max_workers": "1"} == decorator({"max_workers": "1"}, SUNDAY_TEN)

    def test_order(self):
        """Plain arguments keep their order, and new ones follow."""
        decorator = TimeMatchDecorator(**{ALWAYS: "p_", "p_new": "3", "p_b": "4"})

        assert [("c", "0"), ("b", "4"), ("a", "2"), ("new", "3")] == list(
            decorator({"c": "0", "b": "1", "a": "2"}).items()
        )

    def test_the_callers_mapping_stays(self):
        """Neither the caller's mapping nor the decorator's own arguments change."""
        arguments = {"max_workers": "1", "night_max_workers": "9"}
        decorator = TimeMatchDecorator(**{ALWAYS: "night_", "night_min_workers": "1"})
        decorator(arguments)["max_workers"] = "x"

        assert {"max_workers": "1", "night_max_workers": "9"} == arguments
        assert {"max_workers": "9", "min_workers": "1"} == decorator(arguments)

    def test_accepted_names_are_plain_where_a_prefix_begins_them(self):
        """With a prefix max_, max_workers is an argument, and max_max_workers a prefixed one."""
        decorator = TimeMatchDecorator(**{"match(* 10 * * *)": "max_"})
        arguments = {"max_workers": "1", "max_idle_time": "60", "max_max_workers": "5"}

        assert {"max_workers": "5", "max_idle_time": "60"} == decorator(arguments, MONDAY_TEN, accepted=ACCEPTED)
        assert {"max_workers": "1", "max_idle_time": "60"} == decorator(arguments, MONDAY_NIGHT, accepted=ACCEPTED)

    def test_without_accepted_names_the_rest_passes(self):
        """Where it isn't known what the scaler takes, what no prefix begins is passed on."""
        decorator = TimeMatchDecorator(**{ALWAYS: "night_"})

        assert {"other_max_workers": "1"} == decorator({"other_max_workers": "1"})

    @given(
        st.dictionaries(st.sampled_from(ACCEPTED), st.integers(), min_size=1),
        st.dictionaries(st.sampled_from(ACCEPTED), st.integers()),
        st.dictionaries(st.sampled_from(ACCEPTED), st.integers()),
        st.booleans(),
        st.booleans(),
    )
    def test_is_a_merge(self, plain, week, weekend, week_matches, weekend_matches):
        """The result is the plain arguments, updated with those of each rule that matches, in their order."""
        decorator = TimeMatchDecorator(
            **{
                ALWAYS if week_matches else NEVER: "week_",
                "match(0-59 * * * *)" if weekend_matches else "match(0 0 29 FEB SUN)": "week_end_",
            },
            **{f"week_{name}": value for name, value in week.items()},
        )
        arguments = plain | {f"week_end_{name}": value for name, value in weekend.items()}
        expected = plain | (week if week_matches else {}) | (weekend if weekend_matches else {})

        assert expected == decorator(arguments, MONDAY_TEN) == decorator(arguments, MONDAY_TEN, accepted=ACCEPTED)


class TestAccepted:
    @pytest.mark.parametrize("now", [MONDAY_TEN, MONDAY_NIGHT])
    @pytest.mark.parametrize("beside_the_rules", [True, False])
    def test_a_misspelt_prefixed_argument(self, now, beside_the_rules):
        """A misspelt prefixed argument is refused by name, whether its rule matches or not."""
        misspelt = {"weekday_day_max_workerz": "5"}
        decorator = TimeMatchDecorator(
            **{"match(* 9-22 * * 1-5)": "weekday_day_"}, **(misspelt if beside_the_rules else {})
        )
        with pytest.raises(ArgumentError) as raised:
            decorator({} if beside_the_rules else misspelt, now, accepted=ACCEPTED)

        assert (
            "time-match: argument 'weekday_day_max_workerz': 'max_workerz' is not one of max_idle_time, max_queue_size,"
            " max_workers, min_workers, scale_up_step; did you mean 'max_workers'?"
        ) == str(raised.value)

    def test_an_argument_that_begins_with_no_prefix(self):
        """A plain argument that the scaler doesn't take is refused, with its names and the prefixes."""
        decorator = TimeMatchDecorator(**{ALWAYS: "weekday_", NEVER: "weekend_"})
        with pytest.raises(ArgumentError) as raised:
            decorator({"wekday_max_workers": "5"}, accepted=["max_workers", "min_workers"])

        assert (
            "time-match: argument 'wekday_max_workers' is not one of max_workers, min_workers;"
            " prefixes are 'weekday_', 'weekend_'; did you mean 'max_workers'?"
        ) == str(raised.value)

    def test_an_argument_without_any_rule(self):
        """Without rules, the refusal says that there is no prefix."""
        with pytest.raises(ArgumentError) as raised:
            TimeMatchDecorator()({"x": "5"}, accepted=())

        assert "time-match: argument 'x' is not one of (none); no rule names a prefix" == str(raised.value)

    @pytest.mark.parametrize("accepted", [None, ACCEPTED])
    def test_a_prefix_and_nothing_else(self, accepted):
        """A prefix alone names no argument, wherever it is written."""
        message = re.escape("time-match: argument 'night_' is a prefix and nothing else; write an argument after it")
        with pytest.raises(ArgumentError, match=message):
            TimeMatchDecorator(**{NEVER: "night_"})({"night_": "5"}, accepted=accepted)
        with pytest.raises(ArgumentError, match=message):
            TimeMatchDecorator(**{NEVER: "night_", "night_": "5"})


class TestMoments:
    def test_observed_at_is_read_in_the_zone(self):
        """Epoch seconds are converted to the wall clock of the zone."""
        decorator = TimeMatchDecorator("Asia/Shanghai", **{"match(0 10 29 7 1)": "p_", "p_x": "1"})
        observed_at = datetime(2024, 7, 29, 2, 0, tzinfo=UTC).timestamp()

        assert {"x": "1"} == decorator({}, observed_at=observed_at)
        assert {} == TimeMatchDecorator(**{"match(0 10 29 7 1)": "p_", "p_x": "1"})({}, observed_at=observed_at)

    def test_mock_now_goes_before_observed_at(self):
        """A moment that is given explicitly goes before that of the snapshot."""
        decorator = TimeMatchDecorator(**{"match(* 10 * * *)": "p_", "p_x": "1"})

        assert {"x": "1"} == decorator({}, MONDAY_TEN, observed_at=0.0)

    def test_without_a_moment_it_is_now(self, monkeypatch):
        """A caller without a snapshot gets what holds now."""
        monkeypatch.setattr(time_match.time, "time", lambda: datetime(2024, 7, 29, 2, 0, tzinfo=UTC).timestamp())

        assert {"x": "1"} == TimeMatchDecorator("Asia/Shanghai", **{"match(0 10 29 7 1)": "p_", "p_x": "1"})({})

    def test_with_a_moment_no_clock_is_read(self, monkeypatch):
        """With the snapshot's moment, the machine's clock makes no difference."""
        monkeypatch.setattr(time_match.time, "time", lambda: pytest.fail("read a clock"))

        assert {} == TimeMatchDecorator()({}, observed_at=0.0)

    def test_a_naive_moment_is_the_zones_wall_time(self):
        """A naive moment is what the zone's clocks show."""
        decorator = TimeMatchDecorator("Asia/Shanghai", **{"match(* 10 * * *)": "p_", "p_x": "1"})

        assert {"x": "1"} == decorator({}, MONDAY_TEN)

    def test_a_zone_without_an_offset_leaves_a_moment_naive(self):
        """A moment whose tzinfo knows no offset is a naive one."""

        class Unknown(tzinfo):
            def utcoffset(self, moment):
                return None

        decorator = TimeMatchDecorator("Asia/Shanghai", **{"match(* 10 * * *)": "p_", "p_x": "1"})

        assert {"x": "1"} == decorator({}, MONDAY_TEN.replace(tzinfo=Unknown()))


class TestDaylightSaving:
    def test_both_passes_of_the_repeated_hour_match(self):
        """In Berlin on 27 October 2024 the hour from two comes twice, and matches twice."""
        decorator = TimeMatchDecorator("Europe/Berlin", **{"match(30 2 * * *)": "p_", "p_x": "1"})
        first = datetime(2024, 10, 27, 0, 30, tzinfo=UTC).timestamp()

        assert {"x": "1"} == decorator({}, observed_at=first)
        assert {"x": "1"} == decorator({}, observed_at=first + 3600)
        assert {} == decorator({}, observed_at=first - 3600)
        assert {} == decorator({}, observed_at=first + 7200)

    def test_the_skipped_hour_never_comes(self):
        """In Berlin on 31 March 2024 no minute of that day is in the hour from two."""
        decorator = TimeMatchDecorator("Europe/Berlin", **{"match(* 2 31 3 *)": "p_", "p_x": "1"})
        midnight = datetime(2024, 3, 31, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()

        assert all({} == decorator({}, observed_at=midnight + 60 * minute) for minute in range(23 * 60))

    @given(
        # Each with the days round which its clocks change; Shanghai's no longer do.
        st.sampled_from(
            [
                ("Europe/Berlin", datetime(2024, 3, 31, 1, tzinfo=UTC)),
                ("Europe/Berlin", datetime(2024, 10, 27, 1, tzinfo=UTC)),
                ("America/New_York", datetime(2024, 3, 10, 7, tzinfo=UTC)),
                ("America/New_York", datetime(2024, 11, 3, 6, tzinfo=UTC)),
                ("Australia/Lord_Howe", datetime(2024, 4, 6, 15, tzinfo=UTC)),
                ("Australia/Lord_Howe", datetime(2024, 10, 5, 15, 30, tzinfo=UTC)),
                ("Asia/Shanghai", datetime(2024, 3, 31, 1, tzinfo=UTC)),
                ("Asia/Shanghai", datetime(1991, 9, 14, 17, tzinfo=UTC)),
            ]
        ),
        st.integers(-3 * 3600, 3 * 3600),
        st.sampled_from(["* 2 * * *", "0-29 1-2 * * *", "*/7 */2 * * SUN", "30-59 * * 3,10 6-7", "* 22-1 * * *"]),
    )
    @example(("Europe/Berlin", datetime(2024, 10, 27, 1, tzinfo=UTC)), 0, "* 2 * * *")
    @example(("Europe/Berlin", datetime(2024, 10, 27, 1, tzinfo=UTC)), -1, "* 2 * * *")
    def test_an_instant_matches_as_its_wall_time_does(self, change, seconds, cron):
        """Round each change of the clocks, the answer for an instant is that for what the zone's clocks show."""
        zone, around = change
        instant = around + timedelta(seconds=seconds)
        wall = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        decorator = TimeMatchDecorator(zone, **{f"match({cron})": "p_", "p_x": "1"})
        expected = {"x": "1"} if CronRule.parse(cron).matches(wall) else {}

        assert expected == decorator({}, observed_at=instant.timestamp())
        assert expected == decorator({}, wall)
        assert expected == decorator({}, instant)


class TestDefectsOfThePredecessor:
    """COMPATIBILITY, part 5: what it did, and what is right."""

    @pytest.mark.parametrize(
        "zone",
        [
            "",
            "..",
            "../x",
            "/etc/localtime",
            "Europe",
            "Europe/",
            "zone.tab",
            "x" * 5000,
            "\0",
            "\ud800",
            "GMT+8",
            " UTC",
        ],
    )
    def test_an_unknown_zone_is_named(self, zone):
        """An unknown zone, or a path instead of one, gives one clear line."""

        assert refusal(timezone=zone).startswith(
            f"time-match: timezone {zone!r} is not known; accepted: a name of the IANA database such as 'Europe/Berlin'"
        )

    def test_an_unknown_zone_has_a_suggestion(self):
        """A misspelt zone comes with the nearest name."""

        assert refusal(timezone="Asia/Shanghi").endswith("; did you mean 'Asia/Shanghai'?")

    def test_a_zone_that_is_not_text(self):
        """A zone that isn't text is refused in words."""

        assert "time-match: timezone 8 is not text; write a name such as 'Europe/Berlin'" == refusal(timezone=8)

    @pytest.mark.parametrize("zone", ["localtime", "posixrules", "right/Europe/Berlin", "posix/UTC"])
    def test_a_zone_of_this_machine(self, zone):
        """A name that means something else on the next machine is refused, though this one may know it."""

        assert f"timezone {zone!r} is not known" in refusal(timezone=zone)

    @pytest.mark.parametrize("zone", ["asia/shanghai", "ASIA/SHANGHAI", "Asia/Shanghai"])
    def test_a_zone_in_any_case(self, zone):
        """As with the predecessor, capitals make no difference in a zone's name."""

        assert ZoneInfo("Asia/Shanghai") is TimeMatchDecorator(zone).zone

    @pytest.mark.parametrize("zone", [None, "UTC", "utc"])
    def test_utc_needs_no_database(self, zone, monkeypatch):
        """UTC is there where no database of zones is."""
        monkeypatch.setattr(zone_module, "ZoneInfo", lambda key: pytest.fail("looked for a zone"))

        assert UTC is TimeMatchDecorator(zone).zone

    @pytest.mark.parametrize(
        "rule", ["match(* 9-22 * * MON-FRI)", "match(*  9-22 * \t* 1-5)", "match( * 9-22 * * 1-5 )"]
    )
    def test_names_and_blanks_are_read(self, rule):
        """Rules with names or several blanks apply, instead of vanishing in silence."""
        decorator = TimeMatchDecorator(**{rule: "p_", "p_x": "1"})

        assert {"x": "1"} == decorator({}, MONDAY_TEN)
        assert {} == decorator({}, SUNDAY_TEN)

    @pytest.mark.parametrize("rule", ["match(0 * * * * *)", "match(@daily)", "match()", "match(0 0 1 1 * 2025)"])
    def test_rules_without_five_fields_are_refused(self, rule):
        """Six fields and @daily are refused, instead of vanishing in silence."""
        message = refusal(**{rule: "p_"})

        assert message.startswith(f"time-match: argument {rule!r}: cron rule ")
        assert "write five fields: MIN HOUR DOM MON DOW" in message

    def test_hours_across_midnight(self):
        """Hours from the evening to the morning apply, instead of crashing."""
        decorator = TimeMatchDecorator(**{"match(* 22-6 * * *)": "night_", "night_max_workers": "1"})
        nights = [
            hour
            for hour in range(24)
            if {"max_workers": "1"} == decorator({"max_workers": "5"}, MONDAY_TEN.replace(hour=hour))
        ]

        assert [0, 1, 2, 3, 4, 5, 6, 22, 23] == nights

    @pytest.mark.parametrize("accepted", [None, ACCEPTED])
    @pytest.mark.parametrize("rules", [{ALWAYS: "week_", NEVER: "week_end_"}, {NEVER: "week_end_", ALWAYS: "week_"}])
    def test_a_prefix_that_is_the_start_of_another(self, rules, accepted):
        """An argument belongs to the longest prefix, and leaks no broken name through the shorter."""
        decorator = TimeMatchDecorator(**rules, week_end_max_workers="9")
        arguments = {"max_workers": "5", "week_end_min_workers": "2", "week_min_workers": "1"}

        assert {"max_workers": "5", "min_workers": "1"} == decorator(arguments, MONDAY_TEN, accepted=accepted)

    def test_misspelt_arguments_are_named(self):
        """A misspelt argument is refused by name, instead of reaching the constructor."""
        decorator = TimeMatchDecorator(**{NEVER: "weekday_night_", "weekday_night_min_worker": "2"})

        with pytest.raises(ArgumentError, match=r"'weekday_night_min_worker'.*; did you mean 'min_workers'\?"):
            decorator({}, accepted=ACCEPTED)

    @pytest.mark.parametrize("beside_the_rules", [True, False])
    def test_values_stay_what_they_are(self, beside_the_rules):
        """A late value, a number or text is passed through as the very object, unread."""
        values = {"p_late": lambda: pytest.fail("was read"), "p_number": 5, "p_text": "5"}
        decorator = TimeMatchDecorator(**{ALWAYS: "p_"}, **(values if beside_the_rules else {}))
        actual = decorator({} if beside_the_rules else values)

        assert values["p_late"] is actual["late"]
        assert {"number": 5, "text": "5"} == {key: actual[key] for key in ("number", "text")}

    def test_an_aware_time_of_another_zone_is_converted(self):
        """An aware moment is converted to the zone, wherever it was stated."""
        decorator = TimeMatchDecorator("Asia/Shanghai", **{"match(0 10 29 7 1)": "p_", "p_x": "1"})
        at_ten = datetime(2024, 7, 28, 16, 0, tzinfo=timezone(timedelta(hours=-10)))

        assert {"x": "1"} == decorator({}, at_ten)
        assert {} == decorator({}, at_ten.replace(hour=10))

    def test_a_minimum_above_the_maximum_is_left_to_bind(self):
        """What a rule makes of two arguments together is passed on: bind reconciles them, for the maximum to win."""
        decorator = TimeMatchDecorator(**{ALWAYS: "p_", "p_min_workers": "9"})

        assert {"min_workers": "9", "max_workers": "5"} == decorator({"min_workers": "1", "max_workers": "5"})


class TestRefusals:
    @pytest.mark.parametrize(
        ("key", "hint"),
        [
            ("timezon", "timezone"),
            ("mach(* 9 * * *)", "match(* 9 * * *)"),
            ("Match(* 9 * * *)", "match(* 9 * * *)"),
            (" match(* 9 * * *)", "match(* 9 * * *)"),
            ("match (* 9 * * *)", "match(* 9 * * *)"),
            ("match(* 9 * * *) ", "match(* 9 * * *)"),
        ],
    )
    def test_a_misspelt_key_has_a_suggestion(self, key, hint):
        """A key that is neither a rule nor prefixed is refused, with what was probably meant."""

        assert (
            f"time-match: argument {key!r} is not known; accepted: timezone, match(MIN HOUR DOM MON DOW),"
            f" or an argument with the prefix of a rule (prefixes are 'p_'); did you mean {hint!r}?"
        ) == refusal(**{ALWAYS: "p_", key: "q_"})

    @pytest.mark.parametrize("key", ["max_workers", "self", "q_max_workers", "match(* * * * *", ""])
    def test_a_key_of_another_kind(self, key):
        """Any other key is refused as well, be it a name that Python uses."""

        assert (
            f"time-match: argument {key!r} is not known; accepted: timezone, match(MIN HOUR DOM MON DOW),"
            " or an argument with the prefix of a rule (no rule names a prefix)"
        ) == refusal(**{key: "1"})

    @pytest.mark.parametrize("prefix", ["", " ", 5, None])
    def test_a_prefix_that_is_none(self, prefix):
        """An empty prefix, or one that isn't text, is refused by its rule."""

        assert (
            f"time-match: argument {ALWAYS!r}: prefix {prefix!r} is not accepted; write text such as 'weekday_day_'"
        ) == refusal(**{ALWAYS: prefix})

    def test_a_field_that_cannot_be_read(self):
        """A rule that can't be read is refused with its key and the field."""

        assert (
            "time-match: argument 'match(* 25 * * *)': cron rule '* 25 * * *': hour '25' is out of range;"
            " accepted: 0 to 23"
        ) == refusal(**{"match(* 25 * * *)": "p_"})

    def test_a_rule_that_never_matches(self):
        """A rule for 31 February is refused."""

        assert "never matches" in refusal(**{"match(* * 31 2 *)": "p_"})


class TestValue:
    def test_equal_to_another_with_the_same_arguments(self):
        """Two with the same arguments are equal and hash alike; another is not."""
        one, other = TimeMatchDecorator.from_arguments(MANIFEST), TimeMatchDecorator.from_arguments(MANIFEST)

        assert one == other
        assert hash(one) == hash(other)
        assert one != TimeMatchDecorator.from_arguments(MANIFEST | {"timezone": "UTC"})
        assert one != TimeMatchDecorator.from_arguments(MANIFEST | {"weekday_day_min_workers": "6"})

    @pytest.mark.parametrize("zone", [None, "Asia/Shanghai"])
    def test_is_copied_and_pickled(self, zone):
        """It survives a deep copy and a pickle, and works afterwards."""
        decorator = TimeMatchDecorator.from_arguments(MANIFEST | {"timezone": zone})
        copied, pickled = copy.deepcopy(decorator), pickle.loads(pickle.dumps(decorator))

        assert decorator == copied == pickled
        assert decorator({}, MONDAY_TEN) == copied({}, MONDAY_TEN) == pickled({}, MONDAY_TEN)

    def test_is_frozen(self):
        """Nothing can be assigned to it."""
        with pytest.raises(AttributeError):
            TimeMatchDecorator().zone = UTC

    def test_shows_no_values(self):
        """Its repr holds rules and prefixes but no values, which may be secret."""
        shown = repr(TimeMatchDecorator(**{ALWAYS: "p_", "p_token": "hunter2"}))

        assert "p_" in shown
        assert "hunter2" not in shown
