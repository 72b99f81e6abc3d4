"""Time zones by their names."""

from __future__ import annotations

from datetime import UTC, tzinfo
from functools import cache
from re import DOTALL
from re import compile as pattern
from zoneinfo import ZoneInfo, available_timezones

from everai_autoscaler.errors import ArgumentError, did_you_mean

__all__ = ["zone_of"]

_OF_THIS_MACHINE = pattern(r"localtime|posixrules|(posix|right)/.*", DOTALL)
"""What some systems keep among the zones: it means something else, or nothing, on the next machine."""


def zone_of(name: str | None) -> tzinfo:
    """The time zone of that *name* of the IANA database, in any case; UTC where none is given.

    >>> str(zone_of("europe/berlin"))
    'Europe/Berlin'
    >>> zone_of(8)
    Traceback (most recent call last):
    everai_autoscaler.errors.ArgumentError: timezone 8 is not text; write a name such as 'Europe/Berlin'

    Raises:
        ArgumentError: there is no such zone.
    """
    # UTC needs no database of zones.
    if name is None or (isinstance(name, str) and name.upper() == "UTC"):
        return UTC
    if not isinstance(name, str):
        raise ArgumentError(f"timezone {name!r} is not text; write a name such as 'Europe/Berlin'")
    if not _OF_THIS_MACHINE.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (LookupError, ValueError, OSError):
            pass  # In which of these ways a name is wrong depends on the name and on the system.
    known = _known_zones()
    if name.casefold() in known:
        return ZoneInfo(known[name.casefold()])
    hint = did_you_mean(name, known.values(), key=str.casefold)
    raise ArgumentError(
        f"timezone {name!r} is not known; accepted: a name of the IANA database such as 'Europe/Berlin'{hint}"
    )


@cache
def _known_zones() -> dict[str, str]:
    """Each zone by its name in small letters; kept, since they are gathered from some hundred files."""
    return {zone.casefold(): zone for zone in available_timezones() if not _OF_THIS_MACHINE.fullmatch(zone)}
