"""The arguments decorator that lets the hour and the day decide which arguments hold."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from datetime import datetime, tzinfo
from typing import Any, Self

from attrs import field, frozen

from everai_autoscaler.builtin.decorator.arguments.cron import CronRule
from everai_autoscaler.errors import ArgumentError, did_you_mean
from everai_autoscaler.model import zone_of

__all__ = ["TimeMatchDecorator"]


@frozen(init=False)
class TimeMatchDecorator:
    """Other arguments by day than by night, or on weekdays than at weekends.

    Each ``match(MIN HOUR DOM MON DOW)`` names a prefix. While it matches, the arguments written with that prefix
    override the plain ones; of several rules that match, the later wins. They are written beside the rules, as
    manifests do, or among the scaler's own; where both are, the one beside the rules holds. Where one prefix is the
    start of another, an argument belongs to the longest that it begins with.

    Rules are matched on the wall clock of *timezone*, to the minute: where clocks go back, both passes of the repeated
    hour match; where they go forward, the skipped hour never comes. What the five fields may say:
    :class:`~everai_autoscaler.builtin.decorator.arguments.cron.CronRule`.

    >>> weekdays = TimeMatchDecorator(
    ...     timezone="Asia/Shanghai",
    ...     **{"match(* 9-22 * * 1-5)": "weekday_day_", "weekday_day_max_workers": "50"},
    ... )
    >>> weekdays({"min_workers": "1", "max_workers": "5"}, datetime(2024, 7, 29, 10, 0))
    {'min_workers': '1', 'max_workers': '50'}
    >>> weekdays({"min_workers": "1", "max_workers": "5"}, datetime(2024, 7, 29, 23, 0))
    {'min_workers': '1', 'max_workers': '5'}
    """

    zone: tzinfo
    rules: tuple[tuple[CronRule, str], ...]
    """Each rule with the prefix that it names, in the order in which they are applied."""
    overrides: dict[str, object] = field(hash=False, repr=False)
    """The prefixed arguments beside the rules. Kept out of ``repr``, for a value may have come from a Secret."""

    def __init__(self, /, timezone: str | None = None, **rules: object) -> None:
        """Read the rules.

        Args:
            timezone: a name of the IANA database, in any case; UTC when it isn't given.
            rules: ``match(MIN HOUR DOM MON DOW)`` with the prefix that it names, and arguments written with such a
                prefix, whose values are passed on as they are.

        Raises:
            ArgumentError: a zone, a key, a rule or a prefix that can't be read.
        """
        read, overrides = [], {}
        for key, value in rules.items():
            if written := _RULE.fullmatch(key):
                read.append(_rule(key, written["cron"], value))
            else:
                overrides[key] = value
        self.__attrs_init__(_zone(timezone), tuple(read), overrides)
        for key in overrides:
            if self._split(key) is None:
                raise ArgumentError(_unknown_key(key, self._prefixes()))

    @staticmethod
    def name() -> str:
        """What a manifest calls it."""
        return "time-match"

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any] | None = None) -> Self:
        """The decorator that a manifest asks for.

        Raises:
            ArgumentError: as the constructor does.
        """
        return cls(**(arguments or {}))

    def __call__(
        self,
        arguments: Mapping[str, object],
        mock_now: datetime | None = None,
        *,
        observed_at: float | None = None,
        accepted: Collection[str] | None = None,
    ) -> dict[str, object]:
        """The arguments that hold at this moment, without prefixes; *arguments* itself stays as it is.

        Args:
            arguments: the scaler's, plain and prefixed. Values are neither read nor converted.
            mock_now: the moment; naive, it is the zone's wall time. Goes before *observed_at*.
            observed_at: the moment of the snapshot, in epoch seconds. For a caller without a snapshot, who gives
                neither, it is now.
            accepted: the names that the scaler takes, where they are known. Each argument must then be one of them,
                bare or with a prefix, whether its rule matches now or not. Where they are not known, whatever begins
                with a prefix is taken for prefixed, and the rest is passed on.

        Raises:
            ArgumentError: an argument that is not in *accepted*, or that is a prefix and nothing else.
        """
        plain: dict[str, object] = {}
        prefixed: dict[str, object] = {}
        for key, value in arguments.items():
            is_plain = (accepted is not None and key in accepted) or self._split(key) is None
            (plain if is_plain else prefixed)[key] = value

        by_prefix: dict[str, dict[str, object]] = {}
        for key, value in (prefixed | self.overrides).items():
            prefix, name = self._split(key) or ("", key)
            if accepted is not None and name not in accepted:
                raise ArgumentError(f"time-match: argument {key!r}: {_not_accepted(name, accepted)}")
            by_prefix.setdefault(prefix, {})[name] = value
        for key in plain:
            if accepted is not None and key not in accepted:
                prefixes = f"; {_prefixes_are(self._prefixes())}"
                raise ArgumentError(f"time-match: argument {_not_accepted(key, accepted, prefixes)}")

        moment = self._wall_clock(mock_now, observed_at)
        for rule, prefix in self.rules:
            if rule.matches(moment):
                plain |= by_prefix.get(prefix, {})
        return plain

    def _prefixes(self) -> list[str]:
        return list(dict.fromkeys(prefix for _, prefix in self.rules))

    def _split(self, key: str) -> tuple[str, str] | None:
        """The longest prefix that *key* begins with, and the rest."""
        prefix = max((prefix for _, prefix in self.rules if key.startswith(prefix)), key=len, default=None)
        if prefix is None:
            return None
        if key == prefix:
            raise ArgumentError(
                f"time-match: argument {key!r} is a prefix and nothing else; write an argument after it"
            )
        return prefix, key.removeprefix(prefix)

    def _wall_clock(self, mock_now: datetime | None, observed_at: float | None) -> datetime:
        if mock_now is None:
            return datetime.fromtimestamp(time.time() if observed_at is None else observed_at, self.zone)
        # Asked for its offset, since a tzinfo that gives none leaves a time naive.
        return mock_now if mock_now.utcoffset() is None else mock_now.astimezone(self.zone)


_RULE = re.compile(r"match\((?P<cron>.*)\)", re.DOTALL)
_LOOKS_LIKE_A_RULE = re.compile(r"[^()]*\((?P<cron>.*)\)\s*", re.DOTALL)


def _zone(name: str | None) -> tzinfo:
    try:
        return zone_of(name)
    except ArgumentError as error:
        raise ArgumentError(f"time-match: {error}") from None


def _rule(key: str, cron: str, prefix: object) -> tuple[CronRule, str]:
    if not isinstance(prefix, str) or not prefix.strip():
        raise ArgumentError(
            f"time-match: argument {key!r}: prefix {prefix!r} is not accepted; write text such as 'weekday_day_'"
        )
    try:
        return CronRule.parse(cron), prefix
    except ArgumentError as error:
        raise ArgumentError(f"time-match: argument {key!r}: {error}") from None


def _unknown_key(key: str, prefixes: list[str]) -> str:
    meant = _LOOKS_LIKE_A_RULE.fullmatch(key)
    candidates = ["timezone"] if meant is None else [f"match({meant['cron']})"]
    return (
        f"time-match: argument {key!r} is not known; accepted: timezone, match(MIN HOUR DOM MON DOW),"
        f" or an argument with the prefix of a rule ({_prefixes_are(prefixes)}){did_you_mean(key, candidates)}"
    )


def _not_accepted(name: str, accepted: Collection[str], prefixes: str = "") -> str:
    return f"{name!r} is not one of {', '.join(sorted(accepted)) or '(none)'}{prefixes}{did_you_mean(name, accepted)}"


def _prefixes_are(prefixes: list[str]) -> str:
    return f"prefixes are {', '.join(map(repr, prefixes))}" if prefixes else "no rule names a prefix"
